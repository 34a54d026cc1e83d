"""Kernels under verification on a GPU, through CuPy: compiled by NVRTC, which does not tell their parameters."""

import re
from typing import Any

import numpy as np

from segalgo.cuda.device import C_NAMES
from segalgo.simulated.compiler import PARAMETERS
from segalgo.verify.kernels.expressions import LaunchError


def compiled(source: str, name: str, folders: tuple[str, ...], defines: tuple[str, ...] = ()) -> Any:
    """Return a kernel of a source as CuPy has it."""
    import cupy

    options = ("--std=c++17", *(f"-I{folder}" for folder in folders), *(f"-D{one}" for one in defines))
    return cupy.RawModule(code=source, options=options, name_expressions=[name]).get_function(name)


def types_of_parameters(source: str, entry: str) -> list[str]:
    """Return the codes of a kernel's parameters from its source."""
    named = {text: np.dtype(name) for name, text in C_NAMES.items()}
    named |= {"int": np.dtype("int32"), "unsigned": np.dtype("uint32"), "size_t": np.dtype("uint64")}
    named |= {"int64_t": np.dtype("int64"), "long": np.dtype("int64"), "half": np.dtype("float16")}
    wanted = entry.partition("<")[0].strip()
    for name, text in PARAMETERS.findall(source):
        if name != wanted:
            continue
        codes = []
        for part in text.split(","):
            words = re.sub(r"\b(const|__restrict__|volatile)\b|[\w]+\s*$", " ", part).replace("*", " ").split()
            dtype = named.get(" ".join(words))
            code = "x0" if dtype is None else f"{dtype.kind}{dtype.itemsize}"
            codes.append(("c" if "const" in part else "p") + code if "*" in part else code)
        return codes
    raise LaunchError(f"entry={entry!r}: no kernel of that name in the file")


def launch(kernel: Any, grid: list[int], block: list[int], passed: list[Any], shared: int) -> None:
    """Run a kernel on copies on the GPU, and copy back what it may have written."""
    import cupy

    on_gpu = [cupy.asarray(value) if isinstance(value, np.ndarray) else value for value in passed]
    kernel(tuple(grid), tuple(block), tuple(on_gpu), shared_mem=shared)
    cupy.cuda.get_current_stream().synchronize()
    for value, used in zip(passed, on_gpu, strict=True):
        if isinstance(value, np.ndarray) and value.flags.writeable:
            value[...] = used.get()
