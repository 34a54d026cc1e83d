"""SegNet and U-Net as PyTorch modules, for training only: their state dicts have the names of ``segalgo.models``."""

from itertools import pairwise

import torch
from torch import nn
from torch.nn import functional


def convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    """Return a 3 x 3 convolution with the initial weights of He et al. 2015."""
    layer = nn.Conv2d(in_channels, out_channels, 3, padding=1)
    nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
    nn.init.zeros_(layer.bias)
    return layer


class SegNet(nn.Module):
    """Thirteen convolutions of VGG16, pooling indices, and the mirrored decoder (Badrinarayanan et al. 2017)."""

    depths = (2, 2, 3, 3, 3)

    def __init__(self, in_channels: int, num_classes: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        before = in_channels
        for stage, (depth, width) in enumerate(zip(self.depths, widths, strict=True), 1):
            for j in range(1, depth + 1):
                self.add_layer(f"conv{stage}_{j}", before, width)
                before = width
        for stage in range(5, 0, -1):
            for j in range(self.depths[stage - 1], 0, -1):
                after = widths[max(stage - 2, 0)] if j == 1 else widths[stage - 1]
                if (stage, j) == (1, 1):
                    self.conv1_1_D = convolution(before, num_classes)
                else:
                    self.add_layer(f"conv{stage}_{j}_D", before, after)
                before = after

    def add_layer(self, name: str, in_channels: int, out_channels: int) -> None:
        """Add a convolution and its batch normalisation."""
        self.add_module(name, convolution(in_channels, out_channels))
        self.add_module(f"{name}_bn", nn.BatchNorm2d(out_channels))

    def layer(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Return ReLU of the normalised convolution."""
        return functional.relu(getattr(self, f"{name}_bn")(getattr(self, name)(x)), inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes, H, W)."""
        pooled = []
        for stage, depth in enumerate(self.depths, 1):
            for j in range(1, depth + 1):
                x = self.layer(f"conv{stage}_{j}", x)
            size = x.shape[-2:]
            x, indices = functional.max_pool2d(x, 2, 2, ceil_mode=True, return_indices=True)
            pooled.append((indices, size))
        for stage in range(5, 0, -1):
            indices, size = pooled.pop()
            x = functional.max_unpool2d(x, indices, 2, 2, output_size=size)
            for j in range(self.depths[stage - 1], 0, -1):
                x = self.conv1_1_D(x) if (stage, j) == (1, 1) else self.layer(f"conv{stage}_{j}_D", x)
        return x


class UNet(nn.Module):
    """U-Net with padded convolutions, batch normalisation and transposed convolutions (Ronneberger et al. 2015)."""

    def __init__(self, in_channels: int, num_classes: int, width: int, depth: int) -> None:
        super().__init__()
        self.depth = depth
        widths = [in_channels, *(width << stage for stage in range(depth + 1))]
        for stage, (before, after) in enumerate(pairwise(widths), 1):
            self.add_block(f"down{stage}", before, after)
        for stage in range(depth, 0, -1):
            after = widths[stage]
            self.add_module(f"up{stage}_upconv", nn.ConvTranspose2d(2 * after, after, 2, stride=2))
            self.add_block(f"up{stage}", 2 * after, after)
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def add_block(self, name: str, in_channels: int, out_channels: int) -> None:
        """Add two convolutions, each with its batch normalisation."""
        for j, before in ((1, in_channels), (2, out_channels)):
            self.add_module(f"{name}_conv{j}", convolution(before, out_channels))
            self.add_module(f"{name}_bn{j}", nn.BatchNorm2d(out_channels))

    def block(self, name: str, x: torch.Tensor) -> torch.Tensor:
        """Return the map after two convolutions."""
        for j in (1, 2):
            x = functional.relu(getattr(self, f"{name}_bn{j}")(getattr(self, f"{name}_conv{j}")(x)), inplace=True)
        return x

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits (N, classes, H, W); H and W are multiples of 2 ** depth."""
        skips = []
        for stage in range(1, self.depth + 1):
            x = self.block(f"down{stage}", x)
            skips.append(x)
            x = functional.max_pool2d(x, 2)
        x = functional.dropout(self.block(f"down{self.depth + 1}", x), 0.2, self.training)
        for stage in range(self.depth, 0, -1):
            x = getattr(self, f"up{stage}_upconv")(x)
            x = self.block(f"up{stage}", torch.cat([skips.pop(), x], dim=1))
        return self.classifier(x)
