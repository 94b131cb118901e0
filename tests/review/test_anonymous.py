"""Names hidden: no name of the class survives in any text, any page or any address, until somebody reveals it."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser

from grader.core.evidence import Cell, CellError, Output
from grader.core.results import Flag, Status
from grader.gradebook import Change, open_gradebook
from grader.review.desk import Desk
from grader.review.names import HIDDEN, KnownAs, Names, make_hider, numbered
from grader.review.similar_code_page import pair_lines
from grader.run.similar_code import compare_again
from tests.marking.test_shared_code import passage
from tests.review.browsing import SIGHTS, faults, overflow, visiting
from tests.review.desks import Entrant, RunningDesk, running_desk, serving
from tests.review.forms import forms_of

ADA = KnownAs(
    label="Student 17", names=("Ada Lind-Öberg",), addresses=("ada.lind@uni.example",), logins=("s4711x", "1234567"),
    files=("hw_final2.ipynb",),
)  # fmt: skip
BO = KnownAs(label="Student 2", names=("Bo Mwangi",), groups=("The Night Owls",))


def hide(text: str, *persons: KnownAs) -> str:
    return make_hider(persons or (ADA, BO)).hide(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("by Ada Lind-Öberg.", "by Student 17."),
        ("ADA LIND OBERG", "Student 17"),
        ("Lind-Öberg, Ada", "Student 17"),
        ("Ada Lind", HIDDEN),
        ("ada_lind_oeberg.ipynb", "Student 17.ipynb"),
        ("A\u200bda O\u0308berg, A⟨U+200B⟩da", f"Student 17, {HIDDEN}"),
        ("# adalindöberg7", "# Student 17 7"),
        ("write to ada.lind@uni.example", "write to Student 17"),
        ("s4711x 1234567 /home/s4711x/hw_final2.ipynb", f"{HIDDEN} {HIDDEN} /home/{HIDDEN}/{HIDDEN}"),
        ("97% with Bo Mwangi (50% of theirs)", "97% with Student 2 (50% of theirs)"),
        ("the night owls", "Student 2"),
        ("the night, Canada, bold, boa, 12345678, 4711", "the night, Canada, bold, boa, 12345678, 4711"),
        ("optimizer='adam'", "optimizer='adam'"),
        ("Student 17 and Group 2", "Student 17 and Group 2"),
        ("# Ada\n# Lind-Öberg\nx = 1", "# Student 17\n\nx = 1"),
        ("Ada\n\nLind\nÖberg2", "Student 17\n\n\n2"),
    ],
)
def test_what_is_hidden_and_what_is_left(text: str, shown: str) -> None:
    assert hide(text) == shown


def test_a_part_of_a_name_never_tells_whose_it_is() -> None:
    assert hide("compile('adam')", KnownAs(label="Student 5", names=("Adam Smith",))) == f"compile('{HIDDEN}')"
    both = (KnownAs(label="Student 1", names=("Ada Lind",)), KnownAs(label="Student 2", names=("Lind Ada",)))
    assert hide("Ada Lind", *both) == HIDDEN


def test_names_in_scripts_without_spaces_are_found_inside_a_sentence() -> None:
    assert hide("王小明的作业", KnownAs(label="Student 3", names=("王小明",))).startswith("Student 3")


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("Ada Lindqvist", "class LindqvistNet(Model): adas_model = 1", f"class {HIDDEN}Net(Model): {HIDDEN}_model = 1"),
        ("Ada Lindqvist", "mylindqvistada, alindqvist2", f"my{HIDDEN}{HIDDEN}, {HIDDEN} 2"),
        (
            "Sean O'Brien",
            "OBrien obrien sobrien O_Brien theOBrienNet",
            f"{HIDDEN} {HIDDEN} {HIDDEN} O_{HIDDEN} the{HIDDEN}Net",
        ),
        ("Zoë de Vries", "devries DeVriesNet zdevries", f"{HIDDEN} {HIDDEN}Net {HIDDEN}"),
        ("Jörg Lößel", "loesselNet, my_LÖSSEL, xlo\u0308ssel", f"{HIDDEN}Net, my_{HIDDEN}, x{HIDDEN}"),
        (
            "Bo Lind",
            "LindNet, blindly, lindnet, MyLind, LINDNet",
            f"{HIDDEN}Net, blindly, lindnet, My{HIDDEN}, {HIDDEN}Net",
        ),
        ("Max King", "MaxPooling2D, looking, Canada", "MaxPooling2D, looking, Canada"),
        ("王小明", "by 小明 and 小李, 明日", f"by {HIDDEN} and 小李, 明日"),
    ],
)
def test_names_inside_identifiers(name: str, text: str, shown: str) -> None:
    one = KnownAs(label="Student 1", names=(name,))
    assert hide(text, one) == shown and hide(shown, one) == shown


letters = st.sampled_from("abcdeéèöüñøßłçABDÖÉžИж")
part = st.text(letters, min_size=3, max_size=8)
rosters = st.lists(st.lists(part, min_size=2, max_size=3).map(" ".join), min_size=1, max_size=6, unique=True)


def plain(text: str) -> str:
    """Letters as a reader compares them."""
    apart = unicodedata.normalize("NFKD", text.casefold()).casefold()
    return "".join(letter for letter in apart if not unicodedata.combining(letter))


@settings(deadline=None, max_examples=200)
@given(rosters, st.data())
def test_no_name_of_a_roster_survives_in_any_text(roster: list[str], data: st.DataObject) -> None:
    hider = make_hider(tuple(KnownAs(label=f"Student {place}", names=(name,)) for place, name in enumerate(roster, 1)))
    ways = (
        str.upper,
        str.lower,
        str.title,
        lambda name: unicodedata.normalize("NFD", name),
        lambda name: name.replace(" ", "_"),
        lambda name: ", ".join(reversed(name.split())),
        lambda name: name.split()[0],
    )
    said = data.draw(st.lists(st.tuples(st.sampled_from(roster), st.sampled_from(ways)), min_size=1, max_size=5))
    glue = data.draw(st.sampled_from([" ", "\n", "; # ", "7 ", "<b>", " =?&"]))
    text = glue.join(way(name) for name, way in said)
    hidden = hider.hide(text)
    left = {word for word in re.split(r"[^\w]|[\d_]", plain(hidden)) if word}
    assert left.isdisjoint({plain(word) for name in roster for word in name.split()} - {"student"})
    assert hider.hide(hidden) == hidden
    assert hidden.count("\n") == text.count("\n")
    page = hider.hide_in_page(f'<p title="{said[0][0]}">{said[0][0]}<a href="/x">{said[-1][0]}</a></p>')
    assert plain(said[0][0]) not in plain(page) and 'href="/x"' in page


@settings(deadline=None)
@given(st.text())
def test_a_text_without_names_is_left_as_it_is(text: str) -> None:
    assert hide(text, KnownAs(label="Student 1", names=("Qqxz Wwvk",))) == text


def test_a_page_keeps_its_tags_its_addresses_and_what_a_person_typed() -> None:
    page = (
        '<title>Bo Mwangi</title><a href="/Bo" title="of Bo &amp; Mwangi">&lt;Bo Mwangi&gt;</a><textarea>Bo</textarea>'
    )
    assert make_hider((BO,)).hide_in_page(page) == (
        '<title>Student 2</title><a href="/Bo" title="of Student 2">&lt;Student 2&gt;</a><textarea>Bo</textarea>'
    )


def test_the_order_follows_from_the_seed_and_not_from_the_names() -> None:
    names = [f"name {number:02}" for number in range(40)]
    one, other = numbered(names, "one"), numbered(names, "other")
    assert one == numbered(names[::-1], "one") and one != other
    assert sorted(one.values()) == list(range(1, 41)) and sorted(names, key=one.__getitem__) != names


# -- the desk

SHARED = passage(*range(10, 20))
ON_LINES = Cell(number=3, source="# Ada\n# Lindqvist\nx = 1\ny = 2", executed=True)
TOLD = Output(kind="stream", text="trained by Ada Lindqvist\n")
CLASS = (
    Entrant(
        name="Ada Lindqvist",
        cells=(
            Cell(number=1, source=f"# Ada Lindqvist, with help of mwangi\n{SHARED}", executed=True, outputs=(TOLD,)),
            Cell(number=2, source="open('/home/lindqvist/x')", executed=True,
                 error=CellError(name="OSError", message="/home/lindqvist/x", traceback="in /home/lindqvist")),
            ON_LINES,
        ),
        flags=(Flag(kind="similar_code", reason="shares 97% with Bo Mwangi (96% of theirs)", audience="instructor"),),
        status=Status.NEEDS_REVIEW,
    ),
    Entrant(name="Bo Mwangi", cells=(Cell(number=1, source=f"# <b>Mwangi</b>\n{SHARED}", executed=True),)),
    Entrant(name="Night Owls", members=("Dina Haddad", "Emil Bergström")),
    Entrant(name="Filip Horak", unread="Filip Horak.txt is no notebook"),
)  # fmt: skip
COLLEAGUES = (
    Change(kind="check", student="Bo Mwangi", subject="executes", author="lou", value={"points": 5}, reason="as Ada did"),
    Change(kind="adjustment", student="Bo Mwangi", author="lou", value={"points": -5}, reason="Mwangi told me"),
    Change(kind="override", student="Bo Mwangi", author="lou", reason="Bo Mwangi and Ada",
           value={"points": 40, "comment": "Mwangi, see me"}),
    Change(kind="comment", student="Bo Mwangi", subject="b" * 32, author="lou", value={"text": "Bo Mwangi\u202e, see Ada"}),
    Change(kind="saved_comment", subject="c" * 32, author="lou", value={"text": "Ada Lindqvist does it better"}),
)  # fmt: skip
NAMES = re.compile(r"ada|lindqvist|mwangi|night.?owls|dina|haddad|emil|bergstr|filip|horak", re.IGNORECASE)


def names_in(text: str) -> list[str]:
    """The names in a text; letters of a random number, as addresses and forms hold them, are none."""
    found: list[str] = NAMES.findall(re.sub(r"\b[0-9a-f]{16,64}\b", "", text))
    return found


@contextmanager
def anonymous_desk(root: Path) -> Iterator[RunningDesk]:
    with running_desk(root, CLASS) as open_desk:
        compare_again(open_desk.out, open_desk.course, open_desk.desk.assignment)
        with serving(
            Desk(replace(open_desk.desk.options, anonymous=True), open_desk.desk.book), open_desk.course
        ) as desk:
            yield desk


@pytest.fixture
def hidden_desk(tmp_path: Path) -> Iterator[RunningDesk]:
    with anonymous_desk(tmp_path) as desk:
        yield desk


def every_page(desk: RunningDesk) -> dict[str, str]:
    """What each page answers."""
    keys = [desk.key(entrant.name) for entrant in CLASS]
    (line,) = pair_lines(desk.desk.state(), Names())
    label = desk.desk.state().rows[0].result.checks[0].name
    paths = ["/", "/?queue=any", "/?sort=student", "/log", "/keys", "/check", "/comments", "/pairs", "/nowhere",
             line.href, f"/check/{label}?seed=1", "/check?cell=1", "/check?shows=figure",
             *(f"/submission/{key}" for key in keys)]  # fmt: skip
    return {path: desk.get(path).text for path in paths}


def test_no_name_is_on_any_page(hidden_desk: RunningDesk) -> None:
    desk = hidden_desk.desk
    desk.decide([
        Change(kind="adjustment", student="Bo Mwangi", author="kim", value={"points": -5}, reason="Mwangi told me"),
        Change(kind="similarity", subject="Ada Lindqvist\nBo Mwangi", author="kim", value={"verdict": "report"}),
        Change(kind="comment", student="Ada Lindqvist", subject="a" * 32, author="kim", value={"text": "Well done, Ada"}),
        *COLLEAGUES,
    ])  # fmt: skip
    for path, text in every_page(hidden_desk).items():
        shown = re.sub(r"<(style|script).*?</\1>", "", text, flags=re.S)
        assert names_in(shown) == [], path
    assert hidden_desk.get(f"/submission/{hidden_desk.key('Ada Lindqvist')}").text.count("97% with Student") == 1
    assert hidden_desk.get("/grades.csv").status in (400, 404)


def test_what_a_colleague_wrote_of_names_stays_written_where_a_form_comes_back_unchanged(
    hidden_desk: RunningDesk,
) -> None:
    desk, key = hidden_desk.desk, hidden_desk.key("Bo Mwangi")
    desk.decide(COLLEAGUES)
    kept = [
        form
        for form in forms_of(hidden_desk.get(f"/submission/{key}").text)
        if form.fields.get("reason") or (form.fields.get("id") == "b" * 32 and "text" in form.fields)
    ]
    assert [hidden_desk.post(form.action, form.fields).status for form in kept] == [303] * 4
    (change,) = [form for form in forms_of(hidden_desk.get("/comments").text) if form.action == "/comments/preview"]
    preview = hidden_desk.post(change.action, change.fields).text
    assert names_in(re.sub(r"<(style|script).*?</\1>", "", preview, flags=re.S)) == []
    (change,) = [form for form in forms_of(preview) if form.action == "/comments/change"]
    assert hidden_desk.post(change.action, change.fields).status == 303
    texts = {(entry.kind, entry.reason, (entry.value or {}).get("text"), (entry.value or {}).get("comment"))
             for entry in desk.state().log[len(COLLEAGUES) :]}  # fmt: skip
    assert texts == {(change.kind, change.reason, (change.value or {}).get("text"), (change.value or {}).get("comment"))
                     for change in COLLEAGUES}  # fmt: skip
    across = next(
        form for form in forms_of(hidden_desk.get("/check/executes?seed=1").text) if form.fields.get("row") == key
    )
    assert hidden_desk.post(across.action, {**across.fields, "level": "1"}).status == 303
    assert desk.state().log[-1].reason == "as Ada did"


def test_everybody_has_a_number_the_same_at_every_visit_and_in_another_desk(hidden_desk: RunningDesk) -> None:
    def called() -> list[str]:
        return [hidden_desk.desk.names().of(row) for row in hidden_desk.desk.state().rows]

    before = called()
    assert sorted(before) == ["Group 1", *sorted(name for name in before if name.startswith("Student "))]
    assert len(set(before)) == 4
    hidden_desk.desk.decide([Change(kind="looked_at", student="Bo Mwangi", author="kim", value={})])
    assert called() == before
    with open_gradebook(hidden_desk.out) as book:
        other = Desk(hidden_desk.desk.options, book)
        assert [other.names().of(row) for row in other.state().rows] == before


def test_a_comment_stands_on_the_line_that_was_chosen_though_a_name_goes_over_two_lines(
    hidden_desk: RunningDesk,
) -> None:
    key = hidden_desk.key("Ada Lindqvist")
    page = hidden_desk.get(f"/submission/{key}").text
    cell = re.sub(r'<span class="\w">|(?<!\n)</span>', "", page[page.index('id="cell-3"') :])
    assert re.findall(r'data-line="(\d)">(.*)', cell)[2:4] == [("3", "x = 1"), ("4", "y = 2")]


def test_nobody_who_has_the_class_list_can_tell_whose_an_address_is(hidden_desk: RunningDesk) -> None:
    rows = hidden_desk.desk.state().rows
    names = {row.folder.name for row in rows} | {
        name for row in rows for name in (*row.students, row.result.submission)
    }
    plain = {hashlib.new(way, name.encode()).hexdigest()[:16] for name in names for way in ("sha256", "sha1", "md5")}
    assert plain.isdisjoint(row.key for row in rows) and len({row.key for row in rows}) == len(rows)
    with open_gradebook(hidden_desk.out) as book:
        other = Desk(replace(hidden_desk.desk.options, author="lou", anonymous=False), book)
        assert [row.key for row in other.state().rows] == [row.key for row in rows]
    assert (hidden_desk.out / ".review-key").stat().st_mode & 0o007 == 0


def test_one_students_name_is_revealed_to_who_asked_and_the_log_says_so(hidden_desk: RunningDesk) -> None:
    key = hidden_desk.key("Bo Mwangi")
    assert "Reveal the name" in hidden_desk.get(f"/submission/{key}").text
    assert hidden_desk.post("/reveal", {"row": key, "back": "//elsewhere.example/"}).to == "/"
    assert hidden_desk.post("/reveal", {"row": key, "back": f"/submission/{key}"}).to == f"/submission/{key}"
    text = hidden_desk.get(f"/submission/{key}").text
    assert "Bo Mwangi" in text and "Reveal the name" not in text
    page = hidden_desk.get("/").text
    assert set(names_in(page)) == {"Mwangi"}
    log = hidden_desk.get("/log").text
    assert "names revealed" in log and "kim" in log and "<button>Undo" not in log
    colleague = Desk(replace(hidden_desk.desk.options, author="lou"), hidden_desk.desk.book)
    assert colleague.names().hide("Bo Mwangi").startswith("Student ")


def test_all_names_are_revealed_and_taking_it_back_hides_them_again(hidden_desk: RunningDesk) -> None:
    assert hidden_desk.post("/reveal", {}).to == "/"
    page = hidden_desk.get("/").text
    assert all(name in page for name in ("Ada Lindqvist", "Bo Mwangi", "Dina Haddad", "Filip Horak"))
    assert "Names are hidden" not in page
    hidden_desk.desk.decide([Change(kind="revealed", subject="kim", author="kim", value=None)])
    assert names_in(hidden_desk.get("/").text) == []


def test_a_group_is_revealed_with_its_members_and_nobody_else(hidden_desk: RunningDesk) -> None:
    hidden_desk.post("/reveal", {"row": hidden_desk.key("Night Owls")})
    text = hidden_desk.get("/").text
    assert "Dina Haddad" in text and "Emil Bergström" in text and "Mwangi" not in text
    assert hidden_desk.post("/reveal", {"row": "0" * 16}).status == 404


def test_what_a_person_typed_is_sent_as_it_was_typed(hidden_desk: RunningDesk) -> None:
    answer = hidden_desk.post("/comments/add", {"text": "use adam, not Ada", "points": "seven", "id": "b" * 32})
    assert answer.status == 400 and ">use adam, not Ada</textarea>" in answer.text


def test_without_the_option_names_are_names(tmp_path: Path) -> None:
    with running_desk(tmp_path, CLASS) as desk:
        page = desk.get("/").text
        assert "Ada Lindqvist" in page and "Names are hidden" not in page
        assert desk.post("/reveal", {}).status == 400 and desk.desk.state().log == ()


@pytest.mark.parametrize(("width", "dark"), SIGHTS)
def test_in_a_browser_by_mouse_and_by_keyboard(
    browser: Browser, axe: str, tmp_path_factory: pytest.TempPathFactory, width: int, dark: bool
) -> None:
    with (
        anonymous_desk(tmp_path_factory.mktemp("desk")) as desk,
        visiting(browser, desk, width=width, dark=dark) as found,
    ):
        page = found.page
        assert "Nobody looks into figures" in page.locator(".names-hidden").inner_text()
        assert names_in(page.locator("body").inner_text() + page.title()) == []
        assert (faults(page, axe), overflow(page) <= 0) == ([], True)
        page.goto(f"{desk.origin}/submission/{desk.key('Ada Lindqvist')}")
        assert names_in(page.locator("body").inner_text() + page.title() + page.url) == []
        assert (faults(page, axe), overflow(page) <= 0) == ([], True)
        page.get_by_role("button", name="Reveal the name").focus()
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="Ada Lindqvist").wait_for()
        page.get_by_role("button", name="Reveal all names").click()
        page.get_by_role("link", name="Bo Mwangi").wait_for()
        assert found.errors == []
