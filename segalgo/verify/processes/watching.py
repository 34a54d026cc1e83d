"""Our own kernels under watch: every access of what the simulated device runs."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def instrumented() -> Iterator[list[str]]:
    """Watch every memory access of the kernels that the simulated device runs inside a ``with`` block.

    Yields
    ------
    list of str
        Grows by a line for each race, each uninitialised read of shared memory and each access out of bounds, with
        kernel, source line, block and thread.

    Notes
    -----
    Kernels are compiled a second time, and run some ten times slower, on one OS thread. Linux only.

    Examples
    --------
    >>> import numpy as np, segalgo
    >>> from segalgo import verify
    >>> with segalgo.use_backend("simulated"), verify.instrumented() as findings:  # doctest: +SKIP
    ...     segalgo.relu(np.ones(5, np.float32))
    >>> findings  # doctest: +SKIP
    []
    """
    from segalgo.cuda.device import watched_kernels

    with watched_kernels() as findings:
        yield findings
