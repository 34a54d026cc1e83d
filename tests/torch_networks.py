"""The networks in PyTorch, written from the papers and from the names of widespread implementations."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class SegNet(nn.Module):
    """The authors' model definition: thirteen convolutions, rounded-up pooling, the mirrored decoder."""

    def __init__(self, in_channels, num_classes, widths):
        super().__init__()
        a, b, c, d, e = widths
        encoder = [(1, in_channels, a), (1, a, a), (2, a, b), (2, b, b), (3, b, c), (3, c, c), (3, c, c)]
        encoder += [(4, c, d), (4, d, d), (4, d, d), (5, d, e), (5, e, e), (5, e, e)]
        decoder = [(5, e, e), (5, e, e), (5, e, d), (4, d, d), (4, d, d), (4, d, c), (3, c, c), (3, c, c), (3, c, b)]
        decoder += [(2, b, b), (2, b, a), (1, a, a), (1, a, num_classes)]
        numbers = [1, 2, 1, 2, 1, 2, 3, 1, 2, 3, 1, 2, 3]
        self.encoder = [f"conv{stage}_{j}" for (stage, _, _), j in zip(encoder, numbers, strict=True)]
        self.decoder = [f"conv{stage}_{j}_D" for (stage, _, _), j in zip(decoder, numbers[::-1], strict=True)]
        for name, (_, before, after) in zip(self.encoder + self.decoder, encoder + decoder, strict=True):
            self.add_module(name, nn.Conv2d(before, after, 3, padding=1))
            if name != "conv1_1_D":
                self.add_module(f"{name}_bn", nn.BatchNorm2d(after))

    def layers(self, x, names, stage):
        for name in names:
            if name.startswith(f"conv{stage}_"):
                x = getattr(self, name)(x)
                x = F.relu(getattr(self, f"{name}_bn")(x)) if name != "conv1_1_D" else x
        return x

    def forward(self, x):
        kept = []
        for stage in range(1, 6):
            x = self.layers(x, self.encoder, stage)
            size = x.shape[2:]
            x, indices = F.max_pool2d(x, 2, 2, ceil_mode=True, return_indices=True)
            kept.append((indices, size))
        for stage in range(5, 0, -1):
            indices, size = kept[stage - 1]
            x = self.layers(F.max_unpool2d(x, indices, 2, 2, output_size=size), self.decoder, stage)
        return x


class SegNetBasic(nn.Module):
    def __init__(self, in_channels, num_classes, width):
        super().__init__()
        self.norm = nn.LocalResponseNorm(5, 1e-4, 0.75)
        for k in range(1, 5):
            self.add_module(f"conv{k}", nn.Conv2d(in_channels if k == 1 else width, width, 7, padding=3))
            self.add_module(f"conv{k}_bn", nn.BatchNorm2d(width))
            self.add_module(f"conv_decode{k}", nn.Conv2d(width, width, 7, padding=3))
            self.add_module(f"conv_decode{k}_bn", nn.BatchNorm2d(width))
        self.conv_classifier = nn.Conv2d(width, num_classes, 1)

    def forward(self, x):
        x = self.norm(x)
        kept = []
        for k in range(1, 5):
            x = F.relu(getattr(self, f"conv{k}_bn")(getattr(self, f"conv{k}")(x)))
            size = x.shape[2:]
            x, indices = F.max_pool2d(x, 2, 2, ceil_mode=True, return_indices=True)
            kept.append((indices, size))
        for k in range(4, 0, -1):
            indices, size = kept.pop()
            x = F.max_unpool2d(x, indices, 2, 2, output_size=size)
            x = getattr(self, f"conv_decode{k}_bn")(getattr(self, f"conv_decode{k}")(x))
        return self.conv_classifier(x)


class PaperUNet(nn.Module):
    """Figure 1 of the paper: valid convolutions, cropped skips, no batch normalization."""

    def __init__(self, in_channels, num_classes, width):
        super().__init__()
        w = [in_channels, width, 2 * width, 4 * width, 8 * width, 16 * width]
        for k in range(1, 6):
            self.add_module(f"down{k}_conv1", nn.Conv2d(w[k - 1], w[k], 3))
            self.add_module(f"down{k}_conv2", nn.Conv2d(w[k], w[k], 3))
        for k in range(1, 5):
            self.add_module(f"up{k}_upconv", nn.ConvTranspose2d(w[k + 1], w[k], 2, stride=2))
            self.add_module(f"up{k}_conv1", nn.Conv2d(2 * w[k], w[k], 3))
            self.add_module(f"up{k}_conv2", nn.Conv2d(w[k], w[k], 3))
        self.classifier = nn.Conv2d(width, num_classes, 1)

    def block(self, name, x):
        return F.relu(getattr(self, f"{name}_conv2")(F.relu(getattr(self, f"{name}_conv1")(x))))

    def forward(self, x):
        skips = []
        for k in range(1, 5):
            x = self.block(f"down{k}", x)
            skips.append(x)
            x = F.max_pool2d(x, 2)
        x = self.block("down5", x)
        for k in range(4, 0, -1):
            x = getattr(self, f"up{k}_upconv")(x)
            i, j = ((n - m) // 2 for n, m in zip(skips[-1].shape[2:], x.shape[2:], strict=True))
            skip = skips.pop()[:, :, i : i + x.shape[2], j : j + x.shape[3]]
            x = self.block(f"up{k}", torch.cat([skip, x], 1))
        return self.classifier(x)


class DoubleConv(nn.Module):
    """Names and forms of milesial/Pytorch-UNet from here on."""

    def __init__(self, before, after, middle=None):
        super().__init__()
        middle = middle or after
        self.double_conv = nn.Sequential(
            nn.Conv2d(before, middle, 3, padding=1, bias=False),
            nn.BatchNorm2d(middle),
            nn.ReLU(inplace=True),
            nn.Conv2d(middle, after, 3, padding=1, bias=False),
            nn.BatchNorm2d(after),
            nn.ReLU(inplace=True),
        )

    def forward(self, x):
        return self.double_conv(x)


class Down(nn.Module):
    def __init__(self, before, after):
        super().__init__()
        self.maxpool_conv = nn.Sequential(nn.MaxPool2d(2), DoubleConv(before, after))

    def forward(self, x):
        return self.maxpool_conv(x)


class Up(nn.Module):
    def __init__(self, before, after, bilinear):
        super().__init__()
        if bilinear:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
            self.conv = DoubleConv(before, after, before // 2)
        else:
            self.up = nn.ConvTranspose2d(before, before // 2, 2, stride=2)
            self.conv = DoubleConv(before, after)

    def forward(self, x, skip):
        x = self.up(x)
        rows, columns = (n - m for n, m in zip(skip.shape[2:], x.shape[2:], strict=True))
        x = F.pad(x, [columns // 2, columns - columns // 2, rows // 2, rows - rows // 2])
        return self.conv(torch.cat([skip, x], 1))


class MilesialUNet(nn.Module):
    def __init__(self, in_channels, num_classes, width, bilinear):
        super().__init__()
        w, factor = width, 2 if bilinear else 1
        self.inc = DoubleConv(in_channels, w)
        self.down1, self.down2, self.down3 = Down(w, 2 * w), Down(2 * w, 4 * w), Down(4 * w, 8 * w)
        self.down4 = Down(8 * w, 16 * w // factor)
        self.up1, self.up2 = Up(16 * w, 8 * w // factor, bilinear), Up(8 * w, 4 * w // factor, bilinear)
        self.up3, self.up4 = Up(4 * w, 2 * w // factor, bilinear), Up(2 * w, w, bilinear)
        self.outc = nn.Module()
        self.outc.conv = nn.Conv2d(w, num_classes, 1)

    def forward(self, x):
        x1 = self.inc(x)
        x2 = self.down1(x1)
        x3 = self.down2(x2)
        x4 = self.down3(x3)
        x = self.up1(self.down4(x4), x4)
        x = self.up4(self.up3(self.up2(x, x3), x2), x1)
        return self.outc.conv(x)


class SemsegStage(nn.Module):
    """A stage of the SegNet of meetps/pytorch-semseg; its decoder calls its layers in the order of their numbers."""

    def __init__(self, *channels):
        super().__init__()
        self.count = len(channels) - 1
        for j in range(1, self.count + 1):
            layer = nn.Module()
            layer.cbr_unit = nn.Sequential(
                nn.Conv2d(channels[j - 1], channels[j], 3, padding=1), nn.BatchNorm2d(channels[j]), nn.ReLU()
            )
            self.add_module(f"conv{j}", layer)

    def forward(self, x):
        for j in range(1, self.count + 1):
            x = getattr(self, f"conv{j}").cbr_unit(x)
        return x


class SemsegSegNet(nn.Module):
    def __init__(self, in_channels, num_classes, widths):
        super().__init__()
        a, b, c, d, e = widths
        self.down1, self.down2 = SemsegStage(in_channels, a, a), SemsegStage(a, b, b)
        self.down3, self.down4, self.down5 = SemsegStage(b, c, c, c), SemsegStage(c, d, d, d), SemsegStage(d, e, e, e)
        self.up5, self.up4, self.up3 = SemsegStage(e, e, e, d), SemsegStage(d, d, d, c), SemsegStage(c, c, c, b)
        self.up2, self.up1 = SemsegStage(b, b, a), SemsegStage(a, a, num_classes)

    def forward(self, x):
        kept = []
        for down in (self.down1, self.down2, self.down3, self.down4, self.down5):
            x = down(x)
            size = x.shape
            x, indices = F.max_pool2d(x, 2, 2, return_indices=True)
            kept.append((indices, size))
        for up in (self.up5, self.up4, self.up3, self.up2, self.up1):
            indices, size = kept.pop()
            x = up(F.max_unpool2d(x, indices, 2, 2, output_size=size))
        return x


def vgg16_features(batch_norm, in_channels=3, widths=(64, 128, 256, 512, 512)):
    """Return the convolutions of torchvision's vgg16 and vgg16_bn, as it numbers them."""
    layers, before = [], in_channels
    for width, depth in zip(widths, (2, 2, 3, 3, 3), strict=True):
        for _ in range(depth):
            layers += [nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()]
            if not batch_norm:
                del layers[-2]
            before = width
        layers.append(nn.MaxPool2d(2, 2))
    model = nn.Module()
    model.features = nn.Sequential(*layers)
    model.classifier = nn.Linear(4, 2)
    return model


def randomize(model, seed=0):
    """Give a model kernels of He et al. and statistics that normalize something; return it in evaluation mode."""
    torch.manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if isinstance(module, nn.ConvTranspose2d):
            nn.init.normal_(module.weight, 0, (2 / module.weight.shape[0]) ** 0.5)
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.2)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.7, 1.4)
            nn.init.normal_(module.bias, 0, 0.2)
        elif getattr(module, "bias", None) is not None:
            nn.init.normal_(module.bias, 0, 0.2)
    return model.eval()
