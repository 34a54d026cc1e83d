"""Structs and functors with members as parameters of kernels."""

import sys

import numpy as np
import pytest

import segalgo
from segalgo import verify
from segalgo.verify.kernels.expressions import LaunchError
from segalgo.verify.kernels.structs import packed

pytestmark = pytest.mark.skipif(
    not segalgo.backends()["simulated"].available or not sys.platform.startswith("linux"),
    reason="watched kernels need the simulated device, and Linux",
)

SOURCE = """
template <class T> struct Leaky {
    T slope;  // of what is negative
    __device__ T operator()(T v) const { return v < T(0) ? slope * v : v; }
};
template <class T, class F> __global__ void each(const T* x, T* y, int n, F f) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k < n) y[k] = f(x[k]);
}
struct Task { const float* from; float* to; long long count; bool all; float slope[2]; };
__global__ void by_task(const Task task) {
    const long long k = blockIdx.x * (long long)blockDim.x + threadIdx.x;
    if (k < task.count OR_ONE) task.to[k] = task.from[k] < 0 ? task.slope[1] * task.from[k] : task.from[k];
}
"""
TASK = "{input, out, n, 1, 1.0, negative_slope}"


def report_of(tmp_path, entry, args, text=SOURCE):
    path = tmp_path / "structs.cu"
    path.write_text(text.replace("OR_ONE", ""))
    kernel = verify.CudaKernel(str(path), "leaky_relu", entry, args, "ceil_div(n, 64)", "64")
    return verify.check("leaky_relu", kernel, cases=12, dtypes=["float32"], layouts=("C",), shrink=False)


def test_a_functor_with_a_member(tmp_path):
    args = "x, out, n, {%s}"
    text = SOURCE.replace(
        "class F> __global__ void each(const T* x, T* y, int n, F f)",
        "class F> __global__ void each(const T* x, T* y, int n, Leaky<T> f)",
    )
    assert report_of(tmp_path, "each<T, int>", args % "negative_slope", text).passed
    assert "wrong values" in report_of(tmp_path, "each<T, int>", args % "negative_slope + 0.5", text).kinds


def test_a_struct_with_pointers_is_watched(tmp_path):
    report = report_of(tmp_path, "by_task", TASK)
    assert report.passed, str(report)
    report = report_of(tmp_path, "by_task", TASK, SOURCE.replace("OR_ONE", "+ 1"))
    assert set(report.kinds) == {"out of bounds"}


@pytest.mark.parametrize(
    ("type_name", "given", "words"),
    [
        ("Task", (1, 2), "2 values for struct Task, expected 6 for its 40 bytes"),
        ("Nothing", (1,), "struct Nothing is not declared"),
        ("Odd", (1,), "a member of type 'Task'"),
    ],
)
def test_structs_that_do_not_fit(type_name, given, words):
    with pytest.raises(LaunchError, match=words):
        packed(SOURCE + "struct Odd { Task inner; };", type_name, given, "f4", 40)


def test_the_bytes_of_a_struct():
    bytes_, arrays = packed(SOURCE, "Leaky<float>", (0.25,), "f4", 4)
    assert bytes_.view(np.float32).tolist() == [0.25]
    assert arrays == []
