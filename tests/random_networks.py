"""Random networks: graphs of layers with branches, for tests that hold for every graph of the vocabulary."""

from fractions import Fraction

from hypothesis import strategies as st

from segalgo.models import Network
from segalgo.models.graph.execution import INPUT, Description, Value

ACTIVATIONS = ("relu", "leaky_relu", "sigmoid", "gelu", "relu6", "hardswish", "hardsigmoid", "prelu")


class RandomNetwork(Network):
    """A network that follows a list of instructions (kind, indices of earlier maps, options)."""

    def __init__(self, recipe, in_channels=3, num_classes=2, least=(1, 1), seed=0):
        self.recipe = tuple(recipe)
        self.least = least
        super().__init__(in_channels, num_classes, seed)

    def forward(self, layers, x):
        maps = [x]
        for k, (kind, sources, options) in enumerate(self.recipe):
            inputs = [maps[i % len(maps)] for i in sources]
            maps.append(getattr(self, f"_{kind}")(layers, f"l{k}", inputs, **options))
        return maps[-1]

    def fitting_size(self, height, width):
        return max(height, self.least[0]), max(width, self.least[1])

    def output_size(self, height, width):
        height, width = self.fitting_size(height, width)
        return self.describe((1, self.in_channels, height, width))[-1].shape[2:]

    def _layer(self, layers, name, inputs, operation, **options):
        return getattr(layers, operation)(*inputs, name, **options)

    def __repr__(self):
        return f"RandomNetwork({self.recipe}, {self.in_channels}, {self.num_classes}, {self.least})"

    def _block(self, layers, name, inputs, norm, act, groups=1, **options):
        """Convolution, batch normalization, activation."""
        (x,) = inputs
        groups = x.shape[1] if groups == "depthwise" else groups
        if groups > 1:
            options["out_channels"] = x.shape[1] * 2 if groups == x.shape[1] else options["out_channels"]
        if x.shape[1] % groups or options["out_channels"] % groups:
            groups = 1
        x = layers.conv2d(x, f"{name}_conv", groups=groups, **options)
        if norm:
            x = layers.batch_norm(x, f"{name}_bn")
        return getattr(layers, act)(x, f"{name}_act") if act else x

    def _pooled_and_back(self, layers, name, inputs, convolved, **options):
        """Pooling with indices, a layer between, and unpooling to the size before."""
        (x,) = inputs
        pooled, indices = layers.max_pool2d(x, f"{name}_pool", return_indices=True, **options)
        if convolved:
            pooled = layers.conv2d(pooled, f"{name}_between", x.shape[1], 3, padding=1)
        own = {key: options[key] for key in ("kernel_size", "stride", "padding") if key in options}
        return layers.max_unpool2d(pooled, indices, f"{name}_unpool", x.shape[2:], **own)

    def _squeezed(self, layers, name, inputs):
        """Channels weighed by their means (squeeze and excitation)."""
        (x,) = inputs
        means = layers.adaptive_avg_pool2d(x, f"{name}_means", 1)
        weights = layers.sigmoid(layers.conv2d(means, f"{name}_conv", x.shape[1], 1), f"{name}_weights")
        return layers.multiply(x, weights, f"{name}_scaled")

    def _joined(self, layers, name, inputs, operation):
        """Maps cropped to the smallest of them, and joined."""
        size = tuple(min(x.shape[axis] for x in inputs) for axis in (2, 3))
        inputs = [
            x if x.shape[2:] == size else layers.crop(x, f"{name}_crop{k}", size, (0, 0)) for k, x in enumerate(inputs)
        ]
        if operation != "concatenate" and inputs[0].shape[1] != inputs[1].shape[1]:
            inputs = [layers.conv2d(x, f"{name}_conv{k}", 4, 1) for k, x in enumerate(inputs)]
        return getattr(layers, operation)(*inputs, f"{name}_{operation}")

    def _bordered(self, layers, name, inputs, amounts, **options):
        """Zeros on two sides only, and a convolution that reads them: "same" with stride 2."""
        x = layers.pad(inputs[0], f"{name}_pad", amounts)
        return layers.relu6(layers.conv2d(x, f"{name}_conv", **options), f"{name}_act")

    def _residual(self, layers, name, inputs, act, groups, kernel):
        """A convolution whose result is added to its input."""
        (x,) = inputs
        groups = x.shape[1] if groups == "depthwise" else 1
        y = layers.conv2d(x, f"{name}_conv", x.shape[1], kernel, padding=kernel // 2, groups=groups, bias=False)
        y = layers.add(x, layers.batch_norm(y, f"{name}_bn"), f"{name}_sum")
        return getattr(layers, act)(y, f"{name}_act") if act else y

    def _shuffled(self, layers, name, inputs, act):
        """Two groups of channels, whose results are interleaved."""
        (x,) = inputs
        n, channels, height, width = x.shape
        y = layers.conv2d(x, f"{name}_conv", 12, 1, groups=1 if channels % 2 else 2)
        y = layers.reshape(y, f"{name}_groups", (n, 2, 6, height, width))
        y = layers.reshape(
            layers.transpose(y, f"{name}_exchanged", (0, 2, 1, 3, 4)), f"{name}_joined", (n, 12, height, width)
        )
        y = layers.batch_norm(y, f"{name}_bn")
        return getattr(layers, act)(y, f"{name}_act") if act else y

    def _rows(self, layers, name, inputs, act):
        """Rows of channels, as transformers have them, and back."""
        (x,) = inputs
        n, channels, height, width = x.shape
        rows = layers.reshape(x, f"{name}_flattened", (n, channels, height * width))
        rows = layers.transpose(rows, f"{name}_rows", (0, 2, 1))
        rows = layers.gelu(rows, f"{name}_gelu") if act else rows
        columns = layers.transpose(rows, f"{name}_columns", (0, 2, 1))
        return layers.reshape(columns, f"{name}_map", (n, channels, height, width))

    def _enlarged(self, layers, name, inputs, kernel, stride, offset, out_channels, act):
        """A transposed convolution of which a part is wanted, normalized."""
        (x,) = inputs
        y = layers.conv_transpose2d(x, f"{name}_conv", out_channels, kernel, stride)
        size = tuple(min(stride * n, m - offset) for n, m in zip(x.shape[2:], y.shape[2:], strict=True))
        y = layers.crop(y, f"{name}_crop", size, (offset, offset))
        y = layers.batch_norm(y, f"{name}_bn")
        return getattr(layers, act)(y, f"{name}_act") if act else y

    def _fitted(self, layers, name, inputs, factor):
        """Logits on the grid of the input: enlarged, and cut or padded to its size."""
        x, source = inputs
        x = layers.conv2d(x, f"{name}_classifier", self.num_classes, 1)
        if factor > 1:
            x = layers.interpolate(x, f"{name}_enlarged", scale_factor=factor, mode="bilinear", align_corners=False)
        size = source.shape[2:]
        less = tuple(min(n, m) for n, m in zip(x.shape[2:], size, strict=True))
        if x.shape[2:] != less:
            x = layers.crop(x, f"{name}_cut", less, (0, 0))
        if less != size:
            x = layers.pad(x, f"{name}_filled", (0, size[1] - less[1], 0, size[0] - less[0]))
        return x


class TileableNetwork(RandomNetwork):
    """A random network whose last instruction brings the logits to the grid of the input."""

    def output_size(self, height, width):
        return height, width


@st.composite
def instructions(draw, maps, tiled):
    """Return one instruction that reads some of the maps (named by their places)."""
    source = draw(st.sampled_from((*maps, maps[-1], maps[-1])))  # chains rather than fans
    kinds = ["block", "block", "joined", "joined", "pool", "act", "unpool", "transposed", "moved", "grid"]
    others = ["squeezed", "other", "bordered", "residual", "residual", "shuffled", "enlarged", "rows"]
    kind = draw(st.sampled_from(kinds if tiled else [*kinds, *others]))
    if kind == "block":
        options = {
            "out_channels": draw(st.sampled_from((1, 4, 6, 16, 20))),
            "kernel_size": draw(st.sampled_from((1, 3, 3, 3, 2, 5, (1, 3), (3, 2)))),
            "stride": draw(st.sampled_from((1, 1, 1, 2, 3, (1, 2)) if not tiled else (1, 1, 1, 2, 3))),
            "padding": draw(st.sampled_from((0, 1, 1, 1, 2, (0, 1)))),
            "dilation": draw(st.sampled_from((1, 1, 1, 2))),
            "groups": draw(st.sampled_from((1, 1, 1, 2, "depthwise"))),
            "norm": draw(st.booleans()),
            "act": draw(st.sampled_from((None, "relu", "relu", "leaky_relu"))),
            "bias": draw(st.booleans()),
        }
        return kind, (source,), options
    if kind == "joined":
        count = draw(st.integers(2, 3))
        others = tuple(draw(st.sampled_from(maps)) for _ in range(count))
        operation = (
            "concatenate" if count == 3 else draw(st.sampled_from(("concatenate", "concatenate", "add", "multiply")))
        )
        return kind, others, {"operation": operation}
    layer = "layer"
    if kind == "pool":
        options = draw(
            st.sampled_from(
                (
                    {"operation": "max_pool2d", "kernel_size": 2, "stride": 2},
                    {"operation": "max_pool2d", "kernel_size": 2, "stride": 2, "ceil_mode": True},
                    {"operation": "max_pool2d", "kernel_size": 3, "stride": 2, "padding": 1},
                    {"operation": "max_pool2d", "kernel_size": 3, "stride": 1, "padding": 1, "dilation": 1},
                    {"operation": "max_pool2d", "kernel_size": 2, "stride": 1, "dilation": 2},
                    {"operation": "avg_pool2d", "kernel_size": 2, "stride": 2, "ceil_mode": True},
                    {"operation": "avg_pool2d", "kernel_size": 3, "stride": 1, "padding": 1},
                )
            )
        )
        return layer, (source,), options
    if kind == "act":
        return layer, (source,), {"operation": draw(st.sampled_from(ACTIVATIONS))}
    if kind == "unpool":
        window = draw(
            st.sampled_from(
                (
                    {"kernel_size": 2, "stride": 2},
                    {"kernel_size": 2, "stride": 2, "ceil_mode": True},
                    {"kernel_size": 3, "stride": 2, "padding": 1},
                    {"kernel_size": 3, "stride": 3},
                )
            )
        )
        return "pooled_and_back", (source,), {**window, "convolved": draw(st.booleans())}
    if kind == "transposed":
        stride = draw(st.integers(1, 2))
        kernel = draw(st.integers(stride, 3))
        options = {
            "operation": "conv_transpose2d",
            "out_channels": draw(st.sampled_from((1, 4, 18))),
            "kernel_size": kernel,
            "stride": stride,
            "padding": draw(st.integers(0, (kernel - 1) // 2)),
            "bias": draw(st.booleans()),
        }
        return layer, (source,), options
    if kind == "moved":
        amounts = tuple(draw(st.integers(0, 2)) for _ in range(4))
        mode = draw(st.sampled_from(("constant", "constant", "reflect", "replicate")))
        return layer, (source,), {"operation": "pad", "amounts": amounts, "mode": mode}
    if kind == "grid":
        mode = draw(st.sampled_from(("nearest", "bilinear")))
        corners = False if mode == "bilinear" else None
        factor = draw(st.integers(2, 3))
        return (
            layer,
            (source,),
            {"operation": "interpolate", "scale_factor": factor, "mode": mode, "align_corners": corners},
        )
    if kind == "squeezed":
        return kind, (source,), {}
    act = draw(st.sampled_from((None, "relu", "relu6", "prelu", "hardswish")))
    if kind == "bordered":
        options = {
            "amounts": draw(st.sampled_from(((0, 1, 0, 1), (1, 2, 1, 2), (2, 0, 0, 1)))),
            "out_channels": draw(st.sampled_from((4, 17))),
            "kernel_size": draw(st.sampled_from((3, 5))),
            "stride": draw(st.integers(1, 2)),
        }
        return kind, (source,), options
    if kind == "residual":
        groups = draw(st.sampled_from((1, "depthwise")))
        return kind, (source,), {"act": act, "groups": groups, "kernel": draw(st.sampled_from((1, 3, 5)))}
    if kind in ("shuffled", "rows"):
        return kind, (source,), {"act": act}
    if kind == "enlarged":
        stride = draw(st.integers(1, 3))
        options = {
            "kernel": draw(st.integers(1, 5)),
            "stride": stride,
            "out_channels": draw(st.sampled_from((1, 5, 18))),
        }
        return kind, (source,), {**options, "offset": draw(st.integers(0, min(1, options["kernel"] - 1))), "act": act}
    options = draw(
        st.sampled_from(
            (
                {"operation": "softmax", "axis": 1},
                {"operation": "clip", "minimum": -0.5, "maximum": 1.25},
                {"operation": "adaptive_avg_pool2d", "output_size": 1},
                {"operation": "resample", "size": (13, 8), "coordinates": "asymmetric"},
                {"operation": "avg_pool2d", "kernel_size": 3, "stride": 2, "padding": 1, "count_include_pad": False},
                {"operation": "interpolate", "size": (5, 11), "mode": "nearest-exact"},
                {"operation": "batch_norm"},
                {"operation": "local_response_norm", "size": 3},
                {"operation": "dropout", "p": 0.5},
                {"operation": "group_norm", "num_groups": 1},
                {"operation": "interpolate", "size": (7, 9), "mode": "bilinear", "align_corners": True},
                {"operation": "crop", "size": (3, 3)},
                {"operation": "pad", "amounts": (1, -1, -1, 2)},
                {"operation": "pad", "amounts": (1, 0, 0, 2), "value": 1.5},
            )
        )
    )
    return layer, (source,), options


def _described(recipe, shape):
    """Return the shape that the last instruction makes, or None where one does not fit or maps grow too large."""
    description = Description()
    try:
        output = RandomNetwork(recipe, shape[1]).forward(description, Value(INPUT, shape))
    except ValueError:
        return None
    maps = [s.shape for s in description.steps if len(s.shape) == 4]
    fits = all(height * width <= 4096 and channels <= 80 for _, channels, height, width in maps)
    return output.shape if fits else None


@st.composite
def networks(draw, most=9):
    """Return a network and the shape of an input that it takes."""
    shape = (
        draw(st.integers(1, 2)),
        draw(st.sampled_from((1, 3, 20))),
        draw(st.integers(5, 24)),
        draw(st.integers(5, 24)),
    )
    recipe = []
    for _ in range(draw(st.integers(1, most))):
        instruction = draw(instructions(tuple(range(len(recipe) + 1)), tiled=False))
        if _described([*recipe, instruction], shape):
            recipe.append(instruction)
    if not recipe:
        recipe = [("layer", (0,), {"operation": "relu"})]
    return RandomNetwork(recipe, shape[1], _described(recipe, shape)[1], shape[2:]), shape


def _factor(kind, options):
    """Return input cells in an output cell of an instruction."""
    if options.get("operation") == "conv_transpose2d":
        return Fraction(1, options["stride"])
    if options.get("operation") == "interpolate":
        return Fraction(1, options["scale_factor"])
    return Fraction(options["stride"]) if "stride" in options and kind != "pooled_and_back" else Fraction(1)


@st.composite
def tileable_networks(draw, most=7):
    """Return a network whose logits lie on the grid of its input: maps are joined only where their cells are of one size."""
    shape = (1, 1, 64, 64)
    recipe, scales = [], [Fraction(1)]
    for _ in range(draw(st.integers(1, most))):
        scale = draw(st.sampled_from(sorted(set(scales))))
        alike = tuple(k for k, s in enumerate(scales) if s == scale)
        kind, sources, options = draw(instructions(alike, tiled=True))
        instruction = (kind, sources, options)
        made = scale * _factor(kind, options)
        if made >= 1 and made <= 8 and made.denominator == 1 and _described([*recipe, instruction], shape):
            recipe.append(instruction)
            scales.append(made)
    recipe.append(("fitted", (len(recipe), 0), {"factor": int(scales[-1])}))
    least = 64
    while least > 1 and _described(recipe, (1, 1, least - 1, least - 1)):
        least -= 1
    return TileableNetwork(recipe, 1, 2, (least, least))
