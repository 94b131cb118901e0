"""The trained network that lies beside a student's work: can it be opened, does the code build it, what does it recognise?

It is judged on public images, and only where the exercise takes handed-in networks at all.
"""

from collections.abc import Mapping
from pathlib import Path

from grader.checks.accuracy import NeededAccuracy, right_images
from grader.core.errors import SubmissionError
from grader.core.evidence import Claims
from grader.core.metrics import measure_accuracy
from grader.core.results import Accuracy
from grader.course.dataset import Split
from grader.course.rubric import Rubric
from grader.intake import Submission
from grader.intake.networks import NetworkFile, choose_network_file, is_network_name
from grader.intake.submissions import read_file
from grader.judge.client import Question
from grader.run.context import RunContext, output_sizes
from grader.run.judge_file import JudgedFile, judge_file
from grader.selfcheck.estimate import NetworkBeside


def networks_beside(
    path: Path, submission: Submission, most: int
) -> tuple[dict[str, NetworkFile], NetworkBeside | None]:
    """The networks that would be handed in with the work at `path`; or one that is too large to be."""
    if not path.is_file() or submission.networks:
        return dict(submission.networks), None
    found = {}
    for file in sorted(path.parent.iterdir()):
        if not is_network_name(file.name) or file.is_symlink() or not file.is_file():
            continue
        try:
            found[file.name] = NetworkFile(data=read_file(file, most, network=True), saved=file.stat().st_mtime)
        except SubmissionError as error:
            size = file.stat().st_size
            return {}, NetworkBeside(name=file.name, size=size, allowed=most, problem=f"{error.message} {error.remedy}")
    return found, None


def check_network_beside(
    networks: Mapping[str, NetworkFile], cells: tuple[str, ...], built: bytes | None, claims: Claims, judged: Split,
    context: RunContext,
) -> NetworkBeside | None:  # fmt: skip
    """What the judge says of the network that counts; `built` is the one that the code made. Raises Infrastructure."""
    chosen, images = choose_network_file(networks, cells), context.images
    if chosen is None or images is None:
        return None
    question = Question(
        image_shape=images.dataset.image_shape, probe=images.served.probe, images=judged.images,
        units=output_sizes(images.dataset), classes=images.dataset.classes,
    )  # fmt: skip
    found = judge_file(chosen, [] if built is None else [built], question, claims, context)
    network = found.network
    return NetworkBeside(
        name=network.name, size=len(chosen.data), allowed=context.rubric.assignment.run.model_size, maker=network.maker,
        differences=network.differences, problem="" if found.outputs is not None else found.judgement.reason,
        accuracy=_accuracy(found, judged, context.rubric),
    )  # fmt: skip


def _accuracy(found: JudgedFile, judged: Split, rubric: Rubric) -> Accuracy | None:
    architecture = found.judgement.architecture
    if found.outputs is None or architecture is None:
        return None
    right = right_images(found.outputs, architecture, judged.labels)
    wrong = (judged.labels + 1) % max(len(rubric.classes), 2)  # which one it was taken for does not matter here
    predicted = judged.labels.copy()
    predicted[~right] = wrong[~right]
    measured = measure_accuracy(judged.labels, predicted, classes=max(len(rubric.classes), 2))
    needed = next((item.parameters for item in rubric.planned if isinstance(item.parameters, NeededAccuracy)), None)
    return (measured if needed is None else needed.judge(measured)).model_copy(update={"confusion": ()})
