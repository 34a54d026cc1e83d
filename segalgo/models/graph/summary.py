"""A network as a table: layers, shapes, parameters, floating-point operations."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segalgo.models.graph.execution import INPUT, Step

STATISTICS = (".running_mean", ".running_var")


@dataclass(frozen=True)
class SummaryRow:
    """One layer."""

    name: str
    operation: str
    shape: tuple[int, int, int, int]
    """Of its output (N, C, H, W)."""
    parameters: int
    """Numbers that training sets; the statistics of batch normalization are not among them."""
    flops: int
    """Additions and multiplications (and comparisons of pooling and ReLU)."""


@dataclass(frozen=True)
class Summary:
    """The table of a network; as a string it is for reading."""

    input_shape: tuple[int, int, int, int]
    rows: tuple[SummaryRow, ...]

    @property
    def parameters(self) -> int:
        """Numbers that training sets."""
        return sum(row.parameters for row in self.rows)

    @property
    def flops(self) -> int:
        """Floating-point operations of one pass."""
        return sum(row.flops for row in self.rows)

    def __str__(self) -> str:
        lines = [("layer", "operation", "output shape", "parameters", "MFLOP")]
        lines.append((INPUT, "", _shape(self.input_shape), "", ""))
        for row in self.rows:
            numbers = f"{row.parameters:,}" if row.parameters else ""
            lines.append((row.name, row.operation, _shape(row.shape), numbers, f"{row.flops / 1e6:,.1f}"))
        lines.append(("total", "", "", f"{self.parameters:,}", f"{self.flops / 1e6:,.1f}"))
        widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
        text = [
            "  ".join(
                cell.ljust(n) if k < 3 else cell.rjust(n) for k, (cell, n) in enumerate(zip(line, widths, strict=True))
            )
            for line in lines
        ]
        rule = "-" * len(text[0])
        return "\n".join([text[0], rule, *text[1:-1], rule, text[-1]])


def summarize(model: Any, input_shape: tuple[int, int, int, int]) -> Summary:
    """Return the table of a model for an input (N, C, H, W)."""
    sizes = {name: math.prod(shape) for name, shape in model.parameter_shapes().items()}
    shapes = {INPUT: tuple(input_shape)}
    rows = []
    for step in model.describe(input_shape):
        shapes.update(dict.fromkeys(step.outputs, step.shape))
        count = sum(sizes[name] for name in step.parameters if not name.endswith(STATISTICS))
        rows.append(SummaryRow(step.name, step.operation, step.shape, count, _flops(step, shapes)))
    return Summary(tuple(input_shape), tuple(rows))


def _flops(step: Step, shapes: Mapping[str, tuple[int, ...]]) -> int:
    """Count a product and its addition as two, and the bias as one."""
    cells, (_, channels, height, width) = math.prod(step.shape), shapes[step.inputs[0]]
    options = step.options
    if step.operation == "conv2d":
        return cells * (2 * channels * options["kernel_size"] ** 2 - (not options["bias"]))
    if step.operation == "conv_transpose2d":
        # Every input cell is weighed by the whole kernel of each output channel.
        products = step.shape[0] * channels * height * width * options["out_channels"] * options["kernel_size"] ** 2
        return 2 * products
    if step.operation == "max_pool2d":
        return cells * (options["kernel_size"] ** 2 - 1)
    if step.operation == "local_response_norm":
        return cells * (2 * options["size"] + 3)
    # Bilinear interpolation mixes two cells three times.
    bilinear = 9 * (options.get("mode") == "bilinear")
    return cells * {"batch_norm": 2, "relu": 1, "interpolate": bilinear}.get(step.operation, 0)


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
