"""Features of regions, sampled on a grid: launch code of ``_ext/objects/regions.cu``."""

from typing import Any

import numpy as np

from segalgo.cuda.device import blocks_for, c_name, device_of

THREADS = 256


def roi_align(
    x: Any,
    boxes: Any,
    pictures: Any,
    output_size: tuple[int, int],
    spatial_scale: float,
    sampling_ratio: int,
    aligned: bool,
) -> Any:
    """See `segalgo.roi_align`. One thread an output cell."""
    device = device_of(x)
    output = device.xp.empty((boxes.shape[0], x.shape[1], *output_size), x.dtype)
    if output.size:
        sizes = map(np.int64, (boxes.shape[0], *x.shape[1:], *output_size, sampling_ratio))
        half = np.float64(0.5 if aligned else 0.0)
        arguments = (x, boxes, pictures, output, np.float64(spatial_scale), half, np.int32(aligned), *sizes)
        kernel = f"roi_align<{c_name(x.dtype)}>"
        device.launch("objects.regions", kernel, blocks_for(output.size, THREADS), (THREADS,), arguments)
    return output
