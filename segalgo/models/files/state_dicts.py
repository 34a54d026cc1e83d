"""Find the state dict in what a checkpoint holds, and take the prefixes of wrappers off its names."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from segalgo.models.files.tensor_records import OtherTensor, Skipped, Tensor
from segalgo.models.files.weights_error import RefusedError, quoted

# Under these names training scripts keep the weights of the model beside epoch, optimizer and the like.
NESTED = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "net_state_dict", "network", "network_weights",
    "params", "params_ema", "module", "weights", "model_weights", "ema", "ema_state_dict", "model_ema",
    "state_dict_ema", "teacher", "student",
)  # fmt: skip
# Under these, what training needs beside them.
TRAINING = ("optim", "sched", "scaler", "loops", "callbacks", "rng")
PREFIXES = ("module.", "_orig_mod.", "model.", "net.")
"""Prefixes that wrappers put before all names: parallel training, compilation, and modules that hold the network."""
DEEPEST = 6


def find_state_dict(tree: Any, key: str | None = None) -> dict[str, Any]:
    """Return the names and tensors of the state dict in a checkpoint.

    Parameters
    ----------
    tree : object
        What the file holds, tensors as records. Each dictionary is visited once, however often it is shared.
    key : str, optional
        Name of the state dict, or path of names with dots between them.

    Raises
    ------
    RefusedError
        If there is none, or several that could be meant; the message names them.
    """
    path: tuple[str, ...] = ()
    if key is not None:
        tree, path = _named(tree, key), (key,)
    if not isinstance(tree, dict) or (isinstance(tree, Skipped) and not tree):
        raise RefusedError(f"holds {_described(tree)}, expected a state dict")
    candidates = _candidates(tree, path)
    if not candidates:
        whole = next((value for value in _dictionaries(tree) if _is_module(value)), None)
        if whole is not None:
            raise RefusedError(f"holds {_described(whole)}, expected a state dict")
        arrays = any(_is_numpy(value) for node in _dictionaries(tree) for value in node.values())
        raise RefusedError("holds no tensors" + (", but NumPy arrays: save those with numpy.savez" if arrays else ""))
    if len(candidates) > 1:
        names = ", ".join(repr(quoted(".".join(path), 60)) for path, _ in candidates[:8])
        more = f" and {len(candidates) - 8} more" if len(candidates) > 8 else ""
        raise RefusedError(f"holds several state dicts, {names}{more}: name one with key=")
    (_, found), *_ = candidates
    return {name: value for name, value in found.items() if isinstance(name, str) and _is_tensor(value)}


def without_prefixes(weights: Mapping[str, Any]) -> dict[str, Any]:
    """Return weights without the prefixes of wrappers that all names share, in any order and number."""
    names = list(weights)
    compiled = [".".join(part for part in name.split(".") if part != "_orig_mod") for name in names]
    if len(set(compiled)) == len(names):
        names = compiled
    while True:
        shared = next((prefix for prefix in PREFIXES if all(name.startswith(prefix) for name in names)), None)
        if shared is None or not names:
            return dict(zip(names, weights.values(), strict=True))
        names = [name.removeprefix(shared) for name in names]


def part_of_names(weights: Mapping[str, Any], key: str, tree: Any = None) -> dict[str, Any]:
    """Return the weights whose names begin with ``{key}.``, without it; `tree` is what the file holds besides."""
    part = {name.removeprefix(f"{key}."): value for name, value in weights.items() if name.startswith(f"{key}.")}
    if not part:
        groups = _listed(dict.fromkeys(name.partition(".")[0] for name in weights))
        keys = _listed(name for name in tree if isinstance(name, str) and name not in weights) if tree else ""
        raise RefusedError(
            f"key={quoted(key)!r}: {_found_under(tree, key)}; "
            + (f"the keys of the file are {keys}; " if keys else "")
            + f"the names of its weights begin with {groups}"
        )
    return part


def _found_under(tree: Any, key: str) -> str:
    if isinstance(tree, dict) and key in tree:
        return f"holds {_described(tree[key])}, expected a dictionary"
    return "there is no such key"


def _listed(names: Iterable[str]) -> str:
    """Return the first eight names in quotes."""
    some = [repr(quoted(name, 40)) for name in islice(names, 9)]
    return ", ".join(some[:8]) + (" ..." if len(some) > 8 else "")


def holds(tree: Any, key: str) -> bool:
    """Return whether a key names a dictionary of the tree."""
    try:
        _named(tree, key)
    except RefusedError:
        return False
    return True


def _named(tree: Any, key: str) -> Any:
    """Return what a key, or a path of keys with dots between them, names."""
    if isinstance(tree, dict):
        if isinstance(tree.get(key), dict):
            return tree[key]
        first, dot, rest = key.partition(".")
        if dot and isinstance(tree.get(first), dict):
            return _named(tree[first], rest)
        names = [repr(quoted(k, 40)) for k, v in tree.items() if isinstance(k, str) and isinstance(v, dict)]
        raise RefusedError(
            f"key={quoted(key)!r}: no dictionary of this name; there are {', '.join(names[:8]) or 'none'}"
        )
    raise RefusedError(f"key={quoted(key)!r}: holds {_described(tree)}, expected a dictionary")


def _candidates(tree: dict, path: tuple[str, ...]) -> list[tuple[tuple[str, ...], dict]]:
    """Return the dictionaries that may be the state dict, with their paths: one, if the file tells which.

    Kernels, which have four axes, tell the state dict of a network from a dictionary with a few numbers, and a known
    name tells more than an unknown one.
    """
    found: list[tuple[int, tuple[str, ...], dict]] = []
    waiting: list[tuple[dict, tuple[str, ...]]] = [(tree, path)]
    seen = {id(tree)}
    for node, where in waiting:
        axes = [
            len(value.shape) if isinstance(value, Tensor) else 4
            for name, value in node.items()
            if isinstance(name, str) and _is_tensor(value)
        ]
        if axes:
            # The order of trust: kernels, matrices, vectors, numbers; in each a known name, the root, an unknown name.
            known = 2 if len(where) > len(path) and _is_known(where[-1]) else 1 if node is tree else 0
            found.append((3 * min(max(axes), 4) + known, where, node))
        if len(where) - len(path) < DEEPEST:
            for name, value in node.items():
                if (
                    isinstance(name, str)
                    and isinstance(value, dict)
                    and id(value) not in seen
                    and not _is_training(name)
                ):
                    seen.add(id(value))
                    waiting.append((value, (*where, name)))
    best = max((rank for rank, _, _ in found), default=0)
    return [(where, node) for rank, where, node in found if rank == best]


def _is_known(name: str) -> bool:
    return name.lower() in NESTED


def _is_training(name: str) -> bool:
    return any(word in name[:40].lower() for word in TRAINING)


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor | OtherTensor)


def _is_numpy(value: Any) -> bool:
    return isinstance(value, Skipped) and value.path.endswith("._reconstruct")


def _is_module(value: Any) -> bool:
    return isinstance(value, Skipped) and isinstance(value.state, dict) and "_parameters" in value.state


def _dictionaries(tree: dict) -> Iterator[dict]:
    """Yield each dictionary once."""
    waiting, seen = [tree], {id(tree)}
    for node in waiting:
        yield node
        for value in node.values():
            if isinstance(value, dict) and id(value) not in seen:
                seen.add(id(value))
                waiting.append(value)


def _described(value: Any) -> str:
    if _is_module(value):
        return (
            f"a whole model (its pickle names {quoted(value.path)}), which only the program of that class can remake "
            "(torch.save(model.state_dict(), path) writes the weights alone)"
        )
    return f"an object of the class {quoted(value.path)}" if isinstance(value, Skipped) else f"a {type(value).__name__}"
