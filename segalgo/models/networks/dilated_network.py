"""The dilated network of Yu and Koltun: VGG16 without its last poolings, and a module that gathers context."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo._core.checks import one_of
from segalgo.layers.convolution import bilinear_weight
from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import OtherNames, kernel_shape, renamed
from segalgo.models.networks.backbones.vgg import (
    CONVOLUTIONS,
    WIDTHS,
    as_widths,
    classification_weights,
    vgg_stage,
    widths_of,
)
from segalgo.models.predicting.preprocessing import Preprocessing

MARGIN = 186
"""Rows and columns on each side of the picture that the front end, which has no padding, takes away."""
CELL = 8


@dataclass(frozen=True)
class Context:
    """A context module: its layers, and where it was trained."""

    prefix: str
    dilations: Mapping[str, int]
    """Dilation of each 3 x 3 convolution, by name, in order."""
    factors: tuple[int, ...]
    """Channels of each, in numbers of classes."""
    mean: tuple[float, float, float]
    """Of blue, green and red of the pictures."""
    padded_once: int = 0
    """Zeros in front of the first convolution in place of padding in each."""
    upsampled: bool = False
    """Whether a transposed convolution enlarges the logits (Cityscapes), in place of bilinear interpolation."""


BASIC = {"conv1_1": 1, "conv1_2": 1, "conv2_1": 2, "conv3_1": 4, "conv4_1": 8, "conv5_1": 16, "fc1": 1}
KITTI = {name: rate for name, rate in BASIC.items() if name != "conv5_1"}
CITYSCAPES = {**{name: rate for name, rate in BASIC.items() if name != "fc1"}, "conv6_1": 32, "conv7_1": 64, "fc1": 1}
CONTEXTS = {
    "pascal_voc": Context("ct_", BASIC, (2, 2, 4, 8, 16, 32, 32), (102.93, 111.36, 116.52), padded_once=33),
    "camvid": Context("ctx_", BASIC, (1,) * 7, (110.70313206, 108.77808759, 105.41212523)),
    "kitti": Context("ctx_", KITTI, (1,) * 6, (96.19429688, 95.55136972, 91.34692262)),
    "cityscapes": Context("ctx_", CITYSCAPES, (1,) * 9, (72.39, 82.91, 73.16), upsampled=True),
}


def _last_layer(context: str | None) -> str:
    """Return the name of the front end's last layer."""
    return "fc-final" if context in (None, "pascal_voc") else "final"


class DilatedNetwork(Network):
    """Multi-scale context aggregation by dilated convolutions: front end and context module.

    The front end is VGG16 whose last two poolings are left out; the convolutions behind them are dilated by 2 and 4, so
    that its logits have an eighth of the picture's size. The context module is a stack of 3 x 3 convolutions dilated by
    1, 1, 2, 4, 8, 16 and 1, by which each cell sees 67 x 67 cells of the logits. Probabilities are enlarged bilinearly
    to the picture.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 21
    widths : sequence of 5 int, default (64, 128, 256, 512, 512)
        Channels of the stages; the default is VGG16.
    classifier_channels : int, default 4096
        Of the two convolutions that were VGG16's matrices.
    context : {"pascal_voc", "camvid", "kitti", "cityscapes"} or None, default "pascal_voc"
        The module of the network released for this data set: of growing width (PASCAL VOC), of as many channels as
        classes (CamVid), of these without the dilation 16 (KITTI) or with 32 and 64 too (Cityscapes). None is the front
        end alone.
    dropout : float, default 0.5
        In the front end; active only in `predict` with `samples`.
    seed : int, default 0
        Of the fresh weights: of He et al. 2015 in the front end; the context module begins as the paper's, which
        passes the logits on as they are.

    Notes
    -----
    As in the authors' release: the front end has no padding, so that it takes 186 pixels from each side, which mirrored
    pixels fill up; the logits of PASCAL VOC are padded once, by 33, the others at each layer. Their output is
    probabilities, softmax before the enlargement, whose cell k lies on pixel 8 k; the network for Cityscapes enlarges
    logits, by a transposed convolution. They compute large pictures in parts of 900 or 1396 pixels, whose logits end at
    the part's border; here the picture is one part. Names are theirs. `predict` gives BGR from 0 to 255 without the
    mean of the data set.

    References
    ----------
    .. [1] F. Yu, V. Koltun, "Multi-scale context aggregation by dilated convolutions", ICLR 2016, table 1.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> model = segalgo.models.DilatedNetwork(3, 5, (2, 2, 2, 2, 2), 4, "camvid")
    >>> model(np.zeros((1, 3, 45, 61), np.float32)).shape
    (1, 5, 45, 61)
    """

    architecture = "dilated"
    mark = ("conv1_1.weight", "fc6.weight", "fc7.weight")
    probabilities = True
    other_names = (
        OtherNames(
            "fyu/dilation, front end alone",
            lambda weights: (
                {"conv1_1.weight", "fc6.weight", "final.weight"} <= set(weights) and "ctx_final.weight" not in weights
            ),
            lambda weights: renamed(weights, {"final": "fc-final"}),
        ),
    )

    @classmethod
    def has_mark(cls, names: Any) -> bool:
        """Return whether the names of parameters are those of this network, with any context module."""
        return super().has_mark(names) and any(f"{last}.weight" in names for last in ("fc-final", "final"))

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        context = None
        for name in ("pascal_voc", "kitti", "camvid", "cityscapes"):  # of those that fit, the last one
            layers = CONTEXTS[name]
            if all(f"{layers.prefix}{layer}.weight" in shapes for layer in layers.dilations):
                context = name
        return {
            "in_channels": kernel_shape(shapes, "conv1_1.weight")[1],
            "num_classes": kernel_shape(shapes, f"{_last_layer(context)}.weight")[0],
            "widths": widths_of(shapes),
            "classifier_channels": kernel_shape(shapes, "fc6.weight")[0],
            "context": context,
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        widths: Sequence[int] = WIDTHS,
        classifier_channels: int = 4096,
        context: str | None = "pascal_voc",
        *,
        dropout: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.widths = as_widths(widths)
        self.classifier_channels = as_count(classifier_channels, "classifier_channels")
        self.context = None if context is None else str(one_of(context, "context", tuple(CONTEXTS)))
        self.dropout = dropout
        super().__init__(in_channels, num_classes, seed)
        if self.in_channels == 3:
            self.preprocessing = Preprocessing("bgr", mean=CONTEXTS[self.context or "pascal_voc"].mean, scale=1.0)

    def fresh_parameters(self) -> dict[str, Any]:
        """Return parameters before training: the context module passes logits on, nearly as they are."""
        parameters = super().fresh_parameters()
        if self.context is not None:
            rng = np.random.default_rng(self.seed)
            for name, value in parameters.items():
                if name == "ctx_upsample.weight":
                    fresh = np.broadcast_to(bilinear_weight(1, 16), value.shape).astype(np.float32)
                elif name.startswith(CONTEXTS[self.context].prefix) and name.endswith(".weight"):
                    fresh = _passing(value.shape, self.num_classes, rng)
                else:
                    continue
                fresh.flags.writeable = False
                parameters[name] = fresh
        return parameters

    def forward(self, layers: Any, x: Any) -> Any:
        """Return probabilities: the network, layer by layer."""
        size = tuple(x.shape[2:])
        for axis in (2, 3):
            x = _mirrored(layers, x, axis, MARGIN, MARGIN + -x.shape[axis] % CELL)
        x = self._front_end(layers, x)
        context = CONTEXTS[self.context] if self.context else None
        if context:
            x = self._context(layers, x, context)
        if context and context.upsampled:
            x = layers.conv_transpose2d(
                x, "ctx_upsample", self.num_classes, 16, 8, 4, groups=self.num_classes, bias=False
            )
            return layers.crop(layers.softmax(x, "prob", 1), "probabilities", size, (0, 0))
        x = layers.softmax(x, "prob", 1)
        enlarged = tuple(CELL * n for n in x.shape[2:])
        x = layers.resample(x, "enlarged", enlarged, mode="linear", coordinates="asymmetric")
        return layers.crop(x, "probabilities", size, (0, 0))

    def _front_end(self, layers: Any, x: Any) -> Any:
        """Return logits of an eighth of the picture."""
        for stage, width in enumerate(self.widths, 1):
            x = vgg_stage(layers, x, stage, width, padding=0, dilation=2 if stage == 5 else 1)
            if stage <= 3:
                x = layers.max_pool2d(x, f"pool{stage}", 2, 2)
        for name, kernel, dilation in (("6", 7, 4), ("7", 1, 1)):
            x = layers.conv2d(x, f"fc{name}", self.classifier_channels, kernel, dilation=dilation)
            x = layers.relu(x, f"relu{name}")
            x = layers.dropout(x, f"drop{name}", self.dropout)
        return layers.conv2d(x, _last_layer(self.context), self.num_classes, 1)

    def _context(self, layers: Any, x: Any, context: Context) -> Any:
        """Return logits that have seen those around them."""
        padding = context.padded_once
        for (name, dilation), factor in zip(context.dilations.items(), context.factors, strict=True):
            border = padding if context.padded_once else dilation
            name = f"{context.prefix}{name}"
            x = layers.conv2d(x, name, factor * self.num_classes, 3, padding=border, dilation=dilation)
            x = layers.relu(x, f"{name}_relu")
            padding = 0
        return layers.conv2d(x, f"{context.prefix}final", self.num_classes, 1)

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to VGG16, its first two matrices included."""
        return name.partition(".")[0] in (*CONVOLUTIONS, "fc6", "fc7")

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return torchvision's VGG16, its first two matrices as convolutions."""
        return classification_weights(weights)


def _mirrored(layers: Any, x: Any, axis: int, before: int, after: int) -> Any:
    """Return a map with mirrored cells on both sides of an axis, which may be more than it has."""
    number = 0
    while before or after:
        most = x.shape[axis] - 1
        sides = (min(before, most), min(after, most)) if most else (before, after)
        amounts = (0, 0, *sides) if axis == 2 else (*sides, 0, 0)
        name = f"mirrored_{'rows' if axis == 2 else 'columns'}{number or ''}"
        x = layers.pad(x, name, amounts, "reflect" if most else "replicate")
        before, after, number = before - sides[0], after - sides[1], number + 1
    return x


def _passing(shape: Sequence[int], classes: int, rng: np.random.Generator) -> np.ndarray:
    """Return a kernel whose middle passes each group of channels on to its share of the next ones (section 4)."""
    made, given = shape[:2]
    group = np.arange(made)[:, None] * classes // made == np.arange(given) * classes // given
    kernel = rng.normal(0, 1e-3 * classes / made, shape)
    kernel[..., shape[2] // 2, shape[3] // 2] += group * classes / made
    return kernel.astype(np.float32)
