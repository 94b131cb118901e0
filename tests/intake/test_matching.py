"""Hand-ins and students find each other by what is certain, and by nothing else."""

from hypothesis import given
from hypothesis import strategies as st

from grader.intake.class_folder_or_zip import Found, Kind
from grader.intake.match import match, names_of
from grader.intake.roster import Enrolled, Roster


def class_of(**students: dict[str, str]) -> Roster:
    lines = [
        Enrolled(
            line=line, name=fields.pop("name", name), logins=tuple(filter(None, [fields.pop("login", "")])), **fields
        )
        for line, (name, fields) in enumerate(students.items(), 2)
    ]
    return Roster(students=tuple(lines))


def handed_in(*pairs: tuple[str, str]) -> list[Found]:
    return [Found(name=name, label=name, key=key, kind="moodle" if key else "plain") for name, key in pairs]


def matched(found: list[Found], roster: Roster) -> list[int | None]:
    return [item.student.line if item.student else None for item in match(found, roster).matches]


def test_the_platforms_number_goes_before_a_name_that_says_otherwise() -> None:
    roster = class_of(Ada={"participant": "1"}, Bob={"participant": "2"})
    assert matched(handed_in(("Bob", "1")), roster) == [2]


def test_a_name_does_not_match_a_student_who_has_another_number() -> None:
    roster = class_of(Ada={"participant": "1"})
    assert matched(handed_in(("Ada", "7")), roster) == [None]
    assert matched(handed_in(("Ada", "")), roster) == [2]


def test_a_file_may_be_called_after_a_number_a_login_an_address_or_a_name() -> None:
    roster = class_of(**{"Zoë Müller": {"identity": "S-12", "login": "zmueller", "email": "zoe@x.org"}})
    for name in ("s-12", "ZMueller", "Zoe@x.org".lower(), "Zoe\u0308 Mu\u0308ller", "zoë  müller"):
        assert matched(handed_in((name, "")), roster) == [2], name
    for name in ("Zoë", "Zoe Muller", "12", "s-123", ""):
        assert matched(handed_in((name, "")), roster) == [None], name


def test_what_two_students_share_is_never_guessed() -> None:
    roster = class_of(a={"name": "Ada", "identity": "1"}, b={"name": "ada", "identity": "2"}, c={"name": "Cy"})
    found = match(handed_in(("Ada", ""), ("Cy", ""), ("1", "")), roster)
    assert [item.student and item.student.line for item in found.matches] == [None, 4, 2]
    assert found.matches[0].doubt == "Ada: 2 students of the roster have the name 'Ada'"
    assert [(student.line, bool(doubt)) for student, doubt in found.missing] == [(3, True)]


def test_two_hand_ins_of_one_name_are_not_both_of_the_only_student_who_has_it() -> None:
    roster = class_of(Ada={"identity": "1"})
    found = match(handed_in(("Ada", "7"), ("ada", "8")), roster)
    assert [item.student for item in found.matches] == [None, None]
    assert "more than one hand-in has the name" in found.matches[0].doubt
    assert "more than one hand-in" in found.missing[0][1]


def test_a_number_that_is_one_students_identity_and_anothers_login_tells_nobody() -> None:
    roster = class_of(Ada={"identity": "x1"}, Bob={"login": "X1"})
    assert matched(handed_in(("x1", "")), roster) == [None]


def test_names_are_compared_in_their_usual_order_and_as_canvas_writes_them() -> None:
    assert names_of(Enrolled(line=2, name="Lovelace, Ada")) == {"lovelace, ada", "ada lovelace", "lovelaceada"}
    assert "o_brienada" not in names_of(Enrolled(line=2, name="Ada O'Brien"))
    assert "obrienada" in names_of(Enrolled(line=2, name="Ada O'Brien"))
    assert "plato" in names_of(Enrolled(line=2, name="Plato"))


def one(name: str, key: str = "", kind: Kind = "plain") -> Found:
    return Found(name=name, label=name, key=key, kind=kind)


def test_a_key_is_looked_up_among_what_it_is_alone() -> None:
    roster = class_of(
        Ada={"identity": "20110042", "login": "ada-l", "email": "ada@x.org", "participant": "11"}, Bob={"login": "12"}
    )
    strangers = [
        one("20110042", "20110042", "login"), one("11", "11", "login"), one("Ada", "Ada", "login"),
        one("20110042", "999", "moodle"), one("Eve", "20110042", "moodle"), one("Eve", "12", "canvas"),
        one("ada-l", "7", "canvas"), one("11"), one("ada@x.org", "ada@x.org", "login"),
    ]  # fmt: skip
    for item in strangers:
        (found,) = match([item], roster).matches
        assert found.student is None, item
        assert bool(found.doubt) == (item.kind not in ("moodle", "canvas")), (item, found)
    for item in (
        one("ada-l", "ada-l", "login"), one("20110042", "20110042", "folder"), one("ada-l", "ada-l", "folder"),
        one("ada@x.org"), one("Someone", "11", "moodle"), one("Ada", "", "moodle"), one("x", "11", "canvas"),
    ):  # fmt: skip
        assert matched([item], roster) == [2], item
    both = [one("20110042", "20110042", "login"), one("ada-l", "ada-l", "login")]
    mixed = match(both, roster).matches
    assert [item.student and item.student.line for item in mixed] == [None, 2]
    assert mixed[0].doubt == ("20110042: '20110042' is what Ada is known by elsewhere, and proves nothing here")


GROUPS: dict[str, dict[str, str]] = {"Ada": {"group": "group-a"}, "Bob": {"group": "group-a"}, "Cy": {}}


def members(found: list[Found], **more: dict[str, str]) -> list[list[str] | str]:
    roster = class_of(**{name: dict(fields) for name, fields in {**GROUPS, **more}.items()})
    return [
        [student.name for student in item.members] or item.doubt or (item.student.name if item.student else "")
        for item in match(found, roster).matches
    ]


def test_a_group_takes_a_hand_in_only_where_a_download_has_groups() -> None:
    assert members([one("group-a"), one("Cy")]) == [
        "group-a: has the name of the group 'group-a', but this is no download of groups' work", "Cy",
    ]  # fmt: skip
    assert members([one("Group-A")], Cy={"group": "b"}) == [["Ada", "Bob"]], "nobody is in no group"
    assert members([one("group a"), one("groupa")], Cy={"group": "b"}) == ["", ""], "the name and nothing like it"
    moodle = [one("Dee", "1", "moodle"), one("Eve", "2", "moodle"), one("group-a", "3", "moodle")]
    assert "no download of groups" in members(moodle)[2]
    assert members([one("group-a", "3", "moodle"), one("Default group", "", "moodle")])[0] == ["Ada", "Bob"]
    assert members([one("groupa", "3", "canvas"), one("Cy", "4", "canvas")]) == [["Ada", "Bob"], "Cy"]
    assert "no download" in members([one("group-a", "group-a", "login")])[0]


def test_two_for_one_group_and_one_beside_a_members_own_are_doubts() -> None:
    twice = [one("group-a", "3", "moodle"), one("Group-a", "4", "moodle")]
    assert all("and so has another one" in str(item) for item in members(twice))
    assert members([one("groupa", "3", "canvas"), one("Bob", "4", "canvas")]) == [
        "groupa: has the name of the group 'group-a', of which Bob handed in something too", "Bob",
    ]  # fmt: skip


WORDS = st.sampled_from(["ada", "Ada", "bob", "1", "2", "", "Ada Bob", "bobada"])
ENROLLED = st.builds(
    lambda name, identity, login, participant, group: {
        "name": name, "identity": identity, "login": login, "participant": participant, "group": group
    },
    WORDS, WORDS, WORDS, WORDS, WORDS,
)  # fmt: skip


@given(st.lists(ENROLLED, max_size=5), st.lists(st.tuples(WORDS, WORDS), max_size=5))
def test_every_student_of_any_roster_has_a_hand_in_or_is_missing(
    students: list[dict[str, str]], pairs: list[tuple[str, str]]
) -> None:
    roster = class_of(**{str(number): dict(fields) for number, fields in enumerate(students)})
    found = match(handed_in(*pairs), roster)
    assert len(found.matches) == len(pairs)
    covered = {student.line for item in found.matches for student in (item.student, *item.members) if student}
    missing = [student.line for student, _ in found.missing]
    assert sorted([*covered, *missing]) == [student.line for student in roster.students]


def test_a_number_that_lost_its_zeros_is_no_match_and_is_told() -> None:
    roster = class_of(Ada={"identity": "42"}, Bob={"identity": "0107"}, Cy={"participant": "7"}, Dee={"identity": "0"})
    found = match(handed_in(("0042", ""), ("107", ""), ("x", "007"), ("108", ""), ("", "")), roster)
    assert [item.student for item in found.matches] == [None] * 5
    assert [item.stranger for item in found.matches] == [False, False, False, True, True]
    assert found.matches[0].doubt == (
        "0042: the roster has the number '42' in line 2, which differs in zeros in front that spreadsheets take away"
    )
    assert [bool(doubt) for _, doubt in found.missing] == [True, True, True, False]


def test_two_numbers_that_differ_in_zeros_alone_tell_nobody() -> None:
    roster = class_of(Ada={"identity": "42"}, Bob={"identity": "042"})
    assert matched(handed_in(("42", ""), ("042", "")), roster) == [2, 3]
    assert match(handed_in(("0042", "")), roster).matches[0].doubt == ""
