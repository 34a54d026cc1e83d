"""SegNet: an encoder whose pooling indices tell the decoder where to put its values."""

from collections.abc import Sequence
from typing import Any

from segalgo.models.graph.network import Network, as_count


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
        at work only where `predict` is asked for samples.
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

    depths = (2, 2, 3, 3, 3)

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

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        pooled = []
        for stage, (depth, width) in enumerate(zip(self.depths, self.widths, strict=True), 1):
            for j in range(1, depth + 1):
                x = self._layer(layers, x, f"conv{stage}_{j}", width)
            size = x.shape[2:]
            x, indices = layers.max_pool2d(x, f"pool{stage}", 2, 2, self.ceil_mode, return_indices=True)
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
