"""`grader review`: the review desk, a local web application over a batch's results and its gradebook."""

from pathlib import Path
from typing import Annotated

import typer

from grader.cli.gradebook import GradebookOption, login_name, open_beside
from grader.cli.options import CourseOption, Data, Debug, find_course, must_be_folder
from grader.core.errors import UsageError

app = typer.Typer()

Port = Annotated[
    int, typer.Option("--port", metavar="N", min=0, max=65_535, help="Listen on this port; 0 is a free one.")
]
Host = Annotated[
    str,
    typer.Option(
        "--host", metavar="ADDRESS", help="Listen on this address; beyond this machine it needs --token-file."
    ),
]
PATIENCE = 5.0  # seconds that a click waits for a gradebook that is locked or gone


@app.command()
def review(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The --out folder of a batch.")],
    gradebook: GradebookOption = None,
    assignment: Annotated[
        str | None, typer.Option("--assignment", "-a", metavar="ID",
            help="Look at this assignment, where the folder holds several.")
    ] = None,
    port: Port = 0, host: Host = "127.0.0.1",
    token_file: Annotated[
        Path | None, typer.Option("--token-file", metavar="FILE", help="Take the secret word of the address from this file.")
    ] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Hide names until they are revealed.")] = False,
    author: Annotated[
        str | None, typer.Option("--as", metavar="NAME", help="Write this name to decisions (default: your login name).")
    ] = None,
    open_browser: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    data: Data = None, course: CourseOption = None, debug: Debug = False,
) -> None:  # fmt: skip
    """Look at a class in the browser and decide, until Ctrl-C.

    The review desk is about points, comments, similar code and thresholds.
    """
    from grader.course.rubric import open_rubric
    from grader.marking.publish import recall_origin
    from grader.review.access import Access, open_port, read_token, serve
    from grader.review.application import make_application
    from grader.review.desk import Desk, ReviewOptions
    from grader.run.similar_code import compare_again

    must_be_folder(folder)
    who = login_name() if author is None else author.strip()
    if not who:
        raise UsageError("A decision needs an author.", "Say who decides with --as NAME.")
    known_course, known_data = recall_origin(folder)
    home, which = find_course(course or known_course), _the_assignment(folder, assignment)
    rubric = open_rubric(home, which, data or known_data)
    with open_beside(folder, gradebook, patience=PATIENCE) as book:
        if book is None:
            raise UsageError(
                f"{folder}: has no gradebook, in which decisions are kept.",
                "Name it with --gradebook, or grade the class by `grader batch`.",
            )
        options = ReviewOptions(
            out=folder, course=home, rubric=rubric, data=data or known_data, author=who,
            anonymous=anonymous, compare=lambda: compare_again(folder, home, which),
        )  # fmt: skip
        desk = Desk(options, book)
        desk.state()
        token = read_token(token_file) if token_file is not None else None
        listener = open_port(host, port, has_token=token is not None)
        place = {"host": host, "port": listener.getsockname()[1]}
        access = Access(**place) if token is None else Access(**place, token=token)
        print(f"Review desk: {access.address}  (Ctrl-C ends it)", flush=True)
        if open_browser:
            typer.launch(access.address)
        serve(make_application(desk, access), listener)


def _the_assignment(folder: Path, assignment: str | None) -> str:
    """The assignment of the results in a folder. Raises UsageError where there is none, or several."""
    from grader.core.store import RESULT, load_result

    results = {path: load_result(path) for path in sorted(folder.iterdir()) if (path / RESULT).is_file()}
    known = sorted({result.assignment for result in results.values() if result is not None})
    if not known and results:
        raise UsageError(
            f"{folder}: none of its {len(results)} results can be read by this grader: another version wrote them.",
            "Type `grader regrade ASSIGNMENT DIR`, which makes them again from the stored evidence.",
        )
    if not known:
        raise UsageError(f"{folder} holds no results of a batch.", "Name the --out folder of a batch.")
    if assignment is not None and assignment not in known:
        raise UsageError(f"{folder} holds no results of `{assignment}`.", f"Available: {', '.join(known)}.")
    if assignment is None and len(known) > 1:
        raise UsageError(f"{folder} holds results of {', '.join(known)}.", "Say which with --assignment.")
    return assignment or known[0]
