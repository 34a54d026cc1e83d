"""FCN on VGG16, as its authors released it: logits of the coarsest map, refined by those of finer ones."""

from collections.abc import Container, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from segalgo.layers.convolution import bilinear_weight
from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import kernel_shape
from segalgo.models.networks.backbones.vgg import (
    CONVOLUTIONS,
    WIDTHS,
    as_widths,
    classification_weights,
    vgg16,
    widths_of,
)
from segalgo.models.predicting.preprocessing import Preprocessing

PADDING = 100
"""Zeros around the picture, so that the classifier, which reads 7 x 7 cells of the last map, has some for any size."""
RELEASED = Preprocessing("bgr", mean=(104.00699, 116.66877, 122.67892), scale=1.0)


class FCNOnVGG16(Network):
    """What the forms share: the convolutions, and the arguments."""

    fine: ClassVar[tuple[int, ...]]
    """The stages whose pooled maps are classified too, the coarsest first."""
    scales: ClassVar[Mapping[int, float]] = {}
    """What these maps are multiplied with before they are classified."""
    biased: ClassVar[tuple[str, ...]] = ()
    """The transposed convolutions that have a bias."""

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        return {
            "in_channels": kernel_shape(shapes, "conv1_1.weight")[1],
            "num_classes": kernel_shape(shapes, "score_fr.weight")[0],
            "widths": widths_of(shapes),
            "classifier_channels": kernel_shape(shapes, "fc6.weight")[0],
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        widths: Sequence[int] = WIDTHS,
        classifier_channels: int = 4096,
        *,
        dropout: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.widths = as_widths(widths)
        self.classifier_channels = as_count(classifier_channels, "classifier_channels")
        self.dropout = dropout
        super().__init__(in_channels, num_classes, seed)
        if self.in_channels == 3:
            self.preprocessing = RELEASED

    def fresh_parameters(self) -> dict[str, Any]:
        """Return parameters before training: transposed convolutions enlarge each class bilinearly."""
        parameters = super().fresh_parameters()
        for name, value in parameters.items():
            if name.startswith("upscore") and name.endswith(".weight"):
                kernels = np.zeros(value.shape, np.float32)
                kernels[range(len(kernels)), range(len(kernels))] = bilinear_weight(1, value.shape[-1])[0, 0]
                kernels.flags.writeable = False
                parameters[name] = kernels
        return parameters

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        size = x.shape[2:]
        features = vgg16(layers, x, self.widths, first_padding=PADDING)
        x = features["pool5"]
        for name, kernel in (("6", 7), ("7", 1)):
            x = layers.conv2d(x, f"fc{name}", self.classifier_channels, kernel)
            x = layers.relu(x, f"relu{name}")
            x = layers.dropout(x, f"drop{name}", self.dropout)
        x = layers.conv2d(x, "score_fr", self.num_classes, 1)
        # Each finer map is classified, and the part of it that the enlarged logits cover is added to them.
        for stage in self.fine:
            name = "upscore2" if stage == 4 else f"upscore_pool{stage + 1}"
            x = layers.conv_transpose2d(x, name, self.num_classes, 4, 2, bias=name in self.biased)
            score = features[f"pool{stage}"]
            if stage in self.scales:
                score = layers.scale(score, f"scale_pool{stage}", self.scales[stage])
            score = layers.conv2d(score, f"score_pool{stage}", self.num_classes, 1)
            offset = {4: 5, 3: 9}[stage]
            score = layers.crop(score, f"score_pool{stage}c", x.shape[2:], (offset, offset))
            x = layers.add(x, score, f"fuse_pool{stage}")
        stride = 32 >> len(self.fine)
        name = "upscore" if stride == 32 else f"upscore{stride}"
        x = layers.conv_transpose2d(x, name, self.num_classes, 2 * stride, stride, bias=False)
        offset = {32: 19, 16: 27, 8: 31}[stride]
        return layers.crop(x, "score", size, (offset, offset))

    def in_encoder(self, name: str) -> bool:
        """Return whether a parameter belongs to VGG16, its first two matrices included."""
        return name.partition(".")[0] in (*CONVOLUTIONS, "fc6", "fc7")

    def encoder_parameters(self, weights: Mapping[str, Any]) -> dict[str, Any]:
        """Return torchvision's VGG16, its first two matrices as convolutions."""
        return classification_weights(weights)


class FCN32s(FCNOnVGG16):
    """FCN-32s: VGG16 as a convolution, its logits enlarged 32 times at once.

    Parameters
    ----------
    in_channels, num_classes, widths, classifier_channels, dropout, seed
        As in `FCN8s`.

    Notes
    -----
    See `FCN8s`. 134,346,581 parameters with 21 classes, and 1,806,336 of the enlargement, which is not trained.

    References
    ----------
    .. [1] J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> model = segalgo.models.FCN32s(3, 5, (2, 2, 2, 2, 2), 4)
    >>> model(np.zeros((1, 3, 45, 61), np.float32)).shape
    (1, 5, 45, 61)
    """

    architecture = "fcn32s"
    mark = ("conv1_1.weight", "fc6.weight", "upscore.weight")
    fine = ()


class FCN16s(FCNOnVGG16):
    """FCN-16s: logits of VGG16, enlarged twice, with those of pool4 added, enlarged 16 times.

    Parameters
    ----------
    in_channels, num_classes, widths, classifier_channels, dropout, seed
        As in `FCN8s`.

    Notes
    -----
    See `FCN8s`.

    References
    ----------
    .. [1] J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> model = segalgo.models.FCN16s(3, 5, (2, 2, 2, 2, 2), 4)
    >>> model(np.zeros((1, 3, 45, 61), np.float32)).shape
    (1, 5, 45, 61)
    """

    architecture = "fcn16s"
    mark = ("conv1_1.weight", "fc6.weight", "upscore16.weight")
    fine = (4,)


class FCN8s(FCNOnVGG16):
    """FCN-8s: logits of VGG16, refined by those of pool4 and pool3, enlarged eight times.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 21
    widths : sequence of 5 int, default (64, 128, 256, 512, 512)
        Channels of the stages; the default is VGG16.
    classifier_channels : int, default 4096
        Of the two convolutions that were VGG16's matrices.
    dropout : float, default 0.5
        After these two; active only in `predict` with `samples`.
    seed : int, default 0
        Of the fresh weights (He et al. 2015). Transposed convolutions begin bilinear, which in the authors' files they
        remain.

    Notes
    -----
    As in the authors' released definition: the picture is padded with 100 zeros on each side, pooling rounds sizes up,
    and fixed parts of the larger maps are cut out, so that a picture of 500 rows passes 698, 349, 175, 88, 44, 22 and
    16, and comes back by 34, 70 and 568. `predict` gives what they fed it: BGR from 0 to 255 without the mean. Names
    are theirs. Files of the form that was trained at once have the same names: see `FCN8sAtOnce`.
    134,362,751 parameters with 21 classes, and 127,008 of the enlargements, which are not trained.

    References
    ----------
    .. [1] J. Long, E. Shelhamer, T. Darrell, "Fully convolutional networks for semantic segmentation", CVPR 2015,
       figure 3.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> model = segalgo.models.FCN8s(3, 5, (2, 2, 2, 2, 2), 4)
    >>> model(np.zeros((1, 3, 45, 61), np.float32)).shape
    (1, 5, 45, 61)
    """

    architecture = "fcn8s"
    mark = ("conv1_1.weight", "fc6.weight", "upscore8.weight")
    fine = (4, 3)

    @classmethod
    def has_mark(cls, names: Container[str]) -> bool:
        """Return whether the names of parameters are those of this network, and not of `CRFRNN`, which contains it."""
        return super().has_mark(names) and "crfrnn.compatibility_matrix" not in names


class FCN8sAtOnce(FCNOnVGG16):
    """FCN-8s as trained at once: pool4 and pool3 are scaled by 0.01 and 0.0001 before they are classified.

    Parameters
    ----------
    in_channels, num_classes, widths, classifier_channels, dropout, seed
        As in `FCN8s`.

    Notes
    -----
    See `FCN8s`. Names and shapes of its parameters are those of `FCN8s`, which `from_checkpoint` takes such a file for;
    ``from_checkpoint(path, architecture="fcn8s_at_once")`` takes it for this network.

    References
    ----------
    .. [1] E. Shelhamer, J. Long, T. Darrell, "Fully convolutional networks for semantic segmentation", PAMI 39(4),
       2017, section 4.3.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> model = segalgo.models.FCN8sAtOnce(3, 5, (2, 2, 2, 2, 2), 4)
    >>> model(np.zeros((1, 3, 45, 61), np.float32)).shape
    (1, 5, 45, 61)
    """

    architecture = "fcn8s_at_once"
    mark = None
    fine = (4, 3)
    scales = MappingProxyType({4: 0.01, 3: 0.0001})
