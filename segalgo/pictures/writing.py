"""Write pictures and label maps."""

from pathlib import Path
from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array
from segalgo._core.writing import replacing
from segalgo.pictures.errors import PictureError

# What each format holds without a change of values (JPEG and WebP: as far as their compression goes): the channels of
# uint8, and the further dtypes of grey. Pillow would cut, wrap or drop what is not listed, without a word.
KEPT: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
    ".png": ((1, 2, 3, 4), ("bool", "uint16")),
    ".tif": ((1, 2, 3, 4), ("bool", "uint16", "int32", "float32")),
    ".jpg": ((1, 3), ("bool",)),
    ".bmp": ((1, 3), ("bool",)),
    ".gif": ((1,), ("bool",)),
    ".webp": ((1, 3, 4), ()),
    ".jp2": ((1, 2, 3, 4), ("uint16",)),
    ".ppm": ((1, 3), ("bool", "uint16")),
}
SAME = {
    ".tiff": ".tif", ".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".j2k": ".jp2", ".pgm": ".ppm", ".pbm": ".ppm",
    ".pnm": ".ppm",
}  # fmt: skip


def write_label_map(stem: str | Path, labels: Any) -> Path:
    """Write a label map of the picture's own size: PNG with 8 or 16 bits where it fits, else TIFF with 32 or 64.

    Parameters
    ----------
    stem : str or Path
        The file without its suffix.
    labels : array of integers or bool, (H, W) or (H, W, 1)
        Labels from 0.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    TypeError
        If `labels` holds no integers.
    ValueError
        If `labels` has another shape, no pixels, or a negative label.
    PictureError
        If the file cannot be written.

    Examples
    --------
    >>> import numpy as np, segalgo, tempfile, os
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     segalgo.write_label_map(os.path.join(folder, "labels"), np.array([[0, 1], [2, 300]])).name
    'labels.png'
    """
    labels = as_array(labels, "labels")
    labels = labels.get() if is_cupy(labels) else labels
    if labels.dtype.kind not in "biu":
        raise TypeError(f"labels has dtype {labels.dtype}: expected integers")
    if labels.ndim == 3 and labels.shape[2] == 1:
        labels = labels[..., 0]
    if labels.ndim != 2 or labels.size == 0:
        raise ValueError(f"labels has shape {labels.shape}: expected (H, W), not empty")
    lowest, highest = int(labels.min()), int(labels.max())
    if lowest < 0:
        place = [int(k) for k in np.unravel_index(int(labels.argmin()), labels.shape)]
        raise ValueError(f"labels holds {lowest} at {place}: expected labels from 0")
    path = Path(f"{stem}.png" if highest < 2**16 else f"{stem}.tif")
    try:
        if path.suffix == ".png":
            write_picture(path, labels.astype(np.uint8 if highest < 2**8 else np.uint16))
        else:
            import tifffile

            with replacing(path) as beside:
                dtype = np.int32 if highest < 2**31 else np.int64 if highest < 2**63 else np.uint64
                tifffile.imwrite(beside, labels.astype(dtype), photometric="minisblack", compression="zlib")
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({error.strerror or error})") from error
    return path


def write_picture(path: str | Path, picture: Any) -> None:
    """Write a picture array to a PNG, JPEG or TIFF file.

    Parameters
    ----------
    path : str or Path
        The file; its suffix names the format.
    picture : array, (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4)
        uint8 or bool; grey (H, W) may also be uint16 where the format holds it (PNG, TIFF, JPEG 2000, PGM), and in a
        TIFF int32 or float32.

    Raises
    ------
    TypeError
        If the array has a dtype or channels that the format cannot hold without a change of values.
    PictureError
        If the file cannot be written, or its suffix names no format.

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

    array = as_array(picture, "picture")
    array = array.get() if is_cupy(array) else array
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    array = np.ascontiguousarray(array, array.dtype.newbyteorder("="))
    suffix = Path(path).suffix.lower()
    channels, grey_dtypes = KEPT.get(SAME.get(suffix, suffix), ((1, 2, 3, 4), ("bool", "uint16")))
    grey = array.ndim == 2 and array.dtype.name in (*grey_dtypes, "uint8")
    colors = array.ndim == 3 and array.dtype == np.uint8 and array.shape[2] in channels
    if not (grey or colors):
        raise TypeError(
            f"picture has dtype {array.dtype} and shape {array.shape}: a {suffix or 'picture'} file holds uint8 with "
            f"{', '.join(map(str, channels))} channels, and grey of {', '.join(('uint8', *grey_dtypes))}"
        )
    image = Image.fromarray(array)
    try:
        with replacing(path) as beside:
            image.save(beside)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({error.strerror or error})") from error
    except ValueError as error:
        raise PictureError(f"{path}: cannot be written ({error})") from error
