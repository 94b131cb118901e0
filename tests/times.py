"""Where the time of the last `make test` went: `make times` prints a table of rooms, and the slowest tests.

Read from the JUnit file that the suite leaves; seconds are of a worker, so that several pass at the same time.
"""

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

SLOWEST = 10


def room_of(classname: str) -> str:
    """The folder of a test's file below `tests`; of the whole project's own tests, the file."""
    parts = [part for part in classname.removeprefix("tests.").split(".") if not part[:1].isupper()]
    return "/".join(parts) + ".py" if parts[0] == "project" else f"{parts[0]}/"


def table(cases: Sequence[tuple[str, str, float]]) -> list[str]:
    """Lines of a Markdown table for (class name, test, seconds); then the slowest tests, one a line."""
    seconds: dict[str, float] = {}
    count = Counter(room_of(classname) for classname, _, _ in cases)
    for classname, _, spent in cases:
        seconds[room_of(classname)] = seconds.get(room_of(classname), 0.0) + spent
    whole = sum(seconds.values()) or 1.0
    rows = [
        (room, spent) for room, spent in sorted(seconds.items(), key=lambda item: -item[1]) if spent / whole >= 0.01
    ]
    rest = whole - sum(spent for _, spent in rows)
    lines = ["| tests | how many | seconds | share |", "|---|---:|---:|---:|"]
    lines += [f"| `{room}` | {count[room]} | {spent:.0f} | {spent / whole:.0%} |" for room, spent in rows]
    others = sum(count.values()) - sum(count[room] for room, _ in rows)
    lines.append(f"| all others | {others} | {rest:.0f} | {rest / whole:.0%} |")
    slowest = sorted(cases, key=lambda case: -case[2])[:SLOWEST]
    return [*lines, "", *(f"{spent:6.1f} s  {classname}: {name}" for classname, name, spent in slowest)]


def main() -> None:
    """Print the table of a JUnit file."""
    root = ElementTree.parse(Path(sys.argv[1])).getroot()
    found = [
        (case.get("classname", ""), case.get("name", ""), float(case.get("time", 0))) for case in root.iter("testcase")
    ]
    sys.stdout.write("\n".join(table(found)) + "\n")


if __name__ == "__main__":
    main()
