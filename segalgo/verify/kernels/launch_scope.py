"""The names that the arguments and the grid of a launch are written with: arrays, sizes, parameters of a case."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo.verify.cases.case import Case, split

PAIRS = {
    "kernel_size": ("kh", "kw"),
    "stride": ("sh", "sw"),
    "padding": ("ph", "pw"),
    "dilation": ("dh", "dw"),
    "output_padding": ("oph", "opw"),
}
# Parameters that a kernel sees in the sizes of its output alone.
IN_THE_SIZES = ("output_size", "ceil_mode", "return_indices", "return_num")
SIZES = {"N", "C", "D", "H", "W", "OH", "OW", "K", "length", "outer", "inner", "features"}


def scope_of(case: Case, outputs: Sequence[np.ndarray], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return every name that a launch may use, for one case.

    Arrays by the names of the door's arguments, the first also as ``x``; outputs by their names, the first also as
    ``out``; sizes of the input (N, C, H, W; D, H, W of volumes; ``n`` cells) and of the first output (OH, OW, ``size``
    cells); both sizes of pairs (kh, kw, sh, sw, ph, pw, dh, dw, oph, opw); other parameters by their names.
    """
    scope = _parameters(arguments)
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    first = next(iter(arrays.values()))
    scope |= arrays | _sizes(first.shape) | {"x": first, "n": int(first.size)}
    names = case.operation.outputs
    for k, output in enumerate(outputs):
        name = names[k] if k < len(names) else f"output{k}"
        # max_unpool2d reads `indices`, max_pool2d writes them: a name belongs to the input first.
        scope.setdefault(name.replace(" ", "_"), output)
    if outputs:
        scope["out"] = outputs[0]
        scope["size"] = int(outputs[0].size)
        if outputs[0].ndim >= 2:
            scope["OH"], scope["OW"] = (int(n) for n in outputs[0].shape[-2:])
    scope |= _absent(arguments, first, outputs)
    if "weight" in arrays and arrays["weight"].ndim == 4:
        scope["kh"], scope["kw"] = (int(n) for n in arrays["weight"].shape[2:])
        scope["K"] = int(outputs[0].shape[-3])
        if arguments["padding"] == "same":
            scope |= {"ph": scope["dh"] * (scope["kh"] - 1) // 2, "pw": scope["dw"] * (scope["kw"] - 1) // 2}
    elif "weight" in arrays and arrays["weight"].ndim == 2:
        scope["K"], scope["features"] = (int(n) for n in arrays["weight"].shape)
    if "axis" in arguments:
        axis = arguments["axis"] % first.ndim
        scope["length"] = int(first.shape[axis])
        scope["outer"] = int(np.prod(first.shape[:axis], dtype=int))
        scope["inner"] = int(np.prod(first.shape[axis + 1 :], dtype=int))
    return scope


def _absent(arguments: dict[str, Any], first: np.ndarray, outputs: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return ones for a weight and zeros for a bias that the case leaves out, so that a launch is the same for all."""
    if "normalized_shape" in arguments:
        shape = arguments["normalized_shape"]
    elif "running_mean" in arguments:
        shape = arguments["running_mean"].shape
    elif "bias" in arguments:
        shape = outputs[0].shape[-3 if arguments["weight"].ndim == 4 else -1 :][:1]
    else:
        return {}
    absent = (("weight", np.ones), ("bias", np.zeros))
    return {name: make(shape, first.dtype) for name, make in absent if arguments.get(name, first) is None}


def not_taken(case: Case, used: set[str]) -> set[str]:
    """Return which parameters of a case, and which sizes that it lacks, a launch with these names does not cover."""
    _, given = split(case.operation, case.arguments)
    lacking = {name for name in given if name not in IN_THE_SIZES and not used & {name, *PAIRS.get(name, ())}}
    return lacking | {
        f"cases without {name}" for name in (used & SIZES) - set(scope_of(case, case.shaped, case.arguments))
    }


def _sizes(shape: tuple[int, ...]) -> dict[str, int]:
    names = {1: ("W",), 2: ("H", "W"), 3: ("C", "H", "W"), 4: ("N", "C", "H", "W")}.get(len(shape), ())
    sizes = {name: int(n) for name, n in zip(names, shape, strict=True)} if names else {}
    if len(shape) == 3:
        sizes |= {"D": int(shape[0]), "N": 1}
    sizes["rows"] = int(np.prod(shape[:-1], dtype=int))
    sizes["columns"] = int(shape[-1]) if shape else 1
    return sizes


def _parameters(arguments: dict[str, Any]) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    for name, value in arguments.items():
        if isinstance(value, np.ndarray):
            continue
        if name in PAIRS:
            value = arguments["kernel_size"] if value is None and name == "stride" else value
            if isinstance(value, int | tuple):
                scope |= dict(zip(PAIRS[name], value if isinstance(value, tuple) else (value, value), strict=True))
        elif isinstance(value, bool | np.bool_):
            scope[name] = int(value)
        elif isinstance(value, int | float | np.integer | np.floating):
            scope[name] = value.item() if isinstance(value, np.generic) else value
    return scope
