"""A planned pass: what does not depend on the pixels is computed once, before the first picture."""

import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo import _ext
from segalgo._core.dispatch import wing
from segalgo.models.graph.execution import by_step
from segalgo.models.plans.blocked import BlockedPlan
from segalgo.models.plans.public import PublicPlan

# For each network. A plan holds the activations and the packed weights.
KEPT_PLANS = 2


class Plan:
    """A network bound to one input shape; ``network.plan(input_shape)`` makes it, a call applies it.

    On the Cython wing, in float32: batch normalization is folded into the weights; weights are packed, those of small
    3 x 3 layers transformed (Winograd); bias, ReLU and max-pooling are computed by the convolution before them;
    activations lie in channel blocks, so skips are read where they are and never copied; and all activations share one
    piece of memory, laid out beforehand. On other wings, and in float64: folded and prepared convolutions, the rest by
    the public functions.

    The plan keeps the parameters of the moment when it was made. It owns its memory, so calls from several threads
    wait for each other.

    Attributes
    ----------
    input_shape, output_shape : (int, int, int, int)
    dtype : numpy.dtype
    nbytes : int
        Memory for activations and scratch; 0 where the public functions allocate them.

    Notes
    -----
    Grade: rounded. Each convolution keeps the bound of `segalgo.conv2d` with algorithm "winograd" for its folded
    weights, with C + 26 in place of C + 20: the weights are transformed in float32. The same bits for any number of
    threads. Infinities and NaN spread over tiles of 4 x 4, as in `conv2d`. Parameters below the smallest normal
    float32, which weight decay leaves in trained networks, count as zero.
    """

    def __init__(self, network: Any, input_shape: Sequence[int], dtype: Any) -> None:
        self.input_shape = tuple(input_shape)
        self.dtype = np.dtype(dtype)
        self._network = network
        height, width = self.input_shape[2:]
        self._size = network.output_size(height, width)
        self._fitting = network.fitting_size(height, width)
        planned_shape = (*self.input_shape[:2], *self._fitting)
        steps = network.describe(planned_shape)
        self.output_shape = (self.input_shape[0], network.num_classes, *self._size)
        probe = np.empty((0, self.input_shape[1], *self._fitting), self.dtype)
        parameters = by_step(steps, network._parameters_for(probe))
        if has_kernels(probe) and 0 not in planned_shape:
            kernels = (_ext.load(f"plans.{name}") for name in ("blocked_convolution", "blocked_maps"))
            self._passes: Any = BlockedPlan(*kernels, steps, parameters, planned_shape)
        else:
            self._passes = PublicPlan(steps, parameters)
        self.nbytes = self._passes.nbytes
        self._lock = threading.Lock()

    def __call__(self, x: Any) -> Any:
        """Return logits of an array of `input_shape` and `dtype`; (C, H, W) where the plan is for one picture."""
        planes = self._as_input(x)
        with self._lock:
            logits = self._passes.run(planes, None)
        logits = logits[:, :, : self._size[0], : self._size[1]]
        return logits if np.ndim(x) == 4 else logits[0]

    def timings(self, x: Any) -> list[tuple[str, float]]:
        """Run once and return (layers, seconds) of every step, in order."""
        seconds: list[tuple[str, float]] = []
        with self._lock:
            self._passes.run(self._as_input(x), seconds)
        return seconds

    def _as_input(self, x: Any) -> Any:
        if tuple(np.shape(x))[-4:] not in (self.input_shape, self.input_shape[1:] if self.input_shape[0] == 1 else ()):
            raise ValueError(f"x has shape {np.shape(x)}: expected {self.input_shape}, for which this was planned")
        planes, _ = self._network._as_input(x)
        if planes.dtype != self.dtype:
            raise TypeError(f"x has dtype {planes.dtype}: expected {self.dtype}, for which this was planned")
        return planes


def has_kernels(x: Any) -> bool:
    """Return whether arrays like this one are computed by the Cython wing, in float32: by kernels made for plans."""
    return x.dtype == np.float32 and wing("layers.convolution", x).__name__.startswith("segalgo._ext.")


def planned_logits(network: Any, x: Any) -> Any:
    """Return logits of x (N, C, H, W): planned where there are kernels for that, else the plain pass.

    The network keeps its last plans, one for each shape: tiles of a large picture, and pictures of one size, share one.
    """
    if not has_kernels(x):
        return network(x)
    key = (x.shape, _ext.instruction_set())
    plans = network._plans
    found = plans.pop(key, None) or plan(network, x.shape)
    # The last ones used stand last.
    plans[key] = found
    while len(plans) > KEPT_PLANS:
        plans.pop(next(iter(plans)), None)
    return found(x)


def plan(network: Any, input_shape: Sequence[int], dtype: Any = np.float32) -> Plan:
    """Return the planned pass of a network for inputs (N, C, H, W) of one shape.

    Parameters
    ----------
    network : Network
    input_shape : (int, int, int, int)
    dtype : {float32, float64}, default float32

    Raises
    ------
    ValueError
        If the shape does not fit the network.
    TypeError
        If the dtype is another one.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> run = segalgo.models.UNet(1, 2, width=4, depth=2).plan((1, 1, 32, 32))
    >>> run(np.zeros((1, 1, 32, 32), np.float32)).shape
    (1, 2, 32, 32)
    """
    shape = tuple(input_shape)
    if np.dtype(dtype).name not in ("float32", "float64"):
        raise TypeError(f"dtype={np.dtype(dtype)}: expected float32 or float64")
    if len(shape) != 4 or shape[1] != network.in_channels or min(shape[2:]) < 1 or shape[0] < 0:
        raise ValueError(f"input_shape={shape}: expected (N, {network.in_channels}, H, W), H and W at least 1")
    return Plan(network, shape, dtype)
