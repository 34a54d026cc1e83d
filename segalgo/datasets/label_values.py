"""The meaning of the values in label images, decided from all label images of a data set."""

import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from segalgo.datasets.encodings import LabelEncoding
from segalgo.datasets.errors import DatasetError, LabelWarning
from segalgo.datasets.files import read_indices

# At most this many label pictures are examined, evenly spread over the list.
MOST_READ = 256


def distinct_values(labels: np.ndarray) -> np.ndarray:
    """Return the values that occur, ascending; of bytes without sorting."""
    if labels.dtype == np.uint8:
        return np.flatnonzero(np.bincount(labels.reshape(-1), minlength=1)).astype(np.uint8)
    return np.unique(labels)


def find_values(files: Sequence[Path]) -> set[int]:
    """Return the values that occur in label pictures, as far as they are needed to tell masks from class indices.

    Reading ends with the first picture that holds 1, or when two values beside 0 have occurred. Pictures that cannot
    be read are passed over: they are refused where they are used.
    """
    found: set[int] = set()
    for path in _spread(files):
        try:
            found |= set(distinct_values(read_indices(path)).tolist())
        except DatasetError:
            continue
        if 1 in found or len(found - {0}) > 1:
            break
    return found


def decide_encoding(encoding: LabelEncoding, files: Iterable[Path | None], place: str | Path) -> LabelEncoding:
    """Return the encoding of label pictures as their values decide it; warn where 255 or another value is class 1."""
    if not encoding.undecided:
        return encoding
    decided = encoding.resolve(find_values([path for path in files if path is not None]))
    note = decided.describe()
    if note:
        warnings.warn(f"{place}: {note}", LabelWarning, stacklevel=3)
    return decided


def _spread(files: Sequence[Path]) -> list[Path]:
    if len(files) <= MOST_READ:
        return list(files)
    return [files[k] for k in np.linspace(0, len(files) - 1, MOST_READ).astype(int)]
