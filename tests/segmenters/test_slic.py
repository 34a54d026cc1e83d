"""Superpixels on every backend."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import color, data, segmentation
from threadpoolctl import threadpool_limits

import segalgo
from segalgo.cuda.device import simulated_schedule
from segalgo.reference.segmenters.slic import slic_steps
from segalgo.segmenters.slic import features_of, segment_by_slic


def test_hand_worked(backend):
    image = np.zeros((4, 6, 3), np.uint8)
    image[:, 3:] = 255
    found = backend.numpy(segalgo.slic(backend.array(image), 2))
    np.testing.assert_array_equal(found, np.tile(np.int32([1, 1, 1, 2, 2, 2]), (4, 1)), strict=True)
    # An edge beside the middle moves the border there.
    image[:, 2] = 255
    found = backend.numpy(segalgo.slic(backend.array(image), 2, start_label=0))
    np.testing.assert_array_equal(found, np.tile(np.int32([0, 0, 1, 1, 1, 1]), (4, 1)))


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_lab_features(backend, rng, dtype):
    codes = rng.integers(0, np.iinfo(dtype).max, (20, 30, 3), endpoint=True).astype(dtype)
    codes[0, 0], codes[0, 1] = 0, np.iinfo(dtype).max
    planes, unit = features_of(backend.array(codes), True)
    expected = color.rgb2lab(codes / np.iinfo(dtype).max)
    # Roots of light in 16 bits are off by up to 0.5 / 65535 * 7.787 in dark colors, times 500 for a and for b.
    np.testing.assert_allclose(np.moveaxis(backend.numpy(planes), 0, -1) / unit, expected, atol=0.1)


def cases(rng):
    yield rng.integers(0, 255, (13, 17, 3)).astype(np.uint8), {"n_segments": 9}
    yield rng.random((11, 20)).astype(np.float32), {"n_segments": 5, "compactness": 0.1}
    yield (
        rng.integers(-50, 50, (5, 9, 8)).astype(np.int16),
        {"n_segments": 6, "channel_axis": None, "spacing": (2, 1, 1)},
    )
    yield rng.random((3, 9, 8, 2)), {"n_segments": 6, "enforce_connectivity": False}
    yield rng.random((4, 15, 16)), {"channel_axis": 0, "n_segments": 300, "compactness": 0.01}
    yield rng.integers(0, 255, (14, 15, 3)).astype(np.uint8), {"mask": rng.random((14, 15)) < 0.5, "n_segments": 8}


def test_every_backend_gives_the_same_labels(backend, rng):
    for image, options in cases(rng):
        with segalgo.use_backend("reference"):
            expected = segalgo.slic(image, **options)
        given_options = dict(options)
        if "mask" in options:
            given_options["mask"] = backend.array(options["mask"])
        found = backend.numpy(segalgo.slic(backend.array(image), **given_options))
        np.testing.assert_array_equal(found, expected, strict=True)


def test_simulated_orders_and_threads(rng):
    image = rng.integers(0, 255, (40, 30, 3)).astype(np.uint8)
    expected = segalgo.slic(image, 12)
    for threads in (1, 2, 7):
        with threadpool_limits(threads):
            np.testing.assert_array_equal(segalgo.slic(image, 12), expected)
    expected = segalgo.slic(image[:16], 5)
    for order in ("reversed", "shuffled"):
        with segalgo.use_backend("simulated"), simulated_schedule(order, seed=5):
            np.testing.assert_array_equal(segalgo.slic(image[:16], 5), expected)


@given(
    side=st.tuples(st.integers(1, 30), st.integers(1, 30)),
    segments=st.integers(1, 60),
    channels=st.sampled_from([0, 1, 3]),
    seed=st.integers(0, 99),
)
def test_superpixels_are_connected_and_numbered_in_order(side, segments, channels, seed):
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 255, side + ((channels,) if channels else ())).astype(np.uint8)
    labels = segalgo.slic(image, segments, 1.0)
    assert labels.dtype == np.int32
    parts, count = segalgo.label(labels, return_num=True, connectivity=1)
    assert segalgo.same_partition(parts, labels)
    np.testing.assert_array_equal(parts, labels)
    assert labels.max() == count
    with segalgo.use_backend("reference"):
        np.testing.assert_array_equal(segalgo.slic(image, segments, 1.0), labels)


def test_quality_beside_scikit_image():
    """As many superpixels, and their means tell the picture as well, within a tenth."""
    image = data.astronaut()[:256, :256]

    def error(labels):
        means = np.stack([np.bincount(labels.ravel(), image[..., c].ravel()) for c in range(3)], -1)
        means /= np.maximum(np.bincount(labels.ravel()), 1)[:, None]
        return np.sqrt(((means[labels] - image) ** 2).mean())

    ours, theirs = segalgo.slic(image, 200), segmentation.slic(image, 200, start_label=1)
    assert abs(int(ours.max()) - int(theirs.max())) <= 30
    assert error(ours) < 1.1 * error(theirs)


def test_mask_constant_and_small_images(backend):
    mask = np.zeros((9, 10), bool)
    mask[2:5, 3:7] = True
    image = backend.array(np.ones((9, 10), np.uint8))
    found = backend.numpy(segalgo.slic(image, 3, mask=backend.array(mask)))
    np.testing.assert_array_equal(found > 0, mask)
    nothing = segalgo.slic(image, 3, mask=backend.array(np.zeros((9, 10), bool)))
    assert not backend.numpy(nothing).any()
    assert backend.numpy(segalgo.slic(backend.array(np.ones((1, 1))), 50)).tolist() == [[1]]
    assert segalgo.slic(backend.array(np.zeros((0, 3))), 5).shape == (0, 3)
    lone = np.zeros((9, 10), bool)
    lone[8, 9] = lone[0, 0] = True
    found = backend.numpy(segalgo.slic(image, 1, mask=backend.array(lone), enforce_connectivity=False))
    np.testing.assert_array_equal(found > 0, lone)


def test_inputs_unchanged_and_any_memory_order(backend, rng):
    image = rng.integers(0, 255, (12, 14, 3)).astype(np.uint8)
    before = image.copy()
    image.flags.writeable = False
    plain = backend.numpy(segalgo.slic(backend.array(image), 6))
    turned = backend.numpy(segalgo.slic(backend.array(np.asfortranarray(image)), 6))
    np.testing.assert_array_equal(plain, turned)
    np.testing.assert_array_equal(image, before)


def test_steps_end_at_the_labels(rng):
    features = rng.integers(0, 50, (1, 1, 9, 10)).astype(np.float32)
    centres = np.array([[0, 4, 2, 10], [0, 4, 7, 40]], np.float32)
    steps = list(slic_steps(features, None, centres, (1, 9, 5), (0, 1, 1), 20))
    assert len(steps) < 20
    np.testing.assert_array_equal(steps[-1].labels, steps[-2].labels)
    assert set(np.unique(steps[0].labels)) == {0, 1}


def test_superpixels_as_objects():
    image = data.astronaut()[:60, :70]
    found = segment_by_slic(image, segalgo.to_grey(image), 12)
    assert found.count == found.labels.max() > 5
    grey = segment_by_slic(image[..., 0], image[..., 0], 12)
    np.testing.assert_array_equal(grey.labels, segalgo.slic(image[..., 0], 12, 0.1))


IMAGE = np.ones((3, 4, 3), np.uint8)
ERRORS = [
    (lambda: segalgo.slic(IMAGE * 1j), TypeError, "image has dtype complex128"),
    (lambda: segalgo.slic(IMAGE * np.nan), ValueError, "image holds NaN"),
    (lambda: segalgo.slic(np.ones(3)), ValueError, r"image has shape \(3,\)"),
    (lambda: segalgo.slic(np.ones((3, 4, 0))), ValueError, "at least one channel"),
    (lambda: segalgo.slic(IMAGE, 0), ValueError, "n_segments=0"),
    (lambda: segalgo.slic(IMAGE, 2.5), TypeError, "n_segments=2.5"),
    (lambda: segalgo.slic(IMAGE, compactness=0), ValueError, "compactness=0"),
    (lambda: segalgo.slic(IMAGE, max_num_iter=0), ValueError, "max_num_iter=0"),
    (lambda: segalgo.slic(IMAGE, spacing=(1, 0)), ValueError, "spacing="),
    (lambda: segalgo.slic(IMAGE[..., :2], convert2lab=True), ValueError, "convert2lab=True with 2 channels"),
    (lambda: segalgo.slic(IMAGE, enforce_connectivity="no"), TypeError, "enforce_connectivity='no'"),
    (lambda: segalgo.slic(IMAGE, min_size_factor=-1), ValueError, "min_size_factor=-1"),
    (lambda: segalgo.slic(IMAGE, start_label=2), ValueError, "start_label=2"),
    (lambda: segalgo.slic(IMAGE, mask=np.ones((3, 4), bool), start_label=0), ValueError, "start_label=0 with a mask"),
    (lambda: segalgo.slic(IMAGE, mask=np.ones(3, bool)), ValueError, r"mask has shape \(3,\)"),
    (lambda: segalgo.slic(IMAGE, mask=np.ones((3, 4))), TypeError, "mask has dtype float64"),
    (lambda: segalgo.slic(IMAGE, channel_axis=3), ValueError, "channel_axis=3"),
]


@pytest.mark.parametrize(("call", "error", "message"), ERRORS)
def test_errors(call, error, message):
    with pytest.raises(error, match=message):
        call()
