"""Segmentation networks in PyTorch with the names of modules that torchvision gives them."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

DEPTHS = {"resnet18": (2, 2, 2, 2), "resnet34": (3, 4, 6, 3), "resnet50": (3, 4, 6, 3), "resnet101": (3, 4, 23, 3)}


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inplanes, planes, stride, dilation):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 3, stride, dilation, dilation, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = shortcut(inplanes, planes, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(out)) + (x if self.downsample is None else self.downsample(x)))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inplanes, planes, stride, dilation):
        super().__init__()
        self.conv1 = nn.Conv2d(inplanes, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, dilation, dilation, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.downsample = shortcut(inplanes, 4 * planes, stride)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = F.relu(self.bn2(self.conv2(out)))
        return F.relu(self.bn3(self.conv3(out)) + (x if self.downsample is None else self.downsample(x)))


def shortcut(inplanes, outplanes, stride):
    if stride == 1 and inplanes == outplanes:
        return None
    return nn.Sequential(nn.Conv2d(inplanes, outplanes, 1, stride, bias=False), nn.BatchNorm2d(outplanes))


class ResNet(nn.Module):
    """`replace_stride_with_dilation` as in torchvision: the first block of a stage has the dilation before it."""

    def __init__(self, name, width=64, replace_stride_with_dilation=(False, True, True), in_channels=3, fc=None):
        super().__init__()
        block = BasicBlock if name in ("resnet18", "resnet34") else Bottleneck
        self.conv1 = nn.Conv2d(in_channels, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        inplanes, dilation = width, 1
        for stage, depth in enumerate(DEPTHS[name]):
            planes, stride, previous = width * 2**stage, 1 if stage == 0 else 2, dilation
            if stage > 0 and replace_stride_with_dilation[stage - 1]:
                dilation, stride = dilation * stride, 1
            blocks = [block(inplanes, planes, stride, previous)]
            inplanes = planes * block.expansion
            blocks += [block(inplanes, planes, 1, dilation) for _ in range(1, depth)]
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.out_channels = inplanes
        if fc:
            self.fc = nn.Linear(inplanes, fc)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        for stage in range(1, 5):
            x = getattr(self, f"layer{stage}")(x)
        return {"out": x}


def divisible(v):
    new = max(8, int(v + 4) // 8 * 8)
    return new + 8 if new < 0.9 * v else new


class SqueezeExcitation(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.fc1 = nn.Conv2d(channels, divisible(channels // 4), 1)
        self.fc2 = nn.Conv2d(divisible(channels // 4), channels, 1)

    def forward(self, x):
        return F.hardsigmoid(self.fc2(F.relu(self.fc1(F.adaptive_avg_pool2d(x, 1))))) * x


def conv_act(inp, out, kernel, act, stride=1, dilation=1, groups=1):
    conv = nn.Conv2d(inp, out, kernel, stride, (kernel - 1) // 2 * dilation, dilation, groups, bias=False)
    layers = [conv, nn.BatchNorm2d(out, eps=1e-3, momentum=0.01)]
    return nn.Sequential(*layers, *([act()] if act else []))


class InvertedResidual(nn.Module):
    def __init__(self, inp, kernel, expanded, out, squeeze, act, stride, dilation):
        super().__init__()
        self.use_res_connect = stride == 1 and inp == out
        layers = [] if expanded == inp else [conv_act(inp, expanded, 1, act)]
        layers.append(conv_act(expanded, expanded, kernel, act, 1 if dilation > 1 else stride, dilation, expanded))
        layers += [SqueezeExcitation(expanded)] if squeeze else []
        self.block = nn.Sequential(*layers, conv_act(expanded, out, 1, None))

    def forward(self, x):
        return self.block(x) + x if self.use_res_connect else self.block(x)


LARGE = """16 3 16 16 0 R 1 1|16 3 64 24 0 R 2 1|24 3 72 24 0 R 1 1|24 5 72 40 1 R 2 1|40 5 120 40 1 R 1 1|40 5 120 40 1 R 1 1
40 3 240 80 0 H 2 1|80 3 200 80 0 H 1 1|80 3 184 80 0 H 1 1|80 3 184 80 0 H 1 1|80 3 480 112 1 H 1 1|112 3 672 112 1 H 1 1
112 5 672 160 1 H 2 2|160 5 960 160 1 H 1 2|160 5 960 160 1 H 1 2"""


def mobilenet_v3_features(width_mult=1.0, in_channels=3):
    wide = lambda c: divisible(c * width_mult)  # noqa: E731
    layers = [conv_act(in_channels, wide(16), 3, nn.Hardswish, 2)]
    for row in LARGE.replace("\n", "|").split("|"):
        inp, kernel, expanded, out, squeeze, act, stride, dilation = row.split()
        act = nn.ReLU if act == "R" else nn.Hardswish
        sizes = wide(int(inp)), int(kernel), wide(int(expanded)), wide(int(out))
        layers.append(InvertedResidual(*sizes, squeeze == "1", act, int(stride), int(dilation)))
    return [*layers, conv_act(wide(160), 6 * wide(160), 1, nn.Hardswish)]


class Features(nn.ModuleDict):
    """torchvision's IntermediateLayerGetter on the features of MobileNetV3."""

    def __init__(self, layers, returned, out_channels=None):
        super().__init__({str(k): layer for k, layer in enumerate(layers)})
        self.returned = returned
        self.out_channels = out_channels or layers[-1][0].out_channels

    def forward(self, x):
        out = {}
        for name, layer in self.items():
            x = layer(x)
            if name in self.returned:
                out[self.returned[name]] = x
        return out


class FCNHead(nn.Sequential):
    def __init__(self, inp, classes):
        inter = inp // 4
        first = [nn.Conv2d(inp, inter, 3, padding=1, bias=False), nn.BatchNorm2d(inter), nn.ReLU(), nn.Dropout(0.1)]
        super().__init__(*first, nn.Conv2d(inter, classes, 1))


class ASPPPooling(nn.Sequential):
    def __init__(self, inp, out):
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Conv2d(inp, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())

    def forward(self, x):
        return F.interpolate(super().forward(x), size=x.shape[-2:], mode="bilinear", align_corners=False)


class ASPP(nn.Module):
    def __init__(self, inp, out):
        super().__init__()
        convs = [nn.Sequential(nn.Conv2d(inp, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU())]
        for rate in (12, 24, 36):
            conv = nn.Conv2d(inp, out, 3, padding=rate, dilation=rate, bias=False)
            convs.append(nn.Sequential(conv, nn.BatchNorm2d(out), nn.ReLU()))
        self.convs = nn.ModuleList([*convs, ASPPPooling(inp, out)])
        project = [nn.Conv2d(5 * out, out, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU(), nn.Dropout(0.1)]
        self.project = nn.Sequential(*project)

    def forward(self, x):
        return self.project(torch.cat([conv(x) for conv in self.convs], 1))


class DeepLabHead(nn.Sequential):
    def __init__(self, inp, classes, width=256):
        last = [nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        super().__init__(ASPP(inp, width), *last, nn.Conv2d(width, classes, 1))


class Segmentation(nn.Module):
    """torchvision's _SimpleSegmentationModel, without the auxiliary head's result."""

    def __init__(self, backbone, classifier, aux_classifier=None):
        super().__init__()
        self.backbone, self.classifier = backbone, classifier
        if aux_classifier is not None:
            self.aux_classifier = aux_classifier

    def forward(self, x):
        out = self.classifier(self.backbone(x)["out"])
        return F.interpolate(out, size=x.shape[-2:], mode="bilinear", align_corners=False)


class LRASPPHead(nn.Module):
    def __init__(self, low, high, classes, inter):
        super().__init__()
        self.cbr = nn.Sequential(nn.Conv2d(high, inter, 1, bias=False), nn.BatchNorm2d(inter), nn.ReLU())
        self.scale = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(high, inter, 1, bias=False), nn.Sigmoid())
        self.low_classifier = nn.Conv2d(low, classes, 1)
        self.high_classifier = nn.Conv2d(inter, classes, 1)

    def forward(self, features):
        x = self.cbr(features["high"]) * self.scale(features["high"])
        x = F.interpolate(x, size=features["low"].shape[-2:], mode="bilinear", align_corners=False)
        return self.low_classifier(features["low"]) + self.high_classifier(x)


class LRASPP(nn.Module):
    def __init__(self, classes, inter=128, width_mult=1.0):
        super().__init__()
        layers = mobilenet_v3_features(width_mult)
        self.backbone = Features(layers, {"4": "low", "16": "high"})
        self.classifier = LRASPPHead(divisible(40 * width_mult), self.backbone.out_channels, classes, inter)

    def forward(self, x):
        out = self.classifier(self.backbone(x))
        return F.interpolate(out, size=x.shape[-2:], mode="bilinear", align_corners=False)


def fcn(name, classes, width=64, dilated=(False, True, True)):
    backbone = ResNet(name, width, dilated)
    aux = FCNHead(backbone.out_channels // 2, classes)
    return Segmentation(backbone, FCNHead(backbone.out_channels, classes), aux)


def deeplabv3(name, classes, width=64, head=256):
    if name == "mobilenet_v3_large":
        backbone = Features(mobilenet_v3_features(width / 64), {"16": "out"})
    else:
        backbone = ResNet(name, width)
    return Segmentation(backbone, DeepLabHead(backbone.out_channels, classes, head), FCNHead(8, classes))


class Classifier(nn.Module):
    """torchvision's MobileNetV3-Large for classification, not dilated as far as parameters go."""

    def __init__(self, width_mult):
        super().__init__()
        self.features = nn.Sequential(*mobilenet_v3_features(width_mult))
        self.classifier = nn.Sequential(nn.Linear(8, 8), nn.Hardswish(), nn.Dropout(), nn.Linear(8, 10))
