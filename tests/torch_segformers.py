"""SegFormer in PyTorch with the names of modules that transformers and NVlabs give them."""

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


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
