"""Files made to hurt: each costs at most two seconds and 64 MiB, and is read or refused by `WeightsError`."""

import io
import json
import struct
import zipfile

import numpy as np
import pytest
from forged_weights import (
    StorageReference,
    bounded,
    call,
    in_time,
    outcome,
    pickled,
    refused,
    tensor,
    write_legacy,
    write_safetensors,
    write_zip,
)

from segalgo.models import UNet, from_checkpoint, load_weights, save_weights

MIB = 2**20


def shared_dictionaries(levels):
    """Return a pickle of dictionaries that each hold the one below three hundred times."""
    program = b"\x80\x02}q\x00"
    for level in range(1, levels):
        entries = b"".join(b"J" + struct.pack("<i", k) + b"h" + bytes([level - 1]) for k in range(300))
        program += b"}q" + bytes([level]) + b"(" + entries + b"u"
    return program


def named_dictionaries(levels):
    """The same, with names for keys, so that a state dict could be anywhere among them."""
    program = b"\x80\x02}q\x00"
    for level in range(1, levels):
        entries = b"".join(b"X\x02\x00\x00\x00" + f"{k:02}".encode() + b"h" + bytes([level - 1]) for k in range(50))
        program += b"}q" + bytes([level]) + b"(" + entries + b"u"
    return program


def tuple_graph(levels=200):
    """Return instructions that push a tuple of two times a tuple of two times ..."""
    program = b"K\x01q\x00"
    for level in range(levels):
        program += b"h" + bytes([level]) + b"h" + bytes([level]) + b"\x86q" + bytes([level + 1])
    return program


STORAGE = b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x06tQ"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
PICKLES = {
    "shared dictionaries": shared_dictionaries(8) + b".",
    "shared dictionaries of names": named_dictionaries(60) + b".",
    "a tuple graph": b"\x80\x02" + tuple_graph() + b".",
    "a tuple graph as a value": b"\x80\x02}X\x01\x00\x00\x00a" + tuple_graph() + b"s.",
    "a tuple graph as a key": b"\x80\x02}" + tuple_graph() + b"K\x01s.",
    "a tuple graph as sizes": b"\x80\x02}X\x01\x00\x00\x00a" + REBUILD + b"(" + STORAGE + b"K\x00" + tuple_graph() + b"K\x01\x85tRs.",
    "a tuple graph as strides": b"\x80\x02}X\x01\x00\x00\x00a" + REBUILD + b"(" + STORAGE + b"K\x00K\x01\x85" + tuple_graph() + b"tRs.",
    "a tuple graph as a reference": b"\x80\x02" + tuple_graph() + b"Q.",
    "a tuple graph as a storage's key": b"\x80\x02(X\x07\x00\x00\x00storagectorch\nFloatStorage\n" + tuple_graph() + b"NK\x06tQ.",
    "a tuple graph as the kind of a reference": b"\x80\x02(" + tuple_graph() + b"NNNNtQ.",
    "a tuple graph as arguments": b"\x80\x02ctorch\nSize\n" + tuple_graph() + b"R.",
    "a tuple graph as a name": b"\x80\x02" + tuple_graph() + b"X\x01\x00\x00\x00a\x93.",
    "a list that holds itself": b"\x80\x02]q\x00h\x00a.",
    "a dictionary that holds itself": b"\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.",
    "a million lists": b"\x80\x02" + b"]" * 10**6 + b".",
    "a million dictionaries": b"\x80\x02" + b"}" * 10**6 + b".",
    "a million sets": b"\x80\x02" + b"\x8f" * 10**6 + b".",
    "a million marks": b"\x80\x02" + b"(" * 10**6 + b".",
    "a million empty tuples": b"\x80\x02" + b")" * 10**6 + b".",
    "a million memos": b"\x80\x02N" + b"\x94" * 10**6 + b".",
    "a million copies": b"\x80\x02}" + b"2" * 10**6 + b".",
    "nested lists": b"\x80\x02" + b"]" * 300_000 + b"a" * 299_999 + b".",
    "nested tuples": b"\x80\x02N" + b"\x85" * 900_000 + b".",
    "nested dictionaries": b"\x80\x02" + b"}K\x01" * 150_000 + b"N" + b"s" * 150_000 + b".",
    "keys of one hash": b"\x80\x02}(" + b"".join(b"\x8a\x0a" + (k * (2**61 - 1)).to_bytes(10, "little") + b"N" for k in range(60_000)) + b"u.",
    "an integer of 900 KB": b"\x80\x02\x8b" + struct.pack("<i", 900_000) + b"\x7f" * 900_000 + b".",
    "an integer of 900,000 digits": b"\x80\x02I" + b"7" * 900_000 + b"\n.",
    "a long of 900,000 digits": b"\x80\x02L" + b"7" * 900_000 + b"L\n.",
    "a length of four gigabytes": b"\x80\x02\x8b\xff\xff\xff\x7f.",
    "a negative length": b"\x80\x02\x8b\xff\xff\xff\xff.",
    "a length beyond all": b"\x80\x04\x8d" + b"\xff" * 8 + b"abc.",
    "a frame beyond all": b"\x80\x04\x95" + b"\xff" * 8 + b"}.",
    "a name of 900 KB": b"\x80\x02c" + b"a" * 900_000 + b"\nb\n.",
    "a memo beyond all": b"\x80\x02Np99999999999999999999999\n.",
    "a memo never written": b"\x80\x02g99999999999999999999999\n.",
    "strings of four bytes a character": b"\x80\x02X" + struct.pack("<I", 900_004) + b"\xf0\x9f\x8c\x8d" + b"a" * 900_000 + b".",
}  # fmt: skip


LARGE = (
    "a million lists",
    "a million dictionaries",
    "a million sets",
    "a million memos",
    "strings of four bytes a character",
)


@pytest.mark.parametrize("name", PICKLES)
@pytest.mark.parametrize("form", ["zip", "legacy", "legacy keys"])
def test_pickles(tmp_path, name, form):
    program = PICKLES[name]
    path = tmp_path / "hostile.pth"
    if form == "zip":
        write_zip(path, program, {})
    elif form == "legacy":
        write_legacy(path, program[:-1])
    else:
        write_legacy(path, b"\x80\x02}", program[2:-1])
    with in_time():
        refused(path)
    if form == "zip" and name in LARGE:  # tracing takes long
        with bounded():
            refused(path)


def test_a_compressed_pickle_is_no_larger_than_a_file_may_ask(tmp_path):
    for instruction in (b"N0", b"]0", b"K\x01"):
        write_zip(tmp_path / "bomb.pth", b"\x80\x02" + instruction * 2 * 10**7 + b".", {}, zipfile.ZIP_DEFLATED)
        assert (tmp_path / "bomb.pth").stat().st_size < MIB
        with bounded():
            refused(tmp_path / "bomb.pth", "inflates to")


@pytest.mark.parametrize(
    ("shape", "strides", "offset"),
    [
        ((2,), (2**61,), 0),
        ((2, 2), (2**61, 1), 0),
        ((2**61,), (0,), 0),
        ((2**31, 2**31), (0, 0), 0),
        ((2**30,), (0,), 0),
        ((1,), (1,), 2**61),
        ((0, 2**61), (1, 1), 0),
        ((2**61, 0), (1, 1), 2**61),
        ((1,) * 33, (1,) * 33, 0),
        ((10**30,), (1,), 0),
        ((2,), (10**30,), 0),
    ],
)
def test_shapes_strides_and_offsets(tmp_path, shape, strides, offset):
    storage = StorageReference("0", 6)
    write_zip(
        tmp_path / "a.pth", pickled({"a": tensor(storage, shape, strides, offset)}), {"0": np.zeros(6, np.float32)}
    )
    with bounded():
        refused(tmp_path / "a.pth")


def test_strides_of_axes_that_have_one_cell_do_not_matter(tmp_path):
    view = tensor(StorageReference("0", 6), (1, 6, 1), (2**61, 1, 2**61))
    write_zip(tmp_path / "a.pth", pickled({"a": view}), {"0": np.arange(6, dtype=np.float32)})
    np.testing.assert_array_equal(load_weights(tmp_path / "a.pth")["a"], np.arange(6.0).reshape(1, 6, 1))


def test_a_storage_that_many_tensors_repeat(tmp_path):
    """As views they cost nothing; a network that would copy them is refused."""
    storage = StorageReference("0", 1)
    names = UNet(3, 2, 40, 4).parameter_shapes()
    content = {name: tensor(storage, shape, (0,) * len(shape)) for name, shape in names.items()}
    write_zip(tmp_path / "a.pth", pickled(content), {"0": np.ones(1, np.float32)})
    with bounded():
        weights = load_weights(tmp_path / "a.pth")
        assert sum(value.size for value in weights.values()) > 10**7
        refused(tmp_path / "a.pth", "repeat 4 bytes", read=from_checkpoint)
    names = {f"n{k}": tensor(storage, (10**6,), (0,)) for k in range(1000)}
    write_zip(tmp_path / "b.pth", pickled(names), {"0": np.ones(1, np.float32)})
    with bounded():
        assert len(load_weights(tmp_path / "b.pth")) == 1000
    # Negated and conjugated views are copies, and count.
    marked = {f"n{k}": tensor(storage, (10**6,), (0,), 0, {"neg": True}) for k in range(100)}
    write_zip(tmp_path / "c.pth", pickled(marked), {"0": np.ones(1, np.float32)})
    with bounded():
        refused(tmp_path / "c.pth", "its length allows")


def zip_of(path, members, **changes):
    """Write a zip file whose directory says what it is told to."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
        for info in archive.infolist():
            for field, value in changes.items():
                setattr(info, field, value)
    path.write_bytes(stream.getvalue())


def npy(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


def test_npz_that_inflates(tmp_path):
    np.savez_compressed(tmp_path / "bomb.npz", a=np.zeros(2**26, np.uint8))
    with bounded():
        refused(tmp_path / "bomb.npz", "inflates to", "its length allows")
    # As much as compressed zeros of a real network take is read.
    np.savez_compressed(tmp_path / "zeros.npz", a=np.zeros(2**20, np.float32))
    with bounded():
        assert load_weights(tmp_path / "zeros.npz")["a"].shape == (2**20,)


def test_entries_that_share_one_member(tmp_path):
    """Thousands of names for one megabyte, in the directory alone."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a0000.npy", npy(np.zeros(2**16, np.float32)))
        (info,) = archive.infolist()
        for k in range(1, 3000):
            other = zipfile.ZipInfo(f"a{k:04}.npy")
            for field in ("CRC", "compress_size", "file_size", "header_offset", "compress_type"):
                setattr(other, field, getattr(info, field))
            archive.filelist.append(other)
    (tmp_path / "shared.npz").write_bytes(stream.getvalue())
    with bounded():
        refused(tmp_path / "shared.npz")


@pytest.mark.parametrize(
    "changes",
    [
        {"header_offset": 2**40},
        {"header_offset": 7},
        {"file_size": 2**40},
        {"compress_size": 2**40},
        {"file_size": 2**63},
        {"CRC": 1},
        {"compress_type": zipfile.ZIP_LZMA},
        {"compress_type": zipfile.ZIP_BZIP2},
        {"compress_type": zipfile.ZIP_STORED},
        {"compress_type": 99},
        {"flag_bits": 1},
        {"filename": "b/data.pkl"},
    ],
    ids=str,
)
def test_directories_that_lie(tmp_path, changes):
    zip_of(tmp_path / "a.npz", {"a.npy": npy(np.arange(1000.0))}, **changes)
    with bounded():
        refused(tmp_path / "a.npz")


def test_two_members_of_one_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", npy(np.zeros(1)))
        with pytest.warns(UserWarning, match="Duplicate"):
            archive.writestr("a.npy", npy(np.ones(1)))
    refused(tmp_path / "a.npz", "one name")


@pytest.mark.parametrize("place", range(0, 98, 2))
def test_every_field_of_the_ends_of_a_zip64_file(tmp_path, place):
    """Directory, its 64-bit end and the locator, each word of them set to its largest value."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("a.npy", npy(np.zeros(3)))
    content = stream.getvalue()
    end = content[-22:]
    count, size, offset = struct.unpack("<H2I", end[10:20])
    end64 = struct.pack("<4sQ2H2I4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sIQI", b"PK\x06\x07", 0, len(content) - 22, 1)
    tail = bytearray(end64 + locator + end[:8] + b"\xff" * 12 + end[20:])
    (tmp_path / "good.npz").write_bytes(content[:-22] + tail)
    assert load_weights(tmp_path / "good.npz")["a"].shape == (3,)
    tail[place : place + 2] = b"\xff\xff"
    (tmp_path / "a.npz").write_bytes(content[:-22] + tail)
    with bounded():
        assert outcome(tmp_path / "a.npz") in ("read", "refused")


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2.0, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (-2, -3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (0, 4611686018427387904)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (True, 6)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': [2, 3]}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 6}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': 'abcdef'}",
        "{'descr': '<f4', 'fortran_order': 'no', 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': 3, 'shape': (2, 3)}",
        "{'descr': 3, 'fortran_order': False, 'shape': (2, 3)}",
        "{'descr': None, 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '|O', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '<U6', 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<M8[s]', 'fortran_order': False, 'shape': (3,)}",
        "{'descr': '|V4', 'fortran_order': False, 'shape': (6,)}",
        "{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (6,)}",
        "{'descr': ('<f4', (2, 3)), 'fortran_order': False, 'shape': (1,)}",
        "{'descr': '<f4', 'shape': (2, 3)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'more': 1}",
        "[" * 5000,
        "(" * 90 + ")" * 90,
        "{" * 200,
        "-" * 9000 + "1",
        "__import__('os').system('true')",
        "",
        "\0" * 50,
    ],
    ids=range(26),
)
def test_npy_headers(tmp_path, header):
    text = header.encode() + b"\n"
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(24))
    with bounded():
        refused(tmp_path / "a.npz")


def entry(shape, begin=0, end=None, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end if end is not None else begin]}


@pytest.mark.parametrize(
    "header",
    [
        json.dumps({"a": entry([0, 2**62])}),
        json.dumps({"a": entry([2**62, 0])}),
        json.dumps({"a": entry([2**62, 2**62])}),
        json.dumps({"a": entry([1] * 40, 0, 4)}),
        json.dumps({"a": entry([10**400], 0, 4)}),
        json.dumps({"a": entry([-1], 0, 4)}),
        json.dumps({"a": entry([1.0], 0, 4)}),
        json.dumps({"a": entry([True], 0, 4)}),
        json.dumps({"a": entry(["1"], 0, 4)}),
        json.dumps({"a": entry("1", 0, 4)}),
        json.dumps({"a": entry([1], 4, 0)}),
        json.dumps({"a": entry([1], -4, 0)}),
        json.dumps({"a": entry([1], 0, 4, "X32")}),
        json.dumps({"a": entry([1], 0, 4, ["F32"])}),
        json.dumps({"a": entry([1], 0, 4), "b": entry([1], 0, 4)}),
        json.dumps({"a": entry([1], 4, 8)}),
        json.dumps({"a": {**entry([1], 0, 4), "more": 1}}),
        json.dumps({"a": 3}),
        json.dumps([1, 2]),
        '{"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}, "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
        '{"a": {"dtype": "F32", "shape": [1], "shape": [1], "data_offsets": [0, 4]}}',
        '{"a": {"dtype": "F32", "shape": [' + "9" * 5000 + '], "data_offsets": [0, 4]}}',
        '{"a": ' * 100_000,
        "[" * 900_000,
        "[" + "[]," * 290_000 + "[]]",
        "[" + "{}," * 290_000 + "{}]",
        "{" + ",".join(f'"{k}": {{}}' for k in range(60_000)) + "}",
        '{"\\ud800": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}',
        b'{"\xff": 1}',
        "{",
        "",
    ],
    ids=range(31),
)  # fmt: skip
def test_safetensors_headers(tmp_path, header):
    write_safetensors(tmp_path / "a.safetensors", header, bytes(4))
    with in_time():
        refused(tmp_path / "a.safetensors")
    if len(header) < 10_000:
        return
    with bounded():
        refused(tmp_path / "a.safetensors")


def test_safetensors_header_lengths(tmp_path):
    for length in (1, 2**31, 2**32, 2**40, 2**63, 2**64 - 1):
        (tmp_path / "a.safetensors").write_bytes(struct.pack("<Q", length) + b"{}")
        with bounded():
            refused(tmp_path / "a.safetensors")


@pytest.mark.parametrize(
    "arguments",
    [
        {"num_classes": 10**6},
        {"num_classes": 10**30},
        {"num_classes": 1e300},
        {"in_channels": 10**6},
        {"width": 10**6},
        {"depth": 10**6},
        {"width": [2] * 10**5},
        {"norm": "x" * 10**5},
        {"num_classes": -1},
        {"num_classes": None},
        {"num_classes": {}},
        {"x" * 10**5: 1},
    ],
    ids=range(12),
)
def test_records_that_ask_for_more_than_the_file_has(tmp_path, arguments):
    save_weights(
        tmp_path / "a.safetensors", UNet(1, 2, 2, 1).parameters, {"architecture": "unet", "arguments": arguments}
    )
    with in_time():
        refused(tmp_path / "a.safetensors", read=from_checkpoint)
    with bounded():
        refused(tmp_path / "a.safetensors", read=from_checkpoint)


def test_a_kernel_of_many_classes_costs_no_more_than_it_holds(tmp_path):
    """The number of classes is as large as the file has numbers: names and colors for all of them are made in time."""
    state = {**UNet(1, 2, 1, 1).parameters}
    state["classifier.weight"] = np.zeros((200_000, 1, 1, 1), np.float32)
    state["classifier.bias"] = np.zeros(3, np.float32)
    save_weights(tmp_path / "a.safetensors", state)
    assert (tmp_path / "a.safetensors").stat().st_size < MIB
    with in_time():
        refused(tmp_path / "a.safetensors", "classifier.bias", read=from_checkpoint)


def test_calls_are_never_made(tmp_path):
    proof = tmp_path / "proof"
    for function in (
        "os.system", "builtins.exec", "builtins.__import__", "builtins.open", "shutil.rmtree", "runpy.run_path",
        "webbrowser.open", "pickle.loads", "importlib.import_module", "subprocess.run", "ctypes.CDLL", "socket.socket",
        "torch.hub.load", "torch.utils.cpp_extension.load", "numpy.load", "numpy.fromfile", "pip.main", "timeit.timeit",
    ):  # fmt: skip
        write_zip(tmp_path / "a.pth", pickled({"a": call(function, str(proof))}), {})
        refused(tmp_path / "a.pth", function, "nothing was executed")
    assert not proof.exists()


def damaged(content, rng):
    """Return bytes with one of the accidents and tricks that files meet."""
    content = bytearray(content)
    kind = rng.integers(7)
    place, other = (int(k) for k in rng.integers(len(content), size=2))
    if kind == 0:
        for k in rng.integers(len(content), size=rng.integers(1, 6)):
            content[k] = rng.integers(256)
    elif kind == 1:
        del content[place:]
    elif kind == 2:
        del content[place : place + int(rng.integers(1, 40))]
    elif kind == 3:
        content[place:place] = content[other : other + int(rng.integers(1, 200))]
    elif kind == 4:
        content[place : place + 4] = struct.pack("<I", int(rng.choice([0, 1, 2**31 - 1, 2**31, 2**32 - 1])))
    elif kind == 5:
        content[place : place + 8] = b"\xff" * 8
    else:
        content[place] = rng.choice(list(b"()]}.atusRbQc0212hqX\x85\x86\x93\x94"))
    return bytes(content)


@pytest.mark.parametrize("form", ["zip", "deflated", "legacy", "safetensors", "npz", "npz deflated"])
def test_damaged_files(tmp_path, form, rng):
    """Read or refused, by the one exception, each in time."""
    arrays = {"conv.weight": np.arange(24, dtype=np.float32).reshape(2, 3, 2, 2), "half": np.ones(5, np.float16)}
    storage, half = StorageReference("0", 24), StorageReference("1", 5, "HalfStorage")
    content = {
        "state_dict": {"conv.weight": tensor(storage, (2, 3, 2, 2), (12, 4, 2, 1)), "half": tensor(half, (5,), (1,))},
        "epoch": 3,
        "args": call("argparse.Namespace"),
        "best": (1.5, None, True, [2, "three"]),
    }
    suffix = {"safetensors": "safetensors", "npz": "npz", "npz deflated": "npz"}.get(form, "pth")
    good, path = tmp_path / f"good.{suffix}", tmp_path / f"damaged.{suffix}"
    numbers = [value.tobytes() for value in arrays.values()]
    if form in ("zip", "deflated"):
        compression = zipfile.ZIP_STORED if form == "zip" else zipfile.ZIP_DEFLATED
        write_zip(good, pickled(content), {"0": arrays["conv.weight"], "1": arrays["half"]}, compression)
    elif form == "legacy":
        storages = struct.pack("<q", 24) + numbers[0] + struct.pack("<q", 5) + numbers[1]
        keys = b"(X\x01\x00\x00\x000X\x01\x00\x00\x001l"
        write_legacy(good, pickled(content)[:-1], keys, storages)
    elif form == "safetensors":
        save_weights(good, arrays, {"architecture": "unet"})
    else:
        (np.savez if form == "npz" else np.savez_compressed)(good, **arrays)
    np.testing.assert_array_equal(load_weights(good)["conv.weight"], arrays["conv.weight"])
    original = good.read_bytes()
    outcomes = set()
    for _ in range(400):
        path.write_bytes(damaged(original, rng))
        outcomes.add(outcome(path))
    assert "refused" in outcomes


@pytest.mark.parametrize("dtype", ["float16", "float32", "uint8"])
def test_a_network_of_zeros_in_a_small_file(tmp_path, dtype):
    """Reading, widening and the copy that the network keeps fit into the memory that a hostile file may cost."""
    shapes = UNet(3, 2, 24, 4).parameter_shapes()
    np.savez_compressed(tmp_path / "a.npz", **{name: np.zeros(shape, dtype) for name, shape in shapes.items()})
    assert (tmp_path / "a.npz").stat().st_size < MIB
    with bounded():
        assert outcome(tmp_path / "a.npz", from_checkpoint) in ("read", "refused")
    np.savez_compressed(tmp_path / "b.npz", a=np.zeros(11 * MIB // np.dtype(dtype).itemsize, dtype))
    with bounded():
        assert outcome(tmp_path / "b.npz") == ("refused" if dtype == "float16" else "read")
