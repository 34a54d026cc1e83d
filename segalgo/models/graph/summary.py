"""A network as a table: layers, shapes, parameters, floating-point operations."""

import math
from dataclasses import dataclass
from typing import Any

from segalgo.models.graph.execution import INPUT


@dataclass(frozen=True)
class SummaryRow:
    """One layer."""

    name: str
    operation: str
    shape: tuple[int, ...]
    """Of its output."""
    parameters: int
    """Numbers that training sets; the statistics of batch normalization are not among them."""
    flops: int
    """Additions and multiplications (and comparisons of pooling and ReLU)."""
    multiplications: int
    """Products alone: multiply-accumulate operations of a convolution."""
    bytes: int
    """Bytes read and written in float32 if nothing stays in a cache: inputs, parameters, outputs."""


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

    @property
    def multiplications(self) -> int:
        """Products of one pass."""
        return sum(row.multiplications for row in self.rows)

    @property
    def bytes(self) -> int:
        """Bytes that all layers read and write, one by one, in float32."""
        return sum(row.bytes for row in self.rows)

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
    parameters = model.described_parameters()
    rows = []
    for step in model.describe(input_shape):
        layer, shapes = step.layer, step.input_shapes
        own = [parameters[name] for name in step.parameters]
        # Parameters of a step that repeats another one are counted with that.
        trained = sum(math.prod(p.shape) for p in own if p.trained) if step.owner == step.name else 0
        written = len(step.outputs) + (len(step.outputs) - 1)  # indices take eight bytes
        cells = layer.cells_read(*shapes) + sum(math.prod(p.shape) for p in own) + written * math.prod(step.shape)
        cells += sum(math.prod(shapes[k]) for k in layer.index_inputs)
        costs = layer.flops(*shapes), layer.multiplications(*shapes), 4 * cells
        rows.append(SummaryRow(step.name, step.operation, step.shape, trained, *costs))
    return Summary(tuple(input_shape), tuple(rows))


def _shape(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
