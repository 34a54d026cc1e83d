"""Figures with matplotlib: pictures side by side, a legend of classes, histograms, confusion matrices."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array, one_of
from segalgo.plot.colors import COLORS, as_rgb, import_pyplot, new_axes

CELLS_WITH_NUMBERS = 25  # confusion matrices of more classes show colors alone
TICKS = 40  # names along an axis, at most
LINE_STYLES = ("-", "--", ":", "-.", (0, (1, 4)), (0, (8, 4)))


def side_by_side(
    images: Mapping[str, Any] | Sequence[Any],
    titles: Sequence[str] | None = None,
    *,
    colors: Any = None,
    axes: Sequence[Any] | None = None,
) -> np.ndarray:
    """Show pictures and label maps in one row.

    Parameters
    ----------
    images : mapping from title to array, or sequence of arrays
        (H, W), (H, W, 3) or (H, W, 4). Grey pictures are shown grey.
    titles : sequence of str, optional
        Titles of a sequence.
    colors : array (K, 3) of uint8, optional
        Colors of classes, as a data set has them: integer arrays (H, W) are then class maps in these colors, what
        is no class (255) in black. Without it, integer arrays of more than 8 bits are spread over grey.
    axes : sequence of matplotlib Axes, optional
        Where to draw, one for each picture; a new figure if not given.

    Returns
    -------
    array of matplotlib Axes

    Raises
    ------
    ValueError
        If the numbers of pictures, titles and axes differ, or an array is no picture.
    ImportError
        If matplotlib is missing (``pip install segalgo[plot]``).

    Examples
    --------
    >>> import segalgo
    >>> image, labels = dataset[0]  # doctest: +SKIP
    >>> segalgo.side_by_side({"image": image, "labels": labels}, colors=dataset.colors)  # doctest: +SKIP
    """
    if isinstance(images, Mapping):
        titles, images = list(images), list(images.values())
    pictures = [as_array(image, f"images[{k}]") for k, image in enumerate(images)]
    if titles is not None and len(titles) != len(pictures):
        raise ValueError(f"titles holds {len(titles)}: expected {len(pictures)}, one for each picture")
    if axes is not None and len(axes) != len(pictures):
        raise ValueError(f"axes holds {len(axes)}: expected {len(pictures)}, one for each picture")
    drawn = [_colored(picture, colors) for picture in pictures]
    if axes is None:
        shapes = [max(picture.shape[1], 1) / max(picture.shape[0], 1) for picture in drawn] or [1.0]
        height = min(4.0, 15 / sum(shapes))
        size = (sum(shapes) * height + 0.1, height + (0.35 if titles is not None else 0.1))
        axes = import_pyplot().subplots(
            1, max(1, len(drawn)), figsize=size, squeeze=False, layout="constrained", width_ratios=shapes
        )[1][0, : len(drawn)]
    for k, (ax, picture) in enumerate(zip(axes, drawn, strict=True)):
        ax.imshow(picture, interpolation="nearest" if max(picture.shape[:2]) < 200 else "antialiased")
        ax.set_axis_off()
        if titles is not None:
            ax.set_title(titles[k])
    return np.asarray(axes, object)


def _colored(picture: np.ndarray, colors: Any) -> np.ndarray:
    if colors is None or picture.ndim != 2 or picture.dtype.kind not in "iu":
        return as_rgb(picture)
    table = np.asarray(colors, np.uint8)
    classes = (picture >= 0) & (picture < len(table))
    return np.where(classes[..., None], table[np.where(classes, picture, 0)], np.uint8(0))


def legend(
    class_names: Sequence[str],
    colors: Any = None,
    *,
    present: Any = None,
    ax: Any = None,
    **options: Any,
) -> Any:
    """Draw a legend of classes: a patch of color and a name for each.

    Parameters
    ----------
    class_names : sequence of K str
        Names of the classes 0, 1, 2 ...
    colors : array (K, 3) of uint8, optional
        Their colors; colors for color-blind readers if not given, which repeat after seven.
    present : array of integers, optional
        A label map, or a list of classes: only what occurs in it is listed.
    ax : matplotlib Axes, optional
        The axes that the legend stands in: beside the picture, on its right. A new figure of the legend alone if not
        given.
    **options
        Passed on to ``Axes.legend``, such as ``ncols=2`` or ``loc="lower left"``.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If there are not as many colors as names.
    ImportError
        If matplotlib is missing (``pip install segalgo[plot]``).

    Examples
    --------
    >>> import segalgo
    >>> ax = segalgo.legend(["cell", "membrane"])  # doctest: +SKIP
    """
    names = list(class_names)
    table = COLORS[np.arange(len(names)) % len(COLORS)] if colors is None else np.asarray(colors)
    if table.shape != (len(names), 3):
        raise ValueError(f"colors has shape {table.shape}: expected {(len(names), 3)}, one for each name")
    listed = range(len(names)) if present is None else np.unique(np.asarray(present))
    listed = [int(k) for k in listed if 0 <= k < len(names)]
    import_pyplot()
    from matplotlib.patches import Patch

    columns = -(-len(listed) // 25) or 1
    alone = ax is None
    rows = -(-len(listed) // columns)
    ax = new_axes(ax, (2.2 * columns, 0.4 + 0.24 * rows))
    patches = [Patch(facecolor=table[k] / 255, edgecolor="0.4", linewidth=0.6, label=names[k]) for k in listed]
    beside = {"loc": "center"} if alone else {"loc": "center left", "bbox_to_anchor": (1.0, 0.5)}
    ax.legend(**{"handles": patches, "ncols": columns, "frameon": False, "fontsize": "small", **beside, **options})
    if alone:
        ax.set_axis_off()
    return ax


def show_histogram(
    image: Any, thresholds: Any = None, *, ax: Any = None, bins: int = 256, mask: Any = None, log: bool = False
) -> Any:
    """Show the histogram of a grey picture, with thresholds as vertical lines.

    Parameters
    ----------
    image : array (H, W)
        bool, integers or floats.
    thresholds : number, sequence of numbers, or mapping from name to number, optional
        Where to draw lines; names and values stand in the legend.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.
    bins : int, default 256
        Number of bins; integers of up to 256 values have one for each.
    mask : bool array (H, W), optional
        Count these pixels alone.
    log : bool, default False
        A logarithmic axis of counts: rare values show.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    TypeError
        If `image` is no array of numbers, `bins` no integer, or a threshold no number.
    ValueError
        If `image` has another shape or holds NaN, `mask` does not fit, or `bins` is below 1.
    ImportError
        If matplotlib is missing (``pip install segalgo[plot]``).

    Examples
    --------
    >>> import segalgo
    >>> from skimage.data import coins
    >>> threshold = segalgo.threshold_otsu(coins())
    >>> ax = segalgo.show_histogram(coins(), {"Otsu": threshold})  # doctest: +SKIP
    """
    from segalgo.thresholds.histogram import histogram_of

    pixels = as_array(image, "image")
    pixels = pixels.get() if is_cupy(pixels) else pixels
    if pixels.ndim != 2:
        raise ValueError(f"image has shape {pixels.shape}: expected (H, W)")
    counts, centres = histogram_of(pixels, bins, None, mask)
    centres = centres.astype(np.float64)
    if len(counts) > max(bins, 256):  # integers of 16 bits have a count for each value
        counts, edges = np.histogram(centres, bins, weights=counts)
        centres = (edges[1:] + edges[:-1]) / 2
    lines = _named_thresholds(thresholds)
    ax = new_axes(ax, (7, 3.5))
    ax.fill_between(centres, counts, step="mid", color="0.72", linewidth=0)
    ax.step(centres, counts, where="mid", color="0.35", linewidth=0.7)
    if log:
        ax.set_yscale("log")
    else:
        ax.set_ylim(bottom=0)
    for k, (name, value) in enumerate(lines):
        # Line styles cycle too, so that lines differ where their colors repeat.
        color = COLORS[[5, 4, 2, 6, 0, 1][k % 6]] / 255
        label = f"{name} {value:.4g}".strip()
        ax.axvline(value, color=color, linestyle=LINE_STYLES[k % len(LINE_STYLES)], linewidth=1.8, label=label)
    if lines:
        ax.legend(frameon=False, fontsize="small")
    ax.set_xlabel("grey value")
    ax.set_ylabel("pixels")
    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.01)
    return ax


def _named_thresholds(thresholds: Any) -> list[tuple[str, float]]:
    if thresholds is None:
        return []
    if isinstance(thresholds, Mapping):
        named = list(thresholds.items())
    else:
        named = [("", value) for value in np.ravel(np.asarray(thresholds)).tolist()]
    try:
        return [(str(name), float(value)) for name, value in named]
    except (TypeError, ValueError):
        raise TypeError(f"thresholds={thresholds!r}: expected numbers") from None


def show_confusion(
    matrix: Any,
    class_names: Sequence[str] | None = None,
    *,
    normalize: str | None = "target",
    ax: Any = None,
) -> Any:
    """Show a confusion matrix: a row for each true class, a column for each predicted one.

    Parameters
    ----------
    matrix : array (K, K)
        Counts of pixels, row = target, column = prediction, as from `segalgo.metrics.confusion_matrix`.
    class_names : sequence of K str, optional
        Names of the classes; their numbers if not given.
    normalize : {"target", "prediction", None}, default "target"
        Percentages of each row (the diagonal is recall), of each column (the diagonal is precision), or plain counts.
    ax : matplotlib Axes, optional
        Where to draw; a new figure if not given.

    Returns
    -------
    matplotlib Axes

    Raises
    ------
    ValueError
        If the matrix is not square, holds negative numbers, or the names do not fit.
    ImportError
        If matplotlib is missing (``pip install segalgo[plot]``).

    Notes
    -----
    Rows and columns without pixels stay grey. Numbers stand in the cells of up to 25 classes.

    Examples
    --------
    >>> import segalgo
    >>> ax = segalgo.show_confusion([[90, 10], [5, 95]], ["ground", "cell"])  # doctest: +SKIP
    """
    counts = np.asarray(matrix)
    if counts.ndim != 2 or counts.shape[0] != counts.shape[1] or counts.size == 0 or counts.dtype.kind not in "iuf":
        raise ValueError(f"matrix has shape {counts.shape}, dtype {counts.dtype}: expected (K, K) numbers")
    if not (counts >= 0).all():
        raise ValueError("matrix holds negative numbers or NaN: expected counts")
    one_of(normalize, "normalize", ("target", "prediction", None))
    names = [str(k) for k in range(len(counts))] if class_names is None else list(class_names)
    if len(names) != len(counts):
        raise ValueError(f"class_names holds {len(names)}: expected {len(counts)}")
    shares = _shares(counts.astype(np.float64), normalize)
    side = float(np.clip(2.2 + 0.42 * len(counts), 3.5, 11))
    ax = new_axes(ax, (side + 0.8, side))
    palette = import_pyplot().get_cmap("cividis").with_extremes(bad="0.85")
    top = 100 if normalize else max(float(np.nanmax(shares)), 1)
    picture = ax.imshow(shares, cmap=palette, vmin=0, vmax=top, interpolation="nearest")
    _name_ticks(ax, names)
    ax.set_xlabel("prediction")
    ax.set_ylabel("target")
    bar = ax.figure.colorbar(picture, ax=ax, shrink=0.8)
    bar.set_label({"target": "% of the target", "prediction": "% of the prediction", None: "pixels"}[normalize])
    if len(counts) <= CELLS_WITH_NUMBERS:
        _write_cells(ax, shares, top, normalize)
    return ax


def _shares(counts: np.ndarray, normalize: str | None) -> np.ndarray:
    if normalize is None:
        return counts
    totals = counts.sum(1 if normalize == "target" else 0, keepdims=True)
    return np.divide(100 * counts, totals, out=np.full(counts.shape, np.nan), where=totals > 0)


def _name_ticks(ax: Any, names: list[str]) -> None:
    step = -(-len(names) // TICKS)
    places = range(0, len(names), step)
    size = float(np.clip(260 / len(places), 5, 9))
    ax.set_xticks(places, [names[k] for k in places], rotation=45, ha="right", rotation_mode="anchor", fontsize=size)
    ax.set_yticks(places, [names[k] for k in places], fontsize=size)


def _write_cells(ax: Any, shares: np.ndarray, top: float, normalize: str | None) -> None:
    size = float(np.clip(110 / len(shares), 4.5, 10))
    for i, row in enumerate(shares):
        for j, share in enumerate(row):
            if np.isnan(share) or share == 0:
                continue
            if normalize:
                text = "<1" if share < 0.5 else f"{share:.0f}"
            else:
                text = f"{share:.0f}" if share < 1e5 else f"{share:.0e}".replace("e+0", "e").replace("e+", "e")
            ax.text(
                j, i, text, ha="center", va="center", fontsize=size, color="black" if share > 0.55 * top else "white"
            )
