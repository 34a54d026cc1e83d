"""Weights as files: safetensors, ``.npz``, and PyTorch's ``.pth`` and ``.pt`` (read without PyTorch)."""

import json
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo.models.files.pytorch_files import read_pytorch
from segalgo.models.files.weights_error import WeightsError

SUFFIXES = (".safetensors", ".npz", ".pth", ".pt")
# Under these names training scripts keep the state dict beside epoch, optimizer and the like.
NESTED = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "params", "module")
SAFETENSORS_DTYPES = {
    "F64": "<f8",
    "F32": "<f4",
    "F16": "<f2",
    "BF16": "<u2",
    "I64": "<i8",
    "I32": "<i4",
    "I16": "<i2",
    "I8": "i1",
    "U8": "u1",
    "BOOL": "?",
}
RECORD = "segalgo"  # the entry of a file's metadata
DEFLATE_LIMIT = 1040  # no deflated byte stands for more


def load_weights(path: Any) -> dict[str, np.ndarray]:
    """Read names and arrays of a weight file.

    Parameters
    ----------
    path : str or Path
        ``.safetensors``, ``.npz``, or a file of ``torch.save`` (``.pth``, ``.pt``): a state dict, or a dictionary that
        holds one as "state_dict", "model" or the like.

    Returns
    -------
    dict of str to array
        Read-only. float16 and bfloat16 are widened to float32. Entries that are no tensors are left out, and a prefix
        ``module.`` that all names share (of parallel training) is taken off.

    Raises
    ------
    WeightsError
        If the file is missing, damaged, truncated, or holds more than tensors. Nothing of a file is ever executed, and
        reading takes memory in proportion to its size.

    Examples
    --------
    >>> import numpy as np, tempfile, os
    >>> from segalgo.models import load_weights, save_weights
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "weights.safetensors")
    ...     save_weights(path, {"classifier.bias": np.zeros(2, np.float32)})
    ...     load_weights(path)
    {'classifier.bias': array([0., 0.], dtype=float32)}
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise WeightsError(f"{path}: expected a file named {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise WeightsError(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}")
    if path.suffix == ".safetensors":
        weights = _read_safetensors(path)
    elif path.suffix == ".npz":
        weights = _read_npz(path)
    else:
        weights = _state_dict_of(read_pytorch(path), path)
    if not weights:
        raise WeightsError(f"{path}: holds no tensors")
    if all(name.startswith("module.") for name in weights):
        weights = {name.removeprefix("module."): value for name, value in weights.items()}
    return weights


def save_weights(path: Any, weights: Mapping[str, Any], record: Mapping[str, Any] | None = None) -> None:
    """Write names and arrays to a safetensors file.

    Parameters
    ----------
    path : str or Path
        Named ``.safetensors``.
    weights : mapping of str to array
        NumPy or CuPy.
    record : mapping, optional
        What else there is to say, in plain values; `read_record` returns it.

    Raises
    ------
    WeightsError
        If the file cannot be written.
    """
    from safetensors.numpy import save_file

    path = Path(path)
    if path.suffix != ".safetensors":
        raise WeightsError(f"{path}: expected a file named .safetensors")
    arrays = {name: value.get() if is_cupy(value) else value for name, value in weights.items()}
    try:
        metadata = None if record is None else {RECORD: json.dumps(record)}
        save_file({name: np.ascontiguousarray(value) for name, value in arrays.items()}, path, metadata)
    except Exception as error:  # the library has error types of its own
        raise WeightsError(f"{path}: cannot be written ({error})") from None


def read_record(path: Any) -> dict[str, Any] | None:
    """Return the record that `save_weights` wrote beside the weights, or None."""
    from safetensors import SafetensorError, safe_open

    if Path(path).suffix != ".safetensors":
        return None
    try:
        with safe_open(path, "np") as file:
            text = (file.metadata() or {}).get(RECORD)
        record = None if text is None else json.loads(text)
    except (SafetensorError, OSError, ValueError, RecursionError) as error:
        raise WeightsError(f"{path}: its record cannot be read ({error})") from None
    if record is not None and not isinstance(record, dict):
        raise WeightsError(f"{path}: its record is a {type(record).__name__}, expected an object")
    return record


def _read_safetensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors import SafetensorError, deserialize

    try:
        entries = deserialize(path.read_bytes())
    except SafetensorError as error:
        raise WeightsError(f"{path}: damaged safetensors file ({error})") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None
    weights = {}
    for name, entry in entries:
        if entry["dtype"] not in SAFETENSORS_DTYPES:
            raise WeightsError(f"{path}: {name} has dtype {entry['dtype']}, expected {', '.join(SAFETENSORS_DTYPES)}")
        values = np.frombuffer(entry["data"], SAFETENSORS_DTYPES[entry["dtype"]]).reshape(entry["shape"])
        if entry["dtype"] == "BF16":
            values = (values.astype(np.uint32) << np.uint32(16)).view(np.float32)
        weights[name] = _widened(values)
    return weights


def _read_npz(path: Path) -> dict[str, np.ndarray]:
    weights = {}
    try:
        with zipfile.ZipFile(path) as archive:
            for info in archive.infolist():
                weights[info.filename.removesuffix(".npy")] = _widened(_read_npy(archive, info))
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (
        ValueError,
        KeyError,
        EOFError,
        NotImplementedError,
        RuntimeError,
        zipfile.BadZipFile,
        zipfile.zlib.error,
    ) as error:
        raise WeightsError(f"{path}: damaged or no .npz file ({error})") from None
    return weights


def _read_npy(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> np.ndarray:
    """Read one array; its header is held against the member's size before memory is taken."""
    with archive.open(info) as file:
        version = np.lib.format.read_magic(file)
        read_header = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
        if version not in read_header:
            raise ValueError(f"{info.filename} has version {version}")
        shape, fortran, dtype = read_header[version](file)
        if dtype.kind not in "fiub":
            raise ValueError(f"{info.filename} has dtype {dtype}, expected numbers")
        size = math.prod(shape) * dtype.itemsize
        if size != info.file_size - file.tell() or size > DEFLATE_LIMIT * max(info.compress_size, 1):
            raise ValueError(f"{info.filename} of {info.file_size} bytes cannot hold {dtype} of shape {shape}")
        raw = file.read(size)
    if len(raw) != size:
        raise ValueError(f"{info.filename} ends after {len(raw)} of {size} bytes")
    return np.frombuffer(raw, dtype).reshape(shape, order="F" if fortran else "C")


def _state_dict_of(tree: Any, path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of a checkpoint: its own entries, or those of the one nested dictionary that holds them."""
    for _ in range(3):
        if not isinstance(tree, dict):
            raise WeightsError(f"{path}: holds a {type(tree).__name__}, expected a state dict")
        nested = [name for name in NESTED if isinstance(tree.get(name), dict)]
        if not nested:
            break
        tree = tree[nested[0]]
    return {name: value for name, value in tree.items() if isinstance(name, str) and isinstance(value, np.ndarray)}


def _widened(values: np.ndarray) -> np.ndarray:
    """Return an array in native byte order, float16 as float32, read-only."""
    dtype = np.float32 if values.dtype == np.float16 else values.dtype.newbyteorder("=")
    values = values.astype(dtype, copy=False)
    values.flags.writeable = False
    return values
