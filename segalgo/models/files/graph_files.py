"""What the readers of graphs share: from the neutral graph of a file to the network, with what its user says of it."""

import ast
import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segalgo.models.files.weights_error import DAMAGE, RefusedError, WeightsError, quoted, reason
from segalgo.models.graph.classes import Classes, default_classes
from segalgo.models.graph.folding import FOLDED, fold
from segalgo.models.graph.nodes import Graph, GraphError, checked, pruned, with_gelu, without_argmax
from segalgo.models.predicting.preprocessing import Preprocessing

SUFFIXES = (".onnx", ".tflite")
LARGEST_FILE = 2**31
MOST_NODES = 100_000
LONGEST_NAMES = 100_000
NAMES = ("names", "classes", "labels", "class_names")
FOLDED_FACTOR = 4


def network_of(
    path: Path,
    graph: Graph,
    names: Any,
    channels: str | None,
    mean: Any,
    scale: Any,
) -> Any:
    """Return the network of a graph, ready to run."""
    from segalgo.models.networks.imported import ImportedNetwork

    try:
        graph = without_argmax(pruned(checked(graph)))
        model = ImportedNetwork(pruned(with_gelu(_folded(graph))))
    except (GraphError, *DAMAGE) as error:
        raise WeightsError(f"{path}: {error if isinstance(error, ValueError) else reason(error)}") from None
    set_preprocessing(model, channels, mean, scale)
    if names is not None:
        model.classes = named_classes(names, model.num_classes)
    return model


def set_preprocessing(model: Any, channels: str | None, mean: Any, scale: Any) -> None:
    """Replace the parts of a network's preprocessing that are given.

    Raises
    ------
    ValueError
        If one of them does not fit the network.
    """
    if channels is None and mean is None and scale is None:
        return
    known = model.preprocessing
    takes = {"grey": 1, "rgb": 3, "bgr": 3}.get(channels or known.channels, model.in_channels)
    if takes > model.in_channels:
        raise ValueError(f"channels={channels!r}: expected {model.in_channels} channels, as the network takes")
    for value, name in ((mean, "mean"), (scale, "scale")):
        if isinstance(value, Sequence) and len(value) not in (1, takes):
            raise ValueError(f"{name}={tuple(value)}: expected one number, or {takes}")
    model.preprocessing = Preprocessing(
        channels or known.channels,
        known.mean if mean is None else mean,
        known.scale if scale is None else scale,
        known.reduction,
        model.in_channels - takes,
    )


def named_classes(names: Any, count: int) -> Classes:
    """Return classes of these names; a network of one class may have names for no and yes.

    Raises
    ------
    ValueError
        If there are more or fewer names than classes.
    """
    if isinstance(names, str) or not isinstance(names, Sequence) or not all(isinstance(n, str) for n in names):
        raise TypeError(f"names={names!r:.80}: expected a sequence of strings")
    wanted = (1, 2) if count == 1 else (count,)
    if len(names) not in wanted:
        raise ValueError(f"{len(names)} names: expected {count}, as the network has classes")
    if count == 1 and len(names) == 1:
        names = ("background", *names)
    return Classes(tuple(names), default_classes(len(names)).colors)


def read_names(text: str) -> list[str] | None:
    """Return the names of classes that metadata hold as a list or a mapping from numbers; None if they do not."""
    if len(text) > LONGEST_NAMES:
        return None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        value = text.split(",") if "," in text and "\n" not in text else text.split("\n")
    if isinstance(value, dict):
        if sorted(value, key=str) != sorted(range(len(value)), key=str):
            return None
        value = [value[k] for k in range(len(value))]
    if not isinstance(value, list | tuple) or not all(isinstance(n, str) and n.strip().isprintable() for n in value):
        return None
    return [name.strip() for name in value]


def package(name: str, extra: str) -> Any:
    """Return a package that reads a format.

    Raises
    ------
    ImportError
        If it is not installed; the message says how to get it.
    """
    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(
            f"reading this file needs the package {name}: install it with `pip install segalgo[{extra}]`"
        ) from None


def checked_path(path: Path, suffix: str) -> Path:
    """Return the path if a file of this kind is there."""
    if path.suffix.lower() != suffix:
        raise RefusedError(f"expected a file named {suffix}")
    if not path.exists():
        raise RefusedError("no such file")
    if not path.is_file():
        raise RefusedError("is a folder" if path.is_dir() else "is no regular file")
    size = path.stat().st_size
    if size == 0:
        raise RefusedError("is empty (0 bytes)")
    if size > LARGEST_FILE:
        raise RefusedError(f"has {size} bytes: expected at most {LARGEST_FILE}")
    return path


def chosen(names: Sequence[str], wanted: str | None, what: str) -> str:
    """Return the wanted one of the names of a file's inputs or outputs, or the first."""
    if wanted is None:
        return names[0]
    if wanted not in names:
        raise RefusedError(f"{what}={quoted(wanted)!r}: expected one of {', '.join(map(quoted, names[:20]))}")
    return wanted


def _folded(graph: Graph) -> Graph:
    """Compute once what depends on constants alone: weights of weights, shapes of weights."""
    constants, nodes = dict(graph.constants), []
    budget = max(2**26, FOLDED_FACTOR * sum(value.nbytes for value in constants.values()))
    for node in graph.nodes:
        if node.operation in FOLDED and all(name in constants for name in node.inputs if name):
            results = fold(node, [constants[name] if name else None for name in node.inputs])
            budget -= sum(value.nbytes for value in results if value.base is None)
            if budget < 0:
                raise GraphError(f"node {node}: more memory for constants than the file's size allows")
            constants.update(zip(node.outputs, results, strict=False))
        else:
            nodes.append(node)
    return pruned(Graph(**{**vars(graph), "nodes": tuple(nodes), "constants": constants}))
