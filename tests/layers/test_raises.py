"""Every error that a layer's docstring promises is raised by a call here, and each has a case for every reason it names."""

import inspect

import numpy as np
import pytest
from promised_errors import promised_errors

import segalgo

X = np.ones((1, 4, 6, 6), np.float32)
INTEGERS = X.astype(np.int64)
VECTOR = np.ones(4, np.float32)
WEIGHT = np.ones((4, 4, 3, 3), np.float32)
MATRIX = np.ones((2, 6), np.float32)
INDICES = np.zeros((1, 4, 3, 3), np.int64)
POOLED = X[..., :3, :3]
# A function of single elements refuses one thing only.
OF_FLOATS = {TypeError: [lambda f: f(INTEGERS)]}

CASES = {
    "relu": OF_FLOATS,
    "relu6": OF_FLOATS,
    "hardsigmoid": OF_FLOATS,
    "hardswish": OF_FLOATS,
    "sigmoid": OF_FLOATS,
    "leaky_relu": {
        TypeError: [lambda f: f(INTEGERS), lambda f: f(X, "steep")],
        ValueError: [lambda f: f(X, 10**400)],
    },
    "prelu": {
        TypeError: [lambda f: f(INTEGERS, VECTOR), lambda f: f(X, VECTOR.astype(float))],
        ValueError: [lambda f: f(X, VECTOR[:3])],
    },
    "gelu": {TypeError: [lambda f: f(INTEGERS)], ValueError: [lambda f: f(X, "sine")]},
    "softmax": {
        TypeError: [lambda f: f(INTEGERS, 1), lambda f: f(X, 1.0)],
        ValueError: [lambda f: f(X, 4), lambda f: f(X)],
    },
    "log_softmax": {
        TypeError: [lambda f: f(INTEGERS, 1), lambda f: f(X, 1.0)],
        ValueError: [lambda f: f(X, -5), lambda f: f(X)],
    },
    "scaled_dot_product_attention": {
        TypeError: [
            lambda f: f(INTEGERS, X, X),
            lambda f: f(X, X.astype(float), X),
            lambda f: f(X, X, INTEGERS),
            lambda f: f(X, X, X, "yes"),
            lambda f: f(X, X, X, scale="small"),
        ],
        ValueError: [lambda f: f(X, X[..., :3], X), lambda f: f(X, X, X[:, :2]), lambda f: f(VECTOR, X, X)],
    },
    "max_pool2d": {
        TypeError: [lambda f: f(X > 0, 2), lambda f: f(X, 2.0), lambda f: f(X, 2, ceil_mode="no")],
        ValueError: [lambda f: f(X[0, 0], 2), lambda f: f(X, 7), lambda f: f(X, 2, 0)],
    },
    "max_unpool2d": {
        TypeError: [
            lambda f: f(INTEGERS[..., :3, :3], INDICES, 2),
            lambda f: f(POOLED, POOLED, 2),
            lambda f: f(POOLED, INDICES, 2.5),
        ],
        ValueError: [
            lambda f: f(POOLED, INDICES[:, :2], 2),
            lambda f: f(POOLED, INDICES + 36, 2),
            lambda f: f(POOLED, INDICES, 2, on_duplicate="raise"),
        ],
    },
    "avg_pool2d": {
        TypeError: [lambda f: f(INTEGERS, 2), lambda f: f(X, 2.0), lambda f: f(X, 2, count_include_pad="no")],
        ValueError: [lambda f: f(X[0, 0], 2), lambda f: f(X, 7), lambda f: f(X, 2, divisor_override=0)],
    },
    "adaptive_avg_pool2d": {
        TypeError: [lambda f: f(INTEGERS, 2), lambda f: f(X, 2.0)],
        ValueError: [lambda f: f(X[0, 0], 2), lambda f: f(X, -1)],
    },
    "conv2d": {
        TypeError: [
            lambda f: f(INTEGERS, WEIGHT),
            lambda f: f(X, WEIGHT.astype(float)),
            lambda f: f(X, WEIGHT, None, 1.5),
        ],
        ValueError: [lambda f: f(X[0, 0], WEIGHT), lambda f: f(X, WEIGHT, dilation=3)],
    },
    "conv_transpose2d": {
        TypeError: [
            lambda f: f(INTEGERS, WEIGHT),
            lambda f: f(X, WEIGHT.astype(float)),
            lambda f: f(X, WEIGHT, None, 1.5),
        ],
        ValueError: [lambda f: f(X[:, :2], WEIGHT), lambda f: f(X, WEIGHT, padding=4)],
    },
    "prepare_conv2d": {
        TypeError: [lambda f: f(WEIGHT.astype(int)), lambda f: f(WEIGHT, relu="yes")],
        ValueError: [lambda f: f(WEIGHT[0]), lambda f: f(WEIGHT, groups=3), lambda f: f(WEIGHT, algorithm="fast")],
    },
    "bilinear_weight": {
        TypeError: [lambda f: f(1, 2.5), lambda f: f(1, 2, dtype=int)],
        ValueError: [lambda f: f(0, 2), lambda f: f(1, 0)],
    },
    "linear": {
        TypeError: [lambda f: f(INTEGERS, MATRIX), lambda f: f(X, MATRIX.astype(float))],
        ValueError: [lambda f: f(X, MATRIX[:, :5]), lambda f: f(X, MATRIX, MATRIX)],
    },
    "plane_to_tensor_indices": {
        TypeError: [lambda f: f(X, (6, 6))],
        ValueError: [lambda f: f(INDICES + 36, (6, 6)), lambda f: f(INDICES, (2**31 - 1, 2**31 - 1))],
    },
    "tensor_to_plane_indices": {
        TypeError: [lambda f: f(X, (6, 6))],
        ValueError: [lambda f: f(INDICES, (6, 6))],  # all four planes name cell 0 of the first
    },
    "interpolate": {
        TypeError: [
            lambda f: f(INTEGERS, 3),
            lambda f: f(X, "three"),
            lambda f: f(X, 3, mode="bilinear", antialias="yes"),
        ],
        ValueError: [lambda f: f(X[0], 3), lambda f: f(X, 0), lambda f: f(X, 3, mode="cubic")],
    },
    "pad": {
        TypeError: [lambda f: f(INTEGERS, (1, 1)), lambda f: f(X, (1, 1.5)), lambda f: f(X, (1, 1), value="x")],
        ValueError: [lambda f: f(X, (1, 1, 1)), lambda f: f(X, (-7, 0)), lambda f: f(X, (1, 1), "mirror")],
    },
    "batch_norm": {
        TypeError: [
            lambda f: f(INTEGERS, VECTOR, VECTOR),
            lambda f: f(X, VECTOR, VECTOR, eps="small"),
            lambda f: f(X, VECTOR, VECTOR, momentum="slow"),
        ],
        ValueError: [lambda f: f(X, VECTOR[:3], VECTOR), lambda f: f(X, VECTOR, VECTOR, training=True)],
    },
    "layer_norm": {
        TypeError: [lambda f: f(INTEGERS, 6), lambda f: f(X, 6.0), lambda f: f(X, 6, eps=None)],
        ValueError: [lambda f: f(X, 5)],
    },
    "group_norm": {
        TypeError: [lambda f: f(INTEGERS, 2), lambda f: f(X, 2.0), lambda f: f(X, 2, eps=None)],
        ValueError: [lambda f: f(X[0, 0, 0], 2), lambda f: f(X, 3)],
    },
    "local_response_norm": {
        TypeError: [lambda f: f(INTEGERS, 3), lambda f: f(X, 3.0), lambda f: f(X, 3, alpha="a")],
        ValueError: [lambda f: f(X[0, 0], 3), lambda f: f(X, 0)],
    },
    "output_size": {
        TypeError: [
            lambda f: f("conv2d", (6, 6), kernel_size=3, ceil_mode=True),
            lambda f: f("conv2d", (6, 6), kernel_size="three"),
        ],
        ValueError: [
            lambda f: f("conv2d", (6, 6), kernel_size=7),
            lambda f: f("conv2d", (6, 6), kernel_size=3, stride=0),
            lambda f: f("conv2d", (6, 6), kernel_size=3, dilation=2**31),
        ],
    },
    "input_sizes": {
        TypeError: [lambda f: f("conv2d", (6, 6), kernel_size="three")],
        ValueError: [
            lambda f: f("conv2d", (6, 6), kernel_size=3, stride=0),
            lambda f: f("interpolate", (6, 6), size=6),
            lambda f: f("adaptive_avg_pool2d", (6, 6)),
        ],
    },
}


def layers():
    return sorted(
        name
        for name in segalgo.__all__
        if inspect.isfunction(getattr(segalgo, name))
        and getattr(segalgo, name).__module__.startswith("segalgo.layers.")
    )


@pytest.mark.parametrize("name", layers())
def test_what_is_promised_is_raised(name):
    assert promised_errors(getattr(segalgo, name)) == {error.__name__ for error in CASES[name]}
    for error, calls in CASES[name].items():
        for call in calls:
            with pytest.raises(error):
                call(getattr(segalgo, name))
