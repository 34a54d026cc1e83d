"""A network as a list of public functions: the plan for every backend and dtype."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import segalgo
from segalgo.models.graph.execution import INPUT, Step, apply
from segalgo.models.plans.fusion import FusedLayer, fused, without_dropout


class PublicPlan:
    """Layers in order, convolutions prepared, everything else by the public functions: for every backend and dtype."""

    nbytes = 0

    def __init__(self, steps: Sequence[Step], parameters: Mapping[str, Any]) -> None:
        steps, self.result = without_dropout(steps)
        self.layers = [(layer, computed_by(layer, parameters)) for layer in fused(steps, blocked=False)]
        self.readers = Counter(name for layer, _ in self.layers for name in layer.step.inputs)

    def run(self, x: Any, seconds: list[tuple[str, float]] | None) -> Any:
        """Return the logits; append the time of each layer to `seconds`."""
        arrays, waiting = {INPUT: x}, Counter(self.readers)
        for layer, compute in self.layers:
            start = time.perf_counter()
            step = layer.step
            result = compute([arrays[name] for name in step.inputs])
            names = (layer.output, *step.outputs[1:])
            arrays.update(zip(names, result if len(names) > 1 else (result,), strict=True))
            waiting.subtract(step.inputs)
            for name in {*step.inputs} - {INPUT}:
                if waiting[name] == 0:
                    del arrays[name]
            if seconds is not None:
                seconds.append((layer.names, time.perf_counter() - start))
        return arrays[self.result]


def computed_by(layer: FusedLayer, parameters: Mapping[str, Any]) -> Callable[[Sequence[Any]], Any]:
    """Return a function of the inputs that computes a layer, and what is fused with it, by public functions."""
    step = layer.step
    if step.operation != "conv2d":
        return lambda inputs: apply(step.layer, step.name, inputs, parameters)
    prepared = _prepared(layer, parameters)
    return lambda inputs: prepared(*inputs)


def _prepared(layer: FusedLayer, parameters: Mapping[str, Any]) -> segalgo.PreparedConv2d:
    step, options = layer.step, layer.step.options
    norm = layer.batch_norm
    folded = None
    if norm:
        entries = ("running_mean", "running_var", "weight", "bias")
        folded = (*(parameters[f"{norm.name}.{entry}"] for entry in entries), norm.options["eps"])
    return segalgo.prepare_conv2d(
        parameters[f"{step.name}.weight"],
        parameters[f"{step.name}.bias"] if options["bias"] else None,
        options["stride"],
        options["padding"],
        options["dilation"],
        options["groups"],
        batch_norm=folded,
        relu=layer.activation is not None,
    )
