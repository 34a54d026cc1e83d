"""Files that are no weights are named as what they are."""

import bz2
import gzip
import io
import json
import lzma
import os
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from forged_weights import refused

from segalgo.models import WeightsError, from_checkpoint, load_weights, save_weights

POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 123456\n"


def tar(*names):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name in names:
            archive.addfile(tarfile.TarInfo(name), io.BytesIO())
    return stream.getvalue()


def packed(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "/").replace("_dot_", "."), content)
    return stream.getvalue()


KINDS = {
    "pointer": (POINTER, "is a git-lfs pointer of 131 bytes.*git lfs pull"),
    "page": (b"<!DOCTYPE html>\n<html><head><title>Sign in</title>", "is an HTML page"),
    "page in capitals": (b"\n\n  <HTML>", "is an HTML page"),
    "page with a mark": (b"\xef\xbb\xbf<!doctype HTML>", "is an HTML page"),
    "page with a comment": (b"<!-- saved --><html>", "is an HTML page"),
    "xml": (b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>', "is an XML document"),
    "json": (json.dumps({"error": "Repository not found"}).encode(), "is a JSON text.*Repository not found"),
    "empty": (b"", "is empty"),
    "hdf5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "is an HDF5 file"),
    "npy": (b"\x93NUMPY\x01\x00" + bytes(100), "is a single NumPy array"),
    "gzip": (gzip.compress(bytes(100)), "is compressed with gzip"),
    "bzip2": (bz2.compress(bytes(100)), "is compressed with bzip2"),
    "xz": (lzma.compress(bytes(100)), "is compressed with xz"),
    "tar": (tar("model.pth", "readme"), "is a tar archive of files: unpack it first$"),
    "old tar": (tar("sys_info", "pickle", "storages", "tensors"), "PyTorch 0.1"),
    "tflite": (b"\x1c\x00\x00\x00TFL3" + bytes(100), "is a TensorFlow Lite model"),
    "tensorflow": (b"\x00\x00\x03\x08" + bytes(100) + bytes.fromhex("57fb808b247547db"), "is a TensorFlow checkpoint"),
    "checkpoint": (b'model_checkpoint_path: "model.ckpt-3"\n', "is the index of a TensorFlow checkpoint"),
    "picture": (b"\x89PNG\r\n\x1a\n" + bytes(100), "is a picture"),
    "torchscript": (
        packed(a__data_dot_pkl=b"", a__constants_dot_pkl=b"", a__code__b_dot_py=b""),
        "TorchScript program",
    ),
    "zip of a checkpoint": (packed(model_dot_pth=b"abc"), r"no file of torch.save \(it holds model.pth\)"),
    "cut zip": (
        packed(a__data_dot_pkl=bytes(500))[:300],
        "truncated: a zip file whose directory, at its end, is missing",
    ),
    "text": (b"just a line of text, no weights", "neither a zip file of torch.save nor its older form"),
}


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("suffix", ["pth", "pt", "bin", "ckpt", "pth.tar"])
def test_kinds(tmp_path, name, suffix):
    content, words = KINDS[name]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    for read in (load_weights, from_checkpoint):
        with pytest.raises(WeightsError, match=f"a.{suffix}: .*{words}"):
            read(path)


@pytest.mark.parametrize("suffix", ["safetensors", "npz"])
@pytest.mark.parametrize("name", ["pointer", "page", "empty", "json", "gzip", "tensorflow"])
def test_kinds_under_other_names(tmp_path, name, suffix):
    content, words = KINDS[name]
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=f"a.{suffix}: .*{words}"):
        load_weights(path)


def test_safetensors_under_the_names_of_pytorch(tmp_path):
    save_weights(tmp_path / "a.safetensors", {"a": np.arange(3.0)})
    for suffix in ("bin", "pth", "ckpt"):
        (tmp_path / f"a.{suffix}").write_bytes((tmp_path / "a.safetensors").read_bytes())
        np.testing.assert_array_equal(load_weights(tmp_path / f"a.{suffix}")["a"], [0, 1, 2])


def test_truncated_safetensors_say_so(tmp_path):
    save_weights(tmp_path / "a.safetensors", {"a": np.arange(300.0)})
    content = (tmp_path / "a.safetensors").read_bytes()
    (tmp_path / "a.safetensors").write_bytes(content[:-100])
    refused(tmp_path / "a.safetensors", "truncated: has 2300 bytes of numbers, its header tells of 2400")


def test_npz_that_lack_their_last_bytes_say_so(tmp_path):
    np.savez(tmp_path / "whole.npz", a=np.arange(300.0))
    content = (tmp_path / "whole.npz").read_bytes()
    for lacking in (1, 10, 21, 22, 40):
        (tmp_path / "a.npz").write_bytes(content[:-lacking])
        refused(tmp_path / "a.npz", "truncated: a zip file whose directory")


def test_checkpoints_of_tensorflow_by_their_names(tmp_path):
    for name in ("model.ckpt.index", "model.ckpt.data-00000-of-00001"):
        (tmp_path / name).write_bytes(bytes(10))
        refused(tmp_path / name, "a part of a TensorFlow checkpoint")
    refused(tmp_path / "model.ckpt", "a part of a TensorFlow checkpoint")


def test_names_of_files(tmp_path):
    for name in ("a.h5", "a.zip", "a.tar", "a", "pth"):
        (tmp_path / name).write_bytes(b"abc")
        refused(tmp_path / name, "expected a file named .safetensors")
    refused(tmp_path / "a.pth", "no such file")
    os.mkfifo(tmp_path / "b.pth")
    refused(tmp_path / "b.pth", "is no regular file")
    save_weights(tmp_path / "A.SAFETENSORS", {"a": np.arange(3.0)}, {"b": 1})
    assert list(load_weights(tmp_path / "A.SAFETENSORS")) == ["a"]


@pytest.mark.parametrize(
    ("index", "words"),
    [
        ("[]", "expected an object weight_map"),
        ("{}", "expected an object weight_map"),
        ('{"weight_map": {}}', "expected an object weight_map"),
        ('{"weight_map": []}', "expected an object weight_map"),
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('{"weight_map": {"a": "../a.npz"}}', "expected the name of a file beside the index"),
        ('{"weight_map": {"a": "/etc/passwd"}}', "expected the name of a file beside the index"),
        ('{"weight_map": {"a": ".."}}', "expected the name|are missing"),
        ('{"weight_map": {"a": ""}}', "expected the name"),
        ('{"weight_map": {"a": 3}}', "expected the name"),
        ('{"weight_map": {"a": "b\\u0000.npz"}}', "expected the name"),
        ('{"weight_map": {"a": "model.index.json"}}', "another index"),
        ('{"weight_map": {"a": "missing.npz"}}', "1 of its 1 files are missing: missing.npz"),
        ('{"weight_map": {"c": "part.npz"}}', "lacks c"),
        ('{"weight_map": {"a": "text.bin"}}', "text.bin: neither a zip file"),
    ],
)  # fmt: skip
def test_indices_of_shards(tmp_path, index, words):
    np.savez(tmp_path / "part.npz", a=np.arange(3.0), b=np.arange(2.0))
    (tmp_path / "text.bin").write_text("text")
    (tmp_path / "model.index.json").write_text('{"weight_map": {"a": "part.npz"}}')
    assert list(load_weights(tmp_path / "model.index.json")) == ["a"]
    (tmp_path / "model.index.json").write_text(index)
    with pytest.raises(WeightsError, match=words):
        load_weights(tmp_path / "model.index.json")


def test_names_that_cannot_be_printed(tmp_path):
    text = json.dumps({"a\x1b[2Jb": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(4))
    refused(tmp_path / "a.safetensors", "cannot be printed")
