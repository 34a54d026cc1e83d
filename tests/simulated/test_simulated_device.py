"""The simulated CUDA device: what it runs rightly, and what it refuses that a card would let pass."""

import numpy as np
import pytest

import segalgo
from segalgo.cuda import device as _device
from segalgo.simulated.compiler import Kernel, translation_unit

pytestmark = pytest.mark.skipif(
    not segalgo.backends()["simulated"].available, reason=segalgo.backends()["simulated"].detail
)

ORDERS = [("forward", 0), ("reversed", 0), ("shuffled", 1), ("shuffled", 2)]

SOURCE = r"""
template <class T> __global__ void add_one(const T* x, T* y, int n) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k < n) y[k] = x[k] + T(1);
}

__global__ void place(int* out) {  // every index of a 3-D launch, once
    const int bx = blockIdx.x + gridDim.x * (blockIdx.y + gridDim.y * blockIdx.z);
    const int t = threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z);
    out[bx * (blockDim.x * blockDim.y * blockDim.z) + t] += 1 + bx * 1000 + t;
}

__global__ void reverse_static(const int* x, int* y) {
    __shared__ int tile[64];
    tile[threadIdx.x] = x[blockIdx.x * 64 + threadIdx.x];
    __syncthreads();
    y[blockIdx.x * 64 + threadIdx.x] = tile[63 - threadIdx.x];
}

__global__ void reverse_dynamic(const int* x, int* y) {
    extern __shared__ int tile[];
    tile[threadIdx.x] = x[threadIdx.x];
    __syncthreads();
    y[threadIdx.x] = tile[blockDim.x - 1 - threadIdx.x];
}

template <class T> __device__ T twice(T v) { return v + v; }

template <class T> __global__ void dynamic_of_type(T* y) {
    extern __shared__ __align__(16) T values[];
    values[threadIdx.x] = twice(T(threadIdx.x));
    __syncthreads();
    y[threadIdx.x] = values[(threadIdx.x + 1) % blockDim.x];
}

__global__ void missing_barrier(const int* x, int* y) {  // wrong on purpose
    __shared__ int tile[64];
    tile[threadIdx.x] = x[threadIdx.x];
    y[threadIdx.x] = tile[63 - threadIdx.x];
}

__global__ void many_barriers(int* y, int rounds) {  // prefix sum by doubling
    __shared__ int a[128];
    a[threadIdx.x] = 1;
    __syncthreads();
    for (int d = 1; d < 128; d *= 2) {
        const int v = threadIdx.x >= d ? a[threadIdx.x - d] : 0;
        __syncthreads();
        a[threadIdx.x] += v;
        __syncthreads();
    }
    int sum = 0;
    for (int r = 0; r < rounds; r++) sum += __syncthreads_count(threadIdx.x % 3 == 0 && r % 2 == 0);
    y[threadIdx.x] = a[threadIdx.x] * 100000 + sum * 4 + __syncthreads_or(threadIdx.x == 7) * 2
                     + __syncthreads_and(threadIdx.x < 127);
}

__global__ void atomics(int* sum, unsigned* most, unsigned long long* least, int* bits, float* total, unsigned* cas) {
    const unsigned k = blockIdx.x * blockDim.x + threadIdx.x;
    atomicAdd(sum, int(k));
    atomicMax(most, k);
    atomicMin(least, 1000ull - k);
    atomicOr(bits, 1 << (k % 31));
    atomicAdd(total, 0.5f);
    unsigned old = *cas, seen;
    do { seen = old; old = atomicCAS(cas, seen, seen + 2); } while (old != seen);
}

__global__ void warp(const int* x, int* sums, unsigned* votes, int* rotated) {
    const unsigned all = 0xffffffffu;
    int v = x[threadIdx.x];
    for (int d = 16; d; d /= 2) v += __shfl_xor_sync(all, v, d);
    sums[threadIdx.x] = v;
    votes[threadIdx.x] = __ballot_sync(all, x[threadIdx.x] % 2);
    rotated[threadIdx.x] = __shfl_sync(all, x[threadIdx.x], threadIdx.x + 1);
    rotated[threadIdx.x] += 1000 * __shfl_up_sync(all, x[threadIdx.x], 2) + 0 * __shfl_down_sync(all, 1, 1, 8);
    if (threadIdx.x % 32 < 16) rotated[threadIdx.x] += 1000000 * __any_sync(0xffffu, threadIdx.x % 32 == 3);
    __syncwarp();
}

__global__ void early_exit(int* y) {
    if (threadIdx.x == 3) return;
    __syncthreads();
    y[threadIdx.x] = 1;
}

__global__ void two_barriers(int* y) {
    if (threadIdx.x < 8) { __syncthreads(); } else {
        __syncthreads();
    }
    y[threadIdx.x] = 1;
}

__global__ void lost_lane(int* y) {
    if (threadIdx.x < 8) y[threadIdx.x] = __shfl_sync(0xffffffffu, 1, 0);
}

__global__ void outside_mask(int* y) { y[threadIdx.x] = __shfl_sync(0x0000ffffu, 1, 20); }

__global__ void traps(int* y, int n) {
    if (n != 7) __trap();
    y[0] = n;
}
"""


@pytest.fixture(params=ORDERS, ids=lambda order: f"{order[0]}{order[1]}")
def run(request):
    order, seed = request.param

    def launch(name, grid, block, *arguments, shared=0):
        Kernel(SOURCE, "tests.cu", name)(grid, block, arguments, shared, order=order, seed=seed)

    return launch


def test_template_and_bounds(run):
    x, y = np.arange(1000, dtype=np.float64), np.zeros(1000)
    run("add_one<double>", (8,), (128,), x, y, np.int32(1000))
    np.testing.assert_array_equal(y, x + 1)


def test_every_block_and_thread_runs_once(run):
    out = np.zeros((3 * 2 * 2, 4 * 3 * 2), np.int32)
    run("place", (3, 2, 2), (4, 3, 2), out)
    np.testing.assert_array_equal(out, 1 + 1000 * np.arange(12)[:, None] + np.arange(24))


def test_shared_memory(run):
    x = np.arange(640, dtype=np.int32)
    y = np.zeros_like(x)
    run("reverse_static", (10,), (64,), x, y)
    np.testing.assert_array_equal(y.reshape(10, 64), x.reshape(10, 64)[:, ::-1])
    y = np.zeros(96, np.int32)
    run("reverse_dynamic", (1,), (96,), x[:96], y, shared=4 * 96)
    np.testing.assert_array_equal(y, x[:96][::-1])
    for dtype, name in ((np.float64, "double"), (np.int32, "int")):
        y = np.zeros(32, dtype)
        run(f"dynamic_of_type<{name}>", (1,), (32,), y, shared=8 * 32)
        np.testing.assert_array_equal(y, 2 * np.roll(np.arange(32), -1))


def test_barriers_and_their_votes(run):
    y = np.zeros(128, np.int32)
    run("many_barriers", (1,), (128,), y, np.int32(5))
    np.testing.assert_array_equal(y, np.arange(1, 129) * 100000 + 3 * 43 * 4 + 2 + 0)


def test_atomics(run):
    sums, most, least = np.zeros(1, np.int32), np.zeros(1, np.uint32), np.full(1, 2**40, np.uint64)
    bits, total, cas = np.zeros(1, np.int32), np.zeros(1, np.float32), np.zeros(1, np.uint32)
    run("atomics", (16,), (32,), sums, most, least, bits, total, cas)
    assert (sums[0], most[0], least[0], bits[0], total[0], cas[0]) == (512 * 511 // 2, 511, 489, 2**31 - 1, 256, 1024)


def test_warp_operations(run):
    x = np.random.default_rng(0).integers(0, 1000, 64).astype(np.int32)
    sums, votes, rotated = np.zeros(64, np.int32), np.zeros(64, np.uint32), np.zeros(64, np.int32)
    run("warp", (1,), (64,), x, sums, votes, rotated)
    lanes = x.reshape(2, 32)
    np.testing.assert_array_equal(sums.reshape(2, 32), np.broadcast_to(lanes.sum(1, keepdims=True), (2, 32)))
    expected = [sum(int(v % 2) << k for k, v in enumerate(warp)) for warp in lanes]
    np.testing.assert_array_equal(votes.reshape(2, 32), np.repeat(expected, 32).reshape(2, 32))
    up = np.where(np.arange(32) < 2, lanes, np.roll(lanes, 2, 1))
    first_half = 1000000 * (np.arange(32) < 16)
    np.testing.assert_array_equal(rotated.reshape(2, 32), np.roll(lanes, -1, 1) + 1000 * up + first_half)


def test_a_missing_barrier_shows_when_the_order_changes():
    x, answers = np.arange(1, 65, dtype=np.int32), []
    for order in ("forward", "reversed"):
        y = np.zeros(64, np.int32)
        Kernel(SOURCE, "tests.cu", "missing_barrier")((1,), (64,), (x, y), order=order)
        answers.append(y.tolist())
    assert answers[0] != answers[1]


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ("early_exit", r"divergent barrier, 31 threads wait at __syncthreads of line \d+ and 1 have left"),
        ("two_barriers", r"divergent barrier, threads wait at __syncthreads of line \d+ and of line \d+"),
        ("lost_lane", r"deadlock, the warp operation of line \d+ waits for lanes of mask 0xffffffff"),
        ("outside_mask", r"this lane is not in its own mask|reads lane 20, which is not in mask 0x0000ffff"),
    ],
)
def test_faults_of_synchronisation(run, kernel, message):
    with pytest.raises(RuntimeError, match=message):
        run(kernel, (2,), (32,), np.zeros(32, np.int32))


def test_trap_names_its_line_and_thread(run):
    line = 1 + next(k for k, text in enumerate(SOURCE.splitlines()) if "__trap" in text)
    with pytest.raises(RuntimeError, match=rf"traps: block \(0, 0, 0\), thread \(0, 0, 0\): __trap\(\) of line {line}"):
        run("traps", (1,), (1,), np.zeros(1, np.int32), np.int32(6))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros(4), np.zeros(4)), TypeError, "2 arguments, expected 3"),
        ((np.zeros(4, np.float32), np.zeros(4), np.int32(4)), TypeError, "argument 0 is an array of float32"),
        ((np.zeros(4), np.zeros(4), np.int64(4)), TypeError, "argument 2 is int64, expected a scalar of kind i4"),
        ((np.zeros(4), np.zeros(4), 4), TypeError, "argument 2 is int"),
        ((np.zeros(8)[::2], np.zeros(4), np.int32(4)), ValueError, "argument 0 is not C-contiguous"),
        ((np.zeros(4), np.broadcast_to(0.0, (1,)), np.int32(1)), ValueError, "argument 1 is read-only"),
    ],
)
def test_arguments_are_checked(arguments, error, message):
    with pytest.raises(error, match=message):
        Kernel(SOURCE, "tests.cu", "add_one<double>")((1,), (4,), arguments)


@pytest.mark.parametrize(
    ("grid", "block", "shared", "message"),
    [((1,), (1025,), 0, "block="), ((0,), (1,), 0, "grid="), ((1,), (1,), 49153, "shared="), ((1,), (0,), 0, "block=")],
)
def test_launch_limits(grid, block, shared, message):
    with pytest.raises(ValueError, match=message):
        Kernel(SOURCE, "tests.cu", "place")(grid, block, (np.zeros(1, np.int32),), shared)


def test_a_kernel_that_does_not_compile_says_where():
    with pytest.raises(RuntimeError, match=r"wrong\.cu:2"):
        Kernel("\n__global__ void f(int* x) { x[0] = missing; }", "wrong.cu", "f")


def test_line_numbers_survive_the_rewriting():
    source = "extern __shared__\nfloat a[];\n__global__ void f() {}\n"
    lines = translation_unit(source, "a.cu", "f").splitlines()
    assert lines.index("__global__ void f() {}") - lines.index('#line 1 "a.cu"') == 3


def test_pooling_does_not_depend_on_the_schedule(rng):
    x = rng.integers(0, 3, (2, 2, 9, 9)).astype(np.float32)
    expected = None
    for order, seed in ORDERS:
        with segalgo.use_backend("simulated"), _device.simulated_schedule(order, seed):
            values, indices = segalgo.max_pool2d(x, 3, 1, return_indices=True)
            restored = segalgo.max_unpool2d(values, indices, 3, 1)
        if expected is None:
            expected = restored
        np.testing.assert_array_equal(restored, expected)
