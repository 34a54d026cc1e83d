"""Layers of networks with one bug each: (operation, function, kind of finding, words of a pattern or "")."""

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

import segalgo
from segalgo import use_backend

MUTANTS = {}


def bug(name, operation, kind="wrong values", pattern=""):
    def note(function):
        MUTANTS[name] = (operation, function, kind, pattern)
        return function

    return note


def reference(operation, *arguments, **options):
    with use_backend("reference"):
        return getattr(segalgo, operation)(*arguments, **options)


def pair(value):
    return value if isinstance(value, tuple) else (value, value)


def padded(x, padding, value):
    ph, pw = pair(padding)
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + [(ph, ph), (pw, pw)], constant_values=value)


# Max-pooling


@bug("padding counts as zero", "max_pool2d", pattern="padding is not 0")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    values, indices = reference("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, True)
    if padding != 0:
        edge = np.zeros(values.shape, bool)
        edge[..., 0, :] |= pair(padding)[0] > 0
        edge[..., 0] |= pair(padding)[1] > 0
        values = np.where(edge, np.maximum(values, 0), values)
    return values.astype(x.dtype), indices


@bug("last of equal ones", "max_pool2d")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    turned = x[..., ::-1, ::-1]
    if (
        stride is not None
        or padding != 0
        or dilation != 1
        or ceil_mode
        or any(n % k for n, k in zip(x.shape[-2:], pair(kernel_size), strict=True))
    ):
        return reference("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, True)
    values, indices = reference("max_pool2d", turned, kernel_size, return_indices=True)
    return values[..., ::-1, ::-1], x.shape[-1] * x.shape[-2] - 1 - indices[..., ::-1, ::-1]


@bug("ceil_mode forgotten", "max_pool2d", "wrong shape", "ceil_mode is True")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    return reference("max_pool2d", x, kernel_size, stride, padding, dilation, False, True)


@bug("wrong index in ceil_mode", "max_pool2d", pattern="ceil_mode is True")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    values, indices = reference("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, True)
    if ceil_mode and indices.size:
        indices[..., -1, -1] += 1
    return values, indices


@bug("indices in the padded picture", "max_pool2d", pattern="padding is not 0")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    values, indices = reference("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, True)
    (ph, pw), width = pair(padding), x.shape[-1]
    return values, (indices // width + ph) * (width + 2 * pw) + indices % width + pw


@bug("indices over the tensor", "max_pool2d", pattern="more than one plane")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    values, indices = reference("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, True)
    return values, reference("plane_to_tensor_indices", indices, x.shape[-2:])


@bug("stride of the other axis", "max_pool2d", "wrong shape", "stride is")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    turned = stride[::-1] if isinstance(stride, tuple) else stride
    return reference("max_pool2d", x, kernel_size, turned, padding, dilation, ceil_mode, True)


@bug("NaN never wins", "max_pool2d", pattern="values are 'nan'")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    clean = np.where(np.isnan(x), x.dtype.type(-np.inf), x)
    return reference("max_pool2d", clean, kernel_size, stride, padding, dilation, ceil_mode, True)


@bug("first picture alone", "max_pool2d", "unwritten output", "batch is larger than 1")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    values, indices = reference("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, True)
    out = np.empty_like(values)
    out[:1] = values[:1]
    return (values if x.ndim == 3 else out), indices


@bug("indices of 32 bits", "max_pool2d", "wrong dtype")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    values, indices = reference("max_pool2d", x, kernel_size, stride, padding, dilation, ceil_mode, True)
    return values, indices.astype(np.int32)


@bug("right only for contiguous input", "max_pool2d", "reads outside", "not C-contiguous")
def _(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=True):
    steps = np.cumprod([1, *x.shape[:0:-1]])[::-1] * x.itemsize
    strange = x.strides != tuple(steps) and min(x.strides, default=0) > 0
    # The C code behind a thin wrapper: it takes the pointer and forgets the strides.
    flat = as_strided(x, x.shape, tuple(steps)) if strange else x
    return reference("max_pool2d", flat, kernel_size, stride, padding, dilation, ceil_mode, True)


# Max-unpooling


@bug("first of repeated indices", "max_unpool2d", pattern="")
def _(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    cells = x.shape[-2] * x.shape[-1]
    values, places = (a.reshape(*a.shape[:-2], cells)[..., ::-1].copy() for a in (x, indices))
    out = np.zeros((*x.shape[:-2], int(np.prod(output_size))), x.dtype)
    np.put_along_axis(out, places, values, -1)
    return out.reshape(*x.shape[:-2], *output_size)


@bug("repeated indices add up", "max_unpool2d")
def _(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    planes = int(np.prod(x.shape[:-2]))
    out = np.zeros((planes, int(np.prod(output_size))), x.dtype)
    for plane, values, places in zip(out, x.reshape(planes, -1), indices.reshape(planes, -1), strict=True):
        np.add.at(plane, places, values)
    return out.reshape(*x.shape[:-2], *output_size)


@bug("output_size forgotten", "max_unpool2d", "wrong shape")
def _(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    stride = kernel_size if stride is None else stride
    axes = zip(x.shape[-2:], *map(pair, (kernel_size, stride, padding)), strict=True)
    size = tuple(max((n - 1) * s - 2 * p + k, 1) for n, k, s, p in axes)
    out = np.zeros((*x.shape[:-2], int(np.prod(size))), x.dtype)
    flat = np.minimum(indices, out.shape[-1] - 1).reshape(*x.shape[:-2], -1)
    np.put_along_axis(out, flat, x.reshape(flat.shape), -1)
    return out.reshape(*x.shape[:-2], *size)


@bug("rest of the output not zeroed", "max_unpool2d", "unwritten output")
def _(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    out = np.empty((*x.shape[:-2], int(np.prod(output_size))), x.dtype)
    flat = indices.reshape(*x.shape[:-2], -1)
    np.put_along_axis(out, flat, x.reshape(flat.shape), -1)
    return out.reshape(*x.shape[:-2], *output_size)


_kept = {}


@bug("buffer of the last call not cleared", "max_unpool2d", "state between calls")
def _(x, indices, kernel_size, stride=None, padding=0, output_size=None):
    shape = (*x.shape[:-2], int(np.prod(output_size)))
    out = _kept.setdefault((shape, x.dtype), np.zeros(shape, x.dtype))
    flat = indices.reshape(*x.shape[:-2], -1)
    np.put_along_axis(out, flat, x.reshape(flat.shape), -1)
    return out.copy().reshape(*x.shape[:-2], *output_size)


# Average-pooling


@bug("padding always counts", "avg_pool2d", pattern="padding is not 0")
def _(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    return reference("avg_pool2d", x, kernel_size, stride, padding, ceil_mode, True, divisor_override)


@bug("divisor_override forgotten", "avg_pool2d", pattern="divisor_override is not None")
def _(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    return reference("avg_pool2d", x, kernel_size, stride, padding, ceil_mode, count_include_pad)


@bug("sums in half precision", "avg_pool2d", pattern="dtype is float16")
def _(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    exact = reference("avg_pool2d", x, *options)
    if x.dtype != np.float16:
        return exact
    kh, kw = pair(kernel_size)
    wide = padded(x, padding, 0)
    if ceil_mode or not count_include_pad or divisor_override or min(wide.shape[-2] - kh, wide.shape[-1] - kw) < 0:
        return exact
    sh, sw = pair(kernel_size if stride is None else stride)
    total = np.zeros((*x.shape[:-2], (wide.shape[-2] - kh) // sh + 1, (wide.shape[-1] - kw) // sw + 1), np.float16)
    with np.errstate(all="ignore"):
        for cells in (
            sliding_window_view(wide, (kh, kw), (-2, -1))[..., ::sh, ::sw, :, :]
            .reshape(*total.shape, kh * kw)
            .transpose(-1, *range(total.ndim))
        ):
            total = total + cells
        return (total / np.float16(kh * kw)).astype(np.float16)


@bug("sums in float32", "avg_pool2d", pattern="dtype is float64")
def _(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    narrow = x.astype(np.float32) if x.dtype == np.float64 else x
    return reference("avg_pool2d", narrow, *options).astype(x.dtype)


@bug("running sums of the whole picture", "avg_pool2d", pattern="")
def _(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    if ceil_mode or divisor_override or not count_include_pad or x.ndim != 4 or 0 in x.shape:
        return reference("avg_pool2d", x, *options)
    kh, kw = pair(kernel_size)
    sh, sw = pair(kernel_size if stride is None else stride)
    sums = np.pad(padded(x, padding, 0), [(0, 0), (0, 0), (1, 0), (1, 0)])
    sums = sums.cumsum(-1, dtype=x.dtype).cumsum(-2, dtype=x.dtype)
    parts = (
        sums[..., a:b, c:d]
        for a, b, c, d in ((kh, None, kw, None), (0, -kh, kw, None), (kh, None, 0, -kw), (0, -kh, 0, -kw))
    )
    one, two, three, four = parts
    return ((one - two - three + four)[..., ::sh, ::sw] / (kh * kw)).astype(x.dtype)


@bug("windows end too early", "adaptive_avg_pool2d")
def _(x, output_size):
    sizes = [n if w is None else w for n, w in zip(x.shape[-2:], pair(output_size), strict=True)]
    out = np.zeros((*x.shape[:-2], *sizes))
    for i, j in np.ndindex(*sizes):
        (h, w), (oh, ow) = x.shape[-2:], sizes
        rows = slice(i * h // oh, max((i + 1) * h // oh, i * h // oh + 1))
        columns = slice(j * w // ow, max((j + 1) * w // ow, j * w // ow + 1))
        out[..., i, j] = x[..., rows, columns].mean((-2, -1), dtype=np.float64)
    return out.astype(x.dtype)


# Convolution


def convolution(change):
    """A convolution whose arguments or answer are changed."""

    def conv(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        return change(x, weight, bias, stride, padding, dilation, groups)

    return conv


bug("kernel turned", "conv2d", pattern="")(
    convolution(lambda x, w, *rest: reference("conv2d", x, w[..., ::-1, ::-1].copy(), *rest))
)
bug("bias forgotten", "conv2d", pattern="bias is True")(
    convolution(lambda x, w, b, *rest: reference("conv2d", x, w, None, *rest))
)
bug("zero where the answer is tiny", "conv2d", pattern="")(
    convolution(lambda *a: (lambda y: np.where(np.abs(y) < 1e-3, y.dtype.type(0), y))(reference("conv2d", *a)))
)
bug("last columns left out unless the width is a multiple of 4", "conv2d", "unwritten output")(
    convolution(lambda *a: in_fours(reference("conv2d", *a)))
)
bug("pads in place", "conv2d", "changes its input")(
    convolution(lambda x, *rest: (border_to_zero(x), reference("conv2d", x, *rest))[1])
)


def in_fours(y):
    out = np.empty_like(y)
    whole = y.shape[-1] // 4 * 4
    out[..., :whole] = y[..., :whole]
    return out


def border_to_zero(x):
    if x.flags.writeable and 0 not in x.shape:
        x[..., 0, 0] = 0


@bug("groups read the channels of the first", "conv2d", pattern="groups is not 1")
def _(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    first = x[..., : x.shape[-3] // groups, :, :]
    same = np.concatenate([first] * groups, axis=-3)
    return reference("conv2d", same, weight, bias, stride, padding, dilation, groups)


# Seen with an even kernel that is not dilated by 2 alone: any other border has two equal halves.
@bug("larger half of 'same' above", "conv2d", pattern="kernel is (5, 4)")
def _(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if padding != "same":
        return reference("conv2d", x, weight, bias, stride, padding, dilation, groups)
    total = [d * (k - 1) for d, k in zip(pair(dilation), weight.shape[2:], strict=True)]
    amounts = [(0, 0)] * (x.ndim - 2) + [(t - t // 2, t // 2) for t in total]
    return reference("conv2d", np.pad(x, amounts), weight, bias, 1, 0, dilation, groups)


@bug("sums in half", "conv2d", pattern="dtype is float16")
def _(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if x.dtype != np.float16 or groups > 1:
        return reference("conv2d", x, weight, bias, stride, padding, dilation, groups)
    out = np.float16(0) if bias is None else bias[:, None, None]
    for c in range(weight.shape[1]):  # rounded to half after each channel
        out = out + reference(
            "conv2d", x[..., c : c + 1, :, :], weight[:, c : c + 1].copy(), None, stride, padding, dilation
        )
    return out if weight.shape[1] else reference("conv2d", x, weight, bias, stride, padding, dilation)


@bug("output_padding forgotten", "conv_transpose2d", "wrong shape", "output_padding is not 0")
def _(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    return reference("conv_transpose2d", x, weight, bias, stride, padding, 0, groups, dilation)


@bug("output_padding is filled with zeros", "conv_transpose2d", pattern="output_padding is not 0")
def _(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    out = reference("conv_transpose2d", x, weight, bias, stride, padding, output_padding, groups, dilation)
    rows, columns = pair(output_padding)
    if rows:
        out[..., -rows:, :] = 0
    if columns:
        out[..., -columns:] = 0
    return out


@bug("dilation of one axis for both", "conv_transpose2d", "wrong shape", "dilation is (1, 3)")
def _(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    return reference("conv_transpose2d", x, weight, bias, stride, padding, output_padding, groups, pair(dilation)[0])


# Activation and normalization


@bug("NaN becomes zero", "relu", pattern="values are 'nan'")
def _(x):
    return np.where(x > 0, x, x.dtype.type(0))


@bug("in place", "relu", "changes its input")
def _(x):
    return np.maximum(x, 0, out=x if x.flags.writeable else None)


@bug("returns its input where nothing is negative", "relu", "returns its input")
def _(x):
    return x if not (x < 0).any() else np.maximum(x, 0)


@bug("fails on empty arrays", "relu", "raises", "the array is empty")
def _(x):
    assert x.max() == x.max() or np.isnan(x).any()
    return np.maximum(x, 0)


@bug("the larger of both", "leaky_relu", pattern="")
def _(x, negative_slope=0.01):
    slope = np.float32(negative_slope) if x.dtype != np.float64 else np.float64(negative_slope)
    return np.maximum(x, x.astype(slope.dtype) * slope).astype(x.dtype)


@bug("overflows", "sigmoid", pattern="")
def _(x):
    wide = x.astype(np.float64 if x.dtype == np.float64 else np.float32)
    return (np.exp(wide) / (1 + np.exp(wide))).astype(x.dtype)


@bug("always by tanh", "gelu", pattern="approximate is 'none'")
def _(x, approximate="none"):
    return reference("gelu", x, "tanh")


@bug("the largest not subtracted", "softmax", pattern="")
def _(x, axis):
    wide = np.exp(x.astype(np.float64))
    return (wide / wide.sum(axis, keepdims=True)).astype(x.dtype)


@bug("always along the last axis", "log_softmax", pattern="")
def _(x, axis):
    return reference("log_softmax", x, -1)


@bug("variance of one pass", "layer_norm", pattern="")
def _(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-len(normalized_shape), 0))
    wide = x.astype(np.float64 if x.dtype == np.float64 else np.float32)
    mean = wide.mean(axes, keepdims=True)
    var = (wide * wide).mean(axes, keepdims=True) - mean * mean
    out = (wide - mean) / np.sqrt(var + wide.dtype.type(eps))
    out = out if weight is None else out * weight + bias
    return out.astype(x.dtype)


@bug("n - 1 in the variance", "layer_norm", pattern="")
def _(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-len(normalized_shape), 0))
    wide = x.astype(np.float64)
    n = max(int(np.prod(normalized_shape)), 2)
    var = wide.var(axes, keepdims=True) * n / (n - 1)
    out = (wide - wide.mean(axes, keepdims=True)) / np.sqrt(var + eps)
    out = out if weight is None else out * weight + bias
    return out.astype(x.dtype)


@bug("eps beside the root", "batch_norm", pattern="")
def _(x, mean, var, weight=None, bias=None, *, eps=1e-5):
    shape = (-1,) + (1,) * (x.ndim - 2)
    mean, root = mean.astype(float).reshape(shape), np.sqrt(var.astype(float)).reshape(shape) + eps
    out = (x.astype(float) - mean) / root
    out = out if weight is None else out * weight.astype(float).reshape(shape) + bias.astype(float).reshape(shape)
    return out.astype(x.dtype)


@bug("window off by one for even sizes", "local_response_norm", pattern="")
def _(x, size, alpha=1e-4, beta=0.75, k=1.0):
    turned = reference("local_response_norm", np.ascontiguousarray(x[:, ::-1]), size, alpha, beta, k)
    return turned[:, ::-1].copy()


# Interpolation, padding, linear


@bug("align_corners forgotten", "interpolate", pattern="align_corners is True")
def _(x, size=None, scale_factor=None, mode="nearest", align_corners=None):
    return reference("interpolate", x, size, scale_factor, mode)


@bug("nearest-exact as nearest", "interpolate", pattern="mode is 'nearest-exact'")
def _(x, size=None, scale_factor=None, mode="nearest", align_corners=None):
    return reference("interpolate", x, size, scale_factor, mode.removesuffix("-exact"), align_corners)


@bug("reflection repeats the border", "pad", pattern="mode is 'reflect'")
def _(x, pad, mode="constant", value=None):
    if mode != "reflect" or min(pad) < 0:
        return reference("pad", x, pad, mode, value)
    left, right, top, bottom = (*pad, 0, 0)[:4]
    return np.pad(x, [(0, 0)] * (x.ndim - 2) + [(top, bottom), (left, right)], "symmetric")


@bug("rows before columns", "pad", "wrong shape")
def _(x, pad, mode="constant", value=None):
    amounts = pad if len(pad) == 2 or mode in ("reflect", "circular") else (*pad[2:], *pad[:2])
    return reference("pad", x, amounts, mode, value)


@bug("bias of the first feature", "linear", pattern="bias is True")
def _(x, weight, bias=None):
    return reference("linear", x, weight, None if bias is None else np.full_like(bias, bias[0]))
