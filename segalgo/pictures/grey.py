"""Convert pictures to grey."""

from typing import Any

import numpy as np

from segalgo._core.arrays import is_cupy
from segalgo._core.checks import as_array

# ITU-R BT.709 luminance in ten-thousandths, the weights of scikit-image's rgb2gray.
LUMINANCE = (2125, 7154, 721)


def to_grey(picture: Any) -> np.ndarray:
    """Return a picture's luminance in its own units: integers stay integers, rounded.

    Parameters
    ----------
    picture : array, (H, W), (H, W, 1), (H, W, 2), (H, W, 3) or (H, W, 4)
        Grey, grey and opacity, RGB, or RGB and opacity. Transparent pixels are blended over white.

    Returns
    -------
    array, (H, W)
        dtype of `picture`; bool becomes uint8 with values 0 and 1.

    Raises
    ------
    TypeError
        If `picture` is no array of real numbers, or has masked elements.
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
    picture = as_array(picture, "picture")
    picture = picture.get() if is_cupy(picture) else picture
    if picture.dtype.kind not in "biuf":
        raise TypeError(f"picture has dtype {picture.dtype}: expected bool, integers or floats")
    if picture.ndim == 3 and picture.shape[2] == 1:
        picture = picture[..., 0]
    if picture.ndim not in (2, 3) or (picture.ndim == 3 and picture.shape[2] not in (2, 3, 4)):
        raise ValueError(f"picture has shape {picture.shape}: expected (H, W) or (H, W, 1 to 4)")
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
