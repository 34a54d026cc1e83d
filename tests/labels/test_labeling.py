"""Connected components, on every backend."""

import itertools
from collections import deque

import numpy as np
import pytest
import scipy.ndimage
import skimage.measure
from hypothesis import given
from hypothesis import strategies as st
from label_pictures import hard_shapes

import segalgo
from segalgo.reference.labels import labeling as reference

INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "uint64", "int64")
DTYPES = ("bool", *INTEGERS, "longlong", "ulonglong", "float16", "float32", "float64")


def flood(image, background, connectivity, wrap=None, delta=0):
    """Pixel by pixel, with Python numbers: the oracle that shares no code with the wings."""
    wrap = wrap or (False,) * image.ndim
    steps = [s for s in itertools.product((-1, 0, 1), repeat=image.ndim) if 0 < sum(map(abs, s)) <= connectivity]
    values = {place: image[place].item() for place in np.ndindex(image.shape)}
    labels, count = np.zeros(image.shape, np.int32), 0
    for seed, value in values.items():
        if value == background or labels[seed]:
            continue
        count += 1
        labels[seed] = count
        queue = deque([seed])
        while queue:
            here = queue.popleft()
            for step in steps:
                there = [i + d for i, d in zip(here, step, strict=True)]
                if any(not 0 <= i < n and not w for i, n, w in zip(there, image.shape, wrap, strict=True)):
                    continue
                there = tuple(i % n for i, n in zip(there, image.shape, strict=True))
                joined = values[there] != background and abs(values[there] - values[here]) <= delta
                if joined and not labels[there]:
                    labels[there] = count
                    queue.append(there)
    return labels, count


def test_hand_worked(backend):
    image = backend.array([[1, 0, 1, 1], [0, 1, 0, 0], [0, 0, 0, 2], [1, 1, 0, 2]], np.uint8)
    four, count = segalgo.label(image, connectivity=1, return_num=True)
    assert backend.numpy(four).tolist() == [[1, 0, 2, 2], [0, 3, 0, 0], [0, 0, 0, 4], [5, 5, 0, 4]]
    assert count == 5
    eight = backend.numpy(segalgo.label(image))
    assert eight.tolist() == [[1, 0, 1, 1], [0, 1, 0, 0], [0, 0, 0, 2], [3, 3, 0, 2]]
    assert eight.dtype == np.int32


def test_hand_worked_wrap_and_delta(backend):
    corners = backend.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 1]], np.uint8)
    assert backend.numpy(segalgo.label(corners, wrap=True)).max() == 1
    assert backend.numpy(segalgo.label(corners, connectivity=1, wrap=True)).max() == 2
    assert backend.numpy(segalgo.label(corners, wrap=(True, False))).tolist()[0] == [1, 0, 0, 2]
    diagonal = backend.array([[1, 0, 0], [0, 0, 0], [0, 0, 1]], np.uint8)
    assert segalgo.label(diagonal, wrap=True, return_num=True)[1] == 1
    assert segalgo.label(diagonal, wrap=True, connectivity=1, return_num=True)[1] == 2
    assert segalgo.label(diagonal, wrap=(False, True), return_num=True)[1] == 2
    grey = backend.array([[10, 11, 13, 0, 1]], np.uint8)
    assert backend.numpy(segalgo.label(grey, delta=1)).tolist() == [[1, 1, 2, 0, 3]]
    assert backend.numpy(segalgo.label(grey, delta=2)).tolist() == [[1, 1, 1, 0, 2]]


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 4), (1,), (1, 1), (), (1, 1, 1, 1, 1)])
@pytest.mark.parametrize("value", [0, 1])
def test_no_pixels_and_one(backend, shape, value):
    labels, count = segalgo.label(backend.array(np.full(shape, value, np.int16)), return_num=True)
    labels = backend.numpy(labels)
    assert labels.shape == shape
    assert labels.dtype == np.int32
    assert count == int(value and labels.size == 1)
    np.testing.assert_array_equal(labels, count)


@pytest.mark.parametrize("height", [1, 2, 63, 64, 65])
@pytest.mark.parametrize("width", [1, 63, 64, 65, 129])
def test_sizes_around_a_word(fast_backend, rng, height, width):
    for density in (0.1, 0.5, 0.7, 0.95):
        image = (rng.random((height, width)) < density).astype(np.uint8)
        for connectivity in (1, 2):
            got = fast_backend.numpy(segalgo.label(fast_backend.array(image), connectivity=connectivity))
            np.testing.assert_array_equal(got, skimage.measure.label(image, connectivity=connectivity))


@pytest.mark.parametrize("shape", [(17,), (700,), (13, 70), (33, 65), (5, 6, 7), (9, 5, 67)])
@pytest.mark.parametrize("values", [2, 4])
@pytest.mark.parametrize("background", [0, 1, -1])
def test_as_scikit_image(backend, rng, shape, values, background):
    image = rng.integers(0, values, shape).astype(np.int16)
    for connectivity in range(1, len(shape) + 1):
        arguments = (background, True, connectivity)
        got, count = segalgo.label(backend.array(image), *arguments)
        expected, number = skimage.measure.label(image, *arguments)
        np.testing.assert_array_equal(backend.numpy(got), expected)
        assert count == number


@pytest.mark.parametrize("shape", [(3, 4, 3, 5), (2, 3, 2, 3, 2)])
def test_more_axes_as_scipy(backend, rng, shape):
    image = rng.random(shape) < 0.3
    for connectivity in range(1, len(shape) + 1):
        structure = scipy.ndimage.generate_binary_structure(len(shape), connectivity)
        expected, number = scipy.ndimage.label(image, structure)
        got, count = segalgo.label(backend.array(image), return_num=True, connectivity=connectivity)
        np.testing.assert_array_equal(backend.numpy(got), expected)
        assert count == number


@given(
    shape=st.lists(st.integers(1, 6), min_size=1, max_size=4).filter(lambda shape: np.prod(shape) < 200),
    values=st.integers(2, 5),
    dtype=st.sampled_from(["uint8", "int16", "float32"]),
    background=st.sampled_from([0, 0, 1, 7]),
    delta=st.sampled_from([0, 0, 1, 2]),
    data=st.data(),
    seed=st.integers(0, 2**32 - 1),
)
def test_as_flood_fill(backend, shape, values, dtype, background, delta, data, seed):
    connectivity = data.draw(st.integers(1, len(shape)))
    wrap = tuple(data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape))))
    image = np.random.default_rng(seed).integers(0, values, shape).astype(dtype)
    expected, number = flood(image, background, connectivity, wrap, delta)
    got, count = segalgo.label(backend.array(image), background, True, connectivity, wrap=wrap, delta=delta)
    np.testing.assert_array_equal(backend.numpy(got), expected)
    assert count == number


@pytest.mark.parametrize("connectivity", [1, 2])
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (2, 2), (1, 5), (2, 5), (5, 2), (3, 3), (3, 4)])
def test_wrap_along_short_axes(backend, rng, shape, connectivity):
    for wrap in itertools.product((False, True), repeat=2):
        for values in (2, 3):
            image = rng.integers(0, values, shape).astype(np.uint8)
            expected, number = flood(image, 0, connectivity, wrap)
            got, count = segalgo.label(backend.array(image), 0, True, connectivity, wrap=wrap)
            np.testing.assert_array_equal(backend.numpy(got), expected)
            assert count == number


@pytest.mark.parametrize("connectivity", [1, 2, 3])
def test_wrap_of_volumes(backend, rng, connectivity):
    for shape in ((2, 3, 4), (1, 2, 5), (5, 6, 7)):
        image = (rng.random(shape) < 0.3).astype(np.uint8)
        for wrap in itertools.product((False, True), repeat=3):
            expected, number = flood(image, 0, connectivity, wrap)
            got, count = segalgo.label(backend.array(image), 0, True, connectivity, wrap=wrap)
            np.testing.assert_array_equal(backend.numpy(got), expected)
            assert count == number


@pytest.mark.parametrize("name", hard_shapes(5))
def test_hard_shapes(backend, name):
    size = 45 if backend.word == "simulated" else 190
    image = hard_shapes(size)[name]
    for connectivity in (1, 2):
        for picture in (image, 1 - image, image.T):
            got = backend.numpy(segalgo.label(backend.array(picture), connectivity=connectivity))
            np.testing.assert_array_equal(got, skimage.measure.label(picture, connectivity=connectivity))


@pytest.mark.parametrize("dtype", DTYPES)
def test_dtypes(backend, rng, dtype):
    image = rng.integers(0, 2 if dtype == "bool" else 4, (19, 70)).astype(dtype)
    got = backend.numpy(segalgo.label(backend.array(image)))
    np.testing.assert_array_equal(got, skimage.measure.label(image.astype(np.int64)))
    assert got.dtype == np.int32


@pytest.mark.parametrize("dtype", INTEGERS)
def test_delta_does_not_overflow(backend, dtype):
    low, high = np.iinfo(dtype).min, np.iinfo(dtype).max
    image = np.array([[low, high, low + 1, high - 1, high]], dtype)
    for delta in (1, 2, high, high - low - 2, high - low - 1, high - low):
        expected, number = flood(image, 7, 1, None, delta)
        got, count = segalgo.label(backend.array(image), 7, True, 1, delta=delta)
        np.testing.assert_array_equal(backend.numpy(got), expected)
        assert count == number


@pytest.mark.parametrize("background", [-1, 7, 9])
def test_values_that_keep_to_their_rows(backend, background):
    """Every row alone is binary, zeros are foreground, and the stripes of a large image differ."""
    image = np.repeat(np.array([0, 0, 5, 0, 7, 7, 9], np.uint8), 60)[:, None] * np.ones(450, np.uint8)
    image = image[::20, ::20] if backend.word == "simulated" else image
    for connectivity in (1, 2):
        got = backend.numpy(segalgo.label(backend.array(image), background, connectivity=connectivity))
        np.testing.assert_array_equal(got, skimage.measure.label(image.astype(int), background=background))


def test_floats(backend):
    image = np.array([[0.0, -0.0, 1.5, np.inf, np.inf, -np.inf, 1.5]], np.float64)
    assert backend.numpy(segalgo.label(backend.array(image))).tolist() == [[0, 0, 1, 2, 2, 3, 4]]
    assert backend.numpy(segalgo.label(backend.array(image), delta=1.0)).tolist() == [[0, 0, 1, 2, 2, 3, 4]]
    assert backend.numpy(segalgo.label(backend.array(image), np.inf, delta=np.inf)).tolist() == [[1, 1, 1, 0, 0, 2, 2]]
    close = backend.array(np.array([[1.0, 1.25, 1.625, 2.0]], np.float32))
    assert backend.numpy(segalgo.label(close, delta=0.25)).tolist() == [[1, 1, 2, 3]]
    assert backend.numpy(segalgo.label(close, delta=0.375)).tolist() == [[1, 1, 1, 1]]
    with pytest.raises(ValueError, match="image holds NaN"):
        segalgo.label(backend.array([1.0, np.nan]))


def test_background_that_pixels_cannot_have(backend):
    image = backend.array([[0, 0, 3], [255, 3, 3]], np.uint8)
    for background in (-1, 256, 0.5, np.nan, np.inf, 10**30):
        assert backend.numpy(segalgo.label(image, background)).tolist() == [[1, 1, 2], [3, 2, 2]]
    assert backend.numpy(segalgo.label(image, None)).tolist() == [[0, 0, 1], [2, 1, 1]]
    assert backend.numpy(segalgo.label(image, 255.0)).tolist() == [[1, 1, 2], [0, 2, 2]]
    assert backend.numpy(segalgo.label(backend.array([True, False]), -1)).tolist() == [1, 2]


def test_views_and_read_only_inputs(backend, rng):
    whole = rng.integers(0, 3, (40, 30, 6)).astype(np.uint16)
    whole.flags.writeable = False
    before = whole.copy()
    for view in (whole[::2, ::-1, 3], whole.transpose(2, 0, 1), np.asfortranarray(whole[:, :, 0])):
        got = backend.numpy(segalgo.label(backend.array(view)))
        np.testing.assert_array_equal(got, skimage.measure.label(np.ascontiguousarray(view)))
        assert got.flags.c_contiguous
    np.testing.assert_array_equal(whole, before)


def test_big_endian_and_lists():
    image = np.arange(12).reshape(3, 4) % 5
    np.testing.assert_array_equal(segalgo.label(image.astype(">i4")), segalgo.label(image))
    np.testing.assert_array_equal(segalgo.label(image.tolist()), segalgo.label(image))


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_out(backend, rng, dtype):
    image = backend.array(rng.integers(0, 2, (21, 90)).astype(np.uint8))
    expected = backend.numpy(segalgo.label(image))
    out = backend.array(np.full((21, 90), -5, dtype))
    assert segalgo.label(image, out=out) is out
    np.testing.assert_array_equal(backend.numpy(out), expected)
    wide = backend.array(np.full((21, 180), -5, dtype))
    view = wide[:, ::2]
    assert segalgo.label(image, out=view) is view
    np.testing.assert_array_equal(backend.numpy(wide)[:, ::2], expected)
    assert (backend.numpy(wide)[:, 1::2] == -5).all()


def test_out_of_several_values_and_int64(fast_backend, rng):
    image = fast_backend.array(rng.integers(0, 4, (50, 200)).astype(np.uint8))
    out = fast_backend.array(np.empty((50, 200), np.int64))
    segalgo.label(image, out=out)
    np.testing.assert_array_equal(fast_backend.numpy(out), fast_backend.numpy(segalgo.label(image)))


@pytest.mark.parametrize(("shape", "words"), [((9, 9), {4: 1, 8: 2}), ((5, 5, 5), {6: 1, 18: 2, 26: 3})])
def test_connectivity_by_number_of_neighbours(shape, words, rng):
    image = rng.integers(0, 2, shape)
    for neighbours, axes in words.items():
        expected = segalgo.label(image, connectivity=axes)
        np.testing.assert_array_equal(segalgo.label(image, connectivity=neighbours), expected)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"connectivity": 3}, ValueError, "connectivity=3: expected one of 1, 2, 4, 8 for an image of 2 dimensions"),
        ({"connectivity": 6}, ValueError, "connectivity=6"),
        ({"connectivity": 0}, ValueError, "connectivity=0"),
        ({"connectivity": 1.0}, TypeError, "connectivity=1.0"),
        ({"wrap": (True,)}, ValueError, "wrap=.*expected 2 values"),
        ({"wrap": 1}, TypeError, "wrap=1"),
        ({"wrap": (0, 1)}, TypeError, "wrap="),
        ({"wrap": np.array(3)}, TypeError, "wrap="),
        ({"delta": -1}, ValueError, "delta=-1"),
        ({"delta": np.nan}, ValueError, "delta=nan"),
        ({"delta": "1"}, TypeError, "delta='1'"),
        ({"background": "0"}, TypeError, "background='0'"),
        ({"out": [[0]]}, TypeError, "out of type list"),
        ({"out": np.zeros((4, 4), np.uint32)}, TypeError, "out has dtype uint32"),
        ({"out": np.zeros((4, 5), np.int32)}, ValueError, r"out has shape \(4, 5\): expected \(4, 4\)"),
        ({"out": np.broadcast_to(np.int32(0), (4, 4))}, ValueError, "out is read-only"),
    ],
)
def test_errors_name_the_argument(arguments, error, message):
    with pytest.raises(error, match=message):
        segalgo.label(np.zeros((4, 4), int), **arguments)


def test_errors_of_the_image():
    with pytest.raises(TypeError, match="image has dtype complex128"):
        segalgo.label(np.zeros((2, 2), complex))
    with pytest.raises(TypeError, match="image of type str"):
        segalgo.label("picture")
    with pytest.raises(ValueError, match="connectivity=26"):
        segalgo.label(np.zeros((2, 2, 2, 2)), connectivity=26)
    with pytest.raises(ValueError, match="at most 8"):
        segalgo.label(np.zeros((2,) * 17, bool))
    image = np.zeros((4, 4), np.int32)
    with pytest.raises(ValueError, match="out overlaps image"):
        segalgo.label(image, out=image)


def test_reference_works_alone(rng):
    """The wings take one signature, so a student may call the reference directly."""
    image = rng.integers(0, 2, (30, 40))
    labels, count = reference.label(image, 0, 2, (False, False), 0, None)
    np.testing.assert_array_equal(labels, segalgo.label(image))
    assert count == labels.max()


@pytest.mark.peers
@pytest.mark.parametrize("density", [0.05, 0.3, 0.5, 0.6, 0.9])
def test_as_opencv_and_cc3d(fast_backend, rng, density):
    import cc3d
    import cv2

    image = (rng.random((257, 391)) < density).astype(np.uint8)
    for connectivity in (4, 8):
        got = fast_backend.numpy(segalgo.label(fast_backend.array(image), connectivity=connectivity))
        count, theirs = cv2.connectedComponents(image, connectivity=connectivity)
        assert got.max() == count - 1
        assert segalgo.same_partition(got, theirs)
        assert segalgo.same_partition(got, cc3d.connected_components(image, connectivity=connectivity).astype(np.int32))
    volume = (rng.random((23, 34, 71)) < density / 2).astype(np.uint8) * rng.integers(1, 4, (23, 34, 71)).astype(
        np.uint8
    )
    for connectivity in (6, 18, 26):
        got = fast_backend.numpy(segalgo.label(fast_backend.array(volume), connectivity=connectivity))
        assert segalgo.same_partition(
            got, cc3d.connected_components(volume, connectivity=connectivity).astype(np.int32)
        )


@pytest.mark.peers
@pytest.mark.parametrize("dtype", ["uint8", "int16", "int32"])
def test_delta_and_wrap_as_cc3d(fast_backend, rng, dtype):
    import cc3d

    smooth = scipy.ndimage.gaussian_filter(rng.standard_normal((150, 171)), 3, mode="wrap")
    image = np.clip(smooth / smooth.max() * 60 + 60, 0, 120).astype(dtype)
    for connectivity, delta in itertools.product((4, 8), (1, 2, 5)):
        got = fast_backend.numpy(segalgo.label(fast_backend.array(image), connectivity=connectivity, delta=delta))
        theirs = cc3d.connected_components(image, connectivity=connectivity, delta=delta)
        assert segalgo.same_partition(got, theirs.astype(np.int32))
    for connectivity in (4, 8):
        binary = (image > 62).astype(np.uint8)
        got = fast_backend.numpy(segalgo.label(fast_backend.array(binary), connectivity=connectivity, wrap=True))
        theirs = cc3d.connected_components(binary, connectivity=connectivity, periodic_boundary=True)
        assert segalgo.same_partition(got, theirs.astype(np.int32))
