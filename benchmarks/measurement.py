"""Statistics of labels, contacts and the Euler number beside cc3d, SciPy, scikit-image and OpenCV."""

import numpy as np

import segalgo
from benchmarks.harness import floor, peer
from benchmarks.label_arrays import intensity_of, labels_of


class LabelStatistics:
    """Areas, boxes and centroids of 4096 x 4096 and 256^3 labels. OpenCV's number includes labelling anew."""

    param_names = ("implementation", "kind")
    params = (("segalgo", "cc3d", "scipy", "skimage", "cv2", "floor"), ("blobs", "cells", "noise", "volume"))

    def setup(self, implementation, kind):
        labels = labels_of(kind)
        found = segalgo.label_statistics(labels)
        if implementation == "segalgo":
            self.call = lambda: segalgo.label_statistics(labels)
        elif implementation == "cc3d":
            cc3d = peer("cc3d")
            unsigned = labels.view(np.uint32)
            self.call = lambda: cc3d.statistics(unsigned, no_slice_conversion=True)
            expected = self.call()
            assert np.array_equal(found.area, expected["voxel_counts"][1:])
            assert np.allclose(found.centroid, expected["centroids"][1:, : labels.ndim])
        elif implementation == "scipy":
            from scipy import ndimage as ndi

            # Areas and boxes only: its centroids take seconds.
            self.call = lambda: (np.bincount(labels.ravel()), ndi.find_objects(labels))
        elif implementation == "skimage":
            if kind == "noise":
                raise NotImplementedError("takes minutes")
            measure = peer("skimage.measure")
            self.call = lambda: measure.regionprops_table(labels, properties=("label", "area", "bbox", "centroid"))
        elif implementation == "cv2":
            if kind not in ("blobs", "noise"):
                raise NotImplementedError("binary images of two dimensions only")
            cv2 = peer("cv2")
            mask = (labels != 0).astype(np.uint8)
            self.call = lambda: cv2.connectedComponentsWithStats(mask, connectivity=8 if kind == "blobs" else 4)
        else:
            self.call = floor(labels, found.area, found.bounding_box, found.centroid)

    def time_label_statistics(self, implementation, kind):
        self.call()


class IntensityStatistics:
    """With mean, minimum, maximum and sum of an intensity image. SciPy's number is that of sum_labels alone."""

    param_names = ("implementation", "kind", "dtype")
    params = (("segalgo", "scipy", "skimage", "floor"), ("blobs", "cells", "noise"), ("uint8", "float32"))

    def setup(self, implementation, kind, dtype):
        labels, image = labels_of(kind), intensity_of(kind, dtype)
        found = segalgo.label_statistics(labels, image)
        if implementation == "segalgo":
            self.call = lambda: segalgo.label_statistics(labels, image)
        elif implementation == "scipy":
            from scipy import ndimage as ndi

            index = np.arange(1, labels.max() + 1)
            self.call = lambda: ndi.sum_labels(image, labels, index)
            assert np.allclose(found.intensity_sum, self.call())
        elif implementation == "skimage":
            if kind == "noise":
                raise NotImplementedError("takes minutes")
            measure = peer("skimage.measure")
            names = ("label", "area", "bbox", "centroid", "intensity_mean", "intensity_min", "intensity_max")
            self.call = lambda: measure.regionprops_table(labels, image, properties=names)
        else:
            self.call = floor(np.concatenate([labels.view(np.uint8).ravel(), image.view(np.uint8).ravel()]), found.area)

    def time_label_statistics(self, implementation, kind, dtype):
        self.call()


class Contacts:
    """Which labels touch, over faces."""

    param_names = ("implementation", "kind")
    params = (("segalgo", "cc3d", "floor"), ("blobs", "cells", "volume"))

    def setup(self, implementation, kind):
        labels = labels_of(kind)
        pairs, counts = segalgo.contacts(labels)
        if implementation == "segalgo":
            self.call = lambda: segalgo.contacts(labels)
        elif implementation == "cc3d":
            cc3d = peer("cc3d")
            unsigned = labels.view(np.uint32)
            self.call = lambda: cc3d.contacts(unsigned, connectivity=6 if labels.ndim == 3 else 4, surface_area=False)
            expected = self.call()
            found = dict(zip(map(tuple, pairs.tolist()), counts.tolist(), strict=True))
            assert {tuple(sorted(k)): int(v) for k, v in expected.items()} == found
        else:
            self.call = floor(labels, counts)

    def time_contacts(self, implementation, kind):
        self.call()


class EulerNumber:
    """Full connectivity, of a boolean image and of labels."""

    param_names = ("implementation", "kind", "dtype")
    params = (("segalgo", "skimage", "floor"), ("blobs", "noise", "volume"), ("bool", "int32"))

    def setup(self, implementation, kind, dtype):
        image = labels_of(kind).astype(dtype)
        if implementation == "segalgo":
            self.call = lambda: segalgo.euler_number(image)
        elif implementation == "skimage":
            measure = peer("skimage.measure")
            self.call = lambda: measure.euler_number(image)
            assert self.call() == segalgo.euler_number(image)
        else:
            self.call = floor(image)

    def time_euler_number(self, implementation, kind, dtype):
        self.call()
