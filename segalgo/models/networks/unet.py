"""U-Net: a contracting path, an expanding path, and skips that carry fine detail across."""

import re
from collections.abc import Mapping
from typing import Any

from segalgo._core.checks import one_of
from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import kernel_shape
from segalgo.models.networks.unet_names import OTHER_NAMES


class UNet(Network):
    """U-Net, in the paper's form (``padding="valid", norm=None``) and in the common ones.

    On the way down: blocks of two ``conv 3 x 3 - (batch norm) - ReLU``, max-pooling between, channels doubling. On the
    way up: enlarge by two, join with the skip of that size, another block. A 1 x 1 convolution makes logits.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 2
    width : int, default 64
        Channels of the first block.
    depth : int, default 4
        How often the picture is halved.
    padding : {"same", "valid"}, default "same"
        "same": convolutions are padded with zeros, the output has the size of the input. "valid": as in the paper, no
        padding; the middle of each skip is cut out, and the output is smaller than the input, by 184 at depth 4.
    up : {"transpose", "bilinear"}, default "transpose"
        Enlarge with a 2 x 2 transposed convolution that halves the channels, or bilinearly (corners aligned). With
        "bilinear" the deepest block and each block of the way up make half the channels, as there is no convolution
        that halves them.
    norm : {"batch", None}, default "batch"
        Batch normalization after each 3 x 3 convolution, or none.
    bias : bool, default True
        Whether the 3 x 3 convolutions have biases; before batch normalization they may be left out.
    dropout : float, default 0.5
        Probability of the dropout at the end of the contracting path; active only in `predict` with `samples`.
    seed : int, default 0
        Of the fresh weights (He et al. 2015, as in the paper).

    Notes
    -----
    The paper's form is ``UNet(1, 2, padding="valid", norm=None)``, of 31,030,658 parameters; no departures. In the form
    "same" pooling rounds down, and the enlarged map is padded with zeros where that lost a row or column.

    References
    ----------
    .. [1] O. Ronneberger, P. Fischer, T. Brox, "U-Net", MICCAI 2015, figure 1.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> segalgo.models.UNet(1, 2, width=4, depth=2)(np.zeros((1, 1, 45, 61), np.float32)).shape
    (1, 2, 45, 61)
    >>> segalgo.models.UNet(1, 2, width=2, padding="valid", norm=None).output_size(572, 572)
    (388, 388)
    """

    architecture = "unet"
    mark = "down1_conv1.weight"
    other_names = OTHER_NAMES

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        first = kernel_shape(shapes, "down1_conv1.weight")
        return {
            "in_channels": first[1],
            "num_classes": kernel_shape(shapes, "classifier.weight")[0],
            "width": first[0],
            "depth": len({name for name in shapes if re.fullmatch(r"up\d+_conv1\.weight", name)}),
            "up": "transpose" if "up1_upconv.weight" in shapes else "bilinear",
            "norm": "batch" if "down1_bn1.weight" in shapes else None,
            "bias": "down1_conv1.bias" in shapes,
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 2,
        width: int = 64,
        depth: int = 4,
        padding: str = "same",
        up: str = "transpose",
        norm: str | None = "batch",
        *,
        bias: bool = True,
        dropout: float = 0.5,
        seed: int = 0,
    ) -> None:
        self.width, self.depth = as_count(width, "width"), as_count(depth, "depth")
        self.padding = one_of(padding, "padding", ("same", "valid"))
        self.up = one_of(up, "up", ("transpose", "bilinear"))
        self.norm = one_of(norm, "norm", ("batch", None))
        self.bias, self.dropout = bool(bias), dropout
        if self.depth > 12:
            raise ValueError(f"depth={depth}: expected at most 12, pictures of 4096 pixels halved to one")
        if up == "bilinear" and self.width % 2:
            raise ValueError(f"width={width} with up='bilinear': expected an even number, channels are halved")
        super().__init__(in_channels, num_classes, seed)

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        skips = []
        for stage in range(1, self.depth + 1):
            x = self._block(layers, x, f"down{stage}", *(self._channels(stage),) * 2)
            skips.append(x)
            x = layers.max_pool2d(x, f"pool{stage}", 2, 2)
        deepest = self._channels(self.depth + 1) // (2 if self.up == "bilinear" else 1)
        x = self._block(layers, x, f"down{self.depth + 1}", deepest, deepest)
        x = layers.dropout(x, f"down{self.depth + 1}_dropout", self.dropout)
        for stage in range(self.depth, 0, -1):
            skip, width = skips.pop(), self._channels(stage)
            x = self._enlarge(layers, x, f"up{stage}", width)
            skip, x = self._match(layers, skip, x, f"up{stage}")
            x = layers.concatenate(skip, x, f"up{stage}_concatenated")
            halved = self.up == "bilinear" and stage > 1
            x = self._block(layers, x, f"up{stage}", width, width // 2 if halved else width)
        return layers.conv2d(x, "classifier", self.num_classes, 1)

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest input size, at least this one, that the network takes as it is."""
        if self.padding == "same":
            return max(height, 1 << self.depth), max(width, 1 << self.depth)
        return _valid_size(height, self.depth), _valid_size(width, self.depth)

    def output_size(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the logits: those of the input, less for ``padding="valid"``."""
        if self.padding == "same":
            return height, width
        fitting = self.fitting_size(height, width)
        if fitting != (height, width):
            raise ValueError(
                f"a picture of {height} x {width} with padding='valid': the next size whose maps can all be halved is "
                f"{fitting[0]} x {fitting[1]}; predict extends pictures by itself"
            )
        return height - 2 * self.margin, width - 2 * self.margin

    @property
    def margin(self) -> int:
        """Rows and columns that the logits lack on each side of the input: 92 at depth 4 with ``padding="valid"``."""
        # A block takes 4 cells of its own stage, each 2**stage cells of the input: two blocks a stage, one at the
        # bottom.
        return 4 * ((1 << self.depth) - 1) + 2 * (1 << self.depth) if self.padding == "valid" else 0

    def _channels(self, stage: int) -> int:
        return self.width << (stage - 1)

    def _block(self, layers: Any, x: Any, name: str, first: int, second: int) -> Any:
        for j, width in ((1, first), (2, second)):
            border = 1 if self.padding == "same" else 0
            x = layers.conv2d(x, f"{name}_conv{j}", width, 3, padding=border, bias=self.bias)
            if self.norm == "batch":
                x = layers.batch_norm(x, f"{name}_bn{j}")
            x = layers.relu(x, f"{name}_relu{j}")
        return x

    def _enlarge(self, layers: Any, x: Any, name: str, width: int) -> Any:
        if self.up == "transpose":
            return layers.conv_transpose2d(x, f"{name}_upconv", width, 2, 2)
        return layers.interpolate(x, f"{name}_upsampled", scale_factor=2, mode="bilinear", align_corners=True)

    def _match(self, layers: Any, skip: Any, x: Any, name: str) -> tuple[Any, Any]:
        """Give skip and enlarged map one size: cut the skip ("valid"), or pad the map where pooling rounded down."""
        size, (height, width) = x.shape[2:], skip.shape[2:]
        if size == (height, width):
            return skip, x
        if self.padding == "valid":
            return layers.crop(skip, f"{name}_cropped", size), x
        rows, columns = height - size[0], width - size[1]
        amounts = (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2)
        return skip, layers.pad(x, f"{name}_padded", amounts)


def _valid_size(n: int, depth: int) -> int:
    """Return the smallest size, at least n, whose pooled maps are all even without padding (16 m + 12 at depth 4)."""
    # The deepest block takes 4 cells, and what is doubled above it must outlast the 4 of each block there. From there
    # to the input each stage doubles and adds 4 again.
    least, rest = (7 if depth == 1 else 8), 0
    for _ in range(depth):
        least, rest = 2 * least + 4, 2 * rest + 4
    return max(least, n + (rest - n) % (1 << depth))
