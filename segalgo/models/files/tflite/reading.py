"""What has been read of a TensorFlow Lite file, and where its axes (N, H, W, C) lie in (N, C, H, W)."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from segalgo.models.files.weights_error import RefusedError, quoted
from segalgo.models.graph.nodes import Node

TO_NCHW = (0, 3, 1, 2)
TO_NHWC = (0, 2, 3, 1)
AXIS = (0, 2, 3, 1)
"""Where an axis of (N, H, W, C) lies in (N, C, H, W)."""


@dataclass(frozen=True)
class Operator:
    """One operator as the file has it."""

    kind: str
    name: str
    inputs: list[str]
    """Names of tensors; "" for one left out."""
    outputs: list[str]
    options: Any
    """The table of its options; None where the file has none."""
    custom: bytes = b""
    """The options of a custom operator."""

    def option(self, name: str, default: Any) -> Any:
        """Return one of the options, `default` where the file has no table of them."""
        return default if self.options is None else getattr(self.options, name)()


class Reading:
    """What has been read of a file: nodes, constants, and the shapes of its tensors as the file has them."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, np.ndarray] = {}
        self.names: list[str] = []
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.faults: dict[str, str] = {}
        """Tensors that cannot be computed with here, and why."""
        self._count = 0

    def emit(self, operation: str, name: str, inputs: Sequence[str], outputs: Sequence[str], **attributes: Any) -> None:
        """Add a node."""
        self.nodes.append(Node(operation, name, tuple(inputs), tuple(outputs), attributes))

    def new(self, near: str) -> str:
        """Return a name that no tensor of the file has."""
        self._count += 1
        return f"{near}//{self._count}"

    def constant(self, array: Any, near: str, dtype: Any = np.int64) -> str:
        """Return the name of a new constant."""
        name = self.new(near)
        self.constants[name] = np.asarray(array, dtype)
        return name

    def rank(self, name: str) -> int:
        """Return the number of axes of a tensor."""
        return len(self.shapes[name])

    def known(self, name: str, kind: str) -> np.ndarray:
        """Return a constant that the operator needs to know."""
        if name not in self.constants:
            raise RefusedError(f"operator {kind}: its input {quoted(name)} is computed, expected a constant")
        return self.constants[name]

    def maps(self, name: str) -> str:
        """Return a tensor as an operator on cells reads it: constants of four axes as (N, C, H, W)."""
        if name in self.constants and self.rank(name) == 4:
            moved = f"{name}//maps"
            if moved not in self.constants:
                self.constants[moved] = np.ascontiguousarray(self.constants[name].transpose(TO_NCHW))
                self.shapes[moved] = self.shapes[name]
            return moved
        return name

    def in_file_order(self, name: str) -> str:
        """Return a tensor in the file's order of axes."""
        if self.rank(name) != 4 or name in self.constants:
            return name
        moved = self.new(name)
        self.emit("Transpose", moved, [name], [moved], perm=list(TO_NHWC))
        return moved

    def from_file_order(self, node: str, output: str) -> str:
        """Return the name under which a node writes a tensor in the file's order; it is brought into ours after it."""
        return self.new(output) if self.rank(output) == 4 else output

    def settle(self, written: str, output: str) -> None:
        """Bring what was written under the name of `from_file_order` into our order."""
        if written != output:
            self.emit("Transpose", f"{output}_maps", [written], [output], perm=list(TO_NCHW))

    def broadcast(self, tensor: str, rank: int) -> str:
        """Return an input with its axes where they lie in an output of so many axes."""
        own = self.rank(tensor)
        if rank != 4 or own in (0, 4):
            return self.maps(tensor) if rank == 4 else tensor
        moved = self.new(tensor)
        shape = (1,) * (4 - own) + self.shapes[tensor]
        if tensor in self.constants:
            self.constants[moved] = np.ascontiguousarray(self.constants[tensor].reshape(shape).transpose(TO_NCHW))
            return moved
        whole = self.new(tensor)
        shape = tuple(n if n > 0 else -1 for n in shape)
        self.emit("Reshape", whole, [tensor], [whole], shape=list(shape))
        self.emit("Transpose", moved, [whole], [moved], perm=list(TO_NCHW))
        return moved


Reader = Callable[[Reading, Operator], None]
"""A function that adds the nodes of one operator."""


def axis_here(axis: int, rank: int) -> int:
    """Return where an axis of the file lies here."""
    if not -rank <= axis < rank:
        raise RefusedError(f"axis {axis} of a tensor of {rank} axes")
    return AXIS[axis % rank] if rank == 4 else axis % rank
