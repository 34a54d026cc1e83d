"""Models in other processes: pickled, copied, and sent to workers."""

import copy
import pickle

import numpy as np
import pytest

import segalgo
from segalgo.models import Classes, Preprocessing, SegNet, SegNetBasic, UNet

COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {k}": lambda value, k=k: pickle.loads(pickle.dumps(value, k)) for k in range(6)},
}


def made():
    model = UNet(1, 3, width=2, depth=2, norm=None, seed=5)
    model.preprocessing = Preprocessing("grey", 5, 100)
    model.classes = Classes(("a", "b", "c"), ((0, 0, 0), (1, 2, 3), (4, 5, 6)), "b")
    return [model, SegNet(3, 4, (2, 2, 2, 2, 2), ceil_mode=False), SegNetBasic(3, 4, 4)]


@pytest.mark.parametrize("way", COPIES)
@pytest.mark.parametrize("k", range(3))
def test_networks(way, k, rng):
    model = made()[k]
    picture = rng.integers(0, 256, (40, 48) if k == 0 else (40, 48, 3)).astype(np.uint8)
    x = rng.standard_normal((1, model.in_channels, 40, 48)).astype(np.float32)
    labels, logits = model.predict(picture), model(x)  # plans and converted parameters are at hand, and stay behind
    again = COPIES[way](model)
    assert type(again) is type(model)
    assert again.arguments == model.arguments
    assert again.preprocessing == model.preprocessing
    assert again.classes == model.classes
    np.testing.assert_array_equal(again.predict(picture), labels)
    np.testing.assert_array_equal(again(x), logits)
    # A model of its own: other weights in one do not show in the other, and neither can be written to.
    assert not any(value.flags.writeable for value in again.parameters.values())
    again.load_state_dict({name: np.zeros_like(value) for name, value in model.parameters.items()})
    np.testing.assert_array_equal(model(x), logits)


@pytest.mark.parametrize("way", COPIES)
def test_a_model_whose_weights_were_never_made(way):
    model = UNet(1, 2, width=2, depth=1, seed=9)
    again = COPIES[way](model)
    for name, value in model.parameters.items():
        np.testing.assert_array_equal(again.parameters[name], value)


@pytest.mark.parametrize("way", COPIES)
def test_what_goes_with_them(way, rng):
    classes = Classes(("a", "b"), ((0, 0, 0), (1, 2, 3)), "b")
    preprocessing = Preprocessing("bgr", (1, 2, 3), 4.0, 2)
    model = UNet(1, 2, width=2, depth=1)
    sampling = model.predict(rng.integers(0, 256, (16, 16)).astype(np.uint8), samples=2)
    assert COPIES[way](classes) == classes
    assert COPIES[way](preprocessing) == preprocessing
    for name in ("labels", "mean", "variance"):
        np.testing.assert_array_equal(getattr(COPIES[way](sampling), name), getattr(sampling, name))
    assert str(COPIES[way](model.summary())) == str(model.summary())
    assert COPIES[way](segalgo.models.available()) == segalgo.models.available()


def test_errors_come_back_from_workers():
    error = segalgo.models.WeightsError("a.pth: damaged")
    assert str(pickle.loads(pickle.dumps(error))) == "a.pth: damaged"


@pytest.mark.parametrize("backend", ["loky", "threading", "multiprocessing"])
def test_workers_of_joblib(backend, rng):
    joblib = pytest.importorskip("joblib", reason="joblib is not installed")
    model = UNet(1, 2, width=4, depth=2)
    pictures = list(rng.integers(0, 256, (4, 40, 48)).astype(np.uint8))
    expected = [model.predict(picture) for picture in pictures]
    got = joblib.Parallel(2, backend=backend)(joblib.delayed(model.predict)(picture) for picture in pictures)
    for mine, theirs in zip(got, expected, strict=True):
        np.testing.assert_array_equal(mine, theirs)
