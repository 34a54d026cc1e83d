"""Statistics of labels, contacts and the Euler number, on every backend."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage as ndi
from skimage import measure
from threadpoolctl import threadpool_limits

import segalgo
from segalgo.cuda.device import simulated_schedule
from segalgo.labels.measurement import sum_stripes

LABELS = np.array([[1, 1, 0, 4], [1, 0, 2, 4], [0, 2, 2, 4]])

small_labels = arrays.arrays(
    st.sampled_from(["uint8", "int32"]),
    st.one_of(arrays.array_shapes(min_dims=1, max_dims=3, max_side=7), st.just((2, 3, 2, 3))),
    elements=st.integers(0, 4),
)


def random_labels(rng, shape, dtype="int32", labels=6, density=0.7):
    """Labels in small patches, so that runs, contacts and single cells occur."""
    coarse = rng.integers(1, labels + 1, [-(-n // 3) for n in shape])
    for axis in range(len(shape)):
        coarse = np.repeat(coarse, 3, axis)
    fine = coarse[tuple(slice(0, n) for n in shape)]
    return np.where(rng.random(shape) < density, fine, 0).astype(dtype)


def measured(backend, *arguments, **options):
    """The statistics as NumPy arrays, still named."""
    found = segalgo.label_statistics(*arguments, **options)
    return segalgo.LabelStatistics(*backend.numpy(tuple(found)))


def assert_same(found, expected):
    for name, ours, theirs in zip(expected._fields, found, expected, strict=True):
        if theirs is None:
            assert ours is None, name
        else:
            np.testing.assert_array_equal(ours, theirs, name, strict=True)


def with_reference(*arguments, **options):
    with segalgo.use_backend("reference"):
        return segalgo.label_statistics(*arguments, **options)


def test_hand_worked_statistics(backend):
    image = np.array([[1, 2, 9, -5], [3, 9, 7, -6], [9, 8, 0, 100]], np.int16)
    found = measured(backend, backend.array(LABELS), backend.array(image))
    assert found.label.tolist() == [1, 2, 3, 4]
    assert found.area.tolist() == [3, 3, 0, 3]
    assert found.bounding_box.tolist() == [[0, 0, 2, 2], [1, 1, 3, 3], [0, 0, 0, 0], [0, 3, 3, 4]]
    np.testing.assert_array_equal(found.centroid, [[1 / 3, 1 / 3], [5 / 3, 5 / 3], [np.nan, np.nan], [1, 3]])
    assert found.intensity_sum.tolist() == [6, 15, 0, 89]
    assert found.intensity_min.tolist() == [1, 0, 0, -6]
    assert found.intensity_max.tolist() == [3, 8, 0, 100]
    np.testing.assert_array_equal(found.intensity_mean, [2, 5, np.nan, 89 / 3])
    assert [array.dtype.name for array in found] == [
        *("int64", "int64", "int64", "float64", "float64", "int16", "int16", "int64")
    ]


@pytest.mark.parametrize("shape", [(63,), (64, 65), (13, 1), (1, 17), (5, 6, 7), (1, 1), (2, 3, 4, 5)])
def test_statistics_against_scikit_image(backend, rng, shape):
    labels, image = random_labels(rng, shape), rng.standard_normal(shape)
    found = measured(backend, backend.array(labels), backend.array(image))
    names = ("label", "area", "bbox", "intensity_min", "intensity_max", "intensity_mean")
    names = names if len(shape) in (2, 3) else ()
    table = measure.regionprops_table(labels, image, properties=names) if names else {}
    present = found.area > 0
    for name in {"label", "area", "intensity_min", "intensity_max"} & set(names):
        np.testing.assert_array_equal(getattr(found, name)[present], table[name])
    for k in range(found.bounding_box.shape[1] if names else 0):
        np.testing.assert_array_equal(found.bounding_box[present, k], table[f"bbox-{k}"])
    index = np.arange(1, labels.max() + 1)
    centers = np.array(ndi.center_of_mass(labels > 0, labels, index[present])).reshape(-1, len(shape))
    np.testing.assert_allclose(found.centroid[present], centers, rtol=1e-13)
    np.testing.assert_allclose(found.intensity_sum, ndi.sum_labels(image, labels, index), rtol=1e-12, atol=1e-12)
    boxes = [tuple(map(slice, box[: len(shape)], box[len(shape) :])) for box in found.bounding_box.tolist()]
    assert [box for box, here in zip(boxes, present, strict=True) if here] == [
        box for box in ndi.find_objects(labels) if box
    ]


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64", "float16", "float32"]
)
def test_intensities_of_every_dtype(backend, rng, dtype):
    labels = random_labels(rng, (11, 70), "uint16")
    if dtype == "bool":
        image = rng.random(labels.shape) < 0.5
    elif dtype.startswith("float"):
        image = rng.standard_normal(labels.shape).astype(dtype)
    else:
        limits = np.iinfo(dtype)
        image = rng.integers(limits.min, limits.max, labels.shape, dtype, endpoint=True)
        image[:2, :2] = limits.min, limits.max
    found = measured(backend, backend.array(labels), backend.array(image))
    assert found.intensity_min.dtype == dtype
    assert_same(found, with_reference(labels, image))
    for k in range(found.area.size):
        values = image[labels == k + 1]
        assert found.intensity_min[k] == values.min()
        assert found.intensity_max[k] == values.max()
        if not dtype.startswith("float"):
            exact = sum(map(int, values))
            assert (int(found.intensity_sum[k]) - exact) % 2**64 == 0


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64"])
def test_labels_of_every_dtype(backend, rng, dtype):
    labels = random_labels(rng, (9, 40), dtype)
    assert_same(measured(backend, backend.array(labels)), with_reference(labels))
    expected = measure.regionprops_table(labels, properties=("area",))["area"]
    found = measured(backend, backend.array(labels))
    assert found.label.dtype == dtype
    np.testing.assert_array_equal(found.area[found.area > 0], expected)
    pairs, counts = backend.numpy(segalgo.contacts(backend.array(labels)))
    assert pairs.dtype == dtype
    with segalgo.use_backend("reference"):
        expected = segalgo.contacts(labels)
    np.testing.assert_array_equal(pairs, expected[0])
    np.testing.assert_array_equal(counts, expected[1])


@given(labels=small_labels, seed=st.integers(0, 2**32 - 1))
def test_statistics_as_the_reference(fast_backend, labels, seed):
    image = np.random.default_rng(seed).standard_normal(labels.shape).astype(np.float32)
    found = measured(fast_backend, fast_backend.array(labels), fast_backend.array(image))
    assert_same(found, with_reference(labels, image))
    assert found.area.sum() == np.count_nonzero(labels)


def test_nan_and_infinity(backend):
    labels = backend.array(np.array([[1, 1, 2, 2, 3, 3, 4]]))
    values = np.array([[np.nan, 1, 2, np.nan, np.inf, -np.inf, np.inf]])
    for dtype in ("float32", "float64"):
        found = measured(backend, labels, backend.array(values, dtype))
        np.testing.assert_array_equal(found.intensity_sum, [np.nan, np.nan, np.nan, np.inf])
        np.testing.assert_array_equal(found.intensity_min, [np.nan, np.nan, -np.inf, np.inf])
        np.testing.assert_array_equal(found.intensity_max, [np.nan, np.nan, np.inf, np.inf])


def test_sums_of_floats_keep_the_bound_and_the_bits(fast_backend, rng):
    labels = random_labels(rng, (150, 1500))
    image = rng.standard_normal(labels.shape) * 10.0 ** rng.integers(-8, 8, labels.shape)
    bits = []
    for threads in (1, 2, 3):
        with threadpool_limits(threads):
            found = measured(fast_backend, fast_backend.array(labels), fast_backend.array(image))
        bits.append(found.intensity_sum.tobytes())
    assert len(set(bits)) == 1
    assert found.intensity_sum.tobytes() == with_reference(labels, image).intensity_sum.tobytes()
    for k in range(found.area.size):
        values = image[labels == k + 1].astype(np.longdouble)
        bound = found.area[k] * np.finfo(float).eps / 2 * np.abs(values).sum()
        assert abs(found.intensity_sum[k] - values.sum()) <= bound


def test_stripes_depend_on_shape_and_rows_alone():
    assert [sum_stripes(*pair) for pair in ((0, 0), (10**6, 5), (10**6, 10**6), (100, 4))] == [2, 16, 2, 5]


def test_num_labels(backend):
    found = measured(backend, backend.array(LABELS), num_labels=6)
    assert found.area.tolist() == [3, 3, 0, 3, 0, 0]
    with pytest.raises(ValueError, match="num_labels=3: expected at least 4"):
        segalgo.label_statistics(backend.array(LABELS), num_labels=3)


def test_sparse_labels_have_rows_of_those_that_occur(backend):
    labels = np.array([[0, 7, 2**40], [2**62, 7, 2**40]])
    found = measured(backend, backend.array(labels), backend.array(np.arange(6.0).reshape(2, 3)))
    assert found.label.tolist() == [7, 2**40, 2**62]
    assert found.area.tolist() == [2, 2, 1]
    assert found.intensity_sum.tolist() == [5, 7, 3]
    found = measured(backend, backend.array(np.array([2**64 - 1, 2**63], np.uint64)))
    assert found.label.tolist() == [2**63, 2**64 - 1]
    pairs, counts = backend.numpy(segalgo.contacts(backend.array(labels)))
    assert pairs.tolist() == [[7, 2**40], [7, 2**62]]
    assert counts.tolist() == [2, 1]


@pytest.mark.parametrize("shape", [(0,), (0, 5), (5, 0), (3, 0, 2)])
def test_empty_arrays(backend, shape):
    labels = backend.array(np.zeros(shape, np.int32))
    found = measured(backend, labels, backend.array(np.zeros(shape)))
    assert [array.shape[0] for array in found] == [0] * 8
    assert found.bounding_box.shape == (0, 2 * len(shape))
    pairs, counts = backend.numpy(segalgo.contacts(labels))
    assert pairs.shape == (0, 2)
    assert counts.shape == (0,)
    assert segalgo.euler_number(labels) == 0


def test_any_memory_order_and_no_input_is_written(backend, rng):
    labels, image = random_labels(rng, (20, 33)), rng.standard_normal((20, 33))
    expected, contacts = with_reference(labels, image), segalgo.contacts(backend.array(labels))
    views = [np.asfortranarray, lambda x: np.repeat(x, 2, 1)[:, ::2]]
    if backend.word != "cuda":
        views.append(lambda x: x.astype(x.dtype.newbyteorder(">")))
    for view in views:
        x, y = view(labels), view(image)
        x.flags.writeable = y.flags.writeable = False
        found = measured(backend, backend.array(x), backend.array(y))
        for name in ("area", "bounding_box", "centroid", "intensity_sum"):
            np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
        for ours, theirs in zip(segalgo.contacts(backend.array(x)), contacts, strict=True):
            np.testing.assert_array_equal(backend.numpy(ours), backend.numpy(theirs))
        assert segalgo.euler_number(backend.array(x)) == measure.euler_number(labels)


def test_simulated_orders_agree(rng):
    labels, image = random_labels(rng, (30, 41)), rng.standard_normal((30, 41)).astype(np.float32)
    expected = with_reference(labels, image)
    with segalgo.use_backend("reference"):
        pairs, counts = segalgo.contacts(labels, 2)
    for order in ("forward", "reversed", "shuffled"):
        with segalgo.use_backend("simulated"), simulated_schedule(order, seed=3):
            assert_same(segalgo.label_statistics(labels, image), expected)
            found = segalgo.contacts(labels, 2)
            assert segalgo.euler_number(labels, 1) == measure.euler_number(labels, 1)
        np.testing.assert_array_equal(found[0], pairs)
        np.testing.assert_array_equal(found[1], counts)


def brute_contacts(labels, connectivity, background):
    """Count pairs cell by cell: the oracle that shares no code with the wings."""
    counts = {}
    for cell in np.ndindex(labels.shape):
        for offset in itertools.product((-1, 0, 1), repeat=labels.ndim):
            other = tuple(np.add(cell, offset))
            if not 0 < np.count_nonzero(offset) <= connectivity or other < cell:
                continue
            if any(not 0 <= k < n for k, n in zip(other, labels.shape, strict=True)):
                continue
            pair = tuple(sorted((int(labels[cell]), int(labels[other]))))
            if pair[0] != pair[1] and (pair[0] or background):
                counts[pair] = counts.get(pair, 0) + 1
    return dict(sorted(counts.items()))


def test_hand_worked_contacts(backend):
    def found(*arguments):
        pairs, counts = backend.numpy(segalgo.contacts(backend.array(LABELS), *arguments))
        return list(zip(map(tuple, pairs.tolist()), counts.tolist(), strict=True))

    assert found() == [((2, 4), 2)]
    assert found(8) == [((1, 2), 2), ((2, 4), 5)]
    assert found(1, True) == [((0, 1), 4), ((0, 2), 4), ((0, 4), 1), ((2, 4), 2)]


@pytest.mark.parametrize("shape", [(7,), (1, 1), (9, 11), (4, 3, 5), (2, 3, 2, 3)])
@pytest.mark.parametrize("background", [False, True])
def test_contacts_against_loops(backend, rng, shape, background):
    labels = random_labels(rng, shape)
    for connectivity in range(1, len(shape) + 1):
        pairs, counts = backend.numpy(segalgo.contacts(backend.array(labels), connectivity, background))
        assert counts.dtype == np.int64
        expected = brute_contacts(labels, connectivity, background)
        assert list(zip(map(tuple, pairs.tolist()), counts.tolist(), strict=True)) == list(expected.items())


def test_contacts_of_many_labels(fast_backend, rng):
    labels = rng.integers(0, 2000, (70, 1100)).astype(np.int32)
    for threads in (1, 2):
        with threadpool_limits(threads):
            pairs, counts = fast_backend.numpy(segalgo.contacts(fast_backend.array(labels), 2))
        with segalgo.use_backend("reference"):
            expected = segalgo.contacts(labels, 2)
        np.testing.assert_array_equal(pairs, expected[0])
        np.testing.assert_array_equal(counts, expected[1])


def test_euler_number_of_every_small_image(backend):
    cells = 9 if backend.word == "simulated" else 12
    for code in range(0, 2**cells, 7 if backend.word == "simulated" else 23):
        image = (code >> np.arange(cells) & 1).astype(bool).reshape(3, -1)
        for connectivity in (1, 2):
            assert segalgo.euler_number(backend.array(image), connectivity) == measure.euler_number(image, connectivity)


@pytest.mark.parametrize("shape", [(63, 64), (5, 129), (1, 1), (7, 9, 11), (1, 3, 70), (2, 2, 2)])
@pytest.mark.parametrize("dtype", ["bool", "uint8", "int8", "uint16", "int16", "int32", "uint32", "int64", "float32"])
def test_euler_number_against_scikit_image(fast_backend, rng, shape, dtype):
    for density in (0.3, 0.7):
        image = (rng.random(shape) < density).astype(dtype) * rng.integers(1, 3, shape).astype(dtype)
        if np.dtype(dtype).kind in "if":
            image[rng.random(shape) < 0.2] = -1
        if dtype == "float32":
            image[rng.random(shape) < 0.2] = np.nan
        for connectivity in (1, len(shape)):
            got = segalgo.euler_number(fast_backend.array(image), connectivity)
            assert type(got) is int
            assert got == measure.euler_number(image, connectivity)


@given(image=arrays.arrays(bool, arrays.array_shapes(min_dims=1, max_dims=4, max_side=5)))
def test_euler_number_in_any_dimension(fast_backend, image):
    """One axis more, of one cell, changes nothing; on a line it counts runs."""
    for connectivity in (1, image.ndim):
        with segalgo.use_backend("reference"):
            expected = segalgo.euler_number(image, connectivity)
        assert segalgo.euler_number(fast_backend.array(image), connectivity) == expected
        thick = segalgo.euler_number(fast_backend.array(image[None]), 1 if connectivity == 1 else image.ndim + 1)
        assert thick == expected
    if image.ndim == 1:
        assert segalgo.euler_number(fast_backend.array(image)) == segalgo.label(image).max(initial=0)


def test_euler_number_is_objects_minus_holes(fast_backend, rng):
    for connectivity, other in ((1, 2), (2, 1)):
        image = ndi.gaussian_filter(rng.standard_normal((90, 131)), 2) > 0
        objects = segalgo.label(image, return_num=True, connectivity=connectivity)[1]
        background = segalgo.label(np.pad(~image, 1, constant_values=True), return_num=True, connectivity=other)[1]
        assert segalgo.euler_number(fast_backend.array(image), connectivity) == objects - (background - 1)


def test_connectivity_as_a_number_of_neighbours(backend):
    image = backend.array(np.eye(3, dtype=bool))
    assert [segalgo.euler_number(image, c) for c in (4, 8, None)] == [3, 1, 1]
    volume = backend.array(np.eye(8, dtype=bool).reshape(4, 4, 4))
    assert segalgo.euler_number(volume, 6) == segalgo.euler_number(volume, 1)
    assert segalgo.euler_number(volume, 26) == segalgo.euler_number(volume, 3)
    with pytest.raises(ValueError, match="connectivity=18: the Euler number is defined for 1 and 3"):
        segalgo.euler_number(volume, 18)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: segalgo.label_statistics(np.zeros((2, 2))), TypeError, "labels has dtype float64: expected integers"),
        (lambda: segalgo.label_statistics(np.ones((2, 2), bool)), TypeError, "labels has dtype bool"),
        (lambda: segalgo.label_statistics([[1, -3]]), ValueError, "negative label -3"),
        (lambda: segalgo.contacts(3), ValueError, "at least one axis"),
        (lambda: segalgo.label_statistics([1, 2], [1.0]), ValueError, r"intensity_image has shape \(1,\)"),
        (lambda: segalgo.label_statistics([1], [1j]), TypeError, "intensity_image has dtype complex128"),
        (lambda: segalgo.contacts([[0, -1]]), ValueError, "negative label -1"),
        (lambda: segalgo.contacts([[0, 1]], 3), ValueError, "connectivity=3"),
        (lambda: segalgo.contacts([[0, 1]], 1.5), TypeError, "connectivity=1.5"),
        (lambda: segalgo.euler_number([1j]), TypeError, "image has dtype complex128"),
        (lambda: segalgo.euler_number(True), ValueError, "at least one axis"),
    ],
)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.peers
@pytest.mark.parametrize("shape", [(40, 51), (13, 14, 15)])
def test_against_cc3d(fast_backend, rng, shape):
    import cc3d

    labels = random_labels(rng, shape, "uint32", density=0.95)
    found = measured(fast_backend, fast_backend.array(labels))
    expected = cc3d.statistics(labels, no_slice_conversion=True)
    np.testing.assert_array_equal(found.area, expected["voxel_counts"][1:])
    np.testing.assert_allclose(found.centroid, expected["centroids"][1:, : labels.ndim], rtol=1e-5)
    neighbours = 4 if labels.ndim == 2 else 6  # cc3d also counts diagonal contacts around the ends of rows
    pairs, counts = fast_backend.numpy(segalgo.contacts(fast_backend.array(labels), neighbours))
    expected = cc3d.contacts(labels, connectivity=neighbours, surface_area=False)
    expected = {tuple(sorted(map(int, pair))): int(count) for pair, count in expected.items()}
    assert dict(zip(map(tuple, pairs.tolist()), counts.tolist(), strict=True)) == expected
