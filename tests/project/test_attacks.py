"""The table of attacks: each has a test, or a place in the documentation that says what is not defended."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
ATTACKS: list[dict[str, Any]] = tomllib.loads((ROOT / "tests/project/attacks.toml").read_text(encoding="utf-8"))[
    "attack"
]


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: str(attack["number"]))
def test_what_holds_an_attack_off_is_there(attack: dict[str, Any]) -> None:
    assert attack["before"]
    assert attack["now"]
    for named in attack.get("tests", ()):
        file, _, test = named.partition("::")
        source = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert re.search(rf"def test_{test}\b" if test else r"def test_", source), f"{named} is not there"
    file, _, word = attack.get("document", "").partition(": ")
    assert not file or word in (ROOT / file).read_text(encoding="utf-8")
    assert file or attack["tests"]


def test_the_table_of_attacks_can_be_read() -> None:
    """Shown with `-s`."""
    lines = [
        f"{attack['number']:>3}  {attack['what']}\n     before: {attack['before']}\n     now:    {attack['now']}\n"
        f"     {', '.join(attack.get('tests', ())) or attack['document']}"
        for attack in ATTACKS
    ]
    print("\n" + "\n".join(lines))  # noqa: T201
    numbers = [attack["number"] for attack in ATTACKS]
    assert numbers == sorted(set(numbers))
    assert len(numbers) == 51
