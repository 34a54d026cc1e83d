"""The names that the arguments and the grid of a launch are written with: arrays, sizes, parameters of a case."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from segalgo.verify.cases.case import Case

# Parameters that are one number or one a side: (height, width).
PAIRS = {
    "kernel_size": ("kh", "kw"),
    "stride": ("sh", "sw"),
    "padding": ("ph", "pw"),
    "dilation": ("dh", "dw"),
    "output_padding": ("oph", "opw"),
}
PAD = ("pad_left", "pad_right", "pad_top", "pad_bottom")
# `size` is the number of the output's cells; a parameter of that name is written so.
RENAMED = {"size": "window"}
SIZES = {"N", "C", "D", "H", "W", "OH", "OW", "K", "length", "outer", "inner", "features", "normalized"}
# Operations whose arrays of three axes are (N, C, length), not (C, H, W).
CHANNELLED = ("batch_norm", "group_norm", "local_response_norm", "prelu")


def scope_of(case: Case, outputs: Mapping[str, np.ndarray], arguments: dict[str, Any]) -> dict[str, Any]:
    """Return every name that a launch may use, for one case.

    Arrays by the names of the door's arguments, the first also as ``x``; outputs by their names, the first also as
    ``out``; sizes of the input (N, C, H, W; D, H, W of volumes; ``n`` cells) and of the first output (OH, OW, ``size``
    cells); both sizes of pairs (kh, kw, sh, sw, ph, pw, dh, dw, oph, opw); other parameters by their names.
    """
    scope = _parameters(arguments)
    arrays = {name: value for name, value in arguments.items() if isinstance(value, np.ndarray)}
    first = next(iter(arrays.values()))
    scope |= arrays | _sizes(case.recipe.operation, first.shape) | {"x": first, "n": int(first.size)}
    for name, output in outputs.items():
        # max_unpool2d reads `indices`, max_pool2d writes them: a name belongs to the input first.
        scope.setdefault(name, output)
    main = case.shaped[0]
    if outputs:
        scope["out"] = next(iter(outputs.values()))
    scope["size"] = int(main.size)
    if arguments.get("num_labels", 0) is None:
        scope["num_labels"] = int(main.size)
    if main.ndim >= 2:
        scope["OH"], scope["OW"] = (int(n) for n in main.shape[-2:])
    scope |= _absent(arguments, first, main)
    if "weight" in arrays and arrays["weight"].ndim == 4:
        scope["kh"], scope["kw"] = (int(n) for n in arrays["weight"].shape[2:])
        scope["K"] = int(main.shape[-3])
        if arguments["padding"] == "same":
            scope |= {"ph": scope["dh"] * (scope["kh"] - 1) // 2, "pw": scope["dw"] * (scope["kw"] - 1) // 2}
    elif "weight" in arrays and arrays["weight"].ndim == 2:
        scope["K"], scope["features"] = (int(n) for n in arrays["weight"].shape)
    return scope | _along_axes(arguments, first)


def output_names(case: Case) -> list[str]:
    """Return the names of the outputs, as a launch writes them."""
    return [case.operation.output_name(k).replace(" ", "_") for k in range(len(case.shaped))]


def _along_axes(arguments: dict[str, Any], first: np.ndarray) -> dict[str, int]:
    """Return sizes along an axis and around it, or of the axes that are normalized."""
    if "axis" in arguments and isinstance(arguments["axis"], int | np.integer) and first.ndim:
        axis = int(arguments["axis"]) % first.ndim
        return {
            "axis": axis,
            "length": int(first.shape[axis]),
            "outer": int(np.prod(first.shape[:axis], dtype=int)),
            "inner": int(np.prod(first.shape[axis + 1 :], dtype=int)),
        }
    if "normalized_shape" in arguments:
        count = len(arguments["normalized_shape"])
        cells = int(np.prod(arguments["normalized_shape"], dtype=int))
        rows = int(np.prod(first.shape[: first.ndim - count], dtype=int))
        return {"axes": count, "normalized": cells, "length": cells, "outer": rows}
    if "running_mean" in arguments:
        return {"outer": int(first.shape[0]), "inner": int(np.prod(first.shape[2:], dtype=int))}
    return {}


def _absent(arguments: dict[str, Any], first: np.ndarray, main: np.ndarray) -> dict[str, np.ndarray]:
    """Return ones for a weight and zeros for a bias that the case leaves out, so that a launch is the same for all."""
    if "normalized_shape" in arguments:
        shape = arguments["normalized_shape"]
    elif "running_mean" in arguments:
        shape = arguments["running_mean"].shape
    elif "num_groups" in arguments:
        shape = first.shape[1:2]
    elif "bias" in arguments and arguments.get("weight") is not None:
        shape = main.shape[-3 if arguments["weight"].ndim == 4 else -1 :][:1]
    else:
        return {}
    absent = (("weight", np.ones), ("bias", np.zeros))
    return {name: make(shape, first.dtype) for name, make in absent if arguments.get(name, first) is None}


def _sizes(operation: str, shape: tuple[int, ...]) -> dict[str, int]:
    names = {1: ("W",), 2: ("H", "W"), 3: ("C", "H", "W"), 4: ("N", "C", "H", "W")}.get(len(shape), ())
    sizes = {name: int(n) for name, n in zip(names, shape, strict=True)} if names else {}
    if operation in CHANNELLED:
        if len(shape) == 3:
            sizes = {"N": int(shape[0]), "C": int(shape[1]), "H": 1, "W": int(shape[2])}
    elif len(shape) == 3:
        sizes |= {"D": int(shape[0]), "N": 1}
    sizes["rows"] = int(np.prod(shape[:-1], dtype=int))
    sizes["columns"] = int(shape[-1]) if shape else 1
    return sizes


def _parameters(arguments: dict[str, Any]) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    for given, value in arguments.items():
        if isinstance(value, np.ndarray) and not (value.ndim == 0 or given == "normalized_shape"):
            continue
        name = RENAMED.get(given, given)
        if name in PAIRS:
            value = arguments["kernel_size"] if value is None and name == "stride" else value
            if isinstance(value, int | tuple):
                scope |= dict(zip(PAIRS[name], value if isinstance(value, tuple) else (value, value), strict=True))
            if isinstance(value, int):
                scope[name] = value
        elif name == "pad":
            scope |= dict(zip(PAD, (*value, 0, 0)[:4], strict=True))
        elif isinstance(value, bool | np.bool_):
            scope[name] = int(value)
        elif isinstance(value, int | float | np.integer | np.floating):
            scope[name] = value.item() if isinstance(value, np.generic) else value
        elif isinstance(value, tuple) and all(isinstance(one, int | float) for one in value):
            scope |= {f"{name}{k}": int(one) if isinstance(one, bool) else one for k, one in enumerate(value)}
    return scope
