"""Forked children compute, also after the parent has used several threads, and so does the parent afterwards."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import segalgo

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork"),
    # Python warns of every fork of a process with threads; these tests are about just that.
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]
SECONDS = 60
ROOT = Path(segalgo.__file__).parents[1]
TIMES = 50


def compute(number: int) -> int:
    """Return a sum over the answers of several parallel kernels."""
    rng = np.random.default_rng(number)
    image = rng.integers(0, 255, (400, 500), np.uint8)
    tensor = rng.random((1, 8, 40, 40), np.float32)
    labels = segalgo.label(image > 120)
    return (
        int(labels.sum())
        + int(segalgo.threshold_local(image, 15, "median").sum())
        + int(segalgo.conv2d(tensor, rng.random((8, 8, 3, 3), np.float32), padding=1).sum() * 16)
        + int(segalgo.label_statistics(labels).area.sum())
    )


EXPECTED = compute(0)


def forked(work) -> int:
    """Return the exit code of a forked child that runs `work`; a child that hangs is ended by its alarm."""
    child = os.fork()
    if child == 0:
        signal.alarm(SECONDS)
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def check() -> None:
    """Compare with what the parent computed before it forked."""
    assert compute(0) == EXPECTED


def test_os_fork_many_times():
    for _ in range(TIMES):
        assert forked(check) == 0
        check()


def test_a_child_of_a_child():
    def work():
        check()
        assert forked(check) == 0

    for _ in range(5):
        assert forked(work) == 0


def test_a_child_that_sets_the_number_of_threads():
    def work():
        for threads in (1, 2, 7):
            with threadpool_limits(threads):
                check()

    for threads in (2, 7):
        with threadpool_limits(threads):
            check()
            assert forked(work) == 0


def test_fork_from_a_second_thread_while_the_first_computes():
    codes = []
    ended = threading.Event()

    def fork_on():
        for _ in range(10):
            check()
            codes.append(forked(check))
        ended.set()

    thread = threading.Thread(target=fork_on)
    thread.start()
    while not ended.is_set():
        check()
    thread.join()
    assert codes == [0] * 10


POOLS = """
import multiprocessing, sys, warnings
from concurrent.futures import ProcessPoolExecutor
import numpy as np
import segalgo

def compute(number):
    image = np.random.default_rng(number).integers(0, 255, (400, 500), np.uint8)
    labels = segalgo.label(image > 120)
    return int(labels.sum()) + int(segalgo.threshold_local(image, 15, "median").sum())

def run(way, numbers):
    if way == "multiprocessing":
        with multiprocessing.get_context("fork").Pool(2) as pool:
            return pool.map(compute, numbers)
    if way == "futures":
        with ProcessPoolExecutor(2, multiprocessing.get_context("fork")) as pool:
            return list(pool.map(compute, numbers))
    import joblib
    with joblib.parallel_config({"joblib": "multiprocessing", "loky": "loky"}[way], n_jobs=2):
        return joblib.Parallel()(joblib.delayed(compute)(number) for number in numbers)

if __name__ == "__main__":
    warnings.simplefilter("ignore")  # Python 3.12 warns of forks of a process with threads
    way, rounds = sys.argv[1], int(sys.argv[2])
    expected = [compute(number) for number in range(6)]
    for _ in range(rounds):
        assert run(way, range(6)) == expected
        assert compute(0) == expected[0]
"""


@pytest.mark.parametrize("way", ["multiprocessing", "futures", "joblib", "loky"])
def test_pools_of_processes(way, tmp_path):
    """Two processes a pool; loky starts new processes, which stay between calls."""
    script = tmp_path / "pools.py"
    script.write_text(POOLS)
    rounds = 2 if way == "loky" else TIMES // 2
    command, environment = [sys.executable, script, way, str(rounds)], {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, timeout=4 * SECONDS, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
