"""What becomes of the patterns that real notebooks are made of: gradable, explained or lost.

    .venv/bin/python benchmarks/patterns.py [--data DIR] [--jobs N] [NAME ...]

Each submission of `tests/submissions` that imitates a pattern is graded: in the real sandbox, with the real data, its
trainings cut to a few batches. It counts as

- *gradable* if the network it was expected to give was trained, taken and judged,
- *explained* if there is no such network, which was expected, and the report says why in the words it should,
- *lost* if anything else came out than what lies beside it in `expected.toml`.

The exit code is 1 if any is lost.
"""

import argparse
import os
import sys
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from grader.cli.options import ending_in_words
from grader.core.results import Result
from tests import zoo

KINDS = ("gradable", "explained", "lost")


def kind_of(story: Mapping[str, object], result: Result) -> tuple[str, list[str]]:
    """One of `KINDS`, and what is wrong if it is lost."""
    wrong = zoo.differences(dict(story), result)
    if wrong:
        return "lost", wrong
    return ("gradable" if "accuracy" in story or "chosen" in story else "explained"), []


def table(kinds: Mapping[str, Sequence[str]]) -> str:
    """Lines of Markdown: a pattern each, with how many of its submissions are of each kind, and the sums."""
    counts = {pattern: [found.count(kind) for kind in KINDS] for pattern, found in sorted(kinds.items())}
    width = max(len(pattern) for pattern in [*counts, "sum"])
    lines = [
        f"| {'pattern':{width}} | {' | '.join(KINDS)} |",
        f"|{'-' * (width + 2)}|{'|'.join('---:' for _ in KINDS)}|",
    ]
    sums = [sum(column) for column in zip(*counts.values(), strict=True)]
    for pattern, numbers in [*counts.items(), ("sum", sums)]:
        cells = (f"{number or '':>{len(kind)}}" for number, kind in zip(numbers, KINDS, strict=True))
        lines.append(f"| {pattern:{width}} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> int:
    """Run them, print the table, name what is lost."""
    parser = argparse.ArgumentParser(description="Gradable, explained and lost submissions by pattern.")
    parser.add_argument("names", nargs="*", help="folders of tests/submissions; all patterns if none is given")
    parser.add_argument(
        "--data", type=Path, default=os.environ.get("GRADER_DATA"), help="the folder that holds mnist/ and pets/"
    )
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    chosen = given.names or [name for name in zoo.names() if "pattern" in zoo.expected(name)]
    kinds: dict[str, list[str]] = defaultdict(list)
    lost = []
    with tempfile.TemporaryDirectory() as out:
        for name, result in zoo.run_zoo(chosen, Path(out), jobs=given.jobs, data=given.data):
            story = zoo.expected(name)
            kind, wrong = kind_of(story, result)
            kinds[story.get("pattern", "one defect")].append(kind)
            lost += [f"{name}: {'; '.join(wrong)}"] if wrong else []
            print(f"{kind:9}  {result.ending.wall_s:6.1f} s  {name}", file=sys.stderr, flush=True)
    print(table(kinds))
    print("\n".join(["", "Lost:", *lost] if lost else ["", "Nothing is lost."]))
    return 1 if lost else 0


if __name__ == "__main__":
    with ending_in_words():
        sys.exit(main())
