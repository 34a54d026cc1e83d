"""Index arithmetic at sizes that no memory holds, and loops that take several passes only where the grid is small."""

import sys

import pytest

import segalgo
from segalgo import verify
from segalgo.verify.kernels.claimed_sizes import KIND

pytestmark = pytest.mark.skipif(
    not segalgo.backends()["simulated"].available or not sys.platform.startswith("linux"),
    reason="watched kernels need the simulated device, and Linux",
)

RELU = "x[k] > 0 || x[k] != x[k] ? x[k] : 0;"
BY_THREAD, ROWS = "ceil_div(n, 256)", "x, out, rows, columns"
# Parameters after the two arrays, body, grid, and the kind of finding; a remark begins with "remark:".
KERNELS = {
    "all long long": (
        "long long n",
        "long long k = (long long)blockIdx.x * blockDim.x + threadIdx.x; if (k < n)",
        BY_THREAD,
        "",
    ),
    "int index, size of 64 bits": (
        "long long n",
        "int k = blockIdx.x * blockDim.x + threadIdx.x; if (k < n)",
        BY_THREAD,
        KIND,
    ),
    "unsigned index": ("size_t n", "unsigned k = blockIdx.x * blockDim.x + threadIdx.x; if (k < n)", BY_THREAD, KIND),
    "all int": ("int n", "int k = blockIdx.x * blockDim.x + threadIdx.x; if (k < n)", BY_THREAD, ""),
    "all int, grid-stride": (
        "int n",
        "for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += gridDim.x * blockDim.x)",
        BY_THREAD,
        "",
    ),
    "int rows": (
        "int rows, int columns",
        "const int first = blockIdx.x * columns; for (int k = first + threadIdx.x; k < first + columns; k += blockDim.x)",
        "rows",
        "remark: its sizes are int",
    ),
    "long long beside int rows": (
        "int rows, int columns",
        "const long long all = (long long)rows * columns; const int first = blockIdx.x * columns;"
        " for (int k = first + threadIdx.x; k < first + columns && k < all; k += blockDim.x)",
        "rows",
        "remark: its sizes are int",
    ),
    "a size of 64 bits beside int rows": (
        "long long rows, int columns",
        "const int first = blockIdx.x * columns; if (blockIdx.x < rows)"
        " for (int k = first + threadIdx.x; k < first + columns; k += blockDim.x)",
        "rows",
        KIND,
    ),
    "offset in bytes": (
        "int n",
        "const int k = blockIdx.x * blockDim.x + threadIdx.x; if (k >= n) return; const int at = 4 * k;"
        " if (*(const float*)((const char*)x + at) == 12345) y[k] = 1; else",
        BY_THREAD,
        KIND,
    ),
    "second pass lost": (
        "int n",
        "for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += 2 * gridDim.x * blockDim.x)",
        "min(1024, ceil_div(n, 256))",
        "wrong values",
    ),
    "the same on a whole grid": (
        "int n",
        "for (int k = blockIdx.x * blockDim.x + threadIdx.x; k < n; k += 2 * gridDim.x * blockDim.x)",
        BY_THREAD,
        "",
    ),
}


def kernel_of(tmp_path, name, **more):
    parameters, head, grid, _ = KERNELS[name]
    path = tmp_path / "kernel.cu"
    path.write_text(f"__global__ void act(const float* x, float* y, {parameters}) {{ {head} y[k] = {RELU} }}")
    return verify.CudaKernel(str(path), "relu", "act", ROWS if "rows" in parameters else "x, out, n", grid, **more)


@pytest.mark.parametrize("name", KERNELS)
def test_what_large_sizes_show(tmp_path, name):
    report = verify.check("relu", kernel_of(tmp_path, name), cases=4, dtypes=["float32"], layouts=("C",), shrink=False)
    kind = KERNELS[name][3]
    if kind.startswith("remark"):
        assert report.passed
        assert any(remark.startswith(kind.removeprefix("remark: ")) for remark in report.remarks)
        assert "at line 1" in str(report)
        return
    assert report.passed == (not kind), str(report)
    assert set(report.kinds) == ({kind} if kind else set())
    assert not report.remarks


def test_a_stated_limit(tmp_path):
    kernel = kernel_of(tmp_path, "int index, size of 64 bits", most_elements=2**31 - 1)
    assert verify.check("relu", kernel, cases=4, dtypes=["float32"], layouts=("C",)).passed


STAGED = """
__global__ void staged(const float* x, float* y, int n) {
    __shared__ float tile[256];
    for (int first = blockIdx.x * blockDim.x; first < n; first += gridDim.x * blockDim.x) {
        const int k = first + threadIdx.x, other = first + (threadIdx.x ^ 1);
        tile[threadIdx.x] = k < n ? x[k] : 0.0f;
        __syncthreads();
        const float v = tile[threadIdx.x ^ 1];
        if (other < n) y[other] = v > 0 || v != v ? v : 0;
        NEXT
    }
}
"""


@pytest.mark.parametrize(("after", "kinds"), [("", {"race": 1}), ("__syncthreads();", {})])
def test_a_tile_used_again_needs_a_barrier(tmp_path, after, kinds):
    """Only a second pass shows it, and no grid of the cases has one as the launch is written."""
    path = tmp_path / "staged.cu"
    path.write_text(STAGED.replace("NEXT", after))
    kernel = verify.CudaKernel(str(path), "relu", "staged", "x, out, n", "min(1024, ceil_div(n, 256))")
    report = verify.check("relu", kernel, cases=4, dtypes=["float32"], layouts=("C",), shrink=False)
    assert report.kinds == kinds, str(report)
