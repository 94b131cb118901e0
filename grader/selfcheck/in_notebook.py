"""`grader.check` and `%grader`: the network that a notebook has just trained, judged on data that everybody has. No mark.

This runs in the student's own process. No Keras is imported here: the network saves itself, and the judge of the pipeline
opens the file in a process of its own, as it will after the hand-in. So what can't be loaded elsewhere is found out too.

`%load_ext grader`, then `%grader exercise1` or `%grader exercise1 model`: the self-check as one line of a cell.
"""

import hashlib
import os
import sys
import tempfile
import time
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from grader.checks.architecture import expected_layers
from grader.checks.base import Planned
from grader.core.errors import GraderError, UsageError
from grader.core.evidence import Candidate, Cause, Claims, Ending, Evidence, Facts, Fit, Isolation, ModelFile, Source
from grader.core.limits import Limits
from grader.core.progress import Silent
from grader.core.store import Stored
from grader.course.course import Course
from grader.course.dataset import Images, Split, load_split
from grader.course.rubric import Rubric, find_dataset, network_rubric
from grader.course.served_data import sample_split
from grader.judge.client import Question, judge_model
from grader.kernel.guest.describe_training import describe_fit, describe_loop, layer_kinds, output_units
from grader.kernel.guest.notebook_networks import name_of, networks
from grader.kernel.guest.recorder import steps_of
from grader.marking.accuracy_to_beat import compare
from grader.run.context import output_sizes, versions
from grader.sandbox import open_sandbox
from grader.selfcheck.check_submission import NOTHING_TO_COMPARE, check_stored, choose_isolation, lacks, leave_out
from grader.selfcheck.text import Card

WITHOUT_A_RUN = ("trained", "suggested_epochs")  # checks of claims that the network itself can answer
NAMELESS = "network"
DATA, COURSE = "GRADER_DATA", "GRADER_COURSE"  # variables that name the folders


@dataclass(frozen=True, kw_only=True)
class JudgedWith:
    """What a live network of one exercise is judged with; read once in a process."""

    course: Course
    rubric: Rubric
    probe: Split
    judged: Images
    isolation: Isolation
    remarks: tuple[str, ...]


def check(
    assignment: str, network: object = None, *, data: str | Path | None = None, course: str | Path | None = None
) -> Card:
    """Look at a network as it is now, on public data: a card with every finding, in seconds, and no mark.

    Without `network` the one of the notebook that suits the exercise is taken. `data` and `course` are folders, as for
    `--data` and `--course` of the command line. Raises a GraderError, whose words say what to do.
    """
    started = time.monotonic()
    opened = read_exercise(_folder(course, COURSE), assignment, _folder(data, DATA))
    network = network if network is not None else find_network(opened.rubric)
    require_network(network)
    saved = save_network(network)
    claims = describe_network(network)
    compared = compare(opened.rubric, student="", earlier=None, course=opened.course)

    def why_not(item: Planned) -> str:
        if lacks(item, compared):
            return NOTHING_TO_COMPARE
        left = item.check.rests_on == "claims" and not _can_answer(item, claims)
        return "not checked: only a run of the whole notebook shows it" if left else ""

    rubric, unchecked = leave_out(opened.rubric, why_not)
    stored = _judge(saved, claims, opened)
    return Card(check_stored(stored, "live", rubric, compared, unchecked, opened.remarks, started))


def register(shell: Any) -> None:
    """Make `%grader` known to an IPython shell."""

    def grader(line: str) -> Card | None:
        """`%grader ASSIGNMENT [NETWORK]`."""
        try:
            return _answer(line.split(), shell.user_ns)
        except GraderError as error:
            print(f"grader: {error}")  # noqa: T201 - a line of the cell's output; an error would show a traceback
            return None

    shell.register_magic_function(grader, "line", "grader")


def _answer(words: list[str], names: dict[str, Any]) -> Card:
    if not 1 <= len(words) <= 2:
        known = ", ".join(Course.at(_folder(None, COURSE)).assignment_ids())
        raise UsageError("Write `%grader ASSIGNMENT`, or `%grader ASSIGNMENT NETWORK`.", f"Available: {known}.")
    if len(words) == 2 and words[1] not in names:
        raise UsageError(f"There is nothing called `{words[1]}` in this notebook.", "Run the cell that makes it.")
    return check(words[0], names[words[1]] if len(words) == 2 else None)


def _folder(given: str | Path | None, variable: str) -> Path | None:
    """A folder that was named, by the call or by the environment."""
    named = given if given is not None else os.environ.get(variable) or None
    return Path(named) if named is not None else None


@cache
def read_exercise(root: Path | None, assignment: str, data: Path | None) -> JudgedWith:
    """The rubric with the public images. Raises UsageError for an exercise that is about no network."""
    course = Course.at(root)
    known = course.assignment(assignment)
    if known.dataset is None:
        raise UsageError(
            f"`{assignment}` asks for functions, not for a network.", f"Type `grader check {assignment}` in a terminal."
        )
    dataset, folder = find_dataset(course, known.dataset, data, Silent(), private=False)
    judged = load_split(dataset, dataset.judged, folder)
    isolation, remarks = choose_isolation(None)
    return JudgedWith(
        course=course, rubric=network_rubric(course, known, dataset, judged.labels),
        probe=sample_split(dataset, folder), judged=judged.images, isolation=isolation,
        remarks=tuple(remark.replace("Your code runs", "The judge runs") for remark in remarks),
    )  # fmt: skip


def require_network(network: object) -> None:
    """Raise UsageError for what is not a Keras network."""
    if callable(getattr(network, "save", None)) and hasattr(network, "layers"):
        return
    kind = type(network).__name__
    more = " That is what `fit` returns: give the network itself." if kind == "History" else ""
    raise UsageError(f"A {kind} is not a Keras network.{more}", 'Write `grader.check("exercise1", model)`.')


def find_network(rubric: Rubric) -> Any:
    """The network of the notebook that suits the exercise best: trained, with the right layers, the last one of these.

    Raises UsageError where there is none.
    """
    keras = sys.modules.get("keras")
    found = list(networks(keras.Model)) if keras is not None and "IPython" in sys.modules else []
    units = output_sizes(rubric.dataset) if rubric.dataset else ()
    suited = [model for _, model in found if output_units(model) in units]
    if not suited:
        others = ", ".join(f"`{name}`" for name, _ in found[:5])
        seen = f" There is {others}, whose output does not suit the exercise." if found else ""
        raise UsageError(
            f"No network for this exercise was found here.{seen}", 'Name it: `grader.check("exercise1", model)`.'
        )
    expected = expected_layers(rubric.planned)

    def against(model: Any) -> tuple[bool, int]:
        return not _is_trained(model), len(expected.faults(layer_kinds(model)))

    best = min(map(against, suited))
    return [model for model in suited if against(model) == best][-1]


def save_network(network: Any) -> bytes:
    """The bytes of the `.keras` file that the network makes of itself. Raises UsageError where it can't."""
    with tempfile.TemporaryDirectory(prefix="grader-") as folder:
        path = Path(folder) / "network.keras"
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                network.save(str(path))
            return path.read_bytes()
        except Exception as error:
            raise UsageError(
                f"The network can't be saved: {type(error).__name__}: {str(error)[:300]}",
                "Build it from Keras' own layers, and train it (or call `build`) before it is checked.",
            ) from None


def describe_network(network: Any) -> Claims:
    """What the network knows of its own training."""
    name = _name(network)
    history, steps = getattr(network, "history", None), steps_of(getattr(network, "optimizer", None))
    told: dict[str, Any] | None = None
    if history is not None and getattr(history, "epoch", None):
        params = getattr(history, "params", None) or {}
        told = describe_fit(network, {"epochs": params.get("epochs", len(history.epoch))}, 0.0, None)
    elif steps:
        told = describe_loop(network, network.optimizer, how="own loop", steps=steps)
    fits = (Fit.model_validate({**told, "model": name, "cell": None}),) if told is not None else ()
    candidate = Candidate(
        name=name, fitted=bool(fits), output_units=output_units(network), taken=True, reason="the one that was given",
        kinds=tuple(layer_kinds(network)[:200]),
    )  # fmt: skip
    return Claims(fits=fits, candidates=(candidate,))


def _name(network: Any) -> str:
    keras = sys.modules.get("keras")
    if keras is not None and "IPython" in sys.modules and (found := name_of(network, keras.Model)):
        return found
    return str(getattr(network, "name", NAMELESS))[:80]


def _is_trained(network: Any) -> bool:
    return bool(getattr(getattr(network, "history", None), "epoch", None)) or steps_of(network.optimizer) > 0


def _can_answer(item: Planned, claims: Claims) -> bool:
    by_fit = any(fit.how == "fit" for fit in claims.fits)
    return item.check.name in WITHOUT_A_RUN and (item.check.name == "trained" or by_fit)


def _judge(saved: bytes, claims: Claims, opened: JudgedWith) -> Stored:
    rubric, dataset = opened.rubric, opened.rubric.dataset
    assert dataset is not None
    question = Question(
        image_shape=dataset.image_shape, probe=opened.probe, images=opened.judged, units=output_sizes(dataset),
        classes=dataset.classes,
    )  # fmt: skip
    limits: Limits = rubric.assignment.run
    verdict = judge_model(saved, question, claims, open_sandbox(opened.isolation), limits)
    digest = hashlib.sha256(saved).hexdigest()
    evidence = Evidence(
        assignment=rubric.assignment.id,
        student="self-check",
        submission=Source(name=f"`{claims.candidates[0].name}`", sha256=digest),
        key=digest,
        isolation=opened.isolation,
        dataset=dataset.id,
        data_digest=dataset.digest,
        serve="open",
        judged_on=dataset.judged_title,
        seed=0,
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        versions=versions(),
        facts=Facts(
            ending=Ending(cause=Cause.FINISHED, message="the network of a notebook was looked at; the notebook was not run"),
            model=ModelFile(size=len(saved), sha256=digest),
            judgement=verdict.judgement,
        ),
        claims=claims,
    )  # fmt: skip
    return Stored(evidence=evidence, outputs=verdict.outputs)
