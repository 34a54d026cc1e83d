"""Convolution and transposed convolution, on every backend."""

import contextlib
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import signal
from tolerance import assert_within, conv2d_bound, conv_transpose2d_bound, winograd_bound

import segalgo
from segalgo.reference.layers import convolution as reference

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
borders = st.tuples(st.integers(0, 3), st.integers(0, 3))


@st.composite
def conv2d_cases(draw, most=12):
    """A convolution's arrays (integers, so that float64 sums are exact) and its arguments, all valid."""
    groups, kernel = draw(st.integers(1, 3)), draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    stride, dilation = draw(pairs), draw(pairs)
    padding = draw(st.one_of(borders, st.just("valid"), st.just("same")))
    if padding == "same":
        stride = (1, 1)
    border = (0, 0) if isinstance(padding, str) else padding
    least = [
        1 if padding == "same" else max(d * (k - 1) + 1 - 2 * p, 1)
        for k, d, p in zip(kernel, dilation, border, strict=True)
    ]
    size = [n + draw(st.integers(0, most)) for n in least]
    channels, rows = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-9, 10, (draw(st.integers(1, 2)), channels * groups, *size)).astype(np.float32)
    weight = rng.integers(-9, 10, (rows * groups, channels, *kernel)).astype(np.float32)
    bias = rng.integers(-9, 10, rows * groups).astype(np.float32) if draw(st.booleans()) else None
    return x, weight, bias, {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


@st.composite
def conv_transpose2d_cases(draw, most=7):
    """A transposed convolution's arrays and arguments, all valid."""
    groups, kernel = draw(st.integers(1, 3)), draw(st.tuples(st.integers(1, 5), st.integers(1, 5)))
    stride, dilation = draw(st.tuples(st.integers(1, 5), st.integers(1, 5))), draw(pairs)
    size = draw(st.tuples(st.integers(1, most), st.integers(1, most)))
    extra = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
    full = [
        (n - 1) * s + d * (k - 1) + e + 1 for n, s, d, k, e in zip(size, stride, dilation, kernel, extra, strict=True)
    ]
    padding = [draw(st.integers(0, min(4, (n - 1) // 2))) for n in full]
    channels, rows = draw(st.integers(1, 4)), draw(st.integers(1, 4))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    x = rng.integers(-9, 10, (draw(st.integers(1, 2)), channels * groups, *size)).astype(np.float32)
    weight = rng.integers(-9, 10, (channels * groups, rows, *kernel)).astype(np.float32)
    bias = rng.integers(-9, 10, rows * groups).astype(np.float32) if draw(st.booleans()) else None
    options = {"stride": stride, "padding": padding, "output_padding": extra, "groups": groups, "dilation": dilation}
    return x, weight, bias, options


def wing_arguments(x, weight, bias, output, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, **_):
    """Return what a wing takes for these arguments of a door, the output's size read off an output."""
    if padding == "valid":
        padding = (0, 0)
    if padding == "same":
        padding = tuple(d * (k - 1) // 2 for d, k in zip(dilation, weight.shape[2:], strict=True))
    size = output.shape[2:]
    return x, weight, bias, tuple(stride), tuple(padding), tuple(dilation), groups, size


def float64(x, weight, bias):
    return [None if a is None else a.astype(np.float64) for a in (x, weight, bias)]


def to(backend, *arrays):
    return [None if a is None else backend.array(a) for a in arrays]


def test_hand_worked_conv2d(backend):
    x = backend.array([[[1, 2, 3], [4, 5, 6], [7, 8, 9]]], np.float32)
    weight = backend.array([[[[1, 2], [3, 4]]], [[[0, 0], [0, -1]]]], np.float32)
    bias = backend.array([0, 100], np.float32)
    output = backend.numpy(segalgo.conv2d(x, weight, bias))
    # 1*1 + 2*2 + 4*3 + 5*4 = 37
    assert output.tolist() == [[[37, 47], [67, 77]], [[95, 94], [92, 91]]]
    assert output.dtype == np.float32
    # "same" with an even kernel: the extra zeros lie below and to the right.
    output = backend.numpy(segalgo.conv2d(x, weight, bias, padding="same"))
    assert output[0].tolist() == [[37, 47, 21], [67, 77, 33], [23, 26, 9]]
    output = backend.numpy(segalgo.conv2d(x, weight, stride=2, padding=1))
    assert output[0].tolist() == [[4, 18], [36, 77]]
    # Dilation 2: the corners.
    assert backend.numpy(segalgo.conv2d(x, weight, dilation=2))[0].tolist() == [[1 + 6 + 21 + 36]]
    two = backend.array(np.stack([np.ones((2, 2)), np.full((2, 2), 10)]), np.float32)
    output = backend.numpy(segalgo.conv2d(two, weight, bias, groups=2))
    assert output.tolist() == [[[10]], [[90]]]


def test_hand_worked_conv_transpose2d(backend):
    x = backend.array([[[1, 2], [3, 4]]], np.float32)
    weight = backend.array([[[[1, 10], [100, 1000]]]], np.float32)
    output = backend.numpy(segalgo.conv_transpose2d(x, weight))
    assert output.tolist() == [[[1, 12, 20], [103, 1234, 2040], [300, 3400, 4000]]]
    output = backend.numpy(segalgo.conv_transpose2d(x, weight, backend.array([0.5], np.float32), stride=(2, 3)))
    assert output[0, 0].tolist() == [1.5, 10.5, 0.5, 2.5, 20.5]
    assert output[0, 3].tolist() == [300.5, 3000.5, 0.5, 400.5, 4000.5]
    output = backend.numpy(segalgo.conv_transpose2d(x, weight, padding=1))
    assert output.tolist() == [[[1234]]]
    output = backend.numpy(segalgo.conv_transpose2d(x, weight, stride=2, output_padding=1, padding=1))
    assert output.tolist() == [[[1000, 200, 2000], [30, 4, 40], [3000, 400, 4000]]]
    output = backend.numpy(segalgo.conv_transpose2d(x, weight, dilation=2))
    assert output[0, 0].tolist() == [1, 2, 10, 20]


@given(case=conv2d_cases(most=8))
def test_textbook_convolutions_are_equal(case):
    x, weight, bias, options = case
    with segalgo.use_backend("reference"):
        expected = segalgo.conv2d(*float64(x, weight, bias), **options)
    arguments = wing_arguments(*float64(x, weight, bias), expected, **options)
    for form in (reference.conv2d, reference.conv2d_sum, reference.conv2d_im2col):
        np.testing.assert_array_equal(form(*arguments), expected)
    np.testing.assert_allclose(reference.conv2d_fft(*arguments), expected, rtol=0, atol=1e-9)
    matrix = reference.convolution_matrix(arguments[1], x.shape[2:], *arguments[3:])
    product = (x.reshape(len(x), -1) @ matrix.T).reshape(expected.shape)
    np.testing.assert_array_equal(product, expected if bias is None else expected - bias[:, None, None])


@given(case=conv2d_cases(most=14), tile=st.sampled_from([2, 4]))
def test_textbook_winograd_is_equal(case, tile):
    x, weight, bias, options = case
    weight = np.resize(weight, (*weight.shape[:2], 3, 3))
    options = options | {"stride": (1, 1), "padding": (2, 3)}
    with segalgo.use_backend("reference"):
        try:
            expected = segalgo.conv2d(*float64(x, weight, bias), **options)
        except ValueError:
            return
    arguments = wing_arguments(*float64(x, weight, bias), expected, **options)
    got = reference.conv2d_winograd(*arguments, reference.WINOGRAD[tile])
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-9)


@given(case=conv_transpose2d_cases(most=4))
def test_textbook_transposed_convolutions_are_equal(case):
    x, weight, bias, options = case
    with segalgo.use_backend("reference"):
        expected = segalgo.conv_transpose2d(*float64(x, weight, bias), **options)
    arguments = wing_arguments(*float64(x, weight, bias), expected, **options)
    for form in (reference.conv_transpose2d, reference.conv_transpose2d_zero_insertion):
        np.testing.assert_array_equal(form(*arguments), expected)
    np.testing.assert_array_equal(reference.conv_transpose2d_matrix(*arguments), expected)


def test_reference_against_scipy(rng):
    x, weight = rng.standard_normal((2, 3, 9, 11)), rng.standard_normal((4, 3, 3, 5))
    expected = [[sum(signal.correlate2d(x[n, c], weight[k, c], "valid") for c in range(3)) for k in range(4)] for n in (0, 1)]  # fmt: skip
    with segalgo.use_backend("reference"):
        np.testing.assert_allclose(segalgo.conv2d(x, weight), expected, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(
            segalgo.conv2d(x, weight, stride=(2, 3)), np.array(expected)[..., ::2, ::3], atol=1e-12
        )
        turned = weight.transpose(1, 0, 2, 3)
        expected = [[sum(signal.convolve2d(x[n, c], turned[c, k], "full") for c in range(3)) for k in range(4)] for n in (0, 1)]  # fmt: skip
        np.testing.assert_allclose(segalgo.conv_transpose2d(x, turned), expected, rtol=1e-12, atol=1e-12)


# Sums of small integers are exact in every order, so every bit must agree here: an index that is off cannot hide.
@given(case=conv2d_cases())
def test_conv2d_as_the_reference(backend, case):
    x, weight, bias, options = case
    with segalgo.use_backend("reference"):
        expected = segalgo.conv2d(x, weight, bias, **options)
    got = segalgo.conv2d(*to(backend, x, weight, bias), **options, algorithm="direct")
    np.testing.assert_array_equal(backend.numpy(got), expected, strict=True)


@given(case=conv_transpose2d_cases())
def test_conv_transpose2d_as_the_reference(backend, case):
    x, weight, bias, options = case
    with segalgo.use_backend("reference"):
        expected = segalgo.conv_transpose2d(x, weight, bias, **options)
    got = segalgo.conv_transpose2d(*to(backend, x, weight, bias), **options)
    np.testing.assert_array_equal(backend.numpy(got), expected, strict=True)


@given(case=conv2d_cases(most=40), dilation=st.integers(1, 3))
def test_winograd_as_the_reference(fast_backend, case, dilation):
    x, weight, bias, options = case
    weight = np.resize(weight, (*weight.shape[:2], 3, 3))
    options = options | {"stride": (1, 1), "dilation": (dilation, dilation), "padding": (3, 3)}
    with segalgo.use_backend("reference"):
        expected = segalgo.conv2d(*float64(x, weight, bias), **options)
    got = segalgo.conv2d(*to(fast_backend, x, weight, bias), **options, algorithm="winograd")
    bound = winograd_bound(*wing_arguments(x, weight, bias, expected, **options))
    assert_within(fast_backend.numpy(got), expected, bound)


# Large enough for several tiles, panels, vectors, blocks; each with a kernel that the algorithms treat differently.
LARGE = [
    # channels, out_channels, kernel, size, options
    (3, 64, (7, 7), (63, 65), {"stride": 2, "padding": 3}),
    (48, 29, (1, 1), (64, 63), {}),
    (40, 31, (3, 3), (65, 129), {"padding": 1}),
    (33, 17, (3, 3), (61, 67), {"padding": 2, "dilation": 2}),
    (32, 40, (3, 3), (97, 9), {"padding": "same", "groups": 2}),
    (24, 24, (3, 3), (31, 37), {"padding": 1, "groups": 24}),
    (300, 20, (3, 3), (19, 300), {"padding": 1, "stride": (1, 2)}),
    (5, 2, (5, 3), (40, 700), {"dilation": (3, 2), "stride": (3, 1), "padding": (6, 0)}),
    (16, 16, (3, 3), (1, 2000), {"padding": 1}),
    (200, 90, (3, 3), (4, 4), {"padding": 1}),
]
LARGE_TRANSPOSED = [
    (40, 24, (2, 2), (33, 47), {"stride": 2}),
    (16, 33, (4, 4), (31, 50), {"stride": 2, "padding": 1}),
    (21, 21, (16, 16), (17, 13), {"stride": 8}),
    (21, 21, (16, 16), (17, 13), {"stride": 8, "padding": 4, "groups": 3}),
    (5, 3, (3, 3), (40, 41), {"stride": 2, "padding": 1, "output_padding": 1}),
    (8, 7, (8, 8), (20, 21), {"stride": 4, "padding": 2}),
    (4, 5, (3, 5), (9, 500), {"stride": (3, 4), "dilation": (2, 3), "padding": (1, 2)}),
    (300, 16, (3, 3), (12, 12), {}),
    (2, 3, (1, 1), (9, 8), {"stride": 11}),
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("algorithm", ["auto", "direct", "winograd"])
@pytest.mark.parametrize("case", LARGE, ids=str)
def test_large_conv2d_within_the_bound(fast_backend, rng, case, algorithm, dtype):
    channels, rows, kernel, size, options = case
    if algorithm == "winograd" and (kernel != (3, 3) or options.get("stride", 1) != 1):
        with pytest.raises(ValueError, match="algorithm='winograd'"):
            segalgo.conv2d(np.zeros((1, channels, *size)), np.zeros((rows, channels, *kernel)), algorithm="winograd", **(options | {"stride": (1, 2), "padding": 0}))  # fmt: skip
        return
    x = rng.standard_normal((2, channels, *size)).astype(dtype)
    weight = rng.standard_normal((rows, channels // options.get("groups", 1), *kernel)).astype(dtype)
    bias = rng.standard_normal(rows).astype(dtype)
    with segalgo.use_backend("reference"):
        expected = segalgo.conv2d(*float64(x, weight, bias), **options)
    got = fast_backend.numpy(segalgo.conv2d(*to(fast_backend, x, weight, bias), **options, algorithm=algorithm))
    assert got.dtype == dtype
    plain = {name: (v, v) if isinstance(v, int) and name != "groups" else v for name, v in options.items()}
    arguments = wing_arguments(x, weight, bias, expected, **plain)
    winograd = kernel == (3, 3) and options.get("stride", 1) == 1 and algorithm != "direct"
    assert_within(got, expected, (winograd_bound if winograd else conv2d_bound)(*arguments))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", LARGE_TRANSPOSED, ids=str)
def test_large_conv_transpose2d_within_the_bound(fast_backend, rng, case, dtype):
    channels, rows, kernel, size, options = case
    groups = options.get("groups", 1)
    x = rng.standard_normal((2, channels, *size)).astype(dtype)
    weight = rng.standard_normal((channels, rows // groups, *kernel)).astype(dtype)
    bias = rng.standard_normal(rows).astype(dtype)
    with segalgo.use_backend("reference"):
        expected = segalgo.conv_transpose2d(*float64(x, weight, bias), **options)
    got = fast_backend.numpy(segalgo.conv_transpose2d(*to(fast_backend, x, weight, bias), **options))
    plain = {name: (v, v) if isinstance(v, int) and name != "groups" else v for name, v in options.items()}
    assert_within(got, expected, conv_transpose2d_bound(*wing_arguments(x, weight, bias, expected, **plain)))


def test_the_bound_is_not_idle(rng):
    """A float32 sum taken in float16 falls out of the bound, and a swapped pair of weights too."""
    x, weight = (
        rng.standard_normal((1, 8, 9, 9)).astype(np.float32),
        rng.standard_normal((4, 8, 3, 3)).astype(np.float32),
    )
    with segalgo.use_backend("reference"):
        expected = segalgo.conv2d(x.astype(float), weight.astype(float))
        rounded = segalgo.conv2d(x, weight).astype(np.float16)
        swapped = segalgo.conv2d(x, weight[::-1])
    for bound in (conv2d_bound, winograd_bound):
        for wrong in (rounded, swapped):
            with pytest.raises(AssertionError, match="at "):
                assert_within(wrong, expected, bound(*wing_arguments(x, weight, None, expected)))


def test_float16_is_rounded_once(backend, rng):
    x, weight = (
        rng.standard_normal((1, 4, 6, 7)).astype(np.float16),
        rng.standard_normal((3, 4, 3, 3)).astype(np.float16),
    )
    bias = rng.standard_normal(3).astype(np.float16)
    with segalgo.use_backend("reference"):
        exact = segalgo.conv2d(*float64(x, weight, bias), padding=1)
        exact_transposed = segalgo.conv_transpose2d(*float64(x, weight.transpose(1, 0, 2, 3), bias), stride=2)
    got = backend.numpy(segalgo.conv2d(*to(backend, x, weight, bias), padding=1))
    assert got.dtype == np.float16
    np.testing.assert_allclose(got, exact, rtol=2**-11 * 1.01, atol=1e-5)
    got = segalgo.conv_transpose2d(*to(backend, x, weight.transpose(1, 0, 2, 3), bias), stride=2)
    np.testing.assert_allclose(backend.numpy(got), exact_transposed, rtol=2**-11 * 1.01, atol=1e-5)
    got = segalgo.prepare_conv2d(*to(backend, weight, bias), padding=1, relu=True)(backend.array(x))
    np.testing.assert_allclose(backend.numpy(got), np.maximum(exact, 0), rtol=2**-11 * 1.01, atol=1e-5)


def test_views_and_read_only_inputs(backend, rng):
    whole = rng.integers(-9, 10, (9, 4, 6, 8)).astype(np.float32)
    whole.flags.writeable = False
    x = whole.transpose(1, 0, 3, 2)[::2, 1:, ::-1, :]
    weight = rng.integers(-9, 10, (3, 3, 8, 6)).astype(np.float32)[..., ::2].transpose(1, 2, 0, 3)
    weight.flags.writeable = False
    before = whole.copy(), weight.copy()
    with segalgo.use_backend("reference"):
        expected = segalgo.conv2d(np.ascontiguousarray(x), np.ascontiguousarray(weight))
        transposed = segalgo.conv_transpose2d(np.ascontiguousarray(x), np.ascontiguousarray(weight.swapaxes(0, 1)))
    np.testing.assert_array_equal(backend.numpy(segalgo.conv2d(backend.array(x), backend.array(weight))), expected)
    got = segalgo.conv_transpose2d(backend.array(x), backend.array(weight.swapaxes(0, 1)))
    np.testing.assert_array_equal(backend.numpy(got), transposed)
    np.testing.assert_array_equal(whole, before[0])
    np.testing.assert_array_equal(weight, before[1])


def test_big_endian(rng):
    x, weight, bias = rng.standard_normal((2, 5, 6)), rng.standard_normal((3, 2, 2, 2)), rng.standard_normal(3)
    got = segalgo.conv2d(x.astype(">f8"), weight.astype(">f8"), bias.astype(">f8"))
    np.testing.assert_array_equal(got, segalgo.conv2d(x, weight, bias))


@pytest.mark.parametrize(
    ("shape", "weight", "expected"),
    [
        ((0, 3, 5, 6), (4, 3, 3, 3), (0, 4, 5, 6)),
        ((2, 3, 5, 6), (0, 3, 3, 3), (2, 0, 5, 6)),
        ((2, 0, 5, 6), (4, 0, 3, 3), (2, 4, 5, 6)),
        ((2, 3, 0, 6), (4, 3, 1, 1), (2, 4, 2, 8)),
        ((0, 5, 6), (4, 0, 3, 3), (4, 5, 6)),
    ],
)
def test_empty(backend, shape, weight, expected):
    x, kernels = backend.array(np.ones(shape, np.float32)), backend.array(np.ones(weight, np.float32))
    bias = backend.array(np.full(weight[0], 7, np.float32))
    got = backend.numpy(segalgo.conv2d(x, kernels, bias, padding=1))
    assert got.shape == expected
    assert got.dtype == np.float32
    if 0 in shape:
        assert (got == 7).all()


@pytest.mark.parametrize(
    ("shape", "weight", "expected"),
    [
        ((0, 3, 5, 6), (3, 4, 3, 3), (0, 4, 11, 13)),
        ((2, 3, 5, 6), (3, 0, 3, 3), (2, 0, 11, 13)),
        ((0, 5, 6), (0, 4, 3, 3), (4, 11, 13)),
    ],
)
def test_empty_transposed(backend, shape, weight, expected):
    x, kernels = backend.array(np.ones(shape, np.float32)), backend.array(np.ones(weight, np.float32))
    got = backend.numpy(segalgo.conv_transpose2d(x, kernels, stride=2))
    assert got.shape == expected
    assert (got == 0).all()


def test_prepared_as_conv2d_batch_norm_and_relu(backend, rng):
    x, weight = rng.standard_normal((2, 16, 9, 11)), rng.standard_normal((18, 16, 3, 3))
    bias, mean, gamma, beta = rng.standard_normal((4, 18))
    var = rng.random(18) + 0.1
    with segalgo.use_backend("reference"):
        sums = segalgo.conv2d(x, weight, bias, padding=1)
    normalized = (sums - mean[:, None, None]) / np.sqrt(var + 1e-5)[:, None, None]
    expected = np.maximum(normalized * gamma[:, None, None] + beta[:, None, None], 0)
    arrays = to(backend, mean, var, gamma, beta)
    for algorithm in ("auto", "direct", "winograd"):
        layer = segalgo.prepare_conv2d(
            *to(backend, weight, bias), padding=1, batch_norm=(*arrays, 1e-5), relu=True, algorithm=algorithm
        )
        np.testing.assert_allclose(backend.numpy(layer(backend.array(x))), expected, rtol=1e-9, atol=1e-9)
        one = backend.numpy(layer(backend.array(x[0, :, :3, :2])))
        assert one.shape == (18, 3, 2)
    plain = segalgo.prepare_conv2d(backend.array(weight), padding=1, batch_norm=(*arrays[:2], None, None, 0.0))
    with segalgo.use_backend("reference"):
        expected = (segalgo.conv2d(x, weight, padding=1) - mean[:, None, None]) / np.sqrt(var)[:, None, None]
    np.testing.assert_allclose(backend.numpy(plain(backend.array(x))), expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("algorithm", ["direct", "winograd"])
def test_relu_keeps_nan(backend, algorithm):
    x = np.zeros((1, 20, 20), np.float32)
    x[0, 0, 0] = np.nan
    layer = segalgo.prepare_conv2d(backend.array(-np.ones((1, 1, 3, 3), np.float32)), relu=True, algorithm=algorithm)
    output = backend.numpy(layer(backend.array(x)))
    assert np.isnan(output[0, 0, 0])
    assert (output[0, 8:] == 0).all()


def test_same_bits_for_one_and_two_threads(rng):
    import threadpoolctl

    x = rng.standard_normal((1, 32, 70, 75)).astype(np.float32)
    weight = rng.standard_normal((32, 32, 3, 3)).astype(np.float32)
    results = []
    for threads in (1, 2):
        with threadpoolctl.threadpool_limits(threads):
            results.append(
                [
                    segalgo.conv2d(x, weight, padding=1, algorithm="direct"),
                    segalgo.conv2d(x, weight, padding=1, algorithm="winograd"),
                    segalgo.conv2d(x, weight, padding=1, stride=2),
                    segalgo.conv_transpose2d(x, weight, stride=2, padding=1),
                ]
            )
    for one, two in zip(*results, strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("algorithm", ["direct", "winograd"])
def test_scratch_does_not_grow_with_the_picture(algorithm):
    weight = np.ones((16, 16, 3, 3), np.float32)
    peaks = []
    for size in (256, 1024):
        x = np.zeros((1, 16, size, size), np.float32)
        segalgo.conv2d(x, weight, algorithm=algorithm)
        tracemalloc.start()
        output = segalgo.conv2d(x, weight, algorithm=algorithm)
        peaks.append(tracemalloc.get_traced_memory()[1] - output.nbytes)
        tracemalloc.stop()
    assert max(peaks) < 64 * 2**20
    assert peaks[1] < 2 * peaks[0] + 2**20


def test_scratch_with_many_threads_and_large_weights():
    import threadpoolctl

    x, weight = np.zeros((1, 512, 64, 64), np.float32), np.zeros((512, 512, 3, 3), np.float32)
    with threadpoolctl.threadpool_limits(32):
        tracemalloc.start()
        output = segalgo.conv2d(x, weight, padding=1, algorithm="winograd")
        peak = tracemalloc.get_traced_memory()[1] - output.nbytes
        tracemalloc.stop()
    assert 4 * weight.nbytes < peak < 64 * 2**20


def test_bilinear_weight(backend):
    weight = segalgo.bilinear_weight(2, 4)
    assert weight.shape == (2, 1, 4, 4)
    assert weight.dtype == np.float32
    np.testing.assert_array_equal(weight[1, 0, 1], np.array([0.25, 0.75, 0.75, 0.25], np.float32) * 0.75)
    assert segalgo.bilinear_weight(1, 3, dtype=np.float64)[0, 0].tolist() == [
        [0.25, 0.5, 0.25],
        [0.5, 1, 0.5],
        [0.25, 0.5, 0.25],
    ]
    # A plane in i and j stays that plane away from the border: bilinear interpolation, half-pixel centres.
    for factor in (2, 3, 4, 8):
        size = 2 * factor - factor % 2
        i, j = np.mgrid[:7, :6]
        x = np.stack([i + 10.0 * j, -j])
        kernels = segalgo.bilinear_weight(2, size, factor, np.float64)
        padding = (size - factor) // 2
        got = segalgo.conv_transpose2d(*to(backend, x, kernels), None, factor, padding, groups=2)
        row, column = ((np.arange(n * factor) + 0.5) / factor - 0.5 for n in (7, 6))
        inside = np.s_[factor:-factor, factor:-factor]
        expected = (row[:, None] + 10 * column)[inside]
        np.testing.assert_allclose(backend.numpy(got)[0][inside], expected, atol=1e-12)


X, W = np.zeros((1, 4, 5, 6), np.float32), np.zeros((6, 2, 3, 3), np.float32)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: segalgo.conv2d(X[0, 0], W), ValueError, r"input has shape \(5, 6\)"),
        (lambda: segalgo.conv2d(X.astype(int), W), TypeError, "input has dtype int64"),
        (lambda: segalgo.conv2d(X, W.astype(int)), TypeError, "weight has dtype int64"),
        (lambda: segalgo.conv2d(X, W.astype(float), groups=2), TypeError, "weight has dtype float64: expected float32"),
        (lambda: segalgo.conv2d(X, W[0], groups=2), ValueError, r"weight has shape \(2, 3, 3\): expected four axes"),
        (lambda: segalgo.conv2d(X, W[..., :0], groups=2), ValueError, "kernel of at least 1 x 1"),
        (lambda: segalgo.conv2d(X, W), ValueError, r"weight has shape \(6, 2, 3, 3\): expected \(K, 4, kh, kw\)"),
        (lambda: segalgo.conv2d(X, W, groups=3), ValueError, "groups=3: expected a divisor of 4"),
        (lambda: segalgo.conv2d(X, W[:5], groups=2), ValueError, "groups=2: expected a divisor of 4.*and of 5"),
        (lambda: segalgo.conv2d(X, W, groups=0), ValueError, "groups=0"),
        (lambda: segalgo.conv2d(X, W, groups=(2, 2)), TypeError, "groups"),
        (lambda: segalgo.conv2d(X, W, np.zeros(5, np.float32), groups=2), ValueError, r"bias has shape \(5,\)"),
        (lambda: segalgo.conv2d(X, W, np.zeros(6), groups=2), TypeError, "bias has dtype float64"),
        (lambda: segalgo.conv2d(X, W, stride=-1, groups=2), ValueError, "stride=-1"),
        (lambda: segalgo.conv2d(X, W, stride=0, groups=2), ValueError, "stride=0"),
        (lambda: segalgo.conv2d(X, W, stride=1.5, groups=2), TypeError, "stride=1.5"),
        (lambda: segalgo.conv2d(X, W, padding=-1, groups=2), ValueError, "padding=-1"),
        (lambda: segalgo.conv2d(X, W, padding="full", groups=2), ValueError, "padding='full'"),
        (lambda: segalgo.conv2d(X, W, padding="same", stride=2, groups=2), ValueError, "padding='same' with stride"),
        (lambda: segalgo.conv2d(X, W, dilation=3, groups=2), ValueError, "kernel of extent 7 along H.*at most 5"),
        (lambda: segalgo.conv2d(X, W, groups=2, algorithm="fft"), ValueError, "algorithm='fft'"),
        (lambda: segalgo.conv2d(X, W, groups=2, stride=2, algorithm="winograd"), ValueError, "algorithm='winograd'"),
        (lambda: segalgo.conv_transpose2d(X, W), ValueError, r"weight has shape \(6, 2, 3, 3\)"),
        (lambda: segalgo.conv_transpose2d(X, W[:4], groups=3), ValueError, "groups=3"),
        (
            lambda: segalgo.conv_transpose2d(X, W[:4], stride=2, output_padding=2),
            ValueError,
            "output_padding=2 along H",
        ),
        (lambda: segalgo.conv_transpose2d(X, W[:4], padding=4), ValueError, "padding=4 along H leaves"),
        (lambda: segalgo.conv_transpose2d(X[:, :, :0], W[:4]), ValueError, "input has size 0 along H"),
        (lambda: segalgo.conv_transpose2d(X, W[:4], stride=0), ValueError, "stride=0"),
        (lambda: segalgo.conv_transpose2d(X.astype(int), W[:4]), TypeError, "input has dtype int64"),
        (lambda: segalgo.conv_transpose2d(X, W[:4], np.zeros(3, np.float32)), ValueError, "bias has shape"),
        (lambda: segalgo.prepare_conv2d(W, groups=4), ValueError, "groups=4"),
        (lambda: segalgo.prepare_conv2d(W, padding="some"), ValueError, "padding='some'"),
        (lambda: segalgo.prepare_conv2d(W, algorithm="fast"), ValueError, "algorithm='fast'"),
        (lambda: segalgo.prepare_conv2d(W, batch_norm=(1, 2)), ValueError, "batch_norm has 2 entries"),
        (lambda: segalgo.prepare_conv2d(W, batch_norm=([1], W[:, 0, 0, 0], None, None, 0)), ValueError, "running_mean"),
        (lambda: segalgo.prepare_conv2d(W)(X), ValueError, r"weight has shape .* expected \(K, 4, kh, kw\)"),
        (lambda: segalgo.prepare_conv2d(W, groups=2)(X.astype(float)), TypeError, "input has dtype float64"),
        (lambda: segalgo.bilinear_weight(0, 4), ValueError, "channels=0"),
        (lambda: segalgo.bilinear_weight(1, 0), ValueError, "kernel_size=0"),
        (lambda: segalgo.bilinear_weight(1, 4, dtype=int), TypeError, "dtype=int64"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.peers
@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@settings(max_examples=3000)
@given(case=conv2d_cases(most=20))
def test_conv2d_as_torch(case):
    import torch

    x, weight, bias, options = case
    tensors = [None if a is None else torch.from_numpy(a) for a in (x, weight, bias)]
    expected = torch.nn.functional.conv2d(*tensors, **options).numpy()
    np.testing.assert_array_equal(segalgo.conv2d(x, weight, bias, **options, algorithm="direct"), expected, strict=True)


@pytest.mark.peers
@settings(max_examples=3000)
@given(case=conv_transpose2d_cases(most=12))
def test_conv_transpose2d_as_torch(case):
    import torch

    x, weight, bias, options = case
    tensors = [None if a is None else torch.from_numpy(a) for a in (x, weight, bias)]
    expected = torch.nn.functional.conv_transpose2d(*tensors, **options).numpy()
    np.testing.assert_array_equal(segalgo.conv_transpose2d(x, weight, bias, **options), expected, strict=True)


@pytest.mark.peers
@settings(max_examples=1000)
@given(
    sizes=st.tuples(st.integers(1, 2), st.integers(1, 3), st.integers(1, 6), st.integers(1, 6)),
    kernel=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    stride=pairs,
    padding=borders,
    dilation=pairs,
    extra=borders,
)
def test_where_torch_has_a_shape_so_do_we(sizes, kernel, stride, padding, dilation, extra):
    """Sizes at the edge of what fits: the same shape, or an error from both."""
    import torch

    x, weight = torch.zeros(sizes), torch.zeros((sizes[1], 2, *kernel))
    calls = [
        (
            lambda: torch.nn.functional.conv2d(x, weight.transpose(0, 1), None, stride, padding, dilation),
            lambda: segalgo.conv2d(x.numpy(), weight.transpose(0, 1).numpy(), None, stride, padding, dilation),
        ),
        (
            lambda: torch.nn.functional.conv_transpose2d(x, weight, None, stride, padding, extra, 1, dilation),
            lambda: segalgo.conv_transpose2d(x.numpy(), weight.numpy(), None, stride, padding, extra, 1, dilation),
        ),
    ]
    for theirs, ours in calls:
        try:
            expected = tuple(theirs().shape)
        except RuntimeError:
            with contextlib.suppress(ValueError):
                assert ours().size == 0
            continue
        if 0 in expected[2:]:
            # PyTorch refuses an output of size 0 or not, by the library that it picks; here it is always refused.
            with pytest.raises(ValueError, match="leaves an output of size 0"):
                ours()
            continue
        assert ours().shape == expected


def test_transposed_sizes_are_those_of_the_size_rule(backend):
    """Padding that leaves nothing is refused by both, as PyTorch does."""
    x, w = backend.array(np.zeros((1, 1, 1, 1))), backend.array(np.zeros((1, 1, 2, 2)))
    for call in (
        lambda: segalgo.conv_transpose2d(x, w, padding=1),
        lambda: segalgo.output_size("conv_transpose2d", (1, 1), kernel_size=2, padding=1),
    ):
        with pytest.raises(ValueError, match="padding=1 along H leaves an output of size 0: expected at least 1"):
            call()


@pytest.mark.parametrize(
    ("input_size", "kernel", "arguments", "size"),
    [
        ((1, 1), (2, 2), {"stride": 4096}, (2, 2)),
        ((1, 1), (1, 1), {"stride": 2**20}, (1, 1)),
        ((2, 1), (1, 1), {"stride": (2**12, 2**30)}, (4097, 1)),
        ((2, 2), (2, 3), {"stride": (2**20, 5), "padding": (2**19, 2)}, (2, 4)),
        ((2, 3), (2, 2), {"dilation": (4000, 1), "stride": (3, 2)}, (4004, 6)),
        ((1, 2), (3, 2), {"dilation": (2**16, 2), "padding": (2**16, 0)}, (1, 4)),
        ((3, 2), (2, 2), {"stride": (7, 11), "output_padding": (5, 9)}, (21, 22)),
    ],
)
def test_transposed_costs_what_input_kernel_and_output_cost(backend, rng, input_size, kernel, arguments, size):
    """Strides and dilations far larger than the kernel: time and memory do not follow their square."""
    import time

    x, w = rng.standard_normal((1, 2, *input_size)), rng.standard_normal((2, 3, *kernel))
    bias = rng.standard_normal(3)
    start = time.perf_counter()
    got = backend.numpy(segalgo.conv_transpose2d(*map(backend.array, (x, w, bias)), **arguments))
    assert time.perf_counter() - start < 20  # the simulated device compiles its kernel first
    assert got.shape == (1, 3, *size)
    expected = np.zeros((3, *size)) + bias[:, None, None]
    (sh, sw), (ph, pw), (dh, dw) = (
        np.broadcast_to(arguments.get(name, default), 2)
        for name, default in (("stride", 1), ("padding", 0), ("dilation", 1))
    )
    for i, j, u, v in np.ndindex(*input_size, *kernel):
        row, column = i * sh + u * dh - ph, j * sw + v * dw - pw
        if 0 <= row < size[0] and 0 <= column < size[1]:
            expected[:, row, column] += x[0, :, i, j] @ w[:, :, u, v]
    np.testing.assert_allclose(got[0], expected, rtol=1e-12, atol=1e-12)


def test_convolution_of_windows_far_apart(fast_backend, rng):
    """A dilation as large as the picture: by rows, as fast as its few products."""
    x, w = rng.standard_normal((1, 2, 2001, 300)), rng.standard_normal((1, 2, 3, 2))
    got = fast_backend.numpy(segalgo.conv2d(*map(fast_backend.array, (x, w)), dilation=(900, 290), padding=(0, 7)))
    padded = np.pad(x[0], ((0, 0), (0, 0), (7, 7)))
    expected = sum(
        np.tensordot(w[0, :, u, v], padded[:, u * 900 : u * 900 + 201, v * 290 : v * 290 + 24], 1)
        for u in range(3)
        for v in range(2)
    )
    np.testing.assert_allclose(got[0, 0], expected, rtol=1e-12, atol=1e-12)
