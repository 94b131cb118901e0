"""The wording of reports: outcomes, endings and isolation in plain, friendly English; numbers as people write them."""

from dataclasses import dataclass
from typing import Literal

from grader.evidence import Cause, Isolation, Serve
from grader.results import Accuracy, Outcome, Result, Spread, Status

Tone = Literal["good", "bad", "warn", "ours", "calm"]

MARKS: dict[Outcome, str] = {
    Outcome.PASSED: "✓",
    Outcome.PARTIAL: "◐",
    Outcome.FAILED: "✗",
    Outcome.SKIPPED: "–",
    Outcome.BROKEN: "!",
}
OUTCOMES: dict[Outcome, str] = {
    Outcome.PASSED: "passed",
    Outcome.PARTIAL: "partly",
    Outcome.FAILED: "failed",
    Outcome.SKIPPED: "not looked at",
    Outcome.BROKEN: "our fault",
}
TONES: dict[Outcome, Tone] = {
    Outcome.PASSED: "good",
    Outcome.PARTIAL: "warn",
    Outcome.FAILED: "bad",
    Outcome.SKIPPED: "calm",
    Outcome.BROKEN: "ours",
}
STATUSES: dict[Status, str] = {
    Status.GRADED: "graded",
    Status.EXPLAINED: "not judged",
    Status.NEEDS_REVIEW: "needs review",
    Status.BROKEN: "grader broke",
}
CAUSES: dict[Cause, str] = {
    Cause.FINISHED: "ran to its end",
    Cause.CELL_TIMEOUT: "one cell took too long",
    Cause.WALL_LIMIT: "ran out of time",
    Cause.MEMORY_LIMIT: "ran out of memory",
    Cause.PROCESS_LIMIT: "started too many processes",
    Cause.DISK_LIMIT: "made too many files",
    Cause.OUTPUT_LIMIT: "printed too much",
    Cause.CPU_LIMIT: "used up its processor time",
    Cause.PROTOCOL_VIOLATION: "spoke to the grader in a way that notebooks don't",
    Cause.CRASH: "crashed",
    Cause.KILLED: "was killed",
    Cause.KERNEL_EXITED: "ended its own process",
    Cause.INFRASTRUCTURE: "was stopped by a fault of ours",
    Cause.NOT_RUN: "was not run",
}
ISOLATION: dict[Isolation, tuple[str, str]] = {
    "bubblewrap": (
        "bubblewrap sandbox",
        "Your code ran in a closed room of its own: no network, no files but its own, a bounded share of the machine.",
    ),
    "podman": (
        "podman container",
        "Your code ran in a container of its own: no network, no files but its own, a bounded share of the machine.",
    ),
    "none": (
        "ran without a sandbox",
        "Nothing stood between this code and the machine it ran on. That is fine for checking your own work on your "
        "own computer; a mark that counts is taken inside a sandbox.",
    ),
}
SERVE: dict[Serve, tuple[str, str]] = {
    "sealed": (
        "sealed",
        'The "test" data that the notebook saw were stand-ins of the same shape. So the accuracies that the notebook '
        "itself prints for them differ from the accuracy judged here, and only the latter counts.",
    ),
    "open": (
        "open",
        "The notebook was given the data it asked for, with the test labels. Good for practice; for a mark the test "
        "images are kept back.",
    ),
}
BASIS: dict[str, tuple[str, str]] = {
    "facts": ("measured", "measured by the grader, outside your code"),
    "claims": ("as told", "rests on what your notebook said about itself"),
}
VERDICTS: dict[str, str] = {"pass": "enough", "borderline": "borderline", "fail": "not enough"}
VERDICT_TONES: dict[str, Tone] = {"pass": "good", "borderline": "warn", "fail": "bad"}


@dataclass(frozen=True)
class Verdict:
    """What became of a submission, in a headline and a sentence."""

    tone: Tone
    mark: str
    headline: str
    sentence: str


def verdict(result: Result) -> Verdict:
    """The verdict on a result, in words to the student."""
    out_of = plural(result.out_of, "point")
    have = f"You have {number(result.points)} of {out_of}; {number(result.pass_mark)} are needed"
    match result.status:
        case Status.BROKEN:
            sentence = "This is our fault, not yours: no mark has been decided, and your instructor is told."
            return Verdict("ours", "!", "The grader broke", sentence)
        case Status.NEEDS_REVIEW:
            sentence = f"{have}. Your instructor looks at this by hand before the mark stands."
            return Verdict("warn", "◐", "Needs review", sentence)
        case Status.EXPLAINED:
            what = "no trained network" if result.dataset else "nothing"
            sentence = f"There was {what} that could be judged. Below it says what happened and what to do."
            return Verdict("bad", "✗", "Explained, not judged", sentence)
    if result.passed:
        return Verdict("good", "✓", "Passed", f"{have}.")
    return Verdict("bad", "✗", "Below the pass mark", f"{have}. The checks below say what to change.")


def substitute_warning(dataset: str) -> str:
    """What substitute data mean for a mark, in a sentence."""
    name = "MNIST" if "mnist" in dataset.lower() else dataset
    return f"Substitute data: this is not the real {name} test set, so no accuracy here is a result on {name}."


def number(value: float) -> str:
    """A number of points: 50, 7.5, 33.33."""
    return f"{round(value, 2):.10g}"


def count(value: int) -> str:
    """An integer with commas: 10,000."""
    return f"{value:,}"


def plural(value: float, word: str) -> str:
    """A number with its noun: 1 point, 2 points."""
    text = count(value) if isinstance(value, int) else number(value)
    return f"{text} {word}" if value == 1 else f"{text} {word}s"


def percent(fraction: float, digits: int = 4) -> str:
    """A fraction as a percentage without idle zeros: 97 %, 97.5 %."""
    return f"{round(100 * fraction, digits):.8g}\u00a0%"


def accuracy_percent(accuracy: Accuracy) -> str:
    """The accuracy cut off, never rounded up, so that 96.999 % is not read as the 97 % it misses."""
    if accuracy.judged <= 0:
        return percent(accuracy.value, 2)
    digits = accuracy_digits(accuracy.judged)
    cut = accuracy.correct * 10 ** (2 + digits) // accuracy.judged
    return f"{cut / 10**digits:.{digits}f}\u00a0%"


def accuracy_sentence(accuracy: Accuracy) -> str:
    """Where the accuracy and its interval stand beside what is needed; empty where nothing is."""
    if accuracy.threshold is None:
        return ""
    low, high = accuracy.interval
    needed = percent(accuracy.threshold)
    if low >= accuracy.threshold:
        return f"Clearly enough: even the lower end of the interval reaches the {needed} that are needed."
    if accuracy.granted:
        return f"Below the {needed} that are needed, but so close that chance may have decided: it counts as reached."
    if high < accuracy.threshold:
        return f"Not yet enough: even the upper end of the interval stays below the {needed} that are needed."
    if accuracy.value >= accuracy.threshold:
        return f"Enough, but close: {needed} are needed, and a few other images could have tipped it."
    return f"Just short: {needed} are needed, and a few other images could have tipped it."


def accuracy_digits(judged: int) -> int:
    """Decimal places of a percentage that so many images can carry."""
    return 1 if judged <= 1_000 else 2


def interval_percent(accuracy: Accuracy) -> str:
    """The interval in words: 98.16 % to 98.66 %."""
    digits = accuracy_digits(accuracy.judged)
    low, high = (f"{100 * end:.{digits}f}\u00a0%" for end in accuracy.interval)
    return f"{low} to {high}"


def reference_words(spread: Spread, judged: int) -> str:
    """The reference solution's accuracy in a few words: 98.61 % ± 0.05 (5 seeds)."""
    deviation = "" if spread.standard_deviation is None else f" ± {_deviation(spread.standard_deviation, judged)}"
    return f"{_rounded(spread.mean, judged)}\u00a0%{deviation} ({plural(spread.seeds, 'seed')})"


def reference_sentence(spread: Spread, accuracy: Accuracy) -> str:
    """What the reference solution reaches on the same images, and where the accuracy stands beside its runs."""
    judged = accuracy.judged
    runs = plural(spread.seeds, "run")
    if spread.standard_deviation is not None:
        lowest, highest = _rounded(spread.lowest, judged), _rounded(spread.highest, judged)
        runs += f", {lowest} to {highest}\u00a0%, standard deviation {_deviation(spread.standard_deviation, judged)}"
    said = (
        f"The course's reference solution reaches {_rounded(spread.mean, judged)}\u00a0% on the same images ({runs})."
    )
    if accuracy.value < spread.lowest:
        return f"{said} Your network stays below {'all of them' if spread.seeds > 1 else 'it'}."
    if accuracy.value > spread.highest:
        return f"{said} Your network is above {'all of them' if spread.seeds > 1 else 'it'}."
    return f"{said} Your network is among them." if spread.seeds > 1 else said


def _rounded(fraction: float, judged: int) -> str:
    return f"{100 * fraction:.{accuracy_digits(judged)}f}"


def _deviation(fraction: float, judged: int) -> str:
    """A deviation in percentage points with the digits of an accuracy, or more where it would look like none."""
    text = _rounded(fraction, judged)
    return text if float(text) or not fraction else f"{100 * fraction:.1g}"


def shape(sizes: tuple[int | None, ...] | None) -> str:
    """A shape as 28 × 28 × 1, with `any` for a free size."""
    if sizes is None:
        return "unknown"
    return " × ".join("any" if size is None else count(size) for size in sizes) or "a single number"
