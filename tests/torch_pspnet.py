"""PSPNet in PyTorch with the names of modules that semseg gives them."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch_segmentation import DEPTHS, Bottleneck


class PoolingPyramid(nn.Module):
    """semseg's PPM."""

    def __init__(self, channels, reduced):
        super().__init__()
        self.features = nn.ModuleList()
        for bins in (1, 2, 3, 6):
            conv = nn.Conv2d(channels, reduced, 1, bias=False)
            self.features.append(nn.Sequential(nn.AdaptiveAvgPool2d(bins), conv, nn.BatchNorm2d(reduced), nn.ReLU()))

    def forward(self, x):
        size = x.shape[2:]
        means = [F.interpolate(f(x), size, mode="bilinear", align_corners=True) for f in self.features]
        return torch.cat([x, *means], 1)


class SemsegPSPNet(nn.Module):
    """hszhao/semseg's PSPNet: a ResNet with a deep stem, all blocks of the last stages dilated by 2 and 4."""

    def __init__(self, name, width, head, classes):
        super().__init__()
        stem = []
        for before, after, stride in ((3, width, 2), (width, width, 1), (width, 2 * width, 1)):
            stem += [nn.Conv2d(before, after, 3, stride, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]
        self.layer0 = nn.Sequential(*stem, nn.MaxPool2d(3, 2, 1))
        before = 2 * width
        for stage, (depth, stride, rate) in enumerate(zip(DEPTHS[name], (1, 2, 1, 1), (1, 1, 2, 4), strict=True)):
            planes, blocks = width << stage, []
            for k in range(depth):
                blocks.append(Bottleneck(before, planes, stride if k == 0 else 1, rate))
                before = 4 * planes
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.ppm = PoolingPyramid(before, before // 4)
        self.cls = semseg_head(2 * before, head, classes)
        self.aux = semseg_head(before // 2, 8, classes)

    def forward(self, x):
        h = x
        for stage in range(5):
            h = getattr(self, f"layer{stage}")(h)
        return F.interpolate(self.cls(self.ppm(h)), x.shape[2:], mode="bilinear", align_corners=True)


def semseg_head(channels, width, classes):
    first = [nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(), nn.Dropout2d(0.1)]
    return nn.Sequential(*first, nn.Conv2d(width, classes, 1))
