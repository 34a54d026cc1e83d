"""What labels measure: areas, boxes, centroids, intensities; who touches whom; the Euler characteristic."""

import itertools

import numpy as np


def label_statistics(
    labels: np.ndarray, intensity_image: np.ndarray | None, num_labels: int, stripes: int
) -> tuple[np.ndarray | None, ...]:
    """See `segalgo.label_statistics`. labels is unsigned; rows 0 ... num_labels - 1 belong to labels 1 ... num_labels.

    Returns areas, boxes (smallest corner, then one past the largest), sums of coordinates, and sums, minima and maxima
    of the intensities (None without them), all exact but the sums of floats: the array in raster order is cut into
    `stripes` equal parts, each label's cells of a part are added in raster order, and the parts are added in order.
    """
    where = np.nonzero(labels)
    row = labels[where].astype(np.int64) - 1
    area = np.bincount(row, minlength=num_labels)
    box = np.zeros((num_labels, 2 * labels.ndim), np.int64)
    coordinate_sum = np.zeros((num_labels, labels.ndim), np.int64)
    present = area > 0
    for axis, coordinate in enumerate(where):
        first = np.full(num_labels, labels.shape[axis])
        np.minimum.at(first, row, coordinate)
        np.maximum.at(box[:, labels.ndim + axis], row, coordinate + 1)
        np.add.at(coordinate_sum[:, axis], row, coordinate)
        box[present, axis] = first[present]
    if intensity_image is None:
        return area, box, coordinate_sum, None, None, None
    values = intensity_image[where]
    return area, box, coordinate_sum, *_intensities(values, row, where, labels.shape, present, stripes)


def _intensities(
    values: np.ndarray,
    row: np.ndarray,
    where: tuple[np.ndarray, ...],
    shape: tuple[int, ...],
    present: np.ndarray,
    stripes: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the sum, minimum and maximum of the values of each row; NaN wins over every number."""
    if values.dtype.kind == "f":
        least, greatest, absent = -np.inf, np.inf, np.nan
        total = np.zeros(present.size)
        size = int(np.prod(shape))
        ends = np.searchsorted(np.ravel_multi_index(where, shape), [size * s // stripes for s in range(stripes + 1)])
        with np.errstate(invalid="ignore", over="ignore"):  # inf - inf is NaN, as in any sum
            for part in map(slice, ends[:-1], ends[1:]):
                # bincount adds its weights one by one, in order, in float64.
                total += np.bincount(row[part], values[part].astype(np.float64), present.size)
    else:
        limits = np.iinfo(values.dtype)
        least, greatest, absent = limits.min, limits.max, 0
        total = np.zeros(present.size, np.uint64 if values.dtype == np.uint64 else np.int64)
        np.add.at(total, row, values.astype(total.dtype))
    low, high = np.full((2, present.size), greatest, values.dtype)
    high[:] = least
    with np.errstate(invalid="ignore"):
        np.minimum.at(low, row, values)
        np.maximum.at(high, row, values)
    low[~present] = high[~present] = absent
    return total, low, high


def contacts(labels: np.ndarray, connectivity: int, background: bool) -> tuple[np.ndarray, np.ndarray]:
    """See `segalgo.contacts`. One comparison of the array with its shifted self for each half of the neighbourhood."""
    pairs = [np.empty((0, 2), labels.dtype)]
    for offset in itertools.product((-1, 0, 1), repeat=labels.ndim):
        # Offsets before the zero offset are the mirror images of those behind it.
        if offset <= (0,) * labels.ndim or np.count_nonzero(offset) > connectivity:
            continue
        here = labels[tuple(slice(max(0, -d), min(n, n - d)) for n, d in zip(labels.shape, offset, strict=True))]
        there = labels[tuple(slice(max(0, d), min(n, n + d)) for n, d in zip(labels.shape, offset, strict=True))]
        touching = here != there
        if not background:
            touching &= (here != 0) & (there != 0)
        pairs.append(np.sort(np.stack([here[touching], there[touching]], axis=1), axis=1))
    found, counts = np.unique(np.concatenate(pairs), axis=0, return_counts=True)
    return found, counts.astype(np.int64, copy=False)


def euler_number(image: np.ndarray, full: bool) -> int:
    """See `segalgo.euler_number`. Counts cells of every dimension, vertices - edges + faces - ...

    A cell that lacks the axes S is shared by the 2^|S| pixels of a block. The closed set (full connectivity) owns it
    where any of them is set, and a cell of k dimensions counts (-1)^k; the open set (connectivity 1) owns it where
    all are set, and its Euler characteristic counts (-1)^|S|.
    """
    padded = np.pad(image > 0, 1)
    total = 0
    for shared in range(image.ndim + 1):
        for axes in itertools.combinations(range(image.ndim), shared):
            block = padded
            for axis in axes:
                before, after = np.delete(block, -1, axis), np.delete(block, 0, axis)
                block = before | after if full else before & after
            total += (-1) ** (image.ndim - shared if full else shared) * int(np.count_nonzero(block))
    return total
