"""K-means of the colors of a megapixel beside OpenCV and scikit-learn, from the same first centres."""

import numpy as np

import segalgo
from benchmarks.harness import peer
from benchmarks.superpixels import picture

ROUNDS = 10
CLUSTERS = 8


class KMeans:
    """Ours draws its first centres and converts to L, a, b; the peers get features and centres, or labels, of ours."""

    param_names = ("implementation",)
    params = (("segalgo", "cv2", "sklearn"),)

    def setup(self, implementation):
        image = picture()
        labels, centres = segalgo.kmeans_segment(image, CLUSTERS, 1, return_centers=True)
        planes, unit = segalgo.segmenters.slic.features_of(image, True)
        features = np.ascontiguousarray(planes.reshape(3, -1).T / np.float32(unit))
        if implementation == "segalgo":
            self.call = lambda: segalgo.kmeans_segment(image, CLUSTERS, ROUNDS)
        elif implementation == "cv2":
            cv2 = peer("cv2")
            first = (labels.reshape(-1, 1) - 1).astype(np.int32)
            end = (cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, 0)
            self.call = lambda: cv2.kmeans(features, CLUSTERS, first.copy(), end, 1, cv2.KMEANS_USE_INITIAL_LABELS)
        else:
            cluster = peer("sklearn.cluster")
            start = centres.astype(np.float32)
            self.call = lambda: cluster.KMeans(CLUSTERS, init=start, n_init=1, max_iter=ROUNDS, tol=0).fit(features)

    def time_kmeans(self, implementation):
        self.call()
