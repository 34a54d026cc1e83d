"""Watersheds: the flood beside scikit-image, the forest beside brute force and in every wing."""

import heapq
import itertools

import numpy as np
import pytest
import scipy.ndimage
import skimage.segmentation
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import segalgo
from segalgo.cuda.device import simulated_schedule
from segalgo.reference.morphology import watershed_flood as reference

DTYPES = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64", "float16", "float32", "float64")


def neighbours_of(place, shape, connectivity):
    for step in itertools.product((-1, 0, 1), repeat=len(shape)):
        if 0 < np.count_nonzero(step) <= connectivity:
            there = tuple(i + d for i, d in zip(place, step, strict=True))
            if all(0 <= i < n for i, n in zip(there, shape, strict=True)):
                yield there


def prim(image, markers, connectivity, mask):
    """The forest by Prim's algorithm: always the least edge out of what is reached, cell by cell in Python."""
    flat = {place: k for k, place in enumerate(np.ndindex(image.shape))}
    labels = np.zeros_like(markers)
    queue = []

    def reach(place, label):
        labels[place] = label
        for there in neighbours_of(place, image.shape, connectivity):
            if mask[there] and not labels[there]:
                ends = sorted([(image[place].item(), flat[place]), (image[there].item(), flat[there])], reverse=True)
                heapq.heappush(queue, (*ends, there, label))

    for place in map(tuple, np.argwhere((markers != 0) & mask)):
        labels[place] = markers[place]
    for place in map(tuple, np.argwhere((markers != 0) & mask)):
        reach(place, markers[place])
    while queue:
        *_, place, label = heapq.heappop(queue)
        if not labels[place]:
            reach(place, label)
    return labels


def random_case(rng, shape, dtype, levels=8, seeds=0.05, holes=0.1):
    image = rng.integers(0, levels, shape).astype(dtype)
    if np.dtype(dtype).kind in "if":
        image -= np.dtype(dtype).type(levels // 2)
    markers = np.where(rng.random(shape) < seeds, rng.integers(1, 9, shape), 0).astype(np.int32)
    return image, markers, rng.random(shape) >= holes


SHAPES = [(13,), (1, 1), (9, 11), (1, 17), (33, 16), (5, 6, 7), (3, 2, 3, 4)]


def test_hand_worked(backend):
    image = backend.array(np.array([[5, 1, 5, 0, 9], [5, 5, 4, 5, 5]]))
    markers = backend.array(np.array([[1, 0, 0, 2, 0], [0, 0, 0, 0, 0]], np.int16))
    # The 1 at (0, 1) is reached from 5 on its left or over 4 and 5: the first edges to be taken are those of lower ranks.
    found = backend.numpy(segalgo.watershed(image, markers, method="forest"))
    assert found.dtype == np.int16
    np.testing.assert_array_equal(found, prim(backend.numpy(image), backend.numpy(markers), 1, np.ones((2, 5), bool)))


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", ["uint8", "int64", "float32"])
def test_the_forest_is_prims(backend, rng, shape, dtype):
    for connectivity in range(1, len(shape) + 1):
        image, markers, mask = random_case(rng, shape, dtype)
        arguments = (backend.array(image), backend.array(markers), connectivity, None, backend.array(mask))
        found = backend.numpy(segalgo.watershed(*arguments, method="forest"))
        np.testing.assert_array_equal(found, prim(image, markers, connectivity, mask), strict=True)


@pytest.mark.parametrize("dtype", DTYPES)
def test_every_dtype_of_altitudes(backend, rng, dtype):
    image, markers, mask = random_case(rng, (12, 15), dtype)
    kind = np.dtype(dtype).kind
    least, most = (-np.inf, np.inf) if kind == "f" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    image[0, :4], image[1, :4] = least, most
    if kind == "f":
        image[2, ::2] = -0.0
    expected = prim(image, markers, 2, mask)
    found = segalgo.watershed(
        backend.array(image), backend.array(markers), 8, mask=backend.array(mask), method="forest"
    )
    np.testing.assert_array_equal(backend.numpy(found), expected)


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "uint32", "int64", "uint64"])
def test_every_dtype_of_markers(backend, rng, dtype):
    image, markers, mask = random_case(rng, (12, 15), "uint8")
    markers = markers.astype(dtype)
    if dtype in ("int8", "int64"):
        markers[markers == 1] = -1
    for method in ("forest",) if backend.word in ("simulated", "cuda") else ("forest", "flood"):
        found = segalgo.watershed(backend.array(image), backend.array(markers), mask=backend.array(mask), method=method)
        assert backend.numpy(found).dtype == dtype
        if method == "forest":
            expected = prim(image, markers, 1, mask)
        else:
            expected = skimage.segmentation.watershed(image, markers.astype(np.int64), mask=mask)
        np.testing.assert_array_equal(backend.numpy(found), expected)


@given(
    image=arrays.arrays(np.int8, arrays.array_shapes(min_dims=1, max_dims=3, max_side=6), elements=st.integers(0, 4)),
    seed=st.integers(0, 9),
    seeds=st.sampled_from([0.0, 0.05, 0.3]),
)
def test_the_forest_as_the_reference(fast_backend, image, seed, seeds):
    rng = np.random.default_rng(seed)
    _, markers, mask = random_case(rng, image.shape, "int8", seeds=seeds)
    with segalgo.use_backend("reference"):
        expected = segalgo.watershed(image, markers, mask=mask, method="forest")
    arguments = map(fast_backend.array, (image, markers, mask))
    image, markers, mask = arguments
    found = segalgo.watershed(image, markers, mask=mask, method="forest")
    np.testing.assert_array_equal(fast_backend.numpy(found), expected)


def test_many_trees_without_markers(fast_backend, rng):
    """Noise with two markers: many rounds, and parts that no marker reaches."""
    image = rng.random((61, 83), np.float32)
    markers = np.zeros(image.shape, np.int32)
    markers[3, 4], markers[50, 60] = 1, 2
    mask = np.ones(image.shape, bool)
    mask[:, 70] = False
    for connectivity in (1, 2):
        found = segalgo.watershed(
            *map(fast_backend.array, (image, markers)), connectivity, mask=fast_backend.array(mask), method="forest"
        )
        found = fast_backend.numpy(found)
        np.testing.assert_array_equal(found, prim(image, markers, connectivity, mask))
        assert (found[:, 71:] == 0).all()


def test_simulated_orders_agree(rng):
    image, markers, mask = random_case(rng, (17, 19), "uint8", seeds=0.01)
    expected = prim(image, markers, 1, mask)
    for order in ("forward", "reversed", "shuffled"):
        with segalgo.use_backend("simulated"), simulated_schedule(order, seed=5):
            found = segalgo.watershed(image, markers, mask=mask, method="forest")
        np.testing.assert_array_equal(found, expected)


def test_methods_agree_where_one_label_reaches_lowest(rng):
    """The lowest pass from each label to each cell, by relaxing until nothing changes."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        image, markers, mask = random_case(rng, (9, 10), "int16", levels=200, seeds=0.04)
        names = np.unique(markers[(markers != 0) & mask])
        passes = []
        for name in names:
            level = np.where((markers == name) & mask, image, np.inf)
            while True:
                before = level.copy()
                padded = np.pad(level, 1, constant_values=np.inf)
                near = np.minimum.reduce([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:]])
                free = mask & (markers == 0)
                level = np.where(free, np.minimum(level, np.maximum(near, image)), level)
                if (level == before).all():
                    break
            passes.append(level)
        if len(passes) < 2:
            continue
        ordered = np.sort(passes, 0)
        alone = (ordered[0] < ordered[1]) & (markers == 0)
        best = names[np.argmin(passes, 0)]
        for method in ("flood", "forest"):
            found = segalgo.watershed(image, markers, mask=mask, method=method)
            np.testing.assert_array_equal(found[alone], best[alone], err_msg=method)


@pytest.mark.parametrize("shape", SHAPES[:-1])
@pytest.mark.parametrize(("compactness", "line"), [(0, False), (0, True), (0.7, False), (100, False), (0.7, True)])
def test_the_flood_is_that_of_scikit_image(host_backend, rng, shape, compactness, line):
    # With lines and many neighbours the same cells enter the queue again and again, there as here.
    most = min(len(shape), 2) if line else len(shape)
    for connectivity, levels in itertools.product(range(1, most + 1), (2, 5, 1000)):
        image, markers, mask = random_case(rng, shape, "float64", levels, seeds=0.15)
        options = {"connectivity": connectivity, "compactness": compactness, "watershed_line": line, "mask": mask}
        found = segalgo.watershed(image, markers, **options)
        expected = skimage.segmentation.watershed(image, markers, **options)
        np.testing.assert_array_equal(found, expected, strict=True)


def test_the_flood_of_a_distance(host_backend, rng):
    """Many markers of one altitude: their order in scikit-image's heap decides."""
    mask = scipy.ndimage.gaussian_filter(rng.random((60, 70)), 2) > 0.5
    distance = scipy.ndimage.distance_transform_edt(mask)
    peaks = (scipy.ndimage.maximum_filter(distance, 5) == distance) & mask
    markers = scipy.ndimage.label(peaks)[0]
    for connectivity in (1, 2):
        found = segalgo.watershed(-distance, markers, connectivity, mask=mask)
        np.testing.assert_array_equal(
            found, skimage.segmentation.watershed(-distance, markers, connectivity, mask=mask)
        )


@pytest.mark.parametrize("footprint", [np.ones((3, 3), bool), np.ones((5, 3), int), np.eye(3), [[0, 1, 1]]])
def test_footprints(host_backend, rng, footprint):
    image, markers, mask = random_case(rng, (14, 15), "uint8")
    found = segalgo.watershed(image, markers, footprint, mask=mask)
    np.testing.assert_array_equal(found, skimage.segmentation.watershed(image, markers, np.array(footprint), mask=mask))


@pytest.mark.parametrize("shape", [(40,), (23, 31), (9, 100), (8, 9, 10)])
def test_markers_found_here(host_backend, rng, shape):
    image = scipy.ndimage.gaussian_filter(rng.random(shape), 1).round(2)
    mask = rng.random(shape) < 0.95
    for markers, inside in itertools.product((None, 1, 5, 17, 10**6), (None, mask)):
        found = segalgo.watershed(image, markers, mask=inside)
        np.testing.assert_array_equal(found, skimage.segmentation.watershed(image, markers, mask=inside))


def test_constant_masked_and_empty_images(backend):
    ones = np.ones((4, 5), np.uint8)
    nothing = np.zeros((4, 5), np.int32)
    for image, markers, mask in (
        (ones, nothing, None),
        (ones, None, None),
        (ones, np.ones((4, 5), np.int32), np.zeros((4, 5), bool)),
    ):
        given_markers = None if markers is None else backend.array(markers)
        given_mask = None if mask is None else backend.array(mask)
        found = segalgo.watershed(backend.array(image), given_markers, mask=given_mask, method="forest")
        np.testing.assert_array_equal(backend.numpy(found), nothing)
    markers = nothing.copy()
    markers[2, 3] = 7
    found = segalgo.watershed(backend.array(ones), backend.array(markers), method="forest")
    assert (backend.numpy(found) == 7).all()
    empty = backend.array(np.zeros((0, 3), np.int32))
    assert segalgo.watershed(empty, empty, method="forest").shape == (0, 3)


def test_inputs_unchanged_and_any_memory_order(host_backend, rng):
    image, markers, mask = random_case(rng, (12, 14), ">f4")
    copies = image.copy(), markers.copy(), mask.copy()
    for array in (image, markers, mask):
        array.flags.writeable = False
    for method in ("flood", "forest"):
        plain = segalgo.watershed(image, markers, mask=mask, method=method)
        other = segalgo.watershed(
            np.asfortranarray(image), np.asfortranarray(markers), mask=np.asfortranarray(mask), method=method
        )
        np.testing.assert_array_equal(plain, other)
    for array, copy in zip((image, markers, mask), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_steps_end_at_the_flood(rng):
    image, markers, mask = random_case(rng, (8, 9), "uint8")
    steps = list(reference.watershed_steps(image, markers, 2, mask))
    expected = skimage.segmentation.watershed(image, markers, 2, mask=mask)
    np.testing.assert_array_equal(steps[-1].labels, expected)
    assert len(steps) == (expected != 0).sum()
    assert steps[-1].waiting == 0
    assert image[steps[0].place] == image[(markers != 0) & mask].min()
    for before, after in itertools.pairwise(steps):
        assert ((before.labels == 0) | (before.labels == after.labels)).all()
    with pytest.raises(ValueError, match="markers has shape"):
        next(reference.watershed_steps(image, markers[1:]))
    with pytest.raises(ValueError, match="connectivity=3"):
        next(reference.watershed_steps(image, markers, 3))


def test_the_flood_has_no_cuda_wing():
    image = np.zeros((2, 2))
    if segalgo.backends()["simulated"].available:
        with segalgo.use_backend("simulated"), pytest.raises(RuntimeError, match="has no watershed flood"):
            segalgo.watershed(image, np.ones((2, 2), int))


IMAGE, MARKERS = np.zeros((3, 4)), np.ones((3, 4), int)
ERRORS = [
    (lambda: segalgo.watershed(IMAGE, MARKERS[1:]), ValueError, r"markers has shape \(2, 4\): expected \(3, 4\)"),
    (lambda: segalgo.watershed(IMAGE, MARKERS * 1.0), TypeError, "markers has dtype float64"),
    (lambda: segalgo.watershed(IMAGE, 0), ValueError, "markers=0: expected at least 1"),
    (lambda: segalgo.watershed(IMAGE * np.nan, MARKERS), ValueError, "image holds NaN"),
    (lambda: segalgo.watershed(IMAGE * 1j, MARKERS), TypeError, "image has dtype complex128"),
    (lambda: segalgo.watershed(1.0, 1), ValueError, "image has shape"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, 3), ValueError, "connectivity=3"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, np.ones(3)), ValueError, r"connectivity has shape \(3,\)"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, np.ones((2, 2))), ValueError, "expected odd sizes"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, [[1]]), ValueError, "connectivity has no neighbour"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, np.ones((3, 3)), (3, 0)), ValueError, "offset="),
    (lambda: segalgo.watershed(IMAGE, MARKERS, np.ones((3, 3)), (0.5, 0)), TypeError, "offset has dtype"),
    (lambda: segalgo.watershed(IMAGE, None, np.eye(3)), ValueError, "markers=None with a footprint"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, mask=np.ones(3, bool)), ValueError, r"mask has shape \(3,\)"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, mask=IMAGE), TypeError, "mask has dtype float64"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, compactness=-1), ValueError, "compactness=-1"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, compactness=np.nan), ValueError, "compactness=nan"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, compactness="1"), TypeError, "compactness='1'"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, watershed_line="no"), TypeError, "watershed_line='no'"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, method="rain"), ValueError, "method='rain': expected one of"),
    (lambda: segalgo.watershed(IMAGE, MARKERS, compactness=1, method="forest"), ValueError, "compactness=1 with"),
    (
        lambda: segalgo.watershed(IMAGE, MARKERS, watershed_line=True, method="forest"),
        ValueError,
        "watershed_line=True",
    ),
    (lambda: segalgo.watershed(IMAGE, MARKERS, [[1, 1, 0]], method="forest"), ValueError, "not symmetric"),
    (
        lambda: segalgo.watershed(np.broadcast_to(np.uint8(0), (2**16, 2**16)), MARKERS),
        ValueError,
        "expected at most 2147483647 cells",
    ),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
