"""Layers without weights of a planned pass, each against the public operation, at every instruction level."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from threadpoolctl import threadpool_limits

import segalgo
from segalgo import _ext
from segalgo.models import Network

CHANNELS = (1, 7, 16, 35)


class OneLayer(Network):
    """A layer between two convolutions that copy, so that it is computed on channel blocks."""

    def __init__(self, operation, channels, inputs=1, **options):
        self.operation, self.options, self.count = operation, options, inputs
        super().__init__(channels, channels, 0)
        identity = np.eye(channels, dtype=np.float32)[:, :, None, None]
        state = {name: identity if array.ndim == 4 else array for name, array in self.parameters.items()}
        self.load_state_dict(state)

    def forward(self, layers, x):
        options = {"kernel_size": 1, "bias": False}
        maps = [layers.conv2d(x, f"in{k}", self.in_channels, **options) for k in range(self.count)]
        y = getattr(layers, self.operation)(*maps, "layer", **self.options)
        return layers.conv2d(y, "out", self.num_classes, **options)

    def fitting_size(self, height, width):
        return height, width

    def output_size(self, height, width):
        return self.describe((1, self.in_channels, height, width))[-1].shape[2:]


@pytest.fixture(params=_ext.LEVELS)
def level(request):
    if request.param not in _ext.available():
        pytest.skip(f"this processor or build has no {request.param}")
    with _ext.use_instruction_set(request.param):
        yield request.param


LAYERS = {
    "max 2x2": ("max_pool2d", {"kernel_size": 2}),
    "max 3x3": ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}),
    "max dilated": ("max_pool2d", {"kernel_size": (2, 3), "stride": 1, "padding": (0, 1), "dilation": (3, 2)}),
    "max ceil": ("max_pool2d", {"kernel_size": 3, "stride": (2, 3), "ceil_mode": True}),
    "mean": ("avg_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}),
    "mean of what is there": ("avg_pool2d", {"kernel_size": (3, 2), "padding": 1, "count_include_pad": False}),
    "mean ceil": ("avg_pool2d", {"kernel_size": 4, "stride": 3, "padding": 2, "ceil_mode": True}),
    "whole mean": ("adaptive_avg_pool2d", {"output_size": 1}),
    "bilinear": ("interpolate", {"size": (23, 9), "mode": "bilinear", "align_corners": False}),
    "bilinear by a factor": ("interpolate", {"scale_factor": (2.3, 1.7), "mode": "bilinear", "align_corners": False}),
    "bilinear corners": ("interpolate", {"size": (5, 40), "mode": "bilinear", "align_corners": True}),
    "nearest": ("interpolate", {"size": (23, 9)}),
    "nearest exact": ("interpolate", {"scale_factor": 1.5, "mode": "nearest-exact"}),
    "linear": ("resample", {"size": (23, 9), "coordinates": "asymmetric"}),
    "clipped": ("clip", {"minimum": -0.25, "maximum": 0.5}),
    "clipped below": ("clip", {"minimum": 0.25}),
    "leaky": ("leaky_relu", {"negative_slope": 0.3}),
    "prelu": ("prelu", {"num_parameters": 1}),
    "hardswish": ("hardswish", {}),
    "hardsigmoid": ("hardsigmoid", {}),
    "relu6": ("relu6", {}),
    "batch norm": ("batch_norm", {}),
    "sum": ("add", {"inputs": 2}),
    "product": ("multiply", {"inputs": 2}),
}


@pytest.mark.parametrize("name", LAYERS)
@given(st.integers(0, 2**20), st.sampled_from(CHANNELS), st.integers(4, 18), st.integers(5, 18))
def test_each_layer_on_blocks(level, name, seed, channels, height, width):
    operation, options = LAYERS[name]
    network = OneLayer(operation, channels, **options)
    x = 2 * np.random.default_rng(seed).standard_normal((2, channels, height, width), dtype=np.float32)
    run = network.plan(x.shape)
    # On blocks from the first convolution to the last: one change of layout, where the last cannot write planes.
    assert sum("to planes" in call.name for call in run._passes.calls) == (channels > run._passes.kernels.BLOCK)
    results = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            results.append(run(x))
    np.testing.assert_array_equal(*results)
    scale = np.abs(x).max() ** (2 if operation == "multiply" else 1)
    np.testing.assert_allclose(results[0], network(x), rtol=1e-5, atol=16 * np.finfo(np.float32).eps * scale)


def test_maxima_of_nan_and_infinities(level):
    values = np.array([0, -0.0, 1, np.nan, np.inf, -np.inf], np.float32)
    x = np.random.default_rng(0).choice(values, (1, 1, 30, 41))
    kernels = _ext.load("plans.blocked_convolution")
    source, out = (np.empty((1, 1, *size, kernels.BLOCK), np.float32) for size in ((30, 41), (15, 21)))
    kernels.from_planes(x, source)
    run = OneLayer("max_pool2d", 1, kernel_size=3, stride=2, padding=1).plan(x.shape)
    call = next(call for call in run._passes.calls if call.name == "layer")
    source_buffer, out_buffer = call.buffers
    source_buffer.array[...] = source
    call.run(x, out, run._passes.scratch)
    planes = np.empty((1, 1, 15, 21), np.float32)
    kernels.to_planes(out_buffer.array, planes)
    np.testing.assert_array_equal(planes, segalgo.max_pool2d(x, 3, 2, 1))
