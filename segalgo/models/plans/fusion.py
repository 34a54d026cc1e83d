"""Which layers of a described network may be computed in one step."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from segalgo._core.checks import as_pair
from segalgo.models.graph.execution import INPUT, Step

ACTIVATIONS = ("relu", "relu6", "clip", "leaky_relu", "prelu", "hardsigmoid", "hardswish")
"""Activations that the blocked kernels compute on their sums."""
CONVOLUTIONS = ("conv2d", "conv_transpose2d")


@dataclass(frozen=True)
class FusedLayer:
    """One step and what is computed along with it."""

    step: Step
    border: Step | None = None
    """The padding with zeros before a convolution."""
    tokens: Step | None = None
    """The second step of a change from rows of channels (N, H * W, C) to a map, or back."""
    shuffle: tuple[Step, ...] = ()
    """The exchange of groups of channels: two axes made of one, exchanged, and joined again."""
    crop: Step | None = None
    """The part of a transposed convolution's output that is wanted."""
    batch_norm: Step | None = None
    offset: Step | None = None
    """The sum with a constant for each channel."""
    added: Step | None = None
    """The sum with another map, which is computed before this layer."""
    activation: Step | None = None
    pool: Step | None = None
    """The 2 x 2 max-pooling that reads the result."""
    kept: bool = True
    """Whether anything but `pool` reads the result."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what the step itself reads."""
        return self.border.inputs if self.border else self.step.inputs

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of the first input."""
        return (self.border or self.step).input_shapes[0]

    @property
    def members(self) -> tuple[Step, ...]:
        """All steps in it, in order."""
        moved = (self.border, self.step, self.tokens, *self.shuffle, self.crop)
        after = (self.batch_norm, self.offset, self.added, self.activation, self.pool)
        return tuple(s for s in (*moved, *after) if s)

    @property
    def last(self) -> Step:
        """The step that writes the result, before pooling."""
        return next(s for s in reversed(self.members) if s is not self.pool)

    @property
    def output(self) -> str:
        """Name of the result, before pooling."""
        return self.last.outputs[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the result, before pooling."""
        return self.last.shape

    @property
    def partner(self) -> str:
        """Name of the map that `added` adds."""
        before = self.members[self.members.index(self.added) - 1].outputs[0]
        first, second = self.added.inputs
        return second if first == before else first

    @property
    def is_public(self) -> bool:
        """Whether it is a step alone, or a convolution with what the public functions compute along with it."""
        with_them = (self.step, self.batch_norm, self.activation)
        relu = self.activation is None or self.activation.operation == "relu"
        return len(self.members) == 1 or (
            self.step.operation == "conv2d" and relu and self.members == tuple(s for s in with_them if s)
        )

    @property
    def names(self) -> str:
        """Names of all steps in it."""
        return " + ".join(s.name for s in self.members)


def fused(steps: Sequence[Step], blocked: bool) -> list[FusedLayer]:
    """Return the layers of a network, what can be computed in one step in one.

    `steps` are without dropout. Batch norm and ReLU join the convolution before them; where there are `blocked`
    kernels, so do the zeros around its input, sums with another map, other activations and 2 x 2 pooling. A step joins
    if it is the only one that reads what comes before it; pooling may share its input with others.
    """
    return list((_BlockedFusion if blocked else _Fusion)(steps))


class _Fusion:
    """Batch norm and ReLU join convolutions."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self.readers = Counter(name for step in steps for name in step.inputs)
        self.first_reader = {name: step for step in reversed(steps) for name in step.inputs}
        self.joined: set[str] = set()
        self.made = {INPUT}

    def __iter__(self) -> Iterator[FusedLayer]:
        for step in self.steps:
            if step.name in self.joined:
                continue
            layer = self.layer(step)
            if layer is None:
                continue
            self.joined |= {s.name for s in layer.members}
            self.made |= {name for s in layer.members for name in s.outputs}
            yield layer

    def layer(self, step: Step) -> FusedLayer | None:
        """Return the layer that begins with a step."""
        layer = FusedLayer(step)
        if step.operation == "conv2d":
            layer = self.joining(layer, "batch_norm", ("batch_norm",))
            layer = self.joining(layer, "activation", ("relu",))
        return layer

    def joining(self, layer: FusedLayer, part: str, operations: Sequence[str]) -> FusedLayer:
        """Return the layer with what follows it, where that is one of some operations and its only reader."""
        follower = self.first_reader.get(layer.output)
        if follower and follower.operation in operations and self.readers[layer.output] == 1:
            return replace(layer, **{part: follower})
        return layer


class _BlockedFusion(_Fusion):
    """What the kernels on channel blocks compute in one step."""

    def __init__(self, steps: Sequence[Step]) -> None:
        super().__init__(steps)
        self.pools = halving_pools(steps)
        self.constants = {step.outputs[0] for step in steps if step.operation == "constant"}
        self.borders: dict[str, Step] = {}

    def layer(self, step: Step) -> FusedLayer | None:
        """Return the layer that begins with a step; None where a later step takes it with it."""
        if step.operation == "pad" and self._is_border(step):
            self.borders[step.outputs[0]] = step
            return None
        layer = FusedLayer(step, border=self.borders.get(step.inputs[0]) if step.inputs else None)
        if step.operation in CONVOLUTIONS:
            if step.operation == "conv_transpose2d":
                layer = self.joining(layer, "crop", ("crop",))
            else:
                layer = replace(layer, shuffle=self._shuffle_of(layer.output))
            layer = self.joining(layer, "batch_norm", ("batch_norm",))
            layer = self._with_sum(layer, "offset")
            layer = self._with_sum(layer, "added")
        if step.operation in (*CONVOLUTIONS, "batch_norm", "add", "multiply"):
            layer = self.joining(layer, "activation", ACTIVATIONS)
        if step.operation in ("transpose", "reshape"):
            layer = self._with_tokens(layer)
        if step.operation == "conv2d":
            pool = next((s for s in self.pools.values() if s.inputs[0] == layer.output), None)
            if pool:
                layer = replace(layer, pool=pool, kept=self.readers[layer.output] > 1)
        return layer

    def _is_border(self, step: Step) -> bool:
        """Return whether a padding adds zeros around the input of a convolution, and nothing else reads them."""
        reader, options = self.first_reader.get(step.outputs[0]), step.options
        zeros = options["mode"] == "constant" and not options["value"] and min(options["amounts"]) >= 0
        alone = reader is not None and self.readers[step.outputs[0]] == 1
        return zeros and alone and reader.operation == "conv2d" and not isinstance(reader.options["padding"], str)

    def _with_tokens(self, layer: FusedLayer) -> FusedLayer:
        """Return the layer with the second step, where it makes a map of rows of channels or rows of a map."""
        step, shape = layer.step, layer.step.input_shapes[0]
        if step.operation == "transpose":
            found = self.joining(layer, "tokens", ("reshape",))
            exchanged = tuple(step.options["axes"]) == (0, 2, 1)
            fits = found.tokens and len(found.tokens.shape) == 4 and found.tokens.shape[:2] == (shape[0], shape[2])
            return found if exchanged and fits else layer
        found = self.joining(layer, "tokens", ("transpose",))
        joined = len(shape) == 4 and step.shape == (*shape[:2], shape[2] * shape[3])
        return found if joined and found.tokens and tuple(found.tokens.options["axes"]) == (0, 2, 1) else layer

    def _shuffle_of(self, name: str) -> tuple[Step, ...]:
        """Return the three steps that exchange groups of channels of a map, or none."""
        found: list[Step] = []
        for operation in ("reshape", "transpose", "reshape"):
            follower = self.first_reader.get(name)
            if follower is None or follower.operation != operation or self.readers[name] > 1:
                return ()
            found.append(follower)
            name = follower.outputs[0]
        (shape, *_), groups = found[0].input_shapes, found[0].shape
        divided = len(shape) == 4 and len(groups) == 5 and groups[0] == shape[0] and groups[3:] == shape[2:]
        exchanged = tuple(found[1].options["axes"]) == (0, 2, 1, 3, 4) and found[2].shape == shape
        return tuple(found) if divided and exchanged else ()

    def _with_sum(self, layer: FusedLayer, part: str) -> FusedLayer:
        """Return the layer with the sum of its result and a constant of each channel, or another map of its shape."""
        found = self.joining(layer, part, ("add",))
        sum_of = getattr(found, part)
        if sum_of is None:
            return layer
        partner = next((name for name in sum_of.inputs if name != layer.output), layer.output)
        shape = sum_of.input_shapes[sum_of.inputs.index(partner)]
        if part == "offset":
            fits = partner in self.constants and shape == (1, layer.shape[1], 1, 1)
        else:
            fits = partner in self.made and shape == layer.shape and sum_of.shape == layer.shape
        return found if fits and sum_of.shape == layer.shape else layer


def halving_pools(steps: Sequence[Step]) -> dict[str, Step]:
    """Return the max-poolings of 2 x 2 windows and stride 2 whose indices only say which of four cells won, by name.

    Indices within a window are enough where every reader is an unpooling of the same windows to the size before.
    """
    found = {}
    for step in steps:
        if step.operation != "max_pool2d" or not _halves(step):
            continue
        size = step.input_shapes[0][2:]
        readers = [reader for reader in steps if set(reader.inputs) & set(step.outputs[1:])]
        if all(_halves(reader) and reader.shape[2:] == size for reader in readers):
            found[step.name] = step
    return found


def _halves(step: Step) -> bool:
    """Return whether this is max-pooling or max-unpooling of 2 x 2 windows with stride 2."""
    if step.operation not in ("max_pool2d", "max_unpool2d"):
        return False
    options = step.options
    plain = as_pair(options["padding"], "padding", 0) == (0, 0)
    if step.operation == "max_pool2d":
        plain = plain and as_pair(options["dilation"], "dilation", 1) == (1, 1)
    window = (as_pair(options[name], name, 1) for name in ("kernel_size", "stride"))
    return plain and all(pair == (2, 2) for pair in window)


def without_dropout(steps: Iterable[Step]) -> tuple[list[Step], str]:
    """Leave out dropout, which does nothing in inference; return the other steps and the name of the result."""
    source: dict[str, str] = {}
    kept, result = [], ""
    for step in steps:
        inputs = tuple(source.get(name, name) for name in step.inputs)
        if step.operation == "dropout":
            source[step.outputs[0]] = inputs[0]
        else:
            kept.append(replace(step, inputs=inputs))
        result = source.get(step.outputs[0], step.outputs[0])
    return kept, result
