"""Palette pictures: PNG files whose pixels are labels, with a color for each, as PASCAL VOC has them."""

import operator
from pathlib import Path
from typing import Any

import numpy as np

from segalgo._core.checks import as_array
from segalgo._core.writing import replacing
from segalgo.masks.codes import MOST_DECODED
from segalgo.masks.colors import colormap
from segalgo.pictures.errors import PictureError
from segalgo.pictures.reading import read_indexed


def read_palette_picture(path: str | Path, max_cells: int = MOST_DECODED) -> tuple[np.ndarray, np.ndarray]:
    """Read the indices and the palette of a picture file, without turning indices into colors.

    Parameters
    ----------
    path : str or Path
        A PNG (GIF, BMP, TIFF) with a palette.
    max_cells : int, default 2^28
        The most pixels that are decoded.

    Returns
    -------
    labels : array, (H, W), uint8
        The indices.
    palette : array, (n, 3), uint8
        The colors that the file has, up to 256.

    Raises
    ------
    PictureError
        If the file is missing, damaged, has no palette, is too large, or holds an index that its palette has no color
        for; the message names file and reason.

    Examples
    --------
    >>> import numpy as np, os, tempfile
    >>> from segalgo.masks import read_palette_picture, write_palette_picture
    >>> path = os.path.join(tempfile.mkdtemp(), "labels.png")
    >>> write_palette_picture(path, np.array([[0, 15, 255]]))
    >>> read_palette_picture(path)[0]
    array([[  0,  15, 255]], dtype=uint8)
    """
    labels, palette = read_indexed(path, operator.index(max_cells))
    missing = labels >= len(palette)
    if missing.any():
        where = np.argwhere(missing)[0].tolist()
        raise PictureError(
            f"{path}: its palette is truncated to {len(palette)} colors, but the pixel at {where} has index "
            f"{int(labels[tuple(where)])}"
        )
    return labels, palette


def write_palette_picture(path: str | Path, labels: Any, palette: Any = None) -> None:
    """Write a label map as a PNG with a palette.

    Parameters
    ----------
    path : str or Path
        Where to write; the name must end in ``.png``.
    labels : array of integers or bool, (H, W)
        0 to 255; NumPy.
    palette : array, (n, 3), optional
        Colors of the labels 0 ... n - 1; VOC's by default, whose 255 is the color of borders.

    Raises
    ------
    TypeError, ValueError
        If labels are not integers, or one is not in 0 ... 255 or has no color.
    PictureError
        If the file cannot be written.

    Examples
    --------
    See `read_palette_picture`.
    """
    from PIL import Image

    path = Path(path)
    if path.suffix.lower() != ".png":
        raise PictureError(f"{path}: expected a name that ends in .png")
    array = as_array(labels, "labels")
    if not isinstance(array, np.ndarray) or array.dtype.kind not in "biu":
        raise TypeError(f"labels is {type(array).__name__} of {array.dtype}: expected a NumPy array of integers")
    if array.ndim != 2 or array.size == 0:
        raise ValueError(f"labels has shape {array.shape}: expected (H, W), not empty")
    colors = colormap("voc") if palette is None else as_array(palette, "palette")
    if colors.ndim != 2 or colors.shape[1] != 3 or not 1 <= len(colors) <= 256 or colors.dtype.kind not in "iu":
        raise ValueError(f"palette has shape {colors.shape} and dtype {colors.dtype}: expected (1 to 256, 3), integers")
    if colors.min() < 0 or colors.max() > 255:
        raise ValueError(f"palette holds {colors.min()} to {colors.max()}: expected 0 to 255")
    wrong = (array < 0) | (array >= len(colors))
    if wrong.any():
        where = tuple(np.argwhere(wrong)[0].tolist())
        raise ValueError(
            f"labels holds {operator.index(array[where])} at {list(where)}: expected 0 to {len(colors) - 1}"
        )
    picture = Image.fromarray(array.astype(np.uint8))
    picture.putpalette(colors.astype(np.uint8).tobytes())
    try:
        with replacing(path) as beside:
            picture.save(beside, format="PNG")
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({str(error)[:120]})") from error
