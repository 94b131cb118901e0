"""One check across the class: everybody's answer in an order that the address tells, and a decision for each."""

import html
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from grader.checks.manual import Manual
from grader.core.decision_log import LogEntry
from grader.core.evidence import Cell, Evidence, MarkdownCell, Output
from grader.review.class_state import ClassState, Row
from grader.review.desk import Desk
from grader.review.one_check import SAMPLE, ScaleLevel, checks_of_class, drift
from grader.review.shown_work import MOST_FIGURES, NotebookPart, part_of_address, part_of_check
from tests.fakes import RUBRIC
from tests.pages.builders import photograph, png
from tests.review.desks import Entrant, RunningDesk, running_desk, serving
from tests.review.forms import SentForm, forms_of
from tests.review.server import Answer

MANUAL = """
[[check]]
use = "manual"
title = "The plot is right"
points = 10
shows = "cell:plot"
scale = { right = 10, "without axes" = 5, missing = 0 }
"""
PLOT = Cell(
    number=2,
    source="plt.plot(losses)",
    executed=True,
    tags=("plot",),
    outputs=(Output(kind="display", png=png(30, 20)),),
)
ACCURACY = "/check/accuracy?seed=first"
HOSTILE = "<img src=x onerror=alert(1)>\u202e"


def keys_of(page: Answer) -> list[str]:
    return re.findall(r'<article class="answer" id="answer-(\w+)"', page.text)


def form_for(running: RunningDesk, name: str, address: str = ACCURACY) -> SentForm:
    key = running.key(name)
    return next(form for form in forms_of(running.get(address).text) if form.fields.get("row") == key)


def decide(running: RunningDesk, name: str, /, **typed: str) -> Answer:
    form = form_for(running, name)
    return running.post(form.action, {**form.fields, **typed})


def points_of(running: RunningDesk, student: str) -> float | None:
    return running.desk.book.grades(running.desk.assignment, student=student)[0].points


@pytest.fixture
def a_class_of_25(tmp_path: Path) -> Iterator[RunningDesk]:
    entrants = [Entrant(name=f"Student {number:02}", correct=number % 11) for number in range(25)]
    with running_desk(tmp_path, entrants) as running:
        yield running


def test_the_list_counts_who_has_the_points_of_each_check_and_who_decided(a_desk: RunningDesk) -> None:
    decide(a_desk, "Ada Lind", level="2", reason="half of the images are upside down")
    row = re.search(r'<tr>\n<th scope="row"><a href="/check/accuracy">[\s\S]*?</tr>', a_desk.get("/check").text)
    assert row is not None
    assert re.findall(r'<td class="right">(\w+)</td>', row[0]) == ["70", "2", "1", "2", "0"]
    assert "kim (1)" in row[0]


def test_the_list_leads_to_the_cells_that_drew_figures(a_desk: RunningDesk) -> None:
    page = a_desk.get("/check").text
    assert "in 4 notebooks that were looked at" in page
    assert '<a href="/check?shows=cell%3A4">cell 4</a> <span class="soft">in 2</span>' in page


def test_a_check_without_a_seed_leads_to_a_persons_own_order(a_desk: RunningDesk) -> None:
    first, again = a_desk.get("/check/accuracy"), a_desk.get("/check/accuracy?shows=figure")
    seeds = [parse_qs(urlsplit(answer.to).query)["seed"] for answer in (first, again)]
    assert first.status == again.status == 303
    assert seeds[0] == seeds[1]


def test_the_order_is_the_seeds_and_pages_hold_everybody_once(a_class_of_25: RunningDesk) -> None:
    pages = [keys_of(a_class_of_25.get(f"{ACCURACY}&from={start}")) for start in (0, 20)]
    other = keys_of(a_class_of_25.get("/check/accuracy?seed=second"))
    everybody = {a_class_of_25.key(f"Student {number:02}") for number in range(25)}
    assert [len(page) for page in pages] == [20, 5]
    assert set(pages[0] + pages[1]) == everybody
    assert other != pages[0]
    assert pages[0] == keys_of(a_class_of_25.get(ACCURACY))


@pytest.mark.parametrize("start", ["-1", "nine", "99999999", "1" * 400, "٣"])
def test_a_page_that_is_not_there_is_the_nearest_one(a_desk: RunningDesk, start: str) -> None:
    page = a_desk.get(f"/check/accuracy?seed=first&from={'%D9%A3' if start == '٣' else start}")
    assert page.status == 200
    assert len(keys_of(page)) == 5


def test_a_level_gives_its_points_and_leads_to_the_next_answer_with_the_reason_kept(a_class_of_25: RunningDesk) -> None:
    order = keys_of(a_class_of_25.get(ACCURACY))
    form = next(form for form in forms_of(a_class_of_25.get(ACCURACY).text) if form.fields.get("row") == order[0])
    answer = a_class_of_25.post(form.action, {**form.fields, "level": "2", "reason": "by hand"})
    assert answer.status == 303
    assert urlsplit(answer.to).fragment == f"answer-{order[1]}"
    entry = a_class_of_25.desk.state().log[-1]
    assert entry.value is not None and entry.value["points"] == 35.0
    assert (entry.kind, entry.subject, entry.reason) == ("check", "accuracy", "by hand")
    assert entry.evidence == a_class_of_25.desk.row(order[0]).result.evidence
    assert 'name="reason" value="by hand"' in a_class_of_25.get(answer.to.partition("#")[0]).text


def test_the_last_answer_of_a_page_leads_to_the_next_page(a_class_of_25: RunningDesk) -> None:
    order = keys_of(a_class_of_25.get(ACCURACY))
    form = next(form for form in forms_of(a_class_of_25.get(ACCURACY).text) if form.fields.get("row") == order[-1])
    answer = a_class_of_25.post(form.action, {**form.fields, "level": "1", "reason": "by hand"})
    assert parse_qs(urlsplit(answer.to).query)["from"] == ["20"]
    assert urlsplit(answer.to).fragment == f"answer-{keys_of(a_class_of_25.get(ACCURACY + '&from=20'))[0]}"


def test_points_may_have_a_comma_and_become_the_grade(a_desk: RunningDesk) -> None:
    before = points_of(a_desk, "Bo Mwangi")
    assert decide(a_desk, "Bo Mwangi", points="12,5", reason="partly right").status == 303
    assert before == 20.0
    assert points_of(a_desk, "Bo Mwangi") == 32.5


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ({"points": "70.5", "reason": "r"}, "not between 0 and the 70"),
        ({"points": "many", "reason": "r"}, "is not a number"),
        ({"points": "nan", "reason": "r"}, "not"),
        ({"points": "", "reason": "r"}, "No points are given"),
        ({"level": "4", "reason": "r"}, "There is no level 4"),
        ({"level": "1", "reason": " "}, "need a reason"),
        ({"level": "1", "reason": "x" * 5_000}, "5,000 characters"),
    ],
)
def test_what_can_not_be_given_is_refused_and_what_was_typed_is_kept(
    a_desk: RunningDesk, typed: dict[str, str], words: str
) -> None:
    answer = decide(a_desk, "Ada Lind", **typed)
    assert answer.status == 400
    assert words in answer.text
    assert typed["reason"].strip()[:4_000] in answer.text
    assert a_desk.desk.state().log == ()


def test_points_are_taken_back(a_desk: RunningDesk) -> None:
    decide(a_desk, "Bo Mwangi", level="3", reason="shown in person")
    assert points_of(a_desk, "Bo Mwangi") == 90.0
    assert decide(a_desk, "Bo Mwangi", take_back="1").status == 303
    assert points_of(a_desk, "Bo Mwangi") == 20.0


def test_all_members_of_a_group_get_the_points(a_desk: RunningDesk) -> None:
    decide(a_desk, "Dina and Emil", level="1", reason="not their own")
    assert [points_of(a_desk, name) for name in ("Dina Haddad", "Emil Berg")] == [30.0, 30.0]


def test_of_two_who_decide_at_once_the_second_is_shown_what_stands_and_may_decide_again(a_desk: RunningDesk) -> None:
    first, second = (form_for(a_desk, "Bo Mwangi") for _ in range(2))
    assert a_desk.post(first.action, {**first.fields, "points": "50", "reason": "the first"}).status == 303
    refused = a_desk.post(second.action, {**second.fields, "points": "60", "reason": "the second"})
    assert refused.status == 409
    assert "changed by kim meanwhile" in refused.text and "the first" in refused.text
    assert points_of(a_desk, "Bo Mwangi") == 70.0
    again = forms_of(refused.text)[-1]
    assert again.fields["reason"] == "the second"
    assert a_desk.post(again.action, again.fields).status == 303
    assert points_of(a_desk, "Bo Mwangi") == 80.0


def test_of_many_who_decide_in_one_moment_one_decides_and_all_others_are_told(place: str, tmp_path: Path) -> None:
    with running_desk(tmp_path, [Entrant(name="Bo", correct=6)], gradebook=place) as running:
        form = form_for(running, "Bo")
        typed = [{**form.fields, "points": str(points), "reason": "r"} for points in range(8)]
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda fields: running.post(form.action, fields), typed))
        assert sorted(answer.status for answer in answers) == [303] + [409] * 7
        log = running.desk.state().log
        taken = [fields for fields, answer in zip(typed, answers, strict=True) if answer.status == 303]
        assert [entry.value and entry.value["points"] for entry in log] == [float(taken[0]["points"])]


def test_a_page_reads_no_other_runs_than_those_of_its_own_answers(
    a_class_of_25: RunningDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    evidence = a_class_of_25.desk.evidence

    def counted(row: Row) -> Evidence | None:
        read.append(row.key)
        return evidence(row)

    monkeypatch.setattr(a_class_of_25.desk, "evidence", counted)
    page = a_class_of_25.get(f"{ACCURACY}&shows=figure")
    assert read == keys_of(page)
    read.clear()
    a_class_of_25.get(ACCURACY)
    assert read == []
    a_class_of_25.get("/check")
    assert len(set(read)) == len(read) == SAMPLE


def test_the_script_gets_that_answer_alone_and_what_was_given_so_far(a_desk: RunningDesk) -> None:
    form = form_for(a_desk, "Bo Mwangi", "/check/accuracy?seed=first&shows=figure")
    answer = a_desk.post(form.action, {**form.fields, "level": "3", "reason": "r"}, **{"x-fragment": "1"})
    assert answer.status == 200
    assert keys_of(answer) == [a_desk.key("Bo Mwangi")]
    assert "<html" not in answer.text
    assert "<strong>1</strong> of 5 decided" in answer.text
    assert answer.text.count("data:image/png") == 1


def test_a_submission_that_went_away_says_so(a_desk: RunningDesk) -> None:
    form = form_for(a_desk, "Bo Mwangi")
    answer = a_desk.post(form.action, {**form.fields, "row": "../../etc/passwd", "level": "1", "reason": "r"})
    assert answer.status == 404
    assert a_desk.get("/check/no_such_check?seed=1").status == 404


def test_figures_are_pictures_and_a_cell_is_text(a_desk: RunningDesk) -> None:
    figures = a_desk.get(f"{ACCURACY}&shows=figure").text
    assert len(re.findall('<img src="data:image/png;base64,', figures)) == 2
    assert figures.count("The notebook drew no figure.") == 2
    assert figures.count("No run of it is stored") == 1
    cell = a_desk.get(f"{ACCURACY}&shows=cell:5").text
    assert cell.count("model.predict(x_tset)") >= 2
    assert "The notebook has no code cell 5." in cell


def test_without_a_check_there_is_nothing_to_decide(a_desk: RunningDesk) -> None:
    for address in ("/check?figure=1", "/check?cell=4", "/check?shows=figure:1"):
        page = a_desk.get(address)
        assert len(keys_of(page)) == 4
        assert not any("row" in form.fields for form in forms_of(page.text))
        assert "data:image/png" in page.text


def test_what_students_write_is_shown_as_text_and_a_false_picture_is_not_shown(tmp_path: Path) -> None:
    cells = (
        Cell(
            number=1, source=HOSTILE, executed=True,
            outputs=(
                Output(kind="display", text=HOSTILE, png="PHN2Zz48L3N2Zz4="),
                Output(kind="display", text=HOSTILE, png=png(30, 20)),
            ),
        ),
    )  # fmt: skip
    with running_desk(tmp_path, [Entrant(name=f"Eve {HOSTILE}", cells=cells)]) as running:
        for shows in ("figure", "cell:1"):
            page = running.get(f"{ACCURACY}&shows={shows}&reason=%3Cimg%3E").text
            assert "<img src=x" not in page and "<img>" not in page and "\u202e" not in page
            assert len(re.findall("<img ", page)) == 1
            assert "not a readable PNG" in page


def test_a_label_with_signs_of_addresses_is_found(tmp_path: Path) -> None:
    title = "Reaches 50 % / ../more? #1 & <b>"
    rubric = RUBRIC + f'\n[[check]]\nuse = "accuracy"\npoints = 0\nat_least = 0.5\ntitle = "{title}"\n'
    with running_desk(tmp_path, rubric=rubric) as running:
        found = re.findall(r'<th scope="row"><a href="(/check/[^"]*)">', running.get("/check").text)
        assert len(found) == 4
        for address in found:
            page = running.get(running.get(html.unescape(address)).to)
            assert page.status == 200 and len(keys_of(page)) == 5


def test_levels_are_the_scales_in_its_order_or_nothing_half_and_all(a_desk: RunningDesk) -> None:
    check = checks_of_class(a_desk.desk.options.rubric, a_desk.desk.state().rows)["accuracy"]
    assert check.levels(10.0) == (
        ScaleLevel("1", "none", 0.0),
        ScaleLevel("2", "half", 5.0),
        ScaleLevel("3", "full", 10.0),
    )
    scale = {f"level {number}": float(number) for number in range(12, 0, -1)}
    levels = check.__class__(label="m", title="m", out_of=12.0, scale=scale, part=NotebookPart()).levels(12.0)
    assert [level.points for level in levels] == [*map(float, range(12, 0, -1))]
    assert [level.key for level in levels][8:] == ["9", "", "", ""]


def test_a_conclusion_in_markdown_is_shown_where_its_tag_is_asked_for_and_beside_its_cell(tmp_path: Path) -> None:
    told = MarkdownCell(after=1, source="## Conclusion\n\nIt is *overfitting*, see Ada's run.", tags=("plot",))
    cells = (Cell(number=1, source="import keras", executed=True), Cell(number=2, source="x", executed=True))
    entrants = [Entrant(name="Ada", cells=cells, markdown=(told,)), Entrant(name="Bo", cells=cells)]
    with running_desk(tmp_path, entrants, rubric=RUBRIC + MANUAL) as running:
        page = running.get(running.get("/check/manual").to).text
        assert page.count("It is <em>overfitting</em>") == 1 and "No cell of the notebook has the tag plot." in page
        assert running.get("/check?cell=1").text.count("<em>overfitting</em>") == 1
        whole = running.get(f"/submission/{running.key('Ada')}").text
        first, prose, second = (whole.index(part) for part in ('id="cell-1"', "<em>overfitting</em>", 'id="cell-2"'))
        assert first < prose < second
        hidden = Desk(replace(running.desk.options, anonymous=True), running.desk.book)
        with serving(hidden, running.course) as desk:
            shown = desk.get(f"/submission/{desk.key('Ada')}").text
            assert re.search(r"<em>overfitting</em>, see (Student \d|\[…\])", shown) and "see Ada" not in shown


def test_a_check_that_awaits_a_person_shows_what_it_is_about_and_each_level_of_its_scale(tmp_path: Path) -> None:
    cells = (Cell(number=1, source="import keras", executed=True), PLOT)
    entrants = [Entrant(name="Ada", cells=cells), Entrant(name="Bo"), Entrant(name="Chi", cells=cells)]
    with running_desk(tmp_path, entrants, rubric=RUBRIC + MANUAL) as running:
        assert "a person gives its points" in running.get("/check").text
        assert '<td class="right"><span class="badge warn">3</span></td>' in running.get("/check").text
        address = running.get("/check/manual").to
        page = running.get(address).text
        assert page.count("plt.plot(losses)") == page.count("data:image/png") == 2 and "import keras" not in page
        assert "No cell of the notebook has the tag plot." in page
        assert points_of(running, "Ada") is None
        form = form_for(running, "Ada", address)
        assert [value for name, value in form.buttons] == ["", "1", "2", "3"]
        assert running.post(form.action, {**form.fields, "level": "2"}).status == 303
        assert points_of(running, "Ada") == 105.0
        page = running.get(address).text
        given = '<th scope="row">without axes</th><td class="right">5</td><td class="right">1</td>'
        assert given in page
        assert 'aria-pressed="true"><kbd>2</kbd> without axes <b>5</b>' in page


@pytest.mark.parametrize(
    ("query", "part"),
    [
        ({}, NotebookPart(kind="tag", tag="plot")),
        ({"shows": "nothing"}, NotebookPart()),
        ({"shows": "figure"}, NotebookPart(kind="figure")),
        ({"shows": "figure:3"}, NotebookPart(kind="figure", number=3)),
        ({"figure": "2"}, NotebookPart(kind="figure", number=2)),
        ({"cell": "7"}, NotebookPart(kind="cell", number=7)),
        ({"shows": "tag:a:b"}, NotebookPart(kind="tag", tag="a:b")),
        ({"shows": "cell:0"}, NotebookPart(kind="tag", tag="plot")),
        ({"shows": "../../x"}, NotebookPart(kind="tag", tag="plot")),
        ({"cell": "-1"}, NotebookPart(kind="tag", tag="plot")),
    ],
)
def test_an_address_says_which_part_of_a_notebook_is_shown(query: dict[str, str], part: NotebookPart) -> None:
    assert part_of_address(query, part_of_check(Manual(shows="cell:plot"))) == part
    assert part_of_address({"shows": part.written}, NotebookPart()) == part


def test_more_figures_than_are_shown_are_counted(tmp_path: Path) -> None:
    drawn = tuple(Output(kind="display", png=png(8, 8, seed)) for seed in range(MOST_FIGURES + 3))
    with running_desk(
        tmp_path, [Entrant(name="Ada", cells=(Cell(number=1, source="x", executed=True, outputs=drawn),))]
    ) as running:
        page = running.get(f"{ACCURACY}&shows=figure").text
        assert page.count("data:image/png") == MOST_FIGURES
        assert "3 more of its figures" in page
        assert running.get(f"{ACCURACY}&shows=figure:9").text.count("data:image/png") == 1


@pytest.mark.parametrize("shows", ["figure", "cell:1"])
def test_figures_that_are_too_heavy_for_a_page_of_many_are_left_out_and_counted(tmp_path: Path, shows: str) -> None:
    drawn = tuple(Output(kind="display", png=photograph(seed)) for seed in range(3))
    cell = Cell(number=1, source="x", executed=True, outputs=drawn)
    with running_desk(tmp_path, [Entrant(name="Ada", cells=(cell,))]) as running:
        page = running.get(f"{ACCURACY}&shows={shows}").text
        assert page.count("data:image/png") == 1
        assert "data:image/webp" not in page
        assert "2 too heavy to be shown here" in page


def test_ones_own_first_and_last_decisions_are_compared() -> None:
    def entry(number: int, points: float | None, author: str = "kim", subject: str = "m") -> LogEntry:
        value = None if points is None else {"points": points}
        return LogEntry(
            id=number, assignment="a", student=f"s{number}", kind="check", subject=subject, value=value, author=author,
            time="2026-11-20T10:00:00+00:00",
        )  # fmt: skip

    mine = [entry(number, points) for number, points in enumerate((9, 8, 7, 6, 5, 4, 3))]
    others = [entry(20, 0.0, author="lee"), entry(21, 0.0, subject="other"), entry(22, None)]
    said = drift(ClassState(rows=(), log=(*mine, *others)), "m", "kim")
    assert said == ("Your first 2 decisions gave 8.5 points in the mean, your last 2 gave 3.5: 5 fewer.")
    assert drift(ClassState(rows=(), log=tuple(mine[:5])), "m", "kim") == ""
