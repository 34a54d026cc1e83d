"""Weights as files: safetensors, ``.npz``, and PyTorch's ``.pth`` and ``.pt`` (read without PyTorch)."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo.models.files.file_kinds import kind_of
from segalgo.models.files.mapped_file import MappedFile
from segalgo.models.files.npz_files import read_npz
from segalgo.models.files.pytorch_files import read_pytorch
from segalgo.models.files.safetensors_files import (
    METADATA,
    WRITTEN,
    read_metadata,
    read_safetensors,
    write_safetensors,
)
from segalgo.models.files.shards import SUFFIX as INDEX
from segalgo.models.files.shards import read_index
from segalgo.models.files.state_dicts import part_of_names, without_prefixes
from segalgo.models.files.weights_error import DAMAGE, RefusedError, WeightsError, quoted, reason

SUFFIXES = (".safetensors", ".npz", ".pth", ".pt", ".bin", ".ckpt", ".pth.tar", ".pt.tar", INDEX)
RECORD = "segalgo"  # the entry of a file's metadata


def load_weights(path: Any, key: str | None = None) -> dict[str, np.ndarray]:
    """Read names and arrays of a weight file.

    Parameters
    ----------
    path : str or Path
        ``.safetensors``, ``.npz``, a file of ``torch.save`` (``.pth``, ``.pt``, ``.bin``, ``.ckpt``, ``.pth.tar``), or
        the index of several such files (``.index.json``). A file of ``torch.save`` is a state dict, or a dictionary
        that holds one, under a name such as "state_dict" or "model".
    key : str, optional
        The name of the state dict, where a file holds several ("ema", "teacher"), or a path of names with dots between
        them; or the first part of the names that are wanted.

    Returns
    -------
    dict of str to array
        Read-only. float16, bfloat16 and float8 are widened to float32. Prefixes of wrappers that all names share
        (``module.``, ``_orig_mod.``, ``model.``, ``net.``) are taken off. Arrays of files of 256 MiB and more are views
        of the mapped file, which must not be written to while they are in use.

    Raises
    ------
    WeightsError
        If the file is missing, damaged, truncated, no file of weights, or holds several state dicts of which `key`
        names none; if a tensor is quantized or sparse; if the pickle of a file of ``torch.save`` names a function.
    TypeError
        If `path` is no path or `key` is no string.

    Notes
    -----
    Nothing of a file is ever executed. Objects that are no tensors (settings, dates, arrays of NumPy) are passed over:
    they are not made. Time and memory are in proportion to the length of the file; compressed files may hold 24 times
    their length, or 24 MiB.

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
    path = as_path(path)
    if key is not None and not isinstance(key, str):
        raise TypeError(f"key={key!r:.80}: expected a string")
    with errors_of(path):
        _check_name(path)
        if path.name.lower().endswith(INDEX):
            weights, found = _read_shards(path), False
        else:
            weights, found = _read(path, key)
        if not weights:
            raise RefusedError("holds no tensors")
        for name in weights:
            if not name.isprintable():
                raise RefusedError(f"the name {quoted(name)} cannot be printed")
        if key is not None and not found:
            weights = part_of_names(weights, key)
        return without_prefixes(weights)


def save_weights(path: Any, weights: Mapping[str, Any], record: Mapping[str, Any] | None = None) -> None:
    """Write names and arrays to a safetensors file.

    The file appears under its name when it is whole: an interrupted call leaves what was there before.

    Parameters
    ----------
    path : str or Path
        Named ``.safetensors``.
    weights : mapping of str to array
        NumPy or CuPy, of a dtype that `load_weights` returns (float16 comes back as float32).
    record : mapping, optional
        What else there is to say, in plain values; `read_record` returns it.

    Raises
    ------
    WeightsError
        If the file cannot be written.
    TypeError, ValueError
        If `path` does not have that suffix, a name is not a printable string, a value is not an array of such a dtype,
        or `record` holds anything but plain values.
    """
    path = as_path(path)
    if path.suffix.lower() != ".safetensors":
        raise WeightsError(f"{path}: expected a file named .safetensors")
    arrays = _checked_arrays(weights)
    metadata = {}
    if record is not None:
        try:
            metadata[RECORD] = json.dumps(record)
        except (TypeError, ValueError, RecursionError) as error:
            raise TypeError(f"record: expected plain values ({reason(error)})") from None
    try:
        write_safetensors(path, arrays, metadata)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be written ({reason(error)})") from None


def read_record(path: Any) -> dict[str, Any] | None:
    """Return the record that `save_weights` wrote beside the weights, or None.

    Raises
    ------
    WeightsError
        If the file cannot be read, or its record is no object.
    """
    path = as_path(path)
    if path.suffix.lower() != ".safetensors":
        return None
    with errors_of(path), MappedFile(path) as file:
        text = read_metadata(file).get(RECORD)
        if text is None:
            return None
        try:
            record = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise RefusedError(f"its record cannot be read ({reason(error)})") from None
        if not isinstance(record, dict):
            raise RefusedError(f"its record is a {type(record).__name__}, expected an object")
        return record


def as_path(path: Any, argument: str = "path") -> Path:
    """Return a path of a path or string."""
    try:
        return Path(path)
    except TypeError:
        raise TypeError(f"{argument}={path!r:.80}: expected a path") from None


@contextmanager
def errors_of(path: Path) -> Iterator[None]:
    """Turn the errors of reading a file into `WeightsError`, with the name of the file."""
    try:
        yield
    except WeightsError:
        raise
    except RefusedError as error:
        raise WeightsError(f"{path}: {error}") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({reason(error)})") from None
    except DAMAGE as error:
        raise WeightsError(f"{path}: damaged file ({reason(error)})") from None


def _check_name(path: Path) -> None:
    """Refuse a name that is no file of weights."""
    beside = path.name.lower()
    if beside.endswith(".index") or ".data-000" in beside or Path(f"{path}.index").is_file():
        raise RefusedError("is a part of a TensorFlow checkpoint, expected weights of PyTorch, safetensors or .npz")
    if not beside.endswith(SUFFIXES):
        raise RefusedError(f"expected a file named {', '.join(SUFFIXES)}")
    if not path.exists():
        raise RefusedError("no such file")
    if not path.is_file():
        raise RefusedError("is a folder" if path.is_dir() else "is no regular file")


def _read(path: Path, key: str | None) -> tuple[dict[str, np.ndarray], bool]:
    """Return the arrays of one file, and whether it knew the key."""
    with MappedFile(path) as file:
        kind = kind_of(file)
        if kind == "safetensors" or path.suffix.lower() == ".safetensors":
            return read_safetensors(file), False
        if path.suffix.lower() == ".npz":
            if kind != "zip":
                raise RefusedError("damaged or no .npz file")
            return read_npz(file), False
        return read_pytorch(file, key)


def _read_shards(path: Path) -> dict[str, np.ndarray]:
    """Return the arrays of all files of an index."""
    weights: dict[str, np.ndarray] = {}
    for file, names in read_index(path).items():
        with errors_of(file):
            part, _ = _read(file, None)
            lacking = [name for name in names if name not in part]
            if lacking:
                raise RefusedError(f"lacks {quoted(lacking[0])}, which the index {quoted(path.name)} says it holds")
        weights |= {name: part[name] for name in names}
    return weights


def _checked_arrays(weights: Any) -> dict[str, np.ndarray]:
    """Return what `save_weights` writes, as NumPy arrays; refuse what could not be read again."""
    if not isinstance(weights, Mapping):
        raise TypeError(f"weights is a {type(weights).__name__}: expected a mapping from names to arrays")
    arrays = {}
    for name, value in weights.items():
        if not isinstance(name, str):
            raise TypeError(f"weights has the name {name!r:.80}: expected a string")
        if not name or not name.isprintable() or name == METADATA:
            raise ValueError(f"weights has the name {quoted(name)!r}: expected one that can be printed")
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(f"{name} is a masked array: expected an array of numbers alone")
        array = np.asarray(value.get() if is_cupy(value) else value)
        if array.dtype.name not in WRITTEN:
            raise TypeError(f"{name} has dtype {array.dtype}: expected {', '.join(WRITTEN)}")
        arrays[name] = array
    return arrays
