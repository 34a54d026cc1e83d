"""Metrics beside NumPy, scikit-learn, scikit-image and pycocotools."""

import contextlib
import copy
import io
from functools import cache

import numpy as np
from scipy import ndimage as ndi

import segalgo
from benchmarks.harness import floor, peer
from segalgo import masks, metrics

CLASSES = 19


@cache
def labels(kind: str, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Return 4096 x 4096 targets and predictions of 19 classes: smooth regions with some errors, or noise."""
    rng = np.random.default_rng(0)
    if kind == "noise":
        target, prediction = rng.integers(0, CLASSES, (2, 4096, 4096), np.uint8)
    else:
        smooth = ndi.gaussian_filter(rng.standard_normal((4096, 4096), np.float32), 20)
        edges = np.quantile(smooth[::16, ::16], np.linspace(0, 1, CLASSES + 1)[1:-1])
        target = np.searchsorted(edges, smooth).astype(np.uint8)
        prediction = np.roll(target, (3, 5), axis=(0, 1))
        target[:64] = 255
    return target.astype(dtype), prediction.astype(dtype)


def by_bincount(target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Count as segmentation codes do since FCN's ``fast_hist``."""
    kept = target < CLASSES
    pairs = CLASSES * target[kept].astype(int) + prediction[kept]
    return np.bincount(pairs, minlength=CLASSES**2).reshape(CLASSES, CLASSES)


class ConfusionMatrix:
    """16 Mpx, 19 classes, 255 ignored."""

    param_names = ("implementation", "kind", "dtype")
    params = (("segalgo", "bincount", "sklearn", "floor"), ("regions", "noise"), ("uint8", "int64"))

    def setup(self, implementation, kind, dtype):
        target, prediction = labels(kind, dtype)
        if implementation == "segalgo":
            self.call = lambda: metrics.confusion_matrix(target, prediction, CLASSES)
            assert np.array_equal(self.call(), by_bincount(target, prediction))
        elif implementation == "bincount":
            self.call = lambda: by_bincount(target, prediction)
        elif implementation == "sklearn":
            if (kind, dtype) != ("regions", "uint8"):
                raise NotImplementedError("seconds a call: timed once")
            sklearn = peer("sklearn.metrics")
            kept = target < CLASSES
            self.call = lambda: sklearn.confusion_matrix(target[kept], prediction[kept], labels=range(CLASSES))
        else:
            self.call = floor(np.stack([target, prediction]), np.empty(0))

    def time_confusion_matrix(self, implementation, kind, dtype):
        self.call()


@cache
def detections(pictures: int = 5000) -> tuple[dict, list]:
    """Return COCO-like objects and detections: 80 categories, about 7 objects and 20 detections a picture."""
    rng = np.random.default_rng(0)
    shape = (480, 640)
    objects: list[dict] = []
    found: list[dict] = []
    for picture in range(1, pictures + 1):
        here = []
        for _ in range(rng.integers(0, 15)):
            here.append((_star(rng, shape), int(rng.integers(1, 81))))
            code = masks.polygon_to_rle(here[-1][0], shape)
            objects.append({
                "id": len(objects) + 1, "image_id": picture, "category_id": here[-1][1], "segmentation": code,
                "area": masks.rle_area(code), "iscrowd": int(rng.random() < 0.05),
                "bbox": list(map(float, masks.rle_bounding_box(code))),
            })  # fmt: skip
        for _ in range(rng.integers(0, 40)):
            points, category = _star(rng, shape), int(rng.integers(1, 81))
            if here and rng.random() < 0.7:
                points, category = here[rng.integers(0, len(here))]
                points = points + rng.normal(0, 4, points.shape)
            code = masks.polygon_to_rle(points, shape)
            found.append({"image_id": picture, "category_id": category, "score": rng.random(), "segmentation": code})
    images = [{"id": k, "height": shape[0], "width": shape[1]} for k in range(1, pictures + 1)]
    return {
        "info": {},
        "images": images,
        "annotations": objects,
        "categories": [{"id": k} for k in range(1, 81)],
    }, found


def _star(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    angles = np.sort(rng.uniform(0, 2 * np.pi, rng.integers(5, 12)))
    radius = np.exp(rng.uniform(np.log(5), np.log(150)))
    return rng.uniform(0, 1, 2) * shape[::-1] + radius * np.column_stack([np.cos(angles), np.sin(angles)])


def by_pycocotools(coco: dict, found: list) -> np.ndarray:
    """Evaluate as a user of pycocotools does."""
    peer("pycocotools")
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {"info": {}, **coco}  # releases differ in whether they miss it
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(found), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


class AveragePrecision:
    """COCO's twelve numbers of masks in 500 and in 5000 pictures (the larger one by asv alone: a minute)."""

    param_names = ("implementation", "pictures")
    params = (("segalgo", "pycocotools"), (500,))

    def setup(self, implementation, pictures):
        coco, found = copy.deepcopy(detections(pictures))
        if implementation == "segalgo":
            self.call = lambda: list(metrics.average_precision(coco, found).summary.values())
            expected = by_pycocotools(*copy.deepcopy((coco, found)))
            np.testing.assert_allclose(np.nan_to_num(self.call(), nan=-1), expected, rtol=0, atol=1e-10)
        else:
            self.call = lambda: by_pycocotools(coco, found)

    def time_average_precision(self, implementation, pictures):
        self.call()


class Partitions:
    """2048 x 2048 cells of some 4000 labels: adapted Rand error and variation of information."""

    param_names = ("implementation", "score")
    params = (("segalgo", "skimage"), ("adapted_rand_error", "variation_of_information"))

    def setup(self, implementation, score):
        from benchmarks.label_arrays import labels_of

        target = labels_of("cells")[:2048, :2048]
        prediction = segalgo.relabel_sequential(np.maximum(target, np.roll(target, 3, axis=1)))[0]
        module = metrics if implementation == "segalgo" else peer("skimage.metrics")
        self.call = lambda: getattr(module, score)(target, prediction)
        if implementation == "segalgo":
            np.testing.assert_allclose(self.call(), getattr(peer("skimage.metrics"), score)(target, prediction))

    def time_partitions(self, implementation, score):
        self.call()
