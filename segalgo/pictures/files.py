"""Pictures as files: read them, turn them grey, write label maps."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

SUFFIXES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp", ".gif", ".webp", ".pgm", ".ppm", ".pbm")
# ITU-R BT.709 luminance in ten-thousandths, the weights of scikit-image's rgb2gray.
LUMINANCE = (2125, 7154, 721)


class PictureError(ValueError):
    """A file that cannot be read as a picture, or a place that cannot be written; the message names it."""


def read_picture(path: str | Path) -> np.ndarray:
    """Read a picture file as scikit-image does: PNG, JPEG, TIFF and more.

    Parameters
    ----------
    path : str or Path
        The file.

    Returns
    -------
    array, (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)
        bool, unsigned 8 or 16 bits, or float, as the file has it.

    Raises
    ------
    PictureError
        If the file is missing, empty, damaged, no picture, or a stack of pictures; the message names file and reason.

    Examples
    --------
    >>> import os, skimage, segalgo
    >>> coins = os.path.join(os.path.dirname(skimage.__file__), "data", "coins.png")
    >>> segalgo.read_picture(coins).shape
    (303, 384)
    """
    path = Path(path)
    if not path.exists():
        raise PictureError(f"{path}: no such file")
    if path.is_dir():
        raise PictureError(f"{path}: is a folder, expected a picture file")
    try:
        if path.stat().st_size == 0:
            raise PictureError(f"{path}: is empty (0 bytes)")
        picture = _decode(path)
    except PictureError:
        raise
    except PermissionError:
        raise PictureError(f"{path}: may not be read (permission denied)") from None
    except MemoryError:
        raise PictureError(f"{path}: does not fit into memory") from None
    except Exception as error:  # every decoder has error types of its own
        raise PictureError(f"{path}: cannot be read as a picture ({_reason(error)})") from error
    if picture.dtype.kind not in "buif" or picture.size == 0:
        raise PictureError(f"{path}: holds {picture.dtype} of shape {picture.shape}, expected a picture of numbers")
    if not (picture.ndim == 2 or (picture.ndim == 3 and picture.shape[2] in (2, 3, 4))):
        raise PictureError(f"{path}: has shape {picture.shape}, expected one grey, RGB or RGBA picture")
    return picture


def _decode(path: Path) -> np.ndarray:
    """Decode an open file, so that it is closed whatever the decoder does."""
    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")  # a decoder's remarks on metadata; what it cannot decode it raises
        if path.suffix.lower() not in (".tif", ".tiff"):
            from skimage import io

            return np.asarray(io.imread(file))
        import tifffile

        picture = np.asarray(tifffile.imread(file))
        planar = picture.ndim == 3 and picture.shape[0] in (3, 4) and picture.shape[2] not in (2, 3, 4)
        return np.moveaxis(picture, 0, -1) if planar else picture


def _reason(error: Exception) -> str:
    """Return one short line of a decoder's error."""
    text = str(error).strip().splitlines()
    line = text[0] if text else type(error).__name__
    unknown = ("Could not find a backend", "cannot identify image file", "not a TIFF file")
    return "not a picture, or a damaged one" if any(word in line for word in unknown) else line[:200]


def to_grey(picture: np.ndarray) -> np.ndarray:
    """Return a picture's luminance in its own units: integers stay integers, rounded.

    Parameters
    ----------
    picture : array, (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)
        Grey, grey + alpha, RGB or RGBA. Transparent pixels are blended over white.

    Returns
    -------
    array, (H, W)
        dtype of `picture`; bool becomes uint8 with values 0 and 1.

    Raises
    ------
    ValueError
        If the shape is none of these.

    Notes
    -----
    Luminance is ``0.2125 R + 0.7154 G + 0.0721 B`` (ITU-R BT.709, as `skimage.color.rgb2gray`).

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.to_grey(np.array([[[255, 0, 0], [10, 10, 10]]], np.uint8))
    array([[54, 10]], dtype=uint8)
    """
    picture = np.asarray(picture)
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (2, 3, 4)):
        raise ValueError(f"picture has shape {picture.shape}: expected (H, W), (H, W, 2), (H, W, 3) or (H, W, 4)")
    if picture.dtype == bool:
        picture = picture.astype(np.uint8)
        white = 1
    else:
        white = np.iinfo(picture.dtype).max if picture.dtype.kind in "iu" else 1
    if picture.ndim == 2:
        return picture
    if picture.shape[2] == 3 and picture.dtype in (np.uint8, np.uint16):
        red, green, blue = (picture[..., k] * np.uint32(weight) for k, weight in enumerate(LUMINANCE))
        return ((red + green + blue + np.uint32(5000)) // np.uint32(10000)).astype(picture.dtype)
    work = picture.astype(np.float64)
    grey = work[..., 0] if picture.shape[2] == 2 else work[..., :3] @ np.array(LUMINANCE) / 10000
    if picture.shape[2] in (2, 4):
        opacity = work[..., -1] / white
        grey = grey * opacity + white * (1 - opacity)
    return np.rint(grey).astype(picture.dtype) if picture.dtype.kind in "iu" else grey.astype(picture.dtype)


def write_label_map(stem: str | Path, labels: Any) -> Path:
    """Write a label map of the picture's own size: PNG with 8 or 16 bits where it fits, else TIFF with 32 or 64.

    Parameters
    ----------
    stem : str or Path
        The file without its suffix.
    labels : integer array, (H, W)
        Labels from 0.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    PictureError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np, segalgo, tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     segalgo.write_label_map(os.path.join(folder, "labels"), np.array([[0, 1], [2, 300]])).name
    'labels.png'
    """
    labels = np.asarray(labels)
    highest = int(labels.max(initial=0))
    path = Path(f"{stem}.png" if highest < 2**16 else f"{stem}.tif")
    try:
        if path.suffix == ".png":
            write_picture(path, labels.astype(np.uint8 if highest < 2**8 else np.uint16))
        else:
            import tifffile

            tifffile.imwrite(path, labels.astype(np.int32 if highest < 2**31 else np.int64), compression="zlib")
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({error.strerror or error})") from error
    return path


def write_picture(path: str | Path, picture: np.ndarray) -> None:
    """Write a picture array to a PNG, JPEG or TIFF file.

    Parameters
    ----------
    path : str or Path
        The file; its suffix names the format.
    picture : array, (H, W) or (H, W, 3), uint8 or uint16
        The picture.

    Raises
    ------
    PictureError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np, segalgo, tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "picture.png")
    ...     segalgo.write_picture(path, np.zeros((2, 3), np.uint8))
    ...     segalgo.read_picture(path).shape
    (2, 3)
    """
    from PIL import Image

    try:
        Image.fromarray(np.ascontiguousarray(picture)).save(path)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({error.strerror or error})") from error
