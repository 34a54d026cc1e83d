"""The networks that come with segalgo find what their cards say."""

from pathlib import Path

import segalgo
from segalgo.models.files.pretrained import FOLDER

CAMERAMAN = Path(__file__).parents[2] / "docs" / "cameraman.png"


def test_a_person_before_a_lawn():
    """The picture of `make demo`: what its words call right, and what they call wrong."""
    model = segalgo.models.load("person")
    assert model.classes.names == ("background", "person")
    person = model.predict(segalgo.read_picture(CAMERAMAN)) == 1
    coat, head, legs = person[100:170, 40:90], person[38:60, 90:118], person[200:240, 40:65]
    assert min(part.mean() for part in (coat, head, legs)) > 0.85
    sky, houses, lawn = person[:30], person[80:110, 170:], person[120:, 200:]
    assert max(part.mean() for part in (sky, houses, lawn)) < 0.02
    strip, face = person[170:230, 105:125], person[60:80, 95:130]
    assert strip.mean() > 0.1
    assert face.mean() < 0.7


def test_the_person_network_is_small():
    assert (FOLDER / "person.safetensors").stat().st_size <= 1_000_000
    record = segalgo.models.available()["person"]
    assert record["scores"]["iou"] >= 0.8
    assert "research and teaching" in record["licence"]
