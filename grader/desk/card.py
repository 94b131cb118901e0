"""What `grader.check` returns in a notebook: a compact card, or plain text where nothing can show one. Pure."""

from dataclasses import dataclass
from html import escape

from grader.desk.outlook import Checked
from grader.desk.text import MARKS, NO_MARK, accuracy_words, describe, headline
from grader.report.visible import cleaned, one_line
from grader.results import CheckResult, Outcome

COLOURS = {
    Outcome.PASSED: "#1a7f4b",
    Outcome.PARTIAL: "#9a6700",
    Outcome.FAILED: "#b3261e",
    Outcome.SKIPPED: "#6b6b6b",
    Outcome.BROKEN: "#6b3fa0",
}
ROW = "padding:.15em .6em;text-align:left;vertical-align:top;border:0"


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
    points = f"{check.points:g}/{check.out_of:g}" if check.out_of else "advice"
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
