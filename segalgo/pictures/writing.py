"""Write pictures and label maps."""

from pathlib import Path
from typing import Any

import numpy as np

from segalgo._core.writing import replacing
from segalgo.pictures.errors import PictureError


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

            with replacing(path) as beside:
                tifffile.imwrite(beside, labels.astype(np.int32 if highest < 2**31 else np.int64), compression="zlib")
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
