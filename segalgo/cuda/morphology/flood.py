"""The cells that a seed reaches over cells of similar values: launch code of ``_ext/morphology/flood.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of
from segalgo.cuda.morphology.reconstruction import reconstruction

TOPIC = "morphology.flood"
THREADS = 256


def flood(image: Any, seed: int, low: Any, high: Any, offsets: Any, connectivity: int) -> Any:
    """See `segalgo.flood`. One launch, then those of a reconstruction; scratch: 3 bytes a cell."""
    device = device_of(image)
    inside, start = device.xp.empty(image.shape, np.uint8), device.xp.empty(image.shape, np.uint8)
    arguments = (
        image,
        inside,
        start,
        image.dtype.type(low),
        image.dtype.type(high),
        np.int64(seed),
        np.int64(image.size),
    )
    kernel = f"flood_range<{c_name(image.dtype)}>"
    device.launch(TOPIC, kernel, blocks_for(image.size, THREADS), (THREADS,), arguments)
    return reconstruction(start, inside, offsets).view(bool)
