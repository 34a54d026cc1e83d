"""Pictures to label maps: preprocessing, tiles, symmetries, Monte-Carlo dropout, networks that come with segalgo."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from network_deviation import deviation, random_parameters

import segalgo
from segalgo.models import Classes, Preprocessing, SegNet, SegNetBasic, UNet, WeightsError, available, load
from segalgo.models.graph.execution import Computation
from segalgo.models.predicting.tiling import receptive_field

MODELS = {
    "segnet": lambda: SegNet(3, 5, (4, 4, 6, 8, 8)),
    "segnet-port": lambda: SegNet(3, 5, (4, 4, 6, 8, 8), ceil_mode=False, bare=False),
    "segnet-basic": lambda: SegNetBasic(3, 5, 6),
    "unet": lambda: UNet(1, 2, 4, 3),
    "unet-deep": lambda: UNet(3, 3, 2, 4),
    "unet-valid": lambda: UNet(1, 2, 4, 2, "valid", norm=None),
}


def made(name, seed=0):
    model = MODELS[name]()
    return model.load_state_dict(random_parameters(model, np.random.default_rng(seed)))


def picture(shape, seed=0):
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


@pytest.mark.parametrize("name", MODELS)
def test_labels_have_the_size_of_the_picture(name):
    model = made(name)
    for shape in ((45, 61), (45, 61, 3), (1, 1), (16, 33, 4)):
        image = picture(shape)
        labels = model.predict(image)
        assert labels.shape == shape[:2]
        assert labels.dtype == np.int32
        probabilities = model.predict_proba(image)
        assert probabilities.shape == (model.num_classes, *shape[:2])
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities.sum(0), 1, rtol=1e-5)
        best = np.take_along_axis(probabilities, labels[None], 0)[0]
        np.testing.assert_array_equal(best, probabilities.max(0))


def test_predict_is_the_network_on_the_preprocessed_picture():
    model, image = made("unet"), picture((45, 61))
    logits = model(((image.astype(np.float32) - 127.5) / 64)[None])
    np.testing.assert_array_equal(model.predict(image), logits.argmax(0))
    model.preprocessing = Preprocessing("grey", mean=10, scale=3)
    logits = model(((image.astype(np.float32) - 10) / 3)[None])
    np.testing.assert_array_equal(model.predict(image), logits.argmax(0))


@pytest.mark.parametrize("shape", [(44, 60), (45, 61), (1, 1), (2, 3)])
@pytest.mark.parametrize("reduction", [2, 3])
def test_reduced_pictures(shape, reduction):
    """The network sees block means; its logits, enlarged bilinearly and cut, decide."""
    model, image = made("segnet"), picture((*shape, 3))
    model.preprocessing = Preprocessing(reduction=reduction)
    rows, columns = (-(-n // reduction) for n in shape)
    means = np.empty((3, rows, columns), np.float32)
    for i, j in np.ndindex(rows, columns):
        block = image[i * reduction : (i + 1) * reduction, j * reduction : (j + 1) * reduction]
        means[:, i, j] = block.mean(axis=(0, 1))
    logits = model((means[None] - 127.5) / np.float32(64))
    whole = segalgo.interpolate(logits, (rows * reduction, columns * reduction), mode="bilinear")[0]
    whole = whole[:, : shape[0], : shape[1]]
    labels, probabilities = model.predict(image), model.predict_proba(image)
    assert labels.shape == shape
    assert labels.dtype == np.int32
    np.testing.assert_allclose(probabilities, segalgo.softmax(whole, axis=0), atol=1e-3)
    close = np.sort(whole, axis=0)
    clear = close[-1] - close[-2] > 1e-3 * (1 + np.abs(whole).max())
    np.testing.assert_array_equal(labels[clear], whole.argmax(axis=0)[clear])
    assert model.predict(image, augment=True).shape == shape
    sampled = model.predict(image, samples=2, progress=False)
    assert sampled.mean.shape == probabilities.shape
    np.testing.assert_array_equal(model.predict(image, tile=32, progress=False)[clear], labels[clear])


def test_preprocessing_worked_by_hand():
    image = np.array([[[255, 0, 51]]], np.uint8)
    assert Preprocessing("rgb", 0, 255)(image).ravel().tolist() == pytest.approx([1, 0, 0.2])
    assert Preprocessing("bgr", (1, 2, 5), (10, 1, 125))(image).ravel().tolist() == pytest.approx([5, -2, 2])
    assert Preprocessing("grey", 0, 1)(image).ravel().tolist() == pytest.approx([255 * 0.2125 + 51 * 0.0721])
    assert Preprocessing("as is", 0, 1)(image).ravel().tolist() == [255, 0, 51]
    grey = np.array([[0.2]])
    assert Preprocessing("rgb", 0, 255)(grey).ravel().tolist() == pytest.approx([0.2] * 3)
    assert Preprocessing("grey", 0, 1)((grey * 65535).astype(np.uint16)).ravel().tolist() == pytest.approx([51])
    assert Preprocessing("grey", 0, 1)(np.array([[True]])).ravel().tolist() == [255]
    opaque = np.dstack([image, np.full((1, 1), 7, np.uint8)])
    np.testing.assert_array_equal(Preprocessing()(opaque), Preprocessing()(image))


@pytest.mark.parametrize("name", ["segnet", "segnet-port", "segnet-basic", "unet", "unet-deep", "unet-valid"])
@pytest.mark.parametrize("shape", [(301, 239), (96, 450), (33, 500)])
def test_tiled_equals_untiled(name, shape):
    """To rounding: sums are taken in another order where a tile begins at another place."""
    model, image = made(name), picture(shape)
    whole, tiled = model.predict_proba(image), model.predict_proba(image, tile=64, progress=False)
    close = np.isclose(tiled, whole, rtol=2e-4, atol=2e-5)
    # Two values in a pooling window may be so near each other that rounding decides which index is kept; SegNet then
    # puts the value down one pixel aside.
    assert close.mean() > 0.998 if isinstance(model, SegNet | SegNetBasic) else close.all()
    agree = model.predict(image) == model.predict(image, tile=50, progress=False)
    assert agree.mean() > 0.999


@pytest.mark.parametrize("name", ["segnet", "segnet-basic", "unet", "unet-valid"])
def test_nothing_beyond_the_receptive_field_counts(name):
    """Nothing beyond it changes the output."""
    model = made(name)
    field = receptive_field(model)
    assert field.alignment == {"segnet": 32, "segnet-basic": 16, "unet": 8, "unet-valid": 4}[name]
    n = -(-(field.before + 2 * field.alignment + field.after) // field.alignment + 2) * field.alignment
    start = n // 2 // field.alignment * field.alignment
    x = np.random.default_rng(0).standard_normal((1, model.in_channels, 2 * n, model.fitting_size(32, 32)[1]))
    x = x[:, :, : model.fitting_size(2 * n - field.alignment, 32)[0]]
    block = slice(start, start + field.alignment)
    before = model(x)[:, :, block]
    changed = x.copy()
    changed[:, :, : start - field.before] = 9
    changed[:, :, start + field.alignment + field.after :] = -9
    np.testing.assert_allclose(model(changed)[:, :, block], before, rtol=1e-9, atol=1e-9)


def test_the_receptive_field_of_the_paper():
    """A block of 16 needs 5 cells of the deepest output, 9 of its input, and 204 of the picture, 188 more than it has."""
    field = receptive_field(UNet(1, 2, 2, 4, "valid", norm=None))
    assert (field.alignment, field.before, field.after) == (16, 0, 188)
    same = receptive_field(UNet(1, 2, 2, 4))
    assert (same.alignment, same.before, same.after) == (16, 94, 94)


def test_a_smaller_field_would_not_do():
    """Tiles that read less than the field are seen to differ: the comparison above can fail."""
    model, image = made("unet"), picture((33, 500))
    field = receptive_field(model)
    columns = slice(200 - field.before // field.alignment * field.alignment // 2, 500)
    part = model.predict_proba(image[:, columns])[..., 200 - columns.start :]
    assert np.abs(part - model.predict_proba(image)[..., 200:]).max() > 1e-3


@settings(max_examples=25)
@given(height=st.integers(1, 120), width=st.integers(1, 120), tile=st.integers(1, 70))
def test_any_tile_of_any_picture(height, width, tile):
    model, image = made("unet"), picture((height, width), height)
    whole, tiled = model.predict_proba(image), model.predict_proba(image, tile=tile, progress=False)
    np.testing.assert_allclose(tiled, whole, rtol=2e-4, atol=2e-5)


def test_tiles_bound_the_memory():
    import tracemalloc

    model, image = made("unet"), picture((1000, 1000))
    peaks = []
    for tile in (None, 100):
        tracemalloc.start()
        model.predict(image, tile=tile, progress=False)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 0.25 * peaks[0]


def test_mirroring_extends_the_picture_of_the_valid_form():
    """As the paper's figure 3: the border is the picture's mirror image."""
    model, image = made("unet-valid"), picture((40, 44))
    half = 20  # depth 2 takes 40 cells in all
    padded = np.pad(image, half, mode="reflect")
    logits = model(model.preprocessing(padded))
    assert logits.shape[1:] == image.shape
    np.testing.assert_array_equal(model.predict(image), logits.argmax(0))


def test_averaging_over_symmetries():
    """Turning the picture turns the answer."""
    model, image = made("unet"), picture((40, 56))
    probabilities = model.predict_proba(image, augment=True)
    for turned, back in (
        (image[::-1], lambda p: p[:, ::-1]),
        (image.T, lambda p: p.transpose(0, 2, 1)),
        (np.rot90(image), lambda p: np.rot90(p, -1, (1, 2))),
    ):
        np.testing.assert_allclose(back(model.predict_proba(turned, augment=True)), probabilities, rtol=1e-3, atol=1e-5)
    plain = [model.predict_proba(np.rot90(image, k)) for k in range(4)]
    plain += [model.predict_proba(np.rot90(image, k)[:, ::-1])[..., ::-1] for k in range(4)]
    mean = sum(np.rot90(p, -k % 4, (1, 2)) for k, p in zip([0, 1, 2, 3] * 2, plain, strict=True)) / 8
    np.testing.assert_allclose(probabilities, mean, rtol=1e-4, atol=1e-6)
    np.testing.assert_array_equal(model.predict(image, augment=True), probabilities.argmax(0))
    tiled = model.predict_proba(image, augment=True, tile=16, progress=False)
    np.testing.assert_allclose(tiled, probabilities, rtol=1e-3, atol=1e-5)


def test_monte_carlo_dropout():
    model, image = made("segnet"), picture((40, 56, 3))
    found = model.predict(image, samples=6, seed=3, progress=False)
    labels, mean, variance = found
    assert labels.shape == (40, 56)
    assert mean.shape == variance.shape == (5, 40, 56)
    np.testing.assert_array_equal(labels, mean.argmax(0))
    np.testing.assert_allclose(mean.sum(0), 1, rtol=1e-5)
    assert (variance >= 0).all()
    assert variance.max() > 1e-4
    again = model.predict(image, samples=6, seed=3, progress=False)
    np.testing.assert_array_equal(again.variance, variance)
    assert (model.predict(image, samples=6, seed=4, progress=False).mean != mean).any()
    # Mean and variance of the passes themselves.
    rng, planes = np.random.default_rng(3), model.preprocessing(image)[None]
    parameters = model.parameters
    passes = [segalgo.softmax(model.forward(Computation(parameters, rng), planes)[0], axis=0) for _ in range(6)]
    np.testing.assert_allclose(mean, np.mean(passes, 0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(variance, np.var(passes, 0), rtol=1e-3, atol=1e-6)
    # Nothing is dropped otherwise, and without dropout there is nothing to vary.
    np.testing.assert_array_equal(model.predict(image), model.predict(image))
    calm = SegNet(3, 5, (4, 4, 6, 8, 8), dropout=0)
    assert calm.predict(image, samples=3, progress=False).variance.max() == 0


def test_dropout_drops_a_part_and_keeps_the_mean():
    layers = Computation({}, np.random.default_rng(0))
    x = np.full((1, 4, 50, 50), 2, np.float32)
    dropped = layers.dropout(x, "d", 0.25)
    assert dropped.dtype == np.float32
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(2 / 0.75)}
    assert (dropped == 0).mean() == pytest.approx(0.25, abs=0.02)
    assert Computation({}).dropout(x, "d", 0.25) is x


def test_one_class_is_a_yes_or_no():
    model, image = UNet(1, 1, 4, 2), picture((20, 30))
    logits = model(model.preprocessing(image))
    np.testing.assert_allclose(model.predict_proba(image), segalgo.sigmoid(logits), rtol=1e-4)
    sure = np.abs(logits[0]) > 1e-4
    np.testing.assert_array_equal(model.predict(image)[sure], logits[0][sure] > 0)
    assert sure.mean() > 0.5  # ReLU leaves logits of exactly zero


def test_every_backend_predicts_the_same(backend):
    model, image = made("segnet", 1), picture((20, 13, 3))
    with segalgo.use_backend("reference"):
        logits, allowed = deviation(model, model.preprocessing(image)[None], "float32")
    second, best = np.sort(logits[0], axis=0)[-2:]
    sure = best - second > 2 * allowed[0].max(0)
    labels = backend.numpy(model.predict(backend.array(image)))
    np.testing.assert_array_equal(labels[sure], logits[0].argmax(0)[sure])
    sampled = backend.numpy(model.predict(backend.array(image), samples=2, progress=False).mean)
    expected = model.predict(backend.array(image), samples=2, progress=False).mean
    np.testing.assert_array_equal(sampled, backend.numpy(expected))


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (
            np.zeros((4, 4, 2), np.uint8),
            {},
            r"image has shape \(4, 4, 2\): expected \(H, W\), \(H, W, 1\), \(H, W, 3\)",
        ),
        (np.zeros((0, 4), np.uint8), {}, r"image has shape \(0, 4\)"),
        (np.zeros(4, np.uint8), {}, r"image has shape \(4,\)"),
        (np.full((4, 4), 7.0), {}, "values from 7.0 to 7.0: expected 0 to 1"),
        (np.full((4, 4), np.nan), {}, "values from nan"),
        (np.zeros((4, 4), np.uint8), {"tile": 0}, "tile=0: expected at least 1"),
        (np.zeros((4, 4), np.uint8), {"samples": 0}, "samples=0: expected at least 1"),
        (np.zeros((4, 4), np.uint8), {"samples": 2, "tile": 9}, "samples with tile or augment"),
    ],
)
def test_bad_pictures_and_options(image, options, words):
    with pytest.raises(ValueError, match=words):
        made("unet").predict(image, **options)


def test_bad_types():
    model = made("unet")
    with pytest.raises(TypeError, match="image has dtype int64"):
        model.predict(np.zeros((4, 4), np.int64))
    with pytest.raises(TypeError, match=r"tile=1\.5"):
        model.predict(picture((4, 4)), tile=1.5)
    with pytest.raises(ValueError, match="tile with the layer up3_upsampled"):
        UNet(1, 2, 4, 3, up="bilinear").predict(picture((40, 40)), tile=16)
    with pytest.raises(ValueError, match="channels='cmyk'"):
        Preprocessing("cmyk")
    with pytest.raises(ValueError, match="reduction=0"):
        Preprocessing(reduction=0)
    with pytest.raises(ValueError, match="2 names and 1 colors"):
        Classes(("a", "b"), ((0, 0, 0),))
    with pytest.raises(ValueError, match="objects='cell'"):
        Classes(("a",), ((0, 0, 0),), "cell")


def test_networks_that_come_with_segalgo(tmp_path):
    model = made("unet")
    model.classes = Classes(("membrane", "cell"), ((0, 0, 0), (200, 120, 40)), "cell")
    model.preprocessing = Preprocessing("grey", 100, 50)
    model.save(tmp_path / "unet-tiny.safetensors")
    from segalgo.models.files.records import record_of

    (tmp_path / "unet-tiny.json").write_text(json.dumps({**record_of(model), "scores": {"dice": 0.5}}))
    assert available(tmp_path)["unet-tiny"]["scores"] == {"dice": 0.5}
    again = load("unet-tiny", tmp_path)
    assert again.classes == model.classes
    np.testing.assert_array_equal(again.predict(picture((20, 20))), model.predict(picture((20, 20))))
    with pytest.raises(ValueError, match="name='other': expected one of unet-tiny"):
        load("other", tmp_path)
    (tmp_path / "unet-tiny.json").write_text("{")
    with pytest.raises(WeightsError, match=r"unet-tiny\.json: cannot be read"):
        load("unet-tiny", tmp_path)
    (tmp_path / "unet-tiny.json").write_text(json.dumps({"architecture": "unet", "arguments": {"width": 2}}))
    with pytest.raises(WeightsError, match="does not fit"):
        load("unet-tiny", tmp_path)


@pytest.mark.parametrize("name", sorted(available()))
def test_the_networks_in_the_package_load_and_run(name):
    model = load(name)
    shape = (64, 64) if model.in_channels == 1 else (64, 64, 3)
    assert model.predict(picture(shape)).shape == (64, 64)


def test_batches_and_lists():
    model = made("unet")
    images = picture((3, 20, 30, 1))
    labels, probabilities = model.predict(images), model.predict_proba(images)
    assert labels.shape == (3, 20, 30)
    assert labels.dtype == np.int32
    assert probabilities.shape == (3, 2, 20, 30)
    for k in range(3):
        np.testing.assert_array_equal(labels[k], model.predict(images[k, ..., 0]))
        np.testing.assert_array_equal(model.predict(images[k]), labels[k])
        np.testing.assert_array_equal(probabilities[k], model.predict_proba(images[k]))
    assert model.predict(images[:0]).shape == (0, 20, 30)
    assert model.predict_proba(images[:0]).shape == (0, 2, 20, 30)
    several = [images[0], picture((9, 7, 3))]
    assert [one.shape for one in model.predict(several)] == [(20, 30), (9, 7)]
    assert [one.shape for one in model.predict_proba(several)] == [(2, 20, 30), (2, 9, 7)]
    sampled = model.predict(images, samples=2, progress=False)
    assert sampled.labels.shape == (3, 20, 30)
    assert sampled.mean.shape == sampled.variance.shape == (3, 2, 20, 30)
    np.testing.assert_array_equal(model.predict(images, tile=8, progress=False), labels)
