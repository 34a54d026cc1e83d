"""Peers, imported when a benchmark asks for them, all held to the same number of threads as our kernels."""

import os
from functools import cache
from importlib import import_module
from types import ModuleType

import numpy as np

THREADS = int(os.environ.get("OMP_NUM_THREADS") or 2)
os.environ.setdefault("OMP_NUM_THREADS", str(THREADS))
# A thread that waits for another sleeps, ours and the peers' alike. Waiting threads that spin take the processor from
# the very thread they wait for as soon as anything else runs on the machine, and then we would time the spinning.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")


@cache
def peer(name: str) -> ModuleType:
    """Return a peer's module with its threads set; asv reads NotImplementedError as "not applicable here"."""
    try:
        module = import_module(name)
    except ImportError as error:
        raise NotImplementedError(f"{name} is not installed") from error
    if name == "cv2":
        module.setNumThreads(THREADS)
    elif name == "torch":
        module.set_num_threads(THREADS)
        module.set_grad_enabled(False)
    return module


def floor(source: np.ndarray, *targets: np.ndarray, fresh: bool = False):
    """Return a call that reads `source` once and writes as many bytes as the targets have: what memory allows.

    With `fresh` the targets are allocated in the call, as they are by every function that returns new arrays: the
    system clears each page of a large one before the function may write it.
    """
    from segalgo._ext.shared._floor import read_and_write

    size = sum(array.nbytes for array in targets)
    if fresh:
        return lambda: read_and_write(source, np.empty(size, np.uint8))
    target = np.empty(size, np.uint8)
    return lambda: read_and_write(source, target)
