"""Writes of the same value, reads beside atomics, and __device__ variables, as a watched kernel is judged by them."""

import sys

import numpy as np
import pytest

import segalgo
from segalgo.simulated.compiler import Kernel

pytestmark = pytest.mark.skipif(
    not segalgo.backends()["simulated"].available or not sys.platform.startswith("linux"),
    reason="watched kernels need the simulated device, and Linux",
)

SOURCE = """
#include <cub/cub.cuh>
__device__ int counter;
__global__ void touch(int how, int* flag, int* out) {
    __shared__ int found;
    __shared__ typename cub::BlockScan<int, 32>::TempStorage storage;
    if (how == 0) flag[0] = 1;
    if (how == 1) flag[0] = threadIdx.x / 16;
    if (how == 2) counter = counter + 1;
    if (how == 3) atomicAdd(&flag[0], 1), out[threadIdx.x] = flag[0] >= 0;
    if (how == 4) found = 7;
    if (how == 5) out[0] = 1;
    if (how == 6) {
        int before, all;
        cub::BlockScan<int, 32>(storage).ExclusiveSum(1, before, all);
        out[threadIdx.x] = before + 100 * all;
    }
}
"""


@pytest.fixture(scope="module")
def touch():
    return Kernel(SOURCE, "touch.cu", "touch", watched=True)


@pytest.mark.parametrize(
    ("how", "kind"),
    [
        (0, ""),
        (1, "race: flag[0] is written"),
        (2, "race: __device__ memory"),
        (3, "unordered: flag[0]"),
        (4, ""),
        (5, "race: out[0]"),
    ],
)
def test_what_is_a_race(touch, how, kind):
    flag, out = np.zeros(1, np.int32), np.zeros(32, np.int32)
    touch([1], [32], [np.int32(how), flag, out], marks=[flag])
    found = [*touch.watch.findings, *touch.watch.unordered]
    assert bool(found) == bool(kind)
    assert all(line.startswith(kind) for line in found), found


def test_same_value_by_two_blocks_is_a_race_but_in_marks(touch):
    flag, out = np.zeros(1, np.int32), np.zeros(32, np.int32)
    touch([2], [1], [np.int32(0), flag, out], marks=[flag])
    assert not touch.watch.findings
    touch([2], [1], [np.int32(0), flag, out])
    assert touch.watch.findings[0].startswith("race: flag[0]")


def test_block_scan_of_integers_gives_the_total(touch):
    flag, out = np.zeros(1, np.int32), np.zeros(32, np.int32)
    touch([1], [32], [np.int32(6), flag, out])
    np.testing.assert_array_equal(out, np.arange(32) + 3200)
