"""Rules of local thresholds that scikit-image lacks, beside the same rule written with its window sums."""

import numpy as np
from scipy import ndimage as ndi

import segalgo
from benchmarks.harness import floor

WINDOW = 25
RULES = {
    "threshold_bradley": lambda m, s, x: m * (1 - 0.15),
    "threshold_wolf": lambda m, s, x: 0.5 * m + 0.5 * x.min() + 0.5 * s / s.max() * (m - x.min()),
    "threshold_phansalkar": lambda m, s, x: m * (1 + 2 * np.exp(-10 * m / 255) + 0.25 * (s / (0.5 * 255) - 1)),
}


def by_window_sums(image: np.ndarray, rule: str) -> np.ndarray:
    """Compute mean and deviation with SciPy's uniform filter, then the rule."""
    x = image.astype(np.float64)
    m = ndi.uniform_filter(x, WINDOW, mode="mirror")
    s = np.sqrt(np.maximum(ndi.uniform_filter(x * x, WINDOW, mode="mirror") - m * m, 0))
    return RULES[rule](m, s, x)


class WindowRules:
    """A picture of 2048 x 2048 bytes, windows of 25 x 25."""

    param_names = ("implementation", "rule")
    params = (("segalgo", "scipy", "floor"), tuple(RULES))

    def setup(self, implementation, rule):
        image = np.random.default_rng(0).integers(0, 256, (2048, 2048), np.uint8)
        function = getattr(segalgo, rule)
        if implementation == "segalgo":
            self.call = lambda: function(image, WINDOW)
            np.testing.assert_allclose(self.call(), by_window_sums(image, rule), rtol=1e-6, atol=1e-6)
        elif implementation == "scipy":
            self.call = lambda: by_window_sums(image, rule)
        else:
            self.call = floor(image, np.empty(image.shape), fresh=True)

    def time_window_rule(self, implementation, rule):
        self.call()
