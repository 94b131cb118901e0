"""Reads the arithmetic that a report writes down, so that tests can hold every equals sign in it."""

import ast
import math
import re
from fractions import Fraction

_RUN = re.compile(r"(?:floor|ceil|\d[\d,]*\d|\d|\.\d+…?|[()·/+= -])+")


def equations(text: str) -> list[list[Fraction]]:
    """The values of all sides of each equation in a text."""
    runs = [[side.strip() for side in found[0].split("=")] for found in _RUN.finditer(text)]
    kept = [[_value(side) for side in run if side] for run in runs]
    return [values for values in kept if len(values) > 1]


def _value(side: str) -> Fraction:
    """A number that was cut off, as in floor(9.33…), counts as it stands: its floor is the same."""
    return _computed(ast.parse(side.replace(",", "").replace("·", "*").replace("…", ""), mode="eval").body)


def _computed(node: ast.expr) -> Fraction:
    match node:
        case ast.Constant(value=int() | float() as number):
            return Fraction(str(number))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_computed(operand)
        case ast.BinOp(left=left, op=op, right=right):
            return _combined(op, _computed(left), _computed(right))
        case ast.Call(func=ast.Name(id="floor"), args=[inner]):
            return Fraction(math.floor(_computed(inner)))
        case ast.Call(func=ast.Name(id="ceil"), args=[inner]):
            return Fraction(math.ceil(_computed(inner)))
    raise ValueError(ast.dump(node))


def _combined(op: ast.operator, left: Fraction, right: Fraction) -> Fraction:
    match op:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            return left / right
    raise ValueError(ast.dump(op))
