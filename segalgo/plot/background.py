"""A sharp object before a blurred background."""

from typing import Any

import numpy as np

from segalgo._core.numbers import as_real_number
from segalgo.plot.colors import as_label_map, as_rgb


def blur_background(image: Any, mask: Any, *, sigma: float = 8.0, feather: float = 1.0) -> np.ndarray:
    """Blur the background of an object as a wide aperture does; the object stays sharp.

    The background is blurred from its own pixels alone, so that the object's colors do not bleed into it.

    Parameters
    ----------
    image : array, (H, W), (H, W, 3) or (H, W, 4)
        The picture, any dtype, taken to 8 bits as in `overlay`.
    mask : array (H, W), bool or integers
        True, or not 0, where the object is.
    sigma : float, default 8.0
        Standard deviation of the blur, in pixels.
    feather : float, default 1.0
        Standard deviation of the transition at the object's edge, in pixels; 0 for none.

    Returns
    -------
    array of uint8, (H, W, 3)

    Raises
    ------
    TypeError
        If `image` or `mask` is no array of numbers, or `sigma` or `feather` no number.
    ValueError
        If the shapes differ, or `sigma` or `feather` is negative.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.blur_background(np.eye(4) * 255, np.eye(4, dtype=bool)).shape
    (4, 4, 3)
    """
    picture = as_rgb(image)
    inside = as_label_map(mask, picture.shape, "mask") != 0
    sigma, feather = as_real_number(sigma, "sigma", least=0), as_real_number(feather, "feather", least=0)
    from scipy.ndimage import gaussian_filter

    weight = np.where(inside, 0.0, 1.0).astype(np.float32)
    spread = gaussian_filter(weight, sigma)
    blurred = gaussian_filter(picture * weight[..., None], (sigma, sigma, 0), output=np.float32)
    # Where no background pixel is within reach of the blur the picture stays as it is: the object covers it.
    blurred = np.divide(blurred, spread[..., None], out=picture.astype(np.float32), where=spread[..., None] > 1e-4)
    opacity = gaussian_filter(inside.astype(np.float32), feather)[..., None] if feather else inside[..., None]
    return np.rint(np.clip(opacity * picture + (1 - opacity) * blurred, 0, 255)).astype(np.uint8)
