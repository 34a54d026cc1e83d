"""Records of conditional random fields."""

import math
from dataclasses import dataclass
from typing import Any

import segalgo
from segalgo._core.arrays import array_module
from segalgo.models.graph.layer import WHOLE_MAP, Layer, Parameter, Shape, Unbounded
from segalgo.models.graph.layers.families import check_planes


@dataclass(frozen=True)
class CrfRnn(Layer, operation="crf_rnn"):
    """Mean-field inference with matrices, from logits and the picture that they are of (Zheng et al. 2015)."""

    onnx = "Loop"
    blocked = None
    inputs = 2

    iterations: int = 10
    spatial_sigma: float = 3.0
    bilateral_sigma: float = 160.0
    color_sigma: float = 3.0

    def compute(self, logits: Any, picture: Any, **matrices: Any) -> Any:
        options = {
            "spatial_sigma": self.spatial_sigma,
            "spatial_weight": matrices["spatial_ker_weights"],
            "bilateral_sigma": self.bilateral_sigma,
            "color_sigma": self.color_sigma,
            "bilateral_weight": matrices["bilateral_ker_weights"],
            "compatibility": matrices["compatibility_matrix"],
            "normalization": "after",
            "logits": True,
        }
        results = [
            segalgo.dense_crf(scores, image.transpose(1, 2, 0), self.iterations, **options)
            for scores, image in zip(logits, picture, strict=True)
        ]
        return array_module(logits).stack(results) if results else logits.copy()

    def output_shape(self, logits: Shape, picture: Shape) -> Shape:
        check_planes(logits)
        check_planes(picture)
        if (logits[0], *logits[2:]) != (picture[0], *picture[2:]):
            raise ValueError(f"logits {logits} and picture {picture}: expected one logit a pixel and class")
        return logits

    def parameters(self, logits: Shape, picture: Shape) -> dict[str, Parameter]:
        shape = (logits[1], logits[1])
        return {
            name: Parameter(shape) for name in ("spatial_ker_weights", "bilateral_ker_weights", "compatibility_matrix")
        }

    def multiplications(self, logits: Shape, picture: Shape) -> int:
        # Each filter of d coordinates gives to d + 1 vertices and takes from as many; two matrices mix classes.
        corners = 3 + (3 + picture[1])
        return self.iterations * math.prod(logits) * (2 * corners + 2 * logits[1] + 1)

    def flops(self, logits: Shape, picture: Shape) -> int:
        return 2 * self.multiplications(logits, picture)

    def reach(self, axis: int, *shapes: Shape) -> Unbounded:
        return WHOLE_MAP
