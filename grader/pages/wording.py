"""Fixed texts as values: an English message, by which catalogues know it, and what is filled into its braces. Pure.

What a page says in its own voice is a `Phrase`, so that it can be said in any language for which there is a catalogue;
what students and rubrics wrote is a plain `str`, and stays as it is. `say` and `many` make phrases: their first arguments
are written out where they are called, because that is where the catalogues' messages are collected from.

The wording of reports: outcomes, endings and isolation in plain, friendly English; numbers as people write them. Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from gettext import NullTranslations
from html import escape
from typing import Literal

from grader.core.evidence import Cause, Isolation, Serve
from grader.core.results import Accuracy, Outcome, Spread, Status
from grader.core.text import one_line, shorten, visible

SAME = NullTranslations()  # English: messages stand for themselves


@dataclass(frozen=True, slots=True)
class Phrase:
    """A message with values for its braces; `plural` is the message for any `number` but one."""

    message: str
    values: tuple[tuple[str, "Text"], ...] = ()
    plural: str = ""
    number: int = 1

    def __str__(self) -> str:
        return write(self)


@dataclass(frozen=True, slots=True)
class Joined:
    """Texts that stand one after the other."""

    parts: tuple["Text", ...]
    glue: str = " "

    def __str__(self) -> str:
        return write(self)

    def __bool__(self) -> bool:
        return any(self.parts)


Text = str | Phrase | Joined


@dataclass(frozen=True)
class Language:
    """A language by its code ("it"), its own name ("italiano") and its catalogue."""

    code: str
    name: str
    catalogue: NullTranslations


ENGLISH = Language("en", "English", SAME)


@dataclass(frozen=True)
class Speech:
    """The language that a page is written in, and those that it can be switched to."""

    own: Language = ENGLISH
    others: tuple[Language, ...] = ()

    @property
    def languages(self) -> tuple[Language, ...]:
        """All of them, sorted by name."""
        return tuple(sorted((self.own, *self.others), key=lambda language: language.name.casefold()))

    def write(self, text: Text) -> str:
        """The text in the page's own language."""
        return write(text, self.own.catalogue)


SPEECH = Speech()


def say(message: str, **values: Text | int) -> Phrase:
    """A phrase; `values` stand for the words in the message's braces."""
    return Phrase(message, tuple((name, _text(value)) for name, value in values.items()))


def many(number: int, one: str, more: str, **values: Text | int) -> Phrase:
    """A phrase that depends on a number, which stands for {n}: `many(3, "{n} image", "{n} images")`."""
    filled = (("n", f"{number:,}"), *((name, _text(value)) for name, value in values.items()))
    return Phrase(one, filled, more, number)


def joined(parts: Iterable[Text], glue: str = " ") -> Text:
    """The texts that are not empty, one after the other; a plain text where there are only such."""
    kept = tuple(part for part in parts if part)
    if len(kept) == 1:
        return kept[0]
    if all(isinstance(part, str) for part in kept):
        return glue.join(map(str, kept))
    return Joined(kept, glue)


def write(text: Text, catalogue: NullTranslations = SAME) -> str:
    """The text in the language of a catalogue; a message that is missing there is said in English."""
    if isinstance(text, str):
        return text
    if isinstance(text, Joined):
        return text.glue.join(write(part, catalogue) for part in text.parts)
    if not text.values:
        return catalogue.gettext(text.message)
    one, more = text.message, text.plural
    message = catalogue.ngettext(one, more, text.number) if more else catalogue.gettext(one)
    return message.format_map({name: write(value, catalogue) for name, value in text.values})


def in_other_languages(text: Text, speech: Speech, attribute: str = "") -> str:
    """What an element is told of its text (or of one of its attributes) in other languages: ` data-it="..."`.

    A language that says the same is left out: the page's script then takes the text that it found.
    """
    if isinstance(text, str) or not speech.others:
        return ""
    if isinstance(text, Phrase) and not text.values:
        return _remembered(text, speech, attribute)
    return _others(text, speech, attribute)


@lru_cache(maxsize=4096)
def _remembered(text: Phrase, speech: Speech, attribute: str) -> str:
    return _others(text, speech, attribute)


def _others(text: Text, speech: Speech, attribute: str) -> str:
    own = speech.write(text)
    said = ((language.code, write(text, language.catalogue)) for language in speech.others)
    name = f"-{attribute}" if attribute else ""
    return "".join(f' data-{code}{name}="{escape(visible(words))}"' for code, words in said if words != own)


def _text(value: Text | int) -> Text:
    return f"{value:,}" if isinstance(value, int) else value


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
