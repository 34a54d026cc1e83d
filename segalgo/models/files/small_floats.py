"""Floats that NumPy has not: bfloat16 and the 8-bit formats of machine learning, widened to float32."""

from functools import cache

import numpy as np

# Bits of exponent and mantissa, bias of the exponent, whether infinities exist, and whether zero is the only zero (then
# the code of minus zero is NaN). P. Micikevicius et al., "FP8 Formats for Deep Learning", 2022, and its variants.
FLOAT8 = {
    "float8_e4m3fn": (4, 3, 7, False, False),
    "float8_e5m2": (5, 2, 15, True, False),
    "float8_e4m3fnuz": (4, 3, 8, False, True),
    "float8_e5m2fnuz": (5, 2, 16, False, True),
}
WIDENED = {"float16": 2, "bfloat16": 2, "float8_e8m0fnu": 1, **dict.fromkeys(FLOAT8, 1)}
"""The formats that become float32, and their size in bytes."""


def widen(raw: np.ndarray, name: str, order: str) -> np.ndarray:
    """Return float32 of the bytes (uint8, one axis) of a format; every value of these formats is a float32.

    Parameters
    ----------
    raw : array of uint8, (n,)
    name : str
        One of `WIDENED`.
    order : {"<", ">"}
        The byte order of the 16-bit formats.
    """
    if name == "float16":
        return raw.view(f"{order}f2").astype(np.float32)
    if name == "bfloat16":
        # The upper half of a float32.
        bits = raw.view(f"{order}u2").astype(np.uint32)
        bits <<= np.uint32(16)
        return bits.view(np.float32)
    return _values_of(name)[raw]


@cache
def _values_of(name: str) -> np.ndarray:
    """Return the value of each of the 256 codes."""
    codes = np.arange(256)
    if name == "float8_e8m0fnu":
        values = np.ldexp(np.ones(256), codes - 127)
        values[255] = np.nan
        return values.astype(np.float32)
    exponent_bits, mantissa_bits, bias, infinities, one_zero = FLOAT8[name]
    mantissa = codes & ((1 << mantissa_bits) - 1)
    exponent = (codes >> mantissa_bits) & ((1 << exponent_bits) - 1)
    fraction = np.where(exponent > 0, (1 << mantissa_bits) + mantissa, mantissa).astype(np.float64)
    values = np.ldexp(fraction, np.maximum(exponent, 1) - bias - mantissa_bits)
    last = exponent == (1 << exponent_bits) - 1
    if infinities:
        values[last] = np.where(mantissa[last] == 0, np.inf, np.nan)
    elif not one_zero:
        values[last & (mantissa == (1 << mantissa_bits) - 1)] = np.nan
    values[128:] *= -1
    if one_zero:
        values[128] = np.nan
    return values.astype(np.float32)
