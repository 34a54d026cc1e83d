"""Average-pooling: launch code of ``_ext/layers/average_pooling.cu``."""

from typing import Any

from segalgo.cuda.device import blocks_for, c_name, device_of, index_type

THREADS = 256


def avg_pool2d(x: Any, rows: Any, columns: Any, row_counts: Any, column_counts: Any) -> Any:
    """See `segalgo.avg_pool2d`. One thread an output cell."""
    device = device_of(x)
    oh, ow = rows.shape[1], columns.shape[1]
    output = device.xp.empty((*x.shape[:2], oh, ow), x.dtype)
    if output.size:
        windows = map(device.xp.asarray, (rows, columns, row_counts, column_counts))
        sizes = (x.shape[0] * x.shape[1], *x.shape[2:], oh, ow)
        index = index_type((x, output))
        arguments = (x, *windows, output, *map(index, sizes))
        kernel = f"avg_pool2d<{c_name(x.dtype)}, {c_name(index)}>"
        device.launch("layers.average_pooling", kernel, blocks_for(output.size, THREADS), (THREADS,), arguments)
    return output
