"""Connected components of large images: stripes, threads, and numbers beyond 32 bits."""

import itertools

import numpy as np
import pytest
import scipy.ndimage
from label_pictures import hard_shapes, spiral

import segalgo
from segalgo import _ext
from segalgo.cuda import device as _device


@pytest.mark.parametrize("order", ["forward", "reversed", "shuffled"])
def test_any_order_of_threads(order, rng):
    if not segalgo.backends()["simulated"].available:
        pytest.skip("no simulated device")
    cases = [((40, 70), 2), ((9, 11, 40), 3), ((3, 4, 5, 6), 4), ((1500,), 1)]
    for (shape, connectivity), seed in itertools.product(cases, (0, 1)):
        image = (rng.random(shape) < 0.45).astype(np.uint8)
        expected = segalgo.label(image, connectivity=connectivity, wrap=True)
        with segalgo.use_backend("simulated"), _device.simulated_schedule(order, seed):
            np.testing.assert_array_equal(segalgo.label(image, connectivity=connectivity, wrap=True), expected)


def pictures_of_many_stripes(rng):
    """Images large enough for several stripes of rows, components across all of them."""
    smooth = scipy.ndimage.gaussian_filter(rng.standard_normal((500, 600)), 6, mode="wrap")
    return {
        "noise": (rng.random((500, 600)) < 0.5).astype(np.uint8),
        "blobs": (smooth > 0).astype(np.uint8),
        "spiral": spiral(501),
        "comb": np.pad(hard_shapes(500)["comb with its back down"], ((0, 0), (3, 40))),
        "values": rng.integers(0, 3, (500, 600)).astype(np.int32),
        "contours": np.floor(smooth * 40).astype(np.int16),
        "volume": (rng.random((50, 60, 70)) < 0.4).astype(np.uint8),
    }


@pytest.mark.parametrize("name", pictures_of_many_stripes(np.random.default_rng(0)))
def test_same_bits_for_any_number_of_threads(name, rng):
    import threadpoolctl

    image = pictures_of_many_stripes(rng)[name]
    rules = itertools.product(range(1, image.ndim + 1), ((False, 0), (True, 0), (True, 1)))
    for connectivity, (wrap, delta) in rules:
        with segalgo.use_backend("reference"):
            expected = segalgo.label(image, 0, True, connectivity, wrap=wrap, delta=delta)
        for level in _ext.available():
            for threads in (1, 2):
                with threadpoolctl.threadpool_limits(threads), _ext.use_instruction_set(level):
                    got = segalgo.label(image, 0, True, connectivity, wrap=wrap, delta=delta)
                np.testing.assert_array_equal(got[0], expected[0])
                assert got[1] == expected[1]


def test_run_numbers_of_64_bits(rng):
    """More than 2**31 runs take 64 bits; here a smaller image is made to."""
    if not _ext.available():
        pytest.skip("no compiled kernels")
    module = _ext.load("labels.labeling")
    for image in pictures_of_many_stripes(rng).values():
        wrap = (True,) * image.ndim
        expected, number = segalgo.label(image, 0, True, wrap=True, delta=1)
        for out in (None, np.empty(image.shape, np.int64)):
            labels, count = module._label(image, 0, image.ndim, wrap, 1, out, True)
            np.testing.assert_array_equal(labels, expected)
            assert count == number


def test_index_types():
    """What is chosen beyond 2**31, without the memory to do so."""
    from segalgo.cuda.labels import labeling as cuda

    assert cuda._index_type(2**31) == np.int32  # -1 to 2**31 - 1
    assert cuda._index_type(2**31 + 1) == np.int64
    if _ext.available():
        module = _ext.load("labels.labeling")
        assert not module._needs_64_bits(2**31 - 200)
        assert module._needs_64_bits(2**31 - 1)
        assert module._needs_64_bits(2**33)


def test_more_labels_than_out_holds(monkeypatch):
    class Wing:
        @staticmethod
        def label(image, *arguments):
            return arguments[-1], 2**31

    monkeypatch.setattr("segalgo.labels.labeling.wing", lambda *arguments: Wing)
    with pytest.raises(ValueError, match="out has dtype int32: expected int64, there are 2147483648 components"):
        segalgo.label([[1]], out=np.empty((1, 1), np.int32))
