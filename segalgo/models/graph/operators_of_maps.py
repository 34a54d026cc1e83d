"""Operators on maps (N, C, H, W): convolution, pooling, normalization, padding, sampling."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segalgo.layers.sizes import avg_pool_size, conv_transpose_size
from segalgo.models.graph.lowering import Lowering, operator
from segalgo.models.graph.nodes import GraphError, Node

NO_BORDER = (0, 0, 0, 0)


def _pair(attributes: Mapping[str, Any], name: str) -> tuple[int, int]:
    values = tuple(attributes.get(name) or (1, 1))
    if len(values) != 2:
        raise GraphError(f"{name}={values}: expected one value for rows and one for columns")
    return values


def _check_maps(x: Any) -> None:
    if len(x.shape) != 4:
        raise GraphError(f"an input of shape {tuple(x.shape)}: expected (N, C, H, W)")


def _borders(node: Node, x: Any, kernel: Sequence[int]) -> tuple[int, int, int, int]:
    """Return cells to add (top, left, bottom, right)."""
    a = node.attributes
    auto = a.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", ""):
        pads = tuple(a.get("pads") or NO_BORDER)
        if len(pads) != 4:
            raise GraphError(f"pads={pads}: expected four")
        return pads
    if auto == "VALID":
        return NO_BORDER
    stride, dilation = _pair(a, "strides"), _pair(a, "dilations")
    totals = [
        max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    less, more = [t // 2 for t in totals], [t - t // 2 for t in totals]
    return (*less, *more) if auto == "SAME_UPPER" else (*more, *less)


def _padded(g: Lowering, node: Node, x: Any, borders: Sequence[int], value: float = 0.0) -> Any:
    """Return x with cells added (top, left, bottom, right)."""
    if not any(borders):
        return x
    top, left, bottom, right = borders
    amounts = (left, right, top, bottom)
    return g.layers.pad(x, g.name(f"{node.name}_pad"), amounts, "constant", value or None)


@operator("Conv")
def _conv(g: Lowering, node: Node) -> Any:
    x, weight = g.value(node, 0), g.weight(node, 1)
    _check_maps(x)
    if weight.ndim != 4:
        raise GraphError(f"weights of shape {weight.shape}: expected (O, I, H, W)")
    a, kernel = node.attributes, weight.shape[2:]
    top, left, bottom, right = _borders(node, x, kernel)
    padding: Any = (top, left)
    if (top, left) != (bottom, right) or min(top, left) < 0:
        x, padding = _padded(g, node, x, (top, left, bottom, right)), 0
    name = g.name_of(node, 1)
    bias = g.given(node, 2)
    g.own(name, weight=weight, **({"bias": g.weight(node, 2)} if bias else {}))
    options = (_one(_pair(a, "strides")), _one(padding), _one(_pair(a, "dilations")))
    return g.layers.conv2d(x, name, weight.shape[0], _one(kernel), *options, a.get("group", 1), bias)


@operator("ConvTranspose")
def _conv_transpose(g: Lowering, node: Node) -> Any:
    x, weight = g.value(node, 0), g.weight(node, 1)
    _check_maps(x)
    if weight.ndim != 4:
        raise GraphError(f"weights of shape {weight.shape}: expected (I, O, H, W)")
    a, kernel = node.attributes, weight.shape[2:]
    stride, dilation, groups = _pair(a, "strides"), _pair(a, "dilations"), a.get("group", 1)
    extra = tuple(a.get("output_padding") or (0, 0))
    axes = zip("HW", x.shape[2:], kernel, stride, dilation, strict=True)
    full = [conv_transpose_size(axis, n, k, s, dilation=d) for axis, n, k, s, d in axes]
    wanted, auto = a.get("output_shape"), a.get("auto_pad", "NOTSET")
    if wanted is None and auto in ("SAME_UPPER", "SAME_LOWER"):
        wanted = [n * s for n, s in zip(x.shape[2:], stride, strict=True)]
    if wanted is None:
        pads = tuple(a.get("pads") or NO_BORDER) if auto != "VALID" else NO_BORDER
        begins, sizes = pads[:2], [f + e - b - c for f, e, b, c in zip(full, extra, pads[:2], pads[2:], strict=True)]
    else:
        sizes = list(wanted)[-2:]
        totals = [f + e - n for f, e, n in zip(full, extra, sizes, strict=True)]
        # The smaller half comes first but for SAME_LOWER; a size beyond the full one begins where that does.
        begins = tuple(max(t - t // 2 if auto == "SAME_LOWER" else t // 2, 0) for t in totals)
    # With p cells off each side the layer gives full - 2p + output_padding cells; what is too much is cropped.
    added = [n - (f - 2 * b) for n, f, b in zip(sizes, full, begins, strict=True)]
    most = [max(s, d) - 1 for s, d in zip(stride, dilation, strict=True)]
    if any(more > limit for more, limit in zip(added, most, strict=True)) or min(begins) < 0:
        raise GraphError(f"an output of {sizes} from {x.shape[2:]} cells: expected less output padding")
    name = g.name_of(node, 1)
    bias = g.given(node, 2)
    g.own(name, weight=weight, **({"bias": g.weight(node, 2)} if bias else {}))
    options = (_one(stride), _one(begins), _one([max(n, 0) for n in added]), groups, _one(dilation), bias)
    y = g.layers.conv_transpose2d(x, name, weight.shape[1] * groups, _one(kernel), *options)
    return _cut(g, y, name, sizes)


def _one(values: Any) -> Any:
    """Return one number for two equal ones."""
    if isinstance(values, int):
        return values
    values = tuple(map(int, values))
    return values[0] if values[0] == values[1] else values


@operator("MaxPool")
def _max_pool(g: Lowering, node: Node) -> Any:
    x, a = g.value(node, 0), node.attributes
    _check_maps(x)
    kernel, dilation = tuple(a["kernel_shape"]), _pair(a, "dilations")
    top, left, bottom, right = _borders(node, x, kernel)
    indices = len(node.outputs) > 1 and bool(node.outputs[1])
    if indices and a.get("storage_order"):
        raise GraphError("storage_order=1: expected indices in row order")
    symmetric = (top, left) == (bottom, right)
    fits = all(2 * p <= d * (k - 1) + 1 for p, k, d in zip((top, left), kernel, dilation, strict=True))
    padding: Any = (top, left)
    by_layer = symmetric and fits
    if not by_layer:
        if indices:
            raise GraphError("indices of a pooling with unequal borders")
        x, padding = _padded(g, node, x, (top, left, bottom, right), -math.inf), 0
    ceil, stride = bool(a.get("ceil_mode")), _pair(a, "strides")
    name = g.name_of(node)
    y = g.layers.max_pool2d(x, name, _one(kernel), _one(stride), _one(padding), _one(dilation), ceil, indices)
    if by_layer or not ceil:
        return y
    # The layer takes the cells after the picture for cells of it, so a window may begin there: not by ONNX's rule.
    begun = [-(-(n - after) // s) for n, after, s in zip(x.shape[2:], (bottom, right), stride, strict=True)]
    return _cut(g, y, name, [min(n, most) for n, most in zip(y.shape[2:], begun, strict=True)])


def _cut(g: Lowering, y: Any, name: str, size: Sequence[int], begin: Sequence[int] = (0, 0)) -> Any:
    """Return so many cells of y from a place on; y itself if these are all."""
    if tuple(y.shape[2:]) == tuple(size):
        return y
    return g.layers.crop(y, g.name(f"{name}_crop"), tuple(map(int, size)), tuple(map(int, begin)))


@operator("MaxUnpool")
def _max_unpool(g: Lowering, node: Node) -> Any:
    x, indices, a = g.value(node, 0), g.value(node, 1), node.attributes
    if any(a.get("pads") or NO_BORDER):
        raise GraphError(f"pads={a['pads']}: expected none")
    size = tuple(int(n) for n in g.array(node, 2)[-2:]) if g.given(node, 2) else a.get("size")
    return g.layers.max_unpool2d(x, indices, g.name_of(node), size, _one(a["kernel_shape"]), _one(_pair(a, "strides")))


@operator("AveragePool")
def _average_pool(g: Lowering, node: Node) -> Any:
    x, a = g.value(node, 0), node.attributes
    _check_maps(x)
    kernel, stride = tuple(a["kernel_shape"]), _pair(a, "strides")
    if _pair(a, "dilations") != (1, 1):
        raise GraphError(f"dilations={a['dilations']}: expected 1 for averages")
    borders = _borders(node, x, kernel)
    name = g.name_of(node)
    if not any(borders) and kernel == tuple(x.shape[2:]):
        return g.layers.adaptive_avg_pool2d(x, name, 1)
    ceil, counted = bool(a.get("ceil_mode")), bool(a.get("count_include_pad", 0))
    (top, left, bottom, right), (rows, columns) = borders, kernel
    symmetric = (top, left) == (bottom, right) and 2 * top <= rows and 2 * left <= columns
    if symmetric:
        return g.layers.avg_pool2d(x, name, _one(kernel), _one(stride), _one((top, left)), ceil, counted)
    if ceil:
        raise GraphError(f"node {node}: ceil_mode with unequal borders")
    if counted:
        return g.layers.avg_pool2d(_padded(g, node, x, borders), name, _one(kernel), _one(stride))
    if a.get("auto_pad", "NOTSET") in ("NOTSET", ""):
        return _average_of_inside(g, node, x, name, borders)
    return _average_of_same(g, node, x, name, borders)


def _average_of_inside(g: Lowering, node: Node, x: Any, name: str, borders: Sequence[int]) -> Any:
    """Return averages of the picture's cells alone: those with borders of 0, divided by those of ones."""
    kernel, stride = _one(node.attributes["kernel_shape"]), _one(_pair(node.attributes, "strides"))
    y = g.layers.avg_pool2d(_padded(g, node, x, borders), name, kernel, stride)
    one = g.constant(np.ones((1, 1, 1, 1), np.float32), f"{name}_one")
    ones = g.layers.expand(one, g.name(f"{name}_ones"), (1, 1, *x.shape[2:]))
    shares = g.layers.avg_pool2d(_padded(g, node, ones, borders), g.name(f"{name}_shares"), kernel, stride)
    return g.layers.divide(y, shares, g.name(f"{name}_inside"))


def _average_of_same(g: Lowering, node: Node, x: Any, name: str, borders: Sequence[int]) -> Any:
    """Return averages of the picture's cells alone, with the borders of `auto_pad`; its layers hold no constants.

    Whether these borders are unequal depends on the size of the picture, but a network has the same parameters at all.
    """
    kernel, stride = node.attributes["kernel_shape"], _pair(node.attributes, "strides")
    axes = zip("HW", x.shape[2:], kernel, stride, borders[:2], borders[2:], strict=True)
    padding, skipped, size = zip(*(_equal_borders(node, *axis) for axis in axes), strict=True)
    y = g.layers.avg_pool2d(x, name, _one(kernel), _one(stride), _one(padding), True, False)
    return _cut(g, y, name, size, skipped)


def _equal_borders(node: Node, axis: str, n: int, k: int, s: int, before: int, after: int) -> tuple[int, int, int]:
    """Return a border for both sides of an axis, how many of its windows to leave out first, and how many to keep.

    Only the picture's cells count in the averages, so it is enough that the windows begin at the right cells; the last
    one may reach beyond the border. `auto_pad` never asks for more than half the kernel.
    """
    size = (n + before + after - k) // s + 1
    for border in range(before, k // 2 + 1, s):
        skipped = (border - before) // s
        if avg_pool_size(axis, n, k, s, border, True) >= skipped + size:
            return border, skipped, size
    raise GraphError(f"node {node}: borders of {before} and {after} cells along {axis}: expected pads, not auto_pad")


@operator("GlobalAveragePool")
def _global_average(g: Lowering, node: Node) -> Any:
    x = g.value(node, 0)
    if len(x.shape) == 4:
        return g.layers.adaptive_avg_pool2d(x, g.name_of(node), 1)
    return g.layers.reduce_mean(x, g.name_of(node), tuple(range(2, len(x.shape))))


@operator("GlobalMaxPool")
def _global_max(g: Lowering, node: Node) -> Any:
    x = g.value(node, 0)
    return g.layers.reduce_max(x, g.name_of(node), tuple(range(2, len(x.shape))))


@operator("BatchNormalization")
def _batch_norm(g: Lowering, node: Node) -> Any:
    if node.attributes.get("training_mode") or len([name for name in node.outputs if name]) > 1:
        raise GraphError("batch normalization in training: expected stored statistics")
    name = g.name_of(node, 1)
    entries = ("weight", "bias", "running_mean", "running_var")
    g.own(name, **{entry: g.weight(node, k + 1) for k, entry in enumerate(entries)})
    return g.layers.batch_norm(g.value(node, 0), name, float(node.attributes.get("epsilon", 1e-5)))


@operator("InstanceNormalization")
def _instance_norm(g: Lowering, node: Node) -> Any:
    x, name = g.value(node, 0), g.name_of(node, 1)
    g.own(name, weight=g.weight(node, 1), bias=g.weight(node, 2))
    return g.layers.group_norm(x, name, x.shape[1], float(node.attributes.get("epsilon", 1e-5)))


@operator("GroupNormalization")
def _group_norm(g: Lowering, node: Node) -> Any:
    x, name, groups = g.value(node, 0), g.name_of(node, 1), node.attributes["num_groups"]
    weight, bias = g.weight(node, 1), g.weight(node, 2)
    if weight.shape != (x.shape[1],):  # before version 21: one for each group
        weight, bias = (np.repeat(g.array(node, k), x.shape[1] // groups) for k in (1, 2))
    g.own(name, weight=weight, bias=bias)
    return g.layers.group_norm(x, name, groups, float(node.attributes.get("epsilon", 1e-5)))


@operator("LayerNormalization")
def _layer_norm(g: Lowering, node: Node) -> Any:
    x, name = g.value(node, 0), g.name_of(node, 1)
    axis = node.attributes.get("axis", -1) % len(x.shape)
    shape = tuple(int(n) for n in x.shape[axis:])
    weight = np.broadcast_to(g.weight(node, 1), shape)
    bias = np.broadcast_to(g.weight(node, 2), shape) if g.given(node, 2) else np.zeros(shape, np.float32)
    g.own(name, weight=weight, bias=bias)
    return g.layers.layer_norm(
        x, name, shape[0] if len(shape) == 1 else shape, float(node.attributes.get("epsilon", 1e-5))
    )


@operator("LRN")
def _local_response_norm(g: Lowering, node: Node) -> Any:
    a = node.attributes
    options = (a["size"], float(a.get("alpha", 1e-4)), float(a.get("beta", 0.75)), float(a.get("bias", 1.0)))
    if a["size"] % 2 == 0:
        raise GraphError(f"size={a['size']}: expected an odd one")
    return g.layers.local_response_norm(g.value(node, 0), g.name_of(node), *options)


@operator("Pad")
def _pad(g: Lowering, node: Node) -> Any:
    x, a = g.value(node, 0), node.attributes
    _check_maps(x)
    pads = [int(n) for n in (g.array(node, 1) if g.given(node, 1) else a["pads"])]
    mode, value = a.get("mode", "constant"), a.get("value", 0.0)
    if g.given(node, 2):
        value = float(g.array(node, 2).reshape(-1)[0])
    axes = [int(k) % 4 for k in g.array(node, 3)] if g.given(node, 3) else list(range(4))
    if len(pads) != 2 * len(axes):
        raise GraphError(f"pads={pads}: expected two for each axis")
    before, after = [0] * 4, [0] * 4
    for k, axis in enumerate(axes):
        before[axis], after[axis] = pads[k], pads[k + len(axes)]
    if before[0] or after[0] or min(before[1], after[1]) < 0:
        raise GraphError(f"pads={pads}: expected none for the batch, and none that take channels away")
    modes = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}
    name = g.name_of(node)
    if any((*before[2:], *after[2:])):
        amounts = (before[3], after[3], before[2], after[2])
        x = g.layers.pad(x, name, amounts, modes[mode], float(value) if mode == "constant" and value else None)
    if before[1] or after[1]:
        if mode != "constant":
            raise GraphError(f"pads={pads}, mode={mode!r}: expected constants for channels")
        parts = [_filled(g, x, before[1], value, name), x, _filled(g, x, after[1], value, name)]
        x = g.layers.concatenate(*(part for part in parts if part is not None), g.name(f"{name}_joined"))
    return x


def _filled(g: Lowering, x: Any, count: int, value: float, name: str) -> Any:
    """Return so many channels of one value, of the batch and size of x; None for none."""
    if not count:
        return None
    filled = g.constant(np.full((1, count, 1, 1), value, np.float32), f"{name}_channels")
    return g.layers.expand(filled, g.name(f"{name}_expanded"), (x.shape[0], count, *x.shape[2:]))


@operator("Resize", "Upsample")
def _resize(g: Lowering, node: Node) -> Any:
    x, a = g.value(node, 0), node.attributes
    _check_maps(x)
    sizes, scales = _sizes_of(g, node, x)
    mode = {"bilinear": "linear"}.get(a.get("mode", "nearest"), a.get("mode", "nearest"))
    old = node.operation == "Upsample" or g.graph.opset < 11
    coordinates = "asymmetric" if old else a.get("coordinate_transformation_mode", "half_pixel")
    nearest = "floor" if old else a.get("nearest_mode", "round_prefer_floor")
    if a.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        raise GraphError(f"keep_aspect_ratio_policy={a['keep_aspect_ratio_policy']!r}: expected stretch")
    if coordinates == "tf_crop_and_resize":
        raise GraphError("coordinate_transformation_mode='tf_crop_and_resize': expected one of whole pictures")
    name = g.name_of(node)
    if sizes == tuple(x.shape[2:]) and coordinates not in ("tf_half_pixel_for_nn",) and scales is None:
        return x
    if mode == "linear" and scales is None and not a.get("antialias") and not a.get("exclude_outside"):
        if coordinates == "half_pixel" or (coordinates == "pytorch_half_pixel" and 1 not in sizes):
            return g.layers.interpolate(x, name, size=sizes, mode="bilinear", align_corners=False)
        if coordinates == "align_corners":
            return g.layers.interpolate(x, name, size=sizes, mode="bilinear", align_corners=True)
    whole = all(m % n == 0 for n, m in zip(x.shape[2:], sizes, strict=True))
    if mode == "nearest" and scales is None and whole:
        usual = (coordinates == "asymmetric" and nearest == "floor") or (
            coordinates in ("half_pixel", "pytorch_half_pixel") and nearest == "round_prefer_floor"
        )
        if usual:
            return g.layers.interpolate(x, name, size=sizes, mode="nearest")
    options = {
        "nearest_mode": nearest,
        "cubic_coeff_a": float(a.get("cubic_coeff_a", -0.75)),
        "exclude_outside": bool(a.get("exclude_outside")),
        "antialias": bool(a.get("antialias")),
    }
    return g.layers.resample(x, name, sizes, scales, mode, coordinates, **options)


def _sizes_of(g: Lowering, node: Node, x: Any) -> tuple[tuple[int, int], tuple[float, float] | None]:
    """Return height and width of the output, and the factors where these are not the quotients of the sizes."""
    a = node.attributes
    axes = [k % 4 for k in a["axes"]] if a.get("axes") else list(range(4))
    places = {"Upsample": (1, None)}.get(node.operation, (2, 3) if g.graph.opset >= 11 else (1, None))
    given = [
        None if k is None or not g.given(node, k) or not g.array(node, k).size else g.array(node, k) for k in places
    ]
    factors, sizes = given
    if factors is None and sizes is None:
        factors = a.get("scales")
    if sizes is not None:
        by_axis: dict[int, Any] = {axis: int(n) for axis, n in zip(axes, sizes, strict=True)}
        if any(by_axis.get(k, x.shape[k]) != x.shape[k] for k in (0, 1)):
            raise GraphError(f"sizes={list(by_axis.values())}: expected the batch and the channels as they are")
        result = tuple(by_axis.get(k, x.shape[k]) for k in (2, 3))
        _check_size(result)
        return result, None
    if factors is None:
        raise GraphError("neither sizes nor scales")
    by_axis = {axis: float(f) for axis, f in zip(axes, factors, strict=True)}
    if any(by_axis.get(k, 1.0) != 1 for k in (0, 1)) or not all(0 < f < 1e6 for f in by_axis.values()):
        raise GraphError(f"scales={list(by_axis.values())}: expected 1 for the batch and the channels")
    scales = tuple(by_axis.get(k, 1.0) for k in (2, 3))
    # Computed in single precision as in the files: 65 * 7.8923077 is 513 there.
    exact = [float(np.float32(n) * np.float32(f)) for n, f in zip(x.shape[2:], scales, strict=True)]
    result = tuple(map(math.floor, exact))
    _check_size(result)
    same = list(result) == exact
    return result, None if same else scales


def _check_size(size: Sequence[int]) -> None:
    if not all(1 <= n < 2**31 for n in size):
        raise GraphError(f"an output of {tuple(size)} cells: expected at least 1")
