"""Refusals of wrong arguments name the argument, what came and what was expected."""

import re

import numpy as np
import pytest

from segalgo.models import SegNet, UNet, WeightsError, available, from_checkpoint, load, load_encoder, load_weights


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (lambda: load_weights(None), TypeError, "path=None: expected a path"),
        (lambda: load_weights("a.pth", key=b"a"), TypeError, "key=b'a': expected a string"),
        (lambda: from_checkpoint(3), TypeError, "path=3: expected a path"),
        (lambda: from_checkpoint("a.pth", key=3), TypeError, "key=3: expected a string"),
        (lambda: load(["unet-membrane"]), ValueError, "name=['unet-membrane']: expected one of"),
        (lambda: load("unet", 3), TypeError, "folder=3: expected a path"),
        (lambda: available(3), TypeError, "folder=3: expected a path"),
        (lambda: load("unet"), ValueError, "name='unet': expected one of"),
        (lambda: load("unet", "nowhere"), ValueError, "name='unet': expected one of none, no weights are installed"),
        (lambda: load_encoder(UNet(1, 2, 2, 1), {}), TypeError, "model is a UNet: expected a network whose encoder"),
        (lambda: load_encoder(SegNet(widths=(1,) * 5), 3), TypeError, "source is a int: expected a path or a mapping"),
        (lambda: load_encoder(SegNet(widths=(1,) * 5), {}), ValueError, "mismatches"),
        (lambda: load_encoder(SegNet(widths=(1,) * 5), "a.pth"), WeightsError, "a.pth: no such file"),
        (lambda: UNet(1, 2, 2, 1).load_state_dict([1]), TypeError, "state_dict is a list: expected a mapping"),
        (
            lambda: UNet(1, 2, 2, 1).load_state_dict({1: np.ones(1)}),
            TypeError,
            "state_dict is a dict: expected a mapping",
        ),
        (lambda: UNet(1, 2, 2, 1).load_state_dict({"a": "b"}), TypeError, "a of type str"),
        (lambda: UNet(1, 2, 2, 1).load_state_dict({}), ValueError, "state_dict does not fit UNet"),
    ],
)
def test_refusals(made, error, words):
    with pytest.raises(error, match=re.escape(words)):
        made()


def test_damaged_files_of_a_network_that_comes_along(tmp_path):
    (tmp_path / "a.safetensors").write_bytes(b"abc")
    (tmp_path / "a.json").write_text("{")
    for call in (lambda: available(tmp_path), lambda: load("a", tmp_path)):
        with pytest.raises(WeightsError, match=r"a\.json: cannot be read"):
            call()
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(WeightsError, match=r"a\.json: is a list, expected an object"):
        available(tmp_path)
    (tmp_path / "a.json").write_text('{"architecture": "unet"}')
    with pytest.raises(WeightsError, match=r"a\.safetensors: "):
        load("a", tmp_path)


def test_the_networks_that_come_along_are_found():
    assert {"segnet-camvid", "unet-membrane", "person"} <= set(available())
    for name in available():
        assert load(name).parameters
