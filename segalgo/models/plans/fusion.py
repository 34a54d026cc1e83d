"""Which layers of a described network may be computed in one step."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from segalgo._core.checks import as_pair
from segalgo.models.graph.execution import Step


@dataclass(frozen=True)
class FusedLayer:
    """One step and what is computed along with it; every step but a convolution is alone."""

    step: Step
    batch_norm: Step | None = None
    relu: Step | None = None
    pool: Step | None = None
    """The 2 x 2 max-pooling that reads the result."""
    kept: bool = True
    """Whether anything but `pool` reads the result."""

    @property
    def output(self) -> str:
        """Name of the result, before pooling."""
        return (self.relu or self.batch_norm or self.step).outputs[0]

    @property
    def names(self) -> str:
        """Names of all steps in it."""
        return " + ".join(s.name for s in (self.step, self.batch_norm, self.relu, self.pool) if s)


def fused(steps: Sequence[Step], pooling: bool) -> list[FusedLayer]:
    """Return the layers of a network: batch norm, ReLU and, where asked, pooling join convolutions.

    `steps` are without dropout. A step joins if it is the only one that reads what comes before it; pooling may share
    its input with others.
    """
    readers = Counter(name for step in steps for name in step.inputs)
    first_reader = {name: step for step in reversed(steps) for name in step.inputs}
    pools = halving_pools(steps) if pooling else {}
    layers, joined = [], set()
    for step in steps:
        if step.name in joined:
            continue
        layer = FusedLayer(step)
        if step.operation == "conv2d":
            for operation in ("batch_norm", "relu"):
                follower = first_reader.get(layer.output)
                if follower and follower.operation == operation and readers[layer.output] == 1:
                    layer = replace(layer, **{operation: follower})
            pool = next((s for s in pools.values() if s.inputs[0] == layer.output), None)
            if pool:
                layer = replace(layer, pool=pool, kept=readers[layer.output] > 1)
        joined |= {s.name for s in (layer.batch_norm, layer.relu, layer.pool) if s}
        layers.append(layer)
    return layers


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
