"""The wording of reports: outcomes, endings and isolation in plain, friendly English; small cases that go wrong. Pure.

The tables hold English messages; a page says them in its own language by `say`.
"""

from collections.abc import Iterator
from typing import Literal

from grader.core.evidence import Cause, Isolation, Serve
from grader.core.results import Accuracy, FunctionFinding, GroupFinding, Outcome, Result, Spread, Status
from grader.core.text import joined, one_line
from grader.pages.language import count, gettext_noop, many, number, numbers, percent, say, translated

Tone = Literal["good", "bad", "warn", "ours", "calm"]

MARKS: dict[Outcome, str] = {
    Outcome.PASSED: "✓",
    Outcome.PARTIAL: "◐",
    Outcome.FAILED: "✗",
    Outcome.SKIPPED: "–",
    Outcome.BROKEN: "!",
    Outcome.AWAITING: "…",
}
OUTCOMES: dict[Outcome, str] = {
    Outcome.PASSED: gettext_noop("passed"),
    Outcome.PARTIAL: gettext_noop("partly"),
    Outcome.FAILED: gettext_noop("failed"),
    Outcome.SKIPPED: gettext_noop("not looked at"),
    Outcome.BROKEN: gettext_noop("our fault"),
    Outcome.AWAITING: gettext_noop("awaits a person"),
}
ADVICE, ADVICE_MARK = gettext_noop("advice"), "→"  # a check without points that was not met: no failure
TONES: dict[Outcome, Tone] = {
    Outcome.PASSED: "good",
    Outcome.PARTIAL: "warn",
    Outcome.FAILED: "bad",
    Outcome.SKIPPED: "calm",
    Outcome.BROKEN: "ours",
    Outcome.AWAITING: "calm",
}
STATUSES: dict[Status, str] = {
    Status.GRADED: gettext_noop("graded"),
    Status.EXPLAINED: gettext_noop("not judged"),
    Status.NEEDS_REVIEW: gettext_noop("needs review"),
    Status.BROKEN: gettext_noop("grader broke"),
}
CAUSES: dict[Cause, str] = {
    Cause.FINISHED: gettext_noop("ran to the end"),
    Cause.CELL_TIMEOUT: gettext_noop("one cell took too long"),
    Cause.WALL_LIMIT: gettext_noop("ran out of time"),
    Cause.MEMORY_LIMIT: gettext_noop("ran out of memory"),
    Cause.PROCESS_LIMIT: gettext_noop("started too many processes"),
    Cause.DISK_LIMIT: gettext_noop("made too many files"),
    Cause.OUTPUT_LIMIT: gettext_noop("printed too much"),
    Cause.CPU_LIMIT: gettext_noop("used up its processor time"),
    Cause.PROTOCOL_VIOLATION: gettext_noop("sent the grader messages that notebooks don't send"),
    Cause.CRASH: gettext_noop("crashed"),
    Cause.KILLED: gettext_noop("was killed"),
    Cause.KERNEL_EXITED: gettext_noop("ended its own process"),
    Cause.INFRASTRUCTURE: gettext_noop("was stopped by a fault of ours"),
    Cause.NOT_RUN: gettext_noop("was not run"),
}
_CONTAINER = gettext_noop(
    "Your code ran in a container: no network, no files but its own, a limited share of the machine."
)
ISOLATION: dict[Isolation, tuple[str, str]] = {
    "bubblewrap": (
        gettext_noop("bubblewrap sandbox"),
        gettext_noop("Your code ran in a sandbox: no network, no files but its own, a limited share of the machine."),
    ),
    "podman": (gettext_noop("podman container"), _CONTAINER),
    "docker": (gettext_noop("docker container"), _CONTAINER),
    "none": (
        gettext_noop("ran without a sandbox"),
        gettext_noop(
            "Nothing stood between this code and the machine it ran on. That is fine for checking your own work on your "
            "own computer; a mark that counts is taken inside a sandbox."
        ),
    ),
}
SERVE: dict[Serve, tuple[str, str]] = {
    "sealed": (
        gettext_noop("sealed"),
        gettext_noop(
            'The "test" data that the notebook saw were stand-ins of the same shape. So the accuracies that the notebook '
            "itself prints for them differ from the accuracy judged here, and only the latter counts."
        ),
    ),
    "open": (
        gettext_noop("open"),
        gettext_noop(
            "The notebook was given the data it asked for, with the test labels. Good for practice; for a mark the test "
            "images are kept back."
        ),
    ),
}
BASIS: dict[str, tuple[str, str]] = {
    "facts": (gettext_noop("measured"), gettext_noop("measured by the grader, outside your code")),
    "claims": (gettext_noop("reported"), gettext_noop("rests on what your notebook said about itself")),
    "person": (gettext_noop("by a person"), gettext_noop("your instructor gives these points")),
}
FLAGS: dict[str, str] = {
    "substitute_data": gettext_noop("substitute data"),
    "borderline": gettext_noop("borderline"),
    "close_comparison": gettext_noop("close comparison"),
    "classes_swapped": gettext_noop("classes swapped"),
    "preparation_unsure": gettext_noop("preparation unsure"),
    "similar_code": gettext_noop("similar code"),
    "similar_weights": gettext_noop("similar weights"),
    "network_differs": gettext_noop("another network than the code's"),
    "network_unproved": gettext_noop("network not proved"),
    "network_without_code": gettext_noop("network without code"),
    "short_run_cut": gettext_noop("short run was cut"),
    "audit_not_confirmed": gettext_noop("audit does not confirm"),
    "audit_not_judged": gettext_noop("audit without a network"),
    "audit_due": gettext_noop("audit is due"),
    "code_not_compared": gettext_noop("code not compared"),
    "not_looked_at": gettext_noop("not looked at"),
    "judged_images_in_files": gettext_noop("judged images in files"),
    "trained_on_judged": gettext_noop("trained on judged images"),
    "trained_on_test": gettext_noop("trained on test images"),
    "own_accuracy_differs": gettext_noop("own accuracy differs"),
    "fragile_to_shifts": gettext_noop("fragile to shifts"),
    "good_after_few_steps": gettext_noop("good after few steps"),
    "good_before_training": gettext_noop("good before training"),
    "saved_outputs_differ": gettext_noop("saved outputs differ"),
    "weights_changed_after_training": gettext_noop("weights changed after training"),
    "weights_unchanged": gettext_noop("weights unchanged"),
    "late": gettext_noop("late"),
    "late_without_time": gettext_noop("late, without a time"),
    "later_run_broke": gettext_noop("a later run broke"),
    "awaits_person": gettext_noop("awaits a person"),
    "points_decided": gettext_noop("points decided"),
    "decided_before": gettext_noop("decided before"),
    "override": gettext_noop("override"),
    "excused": gettext_noop("excused"),
}
VERDICTS: dict[str, str] = {
    "pass": gettext_noop("enough"),
    "borderline": gettext_noop("borderline"),
    "fail": gettext_noop("not enough"),
}
VERDICT_TONES: dict[str, Tone] = {"pass": "good", "borderline": "warn", "fail": "bad"}
SMALL_CASES = gettext_noop("Small cases that go wrong; work them out by hand and compare")
LONGEST_LINE = 160  # characters
MOST_LINES = 40  # of one case


def flag_word(kind: str) -> str:
    """A flag's kind in words; an unknown kind is written out: `odd_thing` is "odd thing"."""
    return say(FLAGS[kind]) if kind in FLAGS else one_line(kind.replace("_", " "), 60)


def substitute_warning() -> str:
    """What substitute data mean for a mark; the flag's reason says what they replace."""
    return say("Substitute data: this is not the real test set, so no accuracy here is a result of the exercise.")


def points(value: float) -> str:
    """Points with their noun: 1 point, 7.5 points."""
    return say("{n} point", n=number(value)) if value == 1 else say("{n} points", n=number(value))


def images(n: int) -> str:
    """A number of images: 1 image, 10,000 images."""
    return many(n, "{n} image", "{n} images")


def accuracy_percent(accuracy: Accuracy) -> str:
    """The accuracy cut off, never rounded up, so that 96.999 % is not read as the 97 % it misses."""
    if accuracy.judged <= 0:
        return percent(accuracy.value, 2)
    digits = accuracy_digits(accuracy.judged)
    cut = accuracy.correct * 10 ** (2 + digits) // accuracy.judged
    return numbers(f"{cut / 10**digits:.{digits}f}\u00a0%")


def accuracy_sentence(accuracy: Accuracy) -> str:
    """Where the accuracy and its interval stand beside what is needed; empty where nothing is."""
    if accuracy.threshold is None:
        return ""
    low, high = accuracy.interval
    where_it_begins = accuracy.full is not None and accuracy.value == accuracy.threshold
    if where_it_begins and not accuracy.granted:
        message = gettext_noop("Just short: points begin above {needed}, and a few other images could have tipped it.")
        return say(message, needed=percent(accuracy.threshold))
    if accuracy.full is not None and (accuracy.value > accuracy.threshold or where_it_begins):
        message = gettext_noop(
            "Points begin at {needed} and rise with the accuracy: from {full} on there are all of them."
        )
        return say(message, needed=percent(accuracy.threshold), full=percent(accuracy.full))
    if low >= accuracy.threshold:
        message = gettext_noop(
            "Clearly enough: even the lower end of the interval reaches the {needed} that are needed."
        )
    elif accuracy.granted:
        message = gettext_noop(
            "Below the {needed} that are needed, but so close that chance may have decided: it counts as reached."
        )
    elif high < accuracy.threshold:
        message = gettext_noop(
            "Not yet enough: even the upper end of the interval stays below the {needed} that are needed."
        )
    elif accuracy.value >= accuracy.threshold:
        message = gettext_noop("Enough, but close: {needed} are needed, and a few other images could have tipped it.")
    else:
        message = gettext_noop("Just short: {needed} are needed, and a few other images could have tipped it.")
    return say(message, needed=percent(accuracy.threshold))


def accuracy_digits(judged: int) -> int:
    """How many decimal places an accuracy on `judged` images can carry."""
    return 1 if judged <= 1_000 else 2


def interval_percent(accuracy: Accuracy) -> str:
    """The interval in words: 98.16 % to 98.66 %."""
    digits = accuracy_digits(accuracy.judged)
    low, high = (numbers(f"{100 * end:.{digits}f}\u00a0%") for end in accuracy.interval)
    return say("{low} to {high}", low=low, high=high)


def reference_words(spread: Spread, judged: int) -> str:
    """The reference solution's accuracy in a few words: 98.61 % ± 0.05 (5 seeds)."""
    deviation = "" if spread.standard_deviation is None else f" ± {_deviation(spread.standard_deviation, judged)}"
    reached = f"{_rounded(spread.mean, judged)}\u00a0%{deviation}"
    return many(spread.seeds, "{reached} ({n} seed)", "{reached} ({n} seeds)", reached=reached)


def reference_sentence(spread: Spread, accuracy: Accuracy, *, placed: bool = True) -> str:
    """What the reference solution reaches on the same images; if `placed`, where the accuracy stands beside its runs."""
    judged = accuracy.judged
    runs = many(spread.seeds, "{n} run", "{n} runs")
    if spread.standard_deviation is not None:
        runs = say(
            "{runs}, {low} to {high}, standard deviation {deviation}",
            runs=runs,
            low=_rounded(spread.lowest, judged),
            high=f"{_rounded(spread.highest, judged)}\u00a0%",
            deviation=_deviation(spread.standard_deviation, judged),
        )
    mean = f"{_rounded(spread.mean, judged)}\u00a0%"
    said = say("The course's reference solution reaches {mean} on the same images ({runs}).", mean=mean, runs=runs)
    return joined((said, _standing(spread, accuracy.value) if placed else ""))


def _standing(spread: Spread, value: float) -> str:
    if spread.seeds > 1:
        if value < spread.lowest:
            return say("Your network stays below all of them.")
        if value > spread.highest:
            return say("Your network is above all of them.")
        return say("Your network is among them.")
    if value < spread.lowest:
        return say("Your network stays below it.")
    return say("Your network is above it.") if value > spread.highest else ""


def _rounded(fraction: float, judged: int) -> str:
    return numbers(f"{100 * fraction:.{accuracy_digits(judged)}f}")


def _deviation(fraction: float, judged: int) -> str:
    """A deviation in percentage points with the digits of an accuracy, or more where it would look like none."""
    text = f"{100 * fraction:.{accuracy_digits(judged)}f}"
    return numbers(text if float(text) or not fraction else f"{100 * fraction:.1g}")


def shape(sizes: tuple[int | None, ...] | None) -> str:
    """A shape as 28 × 28 × 1, with `any` for a free size."""
    if sizes is None:
        return say("unknown")
    if None not in sizes:
        return " × ".join(count(size or 0) for size in sizes) or say("a single number")
    return joined((say("any") if size is None else count(size) for size in sizes), " × ")


def place_of(finding: FunctionFinding, file: str) -> str:
    """Where the function begins: "operators.py, line 12"; in a notebook "cell 3, line 1"; "" where it was not found."""
    if finding.line is None:
        return ""
    if finding.cell is not None:
        return say("cell {cell}, line {line}", cell=finding.cell, line=finding.line)
    return say("{file}, line {line}", file=one_line(file), line=str(finding.line))


def case_lines(group: GroupFinding) -> list[str]:
    """The arguments, what is right, and what came, in lines."""
    found = group.counterexample
    if found is None:
        return group.shown.split("\n") if group.shown else []
    said = [f"{name} = {value}" for name, value in found.arguments]
    said.append(say("right: {value}", value=found.wanted))
    said.append(
        say("returned: {value}", value=found.got) if found.returned else say("it {what}", what=translated(found.got))
    )
    return [line for text in said for line in text.split("\n")]


def counterexample_lines(result: Result) -> Iterator[str]:
    """Of each function that goes wrong: where it stands, how it is called, and its first case that does."""
    for finding in result.functions:
        group = finding.first_wrong
        if finding.problem or group is None:
            continue
        where = place_of(finding, result.submission)
        definition = f"def {one_line(finding.signature)}"
        yield f"{where}: {definition}" if where else definition
        yield f"  {one_line(translated(group.title))}:"
        for line in case_lines(group)[:MOST_LINES]:
            kept = line.rstrip()
            yield f"    {kept if len(kept) <= LONGEST_LINE else kept[: LONGEST_LINE - 1] + '…'}"
