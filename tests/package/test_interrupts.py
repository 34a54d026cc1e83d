"""Ctrl-C ends a long call within about a second, on the main thread, and leaves the library usable."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

import segalgo

ROOT = Path(segalgo.__file__).parents[1]
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="no SIGALRM, and SIGINT reaches the whole console")

# Each takes far longer than a minute where nothing ends it.
LONG_CALLS = {
    "median by selection": "segalgo.threshold_local(image[:900, :900].astype('u2'), 401, 'median')",
    "median of bytes": "segalgo.threshold_local(np.tile(image, (12, 12)), 181, 'median')",
    "gaussian": "segalgo.threshold_local(np.tile(image, (3, 3)), 4001)",
    "conv2d": "segalgo.conv2d(tensor[:, :, :700, :700], np.ones((64, 64, 31, 31), 'f4'), padding=15)",
    "conv_transpose2d": "segalgo.conv_transpose2d(tensor[:, :, :400, :400], np.ones((64, 64, 31, 31), 'f4'), stride=3)",
    "max_pool2d": "segalgo.max_pool2d(tensor, 301, 1)",
    "euler_number": "segalgo.euler_number(np.ones((120,) + (8,) * 7, bool))",
    "distance_transform": "segalgo.distance_transform(np.ones((9000, 9000), bool), metric='chessboard')",
}
SCRIPT = """
import numpy as np
import segalgo
rng = np.random.default_rng(0)
image = rng.integers(0, 255, (2000, 2000), np.uint8)
tensor = rng.random((1, 64, 1000, 1000), np.float32)
expected = segalgo.label(image > 100)
print("ready", flush=True)
try:
    {call}
except KeyboardInterrupt:
    print("interrupted", flush=True)
    assert (segalgo.label(image > 100) == expected).all()
"""


@contextmanager
def ended(child: subprocess.Popen) -> Iterator[None]:
    """End the child whatever happens in the block: it would run on for minutes."""
    try:
        yield
    finally:
        child.kill()


@pytest.mark.parametrize("name", LONG_CALLS)
def test_control_c_ends_a_long_call(name):
    command = [sys.executable, "-c", SCRIPT.format(call=LONG_CALLS[name])]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as child, ended(child):
        assert child.stdout.readline() == "ready\n"
        time.sleep(1.5)
        assert child.poll() is None, "the call ended by itself"
        start = time.perf_counter()
        child.send_signal(signal.SIGINT)
        assert child.stdout.readline() == "interrupted\n"
        # Within a second on an idle machine; tests share theirs.
        assert time.perf_counter() - start < 10
        assert child.wait(60) == 0


class AlarmError(Exception):
    """Raised by the signal handler of the test below."""


SHORT_CALLS = {
    "label": lambda image: segalgo.label(image, connectivity=1),
    "label_statistics": lambda image: segalgo.label_statistics(image),
    "contacts": lambda image: segalgo.contacts(image),
    "relabel_sequential": lambda image: segalgo.relabel_sequential(image.astype(np.int64) << 40),
    "threshold_sauvola": lambda image: segalgo.threshold_sauvola(image, 501),
    "watershed by flooding": lambda image: segalgo.watershed(image[::2, ::2], (image[::2, ::2] < 2) * 1),
    "watershed as a forest": lambda image: segalgo.watershed(image, (image < 2) * 1, method="forest"),
    "find_boundaries": lambda image: segalgo.find_boundaries(image, mode="outer"),
    **{
        f"interpolate {mode}": lambda image, mode=mode: segalgo.interpolate(
            image[None, None].astype(np.float32), scale_factor=2, mode=mode
        )
        for mode in ("bilinear", "bicubic")
    },
}


@pytest.mark.parametrize("name", SHORT_CALLS)
def test_calls_that_grow_with_the_image_are_interrupted(name, monkeypatch):
    """An alarm in the first part of a call of some tenths of a second: its handler's exception ends it early."""

    def ring(number, frame):
        raise AlarmError

    image, call = np.random.default_rng(0).integers(0, 255, (1500, 1500), np.uint8), SHORT_CALLS[name]
    whole = 0.0
    while whole < 0.9:
        image = np.concatenate([image, image], axis=int(image.shape[0] > image.shape[1]))
        start = time.perf_counter()
        expected = call(image)
        whole = time.perf_counter() - start
    previous = signal.signal(signal.SIGALRM, ring)
    try:
        taken = []
        for _ in range(4):
            start = time.perf_counter()
            signal.setitimer(signal.ITIMER_REAL, 0.05)
            with pytest.raises(AlarmError):
                call(image)
            taken.append(time.perf_counter() - start)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert min(taken) < 0.6 * whole
    again = call(image)
    for a, b in zip(*(part if isinstance(part, tuple) else (part,) for part in (again, expected)), strict=True):
        if isinstance(a, np.ndarray):
            np.testing.assert_array_equal(a, b)
