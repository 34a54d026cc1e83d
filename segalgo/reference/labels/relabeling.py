"""Keep, remove, renumber and fill labels.

An operation on labels is a table: decide something for each label (is it large enough, does it touch the border), then
look every cell up. The steps are here, in the words of sets; `segalgo.labels.relabeling` composes them.
"""

import itertools

import numpy as np


def largest_label(labels: np.ndarray) -> int:
    """Return the largest label of an array of unsigned integers that is not empty."""
    return int(labels.max())


def distinct_labels(labels: np.ndarray) -> np.ndarray:
    """Return the labels that occur, ascending, with 0 before them whether it occurs or not."""
    return np.union1d(labels, np.zeros(1, labels.dtype))


def rank_labels(labels: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return each label's place in `values`, which is ascending and holds them all; uint32, uint64 if it must be."""
    dtype = np.uint32 if values.size <= 2**32 else np.uint64
    return np.searchsorted(values, labels).astype(dtype)


def label_areas(labels: np.ndarray, num_labels: int) -> np.ndarray:
    """Return how many cells each of the labels 0 ... num_labels has, int64."""
    return np.bincount(labels.reshape(-1).astype(np.int64), minlength=num_labels + 1)


def map_labels(labels: np.ndarray, table: np.ndarray) -> np.ndarray:
    """Return table[labels]."""
    return table[labels]


def largest_labels(areas: np.ndarray, k: int) -> np.ndarray:
    """Return whether each label is among the k of largest area (areas[0] is background's, which never is).

    The one place where ties are broken, for all wings: the smaller label wins. Absent labels are never kept.
    """
    kept = np.zeros(areas.size, bool)
    candidates = np.flatnonzero(areas[1:]) + 1
    if k < candidates.size:
        limit = np.partition(areas[candidates], -k)[-k] if k else np.inf
        above = candidates[areas[candidates] > limit]
        candidates = np.concatenate([above, candidates[areas[candidates] == limit][: k - above.size]])
    kept[candidates] = True
    return kept


def border_labels(labels: np.ndarray, num_labels: int, buffer_size: int, mask: np.ndarray | None) -> np.ndarray:
    """Return, as uint8, whether each of the labels 0 ... num_labels has a cell in the border or outside the mask.

    The border is what lies at most `buffer_size` cells from an end of some axis; with a mask it does not count.
    """
    if mask is None:
        mask = np.zeros(labels.shape, bool)
        mask[tuple(slice(buffer_size + 1, max(n - buffer_size - 1, 0)) for n in labels.shape)] = True
    touches = np.zeros(num_labels + 1, np.uint8)
    touches[labels[~mask]] = 1
    return touches


def hole_owners(labels: np.ndarray, components: np.ndarray, count: int, connectivity: int) -> np.ndarray:
    """Return for each component of the background the one label that encloses it, 0 where there is none.

    `components` numbers the background's components 1 ... count, and is 0 where there are labels. A component is
    enclosed by a label if it has no cell at the border and all labels among its cells' neighbours are that one.
    """
    least = np.full(count + 1, np.iinfo(labels.dtype).max, labels.dtype)
    most = np.zeros(count + 1, labels.dtype)
    for offset in itertools.product((-1, 0, 1), repeat=labels.ndim):
        if not 0 < np.count_nonzero(offset) <= connectivity:
            continue
        here = components[tuple(slice(max(0, -d), min(n, n - d)) for n, d in zip(labels.shape, offset, strict=True))]
        there = labels[tuple(slice(max(0, d), min(n, n + d)) for n, d in zip(labels.shape, offset, strict=True))]
        meets = (here != 0) & (there != 0)
        np.minimum.at(least, here[meets], there[meets])
        np.maximum.at(most, here[meets], there[meets])
    enclosed = (least == most) & (border_labels(components, count, 0, None) == 0)
    enclosed[0] = False
    return np.where(enclosed, most, labels.dtype.type(0))


def replace_components(
    image: np.ndarray, components: np.ndarray, replaced: np.ndarray, values: np.ndarray
) -> np.ndarray:
    """Return the image with values[component] in every component for which `replaced` (uint8) is set."""
    return np.where(replaced[components] != 0, values[components], image)
