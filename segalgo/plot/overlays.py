"""Colored objects over the picture in which they were found."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import as_array, as_integer
from segalgo.plot.colors import COLORS, as_label_map, as_opacity, as_rgb

READABLE_PIXELS = 900  # smaller pictures are enlarged by a whole factor, so that numbers can be read


def overlay(
    image: Any,
    labels: Any,
    *,
    alpha: float = 0.4,
    outlines: bool = True,
    numbers: bool = True,
    scale: int | None = None,
) -> np.ndarray:
    """Draw labelled objects over their picture: filled with color, outlined and numbered.

    Parameters
    ----------
    image : array, (H, W), (H, W, 3) or (H, W, 4)
        The picture, any dtype; integers and bool are taken by their dtype's range (16 bits and float by the range
        of the values, so that dim pictures show).
    labels : integer array, (H, W)
        0 is ground. Colors repeat every seven labels.
    alpha : float, default 0.4
        Strength of the fill, 0 to 1.
    outlines, numbers : bool, default True
        Draw the outline of every object, and its label where the object is large enough to hold it.
    scale : int, optional
        Enlarge by this factor; by default such that small pictures reach about 900 pixels.

    Returns
    -------
    array of uint8, (H * scale, W * scale, 3)

    Raises
    ------
    TypeError
        If `image` or `labels` is of another dtype, `alpha` is no number, or `scale` no integer.
    ValueError
        If the shapes differ, or `alpha` or `scale` is out of range.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> labels = np.zeros((40, 60), int)
    >>> labels[10:30, 10:50] = 1
    >>> segalgo.overlay(np.zeros((40, 60), np.uint8), labels, scale=2).shape
    (80, 120, 3)
    """
    picture = as_rgb(image)
    labels = as_label_map(labels, picture.shape)
    alpha = as_opacity(alpha)
    if scale is None:
        scale = max(1, -(-READABLE_PIXELS // max(*labels.shape, 1)) if max(labels.shape) < READABLE_PIXELS else 1)
        scale = min(scale, 16)
    scale = as_integer(scale, "scale", least=1)
    picture = picture.repeat(scale, 0).repeat(scale, 1)
    labels = labels.astype(np.uint8) if labels.dtype == bool else labels
    large = labels.repeat(scale, 0).repeat(scale, 1)
    inside = large > 0
    color = COLORS[np.where(inside, large - large.dtype.type(1), large) % large.dtype.type(len(COLORS))]
    drawn = picture.astype(np.float32)
    drawn[inside] += alpha * (color[inside] - drawn[inside])
    drawn = np.rint(drawn).astype(np.uint8)
    if outlines:
        rim = inside & _rim(large, max(1, scale // 2))
        drawn[rim] = color[rim]
    return _numbered(drawn, labels, scale) if numbers and labels.size else drawn


def overlay_classes(
    image: Any, labels: Any, names: Sequence[str], colors: Sequence[Sequence[int]], *, alpha: float = 0.55
) -> np.ndarray:
    """Color a picture by the class of each pixel, with a legend of the classes that occur beneath it.

    Parameters
    ----------
    image : array, (H, W), (H, W, 3) or (H, W, 4)
        As for `overlay`.
    labels : integer array, (H, W)
        Classes from 0.
    names, colors : sequences, one entry a class
        What the legend says, and red, green and blue from 0 to 255.
    alpha : float, default 0.55
        Strength of the color, 0 to 1.

    Returns
    -------
    array of uint8, (H + height of the legend, W, 3)

    Raises
    ------
    TypeError
        If `labels` holds no integers, or `alpha` is no number.
    ValueError
        If the shapes differ, a label has no name or no color, or `alpha` is out of range.
    """
    labels, picture = as_array(labels, "labels"), as_rgb(image)
    if labels.dtype.kind not in "iu":
        raise TypeError(f"labels has dtype {labels.dtype}: expected integers")
    if labels.shape != picture.shape[:2]:
        raise ValueError(f"labels has shape {labels.shape}: expected {picture.shape[:2]}, that of the image")
    if len(names) != len(colors) or (labels.size and not 0 <= labels.min() <= labels.max() < len(names)):
        raise ValueError(f"names and colors hold {len(names)} and {len(colors)}: expected one for every label")
    alpha = as_opacity(alpha)
    palette = np.asarray(colors, np.float32).reshape(-1, 3)
    drawn = picture + np.float32(alpha) * (palette[labels] - picture)
    present = [(names[k], tuple(colors[k])) for k in np.unique(labels)]
    return np.concatenate([np.rint(drawn).astype(np.uint8), _legend(present, picture.shape[1])])


def _legend(entries: list[tuple[str, tuple[int, ...]]], width: int) -> np.ndarray:
    """Draw colors and names in as many lines as the width needs."""
    from PIL import Image, ImageDraw, ImageFont

    size = max(10, min(24, width // 40))
    font = ImageFont.load_default(size=size)
    lines, x, places = 0, 0, []
    for name, color in entries:
        wide = 2 * size + int(font.getlength(name)) + size
        if x and x + wide > width:
            lines, x = lines + 1, 0
        places.append((x, lines, name, color))
        x += wide
    high = size * 7 // 4
    canvas = Image.new("RGB", (width, high * (lines + 1)), "white")
    draw = ImageDraw.Draw(canvas)
    for x, line, name, color in places:
        top = line * high + size // 3
        draw.rectangle((x + size // 2, top, x + size * 3 // 2, top + size), fill=color, outline="black")
        draw.text((x + 2 * size, top + size // 2), name, fill="black", font=font, anchor="lm")
    return np.asarray(canvas)


def _rim(labels: np.ndarray, width: int) -> np.ndarray:
    """Return the cells within `width` steps, along rows and columns, of another label or of the picture's edge."""
    rim = np.zeros(labels.shape, bool)
    for step in range(1, width + 1):
        for axis in (0, 1):
            ahead = np.moveaxis(labels, axis, 0)
            edge = np.moveaxis(rim, axis, 0)
            differs = ahead[step:] != ahead[:-step]
            edge[:-step] |= differs
            edge[step:] |= differs
    rim[:width] = rim[-width:] = True
    rim[:, :width] = rim[:, -width:] = True
    return rim


def _numbered(picture: np.ndarray, labels: np.ndarray, scale: int) -> np.ndarray:
    """Write each object's label on it, where the object's box holds the text."""
    from PIL import Image, ImageDraw, ImageFont

    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(size=max(10, min(24, max(picture.shape[:2]) // 60)))
    for label, row, column, box in _places(labels):
        left, top, right, bottom = draw.textbbox((0, 0), str(label), font=font, stroke_width=1)
        wide, high = right - left, bottom - top
        if wide <= box[1] * scale and high <= box[0] * scale:
            at = ((column + 0.5) * scale - wide / 2 - left, (row + 0.5) * scale - high / 2 - top)
            draw.text(at, str(label), fill="white", stroke_fill="black", stroke_width=1, font=font)
    return np.asarray(canvas)


def _places(labels: np.ndarray) -> list[tuple[int, int, int, tuple[int, int]]]:
    """List (label, row, column, box size): the object's own cell nearest to the middle of its box."""
    from scipy.ndimage import find_objects

    found = []
    present, numbered = np.unique(labels, return_inverse=True)  # find_objects lists every number up to the largest
    for index, box in enumerate(find_objects(numbered.reshape(labels.shape) + 1)):
        if present[index] == 0:
            continue
        rows, columns = np.nonzero(labels[box] == present[index])
        height, width = (part.stop - part.start for part in box)
        nearest = np.argmin((rows - (height - 1) / 2) ** 2 + (columns - (width - 1) / 2) ** 2)
        found.append(
            (
                int(present[index]),
                int(rows[nearest]) + box[0].start,
                int(columns[nearest]) + box[1].start,
                (height, width),
            )
        )
    return found
