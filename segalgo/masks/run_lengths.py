"""Run-length codes of masks, as COCO writes them.

A code is a dictionary ``{"size": [height, width], "counts": ...}``. Counts are the lengths of runs of zeros and of
ones in turn, zeros first, over the cells in **column** order. They are a list of numbers (COCO's "uncompressed" code,
of crowds) or a string (the "compressed" one); functions here take both, as `str` or `bytes`, and give the compressed
one as `bytes`, equal to those of pycocotools byte for byte.

Every code is checked before anything of its size is allocated: no count below 0, and counts that add up to
height * width. `MOST_CELLS` bounds what a file may ask for.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import as_array, as_contiguous, as_flag, as_integer, one_of
from segalgo._core.dispatch import host_wing
from segalgo.masks.codes import MOST_CELLS, MOST_DECODED, Codes, as_codes, as_counts


def mask_to_rle(mask: Any) -> dict[str, Any]:
    """Encode a mask as COCO's compressed run-length code.

    Parameters
    ----------
    mask : array, (height, width), bool or integers
        Nonzero cells are the object. Any memory order; row and column order are fastest.

    Returns
    -------
    dict
        ``{"size": [height, width], "counts": bytes}``.

    Raises
    ------
    TypeError, ValueError
        If the mask is not of bool or integers, has not two axes, or 2^32 cells or more.

    Notes
    -----
    Cost: two walks over the mask, the second within the caches. Scratch: 8 bytes a column.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.masks import mask_to_rle
    >>> mask_to_rle(np.array([[0, 1], [1, 1]]))
    {'size': [2, 2], 'counts': b'13'}
    """
    counts = mask_to_counts(mask)
    return {"size": list(np.shape(mask)), "counts": host_wing("masks.run_lengths").counts_to_text(counts)}


def mask_to_counts(mask: Any) -> np.ndarray:
    """Return the run lengths of a mask in column order, zeros first: COCO's uncompressed code.

    Parameters
    ----------
    mask : array, (height, width), bool or integers
        Nonzero cells are the object.

    Returns
    -------
    array, (runs,), uint32
        At least one number; the first is 0 where the mask begins with the object.

    Raises
    ------
    TypeError, ValueError
        As `mask_to_rle`.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.masks import mask_to_counts
    >>> mask_to_counts(np.array([[0, 1], [1, 1]]))
    array([1, 3], dtype=uint32)
    """
    array = as_array(mask, "mask")
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biu":
        raise TypeError(f"mask is {type(array).__name__} of {array.dtype}: expected a NumPy array of bool or integers")
    if array.ndim != 2:
        raise ValueError(f"mask has shape {array.shape}: expected (height, width)")
    if array.size > MOST_CELLS:
        raise ValueError(f"mask has {array.size} cells: expected at most {MOST_CELLS}")
    if array.dtype.itemsize > 1:
        array = array != 0
    if not (array.flags.c_contiguous or array.flags.f_contiguous):
        array = as_contiguous(array)
    counts = host_wing("masks.run_lengths").mask_to_counts(array.view(np.uint8))
    if counts is None:  # bytes beyond 0 and 1
        counts = host_wing("masks.run_lengths").mask_to_counts((array != 0).view(np.uint8))
    return counts


def rle_to_mask(rle: Mapping[str, Any], order: str = "C", max_cells: int = MOST_DECODED) -> np.ndarray:
    """Decode a run-length code.

    Parameters
    ----------
    rle : dict
        ``{"size": [height, width], "counts": list, str or bytes}``.
    order : {"C", "F"}, default "C"
        Memory order of the result: rows or, as pycocotools, columns.
    max_cells : int, default 2^28
        What the code's size may ask for at most.

    Returns
    -------
    array, (height, width), uint8
        1 in the object, 0 elsewhere.

    Raises
    ------
    TypeError, ValueError
        If the code is no code, its counts do not add up to its size, or it is larger than `max_cells`.

    Notes
    -----
    Cost: each byte of the result is written once to memory. Scratch: 8 bytes a run.

    Examples
    --------
    >>> from segalgo.masks import rle_to_mask
    >>> rle_to_mask({"size": [2, 2], "counts": b"13"})
    array([[0, 1],
           [1, 1]], dtype=uint8)
    """
    one_of(order, "order", ("C", "F"))
    counts, height, width = as_counts(rle, "rle")
    max_cells = as_integer(max_cells, "max_cells", 0, 2**63 - 1)
    if height * width > max_cells:
        raise ValueError(f"rle has size [{height}, {width}]: expected at most max_cells={max_cells} cells")
    return host_wing("masks.run_lengths").counts_to_mask(counts, height, width, order == "F")


def compress_rle(rle: Mapping[str, Any]) -> dict[str, Any]:
    """Return a code with its counts as COCO's string.

    Parameters
    ----------
    rle : dict
        A code of either kind.

    Returns
    -------
    dict
        ``{"size": [height, width], "counts": bytes}``.

    Raises
    ------
    ValueError
        If the code is no code, or its counts do not add up to its size.

    Examples
    --------
    >>> from segalgo.masks import compress_rle
    >>> compress_rle({"size": [4, 5], "counts": [5, 3, 6, 2, 4]})
    {'size': [4, 5], 'counts': b'536ON'}
    """
    counts, height, width = as_counts(rle, "rle")
    return {"size": [height, width], "counts": host_wing("masks.run_lengths").counts_to_text(counts)}


def decompress_rle(rle: Mapping[str, Any]) -> dict[str, Any]:
    """Return a code with its counts as a list of numbers.

    Parameters
    ----------
    rle : dict
        A code of either kind.

    Returns
    -------
    dict
        ``{"size": [height, width], "counts": list of int}``.

    Raises
    ------
    ValueError
        If the code is no code, or its counts do not add up to its size.

    Examples
    --------
    >>> from segalgo.masks import decompress_rle
    >>> decompress_rle({"size": [4, 5], "counts": "536ON"})
    {'size': [4, 5], 'counts': [5, 3, 6, 2, 4]}
    """
    counts, height, width = as_counts(rle, "rle")
    return {"size": [height, width], "counts": counts.tolist()}


def rle_area(rle: Mapping[str, Any]) -> int:
    """Return how many cells an object has.

    Parameters
    ----------
    rle : dict
        A code of either kind.

    Returns
    -------
    int
        The sum of every second count.

    Raises
    ------
    ValueError
        If the code is no code, or its counts do not add up to its size.

    Examples
    --------
    >>> from segalgo.masks import rle_area
    >>> rle_area({"size": [2, 2], "counts": b"13"})
    3
    """
    counts, _, _ = as_counts(rle, "rle")
    return int(counts[1::2].sum(dtype=np.int64))


def rle_bounding_box(rle: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return the smallest box around an object, as COCO writes boxes.

    Parameters
    ----------
    rle : dict
        A code of either kind.

    Returns
    -------
    tuple of int
        (first column, first row, width, height); all 0 where the object is empty.

    Raises
    ------
    ValueError
        If the code is no code, or its counts do not add up to its size.

    Examples
    --------
    >>> from segalgo.masks import rle_bounding_box
    >>> rle_bounding_box({"size": [4, 5], "counts": [5, 3, 12]})
    (1, 1, 1, 3)
    """
    codes = as_codes([rle], "rle")
    top, bottom, left, right = (
        host_wing("masks.run_lengths").bounding_boxes(codes.counts, codes.offsets, codes.sizes[:, 0])[0].tolist()
    )
    return (0, 0, 0, 0) if right < 0 else (left, top, right - left + 1, bottom - top + 1)


def rle_iou(rles: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]], is_crowd: Any = None) -> np.ndarray:
    """Return the intersection over union of each object with each other.

    Where an other is a crowd, the intersection over the area of the object: a crowd may hold many objects. Two empty
    objects have 0.

    Parameters
    ----------
    rles, others : sequences of codes
        D and G of them, all of one size.
    is_crowd : sequence of bool, (G,), optional
        Which of the others are crowds; none by default.

    Returns
    -------
    array, (D, G), float64
        0 to 1, equal to those of pycocotools.

    Raises
    ------
    TypeError, ValueError
        If a code is no code, sizes differ, or there are not as many `is_crowd` as others.

    Notes
    -----
    Cost: the runs of both where their boxes meet; groups of pairs in parallel.

    Examples
    --------
    >>> from segalgo.masks import rle_iou
    >>> rle_iou([{"size": [2, 2], "counts": [0, 2, 2]}], [{"size": [2, 2], "counts": [0, 4]}])
    array([[0.5]])
    """
    first, second = as_codes(rles, "rles"), as_codes(others, "others")
    sizes = np.concatenate([first.sizes, second.sizes])
    if len(sizes) and (sizes != sizes[0]).any():
        other = sizes[(sizes != sizes[0]).any(axis=1)][0]
        raise ValueError(f"codes of sizes {sizes[0].tolist()} and {other.tolist()}: expected one size for all")
    crowd = np.zeros(len(others), bool) if is_crowd is None else as_array(is_crowd, "is_crowd").astype(bool)
    if crowd.shape != (len(others),):
        raise ValueError(f"is_crowd has shape {crowd.shape}: expected ({len(others)},)")
    groups = np.array([0, len(rles)]), np.array([0, len(others)])
    return grouped_ious(first, second, crowd, *groups).reshape(len(rles), len(others))


def merge_rles(rles: Sequence[Mapping[str, Any]], intersect: bool = False) -> dict[str, Any]:
    """Return the union of objects, or their intersection.

    Parameters
    ----------
    rles : sequence of codes
        At least one, all of one size.
    intersect : bool, default False
        Whether only cells that all of them have are kept.

    Returns
    -------
    dict
        The compressed code of the result.

    Raises
    ------
    TypeError, ValueError
        If a code is no code, sizes differ, or there is none.

    Examples
    --------
    >>> from segalgo.masks import decompress_rle, merge_rles
    >>> decompress_rle(merge_rles([{"size": [2, 2], "counts": [0, 2, 2]}, {"size": [2, 2], "counts": [1, 2, 1]}]))
    {'size': [2, 2], 'counts': [0, 3, 1]}
    """
    intersect = as_flag(intersect, "intersect")
    codes = as_codes(rles, "rles")
    if len(codes.sizes) == 0:
        raise ValueError("rles is empty: expected at least one code, its size is that of the result")
    if (codes.sizes != codes.sizes[0]).any():
        other = codes.sizes[(codes.sizes != codes.sizes[0]).any(axis=1)][0]
        raise ValueError(f"codes of sizes {codes.sizes[0].tolist()} and {other.tolist()}: expected one size for all")
    height, width = codes.sizes[0].tolist()
    kernels = host_wing("masks.run_lengths")
    counts = kernels.merge_counts(codes.counts, codes.offsets, height * width, intersect)
    return {"size": [height, width], "counts": kernels.counts_to_text(counts)}


def grouped_ious(first: Codes, second: Codes, crowd: np.ndarray, groups: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Return IoU of all pairs within groups, flat; group g is groups[g] ... groups[g + 1] - 1 of the first codes."""
    kernels = host_wing("masks.run_lengths")
    measured = []
    for codes in (first, second):
        boxes = kernels.bounding_boxes(codes.counts, codes.offsets, as_contiguous(codes.sizes[:, 0]))
        measured += [codes.counts, codes.offsets, boxes, kernels.areas(codes.counts, codes.offsets)]
    crowd = as_contiguous(crowd).view(np.uint8)
    return kernels.grouped_ious(*measured, crowd, groups.astype(np.int64), others.astype(np.int64))
