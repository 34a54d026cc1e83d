"""Write pictures and label maps."""

from pathlib import Path
from typing import Any

import numpy as np

from segalgo._core.checks import as_array
from segalgo._core.writing import replacing
from segalgo.pictures.errors import PictureError


def write_label_map(stem: str | Path, labels: Any) -> Path:
    """Write a label map of the picture's own size: PNG with 8 or 16 bits where it fits, else TIFF with 32 or 64.

    Parameters
    ----------
    stem : str or Path
        The file without its suffix.
    labels : array of integers or bool, (H, W)
        Labels from 0 to 2^64 - 1.

    Returns
    -------
    Path
        The file that was written.

    Raises
    ------
    TypeError
        If labels are not integers or bool.
    ValueError
        If a label is negative, or the map has not two axes.
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
    if not isinstance(labels, np.ndarray) or labels.dtype.kind not in "biu":
        raise TypeError(f"labels has dtype {labels.dtype}: expected a NumPy array of integers or bool")
    if labels.ndim != 2:
        raise ValueError(f"labels has shape {labels.shape}: expected (H, W)")
    if labels.size and labels.min() < 0:
        raise ValueError(f"labels holds {labels.min()}: expected labels of at least 0")
    highest = int(labels.max(initial=0))
    path = Path(f"{stem}.png" if highest < 2**16 else f"{stem}.tif")
    try:
        if path.suffix == ".png":
            write_picture(path, labels.astype(np.uint8 if highest < 2**8 else np.uint16))
        else:
            import tifffile

            with replacing(path) as beside:
                wide = np.int32 if highest < 2**31 else np.int64 if highest < 2**63 else np.uint64
                tifffile.imwrite(beside, labels.astype(wide), compression="zlib")
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
        with replacing(path) as beside:
            Image.fromarray(np.ascontiguousarray(picture)).save(beside)
    except OSError as error:
        raise PictureError(f"{path}: cannot be written ({error.strerror or error})") from error
