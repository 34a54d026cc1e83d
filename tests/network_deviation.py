"""What a network's logits may be off: rounding errors carried from layer to layer as independent deviations.

A worst-case bound doubles and more at each layer and ends far above the logits; errors of rounding are nearly
independent, so their squares add (Higham and Mary, "A new approach to probabilistic rounding error analysis", 2019).
`deviation` runs a network's own ``forward`` on pairs of a value in float64 and the variance of its error.
"""

from dataclasses import replace

import numpy as np
from scipy.special import erf

from segalgo.models.graph.execution import Reader
from segalgo.models.graph.layers.convolution import MatMul
from segalgo.models.graph.layers.normalization import Softmax
from segalgo.models.graph.resampling import Sampling, taps

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


class Deviations(Reader):
    """The layers on `Uncertain` values, computed in float64; `eps` is of the dtype that is judged."""

    def __init__(self, parameters, eps):
        self.parameters = {name: np.asarray(value, np.float64) for name, value in parameters.items()}
        self.eps = eps / 2  # one rounding

    def _take(self, layer, name, inputs, owner=None):
        owned = {
            entry: self.parameters[f"{owner or name}.{entry}"] for entry in layer.parameters(*(x.shape for x in inputs))
        }
        return getattr(self, f"_{KINDS[layer.operation]}")(layer, *inputs, **owned)

    def _rounded(self, value, variance):
        return Uncertain(value, variance + (self.eps * value) ** 2)

    def _products(self, layer, x, weight, bias=None):
        """Sums of products with a weight."""
        without = replace(layer, bias=False)
        value = layer.compute(x.value, weight, bias)
        carried = without.compute(x.variance, weight**2)
        squares = without.compute(x.value**2, weight**2)
        # n partial sums are rounded, which grow from nothing to about the root of the sum of squares, or the result.
        terms = weight[0].size if layer.operation != "conv_transpose2d" else len(weight)
        wide = tuple(weight.shape[2:]) == (3, 3) and weight.shape[1] >= WINOGRAD_CHANNELS
        factor = WINOGRAD if wide and layer.operation == "conv2d" else 1
        local = terms / 2 * (factor * self.eps) ** 2 * (squares + value**2)
        return self._rounded(value, carried + local)

    def _statistics(self, layer, x, **owned):
        mean, var = owned["running_mean"], owned["running_var"]
        factor = (owned["weight"] / np.sqrt(var + layer.eps))[:, None, None]
        value = layer.compute(x.value, **owned)
        # What is computed in float32 elsewhere subtracts before it scales.
        lost = (self.eps * factor * (np.abs(x.value) + np.abs(mean)[:, None, None])) ** 2
        return self._rounded(value, x.variance * factor**2 + lost)

    def _own_statistics(self, layer, x, weight, bias):
        """Normalized by the mean and variance of many cells: these are off less than the cells."""
        value = layer.compute(x.value, weight, bias)
        deviation = x.value.reshape(len(x.value), layer.num_groups, -1).std(axis=2).min() + layer.eps**0.5
        return self._rounded(value, (x.variance + x.variance.mean()) * (2 * np.abs(weight).max() / deviation) ** 2)

    def _normalized_rows(self, layer, x, weight, bias):
        """Normalized by the mean and variance of the last axis, on which each of its cells has a share."""
        value, n = layer.compute(x.value, weight, bias), x.shape[-1]
        deviation = np.sqrt(x.value.var(axis=-1, keepdims=True) + layer.eps)
        normal = (x.value - x.value.mean(axis=-1, keepdims=True)) / deviation
        shares = [(normal**power * x.variance).sum(axis=-1, keepdims=True) for power in (0, 1, 2)]
        shared = (shares[0] + 2 * normal * shares[1] + normal**2 * shares[2]) / n**2
        lost = (self.eps * x.value) ** 2
        return self._rounded(value, (x.variance + shared + lost) * (weight / deviation) ** 2)

    def _matrix_product(self, layer, a, b):
        """Sums of products of two arrays that are both off."""
        squared = replace(layer, scale=layer.scale**2)
        value, terms = layer.compute(a.value, b.value), a.shape[-1]
        carried = squared.compute(a.variance, b.value**2) + squared.compute(a.value**2, b.variance)
        local = terms / 2 * self.eps**2 * (squared.compute(a.value**2, b.value**2) + value**2)
        return self._rounded(value, carried + local)

    def _attended(self, layer, query, key, value):
        """Scores, their probabilities, the mean of values."""
        scale = query.shape[-1] ** -0.5 if layer.scale is None else layer.scale
        scores = self._matrix_product(MatMul(transposed=True, scale=scale), query, key)
        return self._matrix_product(MatMul(), self._probabilities(Softmax(-1), scores), value)

    def _across_channels(self, layer, x):
        # Its derivative is below 1 where k = 1; eight roundings where all is computed in one precision.
        value = layer.compute(x.value)
        return self._rounded(value, x.variance + (8 * self.eps * value) ** 2)

    def _probabilities(self, layer, x):
        value = layer.compute(x.value)
        carried = (value**2 * x.variance).sum(axis=layer.axis, keepdims=True) + x.variance
        return self._rounded(value, value**2 * (carried + (8 * self.eps) ** 2))

    def _relu(self, layer, x):
        surely_below = x.value < -DEVIATIONS * np.sqrt(x.variance)
        return Uncertain(layer.compute(x.value), np.where(surely_below, 0, x.variance))

    def _activation(self, layer, x, **owned):
        """Cell by cell, with the steepest slope near the cell where it is known, else at most SLOPE."""
        value = layer.compute(x.value, **owned)
        if layer.operation in DERIVATIVES:
            reach = DEVIATIONS * np.sqrt(x.variance)
            low, high = x.value - reach, x.value + reach
            kinks = (np.clip(kink, low, high) for kink in (-KINK, 0, KINK))
            slope = np.max([np.abs(DERIVATIVES[layer.operation](v)) for v in (low, x.value, high, *kinks)], axis=0)
        else:
            slope = max([SLOPE, *(np.abs(array).max() for array in owned.values())])
        return self._rounded(value, x.variance * slope**2 + (8 * self.eps * (np.abs(x.value) + 1)) ** 2)

    def _maxima(self, layer, x):
        value, indices = replace(layer, return_indices=True).compute(x.value)
        flat = x.variance.reshape(*x.shape[:2], -1)
        variance = np.take_along_axis(flat, indices.reshape(*indices.shape[:2], -1), 2)
        pooled = Uncertain(value, variance.reshape(value.shape))
        return (pooled, indices) if layer.return_indices else pooled

    def _unpooled(self, layer, x, indices):
        return Uncertain(layer.compute(x.value, indices), layer.compute(x.variance, indices))

    def _means(self, layer, x):
        # Squared weights are no larger than weights.
        return self._rounded(layer.compute(x.value), layer.compute(x.variance))

    def _sampled(self, layer, x):
        # Squared weights are no larger than weights; positions are rounded too.
        value, variance = layer.compute(x.value), layer.compute(x.variance)
        height, width = x.shape[2:]
        span = x.value.max() - x.value.min()
        return self._rounded(value, variance + (self.eps * max(height, width) * span) ** 2)

    def _resampled(self, layer, x):
        """By any rule of ONNX's Resize: cubic weights may be negative, their squares are not."""
        variance = x.variance
        rule = Sampling(layer.mode, layer.coordinates, layer.nearest_mode, layer.cubic_coeff_a)
        for axis in (3, 2):
            cells, weights = taps(x.shape[axis], layer.size[axis - 2], None, rule)
            parts = zip(cells, weights.reshape(len(weights), -1, *[1] * (3 - axis)), strict=True)
            variance = sum(np.take(variance, places, axis) * factors**2 for places, factors in parts)
        span = x.value.max() - x.value.min()
        return self._rounded(layer.compute(x.value), variance + (self.eps * max(x.shape[2:]) * span) ** 2)

    def _scaled(self, layer, x):
        return self._rounded(layer.compute(x.value), x.variance * layer.factor**2)

    def _larger(self, layer, a, b):
        return Uncertain(layer.compute(a.value, b.value), np.maximum(a.variance, b.variance))

    def _inferred(self, layer, logits, picture, **matrices):
        """Mean-field inference: what random errors of the logits come to, and some fifty roundings in each iteration."""
        value, rng = layer.compute(logits.value, picture.value, **matrices), np.random.default_rng(0)
        draws = rng.standard_normal((8, *logits.shape)) * np.sqrt(logits.variance)
        squares = [(layer.compute(logits.value + draw, picture.value, **matrices) - value) ** 2 for draw in draws]
        carried = np.mean(squares, axis=0)
        lost = layer.iterations * (50 * self.eps * np.abs(value).max()) ** 2
        return self._rounded(value, carried + carried.mean() + lost)

    def _moved(self, layer, *inputs):
        return Uncertain(layer.compute(*(x.value for x in inputs)), layer.compute(*(x.variance for x in inputs)))

    def _padded(self, layer, x):
        bare = replace(layer, value=None)
        return Uncertain(layer.compute(x.value), bare.compute(x.variance))

    def _sum(self, layer, a, b):
        return self._rounded(a.value + b.value, a.variance + b.variance)

    def _product(self, layer, a, b):
        return self._rounded(a.value * b.value, a.variance * b.value**2 + b.variance * a.value**2)

    def _dropped(self, layer, x):
        return x


# The largest slope of the activations: 1.5 of hardswish, 1.13 of GELU.
SLOPE = 1.5
KINK = np.nextafter(3, 0)
DERIVATIVES = {
    "relu6": lambda v: np.where((v >= 0) & (v <= 6), 1, 0),
    "hardswish": lambda v: np.where(v <= -3, 0, np.where(v >= 3, 1, (2 * v + 3) / 6)),
    "hardsigmoid": lambda v: np.where(np.abs(v) < 3, 1 / 6, 0),
    "gelu": lambda v: (1 + erf(v / 2**0.5)) / 2 + v * np.exp(-(v**2) / 2) / (2 * np.pi) ** 0.5,
    "sigmoid": lambda v: 1 / (2 + np.exp(v) + np.exp(-v)),
}
KINDS = {
    **dict.fromkeys(("conv2d", "conv_transpose2d", "linear"), "products"),
    **dict.fromkeys(("leaky_relu", "prelu", "relu6", "clip", "sigmoid", "hardsigmoid", "gelu"), "activation"),
    **dict.fromkeys(("avg_pool2d", "adaptive_avg_pool2d"), "means"),
    **dict.fromkeys(("crop", "concatenate", "transpose", "reshape"), "moved"),
    "hardswish": "activation",
    "batch_norm": "statistics",
    "group_norm": "own_statistics",
    "layer_norm": "normalized_rows",
    "matmul": "matrix_product",
    "scaled_dot_product_attention": "attended",
    "local_response_norm": "across_channels",
    "softmax": "probabilities",
    "relu": "relu",
    "max_pool2d": "maxima",
    "max_unpool2d": "unpooled",
    "interpolate": "sampled",
    "resample": "resampled",
    "scale": "scaled",
    "crf_rnn": "inferred",
    "maximum": "larger",
    "pad": "padded",
    "add": "sum",
    "multiply": "product",
    "dropout": "dropped",
}


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
