"""Features of regions beside PyTorch's `grid_sample`, which takes the same samples."""

import numpy as np

import segalgo
from benchmarks.harness import peer


class RoiAlign:
    """1,000 regions of 7 x 7 bins of 2 x 2 samples, 256 channels of 50 x 68 cells."""

    param_names = ("implementation",)
    params = (("segalgo", "torch"),)

    def setup(self, implementation):
        rng = np.random.default_rng(0)
        x = rng.standard_normal((1, 256, 50, 68)).astype(np.float32)
        corner = rng.random((1000, 2)) * (600, 400)
        boxes = np.concatenate([corner, corner + 60 + rng.random((1000, 2)) * 300], axis=1)
        rows = np.concatenate([np.zeros((1000, 1)), boxes], axis=1)
        if implementation == "segalgo":
            self.call = lambda: segalgo.roi_align(x, rows, 7, 1 / 16, 2)
            return
        torch = peer("torch")
        step = (np.arange(14) + 0.5) / 14
        at = [(boxes[:, k, None] + step * (boxes[:, k + 2] - boxes[:, k])[:, None]) / 16 for k in (0, 1)]
        along, down = at[0] * 2 / 67 - 1, at[1] * 2 / 49 - 1
        grid = np.stack(np.broadcast_arrays(along[:, None, :], down[:, :, None]), axis=-1).astype(np.float32)
        given, places = torch.from_numpy(x), torch.from_numpy(grid.reshape(1, 14000, 14, 2))

        def sampled():
            samples = torch.nn.functional.grid_sample(given, places, align_corners=True, padding_mode="border")
            samples = samples.reshape(256, 1000, 14, 14).transpose(0, 1)
            return torch.nn.functional.avg_pool2d(samples, 2)

        assert np.allclose(sampled().numpy(), segalgo.roi_align(x, rows, 7, 1 / 16, 2), atol=1e-4)
        self.call = sampled

    def time_roi_align(self, implementation):
        self.call()
