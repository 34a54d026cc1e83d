"""From pictures to what a network was trained on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from segalgo._core.arrays import array_module, is_cupy
from segalgo._core.checks import as_array, one_of
from segalgo.layers.average_pooling import avg_pool2d
from segalgo.pictures.grey import LUMINANCE

CHANNELS = ("grey", "rgb", "bgr", "as is")


@dataclass(frozen=True)
class Preprocessing:
    """How a network wants pictures: ``(value - mean) / scale``, values from 0 to 255.

    Examples
    --------
    >>> import numpy as np
    >>> from segalgo.models import Preprocessing
    >>> Preprocessing("grey", mean=55, scale=100)(np.array([[255, 5]], np.uint8))
    array([[[ 2. , -0.5]]], dtype=float32)
    """

    channels: str = "rgb"
    """"grey", "rgb", "bgr", or "as is": as many as the network takes, in their order."""
    mean: float | tuple[float, ...] = 127.5
    """One number, or one a channel, in the order of `channels`."""
    scale: float | tuple[float, ...] = 64.0
    reduction: int = 1
    """Side of the blocks whose means the network sees; its logits are enlarged bilinearly to the picture's size."""
    empty_channels: int = 0
    """Channels of zeros after those of the picture: an earlier mask, for example, that there is not yet."""

    def __post_init__(self) -> None:
        one_of(self.channels, "channels", CHANNELS)
        for name in ("mean", "scale"):
            value = getattr(self, name)
            object.__setattr__(self, name, tuple(map(float, value)) if isinstance(value, Sequence) else float(value))
        if not isinstance(self.reduction, int) or self.reduction < 1:
            raise ValueError(f"reduction={self.reduction!r}: expected an integer of at least 1")
        if not isinstance(self.empty_channels, int) or self.empty_channels < 0:
            raise ValueError(f"empty_channels={self.empty_channels!r}: expected an integer of at least 0")
        if not np.all(np.isfinite(self.mean)) or not np.all(np.asarray(self.scale) > 0):
            raise ValueError(f"mean={self.mean}, scale={self.scale}: expected finite numbers, and a scale above 0")

    def record(self) -> dict[str, Any]:
        """Return the fields as plain values, for a file."""
        return asdict(self)

    def __call__(self, picture: Any) -> Any:
        """Return float32 (C, H, W) of a picture (H, W) or (H, W, C) that `as_picture` has checked."""
        values = self._channels_of(to_255(picture))
        mean, scale = (
            np.float32(v) if np.ndim(v) == 0 else _like(values, v)[:, None, None] for v in (self.mean, self.scale)
        )
        values = (values - mean) / scale
        if self.empty_channels:
            empty = array_module(values).zeros((self.empty_channels, *values.shape[1:]), values.dtype)
            values = array_module(values).concatenate((values, empty))
        return values

    def reduced(self, picture: Any) -> Any:
        """Return the picture that the network sees: itself, or float32 from 0 to 1 where it is reduced.

        Where a block reaches over the right or lower border, the mean is of its pixels inside the picture.
        """
        if self.reduction == 1:
            return picture
        values = to_255(picture if picture.ndim == 3 else picture[..., None]).transpose(2, 0, 1) / np.float32(255)
        means = avg_pool2d(values, self.reduction, ceil_mode=True, count_include_pad=False)
        means = means.transpose(1, 2, 0).clip(0, 1)
        return means if picture.ndim == 3 else means[..., 0]

    def _channels_of(self, values: Any) -> Any:
        """Return (C, H, W) in the channels that the network wants."""
        if self.channels == "as is":
            return values[None] if values.ndim == 2 else values.transpose(2, 0, 1)
        if self.channels == "grey":
            return values[None] if values.ndim == 2 else (values[..., :3] @ _like(values, LUMINANCE) / 10000)[None]
        planes = values[None].repeat(3, 0) if values.ndim == 2 else values[..., :3].transpose(2, 0, 1)
        return planes[::-1] if self.channels == "bgr" else planes


IMAGENET = Preprocessing("rgb", mean=(123.675, 116.28, 103.53), scale=(58.395, 57.12, 57.375))
"""That of networks whose encoder was trained on ImageNet, by torchvision's means and deviations."""


def is_batch(image: Any) -> bool:
    """Return whether these are several pictures: an array (N, H, W, C), or a list of arrays."""
    if isinstance(image, list | tuple):
        return bool(image) and all(hasattr(one, "shape") and len(one.shape) >= 2 for one in image)
    return np.ndim(image) == 4


def as_picture(image: Any, preprocessing: Preprocessing, in_channels: int) -> Any:
    """Check that an image is a picture, as `predict` takes it, and return it as an array."""
    image = as_array(image, "image")
    if image.ndim == 3 and image.shape[2] == 1 and preprocessing.channels != "as is":
        image = image[..., 0]
    in_channels -= preprocessing.empty_channels
    if preprocessing.channels == "as is":
        fits = (image.ndim == 3 and image.shape[2] == in_channels) or (image.ndim == 2 and in_channels == 1)
        expected = f"(H, W, {in_channels})"
    else:
        fits = image.ndim == 2 or (image.ndim == 3 and image.shape[2] in (3, 4))
        expected = "(H, W), (H, W, 1), (H, W, 3) or (H, W, 4)"
    if not fits or 0 in image.shape:
        raise ValueError(f"image has shape {image.shape}: expected {expected}, and at least one pixel")
    if image.dtype not in (np.bool_, np.uint8, np.uint16) and image.dtype.kind != "f":
        raise TypeError(f"image has dtype {image.dtype}: expected uint8, uint16, bool, or float from 0 to 1")
    if image.dtype.kind == "f" and not (image.min() >= 0 and image.max() <= 1):
        raise ValueError(f"image of {image.dtype} has values from {image.min()} to {image.max()}: expected 0 to 1")
    return image


def to_255(picture: Any) -> Any:
    """Return float32 from 0 to 255."""
    highest = {"b": 1, "u": 255 if picture.dtype == np.uint8 else 65535}.get(picture.dtype.kind, 1)
    values = picture.astype(np.float32)
    return values if highest == 255 else values * np.float32(255 / highest)


def _like(array: Any, values: Any) -> Any:
    """Return a few numbers as float32 beside an array."""
    if is_cupy(array):
        import cupy

        return cupy.asarray(values, np.float32)
    return np.asarray(values, np.float32)
