"""What of a result may be shown to its student on a platform or in a public log."""

from grader.report.verdicts import comment_of_instructor, verdict
from grader.report.visible import cleaned, one_line, shorten
from grader.report.words import CAUSES, accuracy_percent, accuracy_sentence, count
from grader.results import CheckResult, Result

SUBSTITUTE = "substitute_data"  # the one flag that is for everybody: the accuracy is no result on the real data
LONGEST = 10_000  # characters of one text


def for_students(result: Result) -> Result:
    """The result with every text visible, and without the flags, which are for a person to look at and no verdict."""
    flags = tuple(flag for flag in result.flags if flag.kind == SUBSTITUTE)
    return cleaned(result.model_copy(update={"flags": flags}))


def overview(result: Result) -> list[str]:
    """The verdict, what the instructor said, the accuracy and how the run ended, in a few lines."""
    found = verdict(result)
    lines = [f"{found.headline}. {found.sentence}"]
    comment = one_line(comment_of_instructor(result))
    lines += [f"From your instructor: {comment}"] if comment else []
    if result.absent:
        return [shorten(line.replace("\u00a0", " "), LONGEST) for line in lines]
    accuracy = result.accuracy
    if accuracy is not None:
        of = f"{count(accuracy.correct)} of {count(accuracy.judged)} on {one_line(result.judged_on)}"
        lines.append(f"Accuracy: {accuracy_percent(accuracy)} ({of}). {accuracy_sentence(accuracy)}".rstrip())
    lines.append(f"Run: {CAUSES[result.ending.cause]}. {one_line(result.ending.message)}".rstrip())
    lines += [one_line(flag.reason) for flag in result.flags]
    return [shorten(line.replace("\u00a0", " "), LONGEST) for line in lines]


def explanation(check: CheckResult) -> str:
    """A check's reason, and its hint on a line of its own."""
    hint = f"→ {check.hint}" if check.hint else ""
    return shorten("\n".join(part for part in (check.reason, hint) if part).replace("\u00a0", " "), LONGEST)


def is_advice(check: CheckResult) -> bool:
    """Whether a check costs no points whatever it finds."""
    return check.out_of <= 0
