"""Clones of students' repositories, made by git itself; the last commit's time is read without git."""

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.core.errors import UsageError
from grader.intake.platforms import read_form
from grader.intake.platforms.github_classroom import common_prefix, last_commit
from tests.intake.zips import NOTEBOOK, graded, opened, row_of, write_tree, write_zip

TIME = datetime(2024, 5, 1, 10, 30, tzinfo=UTC)


def git(folder: Path, *words: str, time: str = "2024-05-01T12:30:00+02:00") -> None:
    environment = {
        "PATH": "/usr/bin:/bin", "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "GIT_COMMITTER_DATE": time,
        "GIT_AUTHOR_DATE": "2000-01-01T00:00:00Z",
    }  # fmt: skip
    identity = ["-c", "user.name=Ada > 1 +0000", "-c", "user.email=ada@x.org", "-c", "init.defaultBranch=main"]
    subprocess.run(["git", *identity, *words], cwd=folder, env=environment, check=True, capture_output=True)


def clone_of(folder: Path, *, packed: bool = False, commits: int = 1) -> Path:
    """A repository with a notebook; the last commit at `TIME`."""
    folder.mkdir(parents=True)
    git(folder, "init")
    for number in range(commits):
        (folder / "work.ipynb").write_bytes(NOTEBOOK + b" " * number)
        git(folder, "add", ".")
        date = "2024-05-01T12:30:00+02:00" if number == commits - 1 else "2024-04-01T00:00:00Z"
        git(folder, "commit", "-m", "work\n\ncommitter Eve <e@x> 1 +0000", time=date)
    if packed:
        git(folder, "gc")
        assert not list((folder / ".git" / "refs" / "heads").iterdir())
    return folder


def test_clones_are_rows_called_after_their_logins_with_the_time_of_the_last_commit(tmp_path: Path) -> None:
    clone_of(tmp_path / "mnist-submissions" / "mnist-ada-l")
    clone_of(tmp_path / "mnist-submissions" / "mnist-ada-m", packed=True, commits=5)
    (tmp_path / "mnist-submissions" / "mnist-empty").mkdir()
    found = opened(
        tmp_path / "mnist-submissions",
        roster="identifier,github_username,github_id,name\ns1,Ada-L,1,Ada Lovelace\ns2,,,Bob\n",
    )
    assert found.form == "classroom"
    assert [(entry.student, entry.who.participant, entry.submitted) for entry in found.entries] == [
        ("Ada Lovelace", "ada-l", TIME), ("ada-m", "ada-m", TIME), ("empty", "empty", None), ("Bob", "", None),
    ]  # fmt: skip
    assert row_of(found, "Ada Lovelace").who.identity == "s1"
    assert graded(row_of(found, "ada-m")) == "work.ipynb"


def test_clones_are_asked_for_by_their_name_and_by_the_former_one() -> None:
    assert read_form("clones") == read_form("classroom") == read_form(" Clones ") == ("classroom", "")
    with pytest.raises(UsageError, match="nbgrader, clones, gradescope, nbgrader:NAME"):
        read_form("clone")


@pytest.mark.parametrize("packed", [False, True])
def test_the_time_is_found_loose_packed_and_on_any_branch(tmp_path: Path, packed: bool) -> None:
    folder = clone_of(tmp_path / "a", packed=packed, commits=3)
    assert last_commit(folder) == TIME
    git(folder, "checkout", "-b", "feature/deep.er")
    assert last_commit(folder) == TIME
    git(folder, "checkout", "--detach")
    assert last_commit(folder) == TIME


def test_a_fresh_clone_and_a_shallow_one_tell_the_time(tmp_path: Path) -> None:
    clone_of(tmp_path / "origin", commits=4)
    for name, extra in {"full": [], "shallow": ["--depth=1"]}.items():
        git(tmp_path, "clone", *extra, f"file://{tmp_path}/origin", name)
        assert last_commit(tmp_path / name) == TIME


def test_links_out_of_the_clone_are_not_followed(tmp_path: Path) -> None:
    real = clone_of(tmp_path / "real")
    for name in ("", "HEAD", "objects", "refs/heads/main"):
        copy = clone_of(tmp_path / f"copy-{name.replace('/', '-')}")
        target = copy / ".git" / name
        target.rename(tmp_path / f"away-{name.replace('/', '-')}")
        target.symlink_to(real / ".git" / name)
        assert last_commit(copy) is None


@pytest.mark.parametrize(
    "head",
    [b"", b"ref: refs/heads/../../../x", b"ref: refs/heads/none", b"\xff", b"a" * 40, b"ref: /etc/passwd", b"0" * 64],
)
def test_a_head_that_leads_nowhere_is_no_time(tmp_path: Path, head: bytes) -> None:
    folder = clone_of(tmp_path / "a")
    (folder / ".git" / "HEAD").write_bytes(head)
    assert last_commit(folder) is None
    assert last_commit(tmp_path) is None


@pytest.mark.parametrize("ending", ["idx", "pack"])
def test_a_damaged_pack_is_no_time_and_no_crash(tmp_path: Path, ending: str) -> None:
    folder = clone_of(tmp_path / "a", packed=True)
    (path,) = (folder / ".git" / "objects" / "pack").glob(f"*.{ending}")
    path.chmod(0o600)
    whole = path.read_bytes()
    for place in range(0, len(whole), max(1, len(whole) // 60)):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
            path.write_bytes(damaged)
            assert last_commit(folder) is None or isinstance(last_commit(folder), datetime)
    path.write_bytes(b"")
    assert last_commit(folder) is None


def test_a_zip_of_clones_has_the_same_rows_and_nothing_of_their_repositories(tmp_path: Path) -> None:
    git_files = [(f".git/{name}", b"ref: refs/heads/main") for name in ("HEAD", "config", "objects/aa/bb")]
    clones = [
        (f"mnist-submissions/mnist-{login}/{name}", data)
        for login in ("ada", "bob")
        for name, data in (("work.ipynb", NOTEBOOK), *git_files)
    ]
    found = opened(write_zip(tmp_path / "download.zip", *clones))
    assert (found.form, [entry.student for entry in found.entries]) == ("classroom", ["ada", "bob"])
    assert [graded(entry) for entry in found.entries] == ["work.ipynb", "work.ipynb"]
    assert not list(found.entries[0].path.rglob(".git"))


def test_a_folder_of_repositories_that_are_no_clones_keeps_its_names(tmp_path: Path) -> None:
    for name in ("ada", "bob"):
        clone_of(tmp_path / "class" / name)
    write_tree(tmp_path / "class", ("cy.py", b"a = 1"))
    found = opened(tmp_path / "class")
    assert [entry.student for entry in found.entries] == ["ada", "bob", "cy"]


LOGIN = st.lists(st.text("az09", min_size=1, max_size=3), min_size=1, max_size=3).map("-".join)


@given(st.lists(LOGIN, min_size=1, unique=True), LOGIN)
def test_any_logins_are_read_again_where_the_assignment_is_known(logins: list[str], slug: str) -> None:
    names = [f"{slug}-{login}" for login in logins]
    for around, assignment in ((f"{slug}-submissions", "other"), ("clones", slug)):
        assert common_prefix(names, around=around, assignment=assignment) == f"{slug}-"


@given(st.lists(st.text(), unique=True))
def test_what_all_names_begin_with_is_never_more_than_they_have(names: list[str]) -> None:
    prefix = common_prefix(names, around="clones", assignment="")
    assert all(name.startswith(prefix) for name in names)
    assert prefix == "" or prefix.endswith("-")
