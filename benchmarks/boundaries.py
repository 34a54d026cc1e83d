"""Boundaries of regions beside scikit-image."""

import numpy as np

import segalgo
from benchmarks.harness import floor, peer
from benchmarks.label_arrays import labels_of


class FindBoundaries:
    """Mode by mode; scikit-image's ``subpixel`` takes minutes at this size."""

    param_names = ("implementation", "kind", "mode")
    params = (("segalgo", "skimage", "floor"), ("blobs", "cells"), ("thick", "inner", "outer", "subpixel"))

    def setup(self, implementation, kind, mode):
        labels = labels_of(kind)
        boundaries = segalgo.find_boundaries(labels, mode=mode)
        if implementation == "segalgo":
            self.call = lambda: segalgo.find_boundaries(labels, mode=mode)
        elif implementation == "skimage":
            if mode == "subpixel":
                raise NotImplementedError("takes minutes")
            segmentation = peer("skimage.segmentation")
            self.call = lambda: segmentation.find_boundaries(labels, mode=mode)
            assert np.array_equal(self.call(), boundaries)
        else:
            self.call = floor(labels, boundaries)

    def time_find_boundaries(self, implementation, kind, mode):
        self.call()
