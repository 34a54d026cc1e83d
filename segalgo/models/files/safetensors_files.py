"""Read and write safetensors files.

The format: the length of the header in 8 bytes, the header as a JSON object from names to dtype, shape and offsets, and
the numbers, without gaps, in little-endian order. See https://huggingface.co/docs/safetensors.
"""

import json
import math
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segalgo._core.writing import replacing
from segalgo.models.files.limits import checked_shape
from segalgo.models.files.mapped_file import MappedFile
from segalgo.models.files.small_floats import WIDENED, widen
from segalgo.models.files.weights_error import RefusedError, quoted, reason

DTYPES = {
    "F64": "float64",
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
    "C64": "complex64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U64": "uint64",
    "U32": "uint32",
    "U16": "uint16",
    "U8": "uint8",
    "BOOL": "bool",
}
WRITTEN = {name: code for code, name in DTYPES.items() if name not in WIDENED or name == "float16"}
"""The dtypes that can be written, and what they are called."""
METADATA = "__metadata__"
LONGEST_HEADER = 100_000_000  # as the safetensors library has it


def read_safetensors(file: MappedFile) -> dict[str, np.ndarray]:
    """Return names and arrays, read-only; floats of 16 and 8 bits come as float32."""
    header, begin = _read_header(file)
    arrays, expected = {}, 0
    entries = [(name, *_checked_entry(name, entry)) for name, entry in header.items() if name != METADATA]
    last = max((stop for *_, stop in entries), default=0)
    if last > file.size - begin:
        raise RefusedError(f"truncated: has {file.size - begin} bytes of numbers, its header tells of {last}")
    for name, dtype, shape, start, stop in sorted(entries, key=lambda entry: entry[3:]):
        if start != expected:
            raise RefusedError(
                f"{quoted(name)} begins at byte {start} of the numbers, expected {expected}: they overlap or leave gaps"
            )
        expected = stop
        raw = file.numbers(begin + start, stop - start)
        if dtype in WIDENED:
            values = widen(raw, dtype, "<")
        else:
            values = np.require(raw.view(np.dtype(dtype).newbyteorder("<")), dtype, "A")
        values = values.reshape(shape)
        values.flags.writeable = False
        arrays[name] = values
    if expected != file.size - begin:
        raise RefusedError(f"has {file.size - begin} bytes of numbers, its header tells of {expected}")
    return {name: arrays[name] for name in header if name != METADATA}


def read_metadata(file: MappedFile) -> dict[str, str]:
    """Return the words that the file's header carries beside its arrays."""
    metadata = _read_header(file)[0].get(METADATA, {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise RefusedError("its metadata is no object of strings")
    return metadata


def write_safetensors(path: Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]) -> None:
    """Write a file whole: under a temporary name, renamed when complete.

    Parameters
    ----------
    path : Path
    arrays : mapping of str to array
        Of the dtypes of `WRITTEN`; any order of cells and bytes.
    metadata : mapping of str to str
    """
    header: dict[str, Any] = {METADATA: dict(metadata)} if metadata else {}
    # As the safetensors library does: wide numbers first, so that all are aligned.
    order = sorted(arrays, key=lambda name: (-arrays[name].dtype.itemsize, name))
    place = 0
    for name in order:
        value = arrays[name]
        entry = {"dtype": WRITTEN[value.dtype.name], "shape": list(value.shape)}
        header[name] = {**entry, "data_offsets": [place, place + value.nbytes]}
        place += value.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for name in order:
            value = arrays[name]
            little = np.asarray(value, value.dtype.newbyteorder("<"), order="C")
            file.write(memoryview(little.reshape(-1).view(np.uint8)))


def _read_header(file: MappedFile) -> tuple[dict[str, Any], int]:
    """Return the header and where the numbers begin."""
    if file.size < 8:
        raise RefusedError(f"truncated: {file.size} bytes, expected at least 8")
    (length,) = struct.unpack("<Q", file.data[:8])
    if length > min(LONGEST_HEADER, file.size - 8):
        raise RefusedError(f"damaged safetensors file: a header of {length} bytes in a file of {file.size}")
    text = file.data[8 : 8 + length]
    try:
        header = json.loads(text.decode("utf-8"), object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"damaged safetensors file: its header cannot be read ({reason(error)})") from None
    if not isinstance(header, dict):
        raise RefusedError(f"its header is a {type(header).__name__}, expected an object")
    return header, 8 + length


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise ValueError("a name stands twice")
    return entries


def _checked_entry(name: str, entry: Any) -> tuple[str, tuple[int, ...], int, int]:
    """Return dtype, shape, and first and last byte of an array."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise RefusedError(f"{quoted(name)}: expected dtype, shape and data_offsets")
    if not isinstance(entry["dtype"], str) or entry["dtype"] not in DTYPES:
        raise RefusedError(f"{quoted(name)} has dtype {quoted(entry['dtype'], 20)}, expected {', '.join(DTYPES)}")
    dtype = DTYPES[entry["dtype"]]
    itemsize = WIDENED.get(dtype) or np.dtype(dtype).itemsize
    shape, offsets = entry["shape"], entry["data_offsets"]
    if not isinstance(shape, list) or not isinstance(offsets, list) or len(offsets) != 2:
        raise RefusedError(f"{quoted(name)}: expected lists for shape and data_offsets")
    shape = checked_shape(shape, itemsize)
    start, stop = offsets
    if not all(type(n) is int and 0 <= n < 2**62 for n in offsets):
        raise RefusedError(f"{quoted(name)}: expected integers of at least 0 for data_offsets")
    if stop - start != math.prod(shape) * itemsize:
        raise RefusedError(f"{quoted(name)} of shape {shape} and {dtype} cannot lie in bytes {start} to {stop}")
    return dtype, shape, start, stop
