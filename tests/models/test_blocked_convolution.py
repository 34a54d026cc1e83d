"""The layers of a planned pass, each against the public operation that it stands for, at every instruction level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits
from tolerance import C_PLANNED_WINOGRAD, assert_within, conv2d_bound, conv_transpose2d_bound, winograd_bound

import segalgo
from segalgo import _ext
from segalgo.reference.layers import convolution as reference


@pytest.fixture(params=_ext.LEVELS)
def kernels(request):
    """The module of one instruction level."""
    if request.param not in _ext.available():
        pytest.skip(f"this processor or build has no {request.param}")
    with _ext.use_instruction_set(request.param):
        yield _ext.load("plans.blocked_convolution")


def whole_blocks(array, block, *axes):
    """Return the array with zeros up to a multiple of `block` along these axes."""
    return np.pad(array, [(0, -n % block if axis in axes else 0) for axis, n in enumerate(array.shape)])


def blocks(kernels, shape, dtype=np.float32):
    """Return an unfilled array in blocks for a tensor of this shape."""
    fill = 9 if dtype == np.int8 else np.nan
    return np.full((shape[0], -(-shape[1] // kernels.BLOCK), *shape[2:], kernels.BLOCK), fill, dtype)


def to_blocks(kernels, x):
    out = blocks(kernels, x.shape)
    kernels.from_planes(x, out)
    return out


def to_planes(kernels, x, channels):
    out = np.empty((x.shape[0], channels, *x.shape[2:4]), np.float32)
    kernels.to_planes(x, out)
    return out


def numbers(seed, *shapes):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, dtype=np.float32) for shape in shapes]


def run_direct(kernels, layer, source, shape, threads=2, added=None):
    out = blocks(kernels, shape)
    layer.run(kernels.plane_table([source]), out, None, np.empty(layer.scratch(threads), np.float32), added)
    return to_planes(kernels, out, shape[1])


def winograd_layer(kernels, weight, bias, relu, x, padding, way):
    """Return a layer that takes the way for few or for many channels, whatever its size."""
    kept = kernels.FEW_WEIGHT_BYTES
    kernels.FEW_WEIGHT_BYTES = {"few": 1 << 40, "many": 0}[way]
    try:
        weight, bias = whole_blocks(weight, kernels.BLOCK, 0, 1), whole_blocks(bias, kernels.BLOCK, 0)
        size = tuple(n + 2 * padding - 2 for n in x.shape[2:])
        return kernels.Winograd(
            weight, bias, RELU if relu else LINEAR, x.shape[0], x.shape[2:], (padding, padding), size
        )
    finally:
        kernels.FEW_WEIGHT_BYTES = kept


LINEAR, RELU = (0, 0.0, 0.0, None), (1, 0.0, 0.0, None)


def as_double(*arrays):
    return [array.astype(np.float64) for array in arrays]


@pytest.mark.parametrize("way", ["few", "many"])
@given(
    st.integers(0, 2**20),
    st.integers(1, 2),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 19),
    st.integers(1, 19),
    st.integers(0, 2),
    st.booleans(),
)
def test_winograd(kernels, way, seed, batch, channels, outs, height, width, padding, relu):
    height, width = max(height, 3 - 2 * padding), max(width, 3 - 2 * padding)
    x, weight, bias = numbers(seed, (batch, channels, height, width), (outs, channels, 3, 3), (outs,))
    layer = winograd_layer(kernels, weight, bias, relu, x, padding, way)
    shape = (batch, outs, *layer.output_size)
    out, pooled_shape = blocks(kernels, shape), (batch, outs, -(-shape[2] // 2), -(-shape[3] // 2))
    pooled, winner = blocks(kernels, pooled_shape), blocks(kernels, pooled_shape, np.int8)
    # A table holds addresses: the array must stay.
    source = to_blocks(kernels, x)
    layer.run(kernels.plane_table([source]), out, pooled, winner, np.empty(layer.scratch(2), np.float32))
    rest = ((1, 1), (padding, padding), (1, 1), 1, shape[2:])
    expected = reference.conv2d(*as_double(x, weight, bias), *rest)
    got = to_planes(kernels, out, outs)
    bound = winograd_bound(x, weight, bias, *rest, c=C_PLANNED_WINOGRAD)
    assert_within(got, np.maximum(expected, 0) if relu else expected, bound)
    # Channels beyond the last are zero: the next layer multiplies them.
    assert not out.transpose(0, 2, 3, 1, 4).reshape(batch, *shape[2:], -1)[..., outs:].any()
    values, indices = segalgo.max_pool2d(got, 2, ceil_mode=True, return_indices=True)
    np.testing.assert_array_equal(to_planes(kernels, pooled, outs), values)
    unpooled = blocks(kernels, shape)
    kernels.max_unpool2d(pooled, winner, unpooled)
    back = segalgo.max_unpool2d(values, indices, 2, output_size=shape[2:])
    np.testing.assert_array_equal(to_planes(kernels, unpooled, outs), back)


@pytest.mark.parametrize("planar", [False, True])
@given(
    st.integers(0, 2**20),
    st.integers(1, 20),
    st.integers(1, 40),
    st.integers(1, 40),
    st.integers(1, 40),
    st.sampled_from([(1, 1), (3, 3), (7, 7), (1, 5), (2, 2)]),
    st.integers(0, 3),
)
def test_direct(kernels, planar, seed, channels, outs, height, width, kernel, padding):
    height, width = (max(n, k - 2 * padding) for n, k in zip((height, width), kernel, strict=True))
    x, weight, bias = numbers(seed, (2, channels, height, width), (outs, channels, *kernel), (outs,))
    size = tuple(n + 2 * padding - k + 1 for n, k in zip((height, width), kernel, strict=True))
    block = kernels.BLOCK
    packed = whole_blocks(weight, block, 0) if planar else whole_blocks(weight, block, 0, 1)
    arguments = (packed, whole_blocks(bias, block, 0), LINEAR, 2, x.shape[2:], (padding, padding), size)
    layer = kernels.Direct(*arguments, planar=planar)
    got = run_direct(kernels, layer, x if planar else to_blocks(kernels, x), (2, outs, *size))
    rest = ((1, 1), (padding, padding), (1, 1), 1, size)
    bound = conv2d_bound(x, weight, bias, *rest)
    assert_within(got, reference.conv2d(*as_double(x, weight, bias), *rest), bound)


# An activation as the kernels take it, and as a function of segalgo; the slopes of the fourth are those of a PReLU.
ENDS = {
    "linear": (0, lambda x, slope: x),
    "relu": (1, lambda x, slope: segalgo.relu(x)),
    "relu6": (2, lambda x, slope: segalgo.relu6(x)),
    "prelu": (3, segalgo.prelu),
    "hardsigmoid": (4, lambda x, slope: segalgo.hardsigmoid(x)),
    "hardswish": (5, lambda x, slope: segalgo.hardswish(x)),
}


def epilogue(kernels, name, channels, seed=0):
    """Return the end of a layer for the kernels, the slopes of its channels, and the function."""
    number, function = ENDS[name]
    slope = np.random.default_rng(seed).uniform(0.1, 0.9, channels).astype(np.float32)
    return (number, 0.0, 6.0, whole_blocks(slope, kernels.BLOCK, 0)), slope, function


@pytest.mark.parametrize("way", ["few", "many"])
@given(
    st.integers(0, 2**20),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.tuples(st.integers(1, 23), st.integers(1, 23)),
    st.tuples(st.integers(1, 5), st.integers(1, 5)),
    st.tuples(*[st.integers(0, 3)] * 4),
    st.sampled_from(sorted(ENDS)),
    st.booleans(),
)
def test_dilated_winograd(kernels, way, seed, channels, size, dilation, border, end, summed):
    (top, bottom, left, right), (inputs, outs) = border, channels
    size = tuple(max(n, 2 * d + 1) for n, d in zip(size, dilation, strict=True))
    x, weight, bias = numbers(seed, (2, inputs, *size), (outs, inputs, 3, 3), (outs,))
    wide = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    grid = tuple(n - 2 * d for n, d in zip(wide.shape[2:], dilation, strict=True))
    finish, slope, activation = epilogue(kernels, end, outs)
    kept, kernels.FEW_WEIGHT_BYTES = kernels.FEW_WEIGHT_BYTES, {"few": 1 << 40, "many": 0}[way]
    try:
        packed = whole_blocks(weight, kernels.BLOCK, 0, 1), whole_blocks(bias, kernels.BLOCK, 0)
        layer = kernels.Winograd(*packed, finish, 2, size, (top, left), grid, dilation)
    finally:
        kernels.FEW_WEIGHT_BYTES = kept
    (other,) = numbers(seed + 1, (2, outs, *grid))
    added, source, out = (
        (to_blocks(kernels, other) if summed else None),
        to_blocks(kernels, x),
        blocks(kernels, other.shape),
    )
    scratch = np.empty(layer.scratch(2), np.float32)
    layer.run(kernels.plane_table([source]), out, None, None, scratch, added)
    rest = ((1, 1), (0, 0), dilation, 1, grid)
    expected = reference.conv2d(*as_double(wide, weight, bias), *rest) + summed * other.astype(np.float64)
    # Every remainder modulo the dilation is a picture of its own.
    bound = np.empty(expected.shape)
    for i in range(min(dilation[0], grid[0])):
        for j in range(min(dilation[1], grid[1])):
            part = np.s_[:, :, i :: dilation[0], j :: dilation[1]]
            plain = ((1, 1), (0, 0), (1, 1), 1, expected[part].shape[2:])
            bound[part] = winograd_bound(wide[part], weight, bias, *plain, c=C_PLANNED_WINOGRAD)
    bound += 4 * np.finfo(np.float32).eps * (np.abs(expected) + np.abs(other) + 1)
    got = to_planes(kernels, out, outs)
    assert_within(got, activation(expected, slope.astype(np.float64)), 2 * bound)


@pytest.mark.parametrize("depthwise", [False, True])
@given(
    st.integers(0, 2**20),
    st.integers(1, 40),
    st.integers(1, 24),
    st.tuples(st.integers(1, 31), st.integers(1, 31)),
    st.sampled_from([(1, 1), (3, 3), (5, 5), (2, 3), (1, 4)]),
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.integers(1, 3), st.integers(1, 4)),
    st.tuples(*[st.integers(0, 2)] * 4),
    st.sampled_from(sorted(ENDS)),
    st.booleans(),
)
def test_strides_dilations_borders_and_epilogues(
    kernels, depthwise, seed, channels, outs, size, kernel, stride, dilation, border, end, summed
):
    """Any convolution of one group, or of each channel alone, with a sum and an activation after it."""
    outs = channels if depthwise else outs
    extent = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    (top, bottom, left, right), size = border, [max(n, e) for n, e in zip(size, extent, strict=True)]
    x, weight, bias = numbers(seed, (2, channels, *size), (outs, 1 if depthwise else channels, *kernel), (outs,))
    wide = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    grid = tuple((n - e) // s + 1 for n, e, s in zip(wide.shape[2:], extent, stride, strict=True))
    finish, slope, activation = epilogue(kernels, end, outs)
    block = kernels.BLOCK
    packed = whole_blocks(weight, block, 0, *([] if depthwise else [1])), whole_blocks(bias, block, 0)
    make = kernels.Depthwise if depthwise else kernels.Direct
    layer = make(*packed, finish, 2, tuple(size), (top, left), grid, stride, dilation)
    (other,) = numbers(seed + 1, (2, outs, *grid))
    added = to_blocks(kernels, other) if summed else None
    got = run_direct(kernels, layer, to_blocks(kernels, x), (2, outs, *grid), added=added)
    rest = (stride, (0, 0), dilation, channels if depthwise else 1, grid)
    expected = reference.conv2d(*as_double(wide, weight, bias), *rest) + summed * other.astype(np.float64)
    bound = conv2d_bound(wide, weight, bias, *rest) + 4 * np.finfo(np.float32).eps * (
        np.abs(expected) + np.abs(other) + 1
    )
    # No activation has a slope above 1.5.
    assert_within(got, activation(expected, slope.astype(np.float64)), 2 * bound)


@given(st.integers(0, 2**20), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40), st.integers(1, 40))
def test_transposed(kernels, seed, channels, outs, height, width):
    x, weight, bias = numbers(seed, (2, channels, height, width), (channels, outs, 2, 2), (outs,))
    packed = whole_blocks(weight, kernels.BLOCK, 0, 1), whole_blocks(bias, kernels.BLOCK, 0)
    layer = kernels.Direct(*packed, LINEAR, 2, (height, width), (0, 0), (height, width), transposed=True)
    size = (2 * height, 2 * width)
    got = run_direct(kernels, layer, to_blocks(kernels, x), (2, outs, *size))
    rest = ((2, 2), (0, 0), (1, 1), 1, size)
    bound = conv_transpose2d_bound(x, weight, bias, *rest)
    assert_within(got, reference.conv_transpose2d(*as_double(x, weight, bias), *rest), bound)


def test_logits_in_planes(kernels):
    x, weight, bias = numbers(3, (2, 9, 5, 33), (3, 9, 1, 1), (3,))
    packed = whole_blocks(weight, kernels.BLOCK, 0, 1), whole_blocks(bias, kernels.BLOCK, 0)
    layer = kernels.Direct(*packed, LINEAR, 2, (5, 33), (0, 0), (5, 33))
    logits = np.full((2, 3, 5, 33), np.nan, np.float32)
    source = to_blocks(kernels, x)
    layer.run(kernels.plane_table([source]), None, logits, np.empty(layer.scratch(2), np.float32))
    np.testing.assert_array_equal(logits, run_direct(kernels, layer, source, logits.shape))


@given(st.integers(1, 2), st.integers(1, 20), st.integers(1, 7), st.integers(1, 7), st.integers(0, 2**20))
def test_pooling_with_ties_and_nan(kernels, batch, channels, height, width, seed):
    values = np.array([0, -0.0, 1, 2, np.nan, np.inf, -np.inf], np.float32)
    x = np.random.default_rng(seed).choice(values, (batch, channels, height, width))
    for ceil_mode in (False, True):
        ph, pw = ((n + ceil_mode) // 2 for n in (height, width))
        pooled, winner = (blocks(kernels, (batch, channels, ph, pw), dtype) for dtype in (np.float32, np.int8))
        kernels.max_pool2d(to_blocks(kernels, x), pooled, winner)
        if 0 in (ph, pw):
            continue
        expected, indices = segalgo.max_pool2d(x, 2, ceil_mode=ceil_mode, return_indices=True)
        np.testing.assert_array_equal(to_planes(kernels, pooled, channels), expected)
        unpooled = blocks(kernels, x.shape)
        kernels.max_unpool2d(pooled, winner, unpooled)
        back = segalgo.max_unpool2d(expected, indices, 2, output_size=(height, width))
        np.testing.assert_array_equal(to_planes(kernels, unpooled, channels), back)


@pytest.mark.parametrize("way", ["few", "many"])
def test_same_bits_for_any_number_of_threads(kernels, way):
    x, weight, bias = numbers(5, (1, 40, 50, 61), (70, 40, 3, 3), (70,))
    layer = winograd_layer(kernels, weight, bias, True, x, 1, way)
    source, results = to_blocks(kernels, x), []
    for threads in (1, 2, 3):
        out = blocks(kernels, (1, 70, 50, 61))
        with threadpool_limits(threads):
            scratch = np.empty(layer.scratch(threads), np.float32)
            layer.run(kernels.plane_table([source]), out, None, None, scratch)
        results.append(out.tobytes())
    assert results[0] == results[1] == results[2]
