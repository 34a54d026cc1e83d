"""Options and types of options that several commands share."""

import math
from collections.abc import Callable
from typing import Any

import click


class FiniteFloat(click.ParamType):
    """A number that is neither NaN nor infinite, and not less than `least`."""

    name = "float"

    def __init__(self, least: float | None = None) -> None:
        self.least = least

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> float:
        """Return the number, or fail with what was expected."""
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            self.fail(f"{value!r}: expected a finite number", param, context)
        if self.least is not None and number < self.least:
            self.fail(f"{value!r}: expected at least {self.least:g}", param, context)
        return number


page_option = click.option(
    "--page", type=click.IntRange(0, 2**31), help="The page of a TIFF or the frame of an animation, counted from 0."
)
channel_option = click.option(
    "--channel", type=click.IntRange(0, 2**31), help="Read this channel or band alone, counted from 0."
)


def max_pixels_option(command: Callable) -> Callable:
    """Add ``--max-pixels``, the limit of all pictures that the command reads."""
    return click.option(
        "--max-pixels",
        type=click.IntRange(1, 2**62),
        callback=_set_max_pixels,
        expose_value=False,
        help="Read pictures of up to so many pixels, whatever their files' size; without it, the limit is 178,956,970 "
        "pixels, and 64 MiB or 256 times the size of the file.",
    )(command)


def _set_max_pixels(context: click.Context, param: click.Parameter, value: int | None) -> int | None:
    if value is not None and not context.resilient_parsing:
        from segalgo.pictures import use_max_pixels

        context.with_resource(use_max_pixels(value))
    return value
