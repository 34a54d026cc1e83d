"""Distances to the nearest cell of another value, on every backend."""

import numpy as np
import pytest
import scipy.ndimage
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import segalgo
from segalgo.cuda.device import simulated_schedule

METRICS = ("euclidean", "cityblock", "chessboard")
FURTHEST = np.iinfo(np.int64).max


def all_pairs(labels, spacing=None, metric="euclidean"):
    """Distances (squared, if Euclidean) and first nearest flat index, from every pair of cells."""
    labels = np.asarray(labels)
    where = np.indices(labels.shape).reshape(labels.ndim, -1).T * np.array(spacing or (1,) * labels.ndim)
    apart = np.abs(where[:, None] - where[None])
    far = {"euclidean": (apart**2).sum(-1), "cityblock": apart.sum(-1), "chessboard": apart.max(-1)}[metric]
    flat = labels.reshape(-1)
    counted = np.where((flat[:, None] != flat[None]), far, np.inf)
    place = np.where(np.isfinite(counted.min(1)), counted.argmin(1), -1)
    least = counted.min(1)
    background = flat == 0
    least[background], place[background] = 0, np.flatnonzero(background)
    return least.reshape(labels.shape), place.reshape(labels.shape)


def flat_places(indices, shape):
    inside = (indices >= 0).all(0)
    return np.where(inside, np.ravel_multi_index(tuple(np.maximum(indices, 0)), shape), -1)


def test_hand_worked(backend):
    mask = backend.array(np.array([[0, 1, 1, 1], [1, 1, 1, 1]], bool))
    squared, indices = backend.numpy(segalgo.distance_transform(mask, squared=True, return_indices=True))
    np.testing.assert_array_equal(squared, np.array([[0, 1, 4, 9], [1, 2, 5, 10]]), strict=True)
    np.testing.assert_array_equal(indices, np.zeros((2, 2, 4), np.int64), strict=True)
    labels = backend.array(np.array([[1, 1, 2], [1, 1, 2], [1, 1, 0]], np.uint16))
    found = backend.numpy(segalgo.distance_transform(labels, metric="cityblock"))
    np.testing.assert_array_equal(found, np.array([[2, 1, 1], [2, 1, 1], [2, 1, 0]], np.float32), strict=True)


SHAPES = [(1,), (31,), (7, 9), (1, 13), (33, 17), (5, 6, 7), (3, 2, 3, 4)]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("metric", METRICS)
def test_all_pairs(backend, rng, shape, metric):
    for labels in (rng.random(shape) < 0.8, rng.integers(0, 3, shape), rng.random(shape) < 2, rng.random(shape) < 0.05):
        labels = np.asarray(labels).astype(rng.choice(["bool", "uint8", "int16", "uint32", "int64"]))
        squared = metric == "euclidean"
        result = segalgo.distance_transform(backend.array(labels), metric=metric, squared=squared, return_indices=True)
        distances, indices = backend.numpy(result)
        least, place = all_pairs(labels, metric=metric)
        if squared:
            assert distances.dtype == np.int64
            least = np.where(np.isfinite(least), np.nan_to_num(least, posinf=0).astype(np.int64), FURTHEST)
        np.testing.assert_array_equal(distances, least)
        if metric != "chessboard":
            np.testing.assert_array_equal(flat_places(indices, shape), place)
            continue
        # One of the nearest: another value at exactly that distance.
        finite = np.isfinite(least) & (labels != 0)
        here = np.indices(shape)
        apart = np.abs(here - indices).max(0)
        np.testing.assert_array_equal(apart[finite], least[finite])
        assert (labels[tuple(np.maximum(indices, 0))] != labels)[finite].all()


@pytest.mark.parametrize("spacing", [(2, 1), (0.5, 0.25), (0.29, 0.26), (0.1, 3), (np.pi, np.e), (1e-3, 1e3), 1.7])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_against_scipy(backend, rng, spacing, dtype):
    mask = rng.random((23, 37)) < 0.93
    sampling = spacing if isinstance(spacing, tuple) else (spacing, spacing)
    expected = scipy.ndimage.distance_transform_edt(mask, sampling)
    found = backend.numpy(segalgo.distance_transform(backend.array(mask), spacing, dtype=dtype))
    assert found.dtype == dtype
    # Each side rounds a product and a sum an axis, a root and a scale: fewer than 8 roundings.
    np.testing.assert_allclose(found, expected, rtol=8 * np.finfo(dtype).eps)


def test_ties_of_decimal_spacings_are_ties(backend):
    """3 * 0.1 is not 0.3 in float64: counted in tenths, both cells are as near, and the first one wins."""
    labels = np.ones((1, 7), int)
    labels[0, [0, 6]] = 0
    indices = backend.numpy(
        segalgo.distance_transform(backend.array(labels), (1, 0.1), return_distances=False, return_indices=True)
    )
    assert indices[1].tolist() == [[0, 0, 0, 0, 6, 6, 6]]


@pytest.mark.parametrize("spacing", [None, (1, 2), (np.pi, 1)])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("limit", [0, 1, np.sqrt(2), np.sqrt(3), 2.5, np.sqrt(5), 1e200, np.inf])
def test_limit(backend, rng, spacing, metric, limit):
    mask = rng.random((11, 19)) < 0.95
    whole, places = backend.numpy(
        segalgo.distance_transform(backend.array(mask), spacing, metric=metric, dtype="float64", return_indices=True)
    )
    found, indices = backend.numpy(
        segalgo.distance_transform(
            backend.array(mask), spacing, metric=metric, limit=limit, dtype="float64", return_indices=True
        )
    )
    np.testing.assert_array_equal(found, np.where(whole <= limit, whole, np.inf))
    np.testing.assert_array_equal(indices, np.where(whole <= limit, places, -1))


@given(
    labels=arrays.arrays(np.uint8, arrays.array_shapes(min_dims=1, max_dims=4, max_side=8), elements=st.integers(0, 2)),
    metric=st.sampled_from(METRICS),
    size=st.sampled_from([1, 2.5, np.pi]),
    limit=st.sampled_from([None, 2]),
)
def test_as_the_reference(fast_backend, labels, metric, size, limit):
    spacing = [size, *[1] * (labels.ndim - 1)]
    options = {"metric": metric, "limit": limit, "return_indices": True}
    with segalgo.use_backend("reference"):
        expected = segalgo.distance_transform(labels, spacing, **options)
    found = fast_backend.numpy(segalgo.distance_transform(fast_backend.array(labels), spacing, **options))
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, theirs, strict=True)


def test_simulated_orders_agree(rng):
    labels = rng.integers(0, 3, (13, 17))
    with segalgo.use_backend("reference"):
        expected = segalgo.distance_transform(labels, return_indices=True)
    for order in ("reversed", "shuffled"):
        with segalgo.use_backend("simulated"), simulated_schedule(order, seed=5):
            found = segalgo.distance_transform(labels, return_indices=True)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_large_distances_and_long_lines(host_backend):
    """One cell of background in a corner: sums beyond int32 for the long line, exact all the same."""
    line = np.ones(70_000, np.uint8)
    line[0] = 0
    if host_backend.word != "reference":  # whose cost is the distance times the cells
        found = segalgo.distance_transform(line, squared=True)
        np.testing.assert_array_equal(found, np.arange(70_000) ** 2)
        plane = np.ones((2, 50_000), bool)
        plane[0, 0] = 0
        found = segalgo.distance_transform(plane, (40_000, 1), squared=True)
        np.testing.assert_array_equal(found, np.add.outer([0, 40_000**2], np.arange(50_000) ** 2))
    assert segalgo.distance_transform(line[:300], dtype="float64")[-1] == 299


def test_memory_orders_and_inputs_unchanged(backend, rng):
    labels = rng.integers(0, 3, (20, 33)).astype(">i4")
    for view in (np.asfortranarray(labels), labels[::2, ::-3]):
        before = view.copy()
        view.flags.writeable = False
        given_array = backend.array(view.astype("i4") if backend.word == "cuda" else view)
        found = backend.numpy(segalgo.distance_transform(given_array, squared=True))
        np.testing.assert_array_equal(found, all_pairs(view)[0])
        np.testing.assert_array_equal(view, before)


def test_empty_and_one_label(backend):
    for shape in ((0,), (3, 0, 2)):
        found, indices = backend.numpy(
            segalgo.distance_transform(backend.array(np.zeros(shape, int)), return_indices=True)
        )
        assert found.shape == shape
        assert indices.shape == (len(shape), *shape)
        assert segalgo.expand_labels(backend.array(np.zeros(shape, int))).shape == shape
    full = backend.array(np.full((3, 4), 7))
    found, indices = backend.numpy(segalgo.distance_transform(full, return_indices=True))
    assert np.isposinf(found).all()
    assert (indices == -1).all()
    assert (backend.numpy(segalgo.distance_transform(full, squared=True)) == FURTHEST).all()


@pytest.mark.parametrize("distance", [0, 1, 1.5, 3, np.inf])
@pytest.mark.parametrize("spacing", [None, (1, 2)])
def test_expand_labels(backend, rng, distance, spacing):
    labels = np.where(rng.random((17, 21)) < 0.05, rng.integers(1, 9, (17, 21)), 0).astype(np.int32)
    given_labels = labels.copy()
    squared, place = all_pairs(labels == 0, spacing)
    expected = np.where((labels == 0) & (squared <= distance**2), labels.reshape(-1)[np.maximum(place, 0)], labels)
    found = backend.numpy(segalgo.expand_labels(backend.array(labels), distance, spacing))
    np.testing.assert_array_equal(found, expected, strict=True)
    np.testing.assert_array_equal(labels, given_labels)


def test_expand_labels_beside_scikit_image(backend, rng):
    segmentation = pytest.importorskip("skimage.segmentation")
    labels = np.where(rng.random((40, 50)) < 0.01, rng.integers(1, 9, (40, 50)), 0)
    found = backend.numpy(segalgo.expand_labels(backend.array(labels), 4))
    theirs = segmentation.expand_labels(labels, 4)
    np.testing.assert_array_equal(found > 0, theirs > 0)
    # Where they differ, two labels are as near.
    apart = np.stack([scipy.ndimage.distance_transform_edt(labels != k) for k in range(1, 9)])
    near = np.sort(apart, 0)
    assert (near[0] == near[1])[found != theirs].all()


IMAGE = np.ones((3, 4), int)
ERRORS = [
    (lambda: segalgo.distance_transform(IMAGE * 1.0), TypeError, "image has dtype float64: expected bool or integers"),
    (lambda: segalgo.distance_transform(3), ValueError, "image has shape"),
    (lambda: segalgo.distance_transform(IMAGE, 0), ValueError, "spacing=0: expected one finite number above 0"),
    (lambda: segalgo.distance_transform(IMAGE, (1, np.nan)), ValueError, "spacing="),
    (lambda: segalgo.distance_transform(IMAGE, (1, 2, 3)), ValueError, "one for each of 2 axes"),
    (lambda: segalgo.distance_transform(IMAGE, "1"), TypeError, "spacing='1'"),
    (lambda: segalgo.distance_transform(IMAGE, 1e-200), ValueError, "whose squares float64 holds"),
    (lambda: segalgo.distance_transform(IMAGE, metric="taxi"), ValueError, "metric='taxi': expected one of"),
    (lambda: segalgo.distance_transform(IMAGE, limit=-1), ValueError, "limit=-1: expected a number of at least 0"),
    (lambda: segalgo.distance_transform(IMAGE, limit=np.nan), ValueError, "limit=nan"),
    (lambda: segalgo.distance_transform(IMAGE, dtype="int32"), ValueError, "dtype='int32': expected one of"),
    (lambda: segalgo.distance_transform(IMAGE, dtype=np.zeros(0)), ValueError, "dtype=.*: expected one of"),
    (lambda: segalgo.distance_transform(IMAGE, squared=True, metric="cityblock"), ValueError, "squared=True with"),
    (lambda: segalgo.distance_transform(IMAGE, squared=True, dtype="float64"), ValueError, "dtype='float64' with"),
    (lambda: segalgo.distance_transform(IMAGE, return_distances=False), ValueError, "return_distances=False"),
    (lambda: segalgo.distance_transform(IMAGE, squared=2), TypeError, "squared=2: expected True or False"),
    (lambda: segalgo.expand_labels(IMAGE > 0), TypeError, "label_image has dtype bool"),
    (lambda: segalgo.expand_labels(IMAGE, -1), ValueError, "distance=-1"),
    (lambda: segalgo.expand_labels(IMAGE, "far"), TypeError, "distance='far'"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
