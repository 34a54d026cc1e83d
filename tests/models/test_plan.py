"""The planned pass: every step within its bound, the whole beside the plain pass, and what it promises of memory."""

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from threadpoolctl import threadpool_limits
from tolerance import C_PLANNED_WINOGRAD, assert_within, conv_transpose2d_bound, winograd_bound

import segalgo
from segalgo.layers.prepared_convolution import fold_batch_norm
from segalgo.models import SegNet, SegNetBasic, UNet
from segalgo.models.graph.execution import INPUT
from segalgo.models.plans.arena import Buffer, arrange
from segalgo.models.plans.fusion import fused, without_dropout
from segalgo.models.plans.values import Blocks, Planes
from segalgo.reference.layers import convolution as reference

# name: network, input shape
CASES = {
    "unet": (UNet(3, 2, width=8, depth=2), (1, 3, 32, 48)),
    "unet without norm, odd, batch": (UNet(1, 5, width=12, depth=2, norm=None), (2, 1, 45, 61)),
    "unet bilinear": (UNet(3, 2, width=8, depth=2, up="bilinear"), (1, 3, 29, 34)),
    "unet valid": (UNet(1, 2, width=4, depth=2, padding="valid", norm=None), (1, 1, 52, 60)),
    "unet many classes and channels": (UNet(20, 21, width=8, depth=1), (1, 20, 13, 11)),
    "unet too small": (UNet(1, 2, width=4, depth=3), (1, 1, 5, 3)),
    "segnet": (SegNet(3, 12, widths=(8, 8, 20, 16, 16)), (1, 3, 51, 62)),
    "segnet batch": (SegNet(1, 3, widths=(4, 4, 4, 8, 8)), (2, 1, 32, 32)),
    "segnet basic": (SegNetBasic(3, 11, width=8), (1, 3, 45, 60)),
}


def seasoned(network, seed=3):
    """Give a network statistics, scales and biases as training would leave them."""
    rng = np.random.default_rng(seed)

    def value(name, array):
        spread = rng.standard_normal(array.shape) * 0.1
        return np.abs(array + spread) + 0.1 if name.endswith("var") else array + (array.ndim == 1) * spread

    state = {name: value(name, array).astype(np.float32) for name, array in network.parameters.items()}
    return network.load_state_dict(state)


def picture(shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


@pytest.fixture(params=CASES)
def case(request):
    network, shape = CASES[request.param]
    return seasoned(network), shape


def agree(got, expected, share=0.99):
    """Assert that class maps agree: of nearly equal logits, rounding may choose another."""
    assert got.shape == expected.shape
    assert got.dtype == expected.dtype
    assert (got.argmax(1) == expected.argmax(1)).mean() >= share


def captured(run, x):
    """Run the blocked plan call by call; return every value that it computes, as planes, by name."""
    passes = run._passes
    logits = np.empty(passes.output_shape, np.float32)
    copies = {}
    for k, call in enumerate(passes.calls):
        call.run(x, logits, passes.scratch)
        copies.update({b: b.array.copy() for b in call.buffers if b.first == k})

    def planes(buffer, channels):
        out = np.empty((buffer.shape[0], channels, *buffer.shape[2:4]), np.float32)
        passes.kernels.to_planes(copies[buffer], out)
        return out

    found = {INPUT: x}
    for name, value in passes.values.items():
        if isinstance(value, Blocks) and all(b in copies for b in value.buffers):
            found[name] = np.concatenate([planes(b, c) for b, c in zip(value.buffers, value.channels, strict=True)], 1)
        elif isinstance(value, Planes) and value.buffer in copies:
            found[name] = copies[value.buffer].reshape(value.shape)
    return found, logits


def convolution_and_bound(layer, parameters, x):
    """Return the float64 result of a fused convolution for this input, and the bound of its error."""
    step, options = layer.step, layer.step.options
    weight = parameters[f"{step.name}.weight"]
    bias = parameters[f"{step.name}.bias"] if options.get("bias", True) else None
    if layer.batch_norm:
        entries = ("running_mean", "running_var", "weight", "bias")
        norm = [parameters[f"{layer.batch_norm.name}.{entry}"] for entry in entries]
        weight, bias = fold_batch_norm(weight, bias, (*norm, layer.batch_norm.options["eps"]))
    bias = np.zeros(weight.shape[0], np.float32) if bias is None else bias
    exact = [a.astype(np.float64) for a in (x, weight, bias)]
    if step.operation == "conv_transpose2d":
        rest = ((2, 2), (0, 0), (1, 1), 1, step.shape[2:])
        return reference.conv_transpose2d(*exact, *rest), conv_transpose2d_bound(x, weight, bias, *rest)
    rest = ((1, 1), (options["padding"],) * 2, (1, 1), 1, step.shape[2:])
    expected = reference.conv2d(*exact, *rest)
    if weight.shape[2:] == (3, 3):
        # Larger than that of the direct sum, which some of these layers take.
        bound = winograd_bound(x, weight, bias, *rest, c=C_PLANNED_WINOGRAD)
    else:
        absolute = [np.abs(a) for a in exact]
        bound = (weight[0].size + 2) * np.finfo(np.float32).eps * reference.conv2d(*absolute, *rest)
    return (np.maximum(expected, 0) if layer.activation else expected), bound


def test_every_step_keeps_its_bound(case):
    network, shape = case
    run = network.plan(shape)
    x, _ = network._as_input(picture(shape))
    found, logits = captured(run, x)
    steps = network.describe(x.shape)
    found[steps[-1].outputs[0]] = logits
    checked = 0
    for layer in fused(without_dropout(steps)[0], blocked=True):
        step = layer.step
        if step.operation not in ("conv2d", "conv_transpose2d"):
            continue
        expected, bound = convolution_and_bound(layer, network.parameters, found[layer.inputs[0]])
        if layer.kept:
            assert_within(found[layer.output], expected, bound)
        if layer.pool:
            ceil_mode = layer.pool.options["ceil_mode"]
            pool = [segalgo.max_pool2d(a, 2, ceil_mode=ceil_mode) for a in (expected, bound)]
            assert_within(found[layer.pool.outputs[0]], *pool)
        checked += 1
    assert checked == sum(step.operation in ("conv2d", "conv_transpose2d") for step in steps)


def test_agrees_with_the_plain_pass(case):
    network, shape = case
    x = picture(shape)
    before = x.copy()
    run = network.plan(shape)
    agree(run(x), network(x))
    np.testing.assert_array_equal(x, before)
    # The memory that it uses again holds nothing of the last picture.
    other = run(picture(shape, 1))
    np.testing.assert_array_equal(run(x), network.plan(shape)(x))
    np.testing.assert_array_equal(run(picture(shape, 1)), other)


def test_on_every_backend(backend):
    network = seasoned(UNet(1, 2, width=2, depth=1))
    x = picture((1, 1, 6, 8))
    expected = network(x)
    agree(backend.numpy(network.plan(x.shape)(backend.array(x))), expected, share=0.97)


@pytest.mark.parametrize("make", [lambda: UNet(1, 3, width=4, depth=2), lambda: SegNet(1, 3, widths=(4,) * 5)])
def test_double(make):
    network = seasoned(make())
    x = picture((1, 1, 33, 40)).astype(np.float64)
    got = network.plan(x.shape, dtype=np.float64)(x)
    agree(got, network(x))


def test_same_bits_for_any_number_of_threads():
    network, shape = CASES["segnet"]
    run, x = network.plan(shape), picture(shape)
    results = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            results.append(run(x).tobytes())
            results.append(network.plan(shape)(x).tobytes())
    assert len(set(results)) == 1


def test_calls_from_several_python_threads_wait_for_each_other():
    network, shape = CASES["unet"]
    run = network.plan(shape)
    pictures = [picture(shape, seed) for seed in range(8)]
    expected = [run(x).tobytes() for x in pictures]
    with ThreadPoolExecutor(4) as pool:
        assert [logits.tobytes() for logits in pool.map(run, pictures)] == expected


def test_keeps_the_parameters_of_its_making():
    network = seasoned(UNet(1, 2, width=4, depth=1))
    x = picture((1, 1, 8, 8))
    run = network.plan(x.shape)
    before = run(x)
    seasoned(network, seed=9)
    np.testing.assert_array_equal(run(x), before)
    assert not np.array_equal(network.plan(x.shape)(x), before)


def test_predict_keeps_its_last_plans():
    network = seasoned(UNet(1, 2, width=4, depth=1))
    pictures = [np.full((n, 16), 0.5, np.float32) for n in (8, 10, 12)]
    for image in pictures:
        with segalgo.use_backend("cython"):
            assert network.predict(image).shape == image.shape
    assert [shape[2] for shape, _ in network._plans] == [10, 12]
    seasoned(network, seed=9)
    assert not network._plans
    # Elsewhere than on the Cython wing there is nothing to gain.
    with segalgo.use_backend("reference"):
        network.predict(pictures[0])
    assert not network._plans


def test_one_picture_without_its_axis():
    network = UNet(1, 2, width=2, depth=1)
    run, x = network.plan((1, 1, 8, 9)), picture((1, 1, 8, 9))
    np.testing.assert_array_equal(run(x[0]), run(x)[0])


def test_timings_name_every_step():
    network = UNet(1, 2, width=4, depth=1)
    rows = network.plan((1, 1, 16, 16)).timings(picture((1, 1, 16, 16)))
    assert "down1_conv2 + down1_bn2 + down1_relu2 + pool1" in [name for name, _ in rows]
    assert all(seconds >= 0 for _, seconds in rows)


def test_memory_does_not_add_up():
    """Activations of a deep network lie over each other: less than the three largest, with scratch."""
    network, shape = UNet(3, 2, width=16), (1, 3, 256, 256)
    run = network.plan(shape)
    largest = 16 * 256 * 256 * 4
    assert run._passes.arena.nbytes < 3.01 * largest


def test_arrays_of_one_time_do_not_overlap():
    rng = np.random.default_rng(0)
    buffers = []
    for _ in range(60):
        buffer = Buffer((int(rng.integers(1, 400)),), rng.choice([np.float32, np.int8]))
        for step in np.sort(rng.integers(0, 20, 2)):
            buffer.used_at(int(step))
        buffers.append(buffer)
    memory = arrange(buffers)
    assert memory.nbytes < sum(b.nbytes for b in buffers)
    for step in range(20):
        alive = sorted((b for b in buffers if b.first <= step <= b.last), key=lambda b: b.offset)
        for one, next_one in pairwise(alive):
            assert one.offset + one.nbytes <= next_one.offset
        for b in alive:
            assert b.array.ctypes.data % 64 == 0
            assert np.shares_memory(b.array, memory)


def test_dropout_is_left_out():
    network = SegNet(1, 2, widths=(4,) * 5)
    steps = network.describe((1, 1, 32, 32))
    assert any(step.operation == "dropout" for step in steps)
    layers = fused(without_dropout(steps)[0], blocked=True)
    assert all(layer.step.operation != "dropout" for layer in layers)
    assert {name for layer in layers for name in layer.step.inputs} & {
        s.name for s in steps if "drop" in s.name
    } == set()


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda: UNet(3).plan((1, 1, 8, 8)), ValueError, r"input_shape=\(1, 1, 8, 8\)"),
        (lambda: UNet(3).plan((3, 8, 8)), ValueError, "input_shape"),
        (lambda: UNet(3).plan((1, 3, 0, 8)), ValueError, "input_shape"),
        (lambda: UNet(3).plan((1, 3, 8, 8), dtype=np.float16), TypeError, "dtype=float16"),
        (
            lambda: UNet(1, width=2).plan((1, 1, 16, 16))(np.zeros((1, 1, 16, 17), np.float32)),
            ValueError,
            "x has shape",
        ),
        (lambda: UNet(1, width=2).plan((1, 1, 16, 16))(np.zeros((1, 1, 16, 16))), TypeError, "float64"),
        (lambda: UNet(1, padding="valid").plan((1, 1, 187, 188)), ValueError, "valid"),
    ],
)
def test_errors(call, error, text):
    with pytest.raises(error, match=text):
        call()


def test_no_pictures():
    network = UNet(1, 2, width=2, depth=1)
    assert network.plan((0, 1, 8, 8))(np.zeros((0, 1, 8, 8), np.float32)).shape == (0, 2, 8, 8)
