"""Counts of the profile against figures that are published, or derived by hand in the test that states them."""

import shutil
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from segalgo.simulated.compiler import Kernel, find_compiler

pytestmark = [
    pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler"),
    pytest.mark.skipif(shutil.which("addr2line") is None, reason="no addr2line"),
]
SOURCE = Path(__file__).parent / "profiled_kernels.cu"
WARP, SECTOR = 32, 32


def kernel(name):
    """Return a profiled kernel of the file beside this one."""
    return Kernel(SOURCE.read_text(), SOURCE.name, name, profiled=True)


def counted(name, grid, block, arguments, shared=0, **how):
    """Return what one launch did."""
    run = kernel(name)
    run(grid, block, arguments, shared, **how)
    return run.counter.counts


def line_of(text):
    """Return the number of the one line with this text."""
    found = [k for k, line in enumerate(SOURCE.read_text().splitlines(), 1) if text in line]
    assert len(found) == 1
    return found[0]


@pytest.mark.parametrize(
    ("stride", "offset", "sectors"), [(1, 0, 4), (1, 1, 5), (2, 0, 8), (3, 0, 12), (8, 0, 32), (32, 0, 32), (0, 0, 1)]
)
def test_sectors_of_a_strided_copy(stride, offset, sectors):
    """32 lanes of 4 bytes span 128 * stride bytes, at most a sector each; one more where they begin inside one."""
    n = 256
    x, y = np.arange(n * 32 + 8, dtype=np.float32), np.zeros(n, np.float32)
    counts = counted("strided", (2,), (128,), (x, y, np.int32(stride), np.int32(offset)))
    assert (y == x[np.arange(n) * stride + offset]).all()
    (load,), (store,) = counts.of(kind="load"), counts.of(kind="store")
    assert (load.requests, load.lanes, load.sectors) == (n // WARP, n, n // WARP * sectors)
    assert load.least_sectors == n // WARP * (4 if stride else 1)
    assert (store.sectors, store.efficiency) == (n // WARP * 4, 1.0)


def test_a_vector_is_one_access():
    x, y = np.arange(1024, dtype=np.float32), np.zeros(1024, np.float32)
    counts = counted("copied_whole", (1,), (256,), (x, y))
    assert (y == x + (np.arange(1024) % 4 == 0)).all()
    for one in counts.accesses:
        assert (one.requests, one.lanes, one.bytes, one.sectors, one.least_sectors) == (8, 256, 4096, 128, 128)


@pytest.mark.parametrize(
    ("name", "store_sectors", "passes"),
    [("transpose_naive", 4096, None), ("transpose_tiled<0>", 512, 32), ("transpose_tiled<1>", 512, 1)],
)
def test_transposes(name, store_sectors, passes):
    """64 x 64 floats are 512 sectors, and the naive store takes one for each float.

    Without padding a column of the tile lies in one bank: 32 passes a request.
    """
    x, y = np.arange(4096, dtype=np.float32), np.zeros(4096, np.float32)
    counts = counted(name, (2, 2), (32, 8), (x, y, np.int32(64), np.int32(64)))
    assert (y.reshape(64, 64) == x.reshape(64, 64).T).all()
    assert counts.total("sectors", "global", "load") == 512
    assert counts.total("sectors", "global", "store") == store_sectors
    if passes:
        (load,) = counts.of("shared", "load")
        assert (load.requests, load.passes, load.least_passes, load.most_passes) == (128, 128 * passes, 128, passes)
        (store,) = counts.of("shared", "store")
        assert store.conflicts == 0
        assert counts.barriers == {load.line - 2: 4}
    assert counts.active_lanes == 1.0


@pytest.mark.parametrize(
    ("name", "divergent", "load_passes", "most"),
    [
        # A step s <= 16 parts each of the 4 warps, 32 two of them, 64 one; each thread has banks of its own.
        ("reduce_interleaved", 5 * 4 + 2 + 1, 2 * (5 * 4 + 2 + 1), 1),
        # Steps of 2 s words: 2 warps with 2 passes, then 4, 4, 4, 4, 2, 1. Warps part where less than 32 threads work.
        ("reduce_strided", 5, 2 * (2 * 2 + 4 + 4 + 4 + 4 + 2 + 1), 4),
        ("reduce_sequential", 5, 2 * (2 + 1 + 5), 1),
    ],
)
def test_reductions(name, divergent, load_passes, most):
    """Kernels of Harris's lecture over 3 blocks of 128 threads."""
    blocks = 3
    x, sums = np.arange(128 * blocks, dtype=np.int32), np.zeros(blocks, np.int32)
    counts = counted(name, (blocks,), (128,), (x, sums), shared=512)
    assert (sums == x.reshape(blocks, 128).sum(1)).all()
    found = [one for one in counts.branches if one.divergent]
    # The last line lets one thread of one warp write.
    assert [one.divergent for one in found] == [divergent * blocks, blocks]
    assert found[0].executed == 7 * 4 * blocks
    work = counts.of("shared", "load", line=found[0].line + 1)
    assert sum(one.passes for one in work) == load_passes * blocks
    assert max(one.most_passes for one in work) == most
    assert sum(counts.barriers.values()) == 8 * blocks


def test_tiled_product():
    """64 x 64 by tiles of 16: each float is loaded 4 times; a warp has two rows of 16, two sectors each."""
    n = 64
    rng = np.random.default_rng(0)
    a, b = rng.random((2, n, n), dtype=np.float32)
    c = np.zeros((n, n), np.float32)
    counts = counted("product", (4, 4), (16, 16), (a, b, c, np.int32(n)))
    assert np.allclose(c, a @ b)
    for name in "ab":
        assert counts.total("requests", array=name) == n * n * 4 // WARP
        assert counts.total("sectors", array=name) == n * n * 4 * 4 // SECTOR
    (left,), (right,) = counts.of("shared", "load", "left"), counts.of("shared", "load", "right")
    # Two words for the one, 16 for the other: no conflict, neither with 16 steps in 4 tiles.
    for one in (left, right):
        assert one.requests == one.passes == n * n // WARP * 16 * 4
    assert counts.total("requests", array="c") == n * n // WARP


@pytest.mark.parametrize(
    ("word", "step", "least", "passes"),
    [
        ("float", 1, 1, 1), ("float", 2, 1, 2), ("float", 3, 1, 1), ("float", 32, 1, 8), ("float", 0, 1, 1),
        ("double", 1, 2, 2), ("double", 2, 2, 4), ("float4", 1, 4, 4), ("float4", 2, 4, 8),
        ("unsigned char", 1, 1, 1), ("unsigned char", 4, 1, 1), ("short", 1, 1, 1), ("short", 4, 1, 2),
    ],
)  # fmt: skip
def test_banks(word, step, least, passes):
    """Of 256 cells, 32 lanes read every step-th. Wide ones go by halves and quarters of a warp; equal words are shared."""
    dtypes = {"float": "f4", "double": "f8", "float4": "4f4", "unsigned char": "u1", "short": "i2"}
    x = np.arange(np.dtype(dtypes[word]).itemsize // np.dtype(dtypes[word]).base.itemsize * 256)
    x = (x % 251).astype(np.dtype(dtypes[word]).base)
    y = np.zeros_like(x)
    counts = counted(f"through_shared<{word}>", (1,), (32,), (x, y, np.int32(step)))
    (load,) = counts.of("shared", "load")
    assert (load.requests, load.least_passes, load.passes) == (1, least, passes)


def test_contention_of_atomics():
    n = 250
    x = np.zeros(256, np.uint8)
    x[:32] = np.arange(32) % 4
    bins = np.zeros(256, np.int32)
    counts = counted("histogram", (1,), (256,), (x, bins, np.int32(n)))
    assert bins.sum() == n
    (atomic,) = counts.of(kind="atomic")
    # Eight lanes at one address in the first warp; 32 in the next six; 26 in the last.
    assert (atomic.requests, atomic.lanes, atomic.passes, atomic.most_passes) == (8, n, 8 + 6 * 32 + 26, 32)
    assert counts.busiest == {"counts": 8 + n - 32}
    (branch,) = [one for one in counts.branches if one.divergent]
    assert (branch.executed, branch.divergent, branch.lanes) == (8, 1, 256)


def test_an_atomic_that_is_a_loop_here_is_one_access():
    x, most = np.arange(64, dtype=np.int32), np.zeros(1, np.int32)
    counts = counted("largest", (1,), (64,), (x, most))
    (atomic,) = counts.of(kind="atomic")
    assert (most[0], atomic.requests, atomic.lanes, atomic.passes) == (63, 2, 64, 64)
    assert atomic.line == line_of("void largest")
    assert len(counts.accesses) == 2


def test_threads_meet_again_behind_loops():
    times = np.arange(32, dtype=np.int32)
    x, y = np.ones(32 * 32, np.float32), np.zeros(32, np.float32)
    counts = counted("uneven", (1,), (32,), (times, x, y))
    assert (y == 3 * times + 3).all()
    inner, outer = line_of("sum += x[k * 32 + t]"), line_of("sum += x[a * 32 + t]")
    assert counts.total("requests", line=inner) == 3 * 31
    assert counts.total("lanes", line=inner) == 3 * times.sum()
    assert (counts.total("requests", line=outer), counts.total("lanes", line=outer)) == (3, 96)
    assert counts.total("requests", line=line_of("y[t] = sum;")) == 1


def test_sides_of_a_branch_are_two_requests_and_warp_operations_join_them():
    x, y = np.arange(32, dtype=np.float32), np.zeros(32, np.float32)
    counts = counted("both_sides", (1,), (32,), (x, y))
    assert counts.total("lanes", array="x") == 32
    assert counts.total("requests", array="x") == 2
    assert counts.total("requests", array="y") == 1
    assert list(counts.warp_operations.values()) == [(1, 32)]


def test_caches_of_the_model():
    """A block that reads 4 KB twice finds it in L1 the second time; another block does not; L2 has it."""
    x, y = np.arange(1024, dtype=np.float32), np.zeros(1024, np.float32)
    counts = counted("strided", (8,), (128,), (x, y, np.int32(0), np.int32(5)))
    (load,) = counts.of(kind="load")
    assert (load.l1_sectors, load.l1_hits) == (32, 24)
    of_x = next(one for one in counts.caches[0] if one.array == "x")
    assert (of_x.hits, of_x.misses) == (7, 1)
    assert counts.written_back == [128]
    assert counts.memory_bytes() == SECTOR * 129


@pytest.mark.parametrize("name", ["transpose_tiled<0>", "reduce_strided"])
def test_counts_do_not_depend_on_os_threads(name):
    x = np.arange(4096, dtype=np.float32 if "transpose" in name else np.int32)
    y = np.zeros_like(x)
    more = (np.int32(64), np.int32(64)) if "transpose" in name else ()
    block = (32, 8) if more else (256,)
    grid = (2, 2) if more else (16,)
    seen = []
    for os_threads in (1, 2, 5, 16):
        counts = counted(name, grid, block, (x, y, *more), shared=0 if more else 1024, os_threads=os_threads)
        seen.append(asdict(counts))
    assert all(one == seen[0] for one in seen)


def test_steps_hold_each_access_with_its_value():
    run = kernel("transpose_tiled<1>")
    run.counter.most_steps = 100000
    x, y = np.arange(1024, dtype=np.float32), np.zeros(1024, np.float32)
    run((1, 1), (32, 8), (x, y, np.int32(32), np.int32(32)), os_threads=1)
    steps, names = run.counter.counts.steps, run.counter.counts.step_names
    assert len(steps) == 4 * 1024
    assert {names[k][0] for k in np.unique(steps["region"])} == {"x", "y", "tile"}
    stores = steps[(steps["kind"] == 2) & (steps["region"] == 1)]
    values = np.frombuffer(stores["value"].astype("<u4").tobytes(), "<f4")
    assert (values == y[stores["offset"] // 4]).all()
    assert set(steps["barrier"][steps["region"] == 0]) == {0}
    assert set(stores["barrier"]) == {1}
    loads = steps[(steps["kind"] == 1) & (steps["region"] == 0)]
    assert (np.frombuffer(loads["value"].astype("<u4").tobytes(), "<f4") == x[loads["offset"] // 4]).all()


@pytest.mark.parametrize(
    "source",
    [
        'extern "C" __global__ void turned(float* y) {\n    extern __shared__ float s[];\n BODY }\n',
        "extern __shared__ float s[];\n__global__ void turned(float* y) {\n BODY }\n",
        "namespace inner { extern __shared__ float s[]; }\nusing inner::s;\n__global__ void turned(float* y) {\n BODY }\n",
        "__global__ void turned(float* y) {\n    __shared__ float s[64];\n BODY }\n",
    ],
    ids=["extern C", "outside of functions", "in a namespace", "static"],
)
@pytest.mark.parametrize("os_threads", [1, 3])
def test_a_declaration_of_shared_memory_counts_nothing(source, os_threads):
    """Four blocks of two warps store once and load once; no thread parts from the others."""
    body = "s[threadIdx.x] = threadIdx.x;\n __syncthreads();\n y[64 * blockIdx.x + threadIdx.x] = s[63 - threadIdx.x];"
    run = Kernel(source.replace("BODY", body), "turned.cu", "turned", profiled=True)
    for _ in range(2):
        y = np.zeros(256, np.float32)
        run((4,), (64,), (y,), 256, os_threads=os_threads)
        assert (y == np.tile(np.arange(64)[::-1], 4)).all()
        counts = run.counter.counts
        assert [counts.total("requests", "shared", kind) for kind in ("store", "load")] == [8, 8]
        assert counts.total("requests", "global") == 8
        assert counts.branches == []
        assert counts.active_lanes == 1.0
