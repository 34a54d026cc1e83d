"""Operations on pictures and labels with one bug each, and functions that keep a state."""

import itertools

import numpy as np
from scipy import ndimage

import segalgo

from .network_layers import bug, reference

# Labels


@bug("edges alone", "label", pattern="connectivity is 'all'")
def _(image, background=0, return_num=False, connectivity=None, wrap=None, delta=0):
    return reference("label", image, background, True, 1, wrap=wrap, delta=delta)


@bug("wrap forgotten", "label", pattern="wrap is not None")
def _(image, background=0, return_num=False, connectivity=None, wrap=None, delta=0):
    return reference("label", image, background, True, connectivity, delta=delta)


@bug("background always 0", "label", pattern="background is not 0")
def _(image, background=0, return_num=False, connectivity=None, wrap=None, delta=0):
    return reference("label", image, 0, True, connectivity, wrap=wrap, delta=delta)


@bug("numbers in another order", "label", pattern="")
def _(image, background=0, return_num=False, connectivity=None, wrap=None, delta=0):
    labels, count = reference("label", image, background, True, connectivity, wrap=wrap, delta=delta)
    return np.where(labels > 0, count + 1 - labels, 0).astype(labels.dtype), count


@bug("few rounds of propagation", "label", pattern="")
def _(image, background=0, return_num=False, connectivity=None, wrap=None, delta=0):
    """Spreads the smallest number five times: enough for blobs, not for an arm that winds."""
    exact, count = reference("label", image, background, True, connectivity, wrap=wrap, delta=delta)
    if wrap is not None or image.size > 2000 or image.ndim != 2 or exact.size == 0 or delta:
        return exact, count
    first = np.arange(1, image.size + 1).reshape(image.shape)
    near = ndimage.generate_binary_structure(2, 1 if connectivity == 1 else 2)
    for _ in range(5 * max(image.shape) // 4):
        spread = first
        for number in range(1, count + 1):
            inside = exact == number
            low = ndimage.grey_erosion(np.where(inside, first, image.size + 1), footprint=near)
            spread = np.where(inside, low, spread)
        first = spread
    seen = np.unique(first[exact > 0])
    return np.where(exact > 0, np.searchsorted(seen, first) + 1, 0).astype(exact.dtype), int(seen.size)


@bug("one direction alone", "same_partition", "wrong outputs")
def _(a, b):
    """Two labels of a may share one of b."""
    names = {0: 0}
    for place, (x, y) in enumerate(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True)):
        if names.setdefault(x, y) != y:
            return segalgo.Partition(False, tuple(int(k) for k in np.unravel_index(place, a.shape)))
    return segalgo.Partition(True, None)


@bug("size that stays is one off", "remove_small_objects", pattern="")
def _(labels, connectivity=1, *, max_size=64):
    return reference("remove_small_objects", labels, connectivity, max_size=max_size + 1)


@bug("last of equal areas", "largest_components", pattern="")
def _(labels, k=1, connectivity=None, *, relabel=False):
    if labels.dtype == bool or relabel:
        return reference("largest_components", labels, k, connectivity, relabel=relabel)
    names, areas = np.unique(labels[labels > 0], return_counts=True)
    kept = names[np.lexsort((-names.astype(float), -areas))[:k]]
    return np.where(np.isin(labels, kept), labels, labels.dtype.type(0))


@bug("holes open at corners", "fill_holes", pattern="")
def _(image, connectivity=1):
    return reference("fill_holes", image, image.ndim)


@bug("mask forgotten", "clear_border", pattern="mask is True")
def _(labels, buffer_size=0, bgval=0, mask=None):
    return reference("clear_border", labels, buffer_size, bgval)


@bug("offset forgotten", "relabel_sequential", pattern="offset is not 1")
def _(label_field, offset=1):
    return reference("relabel_sequential", label_field)


@bug("boxes that hold their last cell", "label_statistics")
def _(labels, intensity_image=None, num_labels=None):
    found = reference("label_statistics", labels, intensity_image, num_labels)
    box = found.bounding_box.copy()
    box[:, labels.ndim :] -= 1
    return found._replace(bounding_box=box)


@bug("intensities in float32", "label_statistics", pattern="")
def _(labels, intensity_image=None, num_labels=None):
    found = reference("label_statistics", labels, intensity_image, num_labels)
    if found.intensity_sum is None or found.intensity_sum.dtype != np.float64:
        return found
    return found._replace(intensity_sum=found.intensity_sum.astype(np.float32).astype(np.float64))


@bug("every contact counted from both sides", "contacts")
def _(labels, connectivity=1, background=False):
    pairs, counts = reference("contacts", labels, connectivity, background)
    return pairs, 2 * counts


@bug("the other connectivity", "euler_number", pattern="")
def _(image, connectivity=None):
    return reference("euler_number", image, 1 if connectivity != 1 else image.ndim)


@bug("inner as thick", "find_boundaries", pattern="mode is 'inner'")
def _(label_img, connectivity=1, mode="thick", background=0):
    return reference("find_boundaries", label_img, connectivity, "thick" if mode == "inner" else mode, background)


# Thresholds


@bug("threshold belongs to the foreground", "binarize", pattern="")
def _(image, threshold, foreground="above"):
    return image >= threshold if foreground == "above" else image < threshold


@bug("low above high not swapped", "apply_hysteresis_threshold", pattern="levels is (60, 30)")
def _(image, low, high):
    if low > high:
        return image > low
    return reference("apply_hysteresis_threshold", image, low, high)


@bug("mask of the picture forgotten", "threshold_otsu", pattern="mask is True")
def _(image=None, nbins=256, *, hist=None, mask=None):
    return reference("threshold_otsu", image, nbins)


@bug("256 bins for 16 bits", "threshold_otsu", pattern="")
def _(image=None, nbins=256, *, hist=None, mask=None):
    if image.dtype.itemsize > 1 and image.dtype.kind in "iu":
        chosen = image if mask is None else image[mask]
        return np.int64(reference("threshold_otsu", chosen.astype(np.float64), 256))
    return reference("threshold_otsu", image, nbins, mask=mask)


@bug("mean in float32", "threshold_mean", pattern="")
def _(image=None, *, hist=None, mask=None):
    chosen = image if mask is None else image[mask]
    return (image.dtype.type if image.dtype.kind == "f" else np.float64)(chosen.mean(dtype=np.float32))


@bug("always mirrored", "threshold_local", pattern="mode is not 'reflect'")
def _(image, block_size=3, method="gaussian", offset=0, mode="reflect", param=None, cval=0):
    return reference("threshold_local", image, block_size, method, offset, "reflect", param)


@bug("standard deviation added", "threshold_niblack", pattern="")
def _(image, window_size=15, k=0.2):
    return reference("threshold_niblack", image, window_size, -k)


@bug("r of 8 bits for all", "threshold_sauvola", pattern="")
def _(image, window_size=15, k=0.2, r=None):
    return reference("threshold_sauvola", image, window_size, k, 128.0 if r is None else r)


# State


_calls = itertools.count()


@bug("right only on the first call", "sigmoid", "state between calls")
def _(x):
    wrong = next(_calls) > 0
    out = reference("sigmoid", x)
    return out * x.dtype.type(0.5) if wrong else out


_answers = {}


@bug("answers kept by shape", "relu", "wrong values")
def _(x):
    return _answers.setdefault((x.shape, x.dtype), np.maximum(x, 0)).copy()


_by_address = {}


@bug("answers kept by address", "gelu", "state between calls")
def _(x, approximate="none"):
    key = (x.ctypes.data, x.shape, x.strides, x.dtype, approximate)
    _by_address.setdefault(key, (x, reference("gelu", x, approximate)))
    return _by_address[key][1].copy()


_one_buffer = {}


@bug("one output for all calls", "softmax", "overwrites an earlier answer")
def _(x, axis):
    out = _one_buffer.setdefault((x.shape, x.dtype), np.zeros(x.shape, x.dtype))
    out[...] = reference("softmax", x, axis)
    return out


_chance = np.random.default_rng(0)


@bug("a race", "avg_pool2d", "not repeatable")
def _(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None):
    options = (kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override)
    out = reference("avg_pool2d", x, *options)
    return np.where(_chance.random(out.shape) < 0.3, out + x.dtype.type(1), out)


@bug("adds to memory that it did not clear", "linear", "uninitialised memory")
def _(x, weight, bias=None):
    out = np.empty((*x.shape[:-1], weight.shape[0]), x.dtype)
    exact = reference("linear", x, weight, bias)
    with np.errstate(all="ignore"):
        out *= x.dtype.type(0.001)
        out += exact
    return out


_after = itertools.count()


@bug("wrong after many calls", "log_softmax", "state between calls")
def _(x, axis):
    out = reference("log_softmax", x, axis)
    return out - x.dtype.type(1) if next(_after) > 240 else out
