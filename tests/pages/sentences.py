"""The sentences of findings, read from the code that writes them, with a word in braces for all that is filled in.

Checks, flags and runs write English into `result.json`. What this finds in their source is what catalogues must know.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import product
from pathlib import Path

from grader.pages.translate_findings import COUNTED

ROOT = Path(__file__).parents[2]
GRADER = ROOT / "grader"
WRITERS = (
    "checks/*.py", "ci/check_repository.py", "core/files.py", "core/grades.py", "core/notebook.py", "course/baselines.py",
    "course/dataset.py", "course/rubric.py", "functions/agreement.py", "functions/explore.py", "functions/guest.py",
    "functions/module_process.py", "gradebook/decide_grade.py", "gradebook/late_penalty.py",
    "intake/class_folder_or_zip.py", "intake/networks.py", "intake/platforms/*.py", "intake/submission_zip.py",
    "intake/submissions.py", "judge/choose_network.py", "judge/choose_preparation.py", "judge/client.py",
    "judge/compare_networks.py", "judge/keras_archive.py", "judge/match_rows.py", "judge/preparation.py",
    "kernel/guest/*.py", "kernel/guest/data_paths/*.py", "kernel/guest/old_names/*.py", "kernel/outcome.py",
    "kernel/run_notebook.py", "kernel/socket_proxy.py", "marking/accuracy_to_beat.py", "marking/flags.py",
    "marking/handed_in.py", "marking/mark.py", "marking/similarity.py", "run/batch.py", "run/cluster.py",
    "run/collect.py", "run/grade_one.py", "run/judge_handed_in.py", "run/train_or_judge.py", "sandbox/artefacts.py",
    "sandbox/endings.py", "sandbox/process.py", "sandbox/warm.py", "sandbox/worker_process.py",
    "selfcheck/check_submission.py", "selfcheck/estimate.py", "selfcheck/in_notebook.py",
)  # fmt: skip
# What is said to who writes a rubric, types a command or reads our code, and never to a student; and messages of pages.
ELSEWHERE = {
    "Annotated", "AttributeError", "DataError", "Field", "ImportError", "KeyError", "ModuleNotFoundError",
    "NotImplementedError", "OSError", "RubricError", "RuntimeError", "SandboxUnavailable", "TypeError", "UsageError",
    "ValueError", "compile", "exec", "findall", "finditer", "fullmatch", "getattr", "gettext_noop", "many", "match",
    "say", "search", "split", "sub", "partition", "rpartition", "startswith", "endswith", "replace", "count", "find",
    "plan_error", "warn", "simplefilter", "filterwarnings", "step", "begin", "TypeVar", "Literal", "dumps",
}  # fmt: skip
MOST_WAYS = 40  # to say one sentence
# Sentences of these files that reach nobody's page: what one program says to another, titles of forms of downloads.
NOT_SAID = {
    "a Keras layer class", "a Keras activation", "{origin}: check {number}",
    "a stored call", "group `{title}`", "group `{title}`, a drawn case", "The process for the module",
    "The process for the module does not end.", "The judge", "The judge was lost: what it was forked from has died.",
    "cell {number} of {cells}", "The kernel was lost: what it was forked from has died.", "epoch {int} of {int2}",
    "Stands in for {name}, which is not here.", "own loop", "The data that the course serves.",
    "{layer}(...) without it", "Conv2D(kernel_size=(rows, columns))", "{called}(...) without it",
    "Stands in for a module that Keras no longer has: {name}.", "{points} in all ({author})",
    "{points} for “{text}” ({author})", "... (shortened)", "system volume information",
    "{folder}: what was handed in can't be unpacked there ({strerror}).",
    "Make room for temporary files, or let TMPDIR name a place that has some.",
    "one file or folder for each student", "a download of Canvas' submissions",
    "not named as Canvas names what is handed in", "anonymous {user}", "clones of GitHub Classroom", "not a clone",
    "a download of Gradescope's submissions", "not in submission_metadata.yml", "Download the submissions again.",
    "a download of Moodle's submissions", "not named as Moodle names what is handed in",
    "nbgrader's folders of students", "not a folder of a student", "with a {TIMESTAMP} that can't be read",
    "right: {wanted}", "returned: {got}", "it {got}", "Value error, ", "Import the folder again.",
    "{value}: the split `{name}` of `{id}`", "origin = {origin}", "count = {listed}", "folder = {folder}",
    "images = {toml_text}", "labels = {toml_text}", "a run lacks a class.",
    "{assignment}, {title}: {summary} of {judged_on}",
    "CPU time of a run", "No module named '({pattern})'", "{value} to {value2} %", "not measured", "grader: {error}",
    "grader check {assignment}",
}  # fmt: skip
# Words that fill gaps, and what stands between words.
WORDS = (
    " and ", " or ", "units", "filters", "function", "class", "notebook", "module", "kernels", "test accuracy",
    "array", "tuple", "list", "number", "none", "padding", "accuracy", "mean", "resized", "1 more", " and 1 more",
    " ({what})", " ({classes})", "best", "last", "first", "pooling",
    # why a self-check runs without a sandbox
    "bubblewrap is not on this machine.", "bubblewrap needs Linux.", "bubblewrap does not work on this machine: {error}.",
)  # fmt: skip
PLURAL = re.compile(r"\{\w+\}" + COUNTED.pattern)


def find_sentences() -> list[tuple[str, str]]:
    """Each sentence with the place of its writer below the root, in order."""
    found: dict[str, str] = {}
    for pattern in WRITERS:
        for path in sorted(GRADER.glob(pattern)):
            for sentence in read_sentences(path.read_text(encoding="utf-8")):
                found.setdefault(sentence, str(path.relative_to(ROOT)))
    words = ((word, "grader/checks") for word in WORDS)
    for sentence, where in (*_hints(), *_refusals(), *_families(), *_groups(), *words):
        found.setdefault(sentence, where)
    return [(sentence, where) for sentence, where in found.items() if sentence not in NOT_SAID]


def read_sentences(source: str) -> list[str]:
    """The sentences that a module's source can write."""
    tree = ast.parse(source)
    constants = {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
    }  # fmt: skip
    said = (way for node in _texts(tree) for way in _ways(node, constants))
    counted = (way for node in ast.walk(tree) for way in _counted(node))
    return list(dict.fromkeys([_numbered(way) for way in said if _is_sentence(way)] + list(counted)))


def _counted(node: ast.AST) -> Iterator[str]:
    """What a call of `_count(things, "noun")` says: of one, and of several."""
    if isinstance(node, ast.Call) and _name(node.func) == "count" and len(node.args) == 2:
        noun = node.args[1]
        if isinstance(noun, ast.Constant) and isinstance(noun.value, str):
            yield f"1 {noun.value}"
            yield f"{{n}} {noun.value}s"


def _texts(node: ast.AST) -> Iterator[ast.expr]:
    """The outermost expressions that make a text."""
    if isinstance(node, ast.Constant | ast.JoinedStr) or (
        isinstance(node, ast.IfExp | ast.BinOp) and _makes_text(node)
    ):
        if not isinstance(node, ast.Constant) or isinstance(node.value, str):
            yield node
        for part in ast.walk(node):  # what a text is filled with may be a text that a call is given
            if isinstance(part, ast.Call) and not _is_elsewhere(part):
                for argument in part.args:
                    yield from _texts(argument)
        return
    if isinstance(node, ast.Call) and _is_elsewhere(node):
        if isinstance(node.func, ast.Attribute) and not isinstance(node.func.value, ast.Constant):
            yield from _texts(node.func.value)
        return
    if isinstance(node, ast.Subscript):
        yield from _texts(node.value)
        return
    if isinstance(node, ast.Compare | ast.arguments):
        return
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or (isinstance(node, ast.Dict) and name == "keys"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _is_docstring(child):
                yield from _texts(child)


def _is_docstring(node: ast.AST) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _is_elsewhere(call: ast.Call) -> bool:
    return _name(call.func) in ELSEWHERE


def _makes_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and (_makes_text(node.left) or _makes_text(node.right))
    if isinstance(node, ast.IfExp):
        return _makes_text(node.body) or _makes_text(node.orelse)
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


def _ways(node: ast.expr, constants: dict[str, str]) -> list[str]:
    """All that an expression can say."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.Name) and node.id in constants:
        return [constants[node.id]]
    if isinstance(node, ast.IfExp) and _makes_text(node):
        return [*_ways(node.body, constants), *_ways(node.orelse, constants)]
    if isinstance(node, ast.BinOp) and _makes_text(node):
        return [one + two for one in _ways(node.left, constants) for two in _ways(node.right, constants)]
    if isinstance(node, ast.JoinedStr):
        parts = [_ways(part.value if isinstance(part, ast.FormattedValue) else part, constants) for part in node.values]
        return ["".join(way) for way in list(product(*parts))[:MOST_WAYS]]
    return ["{" + _name(node) + "}"]


def _name(node: ast.expr) -> str:
    """A word for what an expression gives."""
    match node:
        case ast.Name():
            return node.id.strip("_")
        case ast.Attribute():
            return node.attr.strip("_")
        case ast.Call(args=[ast.Name() | ast.Attribute() as only, *_]):
            return _name(only)
        case ast.Call():
            return _name(node.func)
        case ast.Subscript():
            return _name(node.value)
    return "value"


def _numbered(way: str) -> str:
    """The way to say it with a name of its own for each gap; gaps side by side are one."""
    way = re.sub(r"(\{\w+\})(?:\{\w+\})+", r"\1", way)
    seen: dict[str, int] = {}

    def name(found: re.Match[str]) -> str:
        seen[found[1]] = seen.get(found[1], 0) + 1
        return found[0] if seen[found[1]] == 1 else f"{{{found[1]}{seen[found[1]]}}}"

    return re.sub(r"\{(\w+)\}", name, way)


def _is_sentence(text: str) -> bool:
    """Whether it is words for people: two of them at least, or one beside what is filled in; no pattern and no code."""
    plain = re.sub(r"`[^`]*`", "`", re.sub(r"\{\w+\}", "", text)).replace("->", "")
    words = re.findall(r"(?<![\w.])[A-Za-z][a-z']+(?![\w(=])", plain)
    code = re.search(
        r"[\\^$<>]|\(\?|\n|^[a-z_]+\.[a-z_.]+$|^[\w.]+\([^)]*\)$|^#|^import |^from \w+ import |%s|-c |PRAGMA|__", plain
    )
    return bool(words) and " " in text and code is None


def _hints() -> Iterator[tuple[str, str]]:
    where = "grader/checks/hints.toml"
    data = tomllib.loads((ROOT / where).read_text(encoding="utf-8"))
    for row in (*data["hint"], *data["ending"]):
        yield row["text"], where
    yield from ((row["name"], where) for row in data["framework"] if " " in row["name"])


def _refusals() -> Iterator[tuple[str, str]]:
    where = "grader/judge/refusals.toml"
    for row in tomllib.loads((ROOT / where).read_text(encoding="utf-8"))["refusal"]:
        yield row["text"], where


def _families() -> Iterator[tuple[str, str]]:
    where = "grader/checks/families.toml"
    for row in tomllib.loads((ROOT / where).read_text(encoding="utf-8")).values():
        yield from ((row[key], where) for key in ("title", "about"))


def _groups() -> Iterator[tuple[str, str]]:
    """What kinds of cases the exercises of functions are called."""
    for path in sorted((ROOT / "assignments").glob("*/cases.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and _name(node.func) == "Group":
                yield from (
                    (str(word.value.value), str(path.relative_to(ROOT)))
                    for word in node.keywords
                    if word.arg == "title" and isinstance(word.value, ast.Constant)
                )
