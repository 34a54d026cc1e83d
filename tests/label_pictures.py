"""Pictures that are hard for a labelling algorithm: long, winding and interlocked components."""

import numpy as np


def spiral(size):
    image = np.zeros((size, size), np.uint8)
    i, j, di, dj = 0, 0, 0, 1
    steps = size - 1
    image[0, 0] = 1
    for turn in range(2 * size):
        for _ in range(steps):
            i, j = i + di, j + dj
            image[i, j] = 1
        di, dj = dj, -di
        if turn and turn % 2 == 0:
            steps -= 2
        if steps <= 0:
            break
    return image


def hard_shapes(size):
    teeth = np.zeros((size, size), np.uint8)
    teeth[:, ::2] = 1
    down, up = teeth.copy(), teeth.copy()
    down[0], up[-1] = 1, 1
    i, j = np.indices((size, size))
    return {
        "spiral": spiral(size),
        "comb with its back up": down,
        "comb with its back down": up,
        "comb lying": np.ascontiguousarray(up.T),
        "interlocked combs": np.where(i % 4 == 0, 1, 0).astype(np.uint8)
        | ((j % 8 == 0) & (i % 8 < 5)).astype(np.uint8),
        "checkerboard": ((i + j) % 2).astype(np.uint8),
        "diagonals": ((i - j) % 4 == 0).astype(np.uint8),
        "full": np.ones((size, size), np.uint8),
        "empty": np.zeros((size, size), np.uint8),
        "zigzag": ((j + np.abs(i % 8 - 4)) % 6 == 0).astype(np.uint8),
    }
