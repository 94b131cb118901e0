"""A self-check for people: plain text for the terminal, what changed since the last one, a card for notebooks. Pure.

All is said in the language that is spoken (`pages.language`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from grader.core.results import Accuracy, CheckResult, Outcome, Result, labelled
from grader.core.text import cleaned, defused, one_line
from grader.pages.language import (
    count,
    gettext_noop,
    many,
    number,
    numbers,
    say,
    translated,
    write_duration,
    write_size,
)
from grader.pages.terminal import fold_skipped
from grader.pages.wording import MARKS, SMALL_CASES, counterexample_lines
from grader.selfcheck.estimate import Checked, Estimate, LayerShape, NetworkBeside, Training, Unchecked, write_shape

INDENT = " " * 13
NO_MARK = gettext_noop("A self-check, not a mark.")
COLOURS = {
    Outcome.PASSED: "#1a7f4b",
    Outcome.PARTIAL: "#9a6700",
    Outcome.FAILED: "#b3261e",
    Outcome.SKIPPED: "#6b6b6b",
    Outcome.BROKEN: "#6b3fa0",
    Outcome.AWAITING: "#6b6b6b",
}
WORSE = (Outcome.FAILED, Outcome.PARTIAL, Outcome.BROKEN)
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
        return say("! The grader itself failed: this is not your fault, and says nothing about your work.")
    if lost:
        values = {"lost": number(lost), "out_of": number(checked.standing.out_of)}
        return many(
            1 if lost == 1 else 2, "✗ {lost} point of {out_of} would be lost as it is.",
            "✗ {lost} points of {out_of} would be lost as it is.", **values,
        )  # fmt: skip
    if result.ending.cut is not None and _is_module(result):
        return say("– Nothing is wrong up to where the smoke run ended.")
    if result.ending.cut is not None:
        return say("– Nothing is wrong up to cell {cell}, where the smoke run ended.", cell=result.ending.cut)
    if checked.mode == "smoke":
        return say("✓ Everything that a smoke run can check is fine.")
    return say("✓ Everything that was checked is fine.")


def accuracy_words(accuracy: Accuracy, judged_on: str) -> str:
    """The accuracy with what it was taken on."""
    said = say(
        "Accuracy {percent} ({correct} of {judged} on {judged_on})", percent=numbers(_percent(accuracy)),
        correct=accuracy.correct, judged=accuracy.judged, judged_on=translated(one_line(judged_on)),
    )  # fmt: skip
    if accuracy.threshold is None:
        return said
    first = numbers(f"{100 * accuracy.threshold:g} %")
    if accuracy.full is None:
        needed = say("; {percent} needed", percent=first)
    else:
        full = numbers(f"{100 * accuracy.full:g} %")
        needed = say("; points begin at {percent}, all of them from {full} on", percent=first, full=full)
    return f"{said[:-1]}{needed})"


def _head(checked: Checked, result: Result) -> list[str]:
    lines = [f"{one_line(result.assignment)} · {one_line(result.submission)}", headline(checked)]
    if result.smoke is not None:
        lines.append(
            say(
                "Smoke run: your code ran on the real data, but each `fit` saw {images} images and {epochs} epoch, however "
                "many it asks for. Accuracies mean nothing yet.",
                images=result.smoke.images,
                epochs=result.smoke.epochs,
            )
        )
    if result.ending.cut is not None:
        lines.append(_cut_short(result, result.ending.cut))
    if result.accuracy is not None:
        words = accuracy_words(result.accuracy, result.judged_on)
        lines.append(say("{accuracy}. Another run moves it a little.", accuracy=words))
    return [*lines, *(translated(one_line(remark)) for remark in checked.remarks)]


def _is_module(result: Result) -> bool:
    return result.submission.lower().endswith(".py")


def _cut_short(result: Result, cell: int) -> str:
    seconds = number(result.smoke.seconds if result.smoke is not None else result.ending.wall_s)
    if _is_module(result):
        return say(
            "It ended after {seconds} seconds: of what follows nothing is known. `--full` runs everything.",
            seconds=seconds,
        )
    return say(
        "It ended in cell {cell}, after {seconds} seconds: of that cell, which may take long or never end, and of those "
        "after it nothing is known. `--full` runs everything.", cell=cell, seconds=seconds,
    )  # fmt: skip


def _points_of(given: str, out_of: float) -> str:
    return say("advice") if out_of <= 0 else f"{given}/{number(out_of)}"


def _unchecked(item: Unchecked) -> Iterator[str]:
    yield f"  – {_points_of('–', item.out_of):>7}  {say(one_line(item.title))}"
    yield f"{INDENT}{translated(one_line(item.reason))}"


def _check(check: CheckResult, is_open: bool) -> Iterator[str]:
    shown = "–" if is_open or check.outcome is Outcome.AWAITING else number(check.points)
    yield f"  {MARKS[check.outcome]} {_points_of(shown, check.out_of):>7}  {say(one_line(check.title))}"
    if check.reason:
        yield f"{INDENT}{translated(one_line(check.reason))}"
    if check.hint and check.outcome is not Outcome.SKIPPED:  # that one says it already
        yield f"{INDENT}→ {translated(one_line(check.hint))}"


def _failures(checked: Checked) -> Iterator[str]:
    if checked.failures:
        yield say("Cells that failed")
    for failure in checked.failures:
        yield f"  {translated(one_line(failure.where))}: {one_line(failure.error)}"
        if failure.line:
            yield "    " + say("in: {line}", line=one_line(failure.line))
        yield f"    → {translated(one_line(failure.hint))}"


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
    if model.chosen:
        yield say(
            "Shapes, layer by layer (`{name}`, {parameters} parameters)", name=one_line(model.chosen),
            parameters=model.parameters or 0,
        )  # fmt: skip
    else:
        yield say("Shapes, layer by layer")
    for told in checked.fed:
        yield f"  {translated(one_line(told))}"
    if checked.layers:
        yield from _layer_lines(checked.layers)


def _layer_lines(layers: Sequence[LayerShape]) -> Iterator[str]:
    """Each layer in a line: name, kind, what comes in, what goes out, parameters; columns no wider than need be."""
    rows = [
        (
            one_line(layer.name), one_line(layer.kind), " + ".join(write_shape(shape) for shape in layer.inputs) or "?",
            write_shape(layer.output), count(layer.parameters),
        )
        for layer in layers
    ]  # fmt: skip
    name, kind, inputs, output, most = (max(map(len, column)) for column in zip(*rows, strict=True))
    for row in rows:
        yield (f"  {row[0]:<{name}}  {row[1]:<{kind}}  {row[2]:>{inputs}} -> {row[3]:<{output}}  {row[4]:>{most}}")


def describe_network_beside(found: NetworkBeside) -> Iterator[str]:
    """What is to be known of the network that would be handed in with the work."""
    yield say("The trained network beside it, {name}", name=one_line(found.name))
    yield "  " + say("{size}; {allowed} are allowed", size=write_size(found.size), allowed=write_size(found.allowed))
    differences = [translated(one_line(line)) for line in found.differences]
    if found.problem:
        yield f"  ! {translated(one_line(found.problem))}"
    elif found.maker == "same":
        yield "  " + say("✓ it is the network that your code builds")
    elif found.maker == "different":
        yield "  " + say(
            "✗ it is not the network that your code builds: save it again after the last change of your code"
        )
        yield from (f"    {line}" for line in differences)
    elif differences:
        yield "  " + say("✗ whether your code builds it can't be told: {why}", why="; ".join(differences))
    else:
        yield "  " + say("✗ whether your code builds it can't be told")
    if found.accuracy is not None:
        words = accuracy_words(found.accuracy, say("public images"))
        yield f"  {words[0].lower()}{words[1:]}"


def _estimate(known: Estimate) -> Iterator[str]:
    values = {"time": write_duration(known.seconds), "allowed": write_duration(known.allowed_s)}
    yield say("The full run, an estimate for this machine")
    if known.at_least:
        yield "  " + say("at least {time}; {allowed} are allowed", **values)
    else:
        yield "  " + say("about {time}; {allowed} are allowed", **values)
    for training in known.trainings:
        yield f"    {_training(training)}"
    if known.memory_mb is not None:
        used, allowed = (write_size(size * (1 << 20)) for size in (known.memory_mb, known.memory_allowed_mb))
        yield "  " + say(
            "about {used} of memory, which is what this run needed; {allowed} are allowed", used=used, allowed=allowed
        )
    if known.seconds > known.allowed_s:
        yield "  " + say("! That is too long: the training would be stopped early, and graded as it is then.")
    elif known.cells:
        yield from _slow(known)
    if known.too_big:
        yield "  " + say("! That is close to the limit of memory: use float32, smaller images or smaller batches.")


def _slow(known: Estimate) -> Iterator[str]:
    limit = write_duration(known.cell_allowed_s)
    if any(training.cell for training in known.trainings):
        yield "  " + say(
            "! Cell {cells} may come too close to the {limit} that one cell may take: a training is stopped before.",
            cells=", ".join(map(str, known.cells)), limit=limit,
        )  # fmt: skip
    else:
        yield "  " + say(
            "! The training may come too close to the {limit} that one cell may take: a training is stopped before.",
            limit=limit,
        )


def _training(training: Training) -> str:
    where = say("cell {cell}: ", cell=training.cell) if training.cell else ""
    what = f"{where}`{one_line(training.model)}.fit`, "
    epochs = many(training.epochs, "{n} epoch", "{n} epochs")
    step = f"{numbers(f'{1000 * training.step_s:.3g}')} ms" if training.step_s > 0 else ""
    if training.failed:
        return what + say("{epochs}: failed", epochs=epochs)
    if training.seconds is None:
        if step:
            return what + say("{epochs} of unknown length, {step} a step", step=step, epochs=epochs)
        return what + say("{epochs} of unknown length", epochs=epochs)
    time = write_duration(training.seconds)
    if training.steps is None or not step:
        return f"{what}{epochs}: {time}"
    return what + say(
        "{epochs} x {steps} steps x {step}, with validation {time}", epochs=epochs, steps=str(training.steps), step=step,
        time=time,
    )  # fmt: skip


def _notes(result: Result) -> Iterator[str]:
    for shim in result.shims:
        yield say("Made to work on the way: {what}", what=translated(one_line(shim)))
    for note in result.notes:
        if "each `fit` saw at most" not in note:
            yield say("Note: {what}", what=translated(one_line(note)))
    for flag in result.flags:
        if flag.audience == "everyone":
            yield say("Look at: {what}", what=translated(one_line(flag.reason)))


def _points(checked: Checked) -> Iterator[str]:
    standing = checked.standing
    total = number(standing.out_of)
    if checked.mode == "smoke":
        yield say(
            "Points: {certain} of {total} are certain as long as the full run trains this very network.",
            certain=number(standing.certain), total=total,
        )  # fmt: skip
        if standing.likely:
            yield "        " + say(
                "{likely} more rest on how the code ran; time or memory could still take them.",
                likely=number(standing.likely),
            )
    else:
        kept = number(round(standing.certain + standing.likely, 2))
        yield say("Points: {kept} of {total} here.", kept=kept, total=total) + f" {say(NO_MARK)}"
    if standing.open:
        yield "        " + say("{points} were not checked.", points=number(standing.open))
    if standing.by_person:
        yield "        " + say("{points} are given by a person, after the hand-in.", points=number(standing.by_person))
    if standing.lost:
        yield "        " + say("{points} would be lost.", points=number(standing.lost))
    if checked.mode == "smoke":
        command = f"`grader check {one_line(checked.result.assignment)} --full`"
        yield f"        {say(NO_MARK)} " + say("{command} trains in full.", command=command)


def _percent(accuracy: Accuracy) -> str:
    return f"{10_000 * accuracy.correct // max(accuracy.judged, 1) / 100:.2f} %"


def changes(before: Checked, now: Checked) -> list[str]:
    """What changed since the last self-check, in lines: points, then each check that passes now, or no longer does."""
    told = list(_checks_moved(before, now))
    points = _points_moved(before, now)
    if not told and not points:
        return [say("Since the last check: nothing changed.")]
    return [points or say("Since the last check: as many points as before."), *(defused(line) for line in told)]


def _points_moved(before: Checked, now: Checked) -> str:
    """How the points moved that are kept as it is; "" where they did not."""
    old, new = (round(checked.standing.certain + checked.standing.likely, 2) for checked in (before, now))
    more = round(new - old, 2)
    if not more:
        return ""
    amounts = {"amount": number(abs(more)), "new": number(new), "old": number(old)}
    form = 1 if abs(more) == 1 else 2
    if more > 0:
        return many(
            form, "Since the last check: {amount} point more ({new}, before {old}).",
            "Since the last check: {amount} points more ({new}, before {old}).", **amounts,
        )  # fmt: skip
    return many(
        form, "Since the last check: {amount} point fewer ({new}, before {old}).",
        "Since the last check: {amount} points fewer ({new}, before {old}).", **amounts,
    )  # fmt: skip


def _checks_moved(before: Checked, now: Checked) -> Iterator[str]:
    known = labelled(cleaned(before.result).checks)
    for label, check in labelled(cleaned(now.result).checks).items():
        old = known.get(label)
        words = "" if old is None else _check_moved(old, check)
        if words:
            yield f"  {MARKS[check.outcome]} {words}"


def _check_moved(old: CheckResult, new: CheckResult) -> str:
    """What became of one check; "" where nothing did."""
    title = say(one_line(new.title))
    if old.outcome is new.outcome:
        if old.points == new.points:
            return ""
        return say("{title}: {new} of {out_of}, before {old}", title=title, new=number(new.points),
                   out_of=number(new.out_of), old=number(old.points))  # fmt: skip
    if new.outcome is Outcome.PASSED:
        return say("passes now: {title}", title=title)
    if new.outcome in WORSE and old.outcome is Outcome.PASSED:
        return say("no longer passes: {title}", title=title)
    if new.outcome in WORSE:
        return say("does not pass: {title}", title=title)
    if old.outcome is Outcome.PASSED or old.outcome in WORSE:
        return say("no longer looked at: {title}", title=title)
    return ""


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
        left = "; ".join(_safe(say(item.title)) for item in self.checked.unchecked if item.out_of)
        if left:
            said.append(say("Not checked here: {titles}", titles=left))
        said += [_safe(translated(remark)) for remark in self.checked.remarks]
        body = "".join(f'<p style="margin:.3em 0">{line}</p>' for line in said)
        small = f'<p style="margin:.3em 0;opacity:.7;font-size:.9em">{_safe(_footnote(self.checked))}</p>'
        return (
            '<div style="font-family:sans-serif;max-width:60em;border-left:4px solid '
            f'{_colour(self.checked)};padding:.2em 1em">{body}'
            f'<table style="border-collapse:collapse;font-size:.95em">{rows}</table>{small}</div>'
        )


def _row(check: CheckResult) -> str:
    colour = COLOURS[check.outcome]
    points = _points_of("–" if check.outcome is Outcome.AWAITING else number(check.points), check.out_of)
    words = _safe(translated(check.reason))
    if check.hint and check.outcome is not Outcome.SKIPPED:
        words += f"<br>→ {_safe(translated(check.hint))}"
    return (
        f'<tr><td style="{ROW};color:{colour}">{MARKS[check.outcome]}</td><td style="{ROW};white-space:nowrap">{points}</td>'
        f'<td style="{ROW}">{_safe(say(check.title))}</td><td style="{ROW}">{words}</td></tr>'
    )


def _colour(checked: Checked) -> str:
    broken = any(check.outcome is Outcome.BROKEN for check in checked.result.checks)
    return COLOURS[Outcome.BROKEN if broken else Outcome.FAILED if checked.costs_points else Outcome.PASSED]


def _footnote(checked: Checked) -> str:
    return f"{say(NO_MARK)} " + say(
        "The network was judged on data that everybody has; after the hand-in your whole notebook is run again from the "
        "top. Took {seconds} s.", seconds=numbers(f"{checked.took_s:g}"),
    )  # fmt: skip


def _safe(text: str) -> str:
    return escape(one_line(text))
