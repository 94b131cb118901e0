"""The table of attacks: each is held off by a test that is there, or a document says what is not defended."""

import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.project.test_bounded_work import KINDS

ROOT = Path(__file__).parents[2]
TABLE = (ROOT / "tests/project/attacks.toml").read_text(encoding="utf-8")
ATTACKS: list[dict[str, Any]] = tomllib.loads(TABLE)["attack"]


def holders(attack: dict[str, Any]) -> tuple[str, ...]:
    """What is named for an attack: tests, kinds of hostile input, a document."""
    document = (attack["document"],) if "document" in attack else ()
    return (*attack.get("tests", ()), *attack.get("kinds", ()), *document)


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: str(attack["number"]))
def test_what_holds_an_attack_off_is_there(attack: dict[str, Any]) -> None:
    assert holders(attack)
    for named in attack.get("tests", ()):
        file, _, test = named.partition("::")
        assert test, f"{named} names no test"
        assert re.search(rf"def test_{test}\b", (ROOT / "tests" / file).read_text(encoding="utf-8")), (
            f"{named} is not there"
        )
    assert set(attack.get("kinds", ())) <= set(KINDS)
    if "document" in attack:
        file, _, word = attack["document"].partition(": ")
        assert word in (ROOT / file).read_text(encoding="utf-8")


def test_every_attack_is_in_the_table_once() -> None:
    for attack in ATTACKS:
        told = (f"before: {attack['before']}", f"now:    {attack['now']}", ", ".join(holders(attack)))
        sys.stdout.write("\n     ".join((f"\n{attack['number']:>3}  {attack['what']}", *told)))
    assert [attack["number"] for attack in ATTACKS] == [*range(1, 42), *range(43, 53)]
