"""Threads: the same bits for any number of them, and calls from several Python threads at once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import segalgo
from segalgo import verify
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.operation import Operation, Recipe, Source

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
    "dense_crf": lambda: segalgo.dense_crf(np.stack([VOLUME[0], ~VOLUME[0]]).astype(np.float32), IMAGE[:50, :60], 3),
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


LEAST_CELLS = 1 << 17
LEAST_BOXES = 1 << 12


def grown(shape: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield a shape with its last two axes grown, and with its first axis grown (boxes: their number)."""
    for factor in (2**k for k in range(10)):
        larger = (*shape[:-2], *(side * factor for side in shape[-2:]))
        if np.prod(larger) >= LEAST_CELLS:
            yield larger
            break
    if shape[0]:
        yield (-(-LEAST_BOXES // shape[0]) * shape[0], *shape[1:])


def modest_recipe(operation: Operation) -> Recipe:
    """Return a recipe of the operation, with its default parameters, whose array is large enough to be shared out."""
    parameters = {name: choices[0] for name, choices in operation.choices.items()}
    values = "random" if "random" in operation.values else operation.values[0]
    for shape in (*operation.large, *operation.shapes):
        for larger in grown(shape):
            recipe = Recipe(operation.name, 0, 0, larger, operation.dtypes[0], values, "C", parameters)
            if operation.fits(recipe):
                return recipe
    raise AssertionError(f"{operation.name}: no larger shape fits its default parameters")


@pytest.mark.parametrize("name", verify.operations())
def test_catalogued_operations_give_the_same_bits_for_any_number_of_threads(name):
    operation = operation_of(name)
    recipe = modest_recipe(operation)
    arguments = operation.arguments(recipe, Source(recipe))
    results = []
    for threads in (1, 2, 7):
        with threadpool_limits(threads), segalgo.use_backend("cython"), np.errstate(all="ignore"):
            results.append(bits(operation.door(**arguments)))
    assert results[0] == results[1] == results[2]


def test_calls_from_several_python_threads_at_once():
    expected = {name: bits(call()) for name, call in CALLS.items()}
    work = list(CALLS) * 4
    RNG.shuffle(work)
    with ThreadPoolExecutor(4) as pool:
        for name, got in zip(work, pool.map(lambda name: bits(CALLS[name]()), work), strict=True):
            assert got == expected[name], name
