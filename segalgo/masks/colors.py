"""Labels as colors and as planes: color maps of data sets, and one-hot codes."""

from typing import Any

import numpy as np

from segalgo._core.checks import as_array, as_integer, one_of
from segalgo.datasets.classes import CITYSCAPES_TRAIN, camvid_label_colors, cityscapes_colors, voc_colors

COLORMAPS = ("voc", "cityscapes", "cityscapes-train", "camvid")


def colormap(name: str, num_colors: int | None = None) -> np.ndarray:
    """Return the colors of a data set's labels.

    ``voc``: PASCAL VOC's, of any number up to 256: the bits of a label, three at a time, are the high bits of red,
    green and blue. ``cityscapes``: of labelIds 0 to 33. ``cityscapes-train``: of the 19 training classes.
    ``camvid``: of the 11 classes and void.

    Parameters
    ----------
    name : {"voc", "cityscapes", "cityscapes-train", "camvid"}
        The data set.
    num_colors : int, optional
        How many of them; all by default, of VOC's 256.

    Returns
    -------
    array, (n, 3), uint8
        Red, green, blue; row k is the color of label k.

    Raises
    ------
    ValueError
        If there is no such map, or it has fewer colors.

    Examples
    --------
    >>> from segalgo.masks import colormap
    >>> colormap("voc", 4).tolist()
    [[0, 0, 0], [128, 0, 0], [0, 128, 0], [128, 128, 0]]
    """
    one_of(name, "name", COLORMAPS)
    if name == "voc":
        colors = voc_colors()
    elif name == "camvid":
        colors = camvid_label_colors()
    else:
        colors = cityscapes_colors()
        colors = colors[list(CITYSCAPES_TRAIN)] if name == "cityscapes-train" else colors
    count = len(colors) if num_colors is None else as_integer(num_colors, "num_colors", -(2**63), 2**63)
    if not 0 <= count <= len(colors):
        raise ValueError(f"num_colors={num_colors}: expected 0 to {len(colors)} of {name!r}")
    return colors[:count]


def labels_to_colors(labels: Any, colors: Any, ignore_index: int | None = None, ignore_color: Any = 0) -> np.ndarray:
    """Return a label map as a picture.

    Parameters
    ----------
    labels : array of integers or bool, any shape
        NumPy.
    colors : array, (n, 3)
        As `colormap` returns them.
    ignore_index : int, optional
        A label beyond the colors that gets `ignore_color`.
    ignore_color : int or (3,), default 0
        Its color; VOC draws (224, 224, 192).

    Returns
    -------
    array, (..., 3), uint8
        The picture.

    Raises
    ------
    TypeError, ValueError
        If labels are not integers, or one has no color; the message names it and its place.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.masks import colormap, labels_to_colors
    >>> labels_to_colors(np.array([2, 0]), colormap("voc")).tolist()
    [[0, 128, 0], [0, 0, 0]]
    """
    array, table = _as_labels(labels, "labels"), _as_colors(colors)
    known = (array >= 0) & (array < len(table))
    ignored = np.zeros(array.shape, bool) if ignore_index is None else array == _label(ignore_index, "ignore_index")
    _refuse(array, ~(known | ignored), "labels", f"0 to {len(table) - 1}")
    picture = np.empty((*array.shape, 3), np.uint8)
    picture[...] = _as_color(ignore_color)
    kept = known & ~ignored
    picture[kept] = table[array[kept].astype(np.int64)]
    return picture


def colors_to_labels(picture: Any, colors: Any, unknown: int | None = None) -> np.ndarray:
    """Return the labels of a picture whose colors stand for them.

    Where several labels have one color, the first of them.

    Parameters
    ----------
    picture : array, (..., 3), uint8
        NumPy.
    colors : array, (n, 3)
        As `colormap` returns them.
    unknown : int, optional
        The label of other colors; without it they are an error.

    Returns
    -------
    array, (...), uint8 or int32
        uint8 where all labels fit.

    Raises
    ------
    TypeError, ValueError
        If the picture is not of bytes in three channels, or has another color; the message names it and its place.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.masks import colormap, colors_to_labels
    >>> colors_to_labels(np.array([[0, 128, 0], [128, 0, 0]], np.uint8), colormap("voc"))
    array([2, 1], dtype=uint8)
    """
    array, table = as_array(picture, "picture"), _as_colors(colors)
    if not isinstance(array, np.ndarray):
        raise TypeError(f"picture is {type(picture).__name__}: expected a NumPy array")
    if array.dtype != np.uint8 or array.ndim < 1 or array.shape[-1] != 3:
        raise TypeError(f"picture has shape {array.shape} and dtype {array.dtype}: expected (..., 3) of uint8")
    weights = np.array([65536, 256, 1])
    keys, first = np.unique(table.astype(np.int64) @ weights, return_index=True)
    wanted = array[..., 0].astype(np.int64) << 16 | array[..., 1].astype(np.int64) << 8 | array[..., 2]
    place = np.minimum(np.searchsorted(keys, wanted), max(len(keys) - 1, 0))
    found = keys[place] == wanted if len(keys) else np.zeros(wanted.shape, bool)
    if unknown is None:
        if not found.all():
            where = tuple(np.argwhere(~found)[0].tolist())
            raise ValueError(f"picture has color {array[where].tolist()} at {list(where)}: expected one of the colors")
        unknown = 0
    unknown = as_integer(unknown, "unknown", -(2**31), 2**31 - 1)
    labels = np.where(found, first[place] if len(keys) else 0, unknown)
    fits = labels.size == 0 or (labels.min() >= 0 and labels.max() <= 255)
    return labels.astype(np.uint8 if fits and len(table) <= 256 and 0 <= unknown <= 255 else np.int32)


def one_hot(labels: Any, num_classes: int, ignore_index: int | None = 255, dtype: Any = np.float32) -> np.ndarray:
    """Return a plane for each class: 1 where it is the label, 0 elsewhere.

    Parameters
    ----------
    labels : array of integers or bool, (H, W) or (N, H, W)
        NumPy.
    num_classes : int
        At least 1.
    ignore_index : int or None, default 255
        Cells of this label are 0 in all planes.
    dtype : dtype, default float32
        Of the result.

    Returns
    -------
    array, (C, H, W) or (N, C, H, W)
        Its argmax over C is `labels` again, where they are not ignored.

    Raises
    ------
    TypeError, ValueError
        If labels are not integers, of another shape, or no classes; the message names label and place.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.masks import one_hot
    >>> one_hot(np.array([[0, 1, 255]]), 2).tolist()
    [[[1.0, 0.0, 0.0]], [[0.0, 1.0, 0.0]]]
    """
    array = _as_labels(labels, "labels")
    if array.ndim not in (2, 3):
        raise ValueError(f"labels has shape {array.shape}: expected (H, W) or (N, H, W)")
    count = as_integer(num_classes, "num_classes", -(2**63), 2**31)
    if count < 1:
        raise ValueError(f"num_classes={num_classes}: expected at least 1")
    try:
        dtype = np.dtype(dtype)
    except TypeError:
        raise TypeError(f"dtype={dtype!r}: expected a dtype") from None
    ignored = np.zeros(array.shape, bool) if ignore_index is None else array == _label(ignore_index, "ignore_index")
    _refuse(array, ((array < 0) | (array >= count)) & ~ignored, "labels", f"0 to {count - 1}")
    planes = np.zeros((*array.shape[:-2], count, *array.shape[-2:]), dtype)
    # By cells, not by classes: there may be many more classes than labels.
    place = np.where(ignored, 0, array).astype(np.intp)
    np.put_along_axis(planes, place[..., None, :, :], ~ignored[..., None, :, :], axis=-3)
    return planes


def _label(value: Any, argument: str) -> int:
    return as_integer(value, argument, -(2**63), 2**64 - 1)


def _as_labels(value: Any, argument: str) -> np.ndarray:
    array = as_array(value, argument)
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biu":
        raise TypeError(f"{argument} is {type(array).__name__} of {array.dtype}: expected a NumPy array of integers")
    return array


def _as_colors(colors: Any) -> np.ndarray:
    table = as_array(colors, "colors")
    if table.ndim != 2 or table.shape[1] != 3 or table.dtype.kind not in "iu":
        raise ValueError(f"colors has shape {table.shape} and dtype {table.dtype}: expected (n, 3) of integers")
    if table.size and (table.min() < 0 or table.max() > 255):
        raise ValueError(f"colors holds {table.min()} to {table.max()}: expected 0 to 255")
    return table.astype(np.uint8)


def _as_color(color: Any) -> np.ndarray:
    array = as_array(color, "ignore_color")
    if array.shape not in ((), (3,)) or array.dtype.kind not in "iu" or array.min() < 0 or array.max() > 255:
        raise ValueError(f"ignore_color={color!r}: expected an integer or three, 0 to 255")
    return array.astype(np.uint8)


def _refuse(labels: np.ndarray, wrong: np.ndarray, argument: str, expected: str) -> None:
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0].tolist())
        raise ValueError(f"{argument} holds {int(labels[where])} at {list(where)}: expected {expected}")
