"""SegFormer: a transformer of four stages, whose maps a head of 1 x 1 convolutions joins."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from segalgo._core.checks import as_number, one_of, shown
from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import OtherNames, blocks_after, kernel_shape, renamed
from segalgo.models.networks.backbones.mix_transformer import (
    HEADS,
    SMALLEST,
    mix_transformer,
    nvlabs_encoder,
    to_map,
    to_tokens,
)
from segalgo.models.networks.backbones.torchvision_backbones import as_width_mult
from segalgo.models.predicting.preprocessing import IMAGENET

ENCODER = "segformer.encoder."


class Variant(NamedTuple):
    """A row of the paper's table 6."""

    widths: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
    decoder_channels: int


WIDE = (64, 128, 320, 512)
VARIANTS = {
    "b0": Variant((32, 64, 160, 256), (2, 2, 2, 2), 256),
    "b1": Variant(WIDE, (2, 2, 2, 2), 256),
    "b2": Variant(WIDE, (3, 4, 6, 3), 768),
    "b3": Variant(WIDE, (3, 4, 18, 3), 768),
    "b4": Variant(WIDE, (3, 8, 27, 3), 768),
    "b5": Variant(WIDE, (3, 6, 40, 3), 768),
}


def from_nvlabs(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return the weights of NVlabs/SegFormer by our names, without the layer that its head does not use."""
    layers = {f"decode_head.linear_c{k}.proj": f"decode_head.linear_c.{k - 1}.proj" for k in range(1, 5)}
    layers |= {
        "decode_head.linear_fuse.conv": "decode_head.linear_fuse",
        "decode_head.linear_fuse.bn": "decode_head.batch_norm",
        "decode_head.linear_pred": "decode_head.classifier",
    }
    kept = {name: value for name, value in weights.items() if not name.startswith("decode_head.conv_seg.")}
    return renamed(nvlabs_encoder(kept, "backbone."), layers)


class SegFormer(Network):
    """SegFormer B0 to B5.

    Four stages of attention make maps of a quarter, 8th, 16th and 32nd of the picture. Each is brought to the same
    number of channels and enlarged to a quarter; a 1 x 1 convolution with batch norm and ReLU joins the four, another
    makes the logits, which are enlarged bilinearly to the picture.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 150
    variant : {"b0", "b1", "b2", "b3", "b4", "b5"}
    decoder_channels : int, optional
        Of the head; by default the variant's times `width_mult`.
    width_mult : float, default 1.0
        Factor of the encoder's channels.
    norm_eps : float, default 1e-5
        Of the layer normalizations in blocks and after stages: 1e-5 in Hugging Face's transformers, 1e-6 in
        NVlabs/SegFormer, by which its files are run.
    dropout : float, default 0.1
        Active only in `predict` with `samples`.
    seed : int, default 0
        Of the fresh weights (He et al. 2015).

    Notes
    -----
    The paper's network [1]_, with the logits enlarged from a quarter to the picture. The released recipes resize
    pictures or cut them into windows first; `predict` takes them as they are. A picture of fewer than 29 rows or
    columns, of which the first stage could make no key, is padded with zeros. Attention makes exact tiles impossible.
    3,752,694 parameters in B0 with 150 classes, 3,719,027 with 19.

    References
    ----------
    .. [1] E. Xie, W. Wang, Z. Yu, A. Anandkumar, J. M. Alvarez, P. Luo, "SegFormer", NeurIPS 2021, figure 2.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.SegFormer().summary((1, 3, 64, 64)).parameters
    3752694
    """

    architecture = "segformer"
    mark = ("decode_head.linear_fuse.weight", "segformer.encoder.patch_embeddings.0.proj.weight")
    other_names = (
        OtherNames(
            "NVlabs/SegFormer, mmseg/models/backbones/mix_transformer.py",
            lambda weights: (
                "backbone.patch_embed1.proj.weight" in weights and "decode_head.linear_pred.weight" in weights
            ),
            from_nvlabs,
            {"arguments": {"norm_eps": 1e-6}},
        ),
    )

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        depths = tuple(blocks_after(shapes, f"{ENCODER}block.{stage}.") for stage in range(4))
        width, in_channels, *_ = kernel_shape(shapes, f"{ENCODER}patch_embeddings.0.proj.weight")
        found = [name for name, variant in VARIANTS.items() if variant.depths == depths]
        if not found:
            raise ValueError(f"a SegFormer with stages of {depths} blocks: expected one of {', '.join(VARIANTS)}")
        # B0 and B1 differ by their widths alone.
        name = next((name for name in found if VARIANTS[name].widths[0] == width), found[0])
        return {
            "in_channels": in_channels,
            "num_classes": kernel_shape(shapes, "decode_head.classifier.weight")[0],
            "variant": name,
            "decoder_channels": kernel_shape(shapes, "decode_head.linear_fuse.weight")[0],
            "width_mult": width / VARIANTS[name].widths[0],
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 150,
        variant: str = "b0",
        decoder_channels: int | None = None,
        *,
        width_mult: float = 1.0,
        norm_eps: float = 1e-5,
        dropout: float = 0.1,
        seed: int = 0,
    ) -> None:
        self.variant = str(one_of(variant, "variant", tuple(VARIANTS)))
        widths, self.depths, channels = VARIANTS[self.variant]
        self.width_mult = as_width_mult(width_mult)
        self.widths = tuple(round(width * self.width_mult) for width in widths)
        if any(width < 1 or width % heads for width, heads in zip(self.widths, HEADS, strict=True)):
            raise ValueError(
                f"width_mult={shown(width_mult)}: expected a factor that leaves whole heads, {HEADS} of them, and not "
                f"{self.widths} channels"
            )
        if decoder_channels is None:
            decoder_channels = max(round(channels * self.width_mult), 1)
        self.decoder_channels = as_count(decoder_channels, "decoder_channels")
        self.norm_eps = as_number(norm_eps, "norm_eps")
        if not 0 < self.norm_eps < 1:
            raise ValueError(f"norm_eps={shown(norm_eps)}: expected a small number above 0")
        self.dropout = dropout
        super().__init__(in_channels, num_classes, seed)
        if self.in_channels == 3:
            self.preprocessing = IMAGENET

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        size = x.shape[2:]
        features = mix_transformer(layers, x, self.widths, self.depths, self.norm_eps, ENCODER)
        quarter, brought = features[0].shape[2:], []
        for k, feature in enumerate(features):
            name = f"decode_head.linear_c.{k}"
            y = layers.linear(to_tokens(layers, feature, name), f"{name}.proj", self.decoder_channels)
            y = to_map(layers, y, feature.shape[2:], name)
            if k > 0:
                y = layers.interpolate(y, f"{name}.enlarged", quarter, mode="bilinear", align_corners=False)
            brought.append(y)
        x = layers.concatenate(*brought[::-1], "decode_head.concatenated")  # the coarsest first
        x = layers.conv2d(x, "decode_head.linear_fuse", self.decoder_channels, 1, bias=False)
        x = layers.relu(layers.batch_norm(x, "decode_head.batch_norm"), "decode_head.activation")
        x = layers.dropout(x, "decode_head.dropout", self.dropout)
        x = layers.conv2d(x, "decode_head.classifier", self.num_classes, 1)
        return layers.interpolate(x, "logits", size, mode="bilinear", align_corners=False)

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest input size, at least this one, that the network takes as it is."""
        return max(height, SMALLEST), max(width, SMALLEST)

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to the Mix Transformer."""
        return name.startswith(ENCODER)

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return the encoder of a MiT for classification, by the names of Hugging Face or of NVlabs."""
        kept = {name: value for name, value in weights.items() if not name.startswith(("classifier.", "head."))}
        return kept if any(name.startswith(ENCODER) for name in kept) else nvlabs_encoder(kept, "")
