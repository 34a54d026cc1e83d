"""Right kernels, written differently from ours: other orders of sums, other algorithms, other libraries."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import ndimage, signal, special
from skimage import filters, measure, segmentation

import segalgo

from .network_layers import padded, pair

KERNELS = []


def right(operation):
    def note(function):
        KERNELS.append((operation, function))
        return function

    return note


def computing(x):
    return x.astype(np.float64 if x.dtype == np.float64 else np.float32)


@right("conv2d")
def conv_by_shifts_backwards(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Sum up shifted pictures, from the last weight to the first, in the dtype computed in."""
    (sh, sw), (dh, dw) = pair(stride), pair(dilation)
    (kh, kw), channels = weight.shape[2:], weight.shape[1]
    if padding == "same":
        total = [d * (k - 1) for d, k in zip((dh, dw), (kh, kw), strict=True)]
        wide = np.pad(computing(x), [(0, 0)] * (x.ndim - 2) + [(t // 2, t - t // 2) for t in total])
    else:
        wide = padded(computing(x), padding, 0)
    oh = (wide.shape[-2] - dh * (kh - 1) - 1) // sh + 1
    ow = (wide.shape[-1] - dw * (kw - 1) - 1) // sw + 1
    out = np.zeros((*x.shape[:-3], weight.shape[0], oh, ow), wide.dtype)
    for k in range(weight.shape[0]):
        first = k // (weight.shape[0] // groups) * channels
        for c in reversed(range(channels)):
            for u in reversed(range(kh)):
                for v in reversed(range(kw)):
                    cells = wide[..., first + c, u * dh :, v * dw :][
                        ..., : (oh - 1) * sh + 1 : sh, : (ow - 1) * sw + 1 : sw
                    ]
                    out[..., k, :, :] += cells * computing(weight)[k, c, u, v]
    return (out if bias is None else out + computing(bias)[:, None, None]).astype(x.dtype)


@right("conv2d")
def conv_in_double(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    wide = [None if a is None else a.astype(np.float64) for a in (x, weight, bias)]
    with segalgo.use_backend("reference"):
        return segalgo.conv2d(*wide, stride, padding, dilation, groups).astype(x.dtype)


@right("conv_transpose2d")
def transposed_by_inserted_zeros(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Put zeros between the cells, then convolve with the turned kernel."""
    (sh, sw), (dh, dw), (ph, pw) = pair(stride), pair(dilation), pair(padding)
    eh, ew = pair(output_padding)
    rows, columns = x.shape[-2:]
    spread = np.zeros((*x.shape[:-2], (rows - 1) * sh + 1, (columns - 1) * sw + 1), x.dtype)
    spread[..., ::sh, ::sw] = x
    reach = (dh * (weight.shape[2] - 1), dw * (weight.shape[3] - 1))
    spread = np.pad(spread, [(0, 0)] * (x.ndim - 2) + [(reach[0], reach[0] + eh), (reach[1], reach[1] + ew)])
    inputs, outputs = weight.shape[0] // groups, weight.shape[1]
    turned = weight.reshape(groups, inputs, *weight.shape[1:]).swapaxes(1, 2)[..., ::-1, ::-1]
    turned = np.ascontiguousarray(turned).reshape(groups * outputs, inputs, *weight.shape[2:])
    out = conv_by_shifts_backwards(spread, turned, bias, 1, 0, (dh, dw), groups)
    return out[..., ph : out.shape[-2] - ph, pw : out.shape[-1] - pw].copy()


@right("max_pool2d")
def pool_by_windows(x, kernel_size, stride=None, padding=0, ceil_mode=False, return_indices=True):
    """Take windows as views, and argmax of each; dilation and integers are not offered."""
    if x.dtype.kind != "f":
        raise TypeError(f"x has dtype {x.dtype}: expected floats")
    (kh, kw), (ph, pw) = pair(kernel_size), pair(padding)
    sh, sw = pair(kernel_size if stride is None else stride)
    sizes = []
    for n, k, s, p in zip(x.shape[-2:], (kh, kw), (sh, sw), (ph, pw), strict=True):
        size = (n + 2 * p - k + (s - 1 if ceil_mode else 0)) // s + 1
        sizes.append(size - (ceil_mode and (size - 1) * s >= n + p))
    more = [
        max((size - 1) * s + k - n - p, p)
        for size, s, k, n, p in zip(sizes, (sh, sw), (kh, kw), x.shape[-2:], (ph, pw), strict=True)
    ]
    amounts = [(0, 0)] * (x.ndim - 2) + [(ph, more[0]), (pw, more[1])]
    wide = np.pad(x, amounts, constant_values=-np.inf)
    inside = np.pad(np.arange(x.shape[-2] * x.shape[-1]).reshape(x.shape[-2:]), amounts[-2:], constant_values=-1)
    cells = sliding_window_view(wide, (kh, kw), (-2, -1))[..., ::sh, ::sw, :, :][..., : sizes[0], : sizes[1], :, :]
    places = sliding_window_view(inside, (kh, kw))[::sh, ::sw][: sizes[0], : sizes[1]].reshape(*sizes, kh * kw)
    flat = cells.reshape(*cells.shape[:-2], kh * kw)
    # A cell of the padding loses against -inf of the picture; the last NaN wins over all.
    key = np.where(places < 0, -1, np.where(np.isnan(flat), np.arange(flat.shape[-1]) + 2, 0))
    real = np.where(key > 0, np.inf, flat)
    rank = np.where(
        key >= 2,
        key,
        np.where(
            key < 0,
            -1,
            (real >= np.where(key < 0, -np.inf, np.where(key > 0, -np.inf, real)).max(-1, keepdims=True)).astype(int),
        ),
    )
    best = rank.argmax(-1)
    values = np.take_along_axis(flat, best[..., None], -1)[..., 0]
    indices = np.take_along_axis(np.broadcast_to(places, flat.shape), best[..., None], -1)[..., 0]
    return values, indices.astype(np.int64)


@right("avg_pool2d")
def mean_by_correlation(x, kernel_size, stride=None, padding=0):
    """Add up shifted pictures, columns first, in the dtype computed in."""
    (kh, kw), wide = pair(kernel_size), padded(computing(x), padding, 0)
    sh, sw = pair(kernel_size if stride is None else stride)
    height, width = wide.shape[-2] - kh + 1, wide.shape[-1] - kw + 1
    total = sum(wide[..., v : v + width] for v in reversed(range(kw)))
    total = sum(total[..., u : u + height, :] for u in range(kh))
    return (total[..., ::sh, ::sw] / total.dtype.type(kh * kw)).astype(x.dtype)


@right("softmax")
def softmax_of_scipy(x, axis):
    return special.softmax(computing(x), axis).astype(x.dtype) if x.size else x.copy()


@right("log_softmax")
def log_softmax_backwards(x, axis):
    if x.size == 0:
        return x.copy()
    wide = computing(x)
    shifted = np.flip(wide - wide.max(axis, keepdims=True), axis)
    return np.flip(shifted - np.log(np.exp(shifted).sum(axis, keepdims=True)), axis).astype(x.dtype)


@right("sigmoid")
def expit(x):
    return special.expit(computing(x)).astype(x.dtype)


@right("gelu")
def gelu_by_the_normal_distribution(x, approximate="none"):
    wide = x.astype(np.float64)
    return (wide * special.ndtr(wide)).astype(x.dtype) if approximate == "none" else segalgo.gelu(x, approximate)


@right("linear")
def linear_backwards(x, weight, bias=None):
    wide, matrix = computing(x), computing(weight)
    out = np.zeros((*x.shape[:-1], weight.shape[0]), wide.dtype)
    for k in reversed(range(x.shape[-1])):
        out += wide[..., k, None] * matrix[:, k]
    return (out if bias is None else out + computing(bias)).astype(x.dtype)


@right("batch_norm")
def folded(x, mean, var, weight=None, bias=None, *, eps=1e-5):
    """One factor and one summand a channel, folded in the dtype computed in."""
    shape = (-1,) + (1,) * (x.ndim - 2)
    scale = 1 / np.sqrt(computing(var) + computing(var).dtype.type(eps))
    scale = scale if weight is None else scale * computing(weight)
    shift = -computing(mean) * scale if bias is None else computing(bias) - computing(mean) * scale
    return (computing(x) * scale.reshape(shape) + shift.reshape(shape)).astype(x.dtype)


@right("layer_norm")
def two_passes(x, normalized_shape, weight=None, bias=None, eps=1e-5):
    axes = tuple(range(-len(normalized_shape), 0))
    wide = computing(x)
    if x.size == 0:
        return x.copy()
    centred = wide - wide.mean(axes, keepdims=True)
    out = centred / np.sqrt((centred * centred).mean(axes, keepdims=True) + wide.dtype.type(eps))
    return (out if weight is None else out * computing(weight) + computing(bias)).astype(x.dtype)


@right("interpolate")
def bilinear_in_double(x, size=None, scale_factor=None, mode="nearest", align_corners=None):
    if mode != "bilinear":
        return segalgo.interpolate(x, size, scale_factor, mode, align_corners)
    return segalgo.interpolate(x.astype(np.float64), size, scale_factor, mode, align_corners).astype(x.dtype)


@right("pad")
def pad_of_numpy(x, pad, mode="constant", value=None):
    if min(pad) < 0:
        return segalgo.pad(x, pad, mode, value)
    left, right_, top, bottom = (*pad, 0, 0)[:4]
    amounts = [(0, 0)] * (x.ndim - 2) + [(top, bottom), (left, right_)]
    word = {"replicate": "edge", "circular": "wrap"}.get(mode, mode)
    return np.pad(x, amounts, word, **({"constant_values": value or 0} if mode == "constant" else {}))


@right("label")
def label_of_scikit_image(image, background=0, return_num=True, connectivity=None):
    if image.ndim > 3:
        return segalgo.label(image, background, True, connectivity)
    labels, count = measure.label(image, background=background or 0, return_num=True, connectivity=connectivity)
    return labels.astype(np.int32), count


@right("find_boundaries")
def boundaries_of_scikit_image(label_img, connectivity=1, mode="thick"):
    if mode == "subpixel" or label_img.dtype.itemsize == 8:  # it compares them as float64
        return segalgo.find_boundaries(label_img, connectivity, mode)
    if label_img.size == 0:
        return np.zeros(label_img.shape, bool)
    return segmentation.find_boundaries(label_img, connectivity, mode)


@right("fill_holes")
def fill_of_scipy(image, connectivity=1):
    if image.dtype != bool:
        return segalgo.fill_holes(image, connectivity)
    return ndimage.binary_fill_holes(image, ndimage.generate_binary_structure(image.ndim, 1))


@right("binarize")
def not_at_most(image, threshold, foreground="above"):
    above = ~(image <= threshold) & (image == image)
    if np.asarray(threshold).dtype.kind == "f" or image.dtype.kind == "f":
        return segalgo.binarize(image, threshold, foreground)
    return above if foreground == "above" else ~above


@right("threshold_otsu")
def otsu_of_scikit_image(image=None, nbins=256, *, mask=None):
    # scikit-image refuses pictures whose bins the dtype cannot tell apart, and ranges that it cannot hold.
    try:
        with np.errstate(all="ignore"):
            np.histogram_bin_edges(image, nbins)
        least = 1e-300 if image.dtype.kind != "f" else nbins * float(np.finfo(image.dtype).tiny)
        apart = image.dtype != np.float16 and least < float(np.ptp(image.astype(np.float64))) < 1e300
    except (ValueError, IndexError):
        apart = False
    if image.dtype.kind == "f" and not apart:
        return segalgo.threshold_otsu(image, nbins, mask=mask)
    return filters.threshold_otsu(image if mask is None else image[mask], nbins)


@right("threshold_niblack")
def niblack_by_convolution(image, window_size=15, k=0.2):
    """Sums of windows by two passes of ones over the mirrored picture less one of its values, in float64."""
    wide = image.astype(np.float64)
    shift = wide.flat[0] if wide.size else 0.0
    wide = wide - shift
    half = window_size // 2
    reach = [(half, half)] * image.ndim
    sums = []
    for cells in (wide, wide * wide):
        total = np.pad(cells, reach, "reflect") if min(image.shape) > 1 else _mirrored(cells, half)
        for axis in range(image.ndim):
            ones = np.ones(window_size).reshape([-1 if a == axis else 1 for a in range(image.ndim)])
            total = signal.convolve(total, ones, "valid", "direct")
        sums.append(total / float(window_size) ** image.ndim)
    m, s = sums[0], np.sqrt(np.maximum(sums[1] - sums[0] ** 2, 0))
    narrow = image.dtype in (np.float16, np.float32)
    return (m + shift - k * s).astype(np.float32 if narrow else np.float64)


def _mirrored(cells, half):
    for axis, n in enumerate(cells.shape):
        at = np.arange(-half, n + half) % max(2 * n - 2, 1)
        cells = cells.take(np.minimum(at, 2 * n - 2 - at) if n > 1 else at * 0, axis)
    return cells
