"""The table of how large the house is."""

from pathlib import Path

from tests.project.size import ROOT, Size, floors, size_of, table


def test_blank_lines_comments_and_docstrings_are_no_code(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text(
        '"""What it is.\n\nMore.\n"""\n\n# why\nX = """two\nlines"""\n\n\ndef f():\n    """Doc."""\n    return 1  # one\n'
    )
    assert size_of(file) == Size(files=1, lines=13, code=4)


def test_the_table_counts_every_file_once_and_every_room_has_a_floor() -> None:
    lines = table()
    counted = int(lines[-1].split("|")[3])
    assert counted == len(list((ROOT / "grader").rglob("*.py")))
    rooms = {path.name for path in (ROOT / "grader").iterdir() if (path / "__init__.py").is_file()}
    assert {room for floor in floors() for room in floor} == rooms


def test_the_map_of_the_rooms_names_each_on_its_floor() -> None:
    drawn = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## The rooms")[1].split("```")[1]
    found: list[list[str]] = []
    for line in drawn.strip("\n").splitlines():
        if line.strip():
            number, room = line[:3].strip(), line[4:].split()[0]
            found += [[]] if number else []
            found[-1].append(room)
    assert [sorted(rooms) for rooms in found] == [sorted(rooms) for rooms in floors()]
