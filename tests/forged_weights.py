"""Forge weight files byte by byte: pickles of chosen instructions, and the zip files and older form around them."""

import io
import pickle
import struct
import time
import tracemalloc
import zipfile
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np
import pytest

from segalgo.models import WeightsError, load_weights


def call(path, *arguments):
    """Return an object whose pickle calls a function of that path."""

    class Function:
        pass

    module, _, name = path.rpartition(".")
    Function.__module__, Function.__qualname__, Function.__name__ = module, name, name

    class Caller:
        def __reduce__(self):
            return Function, arguments

    return Caller()


class Pickler(pickle._Pickler):
    """Python's pickler, letting pass names of functions that are not there, and storages as PyTorch refers to them."""

    def save_global(self, obj, name=None):
        self.write(pickle.GLOBAL + f"{obj.__module__}\n{obj.__qualname__}\n".encode())

    dispatch = {**pickle._Pickler.dispatch, type: save_global}

    def persistent_id(self, obj):
        return obj.reference if isinstance(obj, StorageReference) else None


class StorageReference:
    def __init__(self, key, count, kind="FloatStorage"):
        storage = type(kind, (), {"__module__": "torch", "__qualname__": kind})
        self.reference = ("storage", storage, key, "cpu", count)


def tensor(storage, shape, strides, offset=0, *rest):
    return call("torch._utils._rebuild_tensor_v2", storage, offset, shape, strides, False, OrderedDict(), *rest)


def pickled(content):
    stream = io.BytesIO()
    Pickler(stream, 2).dump(content)
    return stream.getvalue()


def write_zip(path, program, storages, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", program)
        for key, values in storages.items():
            archive.writestr(f"archive/data/{key}", np.asarray(values).tobytes())


def write_legacy(path, program, keys=b"]", storages=b""):
    """Write the older form: `program` and `keys` are pickles without their last instruction."""
    magic = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2) + pickle.dumps({"little_endian": True}, 2)
    path.write_bytes(magic + program + b"." + b"\x80\x02" + keys + b"." + storages)


def write_safetensors(path, header, numbers=b""):
    text = header if isinstance(header, bytes) else header.encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + numbers)


def refused(path, *words, read=load_weights):
    """Assert that a file is refused by the one documented exception, which names the file."""
    with pytest.raises(WeightsError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 30_000
    for word in words:
        assert word in str(caught.value)


@contextmanager
def bounded(size=64 * 2**20):
    """Assert that what happens inside takes no more memory than any hostile file may cost."""
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < size


@contextmanager
def in_time(seconds=2.0):
    """Assert that what happens inside takes no more of the processor's time than any hostile file may cost."""
    begin = time.process_time()
    yield
    assert time.process_time() - begin < seconds


def outcome(path, read=load_weights):
    """Return whether a file is "read" or "refused"; no other exception passes, and a refusal names the file."""
    try:
        read(path)
    except WeightsError as error:
        message = str(error)
    else:
        return "read"
    assert str(path) in message
    return "refused"
