"""Objects over their picture, drawn with matplotlib: outlines, numbers and boxes, readable at a hundred objects."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segalgo.plot.colors import COLORS, as_label_map, as_opacity, as_rgb, distinct_colors, new_axes

SMALLEST_FONT, LARGEST_FONT = 6.0, 13.0  # points
GLYPH = 0.62  # width of a digit over the size of its font
COVERED = 0.7  # share of a number's box that must lie on its object; else it stands beside

Edges = tuple[float, float, float, float]
"""Top, left, bottom, right."""


def show_instances(
    image: Any,
    labels: Any,
    *,
    ax: Any = None,
    outlines: bool = True,
    numbers: bool = True,
    boxes: bool = False,
    alpha: float = 0.35,
    names: Mapping[int, str] | Sequence[str] | None = None,
) -> Any:
    """Show objects over their picture: filled, outlined, numbered, boxed. Touching objects differ in color.

    Numbers stand on objects that are large enough for them, and beside smaller ones, where they cover neither other
    numbers nor, if there is room, other objects.

    Parameters
    ----------
    image : array, (H, W), (H, W, 3) or (H, W, 4)
        The picture; shown grey or in its colors.
    labels : integer array, (H, W)
        0 where no object is.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    outlines, numbers : bool, default True
        Draw every object's outline, and its number.
    boxes : bool, default False
        Draw every object's bounding box.
    alpha : float, default 0.35
        Strength of the fill, 0 to 1.
    names : mapping from object number to str, or sequence of str, optional
        What to write instead of the number; a sequence names objects 1, 2, 3 ...

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        If `image` or `labels` is of another dtype, or `alpha` is no number.
    ValueError
        If the shapes differ, or `alpha` is out of range.
    ImportError
        If matplotlib is missing (``pip install segalgo[plot]``).

    Examples
    --------
    >>> import segalgo
    >>> from skimage.data import coins
    >>> found = segalgo.segment(coins(), min_area=100)
    >>> axes = segalgo.show_instances(coins(), found.labels, boxes=True)  # doctest: +SKIP
    """
    picture = as_rgb(image)
    plane = as_label_map(labels, picture.shape)
    plane = plane.astype(np.uint8) if plane.dtype == bool else plane
    alpha = as_opacity(alpha)
    ax = new_axes(ax, _figure_size(plane.shape))
    present, color = distinct_colors(plane) if plane.size else (np.zeros(0, int), np.zeros(0, int))
    ranks = np.searchsorted(present, plane) if present.size else np.zeros(plane.shape, int)
    inside = plane != 0
    drawn = picture.astype(np.float32)
    if present.size:
        drawn[inside] += alpha * (COLORS[color[ranks[inside]]] - drawn[inside])
    ax.imshow(np.rint(drawn).astype(np.uint8), interpolation="nearest" if max(plane.shape) < 200 else "antialiased")
    ax.set_axis_off()
    if not present.size:
        return ax
    places = _measure(np.where(inside, ranks + 1, 0), len(present))
    if outlines:
        _draw_outlines(ax, plane, present, color)
    if boxes:
        _draw_boxes(ax, places, color)
    if numbers:
        _write(ax, [_name(int(number), names) for number in present], present, places, color, plane)
    return ax


def _figure_size(shape: tuple[int, ...]) -> tuple[float, float]:
    height, width = max(shape[0], 1), max(shape[1], 1)
    longest = 8.0
    return (
        (longest, max(1.0, longest * height / width))
        if width >= height
        else (max(1.0, longest * width / height), longest)
    )


def _measure(ranks: np.ndarray, count: int) -> np.ndarray:
    """Return boxes (K, 4): first row, first column, one past the last row and column."""
    from segalgo.labels.measurement import label_statistics

    return label_statistics(ranks, num_labels=count).bounding_box


def _draw_outlines(ax: Any, plane: np.ndarray, present: np.ndarray, color: np.ndarray) -> None:
    """Draw the edges between pixels where an object ends: each as a line on the pixels' border."""
    from matplotlib.collections import LineCollection

    padded = np.pad(plane, 1)
    segments, numbers = [], []
    for axis in (0, 1):
        turned = padded if axis == 0 else padded.T
        for upper in (True, False):
            mine, other = (turned[1:], turned[:-1]) if upper else (turned[:-1], turned[1:])
            i, j = np.nonzero((mine != other) & (mine != 0))
            # The border above padded row i + 1 lies at i - 0.5 of the picture; columns start one earlier.
            start, end = np.stack([j - 1.5, i - 0.5], 1), np.stack([j - 0.5, i - 0.5], 1)
            pair = np.stack([start, end], 1)
            segments.append(pair if axis == 0 else pair[..., ::-1])
            numbers.append(mine[i, j])
    chosen = COLORS[color[np.searchsorted(present, np.concatenate(numbers))]] / 255
    width = float(np.clip(1.1 * _points_per_pixel(ax, plane.shape), 0.5, 1.6))  # small pictures need thin lines
    lines = LineCollection(np.concatenate(segments), colors=chosen, linewidths=width, capstyle="round")
    ax.add_collection(lines, autolim=False)


def _draw_boxes(ax: Any, boxes: np.ndarray, color: np.ndarray) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    shapes = [Rectangle((left - 0.5, top - 0.5), right - left, bottom - top) for top, left, bottom, right in boxes]
    edges = COLORS[color] / 255
    ax.add_collection(PatchCollection(shapes, facecolors="none", edgecolors="white", linewidths=2.2), autolim=False)
    ax.add_collection(PatchCollection(shapes, facecolors="none", edgecolors=edges, linewidths=1.2), autolim=False)


def _name(number: int, names: Mapping[int, str] | Sequence[str] | None) -> str:
    if names is None:
        return str(number)
    if isinstance(names, Mapping):
        return str(names.get(number, number))
    return str(names[number - 1]) if 1 <= number <= len(names) else str(number)


def _write(
    ax: Any, texts: list[str], present: np.ndarray, boxes: np.ndarray, color: np.ndarray, plane: np.ndarray
) -> None:
    """Write each text on its object where it fits; else beside it in its color, away from other texts and objects."""
    from matplotlib.patheffects import withStroke

    points = _points_per_pixel(ax, plane.shape)
    sides = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    size = float(np.clip(0.42 * np.median(sides) * points, SMALLEST_FONT, LARGEST_FONT))
    halo = [withStroke(linewidth=max(1.5, size / 5), foreground="black")]
    taken: list[Edges] = []
    for k in np.argsort(-sides, kind="stable"):
        height, width = 1.15 * size / points, GLYPH * size * len(texts[k]) / points
        row, column = _middle(plane, present[k], boxes[k])
        fits = _share_inside(plane, present[k], _edges(row, column, height, width)) >= COVERED
        if not fits:
            row, column = _place_beside(boxes[k], plane, height, width, taken)
        taken.append(_edges(row, column, height, width))
        shade = "white" if fits else 0.4 * COLORS[color[k]] / 255 + 0.6
        ax.text(
            column, row, texts[k], fontsize=size, color=shade, ha="center", va="center_baseline", clip_on=True,
            path_effects=halo,
        )  # fmt: skip


def _points_per_pixel(ax: Any, shape: tuple[int, ...]) -> float:
    """Return how many points a pixel of the picture measures on paper."""
    figure = ax.figure
    inches = figure.get_size_inches() * ax.get_position().bounds[2:]
    return 72 * min(inches[0] / shape[1], inches[1] / shape[0])


def _edges(row: float, column: float, height: float, width: float) -> Edges:
    return row - height / 2, column - width / 2, row + height / 2, column + width / 2


def _middle(plane: np.ndarray, number: int, box: np.ndarray) -> tuple[float, float]:
    """Return the place deep inside the object that is nearest to the middle of its box."""
    from scipy.ndimage import distance_transform_edt

    mask = np.pad(plane[box[0] : box[2], box[1] : box[3]] == number, 1)
    depth = distance_transform_edt(mask)
    i, j = np.nonzero(depth >= 0.85 * depth.max())
    middle = ((mask.shape[0] - 1) / 2, (mask.shape[1] - 1) / 2)
    nearest = np.argmin((i - middle[0]) ** 2 + (j - middle[1]) ** 2)
    return float(i[nearest] + box[0] - 1), float(j[nearest] + box[1] - 1)


def _share_inside(plane: np.ndarray, number: int, edges: Edges) -> float:
    """Return which share of a text's box lies on the object."""
    i0, j0, i1, j1 = (round(edge) for edge in edges)
    part = plane[max(0, i0) : max(0, i1 + 1), max(0, j0) : max(0, j1 + 1)]
    return np.count_nonzero(part == number) / max(1, (i1 + 1 - i0) * (j1 + 1 - j0))


def _place_beside(
    box: np.ndarray, plane: np.ndarray, height: float, width: float, taken: list[Edges]
) -> tuple[float, float]:
    """Return the centre for a text of this size beside a box: the candidate that hides least."""
    top, left, bottom, right = (float(edge) - 0.5 for edge in box)
    row, column = (top + bottom) / 2, (left + right) / 2
    gap = 0.1 * height
    above, below = top - height / 2 - gap, bottom + height / 2 + gap
    before, after = left - width / 2 - gap, right + width / 2 + gap
    candidates = (
        (above, after), (row, after), (above, column), (row, before), (below, column),
        (below, after), (above, before), (below, before), (row, column),
    )  # fmt: skip
    rows, columns = plane.shape

    def cost(place: tuple[float, float]) -> float:
        edges = _edges(*place, height, width)
        i0, j0, i1, j1 = edges
        outside = max(0, -0.5 - i0) + max(0, -0.5 - j0) + max(0, i1 - rows + 0.5) + max(0, j1 - columns + 0.5)
        covered = np.count_nonzero(plane[max(0, round(i0)) : max(0, round(i1)), max(0, round(j0)) : max(0, round(j1))])
        return 1e3 * outside * height + 10 * sum(_shared(edges, other) for other in taken) + covered

    return min(candidates, key=cost)


def _shared(one: Edges, other: Edges) -> float:
    """Return the area that two boxes share."""
    high = min(one[2], other[2]) - max(one[0], other[0])
    wide = min(one[3], other[3]) - max(one[1], other[1])
    return max(0.0, high) * max(0.0, wide)
