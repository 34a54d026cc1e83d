"""Reconstruction of an image from a lower one, step by step."""

from collections.abc import Iterator

import numpy as np


def reconstruction(seed: np.ndarray, mask: np.ndarray, offsets: np.ndarray) -> np.ndarray:
    """See `segalgo.reconstruction`. Dilations limited by the mask, until one changes nothing."""
    current = seed.copy()
    for following in _dilations(seed, mask, offsets):
        current = following
    return current


def reconstruction_steps(
    seed: np.ndarray, mask: np.ndarray, footprint: np.ndarray | None = None
) -> Iterator[np.ndarray]:
    """Show how an image is reconstructed by dilation: for lessons, not for speed.

    Parameters
    ----------
    seed : array
        Where the reconstruction begins; nowhere above `mask`.
    mask : array, shape of `seed`
        What no step may pass.
    footprint : array of bool with odd sizes, optional
        The neighbours of a cell; by default all that touch it.

    Yields
    ------
    array
        A copy of the image after each step, the seed first; the last one is the reconstruction.
    """
    seed, mask = np.asarray(seed), np.asarray(mask)
    if mask.shape != seed.shape:
        raise ValueError(f"mask has shape {mask.shape}: expected {seed.shape}, the shape of seed")
    if (seed > mask).any():
        raise ValueError("seed is above mask: expected a seed that is nowhere above")
    chosen = np.ones((3,) * seed.ndim, bool) if footprint is None else np.asarray(footprint, bool)
    offsets = np.argwhere(chosen) - np.array(chosen.shape) // 2
    yield seed.copy()
    for current in _dilations(seed, mask, offsets[offsets.any(1)]):
        yield current.copy()


def _dilations(seed: np.ndarray, mask: np.ndarray, offsets: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the images that differ from those before."""
    current = seed
    while True:
        following = current.copy()
        for offset in offsets.tolist():
            spans = list(zip(offset, seed.shape, strict=True))
            source = tuple(slice(max(0, -d), max(0, min(n, n - d))) for d, n in spans)
            target = tuple(slice(max(0, d), max(0, min(n, n + d))) for d, n in spans)
            following[target] = np.maximum(following[target], current[source])
        following = np.minimum(following, mask)
        if np.array_equal(following, current):
            return
        yield following
        current = following
