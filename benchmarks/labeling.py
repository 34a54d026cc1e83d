"""Connected components beside OpenCV, cc3d and scikit-image; worst cases, and memory."""

import tracemalloc
from functools import cache

import numpy as np
import scipy.ndimage
import skimage.data
import skimage.measure

import segalgo
from benchmarks.harness import floor, peer

SIZE = 4096
NEIGHBOURS = {2: (8, 4), 3: (26, 6)}


@cache
def smooth(shape: tuple[int, ...], sigma: float) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    return scipy.ndimage.gaussian_filter(noise, sigma, mode="wrap")


def spiral(size: int) -> np.ndarray:
    image = np.zeros((size, size), np.uint8)
    for ring in range(0, size // 2, 2):
        image[ring, max(ring - 2, 0) : size - ring] = 1
        image[ring : size - ring, size - 1 - ring] = 1
        image[size - 1 - ring, ring : size - ring] = 1
        image[ring + 2 : size - ring, ring] = 1
    return image


@cache
def picture(name: str) -> np.ndarray:
    """Return an image of 4096 x 4096 pixels, or a volume of 256 x 256 x 256."""
    rng, square = np.random.default_rng(1), (SIZE, SIZE)
    columns = np.arange(SIZE)
    match name:
        case "blobs":
            image = smooth(square, 8) > 0
        case "coins":
            coins = skimage.data.coins() > 107  # Otsu's threshold
            image = np.tile(coins, [-(-SIZE // n) for n in coins.shape])[:SIZE, :SIZE]
        case "noise":
            image = rng.random(square) < 0.5
        case "spiral":
            image = spiral(SIZE)
        case "comb":
            image = np.broadcast_to(columns % 2 == 0, square) | (columns == SIZE - 1)[:, None]
        case "checkerboard":
            image = (columns[:, None] + columns) % 2
        case "empty":
            image = np.zeros(square)
        case "levels":
            image = np.digitize(smooth(square, 8), np.quantile(smooth(square, 8), (0.2, 0.4, 0.6, 0.8)))
        case "grey":
            image = 255 * (smooth(square, 8) - smooth(square, 8).min()) / np.ptp(smooth(square, 8))
        case "volume":
            image = smooth((256, 256, 256), 4) > 0
    return np.ascontiguousarray(image, np.uint8)


AXES = ("implementation", "picture", "neighbours")


class _Label:
    """Ours, the best of OpenCV's algorithms, cc3d, scikit-image, and the floor."""

    delta = 0

    def setup(self, implementation, name, neighbours):
        image = picture(name)
        ours = segalgo.label(image, connectivity=neighbours, delta=self.delta)
        if implementation == "segalgo":
            self.call = lambda: segalgo.label(image, connectivity=neighbours, delta=self.delta)
        elif implementation.startswith("opencv"):
            cv2 = peer("cv2")
            algorithm = getattr(cv2, "CCL_" + implementation.partition("-")[2].upper())
            self.call = lambda: cv2.connectedComponentsWithAlgorithm(image, neighbours, cv2.CV_32S, algorithm)
            assert segalgo.same_partition(ours, self.call()[1])
        elif implementation == "cc3d":
            cc3d = peer("cc3d")
            self.call = lambda: cc3d.connected_components(image, connectivity=neighbours, delta=self.delta)
            assert segalgo.same_partition(ours, self.call().astype(np.int32))
        elif implementation == "skimage":
            connectivity = segalgo.labels.labeling.as_connectivity(neighbours, image.ndim)
            self.call = lambda: skimage.measure.label(image, connectivity=connectivity)
            assert np.array_equal(ours, self.call())
        else:
            self.call = floor(image, ours)

    def time_label(self, implementation, name, neighbours):
        self.call()


OPENCV = ("opencv-spaghetti", "opencv-bbdt", "opencv-sauf")


class LabelBinary(_Label):
    """4096 x 4096: smooth blobs, tiled coins, 50 % noise."""

    param_names = AXES
    params = (("segalgo", *OPENCV, "cc3d", "skimage", "floor"), ("blobs", "coins", "noise"), NEIGHBOURS[2])


class LabelWorst(_Label):
    """4096 x 4096: shapes that are hard on union-find or on branches, beside blobs and an empty image."""

    param_names = AXES
    params = (
        ("segalgo", *OPENCV, "cc3d", "floor"),
        ("blobs", "empty", "spiral", "comb", "checkerboard", "noise"),
        NEIGHBOURS[2],
    )


class LabelVolume(_Label):
    """256 x 256 x 256, smooth."""

    param_names = AXES
    params = (("segalgo", "cc3d", "skimage", "floor"), ("volume",), NEIGHBOURS[3])


class LabelLevels(_Label):
    """4096 x 4096, five values in smooth areas."""

    param_names = AXES
    params = (("segalgo", "cc3d", "skimage", "floor"), ("levels",), NEIGHBOURS[2])


class LabelDelta(_Label):
    """4096 x 4096, smooth grey; neighbours differ by at most 1."""

    param_names = AXES
    params = (("segalgo", "cc3d", "floor"), ("grey",), NEIGHBOURS[2])
    delta = 1


class LabelMemory:
    """Scratch of our label, in bytes a pixel, beyond input and output."""

    param_names = ("picture", "neighbours")
    params = (("blobs", "coins", "noise", "checkerboard", "levels"), NEIGHBOURS[2])
    unit = "bytes a pixel"

    def track_scratch(self, name, neighbours):
        image = picture(name)
        out = np.empty(image.shape, np.int32)
        # NumPy reports its allocations to tracemalloc; a stripe's lists for two rows, allocated outside, are 8
        # kilobytes for 64 columns at most.
        tracemalloc.start()
        segalgo.label(image, connectivity=neighbours, out=out)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / image.size


class SamePartition:
    """4096 x 4096 labels of noise against themselves renamed."""

    param_names = ("implementation",)
    params = (("segalgo", "floor"),)

    def setup(self, implementation):
        labels, count = segalgo.label(picture("noise"), return_num=True)
        names = np.append(0, 1 + np.random.default_rng(0).permutation(count)).astype(np.int32)
        renamed = names[labels]
        assert segalgo.same_partition(labels, renamed)
        if implementation == "segalgo":
            self.call = lambda: segalgo.same_partition(labels, renamed)
        else:
            self.call = floor(np.concatenate([labels.ravel(), renamed.ravel()]), np.empty(0, np.uint8))

    def time_same_partition(self, implementation):
        self.call()
