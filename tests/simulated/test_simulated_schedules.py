"""The layers' CUDA kernels on the simulated device: any order of threads and blocks gives the same bits."""

import numpy as np
import pytest

import segalgo
from segalgo.cuda.device import simulated_schedule

RNG = np.random.default_rng(7)
X = RNG.standard_normal((2, 6, 17, 19)).astype(np.float32)
WEIGHT = RNG.standard_normal((9, 6, 3, 3)).astype(np.float32)
VECTOR = RNG.random(6).astype(np.float32) + 0.5
POOLED = RNG.standard_normal((2, 6, 8, 9)).astype(np.float32)
MATRIX = RNG.standard_normal((70, 19)).astype(np.float32)
INDICES = RNG.integers(0, 17 * 19, POOLED.shape)

CALLS = {
    "max_pool2d": lambda: segalgo.max_pool2d(X, 3, 2, 1, return_indices=True),
    "max_unpool2d": lambda: segalgo.max_unpool2d(POOLED, INDICES, 2, output_size=(17, 19)),
    "avg_pool2d": lambda: segalgo.avg_pool2d(X, 3, 2, 1),
    "adaptive_avg_pool2d": lambda: segalgo.adaptive_avg_pool2d(X, (5, 7)),
    "interpolate_nearest": lambda: segalgo.interpolate(X, (31, 40)),
    "interpolate_bilinear": lambda: segalgo.interpolate(X, (31, 40), mode="bilinear"),
    "interpolate_filtered": lambda: segalgo.interpolate(X, (7, 9), mode="bicubic", antialias=True),
    "pad": lambda: segalgo.pad(X, (3, 2, 1, 4), "reflect"),
    "batch_norm": lambda: segalgo.batch_norm(X, VECTOR, VECTOR, VECTOR, VECTOR),
    "layer_norm": lambda: segalgo.layer_norm(X, (17, 19)),
    "local_response_norm": lambda: segalgo.local_response_norm(X, 5),
    "group_norm": lambda: segalgo.group_norm(X, 3, VECTOR, VECTOR),
    "prelu": lambda: segalgo.prelu(X, VECTOR),
    "relu6": lambda: segalgo.relu6(X),
    "hardsigmoid": lambda: segalgo.hardsigmoid(X),
    "hardswish": lambda: segalgo.hardswish(X),
    "relu": lambda: segalgo.relu(X),
    "leaky_relu": lambda: segalgo.leaky_relu(X),
    "sigmoid": lambda: segalgo.sigmoid(X),
    "gelu": lambda: segalgo.gelu(X),
    "softmax": lambda: segalgo.softmax(X, 1),
    "log_softmax": lambda: segalgo.log_softmax(X, 3),
    "linear": lambda: segalgo.linear(X[0, 0], MATRIX),
    "conv2d_direct": lambda: segalgo.conv2d(X, WEIGHT, stride=2, padding=1),
    "conv2d_groups": lambda: segalgo.conv2d(X, WEIGHT[:, :2], padding=1, groups=3, algorithm="winograd"),
    "conv2d_winograd": lambda: segalgo.conv2d(X, WEIGHT, padding=2, dilation=2, algorithm="winograd"),
    "conv_transpose2d": lambda: segalgo.conv_transpose2d(X, WEIGHT.swapaxes(0, 1).copy(), stride=2),
    "plane_to_tensor_indices": lambda: segalgo.plane_to_tensor_indices(INDICES, (17, 19)),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_threads_in_any_order(call):
    if not segalgo.backends()["simulated"].available:
        pytest.skip(f"simulated is {segalgo.backends()['simulated']}")
    with segalgo.use_backend("simulated"):
        expected = call()
        for order, seed in (("reversed", 0), ("shuffled", 1), ("shuffled", 2)):
            with simulated_schedule(order, seed):
                np.testing.assert_equal(call(), expected)
