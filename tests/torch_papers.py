"""Segmentation networks in PyTorch by the names that their authors' definitions and well-known ports give them."""

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch_segmentation import ResNet, divisible

VGG = (2, 2, 3, 3, 3)


def resized(x, size, align_corners):
    return F.interpolate(x, size, mode="bilinear", align_corners=align_corners)


class VGG16(nn.Module):
    """The thirteen convolutions; `padding` 1 is that of all stages but dilated ones."""

    def __init__(self, widths, padding=True):
        super().__init__()
        self.padding, before = padding, 3
        for stage, (depth, width) in enumerate(zip(VGG, widths, strict=True), 1):
            spread = 2 if stage == 5 else 1
            for j in range(1, depth + 1):
                conv = nn.Conv2d(before, width, 3, padding=spread if padding else 0, dilation=spread)
                self.add_module(f"conv{stage}_{j}", conv)
                before = width

    def stage(self, x, stage):
        for j in range(1, VGG[stage - 1] + 1):
            x = F.relu(getattr(self, f"conv{stage}_{j}")(x))
        return x


class LargeFOV(VGG16):
    """DeepLab-LargeFOV in Caffe, and its form of several scales."""

    def __init__(self, widths, hidden, classes, multiscale):
        super().__init__(widths)
        self.fc6 = nn.Conv2d(widths[4], hidden, 3, padding=12, dilation=12)
        self.fc7, self.fc8_voc12 = nn.Conv2d(hidden, hidden, 1), nn.Conv2d(hidden, classes, 1)
        self.multiscale = multiscale
        for name, width in zip(("data", "pool1", "pool2", "pool3", "pool4"), (3, *widths), strict=False):
            if multiscale:
                self.add_module(f"{name}_conv", nn.Conv2d(width, 128, 3, padding=1))
                self.add_module(f"{name}_fc", nn.Conv2d(128, 128, 1))
                self.add_module(f"{name}_ms", nn.Conv2d(128, classes, 1))

    def forward(self, x):
        size, maps = x.shape[2:], {"data": x}
        for stage in range(1, 6):
            x = self.stage(x, stage)
            x = maps[f"pool{stage}"] = F.max_pool2d(x, 3, 2 if stage < 4 else 1, 1, ceil_mode=True)
        x = F.relu(self.fc7(F.relu(self.fc6(F.avg_pool2d(x, 3, 1, 1)))))
        x = resized(self.fc8_voc12(x), size, True)
        for name in ("data", "pool1", "pool2", "pool3", "pool4") if self.multiscale else ():
            conv, fc, ms = (getattr(self, f"{name}_{part}") for part in ("conv", "fc", "ms"))
            x = x + resized(ms(F.relu(fc(F.relu(conv(maps[name]))))), size, True)
        return x


class VGG16ASPP(VGG16):
    """DeepLab v2 on VGG16 in Caffe."""

    def __init__(self, widths, hidden, classes):
        super().__init__(widths)
        for k, rate in enumerate((6, 12, 18, 24), 1):
            self.add_module(f"fc6_{k}", nn.Conv2d(widths[4], hidden, 3, padding=rate, dilation=rate))
            self.add_module(f"fc7_{k}", nn.Conv2d(hidden, hidden, 1))
            self.add_module(f"fc8_voc12_{k}", nn.Conv2d(hidden, classes, 1))

    def forward(self, x):
        size = x.shape[2:]
        for stage in range(1, 6):
            x = F.max_pool2d(self.stage(x, stage), 3, 2 if stage < 4 else 1, 1, ceil_mode=True)
        scores = 0
        for k in range(1, 5):
            first, second, last = (getattr(self, f"{name}_{k}") for name in ("fc6", "fc7", "fc8_voc12"))
            scores = scores + last(F.relu(second(F.relu(first(x)))))
        return resized(scores, size, True)


class ConvBn(nn.Module):
    def __init__(self, before, after, kernel=1, stride=1, dilation=1):
        super().__init__()
        self.conv = nn.Conv2d(before, after, kernel, stride, kernel // 2 * dilation, dilation, bias=False)
        self.bn = nn.BatchNorm2d(after)

    def forward(self, x):
        return self.bn(self.conv(x))


class PortBottleneck(nn.Module):
    """kazuto1011's block: the first convolution has the stride."""

    def __init__(self, before, width, stride, dilation, first):
        super().__init__()
        self.reduce, self.conv3x3 = ConvBn(before, width, 1, stride), ConvBn(width, width, 3, 1, dilation)
        self.increase = ConvBn(width, 4 * width)
        if first:
            self.shortcut = ConvBn(before, 4 * width, 1, stride)

    def forward(self, x):
        y = self.increase(F.relu(self.conv3x3(F.relu(self.reduce(x)))))
        return F.relu(y + (self.shortcut(x) if hasattr(self, "shortcut") else x))


class PortDeepLabV2(nn.Module):
    """kazuto1011's DeepLabV2 of one scale."""

    def __init__(self, depths, width, classes):
        super().__init__()
        self.layer1 = nn.Module()
        self.layer1.conv1 = ConvBn(3, width, 7, 2)
        before = width
        for stage, (depth, stride, rate) in enumerate(zip(depths, (1, 2, 1, 1), (1, 1, 2, 4), strict=True), 2):
            blocks = nn.Sequential()
            for k in range(1, depth + 1):
                block = PortBottleneck(before, width << (stage - 2), stride if k == 1 else 1, rate, k == 1)
                blocks.add_module(f"block{k}", block)
                before = 4 * width << (stage - 2)
            self.add_module(f"layer{stage}", blocks)
        self.aspp = nn.Module()
        for k, rate in enumerate((6, 12, 18, 24)):
            self.aspp.add_module(f"c{k}", nn.Conv2d(before, classes, 3, padding=rate, dilation=rate))

    def scores(self, x):
        x = F.max_pool2d(F.relu(self.layer1.conv1(x)), 3, 2, 1, ceil_mode=True)
        for stage in range(2, 6):
            x = getattr(self, f"layer{stage}")(x)
        return sum(branch(x) for branch in self.aspp.children())

    def forward(self, x):
        return resized(self.scores(x), x.shape[2:], False)


class PortMSC(nn.Module):
    """kazuto1011's MSC around it."""

    def __init__(self, base):
        super().__init__()
        self.base = base

    def forward(self, x):
        scores = [self.base.scores(x)]
        for scale in (0.5, 0.75):
            part = F.interpolate(x, scale_factor=scale, mode="bilinear", align_corners=False)
            scores.append(resized(self.base.scores(part), scores[0].shape[2:], False))
        return resized(torch.stack(scores).max(0)[0], x.shape[2:], False)


class Dilated(VGG16):
    """fyu's networks in Caffe; `rates` are those of the context module, `name` its data set."""

    def __init__(self, widths, hidden, classes, name):
        super().__init__(widths, padding=False)
        self.name = name
        self.fc6, self.fc7 = nn.Conv2d(widths[4], hidden, 7, dilation=4), nn.Conv2d(hidden, hidden, 1)
        self.last = "fc-final" if name == "voc" else "final"
        self.add_module(self.last, nn.Conv2d(hidden, classes, 1))
        convs = ["conv1_1", "conv1_2", "conv2_1", "conv3_1", "conv4_1", "conv5_1", "conv6_1", "conv7_1"]
        convs = convs[: {"voc": 6, "camvid": 6, "kitti": 5, "cityscapes": 8, "front": 0}[name]]
        rates = [1, 1, 2, 4, 8, 16, 32, 64][: len(convs)]
        prefix, factors = ("ct_", (2, 2, 4, 8, 16, 32, 32)) if name == "voc" else ("ctx_", (1,) * 9)
        self.context, before = [], classes
        for layer, rate, factor in zip([*convs, "fc1"], [*rates, 1], factors, strict=False) if convs else ():
            border = (33 if layer == "conv1_1" else 0) if name == "voc" else rate
            self.add_module(prefix + layer, nn.Conv2d(before, factor * classes, 3, padding=border, dilation=rate))
            self.context.append(prefix + layer)
            before = factor * classes
        if convs:
            self.add_module(f"{prefix}final", nn.Conv2d(before, classes, 1))
        if name == "cityscapes":
            self.ctx_upsample = nn.ConvTranspose2d(classes, classes, 16, 8, 4, groups=classes, bias=False)

    def forward(self, x):
        height, width = x.shape[2:]
        margins = [(0, 0), (0, 0), (186, 186 + -height % 8), (186, 186 + -width % 8)]
        x = torch.from_numpy(np.pad(x.numpy(), margins, mode="reflect"))
        for stage in range(1, 6):
            x = self.stage(x, stage)
            x = F.max_pool2d(x, 2, 2) if stage < 4 else x
        x = getattr(self, self.last)(F.relu(self.fc7(F.relu(self.fc6(x)))))
        for name in self.context:
            x = F.relu(getattr(self, name)(x))
        if self.context:
            x = getattr(self, f"{self.context[0].partition('_')[0]}_final")(x)
        if self.name == "cityscapes":
            return self.ctx_upsample(x).softmax(1)[:, :, :height, :width].contiguous()
        # Cell k lies on pixel 8 k.
        x = resized(x.softmax(1), [8 * (n - 1) + 1 for n in x.shape[2:]], True)
        return F.pad(x, (0, 7, 0, 7), mode="replicate")[:, :, :height, :width].contiguous()


class CaffeICNet(nn.Module):
    """hszhao/ICNet in Caffe; convolutions have biases where `norm` is merged into them."""

    def __init__(self, width, classes, norm):
        super().__init__()
        self.norm = norm
        w = width
        for name, before, after, kernel in (
            ("conv1_1_3x3_s2", 3, w, 3), ("conv1_2_3x3", w, w, 3), ("conv1_3_3x3", w, 2 * w, 3),
            ("conv1_sub1", 3, w, 3), ("conv2_sub1", w, w, 3), ("conv3_sub1", w, 2 * w, 3),
            ("conv5_4_k1", 32 * w, 8 * w, 1), ("conv_sub4", 8 * w, 4 * w, 3), ("conv_sub2", 4 * w, 4 * w, 3),
            ("conv3_1_sub2_proj", 8 * w, 4 * w, 1), ("conv3_sub1_proj", 2 * w, 4 * w, 1),
        ):  # fmt: skip
            self.add(name, before, after, kernel)
        before = 2 * w
        for stage, depth in ((2, 3), (3, 4), (4, 6), (5, 3)):
            inner = w << (stage - 2)
            for k in range(1, depth + 1):
                self.add(f"conv{stage}_{k}_1x1_reduce", before, inner, 1)
                self.add(f"conv{stage}_{k}_3x3", inner, inner, 3)
                self.add(f"conv{stage}_{k}_1x1_increase", inner, 4 * inner, 1)
                if k == 1:
                    self.add(f"conv{stage}_{k}_1x1_proj", before, 4 * inner, 1)
                before = 4 * inner
        self.conv6_cls = nn.Conv2d(4 * w, classes, 1)
        self.sub24_out, self.sub4_out = nn.Conv2d(4 * w, classes, 1), nn.Conv2d(8 * w, classes, 1)

    def add(self, name, before, after, kernel):
        self.add_module(name, nn.Conv2d(before, after, kernel, bias=not self.norm))
        if self.norm:
            self.add_module(f"{name}/bn", nn.BatchNorm2d(after))

    def conv(self, x, name, stride=1, dilation=1):
        conv = getattr(self, name)
        x = F.conv2d(x, conv.weight, conv.bias, stride, conv.kernel_size[0] // 2 * dilation, dilation)
        return getattr(self, f"{name}/bn")(x) if self.norm else x

    def block(self, x, name, stride, dilation):
        y = F.relu(self.conv(x, f"{name}_1x1_reduce", stride))
        y = self.conv(F.relu(self.conv(y, f"{name}_3x3", dilation=dilation)), f"{name}_1x1_increase")
        return F.relu(y + (self.conv(x, f"{name}_1x1_proj", stride) if hasattr(self, f"{name}_1x1_proj") else x))

    def fused(self, coarse, fine, coarse_name, fine_name):
        return F.relu(self.conv(doubled(coarse), coarse_name, dilation=2) + self.conv(fine, fine_name))

    def forward(self, x):
        picture = x
        x = halved(x)
        x = F.relu(self.conv(x, "conv1_1_3x3_s2", 2))
        x = F.relu(self.conv(F.relu(self.conv(x, "conv1_2_3x3")), "conv1_3_3x3"))
        x = F.max_pool2d(x, 3, 2, 1)
        for k in (1, 2, 3):
            x = self.block(x, f"conv2_{k}", 1, 1)
        half = self.block(x, "conv3_1", 2, 1)
        x = halved(half)
        for stage, depth, rate in ((3, 4, 1), (4, 6, 2), (5, 3, 4)):
            for k in range(2 if stage == 3 else 1, depth + 1):
                x = self.block(x, f"conv{stage}_{k}", 1, rate)
        total = x
        for bins in (1, 2, 3, 6):
            total = total + resized(F.adaptive_avg_pool2d(x, bins), x.shape[2:], True)
        x = self.fused(F.relu(self.conv(total, "conv5_4_k1")), half, "conv_sub4", "conv3_1_sub2_proj")
        y = picture
        for k in (1, 2, 3):
            y = F.relu(self.conv(y, f"conv{k}_sub1", 2))
        x = doubled(self.fused(x, y, "conv_sub2", "conv3_sub1_proj"))
        return resized(self.conv6_cls(x), picture.shape[2:], True)


def halved(x):
    return resized(x, [(n - 1) // 2 + 1 for n in x.shape[2:]], True)


def doubled(x):
    return resized(x, [2 * n - 1 for n in x.shape[2:]], True)


class RCU(nn.Module):
    def __init__(self, width, count):
        super().__init__()
        self.count = count
        for k in range(1, count + 1):
            self.add_module(f"{k}_conv", nn.Conv2d(width, width, 3, padding=1))
            self.add_module(f"{k}_conv_relu_varout_dimred", nn.Conv2d(width, width, 3, padding=1, bias=False))

    def forward(self, x):
        for k in range(1, self.count + 1):
            y = getattr(self, f"{k}_conv")(F.relu(x))
            x = x + getattr(self, f"{k}_conv_relu_varout_dimred")(F.relu(y))
        return x


class CRP(nn.Module):
    def __init__(self, width):
        super().__init__()
        for k in range(1, 5):
            self.add_module(f"{k}_outvar_dimred", nn.Conv2d(width, width, 3, padding=1, bias=False))

    def forward(self, x):
        top = x
        for k in range(1, 5):
            top = getattr(self, f"{k}_outvar_dimred")(F.max_pool2d(top, 5, 1, 2))
            x = x + top
        return x


class PortRefineNet(ResNet):
    """DrSleep's RefineNet, its logits enlarged by cubic interpolation."""

    def __init__(self, name, width, head, classes):
        super().__init__(name, width, (False, False, False))
        expansion = 1 if name in ("resnet18", "resnet34") else 4
        for k in range(1, 5):
            channels = 2 * head if k == 1 else head
            conv = nn.Conv2d((width << (4 - k)) * expansion, channels, 3, padding=1, bias=False)
            self.add_module(f"p_ims1d2_outl{k}_dimred", conv)
            self.add_module(f"adapt_stage{k}_b", nn.Sequential(RCU(channels, 2)))
            self.add_module(f"mflow_conv_g{k}_pool", nn.Sequential(CRP(channels)))
            self.add_module(f"mflow_conv_g{k}_b", nn.Sequential(RCU(channels, 3)))
            names = [f"adapt_stage{k}_b2_joint_varout_dimred"] * (k > 1)
            for joint in [*names, *[f"mflow_conv_g{k}_b3_joint_varout_dimred"] * (k < 4)]:
                self.add_module(joint, nn.Conv2d(channels, head, 3, padding=1, bias=False))
        self.clf_conv = nn.Conv2d(head, classes, 3, padding=1)

    def forward(self, x):
        size, maps = x.shape[2:], []
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
            maps.append(x)
        x = None
        for k, y in enumerate(maps[::-1], 1):
            y = getattr(self, f"adapt_stage{k}_b")(getattr(self, f"p_ims1d2_outl{k}_dimred")(y))
            if k > 1:
                y = getattr(self, f"adapt_stage{k}_b2_joint_varout_dimred")(y) + resized(x, y.shape[2:], True)
            x = getattr(self, f"mflow_conv_g{k}_b")(getattr(self, f"mflow_conv_g{k}_pool")(F.relu(y)))
            if k < 4:
                x = getattr(self, f"mflow_conv_g{k}_b3_joint_varout_dimred")(x)
        return F.interpolate(self.clf_conv(x), size, mode="bicubic", align_corners=False)


class LinearBottleneck(nn.Module):
    """torchvision's InvertedResidual of MobileNetV2."""

    def __init__(self, before, after, stride, dilation, expansion):
        super().__init__()
        hidden, layers = before * expansion, []
        if expansion != 1:
            layers.append(nn.Sequential(nn.Conv2d(before, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()))
        step = 1 if dilation > 1 else stride
        depthwise = nn.Conv2d(hidden, hidden, 3, step, dilation, dilation, hidden, bias=False)
        layers.append(nn.Sequential(depthwise, nn.BatchNorm2d(hidden), nn.ReLU6()))
        self.conv = nn.Sequential(*layers, nn.Conv2d(hidden, after, 1, bias=False), nn.BatchNorm2d(after))
        self.joined = stride == 1 and before == after

    def forward(self, x):
        return x + self.conv(x) if self.joined else self.conv(x)


def mobilenet_v2_features(width_mult=1.0, dilated=True):
    """Without the last convolution; `dilated` from the last stage that halves."""
    before = divisible(32 * width_mult)
    stem = nn.Sequential(nn.Conv2d(3, before, 3, 2, 1, bias=False), nn.BatchNorm2d(before), nn.ReLU6())
    layers = [stem]
    for t, c, n, s in (
        (1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)
    ):  # fmt: skip
        after = divisible(c * width_mult)
        for k in range(n):
            rate = 2 if dilated and c >= 160 else 1
            layers.append(LinearBottleneck(before, after, s if k == 0 else 1, rate, t))
            before = after
    return layers, before
