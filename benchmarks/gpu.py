"""CUDA kernels beside PyTorch, cupyx and cuCIM, and as a fraction of the card's copy bandwidth.

``python -m benchmarks.gpu [word ...]`` runs the cases whose name holds a word. Times are medians of events around one
call after a warm-up. Without a GPU it says so and ends.
"""

import statistics
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np

import segalgo

WARM_UP, REPEATS = 5, 31
SIDE = 4096


def median_time(xp: Any, work: Callable[[], Any]) -> float:
    """Return seconds of one call, by events on the current stream."""
    for _ in range(WARM_UP):
        work()
    begin, end = xp.cuda.Event(), xp.cuda.Event()
    times = []
    for _ in range(REPEATS):
        begin.record()
        work()
        end.record()
        end.synchronize()
        times.append(xp.cuda.get_elapsed_time(begin, end) / 1000)
    return statistics.median(times)


def copy_bandwidth(xp: Any) -> float:
    """Return the bytes that a copy on the device reads and writes in a second."""
    source = xp.zeros(2**28, np.uint8)
    target = xp.empty_like(source)
    return 2 * source.nbytes / median_time(xp, lambda: xp.copyto(target, source))


def cases(xp: Any) -> Iterator[tuple[str, Callable[[], Any], int, dict[str, Callable[[], Any]]]]:
    """Yield name, our call, the bytes that it must read and write, and the peers' calls."""
    torch = import_module("torch") if find_spec("torch") else None
    if torch is not None and not torch.cuda.is_available():
        torch = None
    rng = xp.random.default_rng(0)
    x = rng.standard_normal((1, 16, SIDE // 4, SIDE // 4)).astype(np.float32)
    t = torch.from_dlpack(x) if torch else None
    functional = torch.nn.functional if torch else None

    def beside(name: str, *arguments: Any, **options: Any) -> dict[str, Callable[[], Any]]:
        return {"torch": lambda: getattr(functional, name)(*arguments, **options)} if torch else {}

    yield "relu", lambda: segalgo.relu(x), 2 * x.nbytes, beside("relu", t)
    yield "softmax", lambda: segalgo.softmax(x, 1), 2 * x.nbytes, beside("softmax", t, 1)
    pooled, indices = segalgo.max_pool2d(x, 2, return_indices=True)
    bytes_of_pool = x.nbytes + pooled.nbytes + indices.nbytes
    ours = beside("max_pool2d", t, 2, return_indices=True)
    yield "max_pool2d", lambda: segalgo.max_pool2d(x, 2, return_indices=True), bytes_of_pool, ours
    small, places = (torch.from_dlpack(a) for a in (pooled, indices)) if torch else (None, None)
    ours = beside("max_unpool2d", small, places, 2)
    yield "max_unpool2d", lambda: segalgo.max_unpool2d(pooled, indices, 2), bytes_of_pool, ours
    weight = rng.standard_normal((16, 16, 3, 3)).astype(np.float32)
    w = torch.from_dlpack(weight) if torch else None
    ours = beside("conv2d", t, w, padding=1)
    yield "conv2d 3x3", lambda: segalgo.conv2d(x, weight, padding=1), 2 * x.nbytes, ours
    ours = beside("conv_transpose2d", t, w, stride=2)
    yield "conv_transpose2d 3x3", lambda: segalgo.conv_transpose2d(x, weight, stride=2), 5 * x.nbytes, ours
    yield from _pictures(xp, rng)


def _pictures(xp: Any, rng: Any) -> Iterator[tuple[str, Callable[[], Any], int, dict[str, Callable[[], Any]]]]:
    noise = rng.random((SIDE, SIDE)) < 0.5
    grey = (rng.random((SIDE, SIDE)) * 255).astype(np.uint8)
    peers: dict[str, Callable[[], Any]] = {}
    if find_spec("cupyx"):
        ndimage = import_module("cupyx.scipy.ndimage")
        peers["cupyx"] = lambda: ndimage.label(noise, np.ones((3, 3)))
    yield "label, noise", lambda: segalgo.label(noise), noise.nbytes + 4 * noise.size, peers
    peers = {}
    if find_spec("cucim"):
        filters = import_module("cucim.skimage.filters")
        peers["cucim"] = lambda: filters.threshold_otsu(grey)
    yield "threshold_otsu", lambda: segalgo.threshold_otsu(grey), grey.nbytes, peers
    yield "binarize", lambda: segalgo.binarize(grey, 99), 2 * grey.nbytes, {}


def main(words: list[str]) -> int:
    """Print the table; 1 where there is no GPU."""
    status = segalgo.backends()["cuda"]
    if not status.available:
        print(f"no GPU to measure: cuda is missing ({status.detail})")
        return 1
    import cupy

    card = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
    bandwidth = copy_bandwidth(cupy)
    print(f"{card}: a copy moves {bandwidth / 1e9:.0f} GB/s; medians of {REPEATS}\n")
    print("| operation | ours, ms | of copy bandwidth | peers: their time over ours |\n| --- | --- | --- | --- |")
    for name, work, moved, peers in cases(cupy):
        if words and not any(word in name for word in words):
            continue
        ours = median_time(cupy, work)
        ratios = ", ".join(f"{peer} {median_time(cupy, call) / ours:.2f}" for peer, call in peers.items())
        print(f"| {name} | {ours * 1000:.3f} | {moved / ours / bandwidth:.0%} | {ratios or 'none installed'} |")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
