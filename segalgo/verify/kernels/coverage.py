"""What of an operation a launch covers: parameters that it names, outputs that it writes, sizes that it knows."""

from typing import Any

import numpy as np

from segalgo.verify.cases.case import Case, goes_without
from segalgo.verify.kernels.launch_scope import PAD, PAIRS, RENAMED, SIZES, output_names, scope_of

# Parameters that a kernel sees in the sizes of its output alone, or in which outputs it writes.
IN_THE_SIZES = ("output_size", "return_indices", "return_num", "output_padding")
# The same of single operations.
SEEN_IN_SIZES = {
    "interpolate": ("size",),
    "max_unpool2d": ("kernel_size", "stride", "padding"),
    "label_statistics": ("num_labels",),
}
# Names that stand for a parameter, beside its own.
STANDS_FOR: dict[str, tuple[str, ...]] = {
    **PAIRS,
    "axis": ("axis", "length", "outer", "inner"),
    "normalized_shape": ("axes", "length", "normalized", "outer"),
    "pad": PAD,
    "wrap": ("wrap0", "wrap1"),
    "scale_factor": ("scale_factor0", "scale_factor1"),
}


def not_covered(case: Case, used: set[str], fixed: set[str]) -> set[str]:
    """Return which parameters of a case, and which sizes that it lacks, a launch with these names does not cover.

    A parameter is covered where the launch names it, where it has the value that it has without being named, where
    the user fixed it, and where the sizes of the output say it.
    """
    arguments = case.arguments
    lacking = set()
    for name, value in arguments.items():
        if isinstance(value, np.ndarray) or name in fixed or _is_read_off_sizes(case, name):
            continue
        if not _is_named(name, value, used, arguments) and not goes_without(case, name, value):
            lacking.add(name)
    lacking |= {name for name, value in arguments.items() if _array_is_left_out(case, name, value, used)}
    if lacking:
        return lacking
    known = scope_of(case, dict(zip(output_names(case), case.shaped, strict=True)), arguments)
    return {f"cases without {name}" for name in (used & SIZES) - set(known)}


def _is_read_off_sizes(case: Case, name: str) -> bool:
    if name == "scale_factor":
        return _sizes_tell_the_scale(case.arguments)
    return name in IN_THE_SIZES or name in SEEN_IN_SIZES.get(case.recipe.operation, ())


def _sizes_tell_the_scale(arguments: dict[str, Any]) -> bool:
    """Return whether a kernel that divides one size by the other has the scale that is asked for.

    An output of floor(size * scale) cells loses the fraction, and the coordinates follow the scale as it is given.
    """
    scale = arguments["scale_factor"]
    if scale is None or arguments.get("recompute_scale_factor") or arguments.get("align_corners"):
        return True
    sizes = next(iter(arguments.values())).shape[2:]
    scales = scale if isinstance(scale, tuple) else (scale,) * len(sizes)
    return all(float(n * s).is_integer() for n, s in zip(sizes, scales, strict=True))


def _is_named(name: str, value: Any, used: set[str], arguments: dict[str, Any]) -> bool:
    if name in PAIRS:
        if name in used and isinstance(value, int):
            return True
        if name == "stride" and value is None:
            value = arguments["kernel_size"]
        high, wide = PAIRS[name]
        sides = value if isinstance(value, tuple) else (value, value)
        # A kernel that takes one number for both axes is asked about equal ones.
        return {high, wide} <= used or (bool({high, wide} & used) and len(set(sides)) == 1)
    if name == "pad":
        return all(word in used for word, amount in zip(PAD, (*value, 0, 0)[:4], strict=True) if amount)
    return bool(used & {RENAMED.get(name, name), *STANDS_FOR.get(name, ())})


def _array_is_left_out(case: Case, name: str, value: Any, used: set[str]) -> bool:
    """Return whether the case hands over an array that the launch does not read: a bias, a mask, weights."""
    first = next(iter(case.arguments))
    return isinstance(value, np.ndarray) and name != first and name not in used


def outputs_written(case: Case, used: set[str]) -> list[int]:
    """Return the places of the outputs that a launch names."""
    inputs = set(case.arguments)
    return [
        k
        for k, name in enumerate(output_names(case))
        if (name in used and name not in inputs) or (k == 0 and "out" in used)
    ]
