"""A self-check for people: lines of plain text for the terminal, and a compact card for notebooks. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from grader.core.limits import write_duration, write_size
from grader.core.results import Accuracy, CheckResult, Outcome, Result
from grader.core.text import cleaned, defused, number, one_line
from grader.pages.counterexample import SMALL_CASES, counterexample_lines
from grader.pages.folding import fold_skipped
from grader.pages.language import say
from grader.pages.wording import MARKS
from grader.selfcheck.estimate import Checked, Estimate, LayerShape, NetworkBeside, Training, Unchecked, write_shape

INDENT = " " * 13
NO_MARK = "A self-check, not a mark."
COLOURS = {
    Outcome.PASSED: "#1a7f4b",
    Outcome.PARTIAL: "#9a6700",
    Outcome.FAILED: "#b3261e",
    Outcome.SKIPPED: "#6b6b6b",
    Outcome.BROKEN: "#6b3fa0",
    Outcome.AWAITING: "#6b6b6b",
}
ROW = "padding:.15em .6em;text-align:left;vertical-align:top;border:0"


def describe(checked: Checked, *, fold: bool = False) -> list[str]:
    """All that was found, in lines. `fold`: checks that were skipped for one reason share a line."""
    result = cleaned(checked.result)
    checks = fold_skipped(result.checks) if fold else result.checks
    parts = (
        _head(checked, result),
        [line for check in checks for line in _check(check, check.name in checked.open)]
        + [line for item in checked.unchecked for line in _unchecked(item)],
        list(_failures(checked)),
        list(_cases(result)),
        list(_network(checked)),
        list(describe_network_beside(checked.network)) if checked.network is not None else [],
        list(_estimate(checked.estimate)) if checked.estimate and checked.estimate.trainings else [],
        list(_notes(result)),
        list(_points(checked)),
    )  # fmt: skip
    lines = [line for part in parts if part for line in ["", *part]][1:]
    return [defused(line.replace("\u00a0", " ").rstrip()) for text in lines for line in text.split("\n")]


def headline(checked: Checked) -> str:
    """The finding in one line."""
    lost, result = checked.standing.lost, checked.result
    if any(check.outcome is Outcome.BROKEN for check in result.checks):
        return "! The grader itself failed: this is not your fault, and says nothing about your work."
    if lost:
        return f"✗ {_points_word(lost)} of {number(checked.standing.out_of)} would be lost as it is."
    if result.ending.cut is not None:
        return f"– Nothing is wrong up to cell {result.ending.cut}, where the smoke run ended."
    if checked.mode == "smoke":
        return "✓ Everything that a smoke run can check is fine."
    return "✓ Everything that was checked is fine."


def accuracy_words(accuracy: Accuracy, judged_on: str) -> str:
    """The accuracy with what it was taken on."""
    needed = "" if accuracy.threshold is None else f"; {100 * accuracy.threshold:g} % needed"
    if accuracy.threshold is not None and accuracy.full is not None:
        needed = f"; points begin at {100 * accuracy.threshold:g} %, all of them from {100 * accuracy.full:g} % on"
    return (
        f"Accuracy {_percent(accuracy)} ({accuracy.correct:,} of {accuracy.judged:,} on {one_line(judged_on)}{needed})"
    )


def _head(checked: Checked, result: Result) -> list[str]:
    lines = [f"{one_line(result.assignment)} · {one_line(result.submission)}", headline(checked)]
    if result.smoke is not None:
        lines.append(
            f"Smoke run: your code ran on the real data, but each `fit` saw {result.smoke.images} images and "
            f"{result.smoke.epochs} epoch, however many it asks for. Accuracies mean nothing yet."
        )
    if result.ending.cut is not None:
        seconds = f"{result.smoke.seconds:g} seconds" if result.smoke is not None else "its time"
        lines.append(
            f"It ended in cell {result.ending.cut}, after {seconds}: of that cell, which may take long or never end, and of "
            "those after it nothing is known. `--full` runs everything."
        )
    if result.accuracy is not None:
        lines.append(f"{accuracy_words(result.accuracy, result.judged_on)}. Another run moves it a little.")
    return [*lines, *(one_line(remark) for remark in checked.remarks)]


def _unchecked(item: Unchecked) -> Iterator[str]:
    points = "advice" if item.out_of <= 0 else f"–/{number(item.out_of)}"
    yield f"  – {points:>7}  {one_line(item.title)}"
    yield f"{INDENT}{one_line(item.reason)}"


def _check(check: CheckResult, is_open: bool) -> Iterator[str]:
    shown = "–" if is_open or check.outcome is Outcome.AWAITING else number(check.points)
    points = "advice" if check.out_of <= 0 else f"{shown}/{number(check.out_of)}"
    yield f"  {MARKS[check.outcome]} {points:>7}  {one_line(check.title)}"
    if check.reason:
        yield f"{INDENT}{one_line(check.reason)}"
    if check.hint and check.outcome is not Outcome.SKIPPED:  # that one says it already
        yield f"{INDENT}→ {one_line(check.hint)}"


def _failures(checked: Checked) -> Iterator[str]:
    if checked.failures:
        yield "Cells that failed"
    for failure in checked.failures:
        yield f"  {one_line(failure.where)}: {one_line(failure.error)}"
        if failure.line:
            yield f"    in: {one_line(failure.line)}"
        yield f"    → {one_line(failure.hint)}"


def _cases(result: Result) -> Iterator[str]:
    """Of each function that goes wrong, the small case with which it does."""
    lines = list(counterexample_lines(result))
    if lines:
        yield say(SMALL_CASES)
        yield from (f"  {line}" for line in lines)


def _network(checked: Checked) -> Iterator[str]:
    if not checked.layers and not checked.fed:
        return
    model = checked.result.model
    named = f" (`{one_line(model.chosen)}`, {model.parameters or 0:,} parameters)" if model.chosen else ""
    yield f"Shapes, layer by layer{named}"
    for told in checked.fed:
        yield f"  {one_line(told)}"
    if checked.layers:
        yield from _layer_lines(checked.layers)


def _layer_lines(layers: Sequence[LayerShape]) -> Iterator[str]:
    """Each layer in a line: name, kind, what comes in, what goes out, parameters; columns no wider than need be."""
    rows = [
        (
            one_line(layer.name), one_line(layer.kind), " + ".join(write_shape(shape) for shape in layer.inputs) or "?",
            write_shape(layer.output), f"{layer.parameters:,}",
        )
        for layer in layers
    ]  # fmt: skip
    name, kind, inputs, output, most = (max(map(len, column)) for column in zip(*rows, strict=True))
    for row in rows:
        yield (f"  {row[0]:<{name}}  {row[1]:<{kind}}  {row[2]:>{inputs}} -> {row[3]:<{output}}  {row[4]:>{most}}")


def describe_network_beside(found: NetworkBeside) -> Iterator[str]:
    """What is to be known of the network that would be handed in with the work."""
    yield f"The trained network beside it, {one_line(found.name)}"
    yield f"  {write_size(found.size)}; {write_size(found.allowed)} are allowed"
    if found.problem:
        yield f"  ! {one_line(found.problem)}"
    elif found.maker == "same":
        yield "  ✓ it is the network that your code builds"
    elif found.maker == "different":
        yield "  ✗ it is not the network that your code builds: save it again after the last change of your code"
        yield from (f"    {one_line(line)}" for line in found.differences)
    else:
        why = "; ".join(one_line(line) for line in found.differences)
        yield f"  ✗ whether your code builds it can't be told{f': {why}' if why else ''}"
    if found.accuracy is not None:
        words = accuracy_words(found.accuracy, "public images")
        yield f"  {words[0].lower()}{words[1:]}"


def _estimate(known: Estimate) -> Iterator[str]:
    at_least = "at least " if known.at_least else "about "
    yield "The full run, an estimate for this machine"
    yield f"  {at_least}{write_duration(known.seconds)}; {write_duration(known.allowed_s)} are allowed"
    for training in known.trainings:
        yield f"    {_training(training)}"
    if known.memory_mb is not None:
        used, allowed = (write_size(size * (1 << 20)) for size in (known.memory_mb, known.memory_allowed_mb))
        yield f"  about {used} of memory, which is what this run needed; {allowed} are allowed"
    if known.seconds > known.allowed_s:
        yield "  ! That is too long: the training would be stopped early, and graded as it is then."
    elif known.cells:
        named = any(training.cell for training in known.trainings)
        cells = f"Cell {', '.join(map(str, known.cells))}" if named else "The training"
        limit = write_duration(known.cell_allowed_s)
        yield f"  ! {cells} may come too close to the {limit} that one cell may take: a training is stopped before."
    if known.too_big:
        yield "  ! That is close to the limit of memory: use float32, smaller images or smaller batches."


def _training(training: Training) -> str:
    where = f"cell {training.cell}: " if training.cell else ""
    what = f"{where}`{one_line(training.model)}.fit`, {training.epochs} epochs"
    step = f"{1000 * training.step_s:.3g} ms" if training.step_s > 0 else ""
    if training.failed:
        return f"{what}: failed"
    if training.seconds is None:
        return f"{what} of unknown length" + (f", {step} a step" if step else "")
    if training.steps is None or not step:
        return f"{what}: {write_duration(training.seconds)}"
    pace = f"{training.steps} steps x {step}"
    return f"{what} x {pace}, with validation {write_duration(training.seconds)}"


def _notes(result: Result) -> Iterator[str]:
    yield from (f"Made to work on the way: {one_line(shim)}" for shim in result.shims)
    notes = [note for note in result.notes if "each `fit` saw at most" not in note]
    yield from (f"Note: {one_line(note)}" for note in notes)
    yield from (f"Look at: {one_line(flag.reason)}" for flag in result.flags if flag.audience == "everyone")


def _points(checked: Checked) -> Iterator[str]:
    standing = checked.standing
    total = number(standing.out_of)
    if checked.mode == "smoke":
        yield f"Points: {number(standing.certain)} of {total} are certain as long as the full run trains this very network."
        if standing.likely:
            yield f"        {number(standing.likely)} more rest on how the code ran; time or memory could still take them."
    else:
        kept = number(round(standing.certain + standing.likely, 2))
        yield f"Points: {kept} of {total} here. {NO_MARK}"
    if standing.open:
        yield f"        {number(standing.open)} were not checked."
    if standing.by_person:
        yield f"        {number(standing.by_person)} are given by a person, after the hand-in."
    if standing.lost:
        yield f"        {number(standing.lost)} would be lost."
    if checked.mode == "smoke":
        yield f"        {NO_MARK} `grader check {one_line(checked.result.assignment)} --full` trains in full."


def _points_word(value: float) -> str:
    return "1 point" if value == 1 else f"{number(value)} points"


def _percent(accuracy: Accuracy) -> str:
    return f"{10_000 * accuracy.correct // max(accuracy.judged, 1) / 100:.2f} %"


@dataclass(frozen=True, repr=False)
class Card:
    """A self-check that shows itself; `checked` holds the findings."""

    checked: Checked

    def __repr__(self) -> str:
        return "\n".join([*describe(self.checked), _footnote(self.checked)])

    def _repr_html_(self) -> str:
        result = cleaned(self.checked.result)
        said = [f"<b>{_safe(result.assignment)}</b> · {_safe(result.submission)}<br>{_safe(headline(self.checked))}"]
        if result.accuracy is not None:
            said.append(_safe(accuracy_words(result.accuracy, result.judged_on)))
        rows = "".join(_row(check) for check in result.checks if check.out_of or check.outcome is not Outcome.PASSED)
        left = "; ".join(_safe(item.title) for item in self.checked.unchecked if item.out_of)
        if left:
            said.append(f"Not checked here: {left}")
        said += [_safe(remark) for remark in self.checked.remarks]
        body = "".join(f'<p style="margin:.3em 0">{line}</p>' for line in said)
        small = f'<p style="margin:.3em 0;opacity:.7;font-size:.9em">{_safe(_footnote(self.checked))}</p>'
        return (
            '<div style="font-family:sans-serif;max-width:60em;border-left:4px solid '
            f'{_colour(self.checked)};padding:.2em 1em">{body}'
            f'<table style="border-collapse:collapse;font-size:.95em">{rows}</table>{small}</div>'
        )


def _row(check: CheckResult) -> str:
    colour = COLOURS[check.outcome]
    shown = "–" if check.outcome is Outcome.AWAITING else f"{check.points:g}"
    points = f"{shown}/{check.out_of:g}" if check.out_of else "advice"
    words = _safe(check.reason)
    if check.hint and check.outcome is not Outcome.SKIPPED:
        words += f"<br>→ {_safe(check.hint)}"
    return (
        f'<tr><td style="{ROW};color:{colour}">{MARKS[check.outcome]}</td><td style="{ROW};white-space:nowrap">{points}</td>'
        f'<td style="{ROW}">{_safe(check.title)}</td><td style="{ROW}">{words}</td></tr>'
    )


def _colour(checked: Checked) -> str:
    broken = any(check.outcome is Outcome.BROKEN for check in checked.result.checks)
    return COLOURS[Outcome.BROKEN if broken else Outcome.FAILED if checked.costs_points else Outcome.PASSED]


def _footnote(checked: Checked) -> str:
    return (
        f"{NO_MARK} The network was judged on data that everybody has; after the hand-in your whole notebook is run "
        f"again from the top. Took {checked.took_s:g} s."
    )


def _safe(text: str) -> str:
    return escape(one_line(text))
