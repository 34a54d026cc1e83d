"""Checkpoints as PyTorch and training programs write them: found, read, and the same network as in PyTorch."""

import argparse
import collections
import datetime
import functools
import gzip
import json
import pathlib
import re
import zipfile

import numpy as np
import pytest
from network_deviation import assert_logits, deviation

from segalgo.models import UNet, WeightsError, from_checkpoint, load_weights, save_weights

pytestmark = pytest.mark.peers


@pytest.fixture
def model():
    return UNet(3, 2, width=2, depth=1, seed=3)


@pytest.fixture
def state(model):
    import torch

    return {name: torch.tensor(np.array(value)) for name, value in model.parameters.items()}


def same(model, path, **arguments):
    """Assert that a file is this model."""
    got = from_checkpoint(path, **arguments)
    assert list(got.parameters) == list(model.parameters)
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(got.parameters[name], value)
    return got


def prefixed(prefix, state):
    return {prefix + name: value for name, value in state.items()}


PREFIXES = [
    "", "module.", "_orig_mod.", "model.", "net.", "module._orig_mod.", "_orig_mod.module.", "model.module.",
    "model._orig_mod.", "module.model.net.", "net._orig_mod.", "_orig_mod.module.model._orig_mod.net.",
]  # fmt: skip


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("key", [None, "state_dict"])
def test_prefixes(tmp_path, model, state, prefix, key):
    import torch

    names = prefixed(prefix, state)
    torch.save(names if key is None else {key: names, "epoch": 3}, tmp_path / "a.pth")
    same(model, tmp_path / "a.pth")
    assert list(load_weights(tmp_path / "a.pth")) == list(state)


def test_a_prefix_that_not_all_names_share(tmp_path, model, state):
    """Parameters of a loss stand beside those of the network; two networks are told apart by the key."""
    import torch

    torch.save({"state_dict": {**prefixed("model.", state), "loss.weight": torch.ones(2)}}, tmp_path / "a.ckpt")
    same(model, tmp_path / "a.ckpt")
    teacher = {name: value + 1 for name, value in state.items()}
    torch.save({**prefixed("student.", state), **prefixed("teacher.", teacher)}, tmp_path / "b.ckpt")
    with pytest.raises(WeightsError, match=r"several networks, 'student', 'teacher': name one with key="):
        from_checkpoint(tmp_path / "b.ckpt")
    same(model, tmp_path / "b.ckpt", key="student")
    got = from_checkpoint(tmp_path / "b.ckpt", key="teacher").parameters["classifier.bias"]
    np.testing.assert_array_equal(got, model.parameters["classifier.bias"] + 1)
    with pytest.raises(WeightsError, match=r"key='pupil': there is no such key; .* begin with 'student', 'teacher'"):
        load_weights(tmp_path / "b.ckpt", key="pupil")


@pytest.mark.parametrize("compiled", ["down1_conv1", "classifier"])
def test_a_part_that_was_compiled(tmp_path, model, state, compiled):
    import torch

    names = {name.replace(f"{compiled}.", f"{compiled}._orig_mod."): value for name, value in state.items()}
    torch.save(names, tmp_path / "a.pth")
    same(model, tmp_path / "a.pth")


NESTED = [
    "state_dict", "model", "weights", "ema", "model_state_dict", "teacher", "net", "network", "params", "module",
    "model_state", "network_weights", "ema_state_dict", "some_name_of_ones_own",
]  # fmt: skip


@pytest.mark.parametrize("name", NESTED)
@pytest.mark.parametrize("suffix", ["pth", "pt", "bin", "ckpt", "pth.tar"])
def test_nested_dictionaries(tmp_path, model, state, name, suffix):
    import torch

    path = tmp_path / f"a.{suffix}"
    optimizer = {"state": {0: {"exp_avg": torch.ones(2, 3, 1, 1)}}, "param_groups": [{"lr": 0.1, "params": [0]}]}
    torch.save({"epoch": 3, "optimizer": optimizer, name: state, "best": torch.tensor(0.5)}, path)
    same(model, path)
    same(model, path, key=name)
    torch.save({"outer": {name: state}}, path)
    same(model, path)
    same(model, path, key=f"outer.{name}")
    same(model, path, key="outer")


def test_several_state_dicts(tmp_path, model, state):
    import torch

    other = {name: value + 1 for name, value in state.items()}
    for first, second in (("state_dict", "ema"), ("model", "teacher"), ("generator", "discriminator"), ("a", "b")):
        torch.save({first: state, second: other, "epoch": 1}, tmp_path / "a.pth")
        with pytest.raises(WeightsError, match=f"several state dicts, '{first}', '{second}': name one with key="):
            from_checkpoint(tmp_path / "a.pth")
        same(model, tmp_path / "a.pth", key=first)
        assert load_weights(tmp_path / "a.pth", key=second)["classifier.bias"][0] == other["classifier.bias"][0]
    # One under a known name beside others is the one; one under two names is one.
    torch.save({"model": state, "history": {"a": torch.ones(3, 3)}, "norms": [torch.ones(1)]}, tmp_path / "a.pth")
    same(model, tmp_path / "a.pth")
    torch.save({"model": state, "ema": state}, tmp_path / "a.pth")
    same(model, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="key='state': there is no such key"):
        load_weights(tmp_path / "a.pth", key="state")
    with pytest.raises(TypeError, match="key=3: expected a string"):
        load_weights(tmp_path / "a.pth", key=3)
    with pytest.raises(TypeError, match="path=3: expected a path"):
        load_weights(3)


def neighbours():
    import torch

    counter = collections.Counter("abca")
    return {
        "Counter": counter, "device": torch.device("cuda:1"), "dtype": torch.float8_e4m3fn, "qint": torch.qint8,
        "Size": torch.Size([1, 2]), "bytes": b"x\x00", "bytearray": bytearray(b"x"), "set": {1, "a", (2, 3)},
        "frozenset": frozenset([1]), "numpy float": np.float64(0.7), "numpy int": np.int32(3),
        "numpy bool": np.bool_(True), "array": np.arange(6.0).reshape(2, 3), "words": np.array(["a", "bc"]),
        "dtype of numpy": np.dtype("f4"), "generator": np.random.default_rng(0), "complex": 1 + 2j, "none": None,
        "None key": {None: 1}, "tuple key": {(1, 2): 3, ((1, 2), "a"): 4}, "bool key": {True: 1, 1.5: 2},
        "bytes key": {b"a": 1}, "device key": {torch.device("cpu"): 1}, "class key": {int: 1},
        "defaultdict": collections.defaultdict(list, a=[1]), "of functions": collections.defaultdict(int),
        "OrderedDict": collections.OrderedDict(a=collections.OrderedDict(b=1)), "deque": collections.deque([1, 2]),
        "Namespace": argparse.Namespace(lr=0.1, nested=argparse.Namespace(a=[1])), "Path": pathlib.Path("/a/b"),
        "PurePath": pathlib.PureWindowsPath("c:/a"), "datetime": datetime.datetime(2020, 1, 2, 3),
        "date": datetime.date(2020, 1, 2), "timedelta": datetime.timedelta(3),
        "zone": datetime.datetime(2020, 1, 2, tzinfo=datetime.UTC), "slice": slice(1, 2), "range": range(3),
        "pattern": re.compile("a+", re.I), "partial": functools.partial(int, base=2), "layout": torch.strided,
        "large": 10**30, "negative": -(2**40), "text": "\u00e9\U0001f30d" * 300,
        "scheduler": torch.optim.lr_scheduler.StepLR, "parameters": [torch.nn.Parameter(torch.ones(1))],
        "storage": torch.ones(2).untyped_storage(), "rng": torch.get_rng_state(), "module": torch.nn.ReLU(),
        "function": torch.nn.functional.relu, "itself": [],
    }  # fmt: skip


@pytest.mark.parametrize("form", ["zip", "legacy", "protocol 3", "protocol 4", "protocol 5", "legacy protocol 4"])
def test_neighbours_are_passed_over(tmp_path, model, state, form):
    """One by one, so that one that is refused is named; and all at once."""
    import torch

    options = {"pickle_protocol": int(form[-1])} if form[-1].isdigit() else {}
    if form.startswith("legacy"):
        options["_use_new_zipfile_serialization"] = False
    extras = neighbours()
    extras["itself"].append(extras["itself"])
    path = tmp_path / "a.pth"
    for name, extra in extras.items():
        torch.save({"state_dict": state, name: extra}, path, **options)
        assert list(load_weights(path)) == list(state), name
        torch.save({**state, "extra": extra}, path, **options)
        assert set(state) <= set(load_weights(path)), name
    torch.save({"hyper_parameters": extras, "state_dict": state}, path, **options)
    same(model, path)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("legacy", [False, True])
def test_protocols(tmp_path, model, state, protocol, legacy):
    import torch

    torch.save(state, tmp_path / "a.pth", pickle_protocol=protocol, _use_new_zipfile_serialization=not legacy)
    same(model, tmp_path / "a.pth")


@pytest.mark.parametrize("legacy", [False, True])
def test_protocols_below_2(tmp_path, model, state, legacy):
    """Protocol 1 is read; 0 writes references as text, which PyTorch does not read either."""
    import torch

    options = {"_use_new_zipfile_serialization": not legacy}
    torch.save(state, tmp_path / "a.pth", pickle_protocol=1, **options)
    same(model, tmp_path / "a.pth")
    torch.save(state, tmp_path / "a.pth", pickle_protocol=0, **options)
    with pytest.raises(WeightsError, match=r"a pickle of protocol 0.*pickle_protocol of 2 or above"):
        load_weights(tmp_path / "a.pth")


def test_keys_that_are_missing(tmp_path, state):
    import torch

    torch.save({"state_dict": state, "epoch": 3}, tmp_path / "a.pth")
    for key, words in (("zzz", "there is no such key"), ("epoch", "holds a int, expected a dictionary")):
        with pytest.raises(WeightsError, match=f"key='{key}': {words}; the keys of the file are 'state_dict', 'epoch'"):
            load_weights(tmp_path / "a.pth", key=key)


VIEWS = {
    "expanded": lambda t: t(1, 3).expand(4, 3),
    "one number expanded": lambda t: t(1).expand(2, 5),
    "a slice expanded": lambda t: t(5)[2:3].expand(7),
    "transposed": lambda t: t(4, 6).t(),
    "steps": lambda t: t(4, 6)[1:4:2, ::3],
    "offset": lambda t: t(24)[5:],
    "a diagonal": lambda t: t(5, 5).diagonal(),
    "channels last": lambda t: t(2, 3, 4, 5).to(memory_format=__import__("torch").channels_last),
    "overlapping": lambda t: t(10).as_strided((4, 4), (2, 1)),
    "a number": lambda t: t(3)[1],
    "no number": lambda t: t(3)[:0].expand(0),
    "no rows": lambda t: t(0, 5),
    "one row": lambda t: t(1, 5).t(),
    "unfolded": lambda t: t(9).unfold(0, 3, 2),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("legacy", [False, True])
def test_views(tmp_path, view, legacy):
    import torch

    def t(*shape):
        return torch.arange(float(np.prod(shape)) or 1)[: int(np.prod(shape))].reshape(shape)

    value = VIEWS[view](t)
    torch.save({"a": value}, tmp_path / "a.pth", _use_new_zipfile_serialization=not legacy)
    got = load_weights(tmp_path / "a.pth")["a"]
    assert got.shape == tuple(value.shape)
    np.testing.assert_array_equal(got, value.numpy())


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
def test_negated_and_conjugated_views(tmp_path, dtype):
    import torch

    number = torch.complex(torch.tensor([1.0, 2.0]), torch.tensor([3.0, -4.0])).to(getattr(torch, dtype))
    state = {
        "plain": number, "conjugate": number.conj(), "negated": number.conj().imag, "real": number.conj().real,
        "twice": number.conj().imag.conj(), "product": number.conj().imag[1:], "resolved": -number,
    }  # fmt: skip
    assert state["conjugate"].is_conj()
    assert state["negated"].is_neg()
    for name, value in state.items():
        torch.save({name: value}, tmp_path / "a.pth")
        got = load_weights(tmp_path / "a.pth")[name]
        np.testing.assert_array_equal(got, value.resolve_neg().resolve_conj().numpy())


FLOAT8 = ["float8_e4m3fn", "float8_e5m2", "float8_e4m3fnuz", "float8_e5m2fnuz", "float8_e8m0fnu"]


@pytest.mark.parametrize("dtype", ["bfloat16", "float16", *FLOAT8, "uint16", "uint32", "uint64"])
def test_small_floats_and_unsigned_integers(tmp_path, dtype):
    """Every code of the small formats, in files of PyTorch and of safetensors."""
    import torch
    from safetensors.torch import save_file

    kind = getattr(torch, dtype)
    codes = torch.arange(256, dtype=torch.uint8) if kind.itemsize == 1 else torch.arange(65536).to(torch.uint16)
    values = codes.view(kind) if kind.itemsize <= 2 else torch.tensor([0, 1, 2**31], dtype=kind)
    expected = values.float().numpy() if values.is_floating_point() else values.numpy()
    state = {"a": values, "half": values[::2].clone(), "number": values[1].clone()}
    torch.save(state, tmp_path / "a.pth")
    save_file(state, tmp_path / "a.safetensors")
    for suffix in ("pth", "safetensors"):
        got = load_weights(tmp_path / f"a.{suffix}")
        assert got["a"].dtype == expected.dtype
        np.testing.assert_array_equal(got["a"], expected)
        np.testing.assert_array_equal(got["half"], expected[::2])
        np.testing.assert_array_equal(got["number"], expected[1])
        assert got["number"].shape == ()


def test_what_pytorch_opens_with_weights_only_is_opened(tmp_path):
    """As the docstring says: whatever `torch.load(weights_only=True)` opens beside plain tensors is passed over."""
    import torch

    path = tmp_path / "a.pth"
    for name, extra in neighbours().items():
        torch.save({"a": torch.ones(1), "x": extra}, path)
        try:
            torch.load(path, weights_only=True)
        except Exception:
            continue
        assert "a" in load_weights(path), name


def test_checksums_that_pytorch_left_out(tmp_path, model, state):
    import torch

    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, tmp_path / "a.pth")
    finally:
        torch.serialization.set_crc32_options(True)
    same(model, tmp_path / "a.pth")


def test_archives_that_were_packed_again(tmp_path, model, state):
    """Unpacked and packed with compression, with another folder or none."""
    import torch

    torch.save(state, tmp_path / "a.pth")
    with zipfile.ZipFile(tmp_path / "a.pth") as archive:
        members = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    for root in ("archive/", "", "a/b/"):
        with zipfile.ZipFile(tmp_path / "b.pth", "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in members.items():
                archive.writestr(root + name, content)
        same(model, tmp_path / "b.pth")


def test_shards(tmp_path, model, state):
    import torch
    from safetensors.torch import save_file

    names = list(state)
    halves = [{name: state[name] for name in names[k::2]} for k in (0, 1)]
    for kind, save, index in (
        ("bin", torch.save, "pytorch_model.bin"),
        ("safetensors", save_file, "model.safetensors"),
    ):
        stem = index.partition(".")[0]
        files = [f"{stem}-0000{k + 1}-of-00002.{kind}" for k in (0, 1)]
        for half, file in zip(halves, files, strict=True):
            save(half, tmp_path / file)
        where = {name: files[names.index(name) % 2] for name in names}
        (tmp_path / f"{index}.index.json").write_text(json.dumps({"metadata": {"total_size": 3}, "weight_map": where}))
        got = from_checkpoint(tmp_path / f"{index}.index.json").parameters
        for name in names:
            np.testing.assert_array_equal(got[name], model.parameters[name])
        with pytest.raises(WeightsError, match=r"mismatch(.|\n)*one of several files: give their index"):
            from_checkpoint(tmp_path / files[0])
        (tmp_path / files[1]).unlink()
        with pytest.raises(WeightsError, match=f"1 of its 2 files are missing: {files[1]}"):
            from_checkpoint(tmp_path / f"{index}.index.json")


def test_truncated_downloads_say_so(tmp_path, state):
    import torch

    for legacy in (False, True):
        torch.save(state, tmp_path / "whole.pth", _use_new_zipfile_serialization=not legacy)
        content = (tmp_path / "whole.pth").read_bytes()
        for length in (*(int(part * len(content)) for part in (0.3, 0.6, 0.9, 0.99)), len(content) - 1):
            (tmp_path / "cut.pth").write_bytes(content[:length])
            with pytest.raises(WeightsError, match=r"cut\.pth: .*(truncated|without an end)"):
                load_weights(tmp_path / "cut.pth")
    (tmp_path / "packed.pth").write_bytes(gzip.compress(content))
    with pytest.raises(WeightsError, match="compressed with gzip: unpack it first"):
        load_weights(tmp_path / "packed.pth")


def test_whole_models_and_programs_are_named(tmp_path):
    import torch

    model = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1))
    for content in (model, {"model": model, "epoch": 3}, {"model": torch.nn.DataParallel(model)}):
        torch.save(content, tmp_path / "a.pth")
        with pytest.raises(
            WeightsError, match=r"a whole model \(its pickle names torch\.nn\..*torch\.save\(model\.state_dict"
        ):
            load_weights(tmp_path / "a.pth")
    torch.save({"a": np.zeros((3, 3))}, tmp_path / "a.pth")
    with pytest.raises(WeightsError, match="holds no tensors, but NumPy arrays"):
        load_weights(tmp_path / "a.pth")


def others():
    import torch_unets as peers
    from torch import nn

    widths = (4, 8, 16, 32)
    return {
        "buda": (peers.BudaUNet(3, 2, 4), {"in_channels": 3, "num_classes": 2, "width": 4, "depth": 4, "bias": False}),
        "persson": (peers.PerssonUNet(3, 2, widths), {"num_classes": 2, "width": 4, "depth": 4, "bias": False}),
        "nnunet": (peers.PlainConvUNet(1, 3, widths), {"in_channels": 1, "num_classes": 3, "width": 4, "depth": 3}),
        "nnunet without bias": (
            peers.PlainConvUNet(2, 3, widths[:3], bias=False),
            {"in_channels": 2, "width": 4, "depth": 2},
        ),
        "strides": (peers.PlainConvUNet(1, 3, widths, pooling=False), "halves by convolutions of stride 2"),
        "instances": (
            peers.PlainConvUNet(1, 3, widths, norm=lambda n: nn.InstanceNorm2d(n, affine=True)),
            "instance normalization",
        ),
        "three": (peers.PlainConvUNet(1, 3, widths, 3), "not two convolutions"),
    }


@pytest.mark.parametrize("name", ["buda", "persson", "nnunet", "nnunet without bias", "strides", "instances", "three"])
def test_unets_of_other_projects(tmp_path, name, rng):
    import contextlib

    import torch
    from torch_networks import randomize

    theirs, expected = others()[name]
    theirs = randomize(theirs)
    torch.save({"network_weights": theirs.state_dict()}, tmp_path / "a.pth")
    if isinstance(expected, str):
        with pytest.raises(
            WeightsError, match=f"nnU-Net's PlainConvUNet, which is not the U-Net of segalgo: .*{expected}"
        ):
            from_checkpoint(tmp_path / "a.pth")
        return
    assumed = pytest.warns(UserWarning, match="taken for ReLU and max-pooling")
    with assumed if "nnunet" in name else contextlib.nullcontext():
        ours = from_checkpoint(tmp_path / "a.pth")
    assert expected.items() <= ours.arguments.items()
    x = rng.standard_normal((2, ours.in_channels, 32, 48)).astype(np.float32)
    with torch.no_grad():
        logits = theirs(torch.from_numpy(x)).numpy().astype(np.float64)
    _, allowed = deviation(ours, x, "float32")
    assert_logits(ours(x).astype(np.float64), logits, 2 * allowed)


def test_networks_that_are_not_ours_are_named(tmp_path):
    import torch

    monai = {
        "conv_0.conv_0.conv.weight": torch.zeros(4, 1, 3, 3),
        "upcat_1.convs.conv_0.conv.weight": torch.zeros(4, 8, 3, 3),
    }
    smp = {"encoder.conv1.weight": torch.zeros(4, 3, 7, 7), "decoder.blocks.0.conv1.0.weight": torch.zeros(4, 8, 3, 3), "segmentation_head.0.weight": torch.zeros(2, 4, 3, 3)}  # fmt: skip
    for state, words in (
        (monai, "MONAI's BasicUNet.*instance normalization.*last up-convolution keeps"),
        (smp, "a U-Net of segmentation_models.pytorch.*encoder is a network for classification"),
    ):
        torch.save(state, tmp_path / "a.pth")
        with pytest.raises(WeightsError, match=words):
            from_checkpoint(tmp_path / "a.pth")


def test_the_nearest_names_are_named(tmp_path, state):
    import torch

    renamed = {name.replace("down1_bn1", "down1_norm1"): value for name, value in state.items()}
    torch.save(renamed, tmp_path / "a.pth")
    with pytest.raises(WeightsError) as caught:
        from_checkpoint(tmp_path / "a.pth", norm="batch")
    assert "8 mismatches" in str(caught.value)
    assert "down1_bn1.weight: missing, expected shape (2,); the nearest unknown name is down1_norm1.weight" in str(
        caught.value
    )
    assert "down1_norm1.bias: unknown, of shape (2,)" in str(caught.value)


def test_files_that_we_write_are_those_of_the_safetensors_library(tmp_path, rng):
    from safetensors.numpy import load_file

    arrays = {
        f"{dtype}.{k}": (rng.random(shape) * 100).astype(dtype)
        for dtype in ("float64", "float32", "float16", "int64", "int8", "uint8", "uint16", "uint32", "uint64", "bool")
        for k, shape in enumerate([(), (0, 3), (2, 3), (5,)])
    }
    save_weights(tmp_path / "a.safetensors", arrays, {"b": [1]})
    theirs = load_file(tmp_path / "a.safetensors")
    assert set(theirs) == set(arrays)
    for name, value in arrays.items():
        assert theirs[name].dtype == value.dtype
        np.testing.assert_array_equal(theirs[name], value)
