"""Every check by its name; a rubric's checks with their parameters read, and run on what is known of a submission.

A new check is a function under `@check` (`checks/base.py`) in the file of its subject; a new file is named in
`MODULES`. The one `except Exception` of marking is here: a bug of ours becomes BROKEN.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from grader.checks import accuracy, architecture, cost, execution, functions, manual, training
from grader.checks.base import Case, Check, NoParameters, Planned, Score
from grader.checks.layers import named, reaches_answer
from grader.core.assignment import CheckSpec
from grader.core.course_code import run_course_file
from grader.core.errors import Awaiting, Failure, RubricError, Unseen
from grader.core.evidence import Evidence, Layer, Smoke
from grader.core.results import CheckResult, Outcome
from grader.core.text import available, nearest, rounded
from grader.core.toml import explain_validation

OF_EVERY_CHECK = ("use", "points", "title")  # keys of a [[check]]
MODULES = (execution, training, architecture, accuracy, cost, functions, manual)
LONGEST_REASON = 4_000  # characters
NOT_CHECKED = "not checked: "  # how the reason of a check begins that a smoke run leaves open


@lru_cache(maxsize=1)  # it is asked for each submission of a class
def built_in() -> Mapping[str, Check]:
    """The checks that come with the grader, by name."""
    found = {item.name: item for module in MODULES for item in vars(module).values() if isinstance(item, Check)}
    return MappingProxyType(found)


@lru_cache(maxsize=1)  # reading what is installed takes ten milliseconds, and a class has many rubrics
def third_parties() -> tuple[EntryPoint, ...]:
    """What installed packages offer as checks (entry-point group `grader.checks`)."""
    return tuple(entry_points(group="grader.checks"))


def all_checks() -> dict[str, Check]:
    """The built-in checks and those of third parties; ours win a name. Raises RubricError."""
    found: dict[str, Check] = {}
    for entry in third_parties():
        loaded = entry.load()
        if not isinstance(loaded, Check):
            raise RubricError(f"The entry point {entry.name!r} is not a check.", "Make it with @grader.checks.check.")
        found[entry.name] = loaded
    return {**found, **built_in()}


def own_checks(specs: tuple[CheckSpec, ...], folder: Path) -> dict[str, Check]:
    """The course's own checks that a rubric uses: "checks:name" is in `checks.py` beside it. Raises RubricError."""
    files = sorted({spec.use.partition(":")[0] for spec in specs if ":" in spec.use})
    ours = built_in()
    found: dict[str, Check] = {}
    for file in files:
        if not file.isidentifier():
            raise RubricError(
                f"{folder}: a check of the course's own is named `file:function`, not `{file}:...`.",
                "Write `checks:my_check` for the function `my_check` in `checks.py` beside the rubric.",
            )
        for name, item in vars(run_course_file(folder / f"{file}.py")).items():
            if isinstance(item, Check):
                # It may need one of its neighbours, by that one's short name.
                needs = tuple(need if need in ours or ":" in need else f"{file}:{need}" for need in item.needs)
                found[f"{file}:{name}"] = replace(item, name=f"{file}:{name}", needs=needs)
    return found


def plan(specs: tuple[CheckSpec, ...], *, origin: str, own: Mapping[str, Check] | None = None) -> tuple[Planned, ...]:
    """Read a rubric's checks and their parameters; `origin` names the file in errors. Raises RubricError.

    `own`: those of the course by full name, as from `own_checks`.
    """
    shared = all_checks()
    known = {**shared, **(own or {})}
    there = {*shared, *(spec.use for spec in specs)}
    planned: list[Planned] = []
    for number, spec in enumerate(specs, 1):
        where = f"{origin}: check {number}"
        if spec.use not in known:
            near = nearest(spec.use, tuple(known))
            raise RubricError(f"{where}: no check is called `{spec.use}`{near}.", available(sorted(known)))
        found = known[spec.use]
        missing = next((need for need in found.needs if need not in there), None)
        if missing is not None:
            raise RubricError(
                f"{where} (`{spec.use}`): needs the check `{missing}`, which the rubric does not have.", "Add it."
            )
        if found.rests_on == "person":
            _require_person_can_give(where, Planned(found, spec, NoParameters()), planned)
        try:
            given = found.parameters.model_validate(spec.parameters, context={"points": spec.points})
            planned.append(Planned(found, spec, given))
        except ValidationError as error:
            raise RubricError(
                f"{where} (`{spec.use}`): {explain_validation(error, found.parameters, also=OF_EVERY_CHECK)}"
            ) from None
    return tuple(planned)


def _require_person_can_give(where: str, item: Planned, others: Sequence[Planned]) -> None:
    """Raise RubricError for points of a person that are none, or that nobody could tell from others."""
    spec = item.spec
    if spec.points <= 0:
        raise RubricError(
            f"{where} (`{spec.use}`): key `points`: a person gives these points, so there must be some.",
            "Give it points above 0, or remove it.",
        )
    if any((other.check.name, other.title) == (item.check.name, item.title) for other in others):
        raise RubricError(
            f"{where} (`{spec.use}`): key `title`: another one has this title, and people could not tell them apart.",
            "Give each a title of its own.",
        )


@dataclass(frozen=True)
class LookedAt:
    """What a check found, whatever points the rubric gives for it."""

    outcome: Outcome
    score: Score

    def points(self, item: Planned) -> float:
        """Its points by the rubric."""
        return rounded(item.spec.points * min(max(self.score.share, 0.0), 1.0))

    def result(self, item: Planned) -> CheckResult:
        """It with its points by the rubric."""
        return CheckResult(
            name=item.check.name,
            title=item.title,
            outcome=self.outcome,
            points=self.points(item),
            out_of=item.spec.points,
            reason=_bounded(self.score.reason),
            hint=_bounded(self.score.hint),
            rests_on=item.check.rests_on,
        )


@dataclass(frozen=True)
class RubricChecks:
    """A rubric's checks as they were planned, by name, and all checks that they need."""

    planned: Mapping[str, Planned]
    known: Mapping[str, Check]

    @classmethod
    def of(cls, planned: tuple[Planned, ...]) -> "RubricChecks":
        """Those of a rubric."""
        by_name = {item.check.name: item for item in planned}
        return cls(by_name, _with_needed({name: item.check for name, item in by_name.items()}))

    def hangs_on(self, check: Check, names: Collection[str]) -> bool:
        """Whether what a check finds may hang on the parameters of one of the checks that are named, itself among them."""
        return check.name in names or any(self.hangs_on(self.known[need], names) for need in check.needs)

    def look(self, item: Planned, case: Case) -> LookedAt:
        """What a check finds. What a smoke run did not come to is left open."""
        found, facts = self._look_unless_weak(item, case), case.evidence.facts
        if facts.ending.cut is None or found.outcome in (Outcome.PASSED, Outcome.BROKEN, Outcome.AWAITING):
            return found
        came_to_it = (
            found.outcome is not Outcome.SKIPPED and item.check.rests_on == "facts" and facts.judgement.architecture
        )
        if found.score.reason.startswith(NOT_CHECKED) or item.check.name == "executes" or came_to_it:
            return found
        return LookedAt(Outcome.SKIPPED, Score(0.0, f"{NOT_CHECKED}the smoke run ended in cell {facts.ending.cut}"))

    def _look_unless_weak(self, item: Planned, case: Case) -> LookedAt:
        """What a check finds. What hangs on layers that have little influence after so little training is left open."""
        found = self._look_once(item, case)
        weak = little_influence(case.evidence) if case.evidence.smoke is not None else ()
        if not weak:
            return found
        counting = self._look_once(item, _counting(case, weak))
        if (counting.outcome, counting.points(item)) == (found.outcome, found.points(item)):
            return found
        reason = f"{NOT_CHECKED}whether the answers will depend on {named(weak)} can't be told after so little training"
        return LookedAt(Outcome.SKIPPED, Score(0.0, reason))

    def _look_once(self, item: Planned, case: Case) -> LookedAt:
        try:
            if item.check.judged and case.evidence.smoke is not None:
                return LookedAt(Outcome.SKIPPED, Score(0.0, unjudged(case.evidence.smoke)))
            unmet = self._unmet(item.check, case)
            if unmet is not None:
                reason = f"not looked at, because {unmet}"
                return LookedAt(Outcome.SKIPPED, Score(0.0, reason, "Mend that first; this one follows."))
            score = item.check.run(case, item.parameters) or Score(1.0)
        except Unseen as unseen:
            reason = str(unseen)
            return LookedAt(Outcome.SKIPPED, Score(0.0, f"{NOT_CHECKED}{reason}"))
        except Awaiting as awaiting:
            return LookedAt(Outcome.AWAITING, Score(0.0, str(awaiting)))
        except Failure as failure:
            return LookedAt(Outcome.FAILED, Score(0.0, failure.reason, failure.hint))
        except Exception as error:  # our bug, not theirs: named, shown to the instructor, no mark taken silently
            reason = f"the check itself broke: {type(error).__name__}: {error}"
            return LookedAt(Outcome.BROKEN, Score(0.0, reason, "This is the grader's fault; your instructor is told."))
        outcome = Outcome.PASSED if score.share >= 1 else Outcome.PARTIAL if score.share > 0 else Outcome.FAILED
        return LookedAt(outcome, score)

    def _unmet(self, check: Check, case: Case) -> str | None:
        """Which needed check failed, in words; its own parameters come from the rubric where it stands there.

        Where the rubric does not have it, nobody would read its reason: it is told here.
        """
        for name in check.needs:
            needed = self.known[name]
            deeper = self._unmet(needed, case)
            if deeper is not None:
                return deeper
            parameters = self.planned[name].parameters if name in self.planned else needed.parameters()
            try:
                score = needed.run(case, parameters) or Score(1.0)
            except Failure as failure:
                score = Score(0.0, failure.reason)
            if score.share <= 0:
                covering = next((item.check.name for item in self.planned.values() if name in item.check.covers), None)
                shown = name if name in self.planned else covering
                return f"`{shown}` failed" if shown else f"`{name}` failed: {score.reason}"
        return None


def look_at_all(planned: tuple[Planned, ...], case: Case) -> tuple[LookedAt, ...]:
    """What each planned check finds, in the rubric's order."""
    checks, case = RubricChecks.of(planned), replace(case, asked=architecture.asked_of_network(planned))
    return tuple(checks.look(item, case) for item in planned)


def _with_needed(planned: Mapping[str, Check]) -> Mapping[str, Check]:
    """The rubric's checks and those that they need. Those of third parties are looked up only where one is missing.

    The look-up goes through all that is installed: for each of a thousand submissions it would take most of the time.
    """
    known = {**built_in(), **planned}
    if all(name in known for check in planned.values() for name in check.needs):
        return known
    return {**all_checks(), **planned}


def little_influence(evidence: Evidence) -> tuple[Layer, ...]:
    """The layers that the answers depend on, but so little that they do not count."""
    architecture = evidence.facts.judgement.architecture
    layers = architecture.layers if architecture is not None else ()
    return tuple(layer for layer in layers if layer.influence and not reaches_answer(layer))


def _counting(case: Case, weak: tuple[Layer, ...]) -> Case:
    """The case in which these layers count."""
    architecture = case.architecture
    layers = tuple(
        layer.model_copy(update={"influence": None}) if layer in weak else layer for layer in architecture.layers
    )
    judgement = case.evidence.facts.judgement.model_copy(
        update={"architecture": architecture.model_copy(update={"layers": layers})}
    )
    facts = case.evidence.facts.model_copy(update={"judgement": judgement})
    return replace(case, evidence=case.evidence.model_copy(update={"facts": facts}))


def unjudged(smoke: Smoke) -> str:
    """Why a smoke run says nothing about a check that rests on judged images."""
    return f"{NOT_CHECKED}a smoke run trains on {smoke.images:,} images, and nothing is judged by it"


def _bounded(text: str) -> str:
    """What is said of a check goes into pages, lines and a gradebook, and may hold what a student made up."""
    return text if len(text) <= LONGEST_REASON else f"{text[:LONGEST_REASON].rstrip()} …"
