"""Run lengths as Kaggle's competitions write them: ``start length start length ...``, starts counted from 1."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import as_array, as_pair, one_of
from segalgo._core.dispatch import host_wing
from segalgo.masks.codes import MOST_CELLS, MOST_DECODED, as_counts
from segalgo.masks.run_lengths import mask_to_counts, rle_to_mask


def start_lengths_to_rle(
    pairs: str | float | Sequence[int], shape: tuple[int, int], order: str = "F", first: int = 1
) -> dict[str, Any]:
    """Return Kaggle's run lengths as COCO's compressed code.

    Parameters
    ----------
    pairs : str or sequence of int
        ``"start length start length ..."``; runs may come in any order, but do not overlap. An empty text, ``"-1"``
        and the NaN that pandas reads from an empty cell are an empty mask.
    shape : tuple of int
        (height, width) of the picture.
    order : {"F", "C"}, default "F"
        How cells are counted: down the columns, as in most competitions, or along the rows.
    first : {1, 0}, default 1
        The number of the first cell.

    Returns
    -------
    dict
        ``{"size": [height, width], "counts": bytes}``.

    Raises
    ------
    TypeError, ValueError
        If the numbers are no pairs of integers, or runs overlap or leave the picture.

    Examples
    --------
    >>> from segalgo.masks import rle_to_mask, start_lengths_to_rle
    >>> rle_to_mask(start_lengths_to_rle("2 2 5 1", (3, 2)))
    array([[0, 0],
           [1, 1],
           [1, 0]], dtype=uint8)
    """
    height, width = as_pair(tuple(shape) if isinstance(shape, list) else shape, "shape", 0)
    one_of(order, "order", ("F", "C"))
    one_of(first, "first", (0, 1))
    cells = height * width
    if cells > (MOST_CELLS if order == "F" else MOST_DECODED):
        raise ValueError(f"shape=({height}, {width}): expected at most {MOST_CELLS} cells, {MOST_DECODED} by rows")
    starts, lengths = _as_pairs(pairs)
    starts = starts - first
    outside = (starts < 0) | (lengths < 1) | (lengths > cells) | (starts > cells - lengths)
    if outside.any():
        k = int(outside.argmax())
        raise ValueError(
            f"pairs has a run of start {int(starts[k]) + first}, length {int(lengths[k])}: expected runs within "
            f"{first} to {cells - 1 + first}, of at least 1"
        )
    sequence = np.argsort(starts)
    starts, ends = starts[sequence], (starts + lengths)[sequence]
    if (starts[1:] < ends[:-1]).any():
        k = int((starts[1:] < ends[:-1]).argmax())
        raise ValueError(f"pairs has overlapping runs at {int(starts[k + 1]) + first}: expected none")
    if order == "F":
        # Runs that touch are one.
        apart = np.append(True, starts[1:] > ends[:-1])
        edges = np.column_stack([starts[apart], ends[np.append(apart[1:], True)]]) if starts.size else np.empty((0, 2))
        counts = np.diff(edges.ravel(), prepend=0).astype(np.uint32)
        last = int(edges[-1, 1]) if len(edges) else 0
        if last < cells or not cells:
            counts = np.append(counts, np.uint32(cells - last))
    else:
        line = np.zeros(cells, np.int8)
        line[starts] += 1
        line[ends[ends < cells]] -= 1
        counts = mask_to_counts(np.cumsum(line, dtype=np.int8).reshape(height, width).view(np.uint8))
    return {"size": [height, width], "counts": host_wing("masks.run_lengths").counts_to_text(counts)}


def rle_to_start_lengths(rle: Mapping[str, Any], order: str = "F", first: int = 1) -> str:
    """Return a code as Kaggle's run lengths, ``"start length start length ..."``.

    Parameters
    ----------
    rle : dict
        A code of either kind.
    order : {"F", "C"}, default "F"
        How cells are counted: down the columns, or along the rows.
    first : {1, 0}, default 1
        The number of the first cell.

    Returns
    -------
    str
        Ascending runs; empty for an empty mask.

    Raises
    ------
    ValueError
        If the code is no code, its counts do not add up to its size, or `order` or `first` is another.

    Examples
    --------
    >>> from segalgo.masks import mask_to_rle, rle_to_start_lengths
    >>> rle_to_start_lengths(mask_to_rle([[0, 0], [1, 1], [1, 0]]))
    '2 2 5 1'
    """
    one_of(order, "order", ("F", "C"))
    one_of(first, "first", (0, 1))
    counts, _, _ = as_counts(rle, "rle")
    if order == "C":
        counts = mask_to_counts(rle_to_mask(rle).T)
    ends = np.cumsum(counts, dtype=np.int64)
    starts, lengths = ends[:-1:2] + first, counts[1::2]
    pairs = np.column_stack([starts, lengths])[lengths > 0]
    return " ".join(map(str, pairs.ravel().tolist()))


def _as_pairs(pairs: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return starts and lengths."""
    if isinstance(pairs, float) and pairs != pairs:
        pairs = ""  # an empty cell of Kaggle's table, as pandas reads it
    if isinstance(pairs, str):
        words = pairs.split()
        words = [] if words == ["-1"] else words
        if any(len(word) > 18 for word in words):
            raise ValueError("pairs holds a number of more than 18 digits: expected numbers of cells")
        try:
            pairs = [int(word) for word in words]
        except ValueError:
            raise ValueError(f"pairs={pairs[:40]!r}: expected integers, start length start length ...") from None
    numbers = as_array(pairs, "pairs")
    if not isinstance(numbers, np.ndarray) or (numbers.size and numbers.dtype.kind not in "iu"):
        raise TypeError(f"pairs is {type(pairs).__name__} of {numbers.dtype}: expected integers, or a text")
    if numbers.size % 2:
        raise ValueError(f"pairs has {numbers.size} numbers: expected pairs of start and length")
    if numbers.size and numbers.max() > 2 * MOST_CELLS:
        raise ValueError(f"pairs holds {numbers.max()}: expected numbers of cells")
    table = numbers.astype(np.int64).reshape(-1, 2)
    return table[:, 0], table[:, 1]
