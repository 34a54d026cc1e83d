"""SegNet: a decoder that puts values where the pooling of the encoder found its maxima."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import OtherNames, kernel_shape, renamed
from segalgo.models.networks.backbones.vgg import CONVOLUTIONS as ENCODER
from segalgo.models.networks.backbones.vgg import DEPTHS, TORCHVISION

# Layers of torchvision's vgg16_bn, `features.{number}`, in the order of the thirteen convolutions.
VGG16_BN = (0, 3, 7, 10, 14, 17, 20, 24, 27, 30, 34, 37, 40)
BATCH_NORM_EPS = 1e-5


def vgg16(names: set[str]) -> dict[str, str]:
    """Return our layer for each layer of torchvision's VGG16, with or without batch normalization."""
    if f"features.{VGG16_BN[-1]}.weight" not in names:
        return {f"features.{number}": ours for number, ours in zip(TORCHVISION, ENCODER, strict=True)}
    layers = {f"features.{number}": ours for number, ours in zip(VGG16_BN, ENCODER, strict=True)}
    return layers | {f"features.{number + 1}": f"{ours}_bn" for number, ours in zip(VGG16_BN, ENCODER, strict=True)}


def semseg_segnet() -> dict[str, str]:
    """Return our layer for each layer of pytorch-semseg; its decoder counts layers in the order they run."""
    layers = {}
    for stage, depth in enumerate(DEPTHS, 1):
        for j in range(1, depth + 1):
            up = f"conv{stage}_{depth + 1 - j}_D"
            for theirs, ours in ((f"down{stage}.conv{j}", f"conv{stage}_{j}"), (f"up{stage}.conv{j}", up)):
                layers |= {f"{theirs}.cbr_unit.0": ours, f"{theirs}.cbr_unit.1": f"{ours}_bn"}
    return layers


def released(weights: Mapping[str, Any], mark: str) -> bool:
    """Return whether weights are of the authors' release: batch normalization without statistics."""
    return mark in weights and not any(name.endswith("_mean") for name in weights)


def with_statistics(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights of the authors' release, whose statistics are folded into scale and shift, with statistics.

    Their layers are ours, ``conv1_1`` and ``conv1_1_bn``; scale and shift, of shape (1, C, 1, 1), count as weight and
    bias. Means of 0 and variances that make the divisor 1 change nothing.
    """
    result = dict(weights)
    for name, value in weights.items():
        layer, _, entry = name.rpartition(".")
        if layer.endswith("_bn"):
            result[name] = value.reshape(-1)
            if entry == "weight":
                result[f"{layer}.running_mean"] = np.zeros(value.size, np.float32)
                result[f"{layer}.running_var"] = np.full(value.size, 1 - BATCH_NORM_EPS, np.float32)
    return result


# The authors fed raw pictures as OpenCV reads them.
RELEASE = {"preprocessing": {"channels": "bgr", "mean": 0.0, "scale": 1.0}}


class SegNet(Network):
    """SegNet: the thirteen convolutions of VGG16, and the mirrored decoder.

    ``conv - batch norm - ReLU`` throughout; five times max-pooling, whose indices are kept; five times max-unpooling
    with these indices, the last pooling first. The last layer is a bare convolution: logits.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 12
    widths : sequence of 5 int, default (64, 128, 256, 512, 512)
        Channels of the stages; the default is VGG16.
    dropout : float, default 0.5
        Probability of the dropout of Bayesian SegNet [2]_: after pooling 3 to 5 and after decoder stages 5 to 3. It is
        active only in `predict` with `samples`.
    ceil_mode : bool, default True
        Pooling rounds sizes up. A widespread port rounds down.
    bare : bool, default True
        The last layer is a bare convolution; in that port it ends in batch norm and ReLU like all others.
    seed : int, default 0
        Of the fresh weights (He et al. 2015).

    Notes
    -----
    Departures from the paper [1]_, the authors' own in their released model definitions: convolutions have biases;
    pooling rounds up, and unpooling is given the size before it, so that any picture size will do: 360 x 480 passes
    45 x 60, 23 x 30 and 12 x 15. Not theirs: batch normalization keeps its statistics beside scale and shift.
    29,449,355 parameters with 11 classes.

    References
    ----------
    .. [1] V. Badrinarayanan, A. Kendall, R. Cipolla, "SegNet", PAMI 39(12), 2017, figure 2.
    .. [2] A. Kendall, V. Badrinarayanan, R. Cipolla, "Bayesian SegNet", BMVC 2017.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> model = segalgo.models.SegNet(num_classes=5, widths=(4, 4, 8, 8, 8))
    >>> model(np.zeros((1, 3, 45, 61), np.float32)).shape
    (1, 5, 45, 61)
    """

    depths = DEPTHS
    architecture = "segnet"
    mark = "conv1_1_D.weight"
    other_names = (
        OtherNames(
            "meetps/pytorch-semseg, ptsemseg/models/segnet.py",
            lambda weights: "down1.conv1.cbr_unit.0.weight" in weights,
            lambda weights: renamed(weights, semseg_segnet()),
            {
                "arguments": {"ceil_mode": False, "bare": False},
                "preprocessing": {"channels": "bgr", "mean": (104.00699, 116.66877, 122.67892), "scale": 255.0},
            },
        ),
        OtherNames(
            "alexgkendall/SegNet-Tutorial, blobs converted to arrays",
            lambda weights: released(weights, "conv1_1_bn.weight"),
            with_statistics,
            RELEASE,
        ),
    )

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        return {
            "in_channels": kernel_shape(shapes, "conv1_1.weight")[1],
            "num_classes": kernel_shape(shapes, "conv1_1_D.weight")[0],
            "widths": [kernel_shape(shapes, f"conv{stage}_1.weight")[0] for stage in range(1, 6)],
            "bare": "conv1_1_D_bn.weight" not in shapes,
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 12,
        widths: Sequence[int] = (64, 128, 256, 512, 512),
        *,
        dropout: float = 0.5,
        ceil_mode: bool = True,
        bare: bool = True,
        seed: int = 0,
    ) -> None:
        self.widths = tuple(as_count(width, "widths") for width in widths)
        if len(self.widths) != 5:
            raise ValueError(f"widths={tuple(widths)}: expected 5 numbers of channels, one a stage")
        self.dropout, self.ceil_mode, self.bare = dropout, bool(ceil_mode), bool(bare)
        super().__init__(in_channels, num_classes, seed)

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to the thirteen convolutions of VGG16."""
        return name.partition(".")[0].removesuffix("_bn") in ENCODER

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return the encoder of torchvision's VGG16, with batch normalization or without.

        Without it, the encoder's changes nothing: means 0, and variances such that it divides by 1.
        """
        features = {name: value for name, value in weights.items() if name.startswith("features.")}
        encoder = renamed(features, vgg16(set(features)))
        if not any(name.startswith("conv1_1_bn.") for name in encoder):
            shapes = self.parameter_shapes()
            for name in ENCODER:
                shape = shapes[f"{name}_bn.weight"]
                encoder |= {f"{name}_bn.{entry}": np.zeros(shape, np.float32) for entry in ("bias", "running_mean")}
                encoder |= {f"{name}_bn.weight": np.ones(shape, np.float32)}
                encoder |= {f"{name}_bn.running_var": np.full(shape, 1 - BATCH_NORM_EPS, np.float32)}
        return encoder

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        pooled = []
        for stage, (depth, width) in enumerate(zip(self.depths, self.widths, strict=True), 1):
            for j in range(1, depth + 1):
                x = self._layer(layers, x, f"conv{stage}_{j}", width)
            size = x.shape[2:]
            x, indices = layers.max_pool2d(x, f"pool{stage}", 2, 2, ceil_mode=self.ceil_mode, return_indices=True)
            pooled.append((indices, size))
            if stage >= 3:
                x = layers.dropout(x, f"encdrop{stage}", self.dropout)
        for stage in (5, 4, 3, 2, 1):
            indices, size = pooled.pop()
            x = layers.max_unpool2d(x, indices, f"upsample{stage}", size)
            for j in range(self.depths[stage - 1], 0, -1):
                # The last convolution of a stage makes the channels of the stage below.
                width = self.widths[stage - 1] if j > 1 else (self.num_classes, *self.widths)[stage - 1]
                if (stage, j) == (1, 1) and self.bare:
                    x = layers.conv2d(x, "conv1_1_D", width, 3, padding=1)
                else:
                    x = self._layer(layers, x, f"conv{stage}_{j}_D", width)
            if stage >= 3:
                x = layers.dropout(x, f"decdrop{stage}", self.dropout)
        return x

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest input size, at least this one, that the network takes as it is."""
        return (max(height, 1), max(width, 1)) if self.ceil_mode else (max(height, 32), max(width, 32))

    def _layer(self, layers: Any, x: Any, name: str, width: int) -> Any:
        x = layers.conv2d(x, name, width, 3, padding=1)
        x = layers.batch_norm(x, f"{name}_bn")
        return layers.relu(x, f"{name}_relu")
