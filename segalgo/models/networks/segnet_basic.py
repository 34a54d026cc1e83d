"""SegNet-Basic: the small SegNet, with large kernels."""

from collections.abc import Mapping
from typing import Any

from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import OtherNames, kernel_shape, renamed
from segalgo.models.networks.segnet import RELEASE, released, with_statistics


class SegNetBasic(Network):
    """SegNet-Basic: four stages of 7 x 7 convolutions, all of one width.

    The picture is normalized across its channels; then four times ``conv - batch norm - ReLU - max-pooling``, four
    times ``max-unpooling - conv - batch norm`` (no ReLU in the decoder), and a 1 x 1 classifier.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 11
    width : int, default 64
    dropout : float, default 0.5
        Probability of Monte-Carlo dropout, after pooling 3 and 4 and after decoder stages 4 and 3; see `SegNet`.
    seed : int, default 0

    Notes
    -----
    As in the authors' released model definition, convolutions have biases (the paper has none here), and pooling rounds
    up. 1,416,587 parameters with 11 classes; the paper's table 1 says 1.425 M.

    References
    ----------
    .. [1] V. Badrinarayanan, A. Kendall, R. Cipolla, "SegNet", PAMI 39(12), 2017, section 3.1.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.SegNetBasic().summary().parameters
    1416587
    """

    architecture = "segnet-basic"
    mark = "conv_classifier.weight"
    other_names = (
        OtherNames(
            "alexgkendall/SegNet-Tutorial, blobs converted to arrays",
            lambda weights: released(weights, "conv1_bn.weight"),
            lambda weights: with_statistics(renamed(weights, {"dense_softmax_inner_prod": "conv_classifier"})),
            RELEASE,
        ),
    )

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        width, in_channels, *_ = kernel_shape(shapes, "conv1.weight")
        classes = kernel_shape(shapes, "conv_classifier.weight")[0]
        return {"in_channels": in_channels, "num_classes": classes, "width": width}

    def __init__(
        self, in_channels: int = 3, num_classes: int = 11, width: int = 64, *, dropout: float = 0.5, seed: int = 0
    ) -> None:
        self.width = as_count(width, "width")
        self.dropout = dropout
        super().__init__(in_channels, num_classes, seed)

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        x = layers.local_response_norm(x, "norm", 5, 1e-4, 0.75)
        pooled = []
        for stage in (1, 2, 3, 4):
            x = layers.conv2d(x, f"conv{stage}", self.width, 7, padding=3)
            x = layers.batch_norm(x, f"conv{stage}_bn")
            x = layers.relu(x, f"relu{stage}")
            size = x.shape[2:]
            x, indices = layers.max_pool2d(x, f"pool{stage}", 2, 2, ceil_mode=True, return_indices=True)
            pooled.append((indices, size))
            if stage >= 3:
                x = layers.dropout(x, f"encdrop{stage}", self.dropout)
        for stage in (4, 3, 2, 1):
            indices, size = pooled.pop()
            x = layers.max_unpool2d(x, indices, f"upsample{stage}", size)
            x = layers.conv2d(x, f"conv_decode{stage}", self.width, 7, padding=3)
            x = layers.batch_norm(x, f"conv_decode{stage}_bn")
            if stage >= 3:
                x = layers.dropout(x, f"decdrop{stage}", self.dropout)
        return layers.conv2d(x, "conv_classifier", self.num_classes, 1)
