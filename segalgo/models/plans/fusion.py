"""Which layers of a described network may be computed in one step."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from segalgo.models.graph.execution import Step


@dataclass(frozen=True)
class Layer:
    """One step and what is computed along with it; all but convolutions stand alone."""

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


def fused(steps: Sequence[Step], pooling: bool) -> list[Layer]:
    """Return the layers of a network without dropout: batch norm, ReLU and, where asked, pooling join convolutions.

    A step joins if it alone reads what comes before it; pooling may share its input with others.
    """
    steps = _without_dropout(steps)
    readers = Counter(name for step in steps for name in step.inputs)
    first_reader = {name: step for step in reversed(steps) for name in step.inputs}
    layers, joined = [], set()
    for step in steps:
        if step.name in joined:
            continue
        layer = Layer(step)
        if step.operation == "conv2d":
            for operation in ("batch_norm", "relu"):
                follower = first_reader.get(layer.output)
                if follower and follower.operation == operation and readers[layer.output] == 1:
                    layer = replace(layer, **{operation: follower})
            if pooling:
                layer = _with_pool(layer, steps, readers)
        joined |= {s.name for s in (layer.batch_norm, layer.relu, layer.pool) if s}
        layers.append(layer)
    return layers


def is_halving(step: Step) -> bool:
    """Return whether this is max-pooling of 2 x 2 with stride 2."""
    options = step.options
    return step.operation == "max_pool2d" and (options["kernel_size"], options["stride"]) == (2, 2)


def _with_pool(layer: Layer, steps: Sequence[Step], readers: Counter) -> Layer:
    pool = next((s for s in steps if is_halving(s) and s.inputs[0] == layer.output), None)
    return replace(layer, pool=pool, kept=readers[layer.output] > 1) if pool else layer


def _without_dropout(steps: Iterable[Step]) -> list[Step]:
    """Leave out dropout, which does nothing in inference."""
    source: dict[str, str] = {}
    kept = []
    for step in steps:
        inputs = tuple(source.get(name, name) for name in step.inputs)
        if step.operation == "dropout":
            source[step.outputs[0]] = inputs[0]
        else:
            kept.append(replace(step, inputs=inputs))
    return kept
