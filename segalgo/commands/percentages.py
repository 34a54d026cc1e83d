"""Scores as the tables of ``segalgo evaluate`` print them."""

import math


def percent(value: float) -> str:
    """Write a share as a percentage of seven characters, "-" where it is undefined."""
    return f"{'-':>7}" if math.isnan(value) else f"{100 * value:7.2f}"
