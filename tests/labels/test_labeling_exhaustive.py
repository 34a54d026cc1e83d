"""Connected components of every small image there is: many laid out as one canvas, and each by itself."""

import itertools

import numpy as np
import pytest
import skimage.measure

import segalgo
from segalgo import _ext


def spread_minima(tiles, place, connectivity):
    """Label many small images at once: spread the smallest `place` over equal neighbours until nothing moves."""
    steps = itertools.product((-1, 0, 1), repeat=tiles.ndim - 1)
    steps = [s for s in steps if 0 < sum(map(abs, s)) <= connectivity]
    nowhere = place.max() + 1
    smallest = np.where(tiles != 0, place, nowhere)
    while True:
        before = smallest.copy()
        for step in steps:
            here = (
                slice(None),
                *(slice(max(-d, 0), n - max(d, 0)) for d, n in zip(step, tiles.shape[1:], strict=True)),
            )
            there = (
                slice(None),
                *(slice(max(d, 0), n - max(-d, 0)) for d, n in zip(step, tiles.shape[1:], strict=True)),
            )
            joined = (tiles[here] == tiles[there]) & (tiles[here] != 0)
            smallest[here] = np.where(joined, np.minimum(smallest[here], smallest[there]), smallest[here])
        if (before == smallest).all():
            return np.where(tiles != 0, smallest, -1)


def every_image(shape, values):
    """Return all images of a shape with values below `values`, stacked."""
    digits = np.arange(values ** int(np.prod(shape)))[:, None] // values ** np.arange(int(np.prod(shape)))
    return (digits % values).astype(np.uint8).reshape(-1, *shape)


def canvas_of(tiles, across):
    """Lay tiles out on one canvas, a border of background between them; return it and a view of its tiles."""
    shape = tiles.shape[1:]
    canvas = np.zeros([n * (k + 1) for n, k in zip(across, shape, strict=True)], tiles.dtype)
    flat = tiles_of(canvas, shape)
    flat[np.unravel_index(np.arange(len(tiles)), across)] = tiles
    return canvas


def tiles_of(canvas, shape):
    """View a canvas as an array of tiles (without their borders): axes of the layout, then axes of a tile."""
    split = canvas.reshape([m for n, k in zip(canvas.shape, shape, strict=True) for m in (n // (k + 1), k + 1)])
    axes = range(0, split.ndim, 2), range(1, split.ndim, 2)
    return split.transpose(*axes[0], *axes[1])[(Ellipsis, *(slice(k) for k in shape))]


def expected_canvas(tiles, across, connectivity):
    """Return the labels of the canvas of these tiles, tile by tile."""
    shape = tiles.shape[1:]
    canvas = canvas_of(tiles, across)
    place = tiles_of(np.arange(canvas.size).reshape(canvas.shape), shape)[
        np.unravel_index(np.arange(len(tiles)), across)
    ]
    roots = spread_minima(tiles, place, connectivity)
    labels = np.zeros(canvas.shape, np.int64)
    _, numbers = np.unique(np.append(-1, roots), return_inverse=True)
    tiles_of(labels, shape)[np.unravel_index(np.arange(len(tiles)), across)] = numbers[1:].reshape(roots.shape)
    return labels


EXHAUSTIVE = {
    "4x4 binary": (every_image((4, 4), 2), (256, 256)),
    "3x3 of three values": (every_image((3, 3), 3), (141, 141)),
    "2x2x3 binary": (every_image((2, 2, 3), 2), (16, 16, 16)),
}


@pytest.mark.parametrize("name", EXHAUSTIVE)
def test_every_small_image(backend, name):
    tiles, across = EXHAUSTIVE[name]
    canvas = backend.array(canvas_of(tiles, across))
    for connectivity in range(1, tiles.ndim):
        got = backend.numpy(segalgo.label(canvas, connectivity=connectivity))
        np.testing.assert_array_equal(got, expected_canvas(tiles, across, connectivity))


@pytest.mark.parametrize("name", EXHAUSTIVE)
def test_every_small_image_by_itself(name):
    """The compiled kernel has another path for an image of few rows than for tiles on a canvas."""
    if not _ext.available():
        pytest.skip("no compiled kernels")
    tiles, _ = EXHAUSTIVE[name]
    compute = _ext.load("labels.labeling").label
    wrap, place = (False,) * (tiles.ndim - 1), np.arange(tiles[0].size).reshape(tiles.shape[1:])
    for connectivity in range(1, tiles.ndim):
        roots = spread_minima(tiles, np.broadcast_to(place, tiles.shape), connectivity)
        is_root = (roots == place).reshape(len(tiles), -1)
        numbers = np.cumsum(is_root, axis=1)
        expected = np.take_along_axis(numbers, np.maximum(roots, 0).reshape(len(tiles), -1), 1) * (tiles != 0).reshape(
            len(tiles), -1
        )
        got = np.stack([compute(tile, 0, connectivity, wrap, 0, None)[0].ravel() for tile in tiles])
        np.testing.assert_array_equal(got, expected)


def test_the_exhaustive_oracle_is_scikit_image(rng):
    for tiles, _ in EXHAUSTIVE.values():
        place = np.arange(tiles[0].size).reshape(tiles.shape[1:])
        for k in rng.integers(0, len(tiles), 200):
            for connectivity in range(1, tiles.ndim):
                roots = spread_minima(tiles[k : k + 1], place[None], connectivity)[0]
                labels = skimage.measure.label(tiles[k], connectivity=connectivity)
                numbers = np.unique(np.append(-1, roots), return_inverse=True)[1][1:]
                np.testing.assert_array_equal(numbers.reshape(roots.shape), labels)
