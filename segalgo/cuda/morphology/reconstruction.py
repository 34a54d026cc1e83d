"""Reconstruction of an image from a lower one: launch code of ``_ext/morphology/reconstruction.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

TOPIC = "morphology.reconstruction"
THREADS = 256


def reconstruction(seed: Any, mask: Any, offsets: Any) -> Any:
    """See `segalgo.reconstruction`. Rounds of scans; the host waits once each. Scratch: the image once."""
    device = device_of(seed)
    xp, size = device.xp, seed.size
    current = seed.copy()
    if size == 0 or len(offsets) == 0:
        return current
    name = c_name(seed.dtype)
    following = xp.empty_like(current)
    tables = (xp.asarray(np.array(seed.shape, np.int64)), xp.asarray(np.ascontiguousarray(offsets, np.int64)))
    sizes = (np.int32(seed.ndim), np.int32(len(offsets)), np.int64(size))
    held = set(map(tuple, offsets.tolist()))
    scans = []
    inner = 1
    for axis in reversed(range(seed.ndim)):
        for step in (1, -1):
            if tuple(step if other == axis else 0 for other in range(seed.ndim)) in held:
                scans.append((step, seed.shape[axis], inner))
        inner *= seed.shape[axis]
    while True:
        for step, length, inner in scans:
            lines = size // length
            arguments = (current, mask, np.int32(step), np.int64(length), np.int64(inner), np.int64(lines))
            device.launch(TOPIC, f"reconstruction_scan<{name}>", blocks_for(lines, THREADS), (THREADS,), arguments)
        changed = xp.zeros(1, np.uint32)
        arguments = (current, mask, *tables, following, changed, *sizes)
        device.launch(TOPIC, f"reconstruction_step<{name}>", blocks_for(size, THREADS), (THREADS,), arguments)
        current, following = following, current
        if not device.to_host(changed)[0]:
            return current
