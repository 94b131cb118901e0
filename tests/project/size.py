"""How large the house is: `make size` prints a table of rooms, with their floor, files, lines and lines of code.

A line of code is one that holds more than a comment, a docstring or nothing (counted by Python's own tokenizer).
"""

import ast
import tokenize
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
NO_CODE = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}


@dataclass(frozen=True)
class Size:
    """Files, lines of text, lines of code."""

    files: int = 0
    lines: int = 0
    code: int = 0

    def __add__(self, other: "Size") -> "Size":
        return Size(self.files + other.files, self.lines + other.lines, self.code + other.code)


def size_of(path: Path) -> Size:
    """The size of one Python file."""
    with tokenize.open(path) as stream:
        text = stream.read()
    lines = iter(text.splitlines(keepends=True))
    code: set[int] = set()
    for token in tokenize.generate_tokens(lambda: next(lines, "")):
        if token.type not in NO_CODE:
            code |= set(range(token.start[0], token.end[0] + 1))
    return Size(1, len(text.splitlines()), len(code - set(_docstring_lines(ast.parse(text)))))


def _docstring_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                yield from range(first.lineno, (first.end_lineno or first.lineno) + 1)


def floors(root: Path = ROOT) -> list[list[str]]:
    """Rooms by their floor, the highest first, as import-linter holds them to it."""
    contracts = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [[room.strip() for room in line.replace("|", ":").split(":")] for line in layers]


def table(root: Path = ROOT) -> list[str]:
    """Lines of a Markdown table, a row for each room and one for all."""
    package = root / "grader"
    lines = ["| floor | room | files | lines | lines of code |", "|---:|---|---:|---:|---:|"]
    whole = Size()
    for floor, rooms in enumerate(reversed(floors(root))):
        for room in rooms:
            found = sum((size_of(path) for path in sorted((package / room).rglob("*.py"))), Size())
            lines.append(f"| {floor} | `{room}/` | {found.files} | {found.lines:,} | {found.code:,} |")
            whole += found
    whole = sum((size_of(path) for path in sorted(package.glob("*.py"))), whole)
    return [*lines, f"| | all of `grader/` | {whole.files} | {whole.lines:,} | {whole.code:,} |"]


if __name__ == "__main__":
    print("\n".join(table()))  # noqa: T201
