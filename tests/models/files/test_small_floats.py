"""Formats that NumPy has not, against values worked out from their definitions."""

import numpy as np
import pytest

from segalgo.models.files.small_floats import WIDENED, widen

NAN = float("nan")
INF = float("inf")


@pytest.mark.parametrize(
    ("name", "codes", "values"),
    [
        ("bfloat16", [0x00, 0x00, 0x80, 0x3F, 0x80, 0xBF, 0x80, 0x7F, 0xC0, 0x7F], [0, 1, -1, INF, NAN]),
        ("float16", [0x00, 0x3C, 0x00, 0xC0, 0xFF, 0x7B, 0x01, 0x00], [1, -2, 65504, 2**-24]),
        ("float8_e4m3fn", [0x00, 0x01, 0x08, 0x38, 0xB8, 0x7E, 0x7F, 0xFF], [0, 2**-9, 2**-6, 1, -1, 448, NAN, NAN]),
        ("float8_e5m2", [0x01, 0x04, 0x3C, 0x7B, 0x7C, 0xFC, 0x7D], [2**-16, 2**-14, 1, 57344, INF, -INF, NAN]),
        ("float8_e4m3fnuz", [0x01, 0x40, 0xC0, 0x7F, 0x80], [2**-10, 1, -1, 240, NAN]),
        ("float8_e5m2fnuz", [0x01, 0x40, 0x7F, 0x80], [2**-17, 1, 57344, NAN]),
        ("float8_e8m0fnu", [0, 127, 128, 254, 255], [2.0**-127, 1, 2, 2.0**127, NAN]),
    ],
)
def test_codes(name, codes, values):
    raw = np.array(codes, np.uint8)
    got = widen(raw, name, "<")
    assert got.dtype == np.float32
    np.testing.assert_array_equal(got, np.array(values, np.float32))
    if WIDENED[name] == 2:
        np.testing.assert_array_equal(widen(raw.reshape(-1, 2)[:, ::-1].copy().reshape(-1), name, ">"), got)


def test_minus_zero_keeps_its_sign():
    for name in ("float8_e4m3fn", "float8_e5m2"):
        assert np.signbit(widen(np.array([0x80], np.uint8), name, "<"))[0]
