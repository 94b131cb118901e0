"""The wording of reports: outcomes, endings and isolation in plain, friendly English; numbers as people write them. Pure."""

from typing import Literal

from grader.evidence import Cause, Isolation, Serve
from grader.report.phrases import Phrase, Text, joined, many, say
from grader.report.visible import one_line, shorten
from grader.results import Accuracy, Outcome, Spread, Status

Tone = Literal["good", "bad", "warn", "ours", "calm"]

MARKS: dict[Outcome, str] = {
    Outcome.PASSED: "✓",
    Outcome.PARTIAL: "◐",
    Outcome.FAILED: "✗",
    Outcome.SKIPPED: "–",
    Outcome.BROKEN: "!",
}
OUTCOMES: dict[Outcome, Phrase] = {
    Outcome.PASSED: say("passed"),
    Outcome.PARTIAL: say("partly"),
    Outcome.FAILED: say("failed"),
    Outcome.SKIPPED: say("not looked at"),
    Outcome.BROKEN: say("our fault"),
}
TONES: dict[Outcome, Tone] = {
    Outcome.PASSED: "good",
    Outcome.PARTIAL: "warn",
    Outcome.FAILED: "bad",
    Outcome.SKIPPED: "calm",
    Outcome.BROKEN: "ours",
}
STATUSES: dict[Status, Phrase] = {
    Status.GRADED: say("graded"),
    Status.EXPLAINED: say("not judged"),
    Status.NEEDS_REVIEW: say("needs review"),
    Status.BROKEN: say("grader broke"),
}
CAUSES: dict[Cause, Phrase] = {
    Cause.FINISHED: say("ran to its end"),
    Cause.CELL_TIMEOUT: say("one cell took too long"),
    Cause.WALL_LIMIT: say("ran out of time"),
    Cause.MEMORY_LIMIT: say("ran out of memory"),
    Cause.PROCESS_LIMIT: say("started too many processes"),
    Cause.DISK_LIMIT: say("made too many files"),
    Cause.OUTPUT_LIMIT: say("printed too much"),
    Cause.CPU_LIMIT: say("used up its processor time"),
    Cause.PROTOCOL_VIOLATION: say("spoke to the grader in a way that notebooks don't"),
    Cause.CRASH: say("crashed"),
    Cause.KILLED: say("was killed"),
    Cause.KERNEL_EXITED: say("ended its own process"),
    Cause.INFRASTRUCTURE: say("was stopped by a fault of ours"),
    Cause.NOT_RUN: say("was not run"),
}
ISOLATION: dict[Isolation, tuple[Phrase, Phrase]] = {
    "bubblewrap": (
        say("bubblewrap sandbox"),
        say(
            "Your code ran in a closed room of its own: no network, no files but its own, a bounded share of the machine."
        ),
    ),
    "podman": (
        say("podman container"),
        say(
            "Your code ran in a container of its own: no network, no files but its own, a bounded share of the machine."
        ),
    ),
    "docker": (
        say("docker container"),
        say(
            "Your code ran in a container of its own: no network, no files but its own, a bounded share of the machine."
        ),
    ),
    "none": (
        say("ran without a sandbox"),
        say(
            "Nothing stood between this code and the machine it ran on. That is fine for checking your own work on your "
            "own computer; a mark that counts is taken inside a sandbox."
        ),
    ),
}
SERVE: dict[Serve, tuple[Phrase, Phrase]] = {
    "sealed": (
        say("sealed"),
        say(
            'The "test" data that the notebook saw were stand-ins of the same shape. So the accuracies that the notebook '
            "itself prints for them differ from the accuracy judged here, and only the latter counts."
        ),
    ),
    "open": (
        say("open"),
        say(
            "The notebook was given the data it asked for, with the test labels. Good for practice; for a mark the test "
            "images are kept back."
        ),
    ),
}
BASIS: dict[str, tuple[Phrase, Phrase]] = {
    "facts": (say("measured"), say("measured by the grader, outside your code")),
    "claims": (say("as told"), say("rests on what your notebook said about itself")),
}
FLAGS: dict[str, Phrase] = {
    "substitute_data": say("substitute data"),
    "borderline": say("borderline"),
    "close_comparison": say("close comparison"),
    "classes_swapped": say("classes swapped"),
    "preparation_unsure": say("preparation unsure"),
    "similar_code": say("similar code"),
    "code_not_compared": say("code not compared"),
    "not_looked_at": say("not looked at"),
    "judged_images_in_files": say("judged images in files"),
    "trained_on_judged": say("trained on judged images"),
    "trained_on_test": say("trained on test images"),
    "own_accuracy_differs": say("own accuracy differs"),
    "fragile_to_shifts": say("fragile to shifts"),
    "good_after_few_steps": say("good after few steps"),
    "good_before_training": say("good before training"),
    "saved_outputs_differ": say("saved outputs differ"),
    "weights_changed_after_training": say("weights changed after training"),
    "weights_unchanged": say("weights unchanged"),
    "late": say("late"),
    "late_without_time": say("late, without a time"),
    "later_run_broke": say("a later run broke"),
    "override": say("override"),
    "excused": say("excused"),
}
VERDICTS: dict[str, Phrase] = {"pass": say("enough"), "borderline": say("borderline"), "fail": say("not enough")}
VERDICT_TONES: dict[str, Tone] = {"pass": "good", "borderline": "warn", "fail": "bad"}


def flag_word(kind: str) -> Text:
    """A flag's kind in words; one that has none is called as its kind is: `odd_thing` is "odd thing"."""
    return FLAGS.get(kind) or shorten(one_line(kind.replace("_", " ")), 60)


def shipped(text: str) -> Text:
    """A text of a rubric or a check, which catalogues know if it came with the grader."""
    return Phrase(text) if text else ""


def substitute_warning() -> Phrase:
    """What substitute data mean for a mark, in a sentence; the flag's reason says for what they stand."""
    return say("Substitute data: this is not the real test set, so no accuracy here is a result of the exercise.")


def number(value: float) -> str:
    """A number of points: 50, 7.5, 33.33."""
    return f"{round(value, 2):.10g}"


def count(value: int) -> str:
    """An integer with commas: 10,000."""
    return f"{value:,}"


def points(value: float) -> Phrase:
    """Points with their noun: 1 point, 7.5 points."""
    return say("{n} point", n=number(value)) if value == 1 else say("{n} points", n=number(value))


def images(n: int) -> Phrase:
    """A number of images: 1 image, 10,000 images."""
    return many(n, "{n} image", "{n} images")


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


def accuracy_sentence(accuracy: Accuracy) -> Text:
    """Where the accuracy and its interval stand beside what is needed; empty where nothing is."""
    if accuracy.threshold is None:
        return ""
    low, high = accuracy.interval
    needed = percent(accuracy.threshold)
    if low >= accuracy.threshold:
        return say(
            "Clearly enough: even the lower end of the interval reaches the {needed} that are needed.", needed=needed
        )
    if accuracy.granted:
        return say(
            "Below the {needed} that are needed, but so close that chance may have decided: it counts as reached.",
            needed=needed,
        )
    if high < accuracy.threshold:
        return say(
            "Not yet enough: even the upper end of the interval stays below the {needed} that are needed.",
            needed=needed,
        )
    if accuracy.value >= accuracy.threshold:
        return say(
            "Enough, but close: {needed} are needed, and a few other images could have tipped it.", needed=needed
        )
    return say("Just short: {needed} are needed, and a few other images could have tipped it.", needed=needed)


def accuracy_digits(judged: int) -> int:
    """Decimal places of a percentage that so many images can carry."""
    return 1 if judged <= 1_000 else 2


def interval_percent(accuracy: Accuracy) -> Phrase:
    """The interval in words: 98.16 % to 98.66 %."""
    digits = accuracy_digits(accuracy.judged)
    low, high = (f"{100 * end:.{digits}f}\u00a0%" for end in accuracy.interval)
    return say("{low} to {high}", low=low, high=high)


def reference_words(spread: Spread, judged: int) -> Phrase:
    """The reference solution's accuracy in a few words: 98.61 % ± 0.05 (5 seeds)."""
    deviation = "" if spread.standard_deviation is None else f" ± {_deviation(spread.standard_deviation, judged)}"
    reached = f"{_rounded(spread.mean, judged)}\u00a0%{deviation}"
    return many(spread.seeds, "{reached} ({n} seed)", "{reached} ({n} seeds)", reached=reached)


def reference_sentence(spread: Spread, accuracy: Accuracy) -> Text:
    """What the reference solution reaches on the same images, and where the accuracy stands beside its runs."""
    judged = accuracy.judged
    runs: Text = many(spread.seeds, "{n} run", "{n} runs")
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
    return joined((said, _standing(spread, accuracy.value)))


def _standing(spread: Spread, value: float) -> Text:
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
    return f"{100 * fraction:.{accuracy_digits(judged)}f}"


def _deviation(fraction: float, judged: int) -> str:
    """A deviation in percentage points with the digits of an accuracy, or more where it would look like none."""
    text = _rounded(fraction, judged)
    return text if float(text) or not fraction else f"{100 * fraction:.1g}"


def shape(sizes: tuple[int | None, ...] | None) -> Text:
    """A shape as 28 × 28 × 1, with `any` for a free size."""
    if sizes is None:
        return say("unknown")
    if None not in sizes:
        return " × ".join(count(size or 0) for size in sizes) or say("a single number")
    return joined((say("any") if size is None else count(size) for size in sizes), " × ")
