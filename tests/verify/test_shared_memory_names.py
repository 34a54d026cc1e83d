"""Two names of dynamic shared memory are one array: what goes wrong through that is called so."""

import sys

import pytest

import segalgo
from segalgo import verify

pytestmark = pytest.mark.skipif(
    not segalgo.backends()["simulated"].available or not sys.platform.startswith("linux"),
    reason="watched kernels need the simulated device, and Linux",
)

SOURCE = r"""
__global__ void rows(const float* x, float* y, int n) {
    extern __shared__ float shares[];
    SUMS
    const float* in = x + (long long)blockIdx.x * n;
    float most = -INFINITY, sum = 0;
    for (int k = threadIdx.x; k < n; k += 32) most = in[k] > most || in[k] != in[k] ? in[k] : most;
    for (int d = 16; d > 0; d >>= 1) {
        const float other = __shfl_xor_sync(0xffffffffu, most, d);
        most = most != most || most >= other ? most : other;
    }
    for (int k = threadIdx.x; k < n; k += 32) sum += shares[k] = expf(in[k] - most);
    __syncthreads();
    sums[threadIdx.x] = sum;
    __syncthreads();
    sum = 0;
    for (int k = 0; k < 32; k++) sum += sums[k];
    for (int k = threadIdx.x; k < n; k += 32) y[(long long)blockIdx.x * n + k] = shares[k] / sum;
}
"""


def report_of(tmp_path, sums, shared):
    path = tmp_path / "rows.cu"
    path.write_text(SOURCE.replace("SUMS", sums))
    kernel = verify.CudaKernel(str(path), "softmax", "rows", "x, out, columns", "rows", "32", shared)
    return verify.check("softmax", kernel, cases=16, dtypes=["float32"], layouts=("C",), shrink=False)


def test_two_names_of_one_array(tmp_path):
    report = report_of(tmp_path, "extern __shared__ float sums[];", "4 * max(columns, 32)")
    assert set(report.kinds) == {"shared memory aliasing"}, str(report)
    assert "right once they are apart" in report.headline


def test_one_array_in_two_parts(tmp_path):
    report = report_of(tmp_path, "float* sums = shares + n;", "4 * (columns + 32)")
    assert report.passed, str(report)


def test_a_bug_beside_two_names_keeps_its_name(tmp_path):
    """With the parts apart it is as wrong: the names are not the reason."""
    sums = "extern __shared__ float sums[]; if (n > 8) return;"
    report = report_of(tmp_path, sums, "4 * max(columns, 32)")
    assert not report.passed
    assert "shared memory aliasing" not in report.kinds
