"""Draw ``docs/tissue.png``: a made-up picture in the style of an electron micrograph of tissue, for the demo.

Nothing in it is measured or taken from a data set: cells are the nearest of random points, in a bent plane; membranes
are dark seams between them; dots, stains and noise do the rest.
"""

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree
from skimage.io import imsave

SIDE, CELLS, SEED = 384, 60, 4


def smooth(rng: np.random.Generator, sigma: float, strength: float) -> np.ndarray:
    """Return smooth noise of mean 0 and the given standard deviation."""
    noise = gaussian_filter(rng.standard_normal((SIDE, SIDE)), sigma, mode="wrap")
    return strength * noise / noise.std()


def main() -> None:
    """Draw and write the picture."""
    rng = np.random.default_rng(SEED)
    rows, columns = np.indices((SIDE, SIDE)).astype(float)
    places = np.stack([rows + smooth(rng, 14, 9), columns + smooth(rng, 14, 9)], axis=-1)
    points = rng.uniform(-30, SIDE + 30, (CELLS, 2))
    distance, nearest = cKDTree(points).query(places, k=2)
    seam = distance[..., 1] - distance[..., 0]
    picture = 165 + 14 * rng.standard_normal(CELLS)[nearest[..., 0]] + smooth(rng, 12, 8)
    picture -= 105 * np.exp(-((seam / 4.5) ** 2))
    for _ in range(45):  # mitochondria and vesicles, well inside of cells
        i, j = rng.integers(0, SIDE, 2)
        if seam[i, j] < 24:
            continue
        a, b, angle = rng.uniform(3, 8), rng.uniform(3, 6), rng.uniform(0, np.pi)
        u = (rows - i) * np.cos(angle) + (columns - j) * np.sin(angle)
        v = (columns - j) * np.cos(angle) - (rows - i) * np.sin(angle)
        picture -= rng.uniform(25, 60) * np.exp(-(((u / a) ** 2 + (v / b) ** 2) ** 2))
    picture = gaussian_filter(picture, 0.9) + smooth(rng, 0.8, 13)
    path = Path(__file__).parent.parent / "docs" / "tissue.png"
    imsave(path, np.clip(picture, 0, 255).astype(np.uint8), check_contrast=False)


if __name__ == "__main__":
    main()
