"""The trained network beside a student's work: which one it is, and what the self-check says of it."""

from pathlib import Path

from grader.core.results import Accuracy
from grader.intake import read_path
from grader.selfcheck.check_submission import networks_beside
from grader.selfcheck.estimate import NetworkBeside
from grader.selfcheck.text import describe_network_beside

SAME = NetworkBeside(
    name="model.keras", size=5 << 20, allowed=200 << 20, maker="same",
    accuracy=Accuracy(value=0.9, correct=9, judged=10, interval=(0.6, 0.99)),
)  # fmt: skip


def test_networks_in_the_folder_of_the_work_are_those_that_would_be_handed_in(tmp_path: Path) -> None:
    work = tmp_path / "work.py"
    work.write_text("x = 1\n", encoding="utf-8")
    for name in ("model.keras", "old.h5", "notes.txt"):
        (tmp_path / name).write_bytes(b"PK")
    (tmp_path / "link.keras").symlink_to(tmp_path / "model.keras")
    found, too_large = networks_beside(work, read_path(work), 100)
    assert set(found) == {"model.keras", "old.h5"}
    assert too_large is None


def test_one_that_is_too_large_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "work.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "model.keras").write_bytes(b"0" * 101)
    found, too_large = networks_beside(tmp_path / "work.py", read_path(tmp_path / "work.py"), 100)
    assert found == {}
    assert too_large is not None
    assert (too_large.name, too_large.size, too_large.allowed) == ("model.keras", 101, 100)
    assert "at most 100 B" in too_large.problem
    assert any("at most 100 B" in line for line in describe_network_beside(too_large))


def test_a_folder_holds_its_own_networks(tmp_path: Path) -> None:
    (tmp_path / "ada").mkdir()
    (tmp_path / "ada" / "work.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "ada" / "model.keras").write_bytes(b"PK")
    found, _ = networks_beside(tmp_path / "ada", read_path(tmp_path / "ada"), 100)
    assert set(found) == {"model.keras"}


def test_what_is_said_of_it_is_whose_it_is_how_large_and_how_good() -> None:
    lines = list(describe_network_beside(SAME))
    assert lines[1] == "  5 MiB; 200 MiB are allowed"
    assert "it is the network that your code builds" in lines[2]
    assert lines[3].startswith("  accuracy 90.00 % (9 of 10 on public images")
    other = SAME.model_copy(update={"maker": "different", "differences": ("layer 1: Dense with units = 2\x1b[31m",)})
    lines = list(describe_network_beside(other))
    assert "not the network that your code builds" in lines[2]
    assert "layer 1: Dense with units = 2" in lines[3]
    unseen = SAME.model_copy(update={"maker": "unknown", "differences": ("the code builds no Keras network",)})
    assert "can't be told: the code builds no Keras network" in list(describe_network_beside(unseen))[2]
