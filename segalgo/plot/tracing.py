"""Plots of the feature maps of a network, layer by layer, and of the indices of max-pooling."""

import fnmatch
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array, as_integer
from segalgo.plot.colors import COLORS, import_pyplot

ARROW_CELLS = 6  # pooling indices are drawn for a window of at most this many cells in height and width


@dataclass
class _Step:
    name: str
    shape: tuple[int, ...]
    maps: np.ndarray
    """The maps that are shown, (C, H, W), or (1, 1, C) of a vector; copies, so that the rest can be forgotten."""
    source: np.ndarray | None = None
    """Of pooling indices: the maps that were pooled, or None where the trace does not hold them."""


def show_trace(
    trace: Iterable[tuple[str, Any]],
    *,
    channels: int = 4,
    layers: str | Sequence[str] = "*",
    batch: int = 0,
    axes: Any = None,
) -> np.ndarray:
    """Plot the feature maps of a network: a row for each layer, a column for each of its first maps.

    Every map is spread over the full range of colors on its own; its lowest and highest value stand below it. The
    indices of max-pooling are shown as arrows, from each pooled cell to the place that its value came from, over the
    window of the map in which the pooled values vary most.

    Parameters
    ----------
    trace : iterable of (str, array)
        Names and arrays, as ``model.trace(x)`` yields them: (N, C, H, W), (C, H, W), (N, C) or (C,) of floats, and
        integers for pooling indices, counted within one plane of the array that was pooled.
    channels : int, default 4
        How many maps of each layer.
    layers : str or sequence of str, default "*"
        Patterns of the names that are shown, as in a shell: ``"pool*"``.
    batch : int, default 0
        Which picture of the batch.
    axes : array of matplotlib Axes (layers, channels), optional
        Where to draw; a new figure if not given.

    Returns
    -------
    array of matplotlib Axes, (layers, channels)

    Raises
    ------
    TypeError
        If `channels` or `batch` is no integer.
    ValueError
        If nothing of the trace is shown, an array has another shape, `channels` is below 1, `batch` is none of the
        batch, or `axes` does not fit.
    ImportError
        If matplotlib is missing (``pip install segalgo[plot]``).

    Examples
    --------
    >>> import segalgo
    >>> axes = segalgo.show_trace(model.trace(image), layers=["pool*", "conv*"])  # doctest: +SKIP
    """
    channels, batch = as_integer(channels, "channels", least=1), as_integer(batch, "batch")
    patterns = [layers] if isinstance(layers, str) else list(layers)
    steps = _collect(trace, patterns, batch, channels)
    if not steps:
        raise ValueError(f"layers={layers!r}: expected a pattern that fits a name of the trace")
    axes = _make_axes(steps, channels) if axes is None else np.asarray(axes, object)
    if axes.shape != (len(steps), channels):
        raise ValueError(f"axes has shape {axes.shape}: expected {(len(steps), channels)}, layers and channels")
    for step, row in zip(steps, axes, strict=True):
        for c, ax in enumerate(row):
            ax.set_xticks([])
            ax.set_yticks([])
            ax.spines[:].set_visible(False)
            if c >= len(step.maps):
                continue
            if step.maps.dtype.kind in "iu":
                _draw_arrows(ax, step, c)
            else:
                _draw_map(ax, step.maps[c])
        size = " x ".join(map(str, step.shape))
        row[0].set_ylabel(f"{step.name}\n{size}", rotation=0, ha="right", va="center", fontsize=8, labelpad=6)
    return axes


def _collect(trace: Iterable[tuple[str, Any]], patterns: list[str], batch: int, channels: int) -> list[_Step]:
    """Keep the layers that are shown; remember the maps before them, which pooling indices point into."""
    steps = []
    earlier: list[tuple[str, np.ndarray]] = []
    for name, values in trace:
        maps = _as_maps(name, values, batch)
        source = None
        if maps.dtype.kind in "iu":
            pooled = name.removesuffix("_indices")
            larger = [m for before, m in earlier if before != pooled and _may_be_source(m, maps)]
            source = larger[-1] if larger else None
        else:
            # The last three arrays suffice: pooling's input, and its result if that is traced before the indices.
            earlier = [*earlier[-2:], (name, maps)]
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns):
            shown = None if source is None else source[:channels].copy()
            steps.append(_Step(name, maps.shape, maps[:channels].copy(), shown))
    return steps


def _may_be_source(maps: np.ndarray, indices: np.ndarray) -> bool:
    same = maps.shape[0] == indices.shape[0]
    return same and maps[0].size >= indices[0].size and maps[0].size > int(indices.max(initial=0))


def _as_maps(name: str, values: Any, batch: int) -> np.ndarray:
    array = as_array(values, name)
    array = array.get() if is_cupy(array) else array
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} has dtype {array.dtype}: expected floats, or integers of pooling indices")
    if array.ndim in (2, 4):
        if not -len(array) <= batch < len(array):
            raise ValueError(f"batch={batch}: expected less than {len(array)}, the batch of {name}")
        array = array[batch]
    if array.ndim == 1:
        array = array[None, None]  # a vector is one row
    if array.ndim != 3:
        raise ValueError(f"{name} has shape {array.shape}: expected (N, C, H, W), (C, H, W), (N, C) or (C,)")
    return array.astype(np.uint8) if array.dtype == bool else array


def _make_axes(steps: list[_Step], channels: int) -> np.ndarray:
    heights = [float(np.clip(step.maps.shape[1] / max(step.maps.shape[2], 1), 0.15, 1.5)) for step in steps]
    width = 1.9
    label = 1.7  # inches that the names take
    size = (label + width * channels, sum(heights) * width + 0.32 * len(steps))
    return import_pyplot().subplots(
        len(steps), channels, figsize=size, squeeze=False, height_ratios=heights, layout="constrained"
    )[1]


def _draw_map(ax: Any, plane: np.ndarray) -> None:
    finite = plane[np.isfinite(plane)].astype(np.float64)
    low, high = (finite.min(), finite.max()) if finite.size else (0.0, 0.0)
    ax.imshow(plane.astype(np.float64), cmap="cividis", vmin=low, vmax=max(high, low + 1e-12), interpolation="nearest")
    ax.set_xlabel(f"{low:.3g} to {high:.3g}", fontsize=6, labelpad=1)


def _liveliest_window(pooled: np.ndarray) -> tuple[int, int]:
    """Return the corner of the window in which the pooled values vary most: arrows over a plain say nothing."""
    size = tuple(min(ARROW_CELLS, n) for n in pooled.shape)
    finite = np.nan_to_num(pooled.astype(np.float64), posinf=0, neginf=0)
    spread = np.lib.stride_tricks.sliding_window_view(finite, size).std((-2, -1))
    i, j = np.unravel_index(int(spread.argmax()), spread.shape)
    return int(i), int(j)


def _draw_arrows(ax: Any, step: _Step, c: int) -> None:
    """Draw a window of the pooled map with an arrow for each pooled cell."""
    if step.source is None or step.maps[c].size == 0:
        ax.text(0.5, 0.5, "indices", ha="center", va="center", transform=ax.transAxes, fontsize=7)
        return
    plane, indices = step.source[c], step.maps[c]
    (height, width), (rows, columns) = plane.shape, indices.shape
    i0, j0 = _liveliest_window(plane.reshape(-1)[indices])
    window = indices[i0 : i0 + ARROW_CELLS, j0 : j0 + ARROW_CELLS]
    # A pooled cell is drawn at the middle of its share of the plane, which is exact where windows tile the plane.
    si, sj = -(-height // rows), -(-width // columns)
    i, j = np.mgrid[i0 : i0 + window.shape[0], j0 : j0 + window.shape[1]]
    from_row, from_column = si * i + (si - 1) / 2, sj * j + (sj - 1) / 2
    to_row, to_column = np.divmod(window, width)
    top, left = si * i0, sj * j0
    bottom, right = min(height, si * (i0 + window.shape[0])), min(width, sj * (j0 + window.shape[1]))
    shown = plane[top:bottom, left:right].astype(np.float64)
    ax.imshow(shown, cmap="cividis", extent=(left - 0.5, right - 0.5, bottom - 0.5, top - 0.5), interpolation="nearest")
    for edge in range(top, bottom + 1, si):
        ax.axhline(edge - 0.5, color="white", linewidth=0.4)
    for edge in range(left, right + 1, sj):
        ax.axvline(edge - 0.5, color="white", linewidth=0.4)
    ax.quiver(
        from_column, from_row, to_column - from_column, to_row - from_row,
        angles="xy", scale_units="xy", scale=1, color=COLORS[5] / 255, edgecolor="white", linewidth=0.3, width=0.016,
        headwidth=2.6, headlength=2.4, headaxislength=2.2, minlength=0,
    )  # fmt: skip
    ax.set_xlim(left - 0.5, right - 0.5)
    ax.set_ylim(bottom - 0.5, top - 0.5)
    ax.set_xlabel(f"rows {top} to {bottom - 1}, columns {left} to {right - 1}", fontsize=6, labelpad=1)
