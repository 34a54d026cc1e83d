"""U-Nets in PyTorch under the module names of other projects, written from the names of their parameters."""

from collections import OrderedDict
from itertools import pairwise

import torch
from torch import nn


def double(before, after, bias=False):
    """Return twice convolution, batch normalization and ReLU, numbered as `nn.Sequential` does."""
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1, bias=bias), nn.BatchNorm2d(after), nn.ReLU(),
        nn.Conv2d(after, after, 3, padding=1, bias=bias), nn.BatchNorm2d(after), nn.ReLU(),
    )  # fmt: skip


class BudaUNet(nn.Module):
    """mateuszbuda/brain-segmentation-pytorch: the enlarged map stands before the skip."""

    def __init__(self, in_channels, num_classes, width):
        super().__init__()
        w = [in_channels, width, 2 * width, 4 * width, 8 * width, 16 * width]
        for k in range(1, 5):
            self.add_module(f"encoder{k}", self.block(w[k - 1], w[k], f"enc{k}"))
            self.add_module(f"upconv{k}", nn.ConvTranspose2d(w[k + 1], w[k], 2, stride=2))
            self.add_module(f"decoder{k}", self.block(2 * w[k], w[k], f"dec{k}"))
        self.bottleneck = self.block(w[4], w[5], "bottleneck")
        self.conv = nn.Conv2d(width, num_classes, 1)
        self.pool = nn.MaxPool2d(2)

    @staticmethod
    def block(before, after, name):
        names = [f"{name}{part}" for part in ("conv1", "norm1", "relu1", "conv2", "norm2", "relu2")]
        return nn.Sequential(OrderedDict(zip(names, double(before, after), strict=True)))

    def forward(self, x):
        skips = []
        for k in range(1, 5):
            x = getattr(self, f"encoder{k}")(x)
            skips.append(x)
            x = self.pool(x)
        x = self.bottleneck(x)
        for k in range(4, 0, -1):
            x = torch.cat((getattr(self, f"upconv{k}")(x), skips.pop()), 1)
            x = getattr(self, f"decoder{k}")(x)
        return self.conv(x)


class Holder(nn.Module):
    def __init__(self, **modules):
        super().__init__()
        for name, module in modules.items():
            self.add_module(name, module)


class PerssonUNet(nn.Module):
    """The U-Net of aladdinpersson's tutorial: lists of blocks, the skip before the enlarged map."""

    def __init__(self, in_channels, num_classes, widths):
        super().__init__()
        before = [in_channels, *widths[:-1]]
        self.ups = nn.ModuleList()
        self.downs = nn.ModuleList(Holder(conv=double(a, b)) for a, b in zip(before, widths, strict=True))
        for width in widths[::-1]:
            self.ups.append(nn.ConvTranspose2d(2 * width, width, 2, stride=2))
            self.ups.append(Holder(conv=double(2 * width, width)))
        self.bottleneck = Holder(conv=double(widths[-1], 2 * widths[-1]))
        self.final_conv = nn.Conv2d(widths[0], num_classes, 1)

    def forward(self, x):
        skips = []
        for down in self.downs:
            x = down.conv(x)
            skips.append(x)
            x = nn.functional.max_pool2d(x, 2)
        x = self.bottleneck.conv(x)
        for k in range(0, len(self.ups), 2):
            x = self.ups[k + 1].conv(torch.cat((skips.pop(), self.ups[k](x)), 1))
        return self.final_conv(x)


class ConvDropoutNormReLU(nn.Module):
    """nnU-Net's layer, whose parts stand in its state dict twice."""

    def __init__(self, before, after, stride, norm):
        super().__init__()
        self.conv = nn.Conv2d(before, after, 3, stride, padding=1)
        self.norm = norm(after)
        self.all_modules = nn.Sequential(self.conv, self.norm, nn.ReLU())

    def forward(self, x):
        return self.all_modules(x)


class PlainConvUNet(nn.Module):
    """nnU-Net's plain U-Net: a head for each map of the way up, the encoder a part of the decoder too."""

    def __init__(self, in_channels, num_classes, widths, convolutions=2, pooling=True, norm=nn.BatchNorm2d, bias=True):
        super().__init__()

        def block(before, after, stride=1):
            return Holder(
                convs=nn.Sequential(
                    *(
                        ConvDropoutNormReLU(after if j else before, after, 1 if j else stride, norm)
                        for j in range(convolutions)
                    )
                )
            )

        stages = [nn.Sequential(block(in_channels, widths[0]))]
        for before, after in pairwise(widths):
            pooled = nn.Sequential(nn.MaxPool2d(2), block(before, after))
            stages.append(pooled if pooling else nn.Sequential(block(before, after, 2)))
        self.encoder = Holder(stages=nn.Sequential(*stages))
        upward = list(zip(widths[::-1], widths[-2::-1], strict=False))
        self.decoder = Holder(
            encoder=self.encoder,
            stages=nn.ModuleList(block(2 * after, after) for _, after in upward),
            transpconvs=nn.ModuleList(nn.ConvTranspose2d(a, b, 2, 2, bias=bias) for a, b in upward),
            seg_layers=nn.ModuleList(nn.Conv2d(after, num_classes, 1) for _, after in upward),
        )

    def forward(self, x):
        skips = []
        for stage in self.encoder.stages:
            for part in stage:
                x = part.convs(x) if isinstance(part, Holder) else part(x)
            skips.append(x)
        skips.pop()
        for k, stage in enumerate(self.decoder.stages):
            x = stage.convs(torch.cat((self.decoder.transpconvs[k](x), skips.pop()), 1))
        return self.decoder.seg_layers[-1](x)
