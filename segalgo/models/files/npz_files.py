"""Read ``.npz`` files: no pickles, and no more memory than the file's length allows."""

import ast
import math
import re
import struct
from typing import Any

import numpy as np

from segalgo.models.files.limits import Allowance, checked_shape
from segalgo.models.files.mapped_file import MappedFile
from segalgo.models.files.small_floats import widen
from segalgo.models.files.weights_error import RefusedError, quoted
from segalgo.models.files.zip_members import ZipMembers

MAGIC = b"\x93NUMPY"
LENGTHS = {b"\x01\x00": "<H", b"\x02\x00": "<I", b"\x03\x00": "<I"}
"""How the length of the header is written, by version."""
LONGEST_HEADER = 4096
NUMBERS = re.compile(r"[<>|=]?(b1|\?|[iu][1248]|f(2|4|8|16)|c(8|16))")
PYTHON_2_INTEGER = re.compile(r"\b(\d+)L\b")


def read_npz(file: MappedFile) -> dict[str, np.ndarray]:
    """Return names and arrays, read-only; float16 comes as float32."""
    allowance = Allowance(file.size)
    members = ZipMembers(file, allowance)
    names = [name for name in members.infos if name.endswith(".npy")]
    return {name.removesuffix(".npy"): _array(members.read(name), quoted(name), allowance) for name in names}


def _array(raw: np.ndarray, name: str, allowance: Allowance) -> np.ndarray:
    """Return the array of a member; its header is held against the member's size."""
    header, begin = _read_header(raw, name)
    descr, fortran = header["descr"], header["fortran_order"]
    if not isinstance(descr, str) or not NUMBERS.fullmatch(descr):
        kind = "object (a pickle)" if descr in ("O", "|O", "object") else f"{str(descr)[:40]!r}"
        raise RefusedError(f"{name} has dtype {kind}, expected numbers")
    if not isinstance(fortran, bool) or not isinstance(header["shape"], tuple):
        raise RefusedError(f"the header of {name} has entries of other types than an array has")
    dtype = np.dtype(descr)
    shape = checked_shape(header["shape"], dtype.itemsize)
    if math.prod(shape) * dtype.itemsize != raw.size - begin:
        raise RefusedError(f"{name} of {raw.size} bytes cannot hold {dtype} of shape {shape}")
    if dtype == np.float16:
        allowance.take(4 * math.prod(shape), f"{name}, widened to float32,")
        values = widen(raw[begin:], "float16", ">" if descr[0] == ">" else "<")
    else:
        # The header may end at any byte; kernels want aligned numbers.
        values = np.require(raw[begin:].view(dtype), requirements="A").astype(dtype.newbyteorder("="), copy=False)
    values = values.reshape(shape, order="F" if fortran else "C")
    values.flags.writeable = False
    return values


def _read_header(raw: np.ndarray, name: str) -> tuple[dict[str, Any], int]:
    """Return the header of a ``.npy`` file, a literal of a dictionary, and where the numbers begin."""
    start = raw[:12].tobytes()
    if not start.startswith(MAGIC):
        raise RefusedError(f"{name} is no array of NumPy")
    layout = LENGTHS.get(start[6:8])
    if layout is None:
        raise RefusedError(f"{name} has version {start[6:7].hex()}.{start[7:8].hex()}, expected 1.0 to 3.0")
    (length,) = struct.unpack_from(layout, start, 8)
    begin = 8 + struct.calcsize(layout) + length
    if length > LONGEST_HEADER or begin > raw.size:
        raise RefusedError(f"{name} has a header of {length} bytes, and {raw.size} bytes in all")
    text = raw[8 + struct.calcsize(layout) : begin].tobytes().decode("utf-8")
    try:
        header = ast.literal_eval(PYTHON_2_INTEGER.sub(r"\1", text).strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        raise RefusedError(f"the header of {name} is no literal of Python") from None
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise RefusedError(f"the header of {name} has other entries than descr, fortran_order and shape")
    return header, begin
