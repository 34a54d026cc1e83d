"""What thresholds make of masked arrays, of integer dtypes, of offsets and of arguments that do not fit."""

import numpy as np
import numpy.ma as ma
import pytest

import segalgo

GLOBAL = ("otsu", "yen", "entropy", "triangle", "isodata", "li", "mean", "multiotsu")
LOCAL = ("niblack", "sauvola", "wolf", "bradley", "phansalkar", "local")
INTEGERS = ("uint8", "int8", "uint16", "int16", "uint32", "int32", "int64", "uint64")


@pytest.mark.parametrize("name", GLOBAL)
def test_masked_elements_do_not_count(backend, name):
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(5, 1, 300), rng.normal(15, 1, 300), np.full(30, -9999.0)])
    masked = ma.masked_less(x, -1000)
    threshold = getattr(segalgo, f"threshold_{name}")
    expected = threshold(x, mask=x > -1000)
    np.testing.assert_array_equal(threshold(masked), expected)
    # Both masks count.
    half = np.arange(x.size) % 2 == 0
    np.testing.assert_array_equal(threshold(masked, mask=half), threshold(x, mask=half & (x > -1000)))


@pytest.mark.parametrize("name", LOCAL)
def test_masked_elements_are_refused_without_mask(name):
    x = ma.masked_equal(np.arange(12).reshape(3, 4), 5)
    with pytest.raises(TypeError, match="image of type MaskedArray"):
        getattr(segalgo, f"threshold_{name}")(x, 3)
    for call in (segalgo.segment, segalgo.label, segalgo.label_statistics, segalgo.euler_number, segalgo.fill_holes):
        with pytest.raises(TypeError, match="of type MaskedArray"):
            call(x)


X = np.arange(12).reshape(3, 4)
MASKED = ma.masked_equal(X, 5)


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda x: segalgo.binarize(x, 3), "image"),
        (lambda x: segalgo.binarize(X, x), "threshold"),
        (lambda x: segalgo.apply_hysteresis_threshold(x, 3, 5), "image"),
        (lambda x: segalgo.apply_hysteresis_threshold(X, x, 5), "low"),
        (lambda x: segalgo.apply_hysteresis_threshold(X, 3, x), "high"),
        (lambda x: segalgo.try_all_thresholds(x), "image"),
        (lambda x: segalgo.threshold_otsu(X, mask=x > 3), "mask"),
        (lambda x: segalgo.threshold_otsu(hist=x.ravel()), "hist"),
        (lambda x: segalgo.same_partition(x, X), "a"),
        (lambda x: segalgo.same_partition(X, x), "b"),
        (lambda x: segalgo.label_statistics(X, x), "intensity_image"),
        (lambda x: segalgo.contacts(x), "labels"),
        (lambda x: segalgo.find_boundaries(x), "label_img"),
        (lambda x: segalgo.clear_border(x), "labels"),
        (lambda x: segalgo.clear_border(X, mask=x > 3), "mask"),
        (lambda x: segalgo.fill_holes(x), "image"),
        (lambda x: segalgo.fill_holes(x > 3), "image"),
        (lambda x: segalgo.largest_components(x), "labels"),
        (lambda x: segalgo.relabel_sequential(x), "label_field"),
        (lambda x: segalgo.relabel_sequential(X)[1][x], "labels"),
        (lambda x: segalgo.remove_small_objects(x, max_size=1), "labels"),
    ],
)
def test_masked_elements_are_never_dropped(call, argument):
    with pytest.raises(TypeError, match=f"{argument}.*of type MaskedArray"):
        call(MASKED)
    call(ma.array(X))  # without masked elements it is an array like others


@pytest.mark.parametrize("dtype", INTEGERS)
@pytest.mark.parametrize("name", GLOBAL[:-1])
def test_one_dtype_whatever_the_values(name, dtype):
    threshold = getattr(segalgo, f"threshold_{name}")
    expected = np.float64 if name in ("li", "mean") else np.uint64 if dtype == "uint64" else np.int64
    for values in ([7, 7, 7], [0, 3, 7, 7], [1]):
        assert threshold(np.array(values, dtype)).dtype == expected
    assert threshold(np.array([True, True])).dtype == threshold(np.array([True, False])).dtype == np.float64


@pytest.mark.parametrize("dtype", INTEGERS)
def test_offsets_do_not_wrap(dtype):
    most = np.iinfo(dtype).max
    image = np.full((4, 4), most, dtype)
    assert float(segalgo.segment(image, offset=10).threshold) == float(int(most) + 10)
    assert segalgo.segment(image, offset=10).count == 0
    least = np.full((4, 4), np.iinfo(dtype).min, dtype)
    assert float(segalgo.segment(least, offset=-10).threshold) == float(int(np.iinfo(dtype).min) - 10)
    assert segalgo.segment(least, offset=-10).count == 1
    assert segalgo.segment(image, threshold=image.flat[0], offset=10).count == 0
    assert (segalgo.threshold_local(image, 3, "median", offset=-10) == float(most) + 10).all()


@pytest.mark.parametrize(
    ("call", "argument"),
    [
        (lambda x, v: segalgo.threshold_otsu(x, nbins=v), "nbins"),
        (lambda x, v: segalgo.threshold_multiotsu(x, classes=v), "classes"),
        (lambda x, v: segalgo.threshold_minimum(x, max_num_iter=v), "max_num_iter"),
        (lambda x, v: segalgo.threshold_li(x, tolerance=v), "tolerance"),
        (lambda x, v: segalgo.threshold_niblack(x, window_size=v), "window_size"),
        (lambda x, v: segalgo.threshold_niblack(x, k=v), "k="),
        (lambda x, v: segalgo.threshold_sauvola(x, r=v), "r="),
        (lambda x, v: segalgo.threshold_wolf(x, k=v), "k="),
        (lambda x, v: segalgo.threshold_bradley(x, t=v), "t="),
        (lambda x, v: segalgo.threshold_phansalkar(x, p=v), "p="),
        (lambda x, v: segalgo.threshold_local(x, block_size=v), "block_size"),
        (lambda x, v: segalgo.threshold_local(x, offset=v), "offset"),
        (lambda x, v: segalgo.threshold_local(x, mode="constant", cval=v), "cval"),
        (lambda x, v: segalgo.threshold_local(x, param=v), "param"),
        (lambda x, v: segalgo.segment(x, offset=v), "offset"),
        (lambda x, v: segalgo.remove_small_objects(x.astype(int), max_size=v), "max_size"),
        (lambda x, v: segalgo.remove_small_objects(x.astype(int), min_size=v), "min_size"),
        (lambda x, v: segalgo.largest_components(x.astype(int), k=v), "k="),
        (lambda x, v: segalgo.label(x, delta=v), "delta"),
        (lambda x, v: segalgo.label(x, background=v), "background"),
        (lambda x, v: segalgo.clear_border(x.astype(int), bgval=v), "bgval"),
        (lambda x, v: segalgo.clear_border(x.astype(int), buffer_size=v), "buffer_size"),
        (lambda x, v: segalgo.find_boundaries(x.astype(int), background=v), "background"),
        (lambda x, v: segalgo.label_statistics(x.astype(int), num_labels=v), "num_labels"),
        (lambda x, v: segalgo.relabel_sequential(x.astype(int), offset=v), "offset"),
    ],
)
@pytest.mark.parametrize("value", ["three", [[1], [2, 3]], {}, 1j, object()], ids=lambda value: type(value).__name__)
def test_a_refusal_names_its_argument(call, argument, value):
    x = np.random.default_rng(0).integers(0, 9, (6, 7)).astype(float)
    with pytest.raises((TypeError, ValueError), match=argument):
        call(x, value)


@pytest.mark.parametrize("nbins", [2**28 + 1, 2**31, 2**70])
def test_bins_have_a_limit(nbins):
    with pytest.raises(ValueError, match="nbins="):
        segalgo.threshold_otsu(np.array([0.0, 1.0]), nbins)
