"""The networks held against PyTorch's, with the same weights; files as PyTorch writes them."""

import warnings
import zipfile

import numpy as np
import pytest
from network_deviation import assert_logits, deviation

import segalgo
from segalgo.models import SegNet, SegNetBasic, UNet, from_checkpoint, load_encoder

pytestmark = pytest.mark.peers

WIDTHS = (4, 6, 8, 12, 10)


def own(theirs):
    """Return a state dict as NumPy arrays."""
    return {name: value.numpy() for name, value in theirs.state_dict().items()}


def cases():
    import torch_networks as peers

    return {
        "segnet": (peers.SegNet(3, 5, WIDTHS), SegNet(3, 5, WIDTHS)),
        "segnet-basic": (peers.SegNetBasic(3, 5, 8), SegNetBasic(3, 5, 8)),
        "unet-paper": (peers.PaperUNet(1, 2, 4), UNet(1, 2, 4, padding="valid", norm=None)),
        "unet": (peers.MilesialUNet(3, 2, 6, False), UNet(3, 2, 6, bias=False)),
        "unet-bilinear": (peers.MilesialUNet(3, 2, 6, True), UNet(3, 2, 6, up="bilinear", bias=False)),
        "semseg": (peers.SemsegSegNet(3, 4, WIDTHS), SegNet(3, 4, WIDTHS, ceil_mode=False, bare=False)),
    }


def held_together(ours, theirs, x):
    """Assert that both give the same logits, in float32 within their deviation, and in float64."""
    import torch

    with torch.no_grad():
        for dtype in ("float32", "float64"):
            theirs = theirs.to(getattr(torch, dtype))
            expected = theirs(torch.from_numpy(x.astype(dtype))).numpy().astype(np.float64)
            _, allowed = deviation(ours, x.astype(dtype), dtype)
            got = ours(x.astype(dtype))
            assert got.dtype == dtype
            # Both are rounded.
            assert_logits(got.astype(np.float64), expected, 2 * allowed)


@pytest.mark.parametrize("name", ["segnet", "segnet-basic", "unet-paper", "unet", "unet-bilinear", "semseg"])
@pytest.mark.parametrize("size", [(64, 96), (45, 61), (37, 50)])
def test_logits_are_those_of_pytorch(name, size, rng, tmp_path):
    """Odd sizes and batches included; names as they are where `from_checkpoint` knows them."""
    import torch
    from torch_networks import randomize

    theirs, ours = cases()[name]
    theirs = randomize(theirs)
    if name in ("segnet", "segnet-basic", "unet-paper"):
        ours.load_state_dict(own(theirs))
    else:
        path = tmp_path / "weights.pth"
        torch.save(theirs.state_dict(), path)
        arguments = ours.arguments
        ours = from_checkpoint(path)
        assert ours.arguments == arguments
    x = rng.standard_normal((2, ours.in_channels, *ours.fitting_size(*size)), dtype=np.float32)
    held_together(ours, theirs, x)


def test_wide_networks(rng):
    """Wide enough for Winograd's convolution and packed products; SegNet of full width at the size of a thumbnail."""
    from torch_networks import MilesialUNet, randomize
    from torch_networks import SegNet as TorchSegNet

    theirs = randomize(MilesialUNet(1, 2, 32, False))
    ours = UNet(1, 2, 32, bias=False).load_state_dict(renamed_milesial(theirs))
    held_together(ours, theirs, rng.standard_normal((1, 1, 99, 114), dtype=np.float32))
    widths = (64, 128, 256, 512, 512)
    theirs = randomize(TorchSegNet(3, 12, widths))
    held_together(SegNet().load_state_dict(own(theirs)), theirs, rng.standard_normal((1, 3, 45, 60), dtype=np.float32))


def renamed_milesial(theirs):
    from segalgo.models.graph.other_names import renamed
    from segalgo.models.networks.unet_names import milesial_unet

    state = own(theirs)
    return renamed(state, milesial_unet(set(state)))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_the_encoder_of_vgg16(batch_norm, rng, tmp_path):
    import torch
    from torch_networks import randomize, vgg16_features

    theirs = randomize(vgg16_features(batch_norm, widths=WIDTHS))
    torch.save(theirs.state_dict(), tmp_path / "vgg16.pth")
    ours = SegNet(3, 5, WIDTHS)
    decoder = ours.parameters["conv3_1_D.weight"]
    load_encoder(ours, tmp_path / "vgg16.pth")
    x = rng.standard_normal((1, 3, 64, 64), dtype=np.float32)
    pooled = dict(ours.trace(x))["pool5"]
    with torch.no_grad():
        expected = theirs.features(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(pooled, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_array_equal(ours.parameters["conv3_1_D.weight"], decoder)
    with pytest.raises(ValueError, match=r"conv1_1.weight: of shape \(4, 3, 3, 3\), expected \(2, 3, 3, 3\)"):
        load_encoder(SegNet(3, 5, (2, 2, 2, 2, 2)), own(theirs))
    with pytest.raises(segalgo.models.WeightsError, match="an encoder alone"):
        from_checkpoint(tmp_path / "vgg16.pth")


def test_checkpoints_of_training_scripts(tmp_path):
    """Nested dictionaries, parallel training's prefix, entries that are no tensors."""
    import torch
    from torch_networks import MilesialUNet, randomize

    theirs = randomize(MilesialUNet(3, 2, 4, False))
    state = theirs.state_dict()
    expected = from_saved(tmp_path, state).parameters
    listed = {**state, "mask_values": [0, 1]}
    parallel = {f"module.{name}": value for name, value in state.items()}
    half = {name: value.half() if value.is_floating_point() else value for name, value in state.items()}
    for checkpoint, tolerance in (
        (listed, 0),
        ({"state_dict": parallel, "epoch": 3, "best": 0.5, "lr": [1e-3]}, 0),
        ({"model": listed, "optimizer": {"state": {0: {"step": torch.tensor(3.0)}}, "groups": [{"lr": 0.1}]}}, 0),
        (dict(theirs.named_parameters()) | dict(theirs.named_buffers()), 0),
        (half, 1e-3),
    ):
        got = from_saved(tmp_path, checkpoint).parameters
        assert list(got) == list(expected)
        for name in expected:
            np.testing.assert_allclose(got[name], expected[name], rtol=tolerance, atol=tolerance)


def from_saved(folder, checkpoint):
    import torch

    torch.save(checkpoint, folder / "checkpoint.pt")
    return from_checkpoint(folder / "checkpoint.pt")


TENSORS = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("dtype", TENSORS)
def test_every_dtype_and_storage(tmp_path, dtype, legacy):
    """Contiguous, transposed, sliced and shared storages, scalars and empty tensors, in both forms of file."""
    import torch

    base = (torch.arange(24) - 7).to(getattr(torch, dtype)).reshape(4, 6)
    state = {
        "whole": base, "turned": base.t(), "part": base[1:3, ::2], "column": base[:, 3],
        "scalar": base[2, 2], "empty": base[:0], "again": base, "other": base.clone(),
    }  # fmt: skip
    path = tmp_path / "state.pt"
    torch.save(state, path, _use_new_zipfile_serialization=not legacy)
    got = segalgo.models.load_weights(path)
    assert list(got) == list(state)
    for name, value in state.items():
        expected = (value.float() if dtype in ("float16", "bfloat16") else value).numpy()
        assert got[name].dtype == expected.dtype
        np.testing.assert_array_equal(got[name], expected)
    if dtype not in ("float16", "bfloat16"):
        assert np.shares_memory(got["whole"], got["turned"])


def test_safetensors_as_pytorch_writes_them(tmp_path):
    import torch
    from safetensors.torch import save_file

    state = {dtype: torch.arange(6).reshape(2, 3).to(getattr(torch, dtype)) for dtype in TENSORS}
    save_file(state, tmp_path / "state.safetensors")
    got = segalgo.models.load_weights(tmp_path / "state.safetensors")
    for name, value in state.items():
        expected = (value.float() if name in ("float16", "bfloat16") else value).numpy()
        assert got[name].dtype == expected.dtype
        np.testing.assert_array_equal(got[name], expected)


def test_what_is_no_state_dict_is_refused(tmp_path):
    import torch

    model = torch.nn.Conv2d(1, 1, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantized tensors are on their way out
        quantized = torch.quantize_per_tensor(torch.zeros(2), 0.1, 0, torch.qint8)
    for content, words in (
        (model, "holds a whole model .its pickle names torch.nn.modules.conv.Conv2d"),
        ([torch.zeros(2)], "holds a list, expected a state dict"),
        ({"epoch": 3}, "holds no tensors"),
        ({"a": torch.zeros(1).expand(2**24)}, "repeats the 1 numbers of its storage to more bytes"),
        ({"a": torch.zeros(2).to_sparse()}, "a is a sparse tensor"),
        ({"a": quantized}, "a is a quantized tensor"),
        ({"a": torch.zeros(2, device="meta")}, "a is a tensor without values"),
    ):
        torch.save(content, tmp_path / "file.pth")
        with pytest.raises(segalgo.models.WeightsError, match=words) as caught:
            segalgo.models.load_weights(tmp_path / "file.pth")
        assert str(tmp_path / "file.pth") in str(caught.value)
    with zipfile.ZipFile(tmp_path / "script.pt", "w") as archive:
        for name in ("script/data.pkl", "script/constants.pkl", "script/code/__torch__.py"):
            archive.writestr(name, b"")
    with pytest.raises(segalgo.models.WeightsError, match="TorchScript"):
        segalgo.models.load_weights(tmp_path / "script.pt")
