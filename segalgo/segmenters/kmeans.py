"""Clusters of colors or grey values by k-means."""

from typing import Any

import numpy as np

from segalgo._core.arrays import array_module
from segalgo._core.checks import as_flag, as_integer, shown
from segalgo._core.dispatch import wing
from segalgo.labels.measurement import label_statistics
from segalgo.segmenters.method import Method, Option
from segalgo.segmenters.slic import as_image, features_of
from segalgo.segmenters.threshold import Segmentation

# From how many cells at most, evenly spread, the first centres are drawn.
MOST_DRAWN_FROM = 2**16


def kmeans_segment(
    image: Any,
    n_clusters: int = 8,
    max_num_iter: int = 10,
    *,
    convert2lab: bool | None = None,
    channel_axis: int | None = -1,
    rng: Any = 0,
    return_centers: bool = False,
) -> Any:
    """Group the cells of an image by color, or by grey value, wherever they lie.

    Parameters
    ----------
    image : array (H, W), (D, H, W), (H, W, C) or (D, H, W, C) of numbers or bool
        A grey or a color image, or a volume. NumPy or CuPy; NaN and infinities are refused.
    n_clusters : int, default 8
        How many clusters; fewer where the image has fewer colors.
    max_num_iter : int, default 10
        How often centres move at most, at least 1.
    convert2lab : bool, optional
        Take three channels as sRGB and compare L, a, b; by default where there are three channels.
    channel_axis : int or None, default -1
        The axis of the channels; None: there are none. An image (H, W) has none in any case.
    rng : int or numpy.random.Generator, default 0
        From where the first centres are drawn: the same numbers give the same clusters.
    return_centers : bool, default False
        Return the centres as well.

    Returns
    -------
    labels : array of int32, shape of the image without channels
        1 to `n_clusters`, in ascending order of the centres: by the first channel, then by the next ones.
    centers : array (clusters, channels) of float64
        The mean of each cluster: L, a, b, or shares of the range of values.

    Raises
    ------
    TypeError
        If `image` or a number has the wrong type, or `rng` is neither an integer nor a generator.
    ValueError
        If `image` has another shape or holds NaN or infinities, or a number is out of range.

    See Also
    --------
    slic, threshold_multiotsu

    Notes
    -----
    Composed of the rounds of `slic`, without places. The first centres are drawn by k-means++ [1]_ from at most 65,536
    cells, evenly spread. Grade: exact: features are whole numbers, so that sums, and the chances of the draw, have no
    rounding; of equally near centres the first one wins. Scratch: 4 bytes a cell and channel.

    References
    ----------
    .. [1] D. Arthur, S. Vassilvitskii, "k-means++: the advantages of careful seeding", SODA 2007.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.kmeans_segment(np.array([[0, 1, 9, 8, 1]]), 2)
    array([[1, 1, 2, 2, 1]], dtype=int32)
    """
    values, channels = as_image(image, channel_axis)
    wanted = as_integer(n_clusters, "n_clusters", 1)
    rounds = as_integer(max_num_iter, "max_num_iter", 1)
    with_centres = as_flag(return_centers, "return_centers")
    to_lab = channels == 3 if convert2lab is None else as_flag(convert2lab, "convert2lab")
    if to_lab and channels != 3:
        raise ValueError(f"convert2lab=True with {channels} channels: expected 3")
    generator = _as_generator(rng)
    xp = array_module(values)
    shape = values.shape[:-1]
    if values.size == 0:
        labels = xp.zeros(shape, np.int32)
        return (labels, xp.zeros((0, values.shape[-1]))) if with_centres else labels
    features, unit = features_of(values, to_lab)
    features = features.reshape(features.shape[0], 1, -1, shape[-1])
    centres = _first_centres(features, wanted, generator)
    compute = wing("segmenters.slic", features)
    # Windows that hold every cell, and distances in space that count nothing.
    everywhere = (float(np.finfo(np.float32).max),) * 3
    labels = compute.slic(features, None, centres, everywhere, (0.0,) * 3, rounds).reshape(shape)
    numbers, means = _in_order(features.reshape(len(features), -1), labels.reshape(-1), len(centres))
    labels = xp.asarray(numbers)[labels]
    return (labels, xp.asarray(means / unit)) if with_centres else labels


def _as_generator(rng: Any) -> np.random.Generator:
    """Return a generator, from an integer a new one."""
    if isinstance(rng, np.random.Generator):
        return rng
    if isinstance(rng, bool) or not hasattr(rng, "__index__"):
        raise TypeError(f"rng={shown(rng)}: expected an integer or a numpy.random.Generator")
    return np.random.default_rng(as_integer(rng, "rng", 0, most=2**63 - 1))


def _first_centres(features: Any, wanted: int, generator: np.random.Generator) -> Any:
    """Return places (all 0) and features of centres: each drawn by its squared distance to those before it."""
    xp = array_module(features)
    flat = features.reshape(len(features), -1)
    drawn = flat[:, :: -(-flat.shape[1] // MOST_DRAWN_FROM)].T
    cells = (drawn if xp is np else drawn.get()).astype(np.int64)
    chosen = [int(generator.integers(len(cells)))]
    apart = ((cells - cells[chosen[0]]) ** 2).sum(1)
    while len(chosen) < wanted and apart.any():
        shares = np.cumsum(apart)
        chosen.append(int(np.searchsorted(shares, generator.integers(shares[-1]), side="right")))
        apart = np.minimum(apart, ((cells - cells[chosen[-1]]) ** 2).sum(1))
    centres = np.zeros((len(chosen), 3 + len(features)), np.float32)
    centres[:, 3:] = cells[chosen]
    return xp.asarray(centres)


def _in_order(features: Any, labels: Any, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return a number from 1 on for each cluster that has cells, by ascending means, and these means."""
    xp = array_module(features)
    # Sums of whole numbers below 2**53 are exact in float64, in any order.
    sums = [xp.bincount(labels, minlength=count), *(xp.bincount(labels, channel, count) for channel in features)]
    cells, *totals = (part if xp is np else part.get() for part in sums)
    held = np.flatnonzero(cells)
    means = np.stack(totals, 1)[held] / cells[held, None]
    order = np.lexsort(means.T[::-1])
    numbers = np.zeros(count, np.int32)
    numbers[held[order]] = np.arange(1, len(held) + 1)
    return numbers, means[order]


def segment_by_kmeans(picture: Any, grey: Any, clusters: int = 8) -> Segmentation:
    """Return the clusters of a picture's colors as objects, with their measures on its grey values.

    Composed of `kmeans_segment` and `label_statistics`.
    """
    colors = picture[..., :3] if picture.ndim == 3 and picture.shape[2] in (3, 4) else grey
    labels = kmeans_segment(colors, clusters)
    return Segmentation(labels, None, label_statistics(labels, grey))


METHOD = Method(
    "kmeans",
    "Clusters of similar colors, wherever they lie.",
    segment_by_kmeans,
    (Option("clusters", int, "How many clusters.", 8),),
)
