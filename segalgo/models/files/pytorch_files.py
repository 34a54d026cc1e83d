"""Read PyTorch's ``.pth`` and ``.pt`` files: without PyTorch, executing nothing, in memory that the file bounds."""

import math
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from segalgo.models.files.limits import Allowance, checked_shape
from segalgo.models.files.mapped_file import MappedFile
from segalgo.models.files.pickled_tensors import PickleReader
from segalgo.models.files.small_floats import WIDENED, widen
from segalgo.models.files.state_dicts import find_state_dict, holds, part_of_names
from segalgo.models.files.tensor_records import OtherTensor, Storage, Tensor
from segalgo.models.files.weights_error import RefusedError, quoted
from segalgo.models.files.zip_members import ZipMembers

# What a file of the time before PyTorch 1.6 begins with, and the version behind it.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001

Bytes = Callable[[Storage], tuple[np.ndarray, str]]


def read_pytorch(file: MappedFile, key: str | None = None) -> tuple[dict[str, np.ndarray], bool]:
    """Return the state dict of a file that ``torch.save`` wrote, as read-only NumPy arrays.

    Zip files (since PyTorch 1.6) and the older form. Tensors stay views of their storages, shared or not; floats of 16
    and 8 bits come as float32. Only the storages that the state dict needs are read.

    Parameters
    ----------
    file : MappedFile
    key : str, optional
        Which of several state dicts: see `find_state_dict`.

    Returns
    -------
    dict of str to array
    found : bool
        Whether `key` named a dictionary; if not, it may name the first part of names.

    Raises
    ------
    RefusedError
        If the file is damaged or names what no weights need, or a tensor of the state dict is none of plain numbers.
    """
    allowance = Allowance(file.size)
    if file.data[:2] == b"PK":
        tree, read = _read_zip(file, allowance)
    else:
        tree, read = _read_legacy(file, allowance)
    found = key is not None and holds(tree, key)
    state = find_state_dict(tree, key if found else None)
    if key is not None and not found:
        part_of_names(state, key, tree if isinstance(tree, dict) else None)  # refuses a key that names nothing
    storages: dict[tuple[str, str], np.ndarray] = {}
    return {name: _array(name, value, storages, read, allowance) for name, value in state.items()}, found


def _read_zip(file: MappedFile, allowance: Allowance) -> tuple[Any, Bytes]:
    members = ZipMembers(file, allowance)
    names = members.infos
    pickles = [name for name in names if name.rpartition("/")[2] == "data.pkl"]
    if len(pickles) != 1:
        some = ", ".join(quoted(name, 40) for name in list(names)[:3])
        raise RefusedError(
            f"a zip file with {len(pickles)} members */data.pkl, expected one: no file of torch.save (it holds "
            f"{some or 'nothing'})"
        )
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}constants.pkl" in names or any(name.startswith(f"{root}code/") for name in names):
        raise RefusedError("a TorchScript program, expected a state dict (torch.save(model.state_dict(), path))")
    order = ">" if f"{root}byteorder" in names and members.read(f"{root}byteorder").tobytes().strip() == b"big" else "<"
    tree = PickleReader(members.read(pickles[0]).tobytes(), allowance).read()
    return tree, lambda storage: (members.read(f"{root}data/{storage.key}"), order)


def _read_legacy(file: MappedFile, allowance: Allowance) -> tuple[Any, Bytes]:
    """Read magic number, version, sizes, object and keys, five pickles, and then count and numbers of each storage."""
    unknown = "neither a zip file of torch.save nor its older form"
    reader = PickleReader(file.data, allowance)
    try:
        magic = reader.read()
    except RefusedError as error:
        raise RefusedError(f"{unknown} ({error})" if file.data[:1] in b"\x80" else unknown) from None
    if type(magic) is not int or magic != LEGACY_MAGIC:
        raise RefusedError(f"{unknown}; a pickle of something else (torch.save writes weights)")
    if reader.read() != LEGACY_PROTOCOL:
        raise RefusedError("an unknown version of the older form of torch.save")
    system = reader.read()
    order = ">" if isinstance(system, dict) and system.get("little_endian") is False else "<"
    tree = reader.read()
    keys = reader.read()
    if not isinstance(keys, list):
        raise RefusedError("no list of storages behind the object")
    places: dict[str, int] = {}
    place = reader.place
    for key in keys:
        storage = reader.storages.get(key) if isinstance(key, str) else None
        if storage is None or key in places:
            raise RefusedError("a storage that no tensor refers to, or that comes twice")
        if place + 8 > file.size:
            raise RefusedError(f"truncated: the storage {quoted(key)} is missing at byte {place}")
        (count,) = struct.unpack(f"{order}q", file.data[place : place + 8])
        if count != storage.count:
            raise RefusedError(f"the storage {quoted(key)} holds {count} numbers, its tensors expect {storage.count}")
        places[key] = place + 8
        place += 8 + count * _width(storage.dtype)

    def read(storage: Storage) -> tuple[np.ndarray, str]:
        if storage.key not in places:
            raise RefusedError(f"truncated: the storage {quoted(storage.key)} is missing")
        return file.numbers(places[storage.key], storage.count * _width(storage.dtype)), order

    return tree, read


def _width(dtype: str) -> int:
    return WIDENED.get(dtype) or np.dtype(dtype).itemsize


def _array(
    name: str,
    tensor: Tensor | OtherTensor,
    storages: dict[tuple[str, str], np.ndarray],
    read: Bytes,
    allowance: Allowance,
) -> np.ndarray:
    """Return a tensor as an array, a view of its storage unless it is negated or conjugated."""
    if isinstance(tensor, OtherTensor):
        raise RefusedError(f"{quoted(name)} is {tensor.reason}, expected a tensor of plain numbers")
    key = (tensor.storage.key, tensor.dtype)
    if key not in storages:
        if any(other == tensor.storage.key for other, _ in storages):
            raise RefusedError(f"the storage {quoted(tensor.storage.key)} is used with different dtypes or sizes")
        raw, order = read(tensor.storage)
        if tensor.dtype in WIDENED:
            allowance.take(4 * raw.size // _width(tensor.dtype), f"the tensor {quoted(name)}, widened to float32,")
        storages[key] = _numbers(tensor.storage, tensor.dtype, raw, order)
    values = _view(tensor, storages[key], name, allowance)
    if tensor.conjugated or tensor.negated:
        allowance.take(values.nbytes, f"the tensor {quoted(name)}")
        values = np.conjugate(values) if tensor.conjugated else values
        values = np.negative(values) if tensor.negated else values
        values.flags.writeable = False
    return values


def _numbers(storage: Storage, dtype: str, raw: np.ndarray, order: str) -> np.ndarray:
    """Return a storage as one flat read-only array; floats of 16 and 8 bits widened."""
    if raw.size != storage.count * _width(storage.dtype):
        raise RefusedError(
            f"truncated: the storage {quoted(storage.key)} has {raw.size} bytes, expected {storage.count} of "
            f"{storage.dtype}"
        )
    if raw.size % _width(dtype):
        raise RefusedError(f"the storage {quoted(storage.key)} has {raw.size} bytes, no whole number of {dtype}")
    if dtype in WIDENED:
        values = widen(raw, dtype, order)
    else:
        values = raw.view(np.dtype(dtype).newbyteorder(order)).astype(dtype, copy=False)
    values.flags.writeable = False
    return values


def _view(tensor: Tensor, values: np.ndarray, name: str, allowance: Allowance) -> np.ndarray:
    """Return a view of a storage, inside it; one that repeats cells is held against the length of the file."""
    shape = checked_shape(tensor.shape, values.itemsize)
    cells = math.prod(shape)
    if not cells:
        return np.zeros(shape, values.dtype)
    # An axis of one cell may have any stride.
    strides = tuple(step if n > 1 else 0 for n, step in zip(shape, tensor.strides, strict=True))
    last = tensor.offset + sum((n - 1) * step for n, step in zip(shape, strides, strict=True))
    if last >= values.size:
        raise RefusedError(
            f"the tensor {quoted(name)} of shape {shape}, strides {tensor.strides} and offset {tensor.offset} does not "
            f"fit its storage {quoted(tensor.storage.key)} of {values.size} numbers"
        )
    if cells > values.size and cells * values.itemsize > allowance.limit:
        raise RefusedError(
            f"the tensor {quoted(name)} of shape {shape} repeats the {values.size} numbers of its storage to more "
            f"bytes than the {allowance.limit} that the length of the file allows"
        )
    steps = tuple(step * values.itemsize for step in strides)
    view: np.ndarray = np.ndarray(shape, values.dtype, values, tensor.offset * values.itemsize, steps)
    view.flags.writeable = False
    return view
