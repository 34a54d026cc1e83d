"""FCN-32s, FCN-16s and FCN-8s in PyTorch with the names of layers that their authors give them."""

import torch.nn.functional as F  # noqa: N812
from torch import nn


class CaffeFCN(nn.Module):
    """The authors' FCN-32s, FCN-16s and FCN-8s, by the names of their layers; `stride` tells which."""

    def __init__(self, stride, widths, hidden, classes):
        super().__init__()
        self.stride, before = stride, 3
        for stage, (depth, width) in enumerate(zip((2, 2, 3, 3, 3), widths, strict=True), 1):
            for j in range(1, depth + 1):
                self.add_module(f"conv{stage}_{j}", nn.Conv2d(before, width, 3, padding=100 if before == 3 else 1))
                before = width
        self.fc6, self.fc7 = nn.Conv2d(before, hidden, 7), nn.Conv2d(hidden, hidden, 1)
        self.score_fr = nn.Conv2d(hidden, classes, 1)
        up = {"bias": False}
        if stride < 32:
            self.score_pool4 = nn.Conv2d(widths[3], classes, 1)
            self.upscore2 = nn.ConvTranspose2d(classes, classes, 4, 2, **up)
        if stride < 16:
            self.score_pool3 = nn.Conv2d(widths[2], classes, 1)
            self.upscore_pool4 = nn.ConvTranspose2d(classes, classes, 4, 2, **up)
        last = nn.ConvTranspose2d(classes, classes, 2 * stride, stride, **up)
        self.add_module({32: "upscore", 16: "upscore16", 8: "upscore8"}[stride], last)

    def forward(self, x):
        height, width = x.shape[2:]
        h, pools = x, {}
        for stage, depth in enumerate((2, 2, 3, 3, 3), 1):
            for j in range(1, depth + 1):
                h = F.relu(getattr(self, f"conv{stage}_{j}")(h))
            h = pools[stage] = F.max_pool2d(h, 2, 2, ceil_mode=True)
        h = self.score_fr(F.relu(self.fc7(F.relu(self.fc6(h)))))
        if self.stride < 32:
            h = self.upscore2(h)
            h = h + self.score_pool4(pools[4])[:, :, 5 : 5 + h.shape[2], 5 : 5 + h.shape[3]]
        if self.stride < 16:
            h = self.upscore_pool4(h)
            h = h + self.score_pool3(pools[3])[:, :, 9 : 9 + h.shape[2], 9 : 9 + h.shape[3]]
        h = getattr(self, {32: "upscore", 16: "upscore16", 8: "upscore8"}[self.stride])(h)
        offset = {32: 19, 16: 27, 8: 31}[self.stride]
        return h[:, :, offset : offset + height, offset : offset + width].contiguous()
