"""Every argument of every layer, given what it cannot be: a TypeError or ValueError that names the argument."""

import inspect

import numpy as np
import pytest
from numpy.random import default_rng
from wrong_arguments import WRONG, faults_of

import segalgo

X = default_rng(0).standard_normal((1, 4, 6, 6)).astype(np.float32)
VECTOR = np.ones(4, np.float32)
WEIGHT = np.ones((4, 4, 3, 3), np.float32)
INDICES = np.zeros((1, 4, 3, 3), np.int64)

# What each layer needs to be called at all.
CALLS = {
    "relu": {"input": X},
    "leaky_relu": {"input": X, "negative_slope": 0.1},
    "prelu": {"input": X, "weight": VECTOR},
    "relu6": {"input": X},
    "hardsigmoid": {"input": X},
    "hardswish": {"input": X},
    "sigmoid": {"input": X},
    "gelu": {"input": X, "approximate": "none"},
    "softmax": {"input": X, "axis": 1},
    "log_softmax": {"input": X, "axis": 1},
    "scaled_dot_product_attention": {"query": X, "key": X, "value": X, "scale": 1.0},
    "max_pool2d": {"input": X, "kernel_size": 2},
    "max_unpool2d": {"input": X[..., :3, :3], "indices": INDICES, "kernel_size": 2},
    "avg_pool2d": {"input": X, "kernel_size": 2},
    "adaptive_avg_pool2d": {"input": X, "output_size": 2},
    "conv2d": {"input": X, "weight": WEIGHT},
    "conv_transpose2d": {"input": X, "weight": WEIGHT},
    "prepare_conv2d": {"weight": WEIGHT},
    "bilinear_weight": {"channels": 1, "kernel_size": 4},
    "linear": {"input": X, "weight": np.ones((2, 6), np.float32)},
    "plane_to_tensor_indices": {"indices": INDICES, "plane_size": (6, 6)},
    "tensor_to_plane_indices": {"indices": INDICES[:, :1], "plane_size": (6, 6)},
    "interpolate": {"input": X, "size": (3, 3), "mode": "bilinear"},
    "pad": {"input": X, "pad": (1, 1)},
    "batch_norm": {"input": X, "running_mean": VECTOR, "running_var": VECTOR},
    "layer_norm": {"input": X, "normalized_shape": 6},
    "group_norm": {"input": X, "num_groups": 2},
    "local_response_norm": {"input": X, "size": 3},
    "output_size": {"operation": "conv2d", "input_size": (6, 6), "kernel_size": 3},
    "input_sizes": {"operation": "conv2d", "output_size": (6, 6), "kernel_size": 3},
}

# What is right for an argument after all: a word that is one of its choices, a number that a float parameter takes.
FLOATS = {"negative_slope", "eps", "momentum", "alpha", "beta", "k", "value", "scale_factor", "scale"}
RIGHT = {("an integer beyond 64 bits", name) for name in FLOATS}
RIGHT |= {("a negative integer beyond 64 bits", name) for name in FLOATS}
RIGHT |= {("a list of integers beyond 64 bits", "scale_factor")}
RIGHT |= {("an array of objects", "output_size")}  # None keeps a size of the input in adaptive pooling


def arguments():
    """List each argument of each layer."""
    found = []
    for name in CALLS:
        for parameter in inspect.signature(getattr(segalgo, name)).parameters.values():
            if parameter.kind is not parameter.VAR_KEYWORD:
                found.append(pytest.param(name, parameter.name, id=f"{name}-{parameter.name}"))
            else:
                for other in ("kernel_size", "stride", "padding", "dilation"):
                    found.append(pytest.param(name, other, id=f"{name}-{other}"))
    return found


def test_every_layer_is_here():
    layers = {
        name
        for name in segalgo.__all__
        if inspect.isfunction(getattr(segalgo, name, None))
        and getattr(segalgo, name).__module__.startswith("segalgo.layers.")
    }
    assert layers == set(CALLS)


@pytest.mark.parametrize(("layer", "argument"), arguments())
def test_what_an_argument_cannot_be_is_refused_by_its_name(layer, argument):
    call = dict(CALLS[layer])
    if argument == "dim":
        del call["axis"]
    if argument == "scale_factor":
        del call["size"]
    right = {kind for kind in WRONG if (kind, argument) in RIGHT}
    faults = faults_of(getattr(segalgo, layer), call, argument, right)
    assert not faults, "\n".join(faults)


SIZES = {
    "kernel_size", "stride", "padding", "dilation", "output_padding", "groups", "num_groups", "size", "pad", "output_size",
    "channels", "plane_size", "axis", "dim", "normalized_shape", "input_size",
}  # fmt: skip


@pytest.mark.parametrize(("layer", "argument"), [p for p in arguments() if p.values[1] in SIZES])
@pytest.mark.parametrize(
    "value", [2**62, 2**31, -(2**62), -(2**31), 2**63, True, 1.0, np.float64(2), np.array([2.5, 2.5])]
)
def test_sizes_beyond_the_stated_limit_or_of_another_type_are_refused(layer, argument, value):
    """At once and by name: nothing overflows, nothing runs for ever, no memory is asked for."""
    call = dict(CALLS[layer])
    if argument == "dim":
        del call["axis"]
    value = [value] * 2 if argument in ("pad", "input_size") and np.ndim(value) == 0 else value
    if argument in ("output_size", "input_size") and layer in ("max_unpool2d", "output_size", "input_sizes"):
        value = [value] * 2 if np.ndim(value) == 0 else value
        if layer != "max_unpool2d" and list(value) == [2**31] * 2:
            return  # the shape calculator reaches further than the layers
    with pytest.raises((TypeError, ValueError), match=argument):
        getattr(segalgo, layer)(**{**call, argument: value})
