"""ResNet: stages of residual blocks, with the strides and dilations that segmentation networks give them.

He et al., "Deep residual learning for image recognition", CVPR 2016, table 1. Names are those of torchvision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segalgo.models.graph.other_names import blocks_after, kernel_shape


@dataclass(frozen=True)
class ResNetForm:
    """Blocks of each stage, and whether they are bottlenecks (1 x 1, 3 x 3, 1 x 1 to four times the width)."""

    depths: tuple[int, int, int, int]
    bottleneck: bool

    @property
    def expansion(self) -> int:
        """Channels of a block's output for each of its width."""
        return 4 if self.bottleneck else 1


RESNETS = {
    "resnet18": ResNetForm((2, 2, 2, 2), bottleneck=False),
    "resnet34": ResNetForm((3, 4, 6, 3), bottleneck=False),
    "resnet50": ResNetForm((3, 4, 6, 3), bottleneck=True),
    "resnet101": ResNetForm((3, 4, 23, 3), bottleneck=True),
}


def resnet(
    layers: Any,
    x: Any,
    form: ResNetForm,
    prefix: str = "backbone.",
    width: int = 64,
    dilated: Sequence[bool] = (False, False, False),
    *,
    deep_stem: bool = False,
    dilate_first_block: bool = False,
) -> dict[str, Any]:
    """Return the maps "stem", "layer1", "layer2", "layer3" and "layer4" of a picture.

    Parameters
    ----------
    layers, x
        As in `Network.forward`.
    form : ResNetForm
    prefix : str
        In front of all names of layers.
    width : int
        Channels of the stem and width of the first stage, which doubles from stage to stage.
    dilated : sequence of 3 bool
        Whether stage 2, 3, 4 dilates instead of halving the map: torchvision's ``replace_stride_with_dilation``. A
        stage so treated, and those after it, read cells twice as far apart as the one before.
    deep_stem : bool
        Three 3 x 3 convolutions in place of one of 7 x 7, the last of twice the width: PSPNet's.
    dilate_first_block : bool
        The first block of a dilated stage has the stage's own dilation (PSPNet), not that of the stage before
        (torchvision).
    """
    if deep_stem:
        for number, channels, stride in ((0, width, 2), (3, width, 1), (6, 2 * width, 1)):
            x = layers.conv2d(x, f"{prefix}layer0.{number}", channels, 3, stride, 1, bias=False)
            x = layers.batch_norm(x, f"{prefix}layer0.{number + 1}")
            x = layers.relu(x, f"{prefix}layer0.{number + 2}")
    else:
        x = layers.conv2d(x, f"{prefix}conv1", width, 7, 2, 3, bias=False)
        x = layers.batch_norm(x, f"{prefix}bn1")
        x = layers.relu(x, f"{prefix}relu1")
    features = {"stem": x}
    x = layers.max_pool2d(x, f"{prefix}maxpool", 3, 2, 1)
    dilation = 1
    for stage, depth in enumerate(form.depths, 1):
        before, stride = dilation, 1
        if stage > 1 and dilated[stage - 2]:
            dilation *= 2
        elif stage > 1:
            stride = 2
        for block in range(depth):
            first = block == 0
            spread = before if first and not dilate_first_block else dilation
            name, channels = f"{prefix}layer{stage}.{block}", width << (stage - 1)
            x = _block(layers, x, name, channels, form, stride if first else 1, spread)
        features[f"layer{stage}"] = x
    return features


def _block(layers: Any, x: Any, name: str, width: int, form: ResNetForm, stride: int, dilation: int) -> Any:
    """Return the sum of a map and what two or three convolutions make of it, rectified.

    The 3 x 3 convolution has the stride; the paper's bottlenecks have it in the first 1 x 1.
    """
    channels = width * form.expansion
    if form.bottleneck:
        plan = [(width, 1, {}), (width, 3, {"stride": stride, "padding": dilation, "dilation": dilation})]
        plan.append((channels, 1, {}))
    else:
        plan = [(width, 3, {"stride": stride, "padding": dilation, "dilation": dilation})]
        plan.append((channels, 3, {"padding": 1}))
    shortcut, y = x, x
    for k, (made, kernel, options) in enumerate(plan, 1):
        y = layers.conv2d(y, f"{name}.conv{k}", made, kernel, bias=False, **options)
        y = layers.batch_norm(y, f"{name}.bn{k}")
        if k < len(plan):
            y = layers.relu(y, f"{name}.relu{k}")
    if stride != 1 or x.shape[1] != channels:
        shortcut = layers.conv2d(x, f"{name}.downsample.0", channels, 1, stride, bias=False)
        shortcut = layers.batch_norm(shortcut, f"{name}.downsample.1")
    y = layers.add(y, shortcut, f"{name}.add")
    return layers.relu(y, f"{name}.relu{len(plan)}")


def form_of(shapes: Mapping[str, tuple[int, ...]], prefix: str = "backbone.") -> str:
    """Return the name of the form whose blocks the names of parameters are.

    Raises
    ------
    ValueError
        If they are those of no form here.
    """
    depths = tuple(blocks_after(shapes, f"{prefix}layer{stage}.") for stage in range(1, 5))
    bottleneck = f"{prefix}layer1.0.conv3.weight" in shapes
    for name, form in RESNETS.items():
        if (form.depths, form.bottleneck) == (depths, bottleneck):
            return name
    kind = "bottlenecks" if bottleneck else "pairs of convolutions"
    raise ValueError(f"a ResNet with stages of {depths} {kind}: expected {', '.join(RESNETS)}")


def width_of(shapes: Mapping[str, tuple[int, ...]], prefix: str = "backbone.") -> int:
    """Return the width of the first stage."""
    return kernel_shape(shapes, f"{prefix}layer1.0.conv1.weight")[0]


def classification_weights(weights: Mapping[str, Any], prefix: str = "backbone.") -> dict[str, Any]:
    """Return torchvision's classification weights by our names, without the fully connected layer."""
    return {f"{prefix}{name}": value for name, value in weights.items() if not name.startswith("fc.")}
