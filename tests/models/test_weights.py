"""Weight files: read back, and refused where they are damaged, hostile, or hold something else."""

import io
import json
import os
import pickle
import struct
import tracemalloc
import zipfile
from collections import OrderedDict

import numpy as np
import pytest
from forged_weights import StorageReference, call, pickled, refused, tensor, write_zip

from segalgo.models import (
    Preprocessing,
    SegNet,
    SegNetBasic,
    UNet,
    WeightsError,
    from_checkpoint,
    load_weights,
    save_weights,
)


@pytest.fixture
def good(tmp_path):
    """Write a file of two tensors that view one storage, as PyTorch does, and return its path."""
    storage = StorageReference("0", 6)
    content = {"a": tensor(storage, (2, 3), (3, 1)), "b": tensor(storage, (3, 2), (1, 3))}
    write_zip(tmp_path / "good.pth", pickled(content), {"0": np.arange(6, dtype=np.float32)})
    return tmp_path / "good.pth"


def test_the_files_that_these_tests_forge_are_read(good):
    weights = load_weights(good)
    np.testing.assert_array_equal(weights["a"], np.arange(6).reshape(2, 3))
    np.testing.assert_array_equal(weights["b"], np.arange(6).reshape(2, 3).T)
    assert not weights["a"].flags.writeable


def test_dictionaries_as_python_2_wrote_them(tmp_path):
    content = call("collections.OrderedDict", [["a", tensor(StorageReference("0", 2), (2,), (1,))]])
    write_zip(tmp_path / "old.pth", pickled(content), {"0": np.arange(2, dtype=np.float32)})
    np.testing.assert_array_equal(load_weights(tmp_path / "old.pth")["a"], [0, 1])


@pytest.mark.parametrize(
    "function", ["os.system", "posix.system", "builtins.eval", "subprocess.Popen", "torch.load", "torch.storage._load"]
)
def test_a_call_is_refused_and_not_made(tmp_path, function):
    proof = tmp_path / "proof"
    program = pickled({"a": call(function, f"touch {proof}")})
    write_zip(tmp_path / "hostile.pth", program, {})
    refused(tmp_path / "hostile.pth", function, "nothing was executed")
    magic, protocol = pickle.dumps(0x1950A86A20F9469CFC6C, 2), pickle.dumps(1001, 2)
    legacy = magic + protocol + pickle.dumps({"little_endian": True}, 2) + program + pickle.dumps([], 2)
    (tmp_path / "legacy.pth").write_bytes(legacy)
    refused(tmp_path / "legacy.pth", function)
    assert not proof.exists()


@pytest.mark.parametrize("protocol", range(6))
def test_what_pickle_itself_would_run(tmp_path, protocol):
    """A genuine pickle of each protocol, which `pickle.loads` obeys."""
    proof = tmp_path / "proof"

    class Hostile:
        def __reduce__(self):
            return os.mkdir, (str(proof),)

    program = pickle.dumps({"a": Hostile()}, protocol)
    write_zip(tmp_path / "hostile.pth", program, {})
    refused(tmp_path / "hostile.pth")
    assert not proof.exists()
    pickle.loads(program)
    assert proof.exists()


@pytest.mark.parametrize(
    ("program", "words"),
    [
        (b"\x80\x02}X\x01\x00\x00\x00aK\x01sb.", "damaged pickle"),  # BUILD with nothing beneath
        (b"\x80\x02cos\nsystem\n.", "os.system"),
        (b"\x80\x02(ios\nsystem\n.", "INST"),
        (b"\x80\x02(K\x01o.", "OBJ"),
        (b"\x80\x02\x82\x01.", "EXT1"),
        (b"\x80\x02ccollections\nOrderedDict\n)\x81.", "holds no tensors"),  # made by us, as a dictionary
        (b"\x80\x02K\x01K\x02R.", "damaged pickle"),
        (b"\x80\x02h\x05.", "damaged pickle"),  # a memo that was never written
        (b"\x80\x02}(]K\x01u.", "holds no tensors"),  # a key that nothing can look up
        (b"\x80\x02}(K\x01u.", "damaged pickle"),
        (b"\x80\x02X\xff\xff\xff\x7fa.", "damaged pickle"),  # a string of two gigabytes
        (b"\x80\x02\x8b\xff\xff\xff\x7f.", "damaged pickle"),  # an integer of two gigabytes
        (b"\x80\x02" + b"(" * 1000, "pickle"),
        (b"", "pickle"),
        (b"garbage", "pickle"),
    ],
)
def test_damaged_and_odd_programs(tmp_path, program, words):
    write_zip(tmp_path / "odd.pth", program, {})
    refused(tmp_path / "odd.pth", words)


STORAGE = StorageReference("0", 6)


@pytest.mark.parametrize(
    "forged",
    [
        tensor(STORAGE, (7,), (1,)),
        tensor(STORAGE, (2, 3), (3, 2)),
        tensor(STORAGE, (2,), (1,), offset=5),
        tensor(STORAGE, (2,), (1,), offset=-1),
        tensor(STORAGE, (2, 3), (-3, 1), offset=3),
        tensor(STORAGE, (10**6, 10**6), (0, 0)),
        tensor(STORAGE, (2**40, 2**40), (1, 1)),
        tensor(STORAGE, (2, 3), (3,)),
        tensor(STORAGE, (1,) * 40, (1,) * 40),
        tensor(STORAGE, "ab", (1, 1)),
        tensor(STORAGE, (2.0, 3), (3, 1)),
        tensor(None, (2, 3), (3, 1)),
        tensor(StorageReference("0", 10**12), (6,), (1,)),
        tensor(StorageReference("0", 5), (5,), (1,)),
        tensor(StorageReference("0", 3, "DoubleStorage"), (4,), (1,)),
        tensor(StorageReference("9", 6), (6,), (1,)),
        tensor(StorageReference("../../etc/passwd", 6), (6,), (1,)),
        call("torch._utils._rebuild_parameter", 5, True, OrderedDict()),
        call("collections.OrderedDict", [(1, 2)]),
        call("collections.OrderedDict", 5),
    ],
    ids=range(20),
)
def test_forged_tensors(tmp_path, forged):
    write_zip(tmp_path / "forged.pth", pickled({"a": forged}), {"0": np.arange(6, dtype=np.float32)})
    refused(tmp_path / "forged.pth")


def test_every_truncation_is_refused(good, tmp_path):
    content = good.read_bytes()
    save_weights(tmp_path / "w.safetensors", {"a": np.arange(6.0).reshape(2, 3)})
    np.savez(tmp_path / "w.npz", a=np.arange(6.0))
    for path in (good, tmp_path / "w.safetensors", tmp_path / "w.npz"):
        content, cut = path.read_bytes(), tmp_path / f"cut{path.suffix}"
        for size in range(0, len(content), 7):
            cut.write_bytes(content[:size])
            refused(cut)


def test_flipped_bytes_are_refused_or_read_but_nothing_else(good, tmp_path, rng):
    """No other exception, no crash; a byte of a number may of course change it."""
    save_weights(tmp_path / "w.safetensors", {"a": np.arange(6.0).reshape(2, 3)})
    np.savez_compressed(tmp_path / "w.npz", a=np.arange(6.0))
    for path in (good, tmp_path / "w.safetensors", tmp_path / "w.npz"):
        content, flipped = path.read_bytes(), tmp_path / f"flipped{path.suffix}"
        outcomes = set()
        for _ in range(150):
            forged = bytearray(content)
            for place in rng.integers(len(content), size=rng.integers(1, 4)):
                forged[place] = rng.integers(256)
            flipped.write_bytes(forged)
            try:
                outcomes.add(len(load_weights(flipped)) > 0)
            except WeightsError:
                outcomes.add(False)
        assert outcomes == {True, False}


def test_memory_is_bounded_by_the_file(tmp_path):
    """Compressed members, many names for one storage, and headers that promise what is not there."""
    storage = StorageReference("0", 2**18)
    many = {f"w{k}": tensor(storage, (2**18,), (1,)) for k in range(500)}
    write_zip(tmp_path / "shared.pth", pickled(many), {"0": np.zeros(2**18, np.float32)})
    large = StorageReference("0", 2**24)
    write_zip(tmp_path / "bomb.pth", pickled({"a": tensor(large, (2**24,), (1,))}), {"0": np.zeros(2**24, np.float32)}, zipfile.ZIP_DEFLATED)  # fmt: skip
    header = json.dumps({"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}).encode()
    (tmp_path / "promise.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    (tmp_path / "header.safetensors").write_bytes(struct.pack("<Q", 2**40) + b"{}")
    npy = io.BytesIO()
    np.lib.format.write_array_header_1_0(npy, {"descr": "<f4", "fortran_order": False, "shape": (2**40,)})
    with zipfile.ZipFile(tmp_path / "promise.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", b"\x93NUMPY\x01\x00" + npy.getvalue()[8:] + bytes(2**16))
    refused(tmp_path / "missing.npz", "no such file")
    tracemalloc.start()
    try:
        refused(tmp_path / "bomb.pth", "inflates to 67108864 bytes", "its length allows")
        for name in ("promise.safetensors", "header.safetensors", "promise.npz"):
            refused(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 2**20
        tracemalloc.reset_peak()
        shared = load_weights(tmp_path / "shared.pth")
        assert len(shared) == 500
        assert tracemalloc.get_traced_memory()[1] < 6 * (tmp_path / "shared.pth").stat().st_size
    finally:
        tracemalloc.stop()


def test_npz(tmp_path):
    arrays = {
        "half": np.arange(4, dtype=np.float16),
        "turned": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">f4"),
        "empty": np.zeros((0, 3), np.float32),
        "count": np.array(3),
    }
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "w.npz", **arrays)
        weights = load_weights(tmp_path / "w.npz")
        assert weights["half"].dtype == np.float32
        assert weights["big"].dtype == np.dtype("=f4")
        for name, value in arrays.items():
            np.testing.assert_array_equal(weights[name], value)
    np.savez(tmp_path / "pickle.npz", a=np.array([{}], dtype=object))
    refused(tmp_path / "pickle.npz", "dtype object")


def test_other_files_are_refused(tmp_path):
    refused(tmp_path / "missing.pth", "no such file")
    refused(tmp_path, "expected a file named .safetensors, .npz, .pth, .pt")
    (tmp_path / "folder.pth").mkdir()
    refused(tmp_path / "folder.pth", "is a folder")
    for suffix in ("pth", "npz", "safetensors"):
        (tmp_path / f"empty.{suffix}").touch()
        refused(tmp_path / f"empty.{suffix}")
        (tmp_path / f"text.{suffix}").write_text("not weights at all, just a line of text")
        refused(tmp_path / f"text.{suffix}")
    (tmp_path / "plain.pth").write_bytes(pickle.dumps({"a": 1}, 2))
    refused(tmp_path / "plain.pth", "neither a zip file of torch.save nor its older form")
    with zipfile.ZipFile(tmp_path / "other.pth", "w") as archive:
        archive.writestr("readme.txt", "hello")
    refused(tmp_path / "other.pth", "no file of torch.save")
    save_weights(tmp_path / "none.safetensors", {})
    refused(tmp_path / "none.safetensors", "holds no tensors")
    with pytest.raises(WeightsError, match="expected a file named"):
        save_weights(tmp_path / "w.bin", {})
    with pytest.raises(WeightsError, match="cannot be written"):
        save_weights(tmp_path / "no" / "w.safetensors", {"a": np.zeros(1)})


@pytest.mark.parametrize(
    "made",
    [
        UNet(1, 2, 4, 3, "valid", norm=None, dropout=0.2),
        UNet(2, 3, 4, 2, up="bilinear", bias=False),
        SegNet(3, 5, (2, 3, 4, 5, 6), ceil_mode=False),
        SegNet(3, 5, (2, 3, 4, 5, 6), bare=False),
        SegNetBasic(3, 4, 5),
    ],
    ids=["unet-valid", "unet-bilinear", "segnet", "segnet-port", "segnet-basic"],
)
def test_a_saved_model_comes_back(tmp_path, made):
    made.save(tmp_path / "model.safetensors")
    again = from_checkpoint(tmp_path / "model.safetensors")
    assert type(again) is type(made)
    assert again.arguments == made.arguments
    assert again.classes == made.classes
    assert again.preprocessing == made.preprocessing
    for name, value in made.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], value)
    # Without the record, from names and shapes: all but what weights cannot tell.
    np.savez(tmp_path / "model.npz", **made.parameters)
    told = {name: value for name, value in made.arguments.items() if name in ("padding", "dropout", "ceil_mode")}
    assert from_checkpoint(tmp_path / "model.npz", **told).arguments == made.arguments


@pytest.mark.parametrize("made", [SegNet(3, 11, (2, 3, 4, 5, 6)), SegNetBasic(3, 11, 5)], ids=["segnet", "basic"])
def test_the_release_of_the_segnet_authors(tmp_path, made, rng):
    """Statistics folded into scale and shift: the network scales and shifts, and that is all."""
    state = {}
    for name, shape in made.parameter_shapes().items():
        layer, _, entry = name.rpartition(".")
        if not entry.startswith("running"):
            folded = (1, *shape, 1, 1) if layer.endswith("_bn") else shape
            layer = "dense_softmax_inner_prod" if layer == "conv_classifier" else layer
            state[f"{layer}.{entry}"] = rng.normal(0, 0.5, folded).astype(np.float32)
    np.savez(tmp_path / "release.npz", **state)
    model = from_checkpoint(tmp_path / "release.npz")
    assert model.arguments == made.arguments
    assert model.preprocessing == Preprocessing("bgr", 0, 1)
    arrays = dict(model.trace(rng.standard_normal((1, 3, 20, 20))))
    layer = "conv1" if isinstance(made, SegNetBasic) else "conv1_1"
    expected = arrays[layer] * state[f"{layer}_bn.weight"] + state[f"{layer}_bn.bias"]
    np.testing.assert_allclose(arrays[f"{layer}_bn"], expected, rtol=1e-6, atol=1e-6)


def test_weights_of_another_architecture(tmp_path):
    np.savez(tmp_path / "other.npz", **{"layer1.0.weight": np.zeros((2, 2, 1, 1))})
    with pytest.raises(WeightsError, match=r"other\.npz: no architecture has parameters of these names \(layer1"):
        from_checkpoint(tmp_path / "other.npz")
    made = UNet(1, 2, 4, 2)
    state = dict(made.parameters)
    state["up1_conv1.weight"] = np.zeros((4, 9, 3, 3), np.float32)
    del state["down2_bn2.bias"]
    np.savez(tmp_path / "broken.npz", **state)
    with pytest.raises(WeightsError, match=r"broken\.npz: state_dict does not fit UNet.*2 mismatches"):
        from_checkpoint(tmp_path / "broken.npz")
    np.savez(tmp_path / "flat.npz", **{**state, "down1_conv1.weight": np.zeros(3)})
    with pytest.raises(WeightsError, match=r"down1_conv1\.weight: of shape \(3,\), expected the four axes of a kernel"):
        from_checkpoint(tmp_path / "flat.npz")
    made.save(tmp_path / "made.safetensors")
    with pytest.raises(WeightsError, match="unexpected keyword argument 'color'"):
        from_checkpoint(tmp_path / "made.safetensors", color=3)


@pytest.mark.parametrize(
    "record",
    ["[]", "{", '{"architecture": "resnet"}', '{"architecture": "unet", "arguments": 3}', '{"architecture": "unet", "arguments": {"width": 1e9}}', '{"architecture": "unet", "arguments": {"depth": 1000000}}', "[" * 100000],
)  # fmt: skip
def test_forged_records_are_refused(tmp_path, record):
    from safetensors.numpy import save_file

    save_file(dict(UNet(1, 2, 2, 1).parameters), tmp_path / "w.safetensors", {"segalgo": record})
    with pytest.raises(WeightsError, match=r"w\.safetensors"):
        from_checkpoint(tmp_path / "w.safetensors")
