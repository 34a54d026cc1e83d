"""Keep, remove, renumber and fill labels, on every backend."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage as ndi
from skimage import morphology, segmentation
from threadpoolctl import threadpool_limits

import segalgo
from segalgo.cuda.device import simulated_schedule

SHAPES = [(63,), (64, 65), (13, 1), (1, 17), (6, 7, 8), (1, 1)]
SPARSE = np.array([[0, 7, 2**40], [2**62, 7, 2**40]])

small_labels = arrays.arrays(
    st.sampled_from(["uint8", "int32"]),
    st.one_of(arrays.array_shapes(min_dims=1, max_dims=3, max_side=7), st.just((2, 3, 2, 3))),
    elements=st.integers(0, 5),
)


def random_labels(rng, shape, dtype="int32", labels=9, density=0.7):
    """Labels in small patches, so that runs, holes and single cells occur."""
    coarse = rng.integers(1, labels + 1, [-(-n // 3) for n in shape])
    for axis in range(len(shape)):
        coarse = np.repeat(coarse, 3, axis)
    fine = coarse[tuple(slice(0, n) for n in shape)]
    return np.where(rng.random(shape) < density, fine, 0).astype(dtype)


def equal(backend, found, expected):
    np.testing.assert_array_equal(backend.numpy(found), expected, strict=True)


@pytest.mark.filterwarnings("ignore:Only one label:UserWarning")
@pytest.mark.parametrize("shape", SHAPES)
def test_remove_small_objects_against_scikit_image(backend, rng, shape):
    labels = random_labels(rng, shape)
    for max_size in (0, 1, 9, 60, 10**6):
        got = segalgo.remove_small_objects(backend.array(labels), max_size=max_size)
        equal(backend, got, morphology.remove_small_objects(labels, max_size=max_size))
        got = segalgo.remove_small_objects(backend.array(labels), min_size=max_size + 1)
        equal(backend, got, morphology.remove_small_objects(labels, max_size=max_size))
    for connectivity in range(1, len(shape) + 1):
        got = segalgo.remove_small_objects(backend.array(labels > 4), connectivity=connectivity, max_size=3)
        equal(backend, got, morphology.remove_small_objects(labels > 4, connectivity=connectivity, max_size=3))


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_every_dtype(fast_backend, rng, dtype):
    labels = random_labels(rng, (30, 41), dtype)
    for view in (labels, np.asfortranarray(labels), labels[::2, ::-3], labels.astype(labels.dtype.newbyteorder(">"))):
        if fast_backend.word == "cuda" and not view.dtype.isnative:
            continue
        view.flags.writeable = False
        x, native = fast_backend.array(view), view.astype(dtype)
        equal(
            fast_backend,
            segalgo.remove_small_objects(x, max_size=30),
            morphology.remove_small_objects(native, max_size=30),
        )
        equal(fast_backend, segalgo.clear_border(x, 1), segmentation.clear_border(native, 1))
        relabeled, forward, inverse = segalgo.relabel_sequential(x, 3)
        expected, forth, back = segmentation.relabel_sequential(native, 3)
        equal(fast_backend, relabeled, expected)
        equal(fast_backend, forward.out_values, forth.out_values)
        equal(fast_backend, inverse.out_values, back.out_values)
        equal(fast_backend, segalgo.fill_holes(x) != 0, segalgo.fill_holes(x) > 0)
        with segalgo.use_backend("reference"):
            kept, filled = segalgo.largest_components(native, 3), segalgo.fill_holes(native)
        equal(fast_backend, segalgo.largest_components(x, 3), kept)
        equal(fast_backend, segalgo.fill_holes(x), filled)


def test_hand_worked_largest_components(backend):
    labels = backend.array(np.array([[5, 5, 0, 7], [9, 9, 9, 7], [0, 0, 0, 2]]))
    equal(backend, segalgo.largest_components(labels), [[0, 0, 0, 0], [9, 9, 9, 0], [0, 0, 0, 0]])
    equal(backend, segalgo.largest_components(labels, 2), [[5, 5, 0, 0], [9, 9, 9, 0], [0, 0, 0, 0]])
    equal(backend, segalgo.largest_components(labels, 2, relabel=True), [[1, 1, 0, 0], [2, 2, 2, 0], [0, 0, 0, 0]])
    equal(backend, segalgo.largest_components(labels, 0), np.zeros((3, 4), int))
    equal(backend, segalgo.largest_components(labels, 99), backend.numpy(labels))
    image = backend.array(np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [1, 1, 0]], bool))
    equal(backend, segalgo.largest_components(image), np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 0]], bool))
    expected = np.array([[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 1, 0]], bool)
    equal(backend, segalgo.largest_components(image, 1, 4), expected)


@given(labels=small_labels, k=st.integers(0, 6))
def test_largest_components_are_the_largest(fast_backend, labels, k):
    kept = fast_backend.numpy(segalgo.largest_components(fast_backend.array(labels), k))
    areas = sorted((-np.count_nonzero(labels == name), name) for name in np.unique(labels[labels > 0]).tolist())
    assert set(np.unique(kept[kept > 0]).tolist()) == {name for _, name in areas[:k]}
    np.testing.assert_array_equal(kept[kept > 0], labels[kept > 0])


@pytest.mark.parametrize("shape", SHAPES[1:])
def test_clear_border_against_scikit_image(backend, rng, shape):
    labels = random_labels(rng, shape, labels=3, density=0.5)
    for buffer_size, bgval in itertools.product(range(min(3, *shape)), (0, 7)):
        got = segalgo.clear_border(backend.array(labels), buffer_size, bgval)
        equal(backend, got, segmentation.clear_border(labels, buffer_size, bgval))
    image = labels > 1
    equal(backend, segalgo.clear_border(backend.array(image)), segmentation.clear_border(image))
    mask = rng.random(shape) < 0.95
    got = segalgo.clear_border(backend.array(labels), mask=backend.array(mask))
    equal(backend, got, segmentation.clear_border(labels, mask=mask))


@pytest.mark.parametrize("offset", [1, 5, 250, 300])
@pytest.mark.parametrize("dtype", ["uint8", "int8", "int32"])
def test_relabel_sequential_against_scikit_image(backend, rng, offset, dtype):
    for labels in (random_labels(rng, (9, 31), dtype), np.array([[3, 100, 3]], dtype), np.zeros((2, 2), dtype)):
        relabeled, forward, inverse = segalgo.relabel_sequential(backend.array(labels), offset)
        expected = segmentation.relabel_sequential(labels, offset)
        equal(backend, relabeled, expected[0])
        equal(backend, forward[backend.array(labels)], expected[0])
        equal(backend, inverse[relabeled], labels)
        equal(backend, forward.in_values, expected[1].in_values)
        equal(backend, forward.out_values, expected[1].out_values)


@given(labels=small_labels, offset=st.integers(1, 9))
def test_relabel_sequential_keeps_the_partition(fast_backend, labels, offset):
    relabeled, _, inverse = segalgo.relabel_sequential(fast_backend.array(labels), offset)
    relabeled = fast_backend.numpy(relabeled)
    assert segalgo.same_partition(labels, relabeled)
    names = np.unique(relabeled[relabeled > 0])
    np.testing.assert_array_equal(names, np.arange(offset, offset + names.size))
    equal(fast_backend, inverse[fast_backend.array(relabeled)], labels)


def test_sparse_labels(backend):
    x = backend.array(SPARSE)
    equal(backend, segalgo.remove_small_objects(x, max_size=1), [[0, 7, 2**40], [0, 7, 2**40]])
    equal(backend, segalgo.largest_components(x, 1), [[0, 7, 0], [0, 7, 0]])
    equal(backend, segalgo.largest_components(x, 2, relabel=True), [[0, 1, 2], [0, 1, 2]])
    relabeled, forward, inverse = segalgo.relabel_sequential(x)
    equal(backend, relabeled, [[0, 1, 2], [3, 1, 2]])
    equal(backend, forward.in_values, [0, 7, 2**40, 2**62])
    equal(backend, inverse[relabeled], SPARSE)
    relabeled, forward, _ = segalgo.relabel_sequential(backend.array(np.array([2**64 - 1, 9], np.uint64)))
    equal(backend, relabeled, np.array([2, 1], np.uint64))
    equal(backend, forward.in_values, np.array([9, 2**64 - 1], np.uint64))
    equal(backend, forward[backend.array(np.array([9, 10], np.uint64))], np.array([1, 0], np.uint64))


def test_many_sparse_labels(fast_backend, rng):
    names = np.unique(rng.integers(1, 2**60, 5000))
    labels = np.append(0, names)[rng.integers(0, names.size + 1, (70, 1100))]
    for threads in (1, 2):
        with threadpool_limits(threads):
            relabeled = segalgo.relabel_sequential(fast_backend.array(labels))[0]
            kept = segalgo.remove_small_objects(fast_backend.array(labels), max_size=12)
        equal(fast_backend, relabeled, np.searchsorted(np.unique(labels), labels))
        areas = np.unique(labels, return_inverse=True, return_counts=True)
        equal(fast_backend, kept, np.where(areas[2][areas[1].reshape(labels.shape)] > 12, labels, 0))


def test_hand_worked_fill_holes(backend):
    labels = np.array(
        [
            [3, 3, 3, 0, 4, 4, 4],
            [3, 0, 3, 5, 4, 0, 4],
            [3, 3, 0, 0, 0, 4, 4],
            [3, 3, 3, 3, 4, 4, 4],
        ]
    )
    filled = labels.copy()
    filled[1, 1], filled[1, 5] = 3, 4  # what lies between 3, 4 and 5 stays
    equal(backend, segalgo.fill_holes(backend.array(labels)), filled)
    equal(backend, segalgo.fill_holes(backend.array(labels), 8), labels)  # diagonally all of it is one
    equal(backend, segalgo.fill_holes(backend.array(labels > 0), 8), ndi.binary_fill_holes(labels > 0, np.ones((3, 3))))


@pytest.mark.parametrize("shape", SHAPES)
def test_fill_holes_against_scipy(backend, rng, shape):
    for density in (0.5, 0.8):
        image = rng.random(shape) < density
        for connectivity in range(1, len(shape) + 1):
            structure = ndi.generate_binary_structure(len(shape), connectivity)
            expected = ndi.binary_fill_holes(image, structure)
            equal(backend, segalgo.fill_holes(backend.array(image), connectivity), expected)
            equal(backend, segalgo.fill_holes(backend.array(image * np.int16(9)), connectivity), expected * np.int16(9))


def brute_fill_holes(labels, connectivity):
    """Flood each component of the background, cell by cell: the oracle that shares no code with the wings."""
    filled, seen = labels.copy(), set()
    steps = [o for o in itertools.product((-1, 0, 1), repeat=labels.ndim) if 0 < np.count_nonzero(o) <= connectivity]
    for start in zip(*np.nonzero(labels == 0), strict=True):
        if start in seen:
            continue
        seen.add(start)
        component, owners, border = [start], set(), False
        for cell in component:
            border = border or any(k in (0, n - 1) for k, n in zip(cell, labels.shape, strict=True))
            for offset in steps:
                other = tuple(int(k) for k in np.add(cell, offset))
                if any(not 0 <= k < n for k, n in zip(other, labels.shape, strict=True)):
                    continue
                if labels[other]:
                    owners.add(int(labels[other]))
                elif other not in seen:
                    seen.add(other)
                    component.append(other)
        if not border and len(owners) == 1:
            for cell in component:
                filled[cell] = owners.copy().pop()
    return filled


@given(labels=small_labels, seed=st.integers(0, 3))
def test_fill_holes_of_labels_against_a_flood(fast_backend, labels, seed):
    labels = np.where(labels > 2, labels - 2, labels % 2).astype(labels.dtype)
    for connectivity in range(1, labels.ndim + 1):
        got = segalgo.fill_holes(fast_backend.array(labels), connectivity)
        equal(fast_backend, got, brute_fill_holes(labels, connectivity))


@pytest.mark.parametrize("shape", [(0,), (0, 4), (3, 0, 2)])
@pytest.mark.parametrize("dtype", ["int32", "bool"])
def test_empty_arrays(backend, shape, dtype):
    x = backend.array(np.zeros(shape, dtype))
    for call in (segalgo.remove_small_objects, segalgo.largest_components, segalgo.fill_holes):
        equal(backend, call(x), np.zeros(shape, dtype))
    equal(backend, segalgo.clear_border(x, mask=backend.array(np.zeros(shape, bool))), np.zeros(shape, dtype))
    if dtype != "bool":
        relabeled, forward, _ = segalgo.relabel_sequential(x)
        equal(backend, relabeled, np.zeros(shape, dtype))
        equal(backend, forward[x], np.zeros(shape, dtype))


def test_threads_and_simulated_orders_agree(rng):
    labels = random_labels(rng, (40, 53), density=0.8)
    calls = [
        lambda: segalgo.remove_small_objects(labels, max_size=20),
        lambda: segalgo.largest_components(labels, 2),
        lambda: segalgo.clear_border(labels, 1),
        lambda: segalgo.fill_holes(labels, 2),
        lambda: segalgo.relabel_sequential(labels, 2)[0],
    ]
    with segalgo.use_backend("reference"):
        expected = [call() for call in calls]
    for threads in (1, 2, 5):
        with threadpool_limits(threads), segalgo.use_backend("cython"):
            for call, answer in zip(calls, expected, strict=True):
                np.testing.assert_array_equal(call(), answer)
    for order in ("reversed", "shuffled"):
        with segalgo.use_backend("simulated"), simulated_schedule(order, seed=1):
            for call, answer in zip(calls, expected, strict=True):
                np.testing.assert_array_equal(call(), answer)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: segalgo.remove_small_objects([1.0]), TypeError, "labels has dtype float64"),
        (lambda: segalgo.remove_small_objects([1, -2]), ValueError, "negative label -2"),
        (lambda: segalgo.remove_small_objects([1], connectivity=64), ValueError, "connectivity=64"),
        (lambda: segalgo.remove_small_objects([1], max_size=-1), ValueError, "max_size=-1: expected at least 0"),
        (lambda: segalgo.remove_small_objects([1], min_size=0.5), TypeError, "min_size=0.5: expected an integer"),
        (lambda: segalgo.largest_components([1], -1), ValueError, "k=-1"),
        (lambda: segalgo.clear_border([[1, 2]], 1), ValueError, "buffer_size=1: expected less than every size"),
        (lambda: segalgo.clear_border([1], bgval=0.5), ValueError, "bgval=0.5"),
        (lambda: segalgo.clear_border([1], mask=[1]), TypeError, "mask has dtype int64: expected bool"),
        (lambda: segalgo.clear_border([1], mask=[True, False]), ValueError, r"mask has shape \(2,\)"),
        (lambda: segalgo.relabel_sequential([True]), TypeError, "label_field has dtype bool"),
        (lambda: segalgo.relabel_sequential([1], 0), ValueError, "offset=0: expected 1 to"),
        (lambda: segalgo.relabel_sequential([-1]), ValueError, "negative label -1"),
        (lambda: segalgo.fill_holes([[1]], 9), ValueError, "connectivity=9"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.peers
def test_against_cc3d(fast_backend, rng):
    import cc3d

    image = ndi.gaussian_filter(rng.standard_normal((31, 32, 33)), 1.5) > 0.1
    labels = segalgo.label(image)
    got = segalgo.remove_small_objects(fast_backend.array(image), connectivity=3, max_size=29)
    equal(fast_backend, got, cc3d.dust(image, threshold=30, connectivity=26))
    areas = np.sort(np.bincount(labels.ravel())[1:])
    if areas[-3] != areas[-4]:
        expected = cc3d.largest_k(labels, k=3, connectivity=26)
        equal(fast_backend, segalgo.largest_components(fast_backend.array(labels), 3) != 0, expected != 0)


def test_a_label_map_is_a_table_too():
    labels = np.array([0, 7, 7, 3], np.uint8)
    _, forward, inverse = segalgo.relabel_sequential(labels)
    np.testing.assert_array_equal(np.asarray(forward), [0, 0, 0, 1, 0, 0, 0, 2])
    np.testing.assert_array_equal(np.asarray(forward)[labels], forward[labels])
    assert (len(forward), len(inverse), forward.dtype) == (8, 3, np.uint8)
    assert len(np.asarray(segalgo.relabel_sequential(np.zeros(0, np.uint8))[1])) == 0


@pytest.mark.parametrize("labels", [[0, 1, 2**63 - 1, 42, 42], [0, 1, 99, 42, 42], [1, 99, 42, 42]])
@pytest.mark.parametrize("offset", [5, 2**53 + 1, 2**63 - 1, 2**64 - 6])
def test_large_offsets_are_exact(backend, labels, offset):
    x = np.array(labels, np.int64)
    relabeled, forward, inverse = segalgo.relabel_sequential(backend.array(x), offset)
    rank = {label: offset + k for k, label in enumerate(sorted(set(labels) - {0}))}
    expected = [rank.get(label, 0) for label in labels]
    assert backend.numpy(relabeled).tolist() == expected
    assert backend.numpy(forward[backend.array(x)]).tolist() == expected
    assert backend.numpy(inverse[relabeled]).tolist() == labels


@pytest.mark.parametrize("offset", [0, -1, 2**64, 2**70])
def test_offsets_that_do_not_fit_are_refused(offset):
    with pytest.raises(ValueError, match="offset="):
        segalgo.relabel_sequential(np.array([1, 2, 3]), offset)
