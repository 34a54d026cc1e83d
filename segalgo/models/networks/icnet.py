"""ICNet: three resolutions of a picture, the coarser the deeper the network that reads them."""

from collections.abc import Mapping
from typing import Any

from segalgo._core.checks import as_flag
from segalgo.models.graph.network import Network, as_count
from segalgo.models.graph.other_names import kernel_shape
from segalgo.models.predicting.preprocessing import Preprocessing

DEPTHS = {2: 3, 3: 4, 4: 6, 5: 3}
"""Blocks of stages 2 to 5."""
RATES = {2: 1, 3: 1, 4: 2, 5: 4}
"""Dilation of their 3 x 3 convolutions."""
BINS = (1, 2, 3, 6)
RELEASED = Preprocessing("bgr", mean=(103.939, 116.779, 123.68), scale=1.0)
SIDE = 32
"""Maps of the three branches meet, corners on corners, where sizes are a multiple of this and one more."""


class ICNet(Network):
    """ICNet, as its authors released it for Cityscapes: cascades of a half, a quarter and the whole picture.

    The picture at a quarter of its size passes the whole of a dilated PSPNet-50 of half the width, that at half its
    size only the first stages, which both share, and the whole picture three convolutions. Cascade feature fusion joins
    the coarse with the finer map: the coarse one is enlarged twice and passes a dilated convolution, the finer one a
    1 x 1 convolution, and both are added.

    Parameters
    ----------
    in_channels : int, default 3
    num_classes : int, default 19
    width : int, default 32
        Channels of the first convolutions; the other maps have multiples of it.
    batch_norm : bool, default False
        Whether convolutions are followed by batch normalization. In the released network it is merged into them.
    seed : int, default 0
        Of the fresh weights (He et al. 2015).

    Notes
    -----
    Names are those of the authors' definition, with ``/bn`` behind a layer's name where it is normalized. Sizes must be
    a multiple of 32 and one more: other pictures are padded with zeros and the logits cropped. Means of parts of the
    map are pooled with the definition's overlapping windows, which divide a map of 32 a + 1 by 32 b + 1 cells; maps of
    other sizes are divided evenly. The classifiers of the coarser maps serve training alone: their weights,
    ``sub4_out`` and ``sub24_out``, are left out when a file is loaded. `predict` gives BGR from 0 to 255 without the
    mean. Means of the whole map make tiles impossible. 6,685,715 parameters with 19 classes.

    References
    ----------
    .. [1] H. Zhao, X. Qi, X. Shen, J. Shi, J. Jia, "ICNet for real-time semantic segmentation on high-resolution
       images", ECCV 2018, figures 2 and 3.

    Examples
    --------
    >>> import segalgo
    >>> segalgo.models.ICNet().summary((1, 3, 65, 65)).parameters
    6685715
    """

    architecture = "icnet"
    mark = ("conv3_1_sub2_proj.weight", "conv6_cls.weight")
    unused = ("sub4_out.", "sub24_out.")

    @classmethod
    def arguments_of(cls, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any]:
        """Return the arguments that the names and shapes of parameters tell."""
        width, in_channels = kernel_shape(shapes, "conv1_1_3x3_s2.weight")[:2]
        return {
            "in_channels": in_channels,
            "num_classes": kernel_shape(shapes, "conv6_cls.weight")[0],
            "width": width,
            "batch_norm": "conv1_1_3x3_s2/bn.weight" in shapes,
        }

    def __init__(
        self,
        in_channels: int = 3,
        num_classes: int = 19,
        width: int = 32,
        *,
        batch_norm: bool = False,
        seed: int = 0,
    ) -> None:
        self.width = as_count(width, "width")
        self.batch_norm = as_flag(batch_norm, "batch_norm")
        super().__init__(in_channels, num_classes, seed)
        if self.in_channels == 3:
            self.preprocessing = RELEASED

    def forward(self, layers: Any, x: Any) -> Any:
        """Return logits: the network, layer by layer."""
        picture, width = x, self.width
        # The half picture passes the first stages.
        x = _zoomed(layers, x, "data_sub2", _halved(x))
        x = self._conv(layers, x, "conv1_1_3x3_s2", width, 3, stride=2, padding=1)
        x = self._conv(layers, x, "conv1_2_3x3", width, 3, padding=1)
        x = self._conv(layers, x, "conv1_3_3x3", 2 * width, 3, padding=1)
        x = layers.max_pool2d(x, "pool1_3x3_s2", 3, 2, 1)
        x = self._stage(layers, x, 2)
        half = x = self._block(layers, x, "conv3_1", 2 * width, 2, 1, project=True)
        # The quarter picture, or rather the map of it, passes the others.
        x = _zoomed(layers, x, "conv3_1_sub4", _halved(x))
        x = self._stage(layers, x, 3, first=2)
        x = self._stage(layers, x, 4)
        x = self._stage(layers, x, 5)
        x = self._pyramid(layers, x)
        x = self._conv(layers, x, "conv5_4_k1", 8 * width, 1)
        x = self._fused(layers, x, half, "sub24_sum", "conv_sub4", "conv3_1_sub2_proj")
        # The whole picture passes three convolutions.
        y = self._conv(layers, picture, "conv1_sub1", width, 3, stride=2, padding=1)
        y = self._conv(layers, y, "conv2_sub1", width, 3, stride=2, padding=1)
        y = self._conv(layers, y, "conv3_sub1", 2 * width, 3, stride=2, padding=1)
        x = self._fused(layers, x, y, "sub12_sum", "conv_sub2", "conv3_sub1_proj")
        x = _zoomed(layers, x, "sub12_sum_interp", _doubled(x))
        x = layers.conv2d(x, "conv6_cls", self.num_classes, 1)
        return _zoomed(layers, x, "conv6_interp", picture.shape[2:])

    def _conv(
        self, layers: Any, x: Any, name: str, channels: int, kernel_size: int, relu: bool = True, **options: Any
    ) -> Any:
        """Return a convolution, normalized if that is not merged into it, and rectified."""
        x = layers.conv2d(x, name, channels, kernel_size, bias=not self.batch_norm, **options)
        if self.batch_norm:
            x = layers.batch_norm(x, f"{name}/bn")
        return layers.relu(x, f"{name}/relu") if relu else x

    def _stage(self, layers: Any, x: Any, stage: int, first: int = 1) -> Any:
        """Return what the blocks of a stage, from the first one named on, make of a map."""
        for block in range(first, DEPTHS[stage] + 1):
            width = self.width << (stage - 2)
            x = self._block(layers, x, f"conv{stage}_{block}", width, 1, RATES[stage], project=block == 1)
        return x

    def _block(self, layers: Any, x: Any, name: str, width: int, stride: int, dilation: int, *, project: bool) -> Any:
        """Return the sum of a map and what three convolutions make of it, rectified; the first one has the stride."""
        y = self._conv(layers, x, f"{name}_1x1_reduce", width, 1, stride=stride)
        y = self._conv(layers, y, f"{name}_3x3", width, 3, padding=dilation, dilation=dilation)
        y = self._conv(layers, y, f"{name}_1x1_increase", 4 * width, 1, relu=False)
        if project:
            x = self._conv(layers, x, f"{name}_1x1_proj", 4 * width, 1, relu=False, stride=stride)
        return layers.relu(layers.add(x, y, name), f"{name}/relu")

    def _pyramid(self, layers: Any, x: Any) -> Any:
        """Return the sum of a map and of the enlarged means of its parts."""
        total = x
        for bins in BINS:
            mean = _means(layers, x, f"conv5_3_pool{bins}", bins)
            mean = _zoomed(layers, mean, f"conv5_3_pool{bins}_interp", x.shape[2:])
            total = layers.add(total, mean, f"conv5_3_sum{bins}")
        return total

    def _fused(self, layers: Any, coarse: Any, fine: Any, name: str, coarse_name: str, fine_name: str) -> Any:
        """Return the cascade feature fusion of a coarse map and one of twice its size."""
        x = _zoomed(layers, coarse, f"{coarse_name}_interp", _doubled(coarse))
        x = self._conv(layers, x, coarse_name, 4 * self.width, 3, relu=False, padding=2, dilation=2)
        y = self._conv(layers, fine, fine_name, 4 * self.width, 1, relu=False)
        return layers.relu(layers.add(x, y, name), f"{name}/relu")

    def fitting_size(self, height: int, width: int) -> tuple[int, int]:
        """Return the smallest input size, at least this one, that the network takes as it is."""
        rows, columns = (SIDE * max(-(-(n - 1) // SIDE), 1) + 1 for n in (height, width))
        return rows, columns


def _halved(x: Any) -> tuple[int, ...]:
    return tuple((n - 1) // 2 + 1 for n in x.shape[2:])


def _doubled(x: Any) -> tuple[int, ...]:
    return tuple(2 * (n - 1) + 1 for n in x.shape[2:])


def _zoomed(layers: Any, x: Any, name: str, size: Any) -> Any:
    return layers.interpolate(x, name, tuple(size), mode="bilinear", align_corners=True)


def _means(layers: Any, x: Any, name: str, bins: int) -> Any:
    """Return the means of bins x bins parts of a map."""
    cells = x.shape[2:]
    if all(n > 1 and n % SIDE == 1 for n in cells):
        steps = tuple(n // SIDE * (SIDE // bins) for n in cells)
        windows = tuple(n - (bins - 1) * step for n, step in zip(cells, steps, strict=True))
        # The whole map is one window: any step.
        return layers.avg_pool2d(x, name, windows, windows if bins == 1 else steps)
    return layers.adaptive_avg_pool2d(x, name, bins)
