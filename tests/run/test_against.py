"""A class against earlier years: copies are found wherever they are from, nobody is accused of his own or a team's work."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from grader.core.errors import UsageError
from grader.core.progress import Silent
from grader.core.results import Student
from grader.course.course import Course
from grader.gradebook import open_gradebook
from grader.intake import Entry
from grader.marking.publish import OutputOptions
from grader.marking.similarity import KIND, Found, Question, is_same, load_compared, same_people, teams_of
from grader.run.batch import grade_class
from grader.run.jplag_and_dolos import find_by_engine, open_engine
from grader.run.similar_code import compare_again, open_similarity, read_against
from grader.sandbox import open_sandbox
from grader.sandbox.limited_process import WorkLost
from tests.fakes import ASSIGNMENT, Act, Stage, a_context, list_class, write_class, write_course
from tests.marking.test_shared_code import passage

DOLOS = os.environ.get("GRADER_TEST_DOLOS", "")
# Takes what JPlag 6 is given, and answers as it does; alike are files of the same bytes.
STAND_IN = r"""
import java.nio.file.*;
import java.util.*;

public class Main {
    public static void main(String[] words) throws Exception {
        Map<String, String> given = new HashMap<>();
        for (String word : words) given.put(word.split("=")[0], word.contains("=") ? word.split("=", 2)[1] : "");
        if (!given.containsKey("--csv-export") || !"RUN".equals(given.get("--mode"))) System.exit(2);
        if (!Files.isDirectory(Path.of(given.get("--base-code")))) System.exit(3);
        List<Path> files = new ArrayList<>();
        for (String folder : List.of(given.get("--new"), given.get("--old")))
            try (var below = Files.list(Path.of(folder))) { below.sorted().forEach(files::add); }
        StringBuilder table = new StringBuilder("submissionName1,submissionName2,averageSimilarity,maxSimilarity\n");
        for (Path one : files)
            for (Path other : files)
                if (one.compareTo(other) < 0)
                    table.append(one + "," + other + "," + (Files.mismatch(one, other) < 0 ? "0.97,1.0" : "0.1,0.2") + "\n");
        Path folder = Files.createDirectories(Path.of(given.get("--result-file")));
        Files.writeString(folder.resolve("results.csv"), table);
    }
}
"""


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return write_course(tmp_path / "course")


def grade(
    course: Course, out: Path, source: Path, *against: Path, who: dict[str, Student] | None = None
) -> dict[str, str]:
    """Grade a class; the reason of each one's flag, or ""."""
    entries = [
        Entry(student=entry.student, path=entry.path, who=(who or {}).get(entry.student, entry.who))
        for entry in list_class(source)
    ]
    output = OutputOptions(out=out, course=course)
    similarity = open_similarity(against, None, ASSIGNMENT, out)
    with a_context(course) as context:
        results, _ = grade_class(entries, context, output, jobs=1, progress=Silent(), similarity=similarity)
    told = {result.student: [flag.reason for flag in result.flags if flag.kind == KIND] for result in results}
    return {name: "".join(reasons) for name, reasons in told.items()}


def notebook(*cells: str) -> str:
    return json.dumps({
        "nbformat": 4, "nbformat_minor": 5, "metadata": {},
        "cells": [
            {"cell_type": "code", "id": f"c{n}", "metadata": {}, "outputs": [], "source": cell, "execution_count": None}
            for n, cell in enumerate(cells)
        ],
    })  # fmt: skip


FIRST, SECOND, THIRD = passage(*range(10, 16)), passage(*range(20, 26)), passage(*range(30, 36))


def test_copies_of_last_year_and_from_the_net_are_told_with_place_and_share(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("ada", "bob", "cy", "dora", "eve")
    Stage({name: Act() for name in (*names, "old", "other")}).install(monkeypatch)
    last = write_class(tmp_path / "handed-in", "old", "other", "eve")
    (last / "old.py").write_text(FIRST + SECOND + THIRD, encoding="utf-8")
    (last / "eve.py").write_text(passage(*range(50, 60)), encoding="utf-8")
    assert not any(grade(course, tmp_path / "2025/exercise", last).values())
    web = tmp_path / "web" / "solutions"
    (web / "a repository" / ".git").mkdir(parents=True)
    (web / "a repository" / "train.py").write_text(passage(*range(60, 70)), encoding="utf-8")
    (web / "a repository" / "model.py").write_text(passage(*range(70, 80)), encoding="utf-8")
    (web / "a repository" / ".git" / "x.py").write_text(SECOND, encoding="utf-8")
    (course.root / "reference" / ASSIGNMENT).mkdir(parents=True)
    (course.root / "reference" / ASSIGNMENT / "solution.py").write_text(passage(*range(80, 90)), encoding="utf-8")
    (web / "leaked solution.py").write_text(passage(*range(80, 90)), encoding="utf-8")

    ours = write_class(tmp_path / "class", *names)
    (ours / "ada.ipynb").write_text(notebook(THIRD, "# in altro ordine", FIRST, SECOND), encoding="utf-8")
    (ours / "ada.py").unlink()
    (ours / "bob.py").write_text(passage(*range(70, 80)) + passage(*range(60, 70)), encoding="utf-8")
    (ours / "dora.py").write_text(passage(*range(80, 90)), encoding="utf-8")
    (ours / "eve.py").write_text(passage(*range(50, 60)), encoding="utf-8")
    told = grade(course, tmp_path / "2026/exercise", ours, tmp_path / "2025", web)
    assert "with old of 2025/exercise (" in told["ada"] and "the longest stretch has" in told["ada"]
    assert "with a repository of web/solutions (" in told["bob"]
    assert (told["cy"], told["dora"], told["eve"]) == ("", "", ""), "nobody, the course's own solution, and himself"

    out = tmp_path / "2026/exercise"
    kept = load_compared(out)
    assert kept is not None and [(one.folder, one.name) for one in kept.earlier] == [
        ("2025/exercise", "old"), ("web/solutions", "a repository"),
    ]  # fmt: skip
    assert [(pair.first, pair.against, pair.longest > 10) for pair in kept.pairs] == [
        ("ada", "2025/exercise", True), ("bob", "web/solutions", True),
    ]  # fmt: skip
    page = (out / "index.html").read_text(encoding="utf-8")
    assert "web/solutions" in page and "Longest stretch" in page
    assert "2025" not in (out / "ada" / "report.html").read_text(encoding="utf-8"), "no student sees it"
    assert compare_again(out, course, ASSIGNMENT) == kept, "with the same folders"
    shutil.rmtree(web)
    with pytest.raises(UsageError, match="web/solutions: is not there"):
        compare_again(out, course, ASSIGNMENT)


def test_who_repeats_the_course_and_who_is_in_a_team_is_known_by_number_login_address_or_name() -> None:
    ada = Student(name="Ada Lind", identity="12", login="al12")
    assert is_same(ada, Student(name="A. Lind-Berg", identity="AL12")), "a login in the place of the number"
    assert is_same(ada, Student(name="ADA  LIND")) and not is_same(ada, Student(name="Ada Lind", identity="13"))
    assert not is_same(Student(name=""), Student(name=""))
    bo, cy = Student(name="Bo", group="G1"), Student(name="Cy", group="g1")
    assert teams_of([[bo], [cy], [ada]]) == [(bo, bo, cy), (cy, bo, cy), (ada,)]
    this_year = [(Student(name="Cy"),), (ada,)]
    assert same_people([*this_year, *teams_of([[bo], [cy], [ada]])], 2) == ((0, 2), (0, 3), (1, 4))


def test_team_mates_and_two_hand_ins_of_one_person_are_no_pair(
    course: Course, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = ("ada", "again", "bob", "cy")
    Stage({name: Act() for name in names}).install(monkeypatch)
    ours = write_class(tmp_path / "class", *names)
    for name in names:
        (ours / f"{name}.py").write_text(FIRST + SECOND, encoding="utf-8")
    out = tmp_path / "out"
    assert all(grade(course, out, ours).values()), "nobody knows who they are"
    who = {
        "ada": Student(name="ada", identity="1", group="A"), "again": Student(name="again", identity="1"),
        "bob": Student(name="bob", identity="2", group="A"), "cy": Student(name="cy", identity="3"),
    }  # fmt: skip
    output = OutputOptions(out=out, course=course)
    entries = [Entry(student=name, path=ours / f"{name}.py", who=student) for name, student in who.items()]
    with a_context(course) as context, open_gradebook(out) as book:
        grade_class(entries, context, output, jobs=1, progress=Silent(), book=book)
    kept = load_compared(out)
    assert kept is not None
    assert {frozenset((pair.first, pair.second)) for pair in kept.pairs} == {
        frozenset(pair) for pair in (("ada", "cy"), ("again", "cy"), ("bob", "cy"))
    }  # fmt: skip


@pytest.mark.parametrize(
    ("place", "said"),
    [("nowhere", "is not there"), ("empty", "no submission"), ("pictures", "neither results"), ("out", "this class' own"),
     ("a.txt", "neither a folder nor a zip")],
)  # fmt: skip
def test_a_folder_that_can_not_be_compared_with_is_said_in_a_line(tmp_path: Path, place: str, said: str) -> None:
    for name in ("empty", "pictures/ada", "out"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "pictures/ada/x.png").write_bytes(b"\x89PNG")
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(UsageError) as fault:
        read_against([tmp_path / place], "exercise", [tmp_path / "out"])
    assert said in str(fault.value) and place in str(fault.value) and "\n" not in str(fault.value)


@pytest.mark.parametrize(
    ("words", "said"),
    [("moss=x", "is not understood"), ("jplag", "is not understood"), ("jplag=x.jar", "there is no such file"),
     ("dolos=.", "npm install @dodona/dolos-lib")],
)  # fmt: skip
def test_an_engine_that_is_not_there_is_said_with_what_to_do(words: str, said: str) -> None:
    with pytest.raises(UsageError) as fault:
        open_engine(words)
    assert said in str(fault.value)


QUESTION = Question(
    sources={"ada": "%matplotlib inline\n" + FIRST, "bob": SECOND, "cy": "%matplotlib inline\n" + FIRST},
    boilerplate=("import keras\n",), earlier=(("2025", SECOND),),
)  # fmt: skip


@pytest.mark.skipif(not shutil.which("javac") or not shutil.which("jar"), reason="no JDK, which builds the stand-in")
def test_a_jar_that_speaks_as_jplag_does_is_asked_in_a_sandbox(tmp_path: Path) -> None:
    (tmp_path / "Main.java").write_text(STAND_IN, encoding="utf-8")
    subprocess.run(["javac", "Main.java"], cwd=tmp_path, check=True)
    subprocess.run(["jar", "cfe", "jplag.jar", "Main", "Main.class"], cwd=tmp_path, check=True)
    engine, sandbox = open_engine(f"jplag={tmp_path / 'jplag.jar'}"), open_sandbox("bubblewrap")
    assert find_by_engine(engine, QUESTION, sandbox) == (Found(0, 2, 0.97, 0.97), Found(1, 3, 0.97, 0.97))
    with pytest.raises(WorkLost, match="by jplag gave no answer"):
        find_by_engine(engine, QUESTION.model_copy(update={"boilerplate": ()}), sandbox)


@pytest.mark.skipif(
    not DOLOS, reason="GRADER_TEST_DOLOS names no folder in which `npm install @dodona/dolos-lib` was typed"
)
def test_dolos_of_npm_is_asked_in_a_sandbox() -> None:
    found = find_by_engine(open_engine(f"dolos={DOLOS}"), QUESTION, open_sandbox("bubblewrap"))
    assert [pair[:2] for pair in found] == [(0, 2), (1, 3)]
