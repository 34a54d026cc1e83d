"""Keep, remove, renumber and fill labels: launch code of ``_ext/labels/relabeling.cu``."""

import itertools
from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256
PIECE = 32  # cells a thread walks, as in the .cu file


def largest_label(labels: Any) -> int:
    """Return the largest label."""
    return int(labels.max())


def distinct_labels(labels: Any) -> Any:
    """Return the labels that occur, ascending, with 0 before them."""
    xp = device_of(labels).xp
    return xp.unique(xp.concatenate([xp.zeros(1, labels.dtype), labels.reshape(-1)]))


def rank_labels(labels: Any, values: Any) -> Any:
    """Return each label's place in `values`, by binary search."""
    places = device_of(labels).xp.searchsorted(values, labels.reshape(-1))
    return places.astype(np.uint32 if values.size <= 2**32 else np.uint64).reshape(labels.shape)


def label_areas(labels: Any, num_labels: int) -> Any:
    """Return how many cells each of the labels 0 ... num_labels has."""
    device = device_of(labels)
    areas = device.xp.zeros(num_labels + 1, np.uint64)
    if labels.size:
        grid = blocks_for(-(-labels.size // PIECE), THREADS)
        arguments = (labels, areas, np.int64(labels.size))
        device.launch("labels.relabeling", f"label_areas<{c_name(labels.dtype)}>", grid, (THREADS,), arguments)
    return areas.view(np.int64)


def map_labels(labels: Any, table: Any) -> Any:
    """Return table[labels]."""
    device = device_of(labels)
    output = device.xp.empty(labels.shape, table.dtype)
    if labels.size:
        kernel = f"map_labels<{c_name(labels.dtype)}, {c_name(table.dtype)}>"
        arguments = (labels, table, output, np.int64(labels.size))
        device.launch("labels.relabeling", kernel, blocks_for(labels.size, THREADS), (THREADS,), arguments)
    return output


def border_labels(labels: Any, num_labels: int, buffer_size: int, mask: Any) -> Any:
    """Return, as uint8, whether each of the labels 0 ... num_labels has a cell in the border or outside the mask."""
    device = device_of(labels)
    xp = device.xp
    touches = xp.zeros(num_labels + 1, np.uint8)
    if labels.size:
        inside = xp.zeros(1, bool) if mask is None else mask
        flags = (np.int32(mask is not None), np.int32(labels.ndim), np.int64(buffer_size), np.int64(labels.size))
        arguments = (labels, inside, xp.asarray(np.array(labels.shape, np.int64)), touches, *flags)
        kernel = f"border_labels<{c_name(labels.dtype)}>"
        device.launch("labels.relabeling", kernel, blocks_for(labels.size, THREADS), (THREADS,), arguments)
    return touches


def hole_owners(labels: Any, components: Any, count: int, connectivity: int) -> Any:
    """Return for each component of the background the one label that encloses it, 0 where there is none."""
    device = device_of(labels)
    xp = device.xp
    steps = itertools.product((-1, 0, 1), repeat=labels.ndim)
    offsets = np.array([o for o in steps if 0 < np.count_nonzero(o) <= connectivity], np.int64)
    least = xp.full(count + 1, np.iinfo(np.uint64).max, np.uint64)
    most = xp.zeros(count + 1, np.uint64)
    if labels.size:
        flags = (np.int32(labels.ndim), np.int32(len(offsets)), np.int64(labels.size))
        shape = xp.asarray(np.array(labels.shape, np.int64))
        arguments = (labels, components, shape, xp.asarray(offsets), least, most, *flags)
        kernel = f"hole_owners<{c_name(labels.dtype)}, {c_name(components.dtype)}>"
        device.launch("labels.relabeling", kernel, blocks_for(labels.size, THREADS), (THREADS,), arguments)
    enclosed = (least == most) & (border_labels(components, count, 0, None) == 0)
    enclosed[0] = False
    return xp.where(enclosed, most, np.uint64(0)).astype(labels.dtype)


def replace_components(image: Any, components: Any, replaced: Any, values: Any) -> Any:
    """Return the image with values[component] in every component for which `replaced` is set."""
    device = device_of(image)
    output = device.xp.empty(image.shape, image.dtype)
    if image.size:
        kernel = f"replace_components<{c_name(image.dtype)}, {c_name(components.dtype)}>"
        arguments = (image, components, replaced, values, output, np.int64(image.size))
        device.launch("labels.relabeling", kernel, blocks_for(image.size, THREADS), (THREADS,), arguments)
    return output
