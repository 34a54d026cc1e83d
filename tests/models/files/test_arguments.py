"""Refusals of wrong arguments name the argument, what came and what was expected."""

import re

import numpy as np
import pytest

from segalgo.models import SegNet, UNet, WeightsError, from_checkpoint, load, load_encoder, load_weights


@pytest.mark.parametrize(
    ("made", "error", "words"),
    [
        (lambda: load_weights(None), TypeError, "path=None: expected a path"),
        (lambda: load_weights("a.pth", key=b"a"), TypeError, "key=b'a': expected a string"),
        (lambda: from_checkpoint(3), TypeError, "path=3: expected a path"),
        (lambda: from_checkpoint("a.pth", key=3), TypeError, "key=3: expected a string"),
        (lambda: load(["unet-membrane"]), ValueError, "name=['unet-membrane']: expected one of"),
        (lambda: load("unet"), ValueError, "name='unet': expected one of"),
        (lambda: load("unet", "nowhere"), ValueError, "name='unet': expected one of none, no weights are installed"),
        (lambda: load_encoder(UNet(1, 2, 2, 1), {}), TypeError, "model is a UNet: expected a SegNet"),
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
