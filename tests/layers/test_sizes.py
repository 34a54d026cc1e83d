"""The shape calculator: against counting, against the layers themselves, and there and back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import segalgo

WINDOW = {
    "kernel_size": st.integers(1, 5),
    "stride": st.integers(1, 4),
    "padding": st.integers(0, 3),
    "dilation": st.integers(1, 3),
}


def drawn(*names, **more):
    return st.fixed_dictionaries({name: WINDOW[name] for name in names} | more)


PARAMETERS = st.one_of(
    st.tuples(st.just("conv2d"), drawn("kernel_size", "stride", "padding", "dilation")),
    st.tuples(st.just("conv_transpose2d"), drawn("kernel_size", "stride", "padding", "dilation")),
    st.tuples(st.just("max_pool2d"), drawn("kernel_size", "stride", "padding", "dilation", ceil_mode=st.booleans())),
    st.tuples(st.just("avg_pool2d"), drawn("kernel_size", "stride", "padding", ceil_mode=st.booleans())),
    st.tuples(st.just("max_unpool2d"), drawn("kernel_size", "stride", "padding")),
    st.tuples(st.just("interpolate"), st.fixed_dictionaries({"scale_factor": st.floats(0.1, 5)})),
)


@given(case=PARAMETERS, wanted=st.integers(1, 12))
def test_input_sizes_are_all_and_only_those(case, wanted):
    operation, parameters = case
    try:
        heights, widths = segalgo.input_sizes(operation, (wanted, wanted), **parameters)
    except ValueError:
        assert parameters["padding"] > (parameters["kernel_size"] - 1) * parameters.get("dilation", 1) // 2
        return
    assert heights == widths
    found = []
    for n in range(1, 140):
        try:
            size = segalgo.output_size(operation, (n, n), **parameters)
        except ValueError:
            continue
        if size == (wanted, wanted):
            found.append(n)
    assert found == [n for n in heights if n < 140]


@given(n=st.integers(1, 20), window=drawn("kernel_size", "stride", "padding", "dilation"))
def test_convolution_counts_windows(n, window):
    k, s, p, d = window["kernel_size"], window["stride"], window["padding"], window["dilation"]
    count = sum(1 for start in range(-p, n + p, s) if start + d * (k - 1) < n + p)
    if count == 0:
        with pytest.raises(ValueError, match="kernel of extent"):
            segalgo.output_size("conv2d", (n, n), **window)
        return
    assert segalgo.output_size("conv2d", (n, n), **window) == (count, count)
    # A transposed convolution of that output can return to the input's size.
    extra = (n + 2 * p - d * (k - 1) - 1) % s
    if extra < max(s, d):
        back = segalgo.output_size("conv_transpose2d", (count, count), **window, output_padding=extra)
        assert back == (n, n)


@given(
    n=st.integers(1, 12), k=st.integers(1, 4), s=st.integers(1, 4), d=st.integers(1, 9), p=st.integers(0, 12),
    ceil_mode=st.booleans(),
)  # fmt: skip
def test_pooling_refuses_windows_without_a_cell(n, k, s, d, p, ceil_mode):
    window = {"kernel_size": k, "stride": s, "padding": p, "dilation": d, "ceil_mode": ceil_mode}
    try:
        size, _ = segalgo.output_size("max_pool2d", (n, n), **window)
    except ValueError as error:
        if "wholly in the padding" not in str(error):
            return
        size = None
    count = (n + 2 * p - d * (k - 1) - 1 + (s - 1) * ceil_mode) // s + 1
    count -= ceil_mode and (count - 1) * s >= n + p
    inside = [any(0 <= i * s - p + u * d < n for u in range(k)) for i in range(count)]
    assert (size == count) == all(inside)


def test_huge_numbers_are_answered_at_once():
    with pytest.raises(ValueError, match="wholly in the padding"):
        segalgo.output_size("max_pool2d", (2**30, 5), kernel_size=2, dilation=2**31 - 1, padding=(2**30, 0))


def test_pairs_same_and_the_layers(rng):
    assert segalgo.output_size("conv2d", (5, 9), kernel_size=(3, 1), stride=(2, 1), padding=(1, 0)) == (3, 9)
    assert segalgo.output_size("conv2d", (5, 9), kernel_size=4, padding="same") == (5, 9)
    assert segalgo.output_size("conv2d", (5, 9), kernel_size=4, padding="valid") == (2, 6)
    assert segalgo.output_size("interpolate", (5, 9), size=(2, 3)) == (2, 3)
    assert segalgo.output_size("adaptive_avg_pool2d", (5, 9), output_size=(None, 3)) == (5, 3)
    assert segalgo.output_size("max_unpool2d", (5, 9), kernel_size=3, stride=1, dilation=2) == (9, 13)
    x = rng.standard_normal((1, 1, 11, 14))
    parameters = {"kernel_size": 3, "stride": 2, "padding": 1, "ceil_mode": True}
    pooled = segalgo.max_pool2d(x, **parameters)
    assert segalgo.output_size("max_pool2d", (11, 14), **parameters) == pooled.shape[2:]
    assert segalgo.output_size("avg_pool2d", (11, 14), **parameters) == segalgo.avg_pool2d(x, **parameters).shape[2:]
    got = segalgo.interpolate(x, scale_factor=0.7).shape[2:]
    assert segalgo.output_size("interpolate", (11, 14), scale_factor=0.7) == got
    heights, widths = segalgo.input_sizes("max_pool2d", pooled.shape[2:], **parameters)
    assert 11 in heights
    assert 14 in widths


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: segalgo.output_size("conv3d", (1, 1)), ValueError, "operation='conv3d'"),
        (lambda: segalgo.output_size("conv2d", (1, 1)), TypeError, "conv2d without kernel_size"),
        (lambda: segalgo.output_size("conv2d", (4, 4), kernel_size=2, ceil_mode=True), TypeError, "'ceil_mode'"),
        (lambda: segalgo.output_size("conv2d", (4, 4), kernel_size=2, stride=0), ValueError, "stride=0 along H"),
        (lambda: segalgo.output_size("conv2d", (4, 4), kernel_size=(2, 5)), ValueError, "extent 5 along W"),
        (lambda: segalgo.output_size("conv2d", (4, 4, 4), kernel_size=2), ValueError, "input_size"),
        (lambda: segalgo.output_size("conv2d", (4, 4), kernel_size=2.5), TypeError, "kernel_size=2.5"),
        (
            lambda: segalgo.output_size("conv2d", (4, 4), kernel_size=2, stride=2, padding="same"),
            ValueError,
            "padding='same'",
        ),
        (
            lambda: segalgo.output_size("conv_transpose2d", (4, 4), kernel_size=2, output_padding=1),
            ValueError,
            "output_padding=1",
        ),
        (lambda: segalgo.output_size("interpolate", (4, 4)), ValueError, "size=None and scale_factor=None"),
        (lambda: segalgo.output_size("interpolate", (4, 4), scale_factor=0.1), ValueError, "to 0"),
        (lambda: segalgo.output_size("interpolate", (4, 4), scale_factor=np.nan), ValueError, "scale_factor"),
        (
            lambda: segalgo.output_size("conv2d", (4, 4), kernel_size=2, dilation=2**70),
            ValueError,
            "dilation=.*along H",
        ),
        (lambda: segalgo.output_size("conv2d", (4, 4), kernel_size=2, stride=2**62), ValueError, "stride=.*at most"),
        (lambda: segalgo.output_size("interpolate", (4, 4), scale_factor=1e300), ValueError, "scale_factor=1e"),
        (lambda: segalgo.output_size("interpolate", (4, 4), scale_factor="2"), TypeError, "scale_factor='2'"),
        (lambda: segalgo.output_size("max_pool2d", (4, 4), kernel_size=2, ceil_mode="no"), TypeError, "ceil_mode='no'"),
        (lambda: segalgo.output_size("conv2d", None, kernel_size=2), TypeError, "input_size=None"),
        (lambda: segalgo.output_size("conv2d", (4, 4), kernel_size=(2, 2, 2)), ValueError, r"kernel_size=\(2, 2, 2\)"),
        (lambda: segalgo.output_size(None, (4, 4)), ValueError, "operation=None"),
        (lambda: segalgo.input_sizes("adaptive_avg_pool2d", (4, 4)), ValueError, "every input size"),
        (lambda: segalgo.input_sizes("interpolate", (4, 4), size=4), ValueError, "every input size"),
        (lambda: segalgo.input_sizes("conv2d", (4,), kernel_size=1), ValueError, "output_size"),
    ],
)
def test_errors_name_the_argument(call, error, message):
    with pytest.raises(error, match=message):
        call()
