"""What the source of a submission says where no trained network was found: its framework, and what is never called."""

import ast
import re

from grader.evidence import Cell

KERAS_MODEL = re.compile(r"\bSequential\s*\(|\bModel\s*\(|\bkeras\.(?:Input|layers)\b|\blayers\.\w+\s*\(|\bDense\s*\(")
MARIMO = r"\bmarimo\.App\("
LONGEST = 200_000  # characters of a cell that is parsed
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
    trees = [(cell.number, tree) for cell in cells if (tree := _parsed(cell.source)) is not None]
    for number, tree in trees:
        for definition in tree.body:
            if isinstance(definition, ast.FunctionDef | ast.ClassDef) and _calls_fit(definition):
                uses = sum(_uses(other, definition.name) for _, other in trees) - _uses(definition, definition.name)
                if not uses:
                    kind = "class" if isinstance(definition, ast.ClassDef) else "function"
                    name = definition.name
                    return f"the {kind} `{name}` in cell {number} calls `fit`, but nothing uses `{name}`"
    return ""


def _parsed(source: str) -> ast.Module | None:
    """The tree of a cell; without its magics and shell lines, which are no Python."""
    if len(source) > LONGEST:
        return None
    plain = re.sub(r"(?m)^([ \t]*)[!%].*$", r"\1pass", source)
    try:
        return ast.parse(plain)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _calls_fit(tree: ast.AST) -> bool:
    return any(
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr.startswith("fit")
        for node in ast.walk(tree)
    )


def _uses(tree: ast.AST, name: str) -> int:
    """How often a name is read in a tree."""
    return sum(isinstance(node, ast.Name) and node.id == name for node in ast.walk(tree))
