"""Segmentation by watersheds: from markers, or of touching objects that a threshold finds."""

from typing import Any

import numpy as np

import segalgo
from segalgo._core.checks import as_array, as_number
from segalgo._core.numbers import as_real_number
from segalgo.segmenters.method import MARKERS, Method, Option
from segalgo.segmenters.threshold import Segmentation, find_objects, find_threshold

SHARED = ("threshold", "foreground", "connectivity", "min_area", "fill_holes", "clear_border")


def segment_by_watershed(
    picture: Any,
    grey: Any,
    markers: Any = None,
    depth: float = 1.0,
    threshold: float | None = None,
    foreground: str = "above",
    connectivity: int | None = None,
    min_area: int = 1,
    fill_holes: bool = False,
    clear_border: bool = False,
) -> Segmentation:
    """Divide a picture among markers, or cut its touching objects apart.

    Composed of `watershed` and, with markers, of `dilation` and `erosion`: regions grow from the markers over the whole
    picture and meet where its grey values change most. Without markers, of the functions of `segment`, and of those
    with which `semantic_to_instances` cuts touching objects at their necks.

    Parameters
    ----------
    picture : array
        The picture as it was read; not used.
    grey : array (H, W)
        Its grey values.
    markers : array (H, W) of integers, optional
        Labels of cells where regions begin; 0 elsewhere.
    depth : float, default 1.0
        Without markers: how many pixels wider than the neck both halves must be for a cut.
    threshold : float, optional
        Without markers: the grey value that tells objects from ground; by default Otsu's.
    foreground, connectivity, min_area, fill_holes, clear_border
        Without markers: as in `segment`.

    Returns
    -------
    Segmentation
        ``threshold`` is None with markers. Labels count from 1 in row order of their first pixel; with markers they are
        the markers'.

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit; the message names it.
    """
    if markers is not None:
        return _from_markers(grey, markers, connectivity)
    if not as_number(depth, "depth") > 0:
        raise ValueError(f"depth={depth!r}: expected a number above 0")
    value = find_threshold(grey, "otsu") if threshold is None else as_real_number(threshold, "threshold")
    found = find_objects(
        grey,
        grey,
        value,
        foreground=foreground,
        connectivity=connectivity,
        min_area=min_area,
        fill_holes=fill_holes,
        clear_border=clear_border,
    )
    parts = segalgo.semantic_to_instances(
        (found.labels > 0).astype(np.uint8),
        ignore_index=None,
        connectivity=connectivity,
        split_touching=True,
        depth=depth,
    ).labels
    return Segmentation(parts, value, segalgo.label_statistics(parts, grey))


def _from_markers(grey: Any, markers: Any, connectivity: int | None) -> Segmentation:
    """Grow markers over the steepness of the grey values, the difference of a dilation and an erosion."""
    seeds = as_array(markers, "markers")
    if seeds.shape != grey.shape:
        raise ValueError(f"markers has shape {seeds.shape}: expected {grey.shape}, the shape of the picture")
    if seeds.dtype.kind not in "iu":
        raise TypeError(f"markers has dtype {seeds.dtype}: expected integers")
    if seeds.size and int(seeds.min()) < 0:
        raise ValueError(f"markers holds the negative label {int(seeds.min())}: expected labels of at least 0")
    side = np.ones((3, 3), np.uint8)
    values = grey if grey.dtype.kind == "f" else grey.astype(np.int64)
    steepness = segalgo.dilation(values, side) - segalgo.erosion(values, side)
    labels = segalgo.watershed(steepness, seeds.astype(np.int32), connectivity or 2, method="forest")
    return Segmentation(labels, None, segalgo.label_statistics(labels, grey))


METHOD = Method(
    "watershed",
    "Regions that grow from markers, or objects above Otsu's threshold, cut apart where they touch.",
    segment_by_watershed,
    (MARKERS, Option("depth", float, "How much wider than its neck an object must be to be cut, in pixels.", 1.0)),
    SHARED,
)
