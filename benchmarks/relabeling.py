"""Operations that keep, remove, renumber and fill labels beside cc3d, scikit-image and SciPy."""

import numpy as np

import segalgo
from benchmarks.harness import floor, peer
from benchmarks.label_arrays import labels_of


class RemoveSmallObjects:
    """Labels of at most 500 cells; cc3d is told that its input is labelled already."""

    param_names = ("implementation", "kind")
    params = (("segalgo", "cc3d", "skimage", "floor"), ("blobs", "noise", "volume"))

    def setup(self, implementation, kind):
        labels = labels_of(kind)
        kept = segalgo.remove_small_objects(labels, max_size=500)
        if implementation == "segalgo":
            self.call = lambda: segalgo.remove_small_objects(labels, max_size=500)
        elif implementation == "cc3d":
            cc3d = peer("cc3d")
            unsigned = labels.view(np.uint32)
            self.call = lambda: cc3d.dust(unsigned, threshold=501, precomputed_ccl=True)
            assert np.array_equal(self.call(), kept)
        elif implementation == "skimage":
            morphology = peer("skimage.morphology")
            self.call = lambda: morphology.remove_small_objects(labels, max_size=500)
            assert np.array_equal(self.call(), kept)
        else:
            self.call = floor(labels, kept)

    def time_remove_small_objects(self, implementation, kind):
        self.call()


class LargestComponents:
    """The 10 largest of labels."""

    param_names = ("implementation", "kind")
    params = (("segalgo", "cc3d", "floor"), ("blobs", "noise", "volume"))

    def setup(self, implementation, kind):
        labels = labels_of(kind)
        kept = segalgo.largest_components(labels, 10)
        if implementation == "segalgo":
            self.call = lambda: segalgo.largest_components(labels, 10)
        elif implementation == "cc3d":
            cc3d = peer("cc3d")
            unsigned = labels.view(np.uint32)
            self.call = lambda: cc3d.largest_k(unsigned, k=10, precomputed_ccl=True)
        else:
            self.call = floor(labels, kept)

    def time_largest_components(self, implementation, kind):
        self.call()


class ClearBorder:
    """Objects at the border, of labels."""

    param_names = ("implementation", "kind")
    params = (("segalgo", "skimage", "floor"), ("blobs", "volume"))

    def setup(self, implementation, kind):
        labels = labels_of(kind)
        cleared = segalgo.clear_border(labels)
        if implementation == "segalgo":
            self.call = lambda: segalgo.clear_border(labels)
        elif implementation == "skimage":
            segmentation = peer("skimage.segmentation")
            self.call = lambda: segmentation.clear_border(labels)
            assert np.array_equal(self.call(), cleared)
        else:
            self.call = floor(labels, cleared)

    def time_clear_border(self, implementation, kind):
        self.call()


class RelabelSequential:
    """Labels with gaps; ``sparse``: up to 2**50, which no table can hold."""

    param_names = ("implementation", "kind")
    params = (("segalgo", "skimage", "floor"), ("blobs", "noise", "sparse"))

    def setup(self, implementation, kind):
        labels = labels_of("blobs" if kind == "sparse" else kind) * 3
        labels = labels.astype(np.int64) ** 2 << 25 if kind == "sparse" else labels
        relabeled = segalgo.relabel_sequential(labels)[0]
        if implementation == "segalgo":
            self.call = lambda: segalgo.relabel_sequential(labels)
        elif implementation == "skimage":
            segmentation = peer("skimage.segmentation")
            self.call = lambda: segmentation.relabel_sequential(labels)
            assert np.array_equal(self.call()[0], relabeled)
        else:
            self.call = floor(labels, relabeled)

    def time_relabel_sequential(self, implementation, kind):
        self.call()


class FillHoles:
    """Holes of a boolean image."""

    param_names = ("implementation", "kind")
    params = (("segalgo", "scipy", "floor"), ("blobs", "volume"))

    def setup(self, implementation, kind):
        image = labels_of(kind) != 0
        filled = segalgo.fill_holes(image)
        if implementation == "segalgo":
            self.call = lambda: segalgo.fill_holes(image)
        elif implementation == "scipy":
            from scipy import ndimage as ndi

            self.call = lambda: ndi.binary_fill_holes(image)
            assert np.array_equal(self.call(), filled)
        else:
            self.call = floor(image, filled)

    def time_fill_holes(self, implementation, kind):
        self.call()
