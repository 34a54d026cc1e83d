"""What a network's logits may be off: rounding errors carried from layer to layer as independent deviations.

A worst-case bound doubles and more at each layer and ends far above the logits; errors of rounding are nearly
independent, so their squares add (Higham and Mary, "A new approach to probabilistic rounding error analysis", 2019).
`deviation` runs a network's own ``forward`` on pairs of a value in float64 and the variance of its error.
"""

import numpy as np

import segalgo

# What the largest error of a million cells may reach, twice over.
DEVIATIONS = 10
# Winograd's convolution is documented to be off some ten times as much as the direct one; no wing takes it for fewer
# channels.
WINOGRAD, WINOGRAD_CHANNELS = 10, 16


class Uncertain:
    """A value and the variance of its error."""

    def __init__(self, value, variance):
        self.value, self.variance = value, variance

    @property
    def shape(self):
        return self.value.shape


class Deviations:
    """The layers on `Uncertain` values, computed in float64; `eps` is of the dtype that is judged."""

    def __init__(self, parameters, eps):
        self.parameters = {name: np.asarray(value, np.float64) for name, value in parameters.items()}
        self.eps = eps / 2  # one rounding

    def _rounded(self, value, variance):
        return Uncertain(value, variance + (self.eps * value) ** 2)

    def conv2d(self, x, name, out_channels, kernel_size, stride=1, padding=0, dilation=1, bias=True):
        weight = self.parameters[f"{name}.weight"]
        value = segalgo.conv2d(x.value, weight, self.parameters.get(f"{name}.bias"), stride, padding, dilation)
        carried = segalgo.conv2d(x.variance, weight**2, None, stride, padding, dilation)
        squares = segalgo.conv2d(x.value**2, weight**2, None, stride, padding, dilation)
        # n partial sums are rounded, which grow from nothing to about the root of the sum of squares, or the result.
        factor = WINOGRAD if kernel_size == 3 and weight.shape[1] >= WINOGRAD_CHANNELS else 1
        local = weight[0].size / 2 * (factor * self.eps) ** 2 * (squares + value**2)
        return self._rounded(value, carried + local)

    def conv_transpose2d(self, x, name, out_channels, kernel_size, stride):
        weight = self.parameters[f"{name}.weight"]
        value = segalgo.conv_transpose2d(x.value, weight, self.parameters[f"{name}.bias"], stride)
        carried = segalgo.conv_transpose2d(x.variance, weight**2, None, stride)
        squares = segalgo.conv_transpose2d(x.value**2, weight**2, None, stride)
        return self._rounded(value, carried + len(weight) / 2 * self.eps**2 * (squares + value**2))

    def batch_norm(self, x, name, eps=1e-5):
        mean, var, weight, bias = (
            self.parameters[f"{name}.{entry}"] for entry in ("running_mean", "running_var", "weight", "bias")
        )
        factor = (weight / np.sqrt(var + eps))[:, None, None]
        value = segalgo.batch_norm(x.value, mean, var, weight, bias, eps=eps)
        # What is computed in float32 elsewhere subtracts before it scales.
        lost = (self.eps * factor * (np.abs(x.value) + np.abs(mean)[:, None, None])) ** 2
        return self._rounded(value, x.variance * factor**2 + lost)

    def local_response_norm(self, x, name, size, alpha=1e-4, beta=0.75):
        # Its derivative is below 1 where k = 1; eight roundings where all is computed in one precision.
        value = segalgo.local_response_norm(x.value, size, alpha, beta)
        return self._rounded(value, x.variance + (8 * self.eps * value) ** 2)

    def relu(self, x, name):
        surely_below = x.value < -DEVIATIONS * np.sqrt(x.variance)
        return Uncertain(segalgo.relu(x.value), np.where(surely_below, 0, x.variance))

    def max_pool2d(self, x, name, kernel_size=2, stride=2, ceil_mode=False, return_indices=False):
        value, indices = segalgo.max_pool2d(x.value, kernel_size, stride, ceil_mode=ceil_mode, return_indices=True)
        flat = x.variance.reshape(*x.shape[:2], -1)
        variance = np.take_along_axis(flat, indices.reshape(*indices.shape[:2], -1), 2)
        pooled = Uncertain(value, variance.reshape(value.shape))
        return (pooled, indices) if return_indices else pooled

    def max_unpool2d(self, x, indices, name, output_size, kernel_size=2, stride=2):
        arrays = (
            segalgo.max_unpool2d(a, indices, kernel_size, stride, output_size=output_size)
            for a in (x.value, x.variance)
        )
        return Uncertain(*arrays)

    def interpolate(self, x, name, size=None, scale_factor=None, mode="nearest", align_corners=None):
        # Squared weights are no larger than weights; positions are rounded too.
        value, variance = (
            segalgo.interpolate(a, size, scale_factor, mode, align_corners) for a in (x.value, x.variance)
        )
        height, width = x.shape[2:]
        span = x.value.max() - x.value.min()
        return self._rounded(value, variance + (self.eps * max(height, width) * span) ** 2)

    def pad(self, x, name, amounts):
        return Uncertain(segalgo.pad(x.value, amounts), segalgo.pad(x.variance, amounts))

    def crop(self, x, name, size):
        top, left = ((n - m) // 2 for n, m in zip(x.shape[2:], size, strict=True))
        cut = np.s_[:, :, top : top + size[0], left : left + size[1]]
        return Uncertain(x.value[cut], x.variance[cut])

    def concatenate(self, first, second, name):
        return Uncertain(
            np.concatenate([first.value, second.value], 1), np.concatenate([first.variance, second.variance], 1)
        )

    def dropout(self, x, name, p):
        return x


def deviation(model, x, dtype):
    """Return the exact logits (float64) and what those computed in `dtype` may be off."""
    x = np.asarray(x, np.float64)
    logits = model.forward(Deviations(model.parameters, np.finfo(dtype).eps), Uncertain(x, np.zeros_like(x)))
    return logits.value, DEVIATIONS * np.sqrt(logits.variance)


def random_parameters(model, rng):
    """Return parameters of a trained network's sizes: kernels of He et al., and statistics that normalize something."""
    parameters = {}
    for name, shape in model.parameter_shapes().items():
        if len(shape) == 4:
            parameters[name] = model.parameters[name]
        elif name.endswith("running_var"):
            parameters[name] = rng.uniform(0.5, 2, shape).astype(np.float32)
        elif "bn" in name and name.endswith("weight"):
            parameters[name] = rng.uniform(0.7, 1.4, shape).astype(np.float32)
        else:
            parameters[name] = rng.normal(0, 0.2, shape).astype(np.float32)
    return parameters


def assert_logits(got, expected, allowed):
    """Assert that logits are within their deviation, and classes equal wherever the two best differ by more than that.

    Elsewhere they may not: that must be at most one pixel of a hundred.
    """
    got = np.asarray(got)
    assert got.shape == expected.shape
    excess = np.abs(got - expected) - allowed
    worst = np.unravel_index(excess.argmax(), excess.shape)
    assert excess[worst] <= 0, f"at {worst}: got {got[worst]}, expected {expected[worst]} within {allowed[worst]}"
    # Deviations that are not small against the logits would judge nothing.
    assert allowed.max() < 0.01 * np.abs(expected).max()
    second, best = np.sort(expected, axis=1)[:, -2:].swapaxes(0, 1)
    sure = best - second > 2 * allowed.max(axis=1)
    equal = best == second  # only where a last ReLU makes both zero
    assert (sure | equal).mean() >= 0.99
    np.testing.assert_array_equal(got.argmax(1)[sure], expected.argmax(1)[sure])
