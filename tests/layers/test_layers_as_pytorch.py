"""Pooling, unpooling, resizing, padding, normalisation and activation beside PyTorch, arguments drawn by hypothesis.

Selections and copies must be equal. Elsewhere PyTorch rounds in the dtype itself where ours sum in float64, so the
bound is PyTorch's own: the roundings that its formula takes, in eps of the dtype, on absolute values.
"""

import contextlib

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tolerance import (
    assert_within,
    bilinear_position_bound,
    gelu_bound,
    hardsigmoid_bound,
    hardswish_bound,
    layer_norm_bound,
    linear_bound,
    local_response_norm_bound,
    log_softmax_bound,
    sigmoid_bound,
    softmax_bound,
)

import segalgo

pytestmark = pytest.mark.peers

DTYPES = st.sampled_from(["float32", "float64"])
SEEDS = st.integers(0, 2**32 - 1)


def torch():
    """Return PyTorch, on one thread: quicker on small tensors."""
    import torch

    torch.set_num_threads(1)
    return torch


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


def normal(seed, shape, dtype):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def rounding(dtype):
    return np.finfo(dtype).eps


@st.composite
def max_pooling(draw):
    """Return a picture with ties, NaN and -inf, and arguments of max_pool2d that PyTorch would take or refuse."""
    shape = (draw(st.integers(1, 2)), draw(st.integers(1, 2)), *draw(pairs(1, 23)))[draw(st.integers(0, 1)) :]
    rng = np.random.default_rng(draw(SEEDS))
    x = rng.integers(0, 9, shape).astype(draw(DTYPES))
    if draw(st.booleans()):
        x[rng.random(shape) < 0.1] = np.nan
        x[rng.random(shape) < 0.3] = -np.inf
    kernel = draw(pairs(1, 4))
    # We also take up to half of the dilated kernel, which PyTorch refuses.
    padding = tuple(draw(st.integers(0, k // 2)) for k in kernel)
    return x, (kernel, draw(pairs(1, 4)), padding, draw(pairs(1, 3)), draw(st.booleans()))


@settings(max_examples=3000)
@given(case=max_pooling())
def test_max_pool2d(case):
    x, arguments = case
    pool = torch().nn.functional.max_pool2d
    try:
        expected = pool(torch().from_numpy(x), *arguments, return_indices=True)
    except RuntimeError:
        with pytest.raises(ValueError, match=r"along|padding|input"):
            segalgo.max_pool2d(x, *arguments, return_indices=True)
        return
    try:
        got = segalgo.max_pool2d(x, *arguments, return_indices=True)
    except ValueError:
        # A window without a cell of the picture: PyTorch answers -inf and a cell beside the picture.
        assert np.isneginf(expected[0].numpy()).any()
        return
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs.numpy(), strict=True)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_max_pool2d_of_integers(dtype):
    rng = np.random.default_rng(3)
    info = np.iinfo(dtype)
    pool = torch().nn.functional.max_pool2d
    for _ in range(60):
        x = rng.integers(info.min, info.max, (1, 2, *rng.integers(3, 20, 2)), dtype, endpoint=True)
        arguments = (
            int(rng.integers(1, 4)),
            int(rng.integers(1, 3)),
            0,
            int(rng.integers(1, 2)),
            bool(rng.integers(2)),
        )
        expected = pool(torch().from_numpy(x), *arguments, return_indices=True)
        for mine, theirs in zip(segalgo.max_pool2d(x, *arguments, return_indices=True), expected, strict=True):
            np.testing.assert_array_equal(mine, theirs.numpy(), strict=True)


@settings(max_examples=1500)
@given(
    seed=SEEDS, sizes=pairs(1, 3), inner=pairs(1, 12), kernel=pairs(1, 3), padding=pairs(0, 1), extra=pairs(0, 2),
    dtype=DTYPES,
)  # fmt: skip
def test_max_unpool2d(seed, sizes, inner, kernel, padding, extra, dtype):
    """Windows that do not overlap, so that no index repeats, and every output size near the default one."""
    x = normal(seed, (*sizes, *(n * k for n, k in zip(inner, kernel, strict=True))), dtype)
    padding = tuple(min(p, k // 2) for p, k in zip(padding, kernel, strict=True))
    try:
        values, indices = segalgo.max_pool2d(x, kernel, kernel, padding, return_indices=True)
    except ValueError:
        return
    size = tuple(n + e for n, e in zip(x.shape[2:], extra, strict=True))
    tensors = torch().from_numpy(values), torch().from_numpy(indices)
    try:
        expected = torch().nn.functional.max_unpool2d(*tensors, kernel, kernel, padding, list(size)).numpy()
    except ValueError:
        with pytest.raises(ValueError, match="output_size"):
            segalgo.max_unpool2d(values, indices, kernel, kernel, padding, size)
        return
    got = segalgo.max_unpool2d(values, indices, kernel, kernel, padding, size)
    np.testing.assert_array_equal(got, expected, strict=True)


@settings(max_examples=2000)
@given(
    seed=SEEDS, sizes=pairs(1, 2), inner=pairs(1, 19), kernel=pairs(1, 5), stride=pairs(1, 4), padding=pairs(0, 2),
    ceil_mode=st.booleans(), count_include_pad=st.booleans(), divisor=st.sampled_from([None, 3, -2]), dtype=DTYPES,
)  # fmt: skip
def test_avg_pool2d(seed, sizes, inner, kernel, stride, padding, ceil_mode, count_include_pad, divisor, dtype):
    x = normal(seed, (*sizes, *inner), dtype)
    arguments = (kernel, stride, padding, ceil_mode, count_include_pad)
    try:
        expected = torch().nn.functional.avg_pool2d(torch().from_numpy(x), *arguments, divisor).numpy()
    except RuntimeError:
        with pytest.raises(ValueError, match="along"):
            segalgo.avg_pool2d(x, *arguments, divisor)
        return
    got = segalgo.avg_pool2d(x, *arguments, divisor)
    assert got.dtype == expected.dtype
    absolute = segalgo.avg_pool2d(np.abs(x).astype(float), *arguments, divisor and abs(divisor))
    assert_within(got, expected, (kernel[0] * kernel[1] + 2) * rounding(dtype) * absolute + np.finfo(dtype).tiny)


@settings(max_examples=600)
@given(seed=SEEDS, inner=pairs(1, 19), size=st.tuples(*[st.none() | st.integers(1, 19)] * 2), dtype=DTYPES)
def test_adaptive_avg_pool2d(seed, inner, size, dtype):
    x = normal(seed, (1, 2, *inner), dtype)
    expected = torch().nn.functional.adaptive_avg_pool2d(torch().from_numpy(x), size).numpy()
    absolute = segalgo.adaptive_avg_pool2d(np.abs(x).astype(float), size)
    cells = inner[0] * inner[1]  # no window has more
    assert_within(segalgo.adaptive_avg_pool2d(x, size), expected, (cells + 2) * rounding(dtype) * absolute)


@settings(max_examples=2000)
@given(
    seed=SEEDS, inner=pairs(1, 29), size=pairs(1, 59), scale=st.tuples(*[st.floats(0.3, 3)] * 2),
    by_size=st.booleans(), recompute=st.booleans(), corners=st.sampled_from([True, False, None]), dtype=DTYPES,
)  # fmt: skip
def test_interpolate_bilinear(seed, inner, size, scale, by_size, recompute, corners, dtype):
    x = normal(seed, (1, 2, *inner), dtype)
    keywords = {"mode": "bilinear", "align_corners": corners}
    if by_size:
        keywords["size"] = size
    elif min(int(n * factor) for n, factor in zip(inner, scale, strict=True)) < 1:
        return
    else:
        keywords |= {"scale_factor": scale, "recompute_scale_factor": recompute}
    expected = torch().nn.functional.interpolate(torch().from_numpy(x), **keywords).numpy()
    with segalgo.use_backend("reference"):
        absolute = segalgo.interpolate(np.abs(x).astype(float), **keywords)
    got = segalgo.interpolate(x, **keywords)
    assert got.dtype == expected.dtype
    largest = max(*inner, *got.shape[2:])
    assert_within(got, expected, bilinear_position_bound(got.dtype, expected, absolute, np.ptp(x), largest))


@settings(max_examples=400)
@given(
    seed=SEEDS, inner=pairs(1, 29), size=pairs(1, 40), scale=st.tuples(*[st.floats(0.1, 3)] * 2), by_size=st.booleans(),
    recompute=st.booleans(), corners=st.booleans(), kind=st.sampled_from([("bilinear", True), ("bicubic", False),
    ("bicubic", True)]),
)  # fmt: skip
@example(
    seed=0, inner=(1, 2), size=(1, 1), scale=(1.0, 1.25), by_size=False, recompute=False, corners=False,
    kind=("bicubic", False),
)  # fmt: skip
def test_interpolate_by_filters(seed, inner, size, scale, by_size, recompute, corners, kind):
    x = normal(seed, (1, 2, *inner), "float64")
    keywords = {"mode": kind[0], "align_corners": corners, "antialias": kind[1]}
    if by_size:
        keywords["size"] = size
    elif min(int(n * factor) for n, factor in zip(inner, scale, strict=True)) < 1:
        return
    else:
        keywords |= {"scale_factor": scale, "recompute_scale_factor": recompute}
    expected = torch().nn.functional.interpolate(torch().from_numpy(x), **keywords).numpy()
    if kind[1] and 1 in (*expected.shape[2:], *inner):
        return  # PyTorch repeats the first row in every other where a plane between its passes is one cell wide
    np.testing.assert_allclose(segalgo.interpolate(x, **keywords), expected, rtol=1e-10, atol=1e-10)


@settings(max_examples=2000)
@given(
    mode=st.sampled_from(["nearest", "nearest-exact"]), n=st.integers(1, 130), size=st.integers(1, 400),
    factor=st.none() | st.floats(0.1, 8), recompute=st.sampled_from([None, True]),
)  # fmt: skip
def test_interpolate_nearest(mode, n, size, factor, recompute):
    """PyTorch's own layouts disagree where a factor gives n or 2 n cells; its channels-last kernel has our rule."""
    x = np.zeros((1, 4, 2, n), np.float32) + np.arange(n, dtype=np.float32)
    keywords = {"mode": mode, "size": (2, size)}
    if factor is not None:
        if int(n * factor) < 1:
            return
        keywords = {"mode": mode, "scale_factor": (1.0, factor), "recompute_scale_factor": recompute}
    tensor = torch().from_numpy(x).contiguous(memory_format=torch().channels_last)
    expected = torch().nn.functional.interpolate(tensor, **keywords).numpy()
    np.testing.assert_array_equal(segalgo.interpolate(x, **keywords), expected, strict=True)


@settings(max_examples=3000)
@given(
    seed=SEEDS, inner=pairs(1, 8), amounts=st.tuples(*[st.integers(-4, 7)] * 4),
    mode=st.sampled_from(["constant", "reflect", "replicate", "circular"]),
)  # fmt: skip
def test_pad(seed, inner, amounts, mode):
    x = normal(seed, (1, 2, *inner), np.float32)
    sides = list(zip(inner, amounts[2::-2], amounts[3::-2], strict=True))
    keep = [n + min(a, 0) + min(b, 0) for n, a, b in sides]
    try:
        expected = torch().nn.functional.pad(torch().from_numpy(x), amounts, mode).numpy()
    except RuntimeError:
        # PyTorch takes an empty height or width, not both, and takes off no more cells than there are.
        with contextlib.suppress(ValueError):
            assert segalgo.pad(x, amounts, mode).size == 0 or (mode == "constant" and min(keep) < 0)
        return
    if mode == "circular" and any(max(a, b) > k for k, (_, a, b) in zip(keep, sides, strict=True)):
        return  # PyTorch repeats cells that it has not written yet
    np.testing.assert_array_equal(segalgo.pad(x, amounts, mode), expected, strict=True)


@settings(max_examples=1000)
@given(seed=SEEDS, shape=st.lists(st.integers(1, 11), min_size=3, max_size=4).map(tuple), dtype=DTYPES)
def test_batch_norm(seed, shape, dtype):
    x = normal(seed, shape, dtype)
    vectors = np.random.default_rng(seed).random((4, shape[1])).astype(dtype) + rounding(dtype)
    expected = torch().nn.functional.batch_norm(*map(torch().from_numpy, (x, *vectors)), eps=0.01).numpy()
    got = segalgo.batch_norm(x, *vectors, eps=0.01)
    assert got.dtype == expected.dtype
    mean, var, weight, bias = (v.astype(float).reshape(-1, *[1] * (len(shape) - 2)) for v in vectors)
    # PyTorch rounds scale = weight / sqrt(var + eps) and shift = bias - mean * scale, then x * scale + shift.
    absolute = (np.abs(x) + mean) * weight / np.sqrt(var + 0.01) + bias
    assert_within(got, expected, 8 * rounding(dtype) * absolute)


@settings(max_examples=1000)
@given(seed=SEEDS, shape=st.lists(st.integers(1, 11), min_size=2, max_size=4).map(tuple), data=st.data(), dtype=DTYPES)
def test_layer_norm(seed, shape, data, dtype):
    x = normal(seed, shape, dtype)
    inner = shape[-data.draw(st.integers(1, len(shape))) :]
    expected = torch().nn.functional.layer_norm(torch().from_numpy(x), inner, eps=0.01).numpy()
    rows = x.astype(float).reshape(-1, int(np.prod(inner)))
    bound = layer_norm_bound(np.dtype(dtype), expected.reshape(rows.shape), rows, np.ones(1), np.zeros(1), 0.01)
    in_dtype = bound * rounding(dtype) / np.finfo(float).eps  # PyTorch sums in the dtype
    assert_within(segalgo.layer_norm(x, inner, eps=0.01), expected, in_dtype.reshape(shape))


@settings(max_examples=1000)
@given(
    seed=SEEDS, inner=st.lists(st.integers(1, 7), max_size=3).map(tuple), batch=st.integers(1, 3),
    sizes=pairs(1, 5), dtype=DTYPES,
)  # fmt: skip
def test_group_norm(seed, inner, batch, sizes, dtype):
    groups, channels = sizes[0], sizes[0] * sizes[1]
    if batch * sizes[1] * int(np.prod(inner)) == 1:
        return  # PyTorch refuses a single cell
    x = normal(seed, (batch, channels, *inner), dtype)
    weight, bias = normal(seed + 1, (2, channels), dtype)
    expected = (
        torch()
        .nn.functional.group_norm(torch().from_numpy(x), groups, *map(torch().from_numpy, (weight, bias)), eps=0.01)
        .numpy()
    )
    cells = int(np.prod(inner))
    rows = x.astype(float).reshape(batch * groups, sizes[1] * cells)
    per_cell = (np.tile(v.astype(float).repeat(cells).reshape(groups, -1), (batch, 1)) for v in (weight, bias))
    bound = layer_norm_bound(np.dtype(dtype), expected.reshape(rows.shape), rows, *per_cell, 0.01)
    got = segalgo.group_norm(x, groups, weight, bias, 0.01)
    assert got.dtype == expected.dtype
    # PyTorch computes in the dtype, as x * scale + (bias - mean * scale).
    assert_within(got, expected, (bound * rounding(dtype) / np.finfo(float).eps).reshape(x.shape))


@settings(max_examples=1000)
@given(
    seed=SEEDS, shape=st.lists(st.integers(1, 11), min_size=3, max_size=4).map(tuple), size=st.integers(1, 7),
    alpha=st.floats(0, 1), beta=st.floats(0, 1), dtype=DTYPES,
)  # fmt: skip
def test_local_response_norm(seed, shape, size, alpha, beta, dtype):
    x = normal(seed, shape, dtype)
    expected = torch().nn.functional.local_response_norm(torch().from_numpy(x), size, alpha, beta, 1.0).numpy()
    bound = local_response_norm_bound(np.dtype(dtype), expected, size, beta)
    bound = bound * (rounding(dtype) / np.finfo(float).eps) + np.finfo(dtype).tiny
    assert_within(segalgo.local_response_norm(x, size, alpha, beta, 1.0), expected, bound)


@settings(max_examples=600)
@given(seed=SEEDS, sizes=st.tuples(*[st.integers(1, 70)] * 3), dtype=DTYPES)
def test_linear(seed, sizes, dtype):
    rows, columns, depth = sizes
    rng = np.random.default_rng(seed)
    x, weight, bias = (rng.standard_normal(s).astype(dtype) for s in ((rows, depth), (columns, depth), columns))
    expected = torch().nn.functional.linear(*map(torch().from_numpy, (x, weight, bias))).numpy()
    got = segalgo.linear(x, weight, bias)
    assert got.dtype == expected.dtype
    assert_within(got, expected, 2 * linear_bound(got.dtype, expected, x, weight, bias))


@settings(max_examples=600)
@given(
    seed=SEEDS, shape=st.tuples(*[st.integers(1, 29)] * 3), size=st.sampled_from([1, 10, 100]), slope=st.floats(-1, 1),
    dtype=DTYPES,
)  # fmt: skip
def test_activations(seed, shape, size, slope, dtype):
    """Theirs and ours may each be off by the bound, hence twice; PyTorch flushes what is below the normal numbers."""
    functional = torch().nn.functional
    x = normal(seed, shape, dtype) * np.dtype(dtype).type(size)
    tensor, tiny, kind = torch().from_numpy(x), np.finfo(dtype).tiny, np.dtype(dtype)
    np.testing.assert_array_equal(segalgo.relu(x), functional.relu(tensor))
    np.testing.assert_array_equal(segalgo.leaky_relu(x, slope), functional.leaky_relu(tensor, slope))
    np.testing.assert_array_equal(segalgo.relu6(x), functional.relu6(tensor))
    for slopes in (shape[1], 1):
        weight = normal(seed + 1, slopes, dtype)
        expected = functional.prelu(tensor, torch().from_numpy(weight)).numpy()
        np.testing.assert_array_equal(segalgo.prelu(x, weight), expected, strict=True)
    expected = functional.hardsigmoid(tensor).numpy()
    assert_within(segalgo.hardsigmoid(x), expected, 2 * hardsigmoid_bound(kind, expected))
    expected = functional.hardswish(tensor).numpy()
    assert_within(segalgo.hardswish(x), expected, 2 * hardswish_bound(kind, expected, x))
    expected = tensor.sigmoid().numpy()
    assert_within(segalgo.sigmoid(x), expected, 2 * sigmoid_bound(kind, expected) + tiny)
    for approximate in ("none", "tanh"):
        expected = functional.gelu(tensor, approximate=approximate).numpy()
        assert_within(segalgo.gelu(x, approximate), expected, 2 * gelu_bound(kind, expected, x) + tiny)
    for axis in range(3):
        shifted = x.astype(float) - x.max(axis=axis, keepdims=True)
        expected = functional.softmax(tensor, axis).numpy()
        assert_within(segalgo.softmax(x, axis), expected, 2 * softmax_bound(kind, expected, shifted) + tiny)
        expected = functional.log_softmax(tensor, axis).numpy()
        # PyTorch's rounding of max + log(sum) comes on top.
        bound = 2 * log_softmax_bound(kind, expected) + 2 * rounding(dtype) * (np.abs(x).max() + np.log(shape[axis]))
        assert_within(segalgo.log_softmax(x, axis), expected, bound)
