"""Threads: the same bits for any number of them, and calls from several Python threads at once."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import segalgo

RNG = np.random.default_rng(7)
IMAGE = (RNG.random((700, 900)) * 255).astype(np.uint8)
VOLUME = RNG.random((40, 50, 60)) < 0.4
TENSOR = RNG.standard_normal((2, 6, 65, 67)).astype(np.float32)
LABELS = segalgo.label(IMAGE > 150)

CALLS = {
    "threshold_otsu": lambda: segalgo.threshold_otsu(IMAGE),
    "threshold_otsu float": lambda: segalgo.threshold_otsu(IMAGE / np.float32(3)),
    "threshold_li": lambda: segalgo.threshold_li(IMAGE / np.float32(3)),
    "threshold_sauvola": lambda: segalgo.threshold_sauvola(IMAGE, 25),
    "threshold_sauvola float": lambda: segalgo.threshold_sauvola(IMAGE / np.float32(255), 25),
    "threshold_local": lambda: segalgo.threshold_local(IMAGE, 35),
    "binarize": lambda: segalgo.binarize(IMAGE, 100),
    "label": lambda: segalgo.label(IMAGE > 120),
    "label 4": lambda: segalgo.label(IMAGE > 120, connectivity=4),
    "label many values": lambda: segalgo.label(IMAGE // 64),
    "label volume": lambda: segalgo.label(VOLUME, connectivity=26),
    "label_statistics": lambda: segalgo.label_statistics(LABELS, IMAGE / np.float32(7)),
    "contacts": lambda: segalgo.contacts(LABELS),
    "find_boundaries": lambda: segalgo.find_boundaries(LABELS),
    "distance_transform": lambda: segalgo.distance_transform(LABELS, return_indices=True),
    "distance_transform city block": lambda: segalgo.distance_transform(VOLUME, metric="cityblock"),
    "watershed": lambda: segalgo.watershed(IMAGE, LABELS * (LABELS % 5 == 0), method="forest"),
    "confusion_matrix": lambda: segalgo.metrics.confusion_matrix(IMAGE, IMAGE[::-1], 256, None),
    "mask_to_counts": lambda: segalgo.masks.mask_to_counts(np.tile(IMAGE > 120, (2, 2))),
    "rle_to_mask": lambda: segalgo.masks.rle_to_mask({"size": [2100, 1000], "counts": [700] * 3000}),
    "max_pool2d": lambda: segalgo.max_pool2d(TENSOR, 2, return_indices=True),
    "max_unpool2d": lambda: segalgo.max_unpool2d(
        *segalgo.max_pool2d(TENSOR, 2, return_indices=True), 2, output_size=(65, 67)
    ),
}


def bits(value) -> list[bytes]:
    """Return a result's bytes, whatever arrays it is made of."""
    return [
        np.ascontiguousarray(part).tobytes()
        for part in (value if isinstance(value, tuple) else (value,))
        if part is not None
    ]


@pytest.mark.parametrize("name", CALLS)
def test_same_bits_for_any_number_of_threads(name):
    results = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            results.append(bits(CALLS[name]()))
    assert results[0] == results[1] == results[2]


def test_calls_from_several_python_threads_at_once():
    expected = {name: bits(call()) for name, call in CALLS.items()}
    work = list(CALLS) * 4
    RNG.shuffle(work)
    with ThreadPoolExecutor(4) as pool:
        for name, got in zip(work, pool.map(lambda name: bits(CALLS[name]()), work), strict=True):
            assert got == expected[name], name
