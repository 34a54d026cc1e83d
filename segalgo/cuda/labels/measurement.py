"""What labels measure: launch code of ``_ext/labels/measurement.cu``."""

import itertools
from typing import Any

import numpy as np

from segalgo.cuda.device import Device, blocks_for, c_name, device_of

THREADS = 256
PIECE = 32  # cells a thread walks, as in the .cu file
MOST_AXES = 16


def label_statistics(labels: Any, intensity_image: Any, num_labels: int, stripes: int) -> tuple[Any, ...]:
    """See `segalgo.label_statistics`. Integers by atomics; floats by one thread a label and stripe, in raster order.

    Scratch: 16 or 24 bytes for each label and stripe where the intensities are floats.
    """
    device = device_of(labels)
    xp, ndim = device.xp, labels.ndim
    area = xp.zeros(num_labels, np.uint64)
    coordinate_sum = xp.zeros((num_labels, ndim), np.uint64)
    box = xp.zeros((num_labels, 2 * ndim), np.int64)
    box[:, :ndim] = np.iinfo(np.int64).max
    shape = xp.asarray(np.array(labels.shape, np.int64))
    if labels.size and num_labels:
        grid = blocks_for(-(-labels.size // PIECE), THREADS)
        arguments = (labels, shape, area, coordinate_sum, box, np.int32(ndim), np.int64(labels.size))
        device.launch(
            "labels.measurement", f"label_statistics_tables<{c_name(labels.dtype)}>", grid, (THREADS,), arguments
        )
    area = area.view(np.int64)
    box[area == 0] = 0
    if intensity_image is None:
        values = (None, None, None)
    elif intensity_image.dtype.kind == "f":
        values = _floats(device, labels, intensity_image, area, box, shape, stripes)
    else:
        values = _integers(device, labels, intensity_image, area)
    return area, box, coordinate_sum.view(np.int64), *values


def _integers(device: Device, labels: Any, image: Any, area: Any) -> tuple[Any, Any, Any]:
    xp = device.xp
    limits = np.iinfo(np.int64)
    total = xp.zeros(area.size, np.uint64)
    low = xp.full(area.size, limits.max, np.int64)
    high = xp.full(area.size, limits.min, np.int64)
    turn = np.uint64(2**63 if image.dtype == np.uint64 else 0)
    if labels.size and area.size:
        arguments = (labels, image, total, low, high, np.int64(labels.size), turn)
        kernel = f"label_statistics_integers<{c_name(labels.dtype)}, {c_name(image.dtype)}>"
        device.launch(
            "labels.measurement", kernel, blocks_for(-(-labels.size // PIECE), THREADS), (THREADS,), arguments
        )
    low, high = (xp.where(area > 0, key.view(np.uint64) ^ turn, np.uint64(0)) for key in (low, high))
    total = total if image.dtype == np.uint64 else total.view(np.int64)
    return total, low.astype(image.dtype), high.astype(image.dtype)


def _floats(
    device: Device, labels: Any, image: Any, area: Any, box: Any, shape: Any, stripes: int
) -> tuple[Any, Any, Any]:
    xp, rows = device.xp, area.size
    totals = xp.zeros((stripes, rows), np.float64)
    lows, highs = xp.full((stripes, rows), np.inf, image.dtype), xp.full((stripes, rows), -np.inf, image.dtype)
    if labels.size and rows:
        sizes = (np.int32(labels.ndim), *map(np.int64, (labels.size, rows, stripes)))
        arguments = (labels, image, box, shape, totals, lows, highs, *sizes)
        kernel = f"label_statistics_floats<{c_name(labels.dtype)}, {c_name(image.dtype)}>"
        device.launch("labels.measurement", kernel, blocks_for(stripes * rows, THREADS), (THREADS,), arguments)
    total, low, high = totals[0], lows[0], highs[0]
    with np.errstate(invalid="ignore", over="ignore"):
        for part in range(1, stripes):
            total = total + totals[part]
            low, high = xp.minimum(low, lows[part]), xp.maximum(high, highs[part])
    absent = image.dtype.type(np.nan)
    return total, xp.where(area > 0, low, absent), xp.where(area > 0, high, absent)


def contacts(labels: Any, connectivity: int, background: bool) -> tuple[Any, Any]:
    """See `segalgo.contacts`. Count the contacts, list them, sort the list and count equal ones.

    Scratch: four numbers a contact.
    """
    device = device_of(labels)
    xp = device.xp
    zero = (0,) * labels.ndim
    steps = [o for o in itertools.product((-1, 0, 1), repeat=labels.ndim) if o > zero]
    offsets = np.array([o for o in steps if np.count_nonzero(o) <= connectivity], np.int64)
    low = high = xp.empty(0, labels.dtype)
    if labels.size:
        fixed = (labels, xp.asarray(np.array(labels.shape, np.int64)), xp.asarray(offsets))
        flags = (np.int32(labels.ndim), np.int32(len(offsets)), np.int32(background), np.int64(labels.size))
        room = 0
        for _ in range(2):  # the first launch only counts
            found = xp.zeros(1, np.uint64)
            low, high = xp.empty(max(room, 1), labels.dtype), xp.empty(max(room, 1), labels.dtype)
            arguments = (*fixed, found, low, high, *flags, np.uint64(room))
            kernel = f"contacts<{c_name(labels.dtype)}>"
            device.launch("labels.measurement", kernel, blocks_for(labels.size, THREADS), (THREADS,), arguments)
            room = int(device.to_host(found)[0])
        low, high = low[:room], high[:room]
    names = xp.unique(xp.concatenate([low, high]))
    # Ranks keep the order of labels, and a pair of them fits into one number.
    keys = xp.searchsorted(names, low) * names.size + xp.searchsorted(names, high)
    keys, counts = xp.unique(keys, return_counts=True)
    divisor = max(int(names.size), 1)
    pairs = xp.stack([names[keys // divisor], names[keys % divisor]], axis=1) if names.size else low.reshape(0, 2)
    return pairs, counts.astype(np.int64)


def euler_number(image: Any, full: bool) -> int:
    """See `segalgo.euler_number`. One thread a position between pixels."""
    if image.ndim > MOST_AXES:
        raise ValueError(f"image has {image.ndim} axes: expected at most {MOST_AXES} with this backend")
    device = device_of(image)
    total = device.xp.zeros(1, np.uint64)
    positions = int(np.prod([n + 1 for n in image.shape]))
    shape = device.xp.asarray(np.array(image.shape, np.int64))
    arguments = (image, shape, total, np.int32(image.ndim), np.int32(full), np.int64(positions))
    kernel = f"euler_number<{c_name(image.dtype)}>"
    device.launch("labels.measurement", kernel, blocks_for(positions, THREADS), (THREADS,), arguments)
    return int(device.to_host(total).view(np.int64)[0])
