"""The gallery is rendered from its records alone: every page of it, without data."""

import gzip
import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_every_record_of_the_gallery_gives_its_pages(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "docs" / "gallery.py"), "render", str(tmp_path)]
    done = subprocess.run(
        command, capture_output=True, text=True, env={"PATH": "", "GRADER_DATA": str(tmp_path)}, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    folders = sorted(path.name for path in tmp_path.iterdir())
    assert folders == [
        "architecture-googlenet", "example-class", "five-hundred", "reference-exercise1", "reference-exercise2",
        "reference-pets",
    ]  # fmt: skip
    index = (tmp_path / "example-class" / "index.html").read_text(encoding="utf-8")
    linked = set(re.findall(r'href="([^"#]+\.html)"', index))
    assert len(linked) == 10
    page = (ROOT / "docs" / "gallery.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\]\(gallery/([^)]+)\)", page))
    assert len(named) == 6 and all((tmp_path / name).is_file() for name in named)
    written = list(tmp_path.rglob("*.html"))
    assert len(written) == 10 + 1 + 1 + 4
    assert all(path.stat().st_size < 1_500_000 for path in written)


def test_a_record_holds_no_photograph_of_a_dataset() -> None:
    records = sorted((ROOT / "docs" / "records").glob("*.json.gz"))
    assert len(records) == 5
    for path in records:
        assert path.stat().st_size < 200_000
        record = json.loads(gzip.decompress(path.read_bytes()))
        for student in record["students"]:
            assert record["assignment"] != "pets" or not student["mistakes"]
            cells = student["evidence"]["claims"]["cells"] if student["evidence"] else []
            assert all(len(output["png"] or "") < 150_000 for cell in cells for output in cell["outputs"])
