"""A picture and a threshold to a mask."""

import numpy as np


def binarize(image: np.ndarray, threshold: np.ndarray, below: bool) -> np.ndarray:
    """See `segalgo.binarize`. threshold has the shape of the image or (), and any dtype that the door lets through."""
    return image <= threshold if below else image > threshold
