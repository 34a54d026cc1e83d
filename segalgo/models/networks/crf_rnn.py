"""CRF-RNN: FCN-8s, whose logits a conditional random field with learned matrices carries on."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from segalgo._core.checks import as_integer
from segalgo.models.graph.network import as_count
from segalgo.models.networks.backbones.vgg import WIDTHS
from segalgo.models.networks.fcn_vgg16 import FCNOnVGG16
from segalgo.models.predicting.preprocessing import Preprocessing

RELEASED = Preprocessing("bgr", mean=(103.939, 116.779, 123.68), scale=1.0)
# Diagonals of the matrices before training.
FRESH = {"spatial_ker_weights": 3.0, "bilateral_ker_weights": 5.0, "compatibility_matrix": 1.0}


class CRFRNN(FCNOnVGG16):
    """CRF-RNN: FCN-8s, and mean-field inference in a dense conditional random field, unrolled as a recurrent network.

    The logits of FCN-8s pass `segalgo.dense_crf` ten times over, with matrices in place of its weights: what near
    pixels and pixels of like color say is mixed from class to class as training found best.

    Parameters
    ----------
    in_channels, num_classes, widths, classifier_channels, dropout, seed
        As in `FCN8s`.
    iterations : int, default 10
        Of inference; training used 5.
    canvas : int, default 500
        Smaller pictures are padded with zeros to this height and width, and the logits cropped.

    Notes
    -----
    Names, sizes and signs are those of sadeepj/crfasrnn_pytorch, where ``upscore2`` has a bias and the compatibility
    matrix begins as the identity (the authors' in Caffe as its negative). The filters are those of the permutohedral
    lattice, divided by the sum of their weights, with standard deviations of 3 pixels, and of 160 pixels and 3 grey
    values of the picture without its mean; so zeros that pad the picture take part. The port shrinks pictures whose
    longer side is above 500; `predict` takes them as they are, with the same standard deviations. Every pixel hears
    every other one, which makes tiles impossible. 134,491,103 parameters with 21 classes.

    References
    ----------
    .. [1] S. Zheng et al., "Conditional random fields as recurrent neural networks", ICCV 2015, figures 1 and 2.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> model = segalgo.models.CRFRNN(3, 5, (2, 2, 2, 2, 2), 4, canvas=32)
    >>> model(np.zeros((1, 3, 45, 21), np.float32)).shape
    (1, 5, 45, 21)
    """

    architecture = "crf_rnn"
    mark = ("conv1_1.weight", "fc6.weight", "crfrnn.compatibility_matrix")
    fine = (4, 3)
    biased = ("upscore2",)

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 21,
        widths: Sequence[int] = WIDTHS,
        classifier_channels: int = 4096,
        *,
        iterations: int = 10,
        canvas: int = 500,
        dropout: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.iterations = as_integer(iterations, "iterations", 0)
        self.canvas = as_count(canvas, "canvas")
        super().__init__(in_channels, num_classes, widths, classifier_channels, dropout=dropout, seed=seed)
        if self.in_channels == 3:
            self.preprocessing = RELEASED

    def fresh_parameters(self) -> dict[str, Any]:
        """Return parameters before training: FCN-8s, and a Potts model."""
        parameters = super().fresh_parameters()
        for entry, weight in FRESH.items():
            matrix = np.float32(weight) * np.eye(self.num_classes, dtype=np.float32)
            matrix.flags.writeable = False
            parameters[f"crfrnn.{entry}"] = matrix
        return parameters

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        return layers.crf_rnn(super().forward(layers, x), x, "crfrnn", self.iterations)

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest input size, at least this one, that the network takes as it is."""
        return max(height, self.canvas), max(width, self.canvas)
