"""Read picture files."""

import warnings
from pathlib import Path

import numpy as np

from segalgo.pictures.errors import PictureError


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
