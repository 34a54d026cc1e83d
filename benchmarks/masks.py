"""Run-length codes and polygons beside pycocotools."""

from functools import cache

import numpy as np
from scipy import ndimage as ndi

from benchmarks.harness import floor, peer
from segalgo import masks


@cache
def mask_of(kind: str) -> np.ndarray:
    """Return a mask in row order: of an object in a COCO picture, of blobs or of noise in a large one."""
    rng = np.random.default_rng(0)
    if kind == "object":
        i, j = np.indices((480, 640))
        return (((i - 200) / 90) ** 2 + ((j - 300) / 120) ** 2 < 1).astype(np.uint8)
    if kind == "noise":
        return (rng.random((2048, 2048)) < 0.5).astype(np.uint8)
    return (ndi.gaussian_filter(rng.standard_normal((4096, 4096), np.float32), 12) > 0.01).astype(np.uint8)


class Encode:
    """480 x 640 with one object, 4096 x 4096 of blobs, 2048 x 2048 of noise; pycocotools from its own column order."""

    param_names = ("implementation", "kind", "order")
    params = (("segalgo", "pycocotools", "floor"), ("object", "blobs", "noise"), ("C", "F"))

    def setup(self, implementation, kind, order):
        mask = mask_of(kind)
        columns = np.asfortranarray(mask)
        if implementation == "segalgo":
            given = mask if order == "C" else columns
            self.call = lambda: masks.mask_to_rle(given)
            assert self.call() == peer("pycocotools.mask").encode(columns)
        elif implementation == "pycocotools":
            module = peer("pycocotools.mask")
            self.call = lambda: module.encode(columns)
        else:
            self.call = floor(mask, np.empty(0))

    def time_encode(self, implementation, kind, order):
        self.call()


class Decode:
    """The same masks back, to row or to column order; pycocotools to column order."""

    param_names = ("implementation", "kind", "order")
    params = (("segalgo", "pycocotools", "floor"), ("object", "blobs", "noise"), ("C", "F"))

    def setup(self, implementation, kind, order):
        mask = mask_of(kind)
        code = masks.mask_to_rle(mask)
        if implementation == "segalgo":
            self.call = lambda: masks.rle_to_mask(code, order)
            assert np.array_equal(self.call(), mask)
        elif implementation == "pycocotools":
            module = peer("pycocotools.mask")
            self.call = lambda: module.decode(code)
        else:
            self.call = floor(np.empty(0), mask)

    def time_decode(self, implementation, kind, order):
        self.call()


@cache
def codes() -> list[dict]:
    """Return 100 objects of one picture of 480 x 640."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(100):
        angles = np.sort(rng.uniform(0, 2 * np.pi, 20))
        points = rng.uniform(0, 1, 2) * (640, 480) + 80 * np.column_stack([np.cos(angles), np.sin(angles)])
        found.append(masks.polygon_to_rle(points, (480, 640)))
    return found


@cache
def label_map(side: int) -> np.ndarray:
    """Return disks of radius 15 in a grid of 40."""
    i, j = np.mgrid[:side, :side]
    numbers = (i // 40) * (side // 40 + 1) + j // 40 + 1
    return np.where((i % 40 - 20) ** 2 + (j % 40 - 20) ** 2 < 225, numbers, 0).astype(np.int32)


class LabelMap:
    """All objects of 1024 x 1024: about 700; pycocotools is given one mask after the other."""

    param_names = ("implementation",)
    params = (("segalgo", "pycocotools"),)

    def setup(self, implementation):
        module, labels = peer("pycocotools.mask"), label_map(1024)

        def one_by_one():
            numbers = np.unique(labels)[1:].tolist()
            return {k: module.encode(np.asfortranarray((labels == k).view(np.uint8))) for k in numbers}

        self.call = one_by_one if implementation == "pycocotools" else lambda: masks.labels_to_rles(labels)
        if implementation == "segalgo":
            assert self.call() == one_by_one()

    def time_label_map(self, implementation):
        self.call()


class Iou:
    """100 x 100 objects of 480 x 640."""

    param_names = ("implementation",)
    params = (("segalgo", "pycocotools"),)

    def setup(self, implementation):
        module = peer("pycocotools.mask")
        if implementation == "segalgo":
            self.call = lambda: masks.rle_iou(codes(), codes())
            assert np.array_equal(self.call(), module.iou(codes(), codes(), [0] * 100))
        else:
            self.call = lambda: module.iou(codes(), codes(), [0] * 100)

    def time_iou(self, implementation):
        self.call()


class Merge:
    """The union of 100 objects of 480 x 640."""

    param_names = ("implementation",)
    params = (("segalgo", "pycocotools"),)

    def setup(self, implementation):
        module = peer("pycocotools.mask")
        merge = masks.merge_rles if implementation == "segalgo" else module.merge
        self.call = lambda: merge(codes())
        assert self.call() == module.merge(codes())

    def time_merge(self, implementation):
        self.call()


class Polygon:
    """A polygon of 80 points to a mask of 480 x 640: by centres, and by COCO's rule to a code."""

    param_names = ("implementation", "rule")
    params = (("segalgo", "pycocotools", "skimage", "cv2"), ("center", "coco"))

    def setup(self, implementation, rule):
        angles = np.linspace(0, 2 * np.pi, 80, endpoint=False)
        points = np.column_stack([320 + 200 * np.cos(angles), 240 + 150 * np.sin(angles)])
        flat = [points.ravel().tolist()]
        if (implementation == "pycocotools") != (rule == "coco") and implementation != "segalgo":
            raise NotImplementedError("draws by another rule")
        if implementation == "segalgo":
            draw = masks.polygon_to_rle if rule == "coco" else masks.polygon_to_mask
            given = flat if rule == "coco" else points
            self.call = lambda: draw(given, (480, 640))
        elif implementation == "pycocotools":
            module = peer("pycocotools.mask")
            self.call = lambda: module.frPyObjects(flat, 480, 640)[0]
        elif implementation == "skimage":
            module = peer("skimage.draw")
            self.call = lambda: module.polygon2mask((480, 640), points[:, ::-1])
        else:
            cv2 = peer("cv2")
            whole = points.astype(np.int32)
            self.call = lambda: cv2.fillPoly(np.zeros((480, 640), np.uint8), [whole], 1)

    def time_polygon(self, implementation, rule):
        self.call()
