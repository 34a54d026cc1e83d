"""Read PyTorch's ``.pth`` and ``.pt`` files: without PyTorch, executing nothing, in memory that the file bounds."""

import io
import math
import struct
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.models.files.pickled_tensors import RefusedError, Storage, Tensor, read_pickle
from segalgo.models.files.weights_error import WeightsError

# What a file of the time before PyTorch 1.6 begins with, and the version behind it.
LEGACY_MAGIC = 0x1950A86A20F9469CFC6C
LEGACY_PROTOCOL = 1001


def read_pytorch(path: Path) -> Any:
    """Return the object that ``torch.save`` wrote, tensors as read-only NumPy arrays.

    Zip files (since PyTorch 1.6) and the older form. Tensors stay views of their storages, shared or not; half
    precision and bfloat16 come as float32.

    Raises
    ------
    WeightsError
        If the file is damaged, or holds anything but containers, numbers, strings and tensors.
    """
    try:
        content = path.read_bytes()
        if zipfile.is_zipfile(io.BytesIO(content)):
            return _read_zip(content)
        return _read_legacy(content)
    except WeightsError:
        raise
    except RefusedError as error:
        raise WeightsError(f"{path}: {error}") from None
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror or error})") from None
    except (ValueError, KeyError, IndexError, NotImplementedError, RuntimeError, EOFError, zipfile.BadZipFile) as error:
        raise WeightsError(f"{path}: damaged file ({error})") from None
    except struct.error as error:
        raise WeightsError(f"{path}: damaged file ({error})") from None


def _read_zip(content: bytes) -> Any:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info.filename: info for info in archive.infolist()}
        pickles = [name for name in members if name.endswith("data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise RefusedError(
                f"a zip file with {len(pickles)} members */data.pkl, expected one: no file of torch.save"
            )
        root = pickles[0].removesuffix("data.pkl")
        if f"{root}constants.pkl" in members or any(name.startswith(f"{root}code/") for name in members):
            raise RefusedError("a TorchScript program, expected a state dict (torch.save(model.state_dict(), path))")
        budget = [len(content)]

        def member(name: str) -> bytes:
            """Return a member; all of them together are no larger than the file."""
            info = members.get(name)
            if info is None:
                raise RefusedError(f"truncated: the member {name} is missing")
            if info.compress_type != zipfile.ZIP_STORED:
                raise RefusedError(f"the member {name} is compressed, as torch.save never writes it")
            budget[0] -= info.file_size
            if budget[0] < 0:
                raise RefusedError(f"the member {name} makes the members larger than the file")
            return archive.read(info)

        big = f"{root}byteorder" in members and member(f"{root}byteorder").strip() == b"big"
        tree = read_pickle(io.BytesIO(member(pickles[0])))
        storages = {
            storage.key: _numbers(member(f"{root}data/{storage.key}"), storage, tensor_dtype, big)
            for storage, tensor_dtype in _storages_of(tree)
        }
    return _with_arrays(tree, storages)


def _read_legacy(content: bytes) -> Any:
    """Read magic number, version, sizes, object and keys, five pickles, and then count and numbers of each storage."""
    stream = io.BytesIO(content)
    unknown = "neither a zip file of torch.save nor its older form"
    if content[:2] != b"\x80\x02":
        raise RefusedError(unknown if content else "is empty (0 bytes)")
    if read_pickle(stream) != LEGACY_MAGIC:
        raise RefusedError(unknown)
    if read_pickle(stream) != LEGACY_PROTOCOL:
        raise RefusedError("an unknown version of the older form of torch.save")
    system = read_pickle(stream)
    big = isinstance(system, dict) and system.get("little_endian") is False
    tree = read_pickle(stream)
    keys = read_pickle(stream)
    if not isinstance(keys, list):
        raise RefusedError("no list of storages behind the object")
    wanted = {storage.key: (storage, dtype) for storage, dtype in _storages_of(tree)}
    storages = {}
    for key in keys:
        if key not in wanted:
            raise RefusedError(f"a storage {key!r:.40} that no tensor refers to")
        storage, dtype = wanted[key]
        (count,) = struct.unpack(">q" if big else "<q", stream.read(8))
        if count != storage.count:
            raise RefusedError(f"the storage {key} holds {count} numbers, its tensors expect {storage.count}")
        storages[key] = _numbers(stream.read(count * _width(storage.dtype)), storage, dtype, big)
    return _with_arrays(tree, storages)


def _width(dtype: str) -> int:
    return 2 if dtype == "bfloat16" else np.dtype(dtype).itemsize


def _numbers(raw: bytes, storage: Storage, dtype: str, big: bool) -> np.ndarray:
    """Return a storage as one flat read-only array; 16-bit floats widened."""
    if len(raw) != storage.count * _width(storage.dtype):
        raise RefusedError(
            f"truncated: the storage {storage.key} has {len(raw)} bytes, expected {storage.count} of {storage.dtype}"
        )
    if len(raw) % _width(dtype):
        raise RefusedError(f"the storage {storage.key} has {len(raw)} bytes, no whole number of {dtype}")
    order = ">" if big else "<"
    if dtype == "bfloat16":
        # The upper half of a float32.
        bits = np.frombuffer(raw, f"{order}u2").astype(np.uint32) << np.uint32(16)
        values = bits.view(np.float32)
    else:
        values = np.frombuffer(raw, np.dtype(dtype).newbyteorder(order))
        native = np.float32 if dtype == "float16" else np.dtype(dtype)
        values = values.astype(native, copy=False)
    values.flags.writeable = False
    return values


def _entries(value: Any) -> Iterator[Any]:
    """Return what a container holds."""
    return iter(value.values()) if isinstance(value, dict) else iter(value)


def _storages_of(tree: Any) -> list[tuple[Storage, str]]:
    """Return each storage that tensors of the tree view, once, and their dtype."""
    found: dict[str, tuple[Storage, str]] = {}
    waiting, seen = [tree], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            pair = (value.storage, value.dtype)
            if found.setdefault(value.storage.key, pair) != pair:
                raise RefusedError(f"the storage {value.storage.key} is used with different dtypes or sizes")
        elif isinstance(value, Storage):
            found.setdefault(value.key, (value, value.dtype))
        elif isinstance(value, dict | list | tuple) and id(value) not in seen:
            seen.add(id(value))
            waiting.extend(_entries(value))
    return list(found.values())


def _with_arrays(tree: Any, storages: Mapping[str, np.ndarray]) -> Any:
    """Return the dictionaries of the tree with arrays for tensors, as deep as checkpoints nest."""

    def convert(value: Any, depth: int) -> Any:
        if isinstance(value, Tensor):
            return _view(value, storages[value.storage.key])
        if isinstance(value, dict) and depth < 4:
            return {key: convert(entry, depth + 1) for key, entry in value.items()}
        return value

    return convert(tree, 0)


def _view(tensor: Tensor, values: np.ndarray) -> np.ndarray:
    """Return a view of a storage: inside it, and no larger than it."""
    cells = math.prod(tensor.shape)
    last = tensor.offset + sum((n - 1) * step for n, step in zip(tensor.shape, tensor.strides, strict=True))
    if cells and (last >= values.size or cells > values.size):
        raise RefusedError(
            f"a tensor of shape {tensor.shape}, strides {tensor.strides} and offset {tensor.offset} does not fit its "
            f"storage {tensor.storage.key} of {values.size} numbers"
        )
    if not cells:
        return np.zeros(tensor.shape, values.dtype)
    strides = [step * values.itemsize for step in tensor.strides]
    return np.lib.stride_tricks.as_strided(values[tensor.offset :], tensor.shape, strides, writeable=False)
