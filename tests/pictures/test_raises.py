"""Every error that the docstring of a function of pictures promises is raised by a call here, with the reason."""

import inspect

import numpy as np
import pytest
from promised_errors import promised_errors

from segalgo import pictures
from segalgo.pictures import PictureError

FULL = np.zeros((4, 5), np.uint8)


def folder_with_files(folder):
    """Write a picture, one in colors, and files that are none."""
    pictures.write_picture(folder / "a.png", FULL)
    pictures.write_picture(folder / "rgb.png", np.full((4, 5, 3), [1, 2, 3], np.uint8))
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.png").write_text("no picture")
    (folder / "cut.png").write_bytes((folder / "a.png").read_bytes()[:40])
    return folder


CASES = {
    "read_picture": {
        PictureError: [
            (lambda f, at: f(at / "missing.png"), "missing.png"),
            (lambda f, at: f(at / "empty.png"), "empty"),
            (lambda f, at: f(at / "text.png"), "not a picture"),
            (lambda f, at: f(at / "cut.png"), "cut.png"),
            (lambda f, at: f(at / "a.png", page=1), "no page 1"),
            (lambda f, at: f(at / "rgb.png", channel=3), "channel"),
            (lambda f, at: f(at / "a.png", max_pixels=19), "more than the limit of 19"),
        ],
        TypeError: [
            (lambda f, at: f(at / "a.png", page="1"), "page"),
            (lambda f, at: f(at / "a.png", channel=0.5), "channel"),
            (lambda f, at: f(at / "a.png", max_pixels="all"), "max_pixels"),
        ],
    },
    "read_labels": {
        PictureError: [
            (lambda f, at: f(at / "missing.png"), "missing.png"),
            (lambda f, at: f(at / "rgb.png"), "color"),
        ],
        TypeError: [
            (lambda f, at: f(at / "a.png", page="1"), "page"),
            (lambda f, at: f(at / "a.png", max_pixels="all"), "max_pixels"),
        ],
    },
    "to_grey": {
        TypeError: [
            (lambda f, at: f(FULL + 1j), "picture"),
            (lambda f, at: f(np.ma.masked_equal(FULL, 0)), "masked"),
        ],
        ValueError: [(lambda f, at: f(np.zeros((4, 5, 7))), "shape"), (lambda f, at: f(np.zeros(4)), "shape")],
    },
    "write_label_map": {
        TypeError: [(lambda f, at: f(at / "b", FULL / 2), "labels")],
        ValueError: [
            (lambda f, at: f(at / "b", FULL[0]), "labels"),
            (lambda f, at: f(at / "b", FULL[:0]), "labels"),
            (lambda f, at: f(at / "b", FULL - np.int64(1)), "labels"),
        ],
        PictureError: [(lambda f, at: f(at / "nowhere" / "b", FULL), "cannot be written")],
    },
    "write_picture": {
        TypeError: [
            (lambda f, at: f(at / "b.png", FULL / 2), "float64"),
            (lambda f, at: f(at / "b.jpg", FULL.astype(np.uint16)), "uint16"),
        ],
        PictureError: [
            (lambda f, at: f(at / "nowhere" / "b.png", FULL), "cannot be written"),
            (lambda f, at: f(at / "b.txt", FULL), "b.txt"),
        ],
    },
}


def functions():
    return sorted(name for name in pictures.__all__ if inspect.isfunction(getattr(pictures, name)))


@pytest.mark.parametrize("name", functions())
def test_what_is_promised_is_raised(name, tmp_path):
    folder = folder_with_files(tmp_path)
    cases = CASES.get(name, {})
    assert promised_errors(getattr(pictures, name)) == {error.__name__ for error in cases}
    for error, calls in cases.items():
        for call, message in calls:
            with pytest.raises(error, match=message):
                call(getattr(pictures, name), folder)
