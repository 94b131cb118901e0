"""What the source of a submission says where no trained network was found: its framework, and what is never called."""

import ast
import re
from collections import Counter
from functools import lru_cache

from grader.evidence import Cell

KERAS_MODEL = re.compile(r"\bSequential\s*\(|\bModel\s*\(|\bkeras\.(?:Input|layers)\b|\blayers\.\w+\s*\(|\bDense\s*\(")
MARIMO = r"\bmarimo\.App\("
LONGEST = 100_000  # characters of all cells together that are parsed
# (what the code holds, what that is)
FRAMEWORKS: tuple[tuple[str, str], ...] = (
    (r"^[ \t]*(?:import|from)\s+(?:torch|torchvision|pytorch_lightning|lightning|fastai)\b", "PyTorch"),
    (r"^[ \t]*(?:import|from)\s+(?:jax|flax)\b", "JAX"),
    (r"^[ \t]*(?:import|from)\s+(?:mxnet|theano|tflearn|caffe|paddle|chainer)\b", "another framework than Keras"),
    (r"\btf(?:1|\.compat\.v1)?\.(?:placeholder|Session|Variable\(tf\.(?:random|truncated|zeros))|tensorflow\.examples",
     "TensorFlow 1 without Keras"),
    (r"\b(?:MLPClassifier|SVC|LinearSVC|KNeighborsClassifier|RandomForestClassifier|LogisticRegression|"
     r"DecisionTreeClassifier|GaussianNB|XGBClassifier)\s*\(", "scikit-learn"),
)  # fmt: skip


def other_framework(cells: tuple[Cell, ...]) -> str:
    """The framework that the code uses instead of Keras; "" where it builds a Keras network or none at all."""
    source = "\n".join(cell.source for cell in cells)
    if KERAS_MODEL.search(source) and not re.search(FRAMEWORKS[0][0], source, re.MULTILINE):
        return ""
    return next((name for pattern, name in FRAMEWORKS if re.search(pattern, source, re.MULTILINE)), "")


def why_no_training(cells: tuple[Cell, ...]) -> str:
    """In words why no `fit` was reached: nothing calls it, or nothing calls what it stands in; "" if nothing is found."""
    if any(re.search(MARIMO, cell.source) for cell in cells):
        return "this is a marimo notebook, whose cells are functions that nothing calls here"
    if not any(re.search(r"\.fit\w*\s*\(", cell.source) for cell in cells):
        return "no cell calls `fit`"
    return _never_called(tuple((cell.number, cell.source) for cell in cells))


@lru_cache(maxsize=4)  # several checks ask the same of one submission
def _never_called(sources: tuple[tuple[int, str], ...]) -> str:
    """The first function or class that calls `fit` and that nothing uses; "" where there is none, or too much to read."""
    if sum(len(source) for _, source in sources) > LONGEST:
        return ""
    named, calling = Counter[str](), list[tuple[int, str, str, int]]()
    for number, source in sources:
        tree = _parsed(source)
        for definition in tree.body if tree is not None else ():
            names, fits = _names_in(definition)
            named.update(names)
            if fits and isinstance(definition, ast.FunctionDef | ast.ClassDef):
                kind = "class" if isinstance(definition, ast.ClassDef) else "function"
                calling.append((number, kind, definition.name, names[definition.name]))
    for number, kind, name, own in calling:
        if named[name] == own:
            return f"the {kind} `{name}` in cell {number} calls `fit`, but nothing uses `{name}`"
    return ""


def _parsed(source: str) -> ast.Module | None:
    """The tree of a cell; without its magics and shell lines, which are no Python."""
    plain = re.sub(r"(?m)^([ \t]*)[!%].*$", r"\1pass", source)
    try:
        return ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _names_in(statement: ast.AST) -> tuple[Counter[str], bool]:
    """How often each name is mentioned in a statement, and whether it calls a `fit` of anything."""
    names, fits = Counter[str](), False
    for node in ast.walk(statement):
        if isinstance(node, ast.Name):
            names[node.id] += 1
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            fits = fits or node.func.attr.startswith("fit")
    return names, fits
