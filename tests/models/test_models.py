"""SegNet, SegNet-Basic and U-Net: sizes, parameters, every backend, and PyTorch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from network_deviation import assert_logits, deviation, random_parameters

import segalgo
from segalgo.models import SegNet, SegNetBasic, UNet

SMALL = {
    "segnet": lambda: SegNet(3, 5, (4, 4, 6, 8, 8)),
    "segnet-port": lambda: SegNet(3, 5, (4, 4, 6, 8, 8), ceil_mode=False, bare=False),
    "segnet-basic": lambda: SegNetBasic(3, 5, 6),
    "unet": lambda: UNet(1, 2, 4, 3),
    "unet-plain": lambda: UNet(1, 2, 4, 3, norm=None),
    "unet-bilinear": lambda: UNet(2, 3, 4, 3, up="bilinear", bias=False),
    "unet-valid": lambda: UNet(1, 2, 4, 2, "valid", norm=None),
    "unet-valid-bilinear": lambda: UNet(1, 2, 4, 2, "valid", "bilinear"),
}


@pytest.fixture(params=SMALL)
def model(request, rng):
    made = SMALL[request.param]()
    return made.load_state_dict(random_parameters(made, rng))


def test_parameters_of_the_papers():
    """The counts of the papers' and the implementations' own definitions."""
    counts = {
        31_030_658: UNet(1, 2, padding="valid", norm=None),
        31_037_698: UNet(3, 2, bias=False),
        17_263_042: UNet(3, 2, up="bilinear", bias=False),
        29_449_355: SegNet(3, 11),
        1_415_040 + 523 + 1_024: SegNetBasic(3, 11),
    }
    for count, made in counts.items():
        assert made.summary().parameters == count
    encoder = sum(
        row.parameters for row in SegNet().summary().rows if row.operation == "conv2d" and "_D" not in row.name
    )
    assert encoder == 14_714_688


def test_sizes_of_the_papers():
    """U-Net's figure 1; SegNet's maps of a picture of 360 x 480."""
    steps = {step.name: step.shape for step in UNet(1, 2, padding="valid", norm=None).describe((1, 1, 572, 572))}
    path = {"down1": 568, "down2": 280, "down3": 136, "down4": 64, "down5": 28}
    for name, size in {**path, "up4": 52, "up3": 100, "up2": 196, "up1": 388}.items():
        assert steps[f"{name}_relu2"][2:] == (size, size)
    assert [steps[f"up{k}_cropped"][2] for k in (4, 3, 2, 1)] == [56, 104, 200, 392]
    assert steps["up4_concatenated"][1] == 1024
    assert steps["classifier"] == (1, 2, 388, 388)
    assert sum(step.operation.startswith("conv") for step in UNet().describe((1, 3, 32, 32))) == 23
    maps = {step.name: step.shape[2:] for step in SegNet().describe((1, 3, 360, 480))}
    assert [maps[f"pool{k}"] for k in (3, 4, 5)] == [(45, 60), (23, 30), (12, 15)]
    assert [maps[f"upsample{k}"] for k in (5, 4, 3)] == [(23, 30), (45, 60), (90, 120)]


def test_summary():
    summary = UNet(1, 2, 4, 1, norm=None).summary((2, 1, 8, 6))
    rows = {row.name: row for row in summary.rows}
    assert rows["down1_conv1"].shape == (2, 4, 8, 6)
    assert rows["down1_conv1"].parameters == 4 * 9 + 4
    assert rows["down1_conv1"].flops == 2 * 2 * 4 * 48 * 9
    assert rows["up1_upconv"].flops == 2 * 2 * 8 * 12 * 4 * 4
    assert rows["pool1"].flops == 2 * 4 * 12 * 3
    assert summary.flops == sum(row.flops for row in summary.rows)
    text = str(summary)
    assert "2 x 4 x 8 x 6" in text
    assert f"{summary.parameters:,}" in text.splitlines()[-1]
    assert UNet(1, 2, 4, 1).summary().rows[1].parameters == 8  # statistics are not trained


def allowed_shape(made):
    return made.fitting_size(45, 61)


def test_every_backend(backend, model, rng):
    """The plain pass in each wing, the simulated device included, small network end to end."""
    size = allowed_shape(model) if backend.word != "simulated" else model.fitting_size(17, 9)
    for dtype in ("float32", "float64"):
        x = rng.standard_normal((1, model.in_channels, *size)).astype(dtype)
        with segalgo.use_backend("reference"):
            expected, allowed = deviation(model, x, dtype)
        got = model(backend.array(x))
        assert got.dtype == dtype
        assert_logits(backend.numpy(got), expected, allowed)


def test_trace_yields_what_the_pass_computes(backend, model, rng):
    size = allowed_shape(model) if backend.word != "simulated" else model.fitting_size(17, 9)
    x = backend.array(rng.standard_normal((2, model.in_channels, *size), dtype=np.float32))
    steps = model.describe(x.shape)
    traced = [(name, backend.numpy(array)) for name, array in model.trace(x)]
    assert [name for name, _ in traced] == [name for step in steps for name in step.outputs]
    arrays = dict(traced)
    for step in steps:
        assert arrays[step.name].shape == step.shape, step
    np.testing.assert_array_equal(traced[-1][1], backend.numpy(model(x)))
    # Each array follows from those before it.
    if "pool2_indices" in arrays:
        pooled, places = arrays["pool2"], arrays["pool2_indices"]
        before = arrays[next(step for step in steps if step.name == "pool2").inputs[0]]
        planes, places = (a.reshape(*a.shape[:2], -1) for a in (before, places))
        np.testing.assert_array_equal(np.take_along_axis(planes, places, 2).ravel(), pooled.ravel())


def test_trace_stops_where_the_reader_stops():
    made = UNet(1, 2, 2, 2)
    walk = made.trace(np.zeros((1, 1, 8, 8), np.float32))
    assert next(walk)[0] == "down1_conv1"
    walk.close()


@pytest.mark.parametrize("height", [1, 2, 5, 16, 33])
@pytest.mark.parametrize("width", [1, 7, 32])
def test_the_output_has_the_size_of_the_input(height, width):
    for name in ("segnet", "segnet-port", "segnet-basic", "unet", "unet-bilinear"):
        made = SMALL[name]()
        shape = (made.in_channels, height, width)
        assert made(np.zeros((2, *shape), np.float32)).shape == (2, made.num_classes, height, width)
        assert made(np.zeros(shape)).shape == (made.num_classes, height, width)


def test_a_small_picture_is_padded_and_the_logits_cropped(rng):
    made = UNet(1, 2, 2, 4)
    x = rng.standard_normal((1, 1, 5, 40), dtype=np.float32)
    padded = np.zeros((1, 1, 16, 40), np.float32)
    padded[:, :, :5] = x
    np.testing.assert_array_equal(made(x), made(padded)[:, :, :5])


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_valid_sizes(depth):
    made = UNet(1, 2, 2, depth, "valid", norm=None)
    fits = []
    for n in range(1, 260):
        try:
            steps = {step.name: step for step in made.describe((1, 1, n, n))}
        except ValueError:
            continue
        if all(steps[f"down{stage}_relu2"].shape[2] % 2 == 0 for stage in range(1, depth + 1)):
            fits.append(n)
            assert made.output_size(n, n) == steps["classifier"].shape[2:]
    for n in range(1, 200):
        assert made.fitting_size(n, n)[0] == min(size for size in fits if size >= n)
    n = fits[0] + 1
    with pytest.raises(ValueError, match=rf"picture of {n} x {n} with padding='valid'.*is {fits[1]} x {fits[1]}"):
        made(np.zeros((1, 1, n, n), np.float32))


def test_empty_batches_and_any_memory_order(model, rng):
    size = allowed_shape(model)
    assert model(np.zeros((0, model.in_channels, *size), np.float32)).shape[:2] == (0, model.num_classes)
    x = rng.standard_normal((2, model.in_channels, *size), dtype=np.float32)
    expected = model(x)
    before = x.copy()
    for view in (np.asfortranarray(x), x.astype(">f4"), np.repeat(x, 2, axis=3)[..., ::2]):
        np.testing.assert_array_equal(model(view), expected)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(model(x[1]), model(x[1:])[0])


def test_fresh_weights_follow_the_seed():
    first, same, other = (UNet(1, 2, 4, 2, seed=seed).parameters for seed in (1, 1, 2))
    assert all((first[name] == same[name]).all() for name in first)
    assert (first["down1_conv1.weight"] != other["down1_conv1.weight"]).any()
    kernel = UNet(1, 2, 16, 2).parameters["down2_conv2.weight"]
    assert kernel.std() == pytest.approx(np.sqrt(2 / (32 * 9)), rel=0.05)
    assert (first["down1_bn1.running_var"] == 1).all()
    with pytest.raises(TypeError):
        first["down1_conv1.weight"] = kernel
    with pytest.raises(ValueError, match="read-only"):
        first["down1_conv1.weight"][:] = 0


def test_a_state_dict_that_does_not_fit_is_refused_with_every_difference():
    made = UNet(1, 2, 4, 2)
    state = dict(made.parameters)
    kept = state["classifier.bias"]
    del state["down1_conv1.weight"]
    state["classifier.bias"] = np.zeros(3, np.float32)
    state["up9_conv1.weight"] = np.zeros((1, 2), np.float32)
    state["down1_bn1.num_batches_tracked"] = np.array(7)
    with pytest.raises(ValueError, match=r"UNet\(in_channels=1.*3 mismatches") as caught:
        made.load_state_dict(state)
    for line in (
        "down1_conv1.weight: missing, expected shape (4, 1, 3, 3)",
        "up9_conv1.weight: unknown, of shape (1, 2)",
        "classifier.bias: of shape (3,), expected (2,)",
    ):
        assert line in str(caught.value)
    assert made.parameters["classifier.bias"] is kept
    with pytest.raises(TypeError, match=r"classifier\.bias has dtype int64"):
        made.load_state_dict({**made.parameters, "classifier.bias": np.zeros(2, np.int64)})


def test_loaded_parameters_are_copies_and_half_is_widened(rng):
    made = UNet(1, 2, 2, 1)
    state = {name: value.astype(np.float16) for name, value in made.parameters.items()}
    made(np.zeros((1, 1, 4, 4)))
    made.load_state_dict(state)
    before = made(np.ones((1, 1, 4, 4)))
    for value in state.values():
        value[...] = 9
    np.testing.assert_array_equal(made(np.ones((1, 1, 4, 4))), before)
    assert {value.dtype.name for value in made.parameters.values()} == {"float32"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: UNet(0), "in_channels=0: expected at least 1"),
        (lambda: UNet(depth=0), "depth=0"),
        (lambda: UNet(depth=40), "depth=40"),
        (lambda: UNet(padding="full"), "padding='full'"),
        (lambda: UNet(up="nearest"), "up='nearest'"),
        (lambda: UNet(norm="layer"), "norm='layer'"),
        (lambda: UNet(width=3, up="bilinear"), "width=3"),
        (lambda: UNet(dropout=1.0), "dropout=1.0"),
        (lambda: SegNet(widths=(1, 2)), r"widths=\(1, 2\)"),
        (lambda: UNet(1)(np.zeros((1, 3, 32, 32))), r"x has shape \(1, 3, 32, 32\): expected \(N, 1, H, W\)"),
        (lambda: UNet(1)(np.zeros((32, 32))), r"x has shape \(32, 32\)"),
        (lambda: UNet(1)(np.zeros((1, 1, 0, 32))), r"x has shape \(1, 1, 0, 32\)"),
    ],
)
def test_bad_arguments(make, words):
    with pytest.raises(ValueError, match=words):
        make()


def test_bad_types():
    with pytest.raises(TypeError, match="width='wide'"):
        UNet(width="wide")
    for dtype in (np.uint8, np.float16):
        with pytest.raises(TypeError, match=f"x has dtype {np.dtype(dtype)}: expected float32 or float64"):
            UNet(1)(np.zeros((1, 1, 32, 32), dtype))


@given(height=st.integers(8, 40), width=st.integers(8, 40), batch=st.integers(1, 3))
def test_a_batch_is_its_pictures(height, width, batch):
    made = UNet(1, 2, 2, 3)
    x = np.random.default_rng(height * width).standard_normal((batch, 1, height, width))
    logits = made(x)
    for k in range(batch):
        np.testing.assert_allclose(logits[k], made(x[k]), rtol=1e-10, atol=1e-12)


def test_the_package_loads_what_is_asked_for():
    """Names are those of the stub, documented, and importing one network reads no files' library."""
    import inspect
    import subprocess
    import sys

    import segalgo.models

    for name in segalgo.models.__all__:
        assert inspect.getdoc(getattr(segalgo.models, name))
    with pytest.raises(AttributeError, match="ResNet"):
        segalgo.models.ResNet  # noqa: B018
    code = (
        "import sys, numpy as np, segalgo; segalgo.models.UNet(1, 2, 2, 1).predict(np.zeros((4, 4), np.uint8));"
        "print({'safetensors', 'tqdm', 'torch', 'skimage', 'scipy', 'PIL'} & set(sys.modules))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "set()"
