"""Mix Transformer (MiT): four stages of attention on maps of a quarter to a 32nd of the picture.

Xie et al., "SegFormer", NeurIPS 2021, section 3.1. Names are those of Hugging Face's transformers.
"""

from collections.abc import Mapping, Sequence
from typing import Any

HEADS = (1, 2, 5, 8)
REDUCTIONS = (8, 4, 2, 1)
"""Sides of the blocks of cells that become one key and value, stage by stage."""
PATCHES = ((7, 4, 3), (3, 2, 1), (3, 2, 1), (3, 2, 1))
"""Kernel, stride and padding of the overlapping patch embeddings."""
EXPANSION = 4
SMALLEST = 29
"""Side of the smallest picture: its first map has 8 cells, one block of the first stage."""
EMBEDDING_EPS = 1e-5


def mix_transformer(
    layers: Any, x: Any, widths: Sequence[int], depths: Sequence[int], eps: float, prefix: str = "segformer.encoder."
) -> list[Any]:
    """Return the maps of the four stages of a picture, the finest first.

    Parameters
    ----------
    layers, x
        As in `Network.forward`.
    widths, depths : sequence of 4 int
        Channels and blocks of the stages.
    eps : float
        Of the layer normalizations in blocks and after stages.
    prefix : str
        In front of all names of layers.
    """
    features = []
    for stage, (width, depth, patch) in enumerate(zip(widths, depths, PATCHES, strict=True)):
        embedding = f"{prefix}patch_embeddings.{stage}"
        x = layers.conv2d(x, f"{embedding}.proj", width, *patch)
        size = x.shape[2:]
        tokens = layers.layer_norm(to_tokens(layers, x, embedding), f"{embedding}.layer_norm", width, EMBEDDING_EPS)
        for k in range(depth):
            tokens = _block(layers, tokens, size, f"{prefix}block.{stage}.{k}", HEADS[stage], REDUCTIONS[stage], eps)
        tokens = layers.layer_norm(tokens, f"{prefix}layer_norm.{stage}", width, eps)
        x = to_map(layers, tokens, size, f"{prefix}stage.{stage}")
        features.append(x)
    return features


def to_tokens(layers: Any, x: Any, name: str) -> Any:
    """Return a map (N, C, H, W) as (N, H W, C): a vector for each cell."""
    n, channels, height, width = x.shape
    x = layers.reshape(x, f"{name}.flattened", (n, channels, height * width))
    return layers.transpose(x, f"{name}.tokens", (0, 2, 1))


def to_map(layers: Any, tokens: Any, size: Sequence[int], name: str) -> Any:
    """Return vectors (N, H W, C) as a map (N, C, H, W)."""
    n, _, channels = tokens.shape
    x = layers.transpose(tokens, f"{name}.transposed", (0, 2, 1))
    return layers.reshape(x, f"{name}.map", (n, channels, *size))


def _block(layers: Any, x: Any, size: Sequence[int], name: str, heads: int, reduction: int, eps: float) -> Any:
    """Return the vectors after attention and a mix of neighbouring cells, each added to what it read."""
    width = x.shape[-1]
    y = layers.layer_norm(x, f"{name}.layer_norm_1", width, eps)
    y = _attention(layers, y, size, f"{name}.attention", heads, reduction)
    x = layers.add(x, y, f"{name}.add_1")
    y = layers.layer_norm(x, f"{name}.layer_norm_2", width, eps)
    y = _mix_ffn(layers, y, size, f"{name}.mlp")
    return layers.add(x, y, f"{name}.add_2")


def _attention(layers: Any, x: Any, size: Sequence[int], name: str, heads: int, reduction: int) -> Any:
    """Return efficient self-attention: every cell asks, and blocks of `reduction` x `reduction` cells answer."""
    n, count, width = x.shape
    source = x
    if reduction > 1:
        source = to_map(layers, x, size, f"{name}.self.sr")
        source = layers.conv2d(source, f"{name}.self.sr", width, reduction, reduction)
        source = to_tokens(layers, source, f"{name}.self.sr")
        source = layers.layer_norm(source, f"{name}.self.layer_norm", width, EMBEDDING_EPS)

    def split(vectors: Any, entry: str) -> Any:
        """Return a linear function of vectors as (N, heads, vectors, width of a head)."""
        vectors = layers.linear(vectors, f"{name}.self.{entry}", width)
        vectors = layers.reshape(vectors, f"{name}.self.{entry}.split", (*vectors.shape[:2], heads, width // heads))
        return layers.transpose(vectors, f"{name}.self.{entry}.heads", (0, 2, 1, 3))

    query, key, value = split(x, "query"), split(source, "key"), split(source, "value")
    y = layers.scaled_dot_product_attention(query, key, value, f"{name}.self.mixed")
    y = layers.transpose(y, f"{name}.self.mixed.heads", (0, 2, 1, 3))
    y = layers.reshape(y, f"{name}.self.mixed.joined", (n, count, width))
    return layers.linear(y, f"{name}.output.dense", width)


def _mix_ffn(layers: Any, x: Any, size: Sequence[int], name: str) -> Any:
    """Return a perceptron of each vector, between whose layers a depthwise convolution tells cells their place."""
    width = x.shape[-1]
    x = layers.linear(x, f"{name}.dense1", EXPANSION * width)
    x = to_map(layers, x, size, f"{name}.dwconv")
    x = layers.conv2d(x, f"{name}.dwconv.dwconv", EXPANSION * width, 3, padding=1, groups=EXPANSION * width)
    x = layers.gelu(to_tokens(layers, x, f"{name}.dwconv"), f"{name}.intermediate_act_fn")
    return layers.linear(x, f"{name}.dense2", width)


def nvlabs_encoder(weights: Mapping[str, Any], theirs: str, prefix: str = "segformer.encoder.") -> dict[str, Any]:
    """Return our names and values of the encoder in NVlabs/SegFormer; other names pass as they are.

    `theirs` is the prefix of their names. Their keys and values are made by one matrix, the keys by its upper half.
    """
    result: dict[str, Any] = {}
    for name, value in weights.items():
        if not name.startswith(theirs):
            result[name] = value
            continue
        first, *rest = name.removeprefix(theirs).split(".")
        stage = first[-1:]
        if not stage.isdigit() or stage == "0":
            result[name] = value
            continue
        part, place = first[:-1], int(stage) - 1
        if part == "patch_embed":
            words = ["layer_norm" if word == "norm" else word for word in rest]
            result[f"{prefix}patch_embeddings.{place}.{'.'.join(words)}"] = value
        elif part == "norm":
            result[f"{prefix}layer_norm.{place}.{'.'.join(rest)}"] = value
        elif part == "block" and len(rest) > 2:
            number, *inner = rest
            for inside, array in _nvlabs_block(".".join(inner), value):
                result[f"{prefix}block.{place}.{number}.{inside}"] = array
        else:
            result[name] = value
    return result


BLOCK = {
    "norm1": "layer_norm_1",
    "norm2": "layer_norm_2",
    "attn.q": "attention.self.query",
    "attn.sr": "attention.self.sr",
    "attn.norm": "attention.self.layer_norm",
    "attn.proj": "attention.output.dense",
    "mlp.fc1": "mlp.dense1",
    "mlp.fc2": "mlp.dense2",
}
"""Our layer for each layer of a block in NVlabs/SegFormer, where they differ by name alone."""


def _nvlabs_block(name: str, value: Any) -> list[tuple[str, Any]]:
    layer, _, entry = name.rpartition(".")
    if layer == "attn.kv":
        half = value.shape[0] // 2
        return [(f"attention.self.key.{entry}", value[:half]), (f"attention.self.value.{entry}", value[half:])]
    return [(f"{BLOCK.get(layer, layer)}.{entry}", value)]
