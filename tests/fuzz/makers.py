"""Arguments of the public functions that the verification catalogue lacks, and what is not fuzzed, with the reason."""

from collections.abc import Callable
from typing import Any

import numpy as np

import segalgo
from segalgo import masks, metrics


def _shape(rng: np.random.Generator, ndim: int = 2) -> tuple[int, ...]:
    return tuple(int(n) for n in rng.choice([0, 1, 2, 3, 5, 8, 13, 33], ndim, p=[0.04, *[0.96 / 7] * 7]))


def _labels(rng: np.random.Generator, shape: tuple[int, ...] | None = None, most: int = 5) -> np.ndarray:
    dtype = rng.choice(["u1", "i4", "i8", "u2", "u4"])
    return rng.integers(0, most, _shape(rng) if shape is None else shape).astype(dtype)


def _mask(rng: np.random.Generator, shape: tuple[int, ...] | None = None) -> np.ndarray:
    return rng.random(_shape(rng) if shape is None else shape) < rng.choice([0.1, 0.5, 0.9])


def _pair(rng: np.random.Generator, most: int = 5) -> tuple[np.ndarray, np.ndarray]:
    shape = _shape(rng)
    return _labels(rng, shape, most), _labels(rng, shape, most)


def _image(rng: np.random.Generator, shape: tuple[int, ...] | None = None) -> np.ndarray:
    shape = _shape(rng) if shape is None else shape
    if rng.random() < 0.5:
        return rng.integers(0, 256, shape).astype(rng.choice(["u1", "u2", "i4"]))
    return (rng.standard_normal(shape) * 50).astype(rng.choice(["f4", "f8", "f2"]))


def _rle(rng: np.random.Generator, shape: tuple[int, ...] | None = None) -> dict[str, Any]:
    with segalgo.use_backend("reference"):
        code = masks.mask_to_rle(_mask(rng, shape))
        return masks.decompress_rle(code) if rng.random() < 0.5 else code


def _matrix(rng: np.random.Generator) -> np.ndarray:
    n = int(rng.integers(1, 6))
    return rng.integers(0, 50, (n, n))


def _polygon(rng: np.random.Generator) -> list[float]:
    return (rng.random(2 * int(rng.integers(3, 9))) * 20).round(1).tolist()


def _records(rng: np.random.Generator, found: bool) -> list[dict[str, Any]]:
    records = []
    for k in range(int(rng.integers(0, 6))):
        box = [float(v) for v in rng.integers(1, 20, 4)]
        record: dict[str, Any] = {
            "image_id": int(rng.integers(1, 3)),
            "category_id": int(rng.integers(1, 3)),
            "bbox": box,
        }
        if found:
            record["score"] = float(rng.random())
        else:
            record |= {"id": k + 1, "area": box[2] * box[3], "iscrowd": int(rng.integers(2))}
        records.append(record)
    return records


def _two(names: tuple[str, str], **more: Any) -> Callable[[np.random.Generator], dict[str, Any]]:
    return lambda rng: dict(zip(names, _pair(rng), strict=True)) | more


def _of_matrix(rng: np.random.Generator) -> dict[str, Any]:
    return {"matrix": _matrix(rng)}


def _one_rle(rng: np.random.Generator) -> dict[str, Any]:
    return {"rle": _rle(rng)}


def _rles(rng: np.random.Generator) -> dict[str, Any]:
    shape = _shape(rng)
    return {"rles": [_rle(rng, shape) for _ in range(int(rng.integers(1, 4)))]}


def _scene(rng: np.random.Generator) -> dict[str, Any]:
    """Return probabilities of some classes, and a picture, grey or of several channels."""
    shape, classes = tuple(min(n, 13) for n in _shape(rng)), int(rng.integers(1, 10))
    return {
        "probabilities": rng.random((classes, *shape)).astype(rng.choice(["f2", "f4", "f8"])),
        "image": _image(rng, shape if rng.random() < 0.5 else (*shape, 3)),
        "iterations": int(rng.integers(0, 3)),
    }


def _size_arguments(rng: np.random.Generator) -> dict[str, Any]:
    size = tuple(int(n) for n in rng.integers(1, 30, 2))
    return {
        "operation": str(rng.choice(["conv2d", "max_pool2d", "conv_transpose2d"])),
        "kernel_size": int(rng.integers(1, 5)),
        "size": size,
    }


OF_MATRICES = (
    metrics.class_accuracy,
    metrics.dice,
    metrics.frequency_weighted_iou,
    metrics.iou,
    metrics.mean_iou,
    metrics.pixel_accuracy,
    metrics.precision,
    metrics.recall,
)

MAKERS: dict[Callable[..., Any], Callable[[np.random.Generator], dict[str, Any]]] = {
    segalgo.bilinear_weight: lambda rng: {"channels": int(rng.integers(1, 4)), "kernel_size": int(rng.integers(1, 6))},
    segalgo.bounding_boxes: lambda rng: {"labels": _labels(rng)},
    segalgo.dense_crf_steps: _scene,
    segalgo.count_objects: lambda rng: {"labels": _labels(rng)},
    segalgo.describe_objects: lambda rng: {"labels": _labels(rng)},
    segalgo.instances_to_semantic: lambda rng: {
        "labels": (x := _labels(rng)),
        "classes": list(range(1, 1 + int(x.max(initial=0)))),
    },
    segalgo.semantic_to_instances: lambda rng: {"label_map": _labels(rng)},
    segalgo.to_panoptic: lambda rng: dict(zip(("label_map", "instances"), _pair(rng), strict=True)),
    segalgo.segment: lambda rng: {
        "image": _image(rng),
        "connectivity": int(rng.integers(1, 3)),
        "offset": float(rng.integers(-3, 4)),
        "method": str(rng.choice(["otsu", "li", "yen", "local", "sauvola", "triangle"])),
    },
    **dict.fromkeys(
        (segalgo.local_maxima, segalgo.local_minima),
        lambda rng: {"image": _image(rng), "connectivity": int(rng.integers(1, 3)), "indices": bool(rng.integers(2))},
    ),
    **dict.fromkeys(
        (segalgo.h_maxima, segalgo.h_minima),
        lambda rng: {"image": _image(rng), "h": float(rng.choice([1, 2.5, 20]))},
    ),
    segalgo.felzenszwalb: lambda rng: {"image": _image(rng), "scale": float(rng.choice([1, 50])), "min_size": 3},
    segalgo.kmeans_segment: lambda rng: {"image": _image(rng), "n_clusters": int(rng.integers(1, 9))},
    segalgo.flood_fill: lambda rng: {
        "image": _image(rng),
        "seed_point": (0, 0),
        "new_value": 7,
        "tolerance": float(rng.integers(0, 60)),
    },
    segalgo.peak_local_max: lambda rng: {"image": _image(rng), "min_distance": int(rng.integers(0, 4))},
    **dict.fromkeys(
        (segalgo.opening, segalgo.closing, segalgo.white_tophat, segalgo.black_tophat),
        lambda rng: {"image": _image(rng), "mode": str(rng.choice(["reflect", "ignore", "wrap"]))},
    ),
    segalgo.to_grey: lambda rng: {
        "picture": rng.integers(0, 256, (*_shape(rng), int(rng.choice([3, 4])))).astype("u1")
    },
    segalgo.output_size: lambda rng: {(k if k != "size" else "input_size"): v for k, v in _size_arguments(rng).items()},
    segalgo.input_sizes: lambda rng: {
        (k if k != "size" else "output_size"): v for k, v in _size_arguments(rng).items()
    },
    segalgo.prepare_conv2d: lambda rng: {
        "weight": rng.random((int(rng.integers(1, 5)), int(rng.integers(1, 5)), 3, 3)).astype("f4")
    },
    masks.colormap: lambda rng: {
        "name": str(rng.choice(["voc", "cityscapes", "camvid"])),
        "num_colors": int(rng.integers(1, 9)),
    },
    masks.colors_to_labels: lambda rng: {
        "picture": (c := rng.permutation(256)[:12].reshape(4, 3).astype("u1"))[rng.integers(0, 4, _shape(rng))],
        "colors": c,
    },
    masks.labels_to_colors: lambda rng: {"labels": _labels(rng), "colors": rng.integers(0, 256, (5, 3)).astype("u1")},
    masks.compress_rle: _one_rle,
    masks.decompress_rle: _one_rle,
    masks.rle_area: _one_rle,
    masks.rle_bounding_box: _one_rle,
    masks.rle_to_mask: lambda rng: _one_rle(rng) | {"order": str(rng.choice(["C", "F"]))},
    masks.labels_to_polygons: lambda rng: {"labels": _labels(rng)},
    masks.rle_to_start_lengths: _one_rle,
    masks.labels_to_rles: lambda rng: {"labels": _labels(rng)},
    masks.mask_to_counts: lambda rng: {"mask": _mask(rng)},
    masks.mask_to_rle: lambda rng: {"mask": _mask(rng)},
    masks.mask_to_polygons: lambda rng: {"mask": _mask(rng), "connectivity": int(rng.integers(1, 3))},
    masks.merge_rles: lambda rng: _rles(rng) | {"intersect": bool(rng.integers(2))},
    masks.rle_iou: lambda rng: {"rles": (r := _rles(rng)["rles"]), "others": r[::-1]},
    masks.one_hot: lambda rng: {"labels": _labels(rng), "num_classes": 5},
    masks.polygon_to_mask: lambda rng: {"polygon": _polygon(rng), "shape": (int(rng.integers(1, 25)), 21)},
    masks.polygon_to_rle: lambda rng: {"polygon": _polygon(rng), "shape": (int(rng.integers(1, 25)), 21)},
    metrics.confusion_matrix: _two(("target", "prediction"), num_classes=5),
    metrics.adapted_rand_error: _two(("target", "prediction")),
    metrics.variation_of_information: _two(("target", "prediction")),
    metrics.boundary_f1: _two(("target", "prediction"), num_classes=5),
    metrics.match_instances: _two(("target", "prediction")),
    metrics.average_precision: lambda rng: {
        "targets": _records(rng, False),
        "detections": _records(rng, True),
        "iou_type": "bbox",
    },
    metrics.id_of_rgb: lambda rng: {"colors": rng.integers(0, 256, (*_shape(rng), 3)).astype("u1")},
    **dict.fromkeys(OF_MATRICES, _of_matrix),
}

# Public functions without a case here, and why.
NOT_FUZZED = {
    "backends": "no arguments",
    "use_backend": "chooses the wing",
    "read_picture": "reads files: tests/pictures",
    "write_picture": "writes files: tests/pictures",
    "write_label_map": "writes files: tests/pictures",
    "read_palette_picture": "reads files: tests/masks",
    "write_palette_picture": "writes files: tests/masks",
    "blur_background": "draws: tests/plot",
    "legend": "draws: tests/plot",
    "overlay": "draws: tests/plot",
    "show_confusion": "draws: tests/plot",
    "show_histogram": "draws: tests/plot",
    "show_instances": "draws: tests/plot",
    "show_trace": "draws: tests/plot",
    "side_by_side": "draws: tests/plot",
    "try_all_thresholds": "draws: tests/thresholds",
    "join_holes": "takes rings as mask_to_polygons returns them: tests/masks",
    "start_lengths_to_rle": "reads text: tests/masks",
    "panoptic_quality": "takes nested records: tests/metrics",
    "anchors": "takes nested sizes: tests/objects/test_boxes.py",
    "mask_nms": "takes run-length codes: tests/masks/test_suppression.py",
    "paste_masks_to_rles": "equal to paste_masks, which is fuzzed: tests/objects/test_pasting.py",
}
