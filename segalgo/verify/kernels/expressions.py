"""The small expressions of a launch: names of arrays and sizes, and arithmetic on them."""

import ast
import operator
from collections.abc import Mapping
from typing import Any

import numpy as np


class LaunchError(ValueError):
    """A launch that does not fit the kernel: its user's mistake, not the kernel's."""


class TooLargeError(LaunchError):
    """A number that the kernel's parameter does not hold."""


def ceil_div(a: int, b: int) -> int:
    """Return a / b, rounded up."""
    return -(-a // b)


def _divided(a: Any, b: Any) -> Any:
    """Divide as C does: integers stay integers."""
    return a // b if isinstance(a, int) and isinstance(b, int) else a / b


FUNCTIONS = {
    "ceil_div": ceil_div,
    "min": min,
    "max": max,
    **{name: getattr(np, name) for name in ("int32", "int64", "uint32", "uint64", "float32", "float64")},
}
OPERATORS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: _divided,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.USub: operator.neg,
    ast.LShift: operator.lshift,
    ast.RShift: operator.rshift,
}


def parse(text: str, what: str) -> list[ast.expr]:
    """Return the expressions of a comma-separated list."""
    try:
        tree = ast.parse(f"({text.strip().rstrip(',')},)", mode="eval").body
    except SyntaxError:
        raise LaunchError(f"{what}={text!r}: expected names and numbers with + - * / % and commas between") from None
    return list(tree.elts)  # type: ignore[attr-defined]


def values(text: str, scope: Mapping[str, Any], what: str) -> list[Any]:
    """Return what the expressions of a comma-separated list are worth.

    Only names of `scope`, numbers, arithmetic and a few functions; ``/`` of integers rounds down, as in C for sizes.
    """
    return [_value(node, scope, what) for node in parse(text, what)]


def whole_number(text: str, scope: Mapping[str, Any], what: str) -> int:
    """Return what one expression is worth, which has to be a whole number."""
    numbers = values(text, scope, what)
    if len(numbers) != 1:
        raise LaunchError(f"{what}={text!r}: expected one whole number")
    return _whole(numbers[0], text, what)


def three_sizes(text: str, scope: Mapping[str, Any], what: str) -> list[int]:
    """Return the one to three sizes of a grid or a block."""
    numbers = values(text, scope, what)
    if not 1 <= len(numbers) <= 3:
        raise LaunchError(f"{what}={text!r}: {len(numbers)} sizes, expected one to three")
    return [_whole(number, text, what) for number in numbers]


def _whole(number: Any, text: str, what: str) -> int:
    if not isinstance(number, int | float | np.number) or number % 1 != 0:
        shown = "an array" if isinstance(number, np.ndarray) else f"{number}"
        raise LaunchError(f"{what}={text!r}: {shown} is no whole number")
    return int(number)


def _value(node: ast.expr, scope: Mapping[str, Any], what: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return node.value
    if isinstance(node, ast.Name):
        if node.id not in scope:
            raise LaunchError(f"{what}: no {node.id!r} here, expected one of {', '.join(sorted(scope))}")
        return scope[node.id]
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_value(node.left, scope, what), _value(node.right, scope, what))
    if isinstance(node, ast.UnaryOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](_value(node.operand, scope, what))
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in FUNCTIONS:
        return FUNCTIONS[node.func.id](*(_value(argument, scope, what) for argument in node.args))
    if isinstance(node, ast.Set):  # the members of a struct
        return tuple(_value(element, scope, what) for element in node.elts)
    raise LaunchError(f"{what}: {ast.unparse(node)!r} is more than names, numbers and arithmetic")
