"""Segmentation networks in PyTorch with the names of modules that torchvision and transformers give them."""

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


class Mlp(nn.Module):
    """Mix-FFN; `first` and `second` are the names of its linear layers."""

    def __init__(self, dim, first, second):
        super().__init__()
        self.first, self.second = first, second
        self.add_module(first, nn.Linear(dim, 4 * dim))
        self.dwconv = nn.Module()
        self.dwconv.dwconv = nn.Conv2d(4 * dim, 4 * dim, 3, 1, 1, groups=4 * dim)
        self.add_module(second, nn.Linear(4 * dim, dim))

    def forward(self, x, size):
        x = getattr(self, self.first)(x)
        x = self.dwconv.dwconv(x.transpose(1, 2).reshape(len(x), -1, *size)).flatten(2).transpose(1, 2)
        return getattr(self, self.second)(F.gelu(x))


def reduced(x, size, sr, norm):
    """Return one vector for each block of cells."""
    x = x.transpose(1, 2).reshape(len(x), -1, *size)
    return norm(sr(x).flatten(2).transpose(1, 2))


def attend(query, key, value, heads):
    n, count, dim = query.shape
    query, key, value = (t.reshape(n, -1, heads, dim // heads).transpose(1, 2) for t in (query, key, value))
    return F.scaled_dot_product_attention(query, key, value).transpose(1, 2).reshape(n, count, dim)


class TransformersAttention(nn.Module):
    """transformers' SegformerAttention."""

    def __init__(self, dim, heads, sr):
        super().__init__()
        self.heads, self.sr = heads, sr
        self.self, self.output = nn.Module(), nn.Module()
        self.self.query, self.self.key, self.self.value = (nn.Linear(dim, dim) for _ in range(3))
        if sr > 1:
            self.self.sr, self.self.layer_norm = nn.Conv2d(dim, dim, sr, sr), nn.LayerNorm(dim)
        self.output.dense = nn.Linear(dim, dim)

    def forward(self, x, size):
        own = self.self
        source = reduced(x, size, own.sr, own.layer_norm) if self.sr > 1 else x
        return self.output.dense(attend(own.query(x), own.key(source), own.value(source), self.heads))


class NvlabsAttention(nn.Module):
    """NVlabs' Attention, one matrix for keys and values."""

    def __init__(self, dim, heads, sr):
        super().__init__()
        self.heads, self.ratio = heads, sr
        self.q, self.kv, self.proj = nn.Linear(dim, dim), nn.Linear(dim, 2 * dim), nn.Linear(dim, dim)
        if sr > 1:
            self.sr, self.norm = nn.Conv2d(dim, dim, sr, sr), nn.LayerNorm(dim)

    def forward(self, x, size):
        source = reduced(x, size, self.sr, self.norm) if self.ratio > 1 else x
        key, value = self.kv(source).chunk(2, -1)
        return self.proj(attend(self.q(x), key, value, self.heads))


class TransformersBlock(nn.Module):
    def __init__(self, dim, heads, sr):
        super().__init__()
        self.layer_norm_1, self.layer_norm_2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention, self.mlp = TransformersAttention(dim, heads, sr), Mlp(dim, "dense1", "dense2")

    def forward(self, x, size):
        x = x + self.attention(self.layer_norm_1(x), size)
        return x + self.mlp(self.layer_norm_2(x), size)


class NvlabsBlock(nn.Module):
    def __init__(self, dim, heads, sr):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(dim, 1e-6), nn.LayerNorm(dim, 1e-6)
        self.attn, self.mlp = NvlabsAttention(dim, heads, sr), Mlp(dim, "fc1", "fc2")

    def forward(self, x, size):
        x = x + self.attn(self.norm1(x), size)
        return x + self.mlp(self.norm2(x), size)


def stages(x, embeddings, norms, blocks, last):
    """Run the four stages; `norms` are those of the embeddings, `last` those after the stages."""
    maps = []
    for proj, norm, stage, after in zip(embeddings, norms, blocks, last, strict=True):
        x = proj(x)
        size = x.shape[2:]
        x = norm(x.flatten(2).transpose(1, 2))
        for block in stage:
            x = block(x, size)
        x = after(x).transpose(1, 2).reshape(len(x), -1, *size)
        maps.append(x)
    return maps


def decoded(maps, linears, fuse, classify, size):
    """Return logits of the four maps, of the size of the picture."""
    brought = []
    for x, linear in zip(maps, linears, strict=True):
        y = linear(x.flatten(2).transpose(1, 2)).transpose(1, 2).reshape(len(x), -1, *x.shape[2:])
        brought.append(F.interpolate(y, size=maps[0].shape[2:], mode="bilinear", align_corners=False))
    logits = classify(F.relu(fuse(torch.cat(brought[::-1], 1))))
    return F.interpolate(logits, size=size, mode="bilinear", align_corners=False)


PATCHES = [(7, 4, 3), (3, 2, 1), (3, 2, 1), (3, 2, 1)]
ATTENTION = [(1, 8), (2, 4), (5, 2), (8, 1)]


class Linear(nn.Module):
    def __init__(self, inp, out):
        super().__init__()
        self.proj = nn.Linear(inp, out)


class TransformersSegFormer(nn.Module):
    """transformers' SegformerForSemanticSegmentation, with the logits enlarged."""

    def __init__(self, widths, depths, decoder, classes):
        super().__init__()
        self.segformer, self.decode_head = nn.Module(), nn.Module()
        encoder = self.segformer.encoder = nn.Module()
        encoder.patch_embeddings, encoder.block = nn.ModuleList(), nn.ModuleList()
        encoder.layer_norm = nn.ModuleList(nn.LayerNorm(width) for width in widths)
        rows = zip((3, *widths), widths, depths, PATCHES, ATTENTION, strict=False)
        for before, width, depth, patch, attention in rows:
            embedding = nn.Module()
            embedding.proj, embedding.layer_norm = nn.Conv2d(before, width, *patch), nn.LayerNorm(width)
            encoder.patch_embeddings.append(embedding)
            encoder.block.append(nn.ModuleList(TransformersBlock(width, *attention) for _ in range(depth)))
        head = self.decode_head
        head.linear_c = nn.ModuleList(Linear(width, decoder) for width in widths)
        head.linear_fuse = nn.Conv2d(4 * decoder, decoder, 1, bias=False)
        head.batch_norm, head.classifier = nn.BatchNorm2d(decoder), nn.Conv2d(decoder, classes, 1)

    def forward(self, x):
        encoder, head = self.segformer.encoder, self.decode_head
        embeddings = [e.proj for e in encoder.patch_embeddings], [e.layer_norm for e in encoder.patch_embeddings]
        maps = stages(x, *embeddings, encoder.block, encoder.layer_norm)
        fuse = nn.Sequential(head.linear_fuse, head.batch_norm)
        return decoded(maps, [c.proj for c in head.linear_c], fuse, head.classifier, x.shape[2:])


class NvlabsSegFormer(nn.Module):
    """NVlabs' EncoderDecoder of mit_b* and SegFormerHead, with the leftover layer of its head."""

    def __init__(self, widths, depths, decoder, classes):
        super().__init__()
        self.backbone, self.decode_head = nn.Module(), nn.Module()
        rows = zip((3, *widths), widths, depths, PATCHES, ATTENTION, strict=False)
        for k, (before, width, depth, patch, attention) in enumerate(rows, 1):
            embedding = nn.Module()
            embedding.proj, embedding.norm = nn.Conv2d(before, width, *patch), nn.LayerNorm(width)
            blocks = nn.ModuleList(NvlabsBlock(width, *attention) for _ in range(depth))
            self.backbone.add_module(f"patch_embed{k}", embedding)
            self.backbone.add_module(f"block{k}", blocks)
            self.backbone.add_module(f"norm{k}", nn.LayerNorm(width, 1e-6))
            self.decode_head.add_module(f"linear_c{k}", Linear(width, decoder))
        head = self.decode_head
        head.linear_fuse = nn.Module()
        head.linear_fuse.conv = nn.Conv2d(4 * decoder, decoder, 1, bias=False)
        head.linear_fuse.bn = nn.BatchNorm2d(decoder)
        head.linear_pred, head.conv_seg = nn.Conv2d(decoder, classes, 1), nn.Conv2d(decoder, classes, 1)

    def forward(self, x):
        def numbered(module, name):
            return [getattr(module, f"{name}{k}") for k in range(1, 5)]

        embeddings = numbered(self.backbone, "patch_embed")
        sides = [e.proj for e in embeddings], [e.norm for e in embeddings]
        maps = stages(x, *sides, numbered(self.backbone, "block"), numbered(self.backbone, "norm"))
        head = self.decode_head
        fuse = nn.Sequential(head.linear_fuse.conv, head.linear_fuse.bn)
        linears = [c.proj for c in numbered(head, "linear_c")]
        return decoded(maps, linears, fuse, head.linear_pred, x.shape[2:])


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
