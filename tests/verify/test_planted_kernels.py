"""CUDA kernels with one bug each, planted into right ones: all are found, and for the right reason."""

import sys
from pathlib import Path

import pytest
from verify_until import report_until

import segalgo
from segalgo import verify

pytestmark = pytest.mark.skipif(
    not segalgo.backends()["simulated"].available or not sys.platform.startswith("linux"),
    reason="watched kernels need the simulated device, and Linux",
)

SOURCE = Path(__file__).parents[1] / "planted_bugs" / "kernels.cu"
CASES = 40

# Kernel: operation, arguments, grid, block, dynamic shared memory, zeroed outputs.
LINEAR_WARP = ("linear", "x, weight, bias, out, columns, features", "K, rows", "32")
LAUNCHES = {
    "relu": ("relu", "x, out, n", "ceil_div(n, 256)", "128"),
    "linear_tiled": (
        "linear",
        "x, weight, bias, out, rows, columns, K",
        "ceil_div(K, 16), ceil_div(rows, 16)",
        "16, 16",
    ),
    "linear_warp": ("linear", "x, weight, bias, out, columns, K", "K, rows", "32"),
    "linear_lanes": ("linear", "x, weight, bias, out, columns, K", "K, rows", "32"),
    "softmax": ("softmax", "x, out, length, inner", "outer * inner", "64"),
    "max_pool": (
        "max_pool2d",
        "x, out, indices, N*C, H, W, kh, kw, sh, sw, ph, pw, dh, dw, OH, OW",
        "ceil_div(size, 64)",
        "64",
    ),
    "max_unpool": ("max_unpool2d", "x, indices, out, N*C, H*W, OH*OW", "ceil_div(N*C, 32)", "32", "0", ("out",)),
    "conv": (
        "conv2d",
        "x, weight, bias, out, C, H, W, K, kh, kw, sh, sw, ph, pw, dh, dw, groups, OH, OW",
        "N * K",
        "64",
        "8 * C * kh * kw / groups",
    ),
    "conv_transpose": (
        "conv_transpose2d",
        "x, weight, bias, out, N, C, H, W, K, kh, kw, sh, sw, ph, pw, dh, dw, groups, OH, OW",
        "ceil_div(max(n, size), 64)",
        "64",
        "0",
        ("out",),
    ),
}

# Kernel, what is changed into what, the kind of finding that must be among those reported.
MUTANTS = {
    "one too many": ("relu", "k < n;", "k <= n;", "out of bounds"),
    "first element left out": ("relu", "threadIdx.x; k < n", "threadIdx.x + 1; k < n", "unwritten output"),
    "only the first thousand": ("relu", "k < n;", "k < n && k < 1000;", "unwritten output"),
    "only multiples of 32": ("relu", "k < n;", "k < n / 32 * 32;", "unwritten output"),
    "NaN becomes zero": ("relu", " || x[k] != x[k]", "", "wrong values"),
    "writes its input": ("relu", "y[k] = x[k]", "((T*)x)[k] = T(1), y[k] = x[k]", "changes its input"),
    "all blocks do the same": ("relu", "blockIdx.x * blockDim.x + threadIdx.x", "threadIdx.x", "race"),
    "reads the next one": ("relu", "? x[k] : T(0)", "? x[k + 1] : T(0)", "out of bounds"),
    "negative index": ("relu", "y[k] = x[k] > T(0)", "y[k] = x[k - 1] > T(0)", "out of bounds"),
    "wild pointer": ("relu", "? x[k]", "? x[k + (1ll << 40)]", "out of bounds"),
    "zero below a tolerance": ("relu", "y[k] = x[k] > T(0)", "y[k] = x[k] > T(1e-4)", "wrong values"),
    "float between": ("relu", "? x[k]", "? T(float(x[k]))", "wrong values"),
    "tiles not filled": ("linear_tiled", "__syncthreads();  // tiles are filled", "", "race"),
    "tiles not read": ("linear_tiled", "__syncthreads();  // tiles are read", "", "race"),
    "a warp's barrier for a block's": (
        "linear_tiled",
        "__syncthreads();  // tiles are filled",
        "__syncwarp();",
        "race",
    ),
    "tile too small": ("linear_tiled", "left[16][17], right[16][17]", "left[16][17], right[15][17]", "out of bounds"),
    "sum one short": ("linear_tiled", "k < 16; k++", "k < 15; k++", "wrong values"),
    "edge of the tile not filled": (
        "linear_tiled",
        "left[ty][tx] = row < rows && first + tx < columns ? x[row * columns + first + tx] : T(0);",
        "if (row < rows && first + tx < columns) left[ty][tx] = x[row * columns + first + tx];",
        "uninitialised shared memory",
    ),
    "edge of the matrix not asked": (
        "linear_tiled",
        "row < rows && first + tx < columns ?",
        "first + tx < columns ?",
        "out of bounds",
    ),
    "barrier under a condition": (
        "linear_tiled",
        "T sum = 0;\n    for",
        "T sum = 0;\n    if (row < rows) for",
        "divergent barrier",
    ),
    "leaves before a barrier": (
        "linear_tiled",
        "T sum = 0;\n    for",
        "if (row >= rows) return;\n    T sum = 0;\n    for",
        "divergent barrier",
    ),
    "transposed weights": ("linear_tiled", "right[tx][k]", "right[k][tx]", "wrong values"),
    "bias of the row": ("linear_tiled", "bias[feature]", "bias[row]", "out of bounds"),
    "rows not asked at the end": (
        "linear_tiled",
        "if (row < rows && feature < features)",
        "if (feature < features)",
        "out of bounds",
    ),
    "half a mask": ("linear_warp", "0xffffffffu, sum", "0x0000ffffu, sum", "warp misuse"),
    "lanes that are absent": (
        "linear_warp",
        "sum += __shfl_xor_sync",
        "if (lane < 16) sum += __shfl_xor_sync",
        "warp misuse",
    ),
    "half the lanes": ("linear_warp", "int d = 16;", "int d = 8;", "wrong values"),
    "every lane writes": ("linear_warp", "if (lane == 0)", "", "race"),
    "no __syncwarp": ("linear_lanes", "__syncwarp();", "", "race"),
    "lanes overrun": ("linear_lanes", "k < 32; k++", "k <= 32; k++", "out of bounds"),
    "parts not waited for": ("softmax", "__syncthreads();  // parts are there", "", "race"),
    "halves not waited for": ("softmax", "__syncthreads();  // halves are done", "", "race"),
    "overwritten before all have read": ("softmax", "__syncthreads();  // all have read it", "", "race"),
    "the largest not subtracted": ("softmax", "- most)", "- T(0))", "wrong values"),
    "starts at a quarter": ("softmax", "half_of = 32; half_of > 0", "half_of = 16; half_of > 0", "wrong values"),
    "shared memory overrun": ("softmax", "half_of = 32; half_of > 0", "half_of = 64; half_of > 0", "out of bounds"),
    "threads without work leave": (
        "softmax",
        "T most = -INFINITY;",
        "if (t >= length) return;\n    T most = -INFINITY;",
        "divergent barrier",
    ),
    "idle threads leave nothing": (
        "softmax",
        "    part[t] = sum;\n",
        "    if (t < length) part[t] = sum;\n",
        "wrong values",
    ),
    "last of equal ones": ("max_pool", "value > most ||", "value >= most ||", "wrong values"),
    "starts from zero": ("max_pool", "where < 0 || value > most", "value > max(most, T(0))", "wrong values"),
    "a row too far": ("max_pool", "row >= H", "row > H", "out of bounds"),
    "a column too far": ("max_pool", "column >= W", "column > W", "out of bounds"),
    "indices over the tensor": ("max_pool", "where = row * W", "where = (plane * H + row) * W", "wrong values"),
    "dilation of the other axis": ("max_pool", "v * dw", "v * dh", "wrong values"),
    "one thread a cell": (
        "max_unpool",
        "for (int k = 0; k < count; k++)",
        "for (int k = threadIdx.x % 2; k < count; k++)",
        "wrong values",
    ),
    "weights not waited for": (
        "conv",
        "    __syncthreads();\n    for (int t = threadIdx.x; t < OH",
        "    for (int t = threadIdx.x; t < OH",
        "race",
    ),
    "one weight too many": ("conv", "t < cells;", "t <= cells;", "out of bounds"),
    "groups forgotten": ("conv", "n * C + first + c", "n * C + c", "wrong values"),
    "float sum": ("conv", "T sum = bias[k]", "float sum = bias[k]", "wrong values"),
    "kernel turned": (
        "conv",
        "kernel[(c * kh + u) * kw + v]",
        "kernel[(c * kh + kh - 1 - u) * kw + v]",
        "wrong values",
    ),
    "adds without an atomic": (
        "conv_transpose",
        "                atomicAdd(&out[((n * K + channel) * OH + row) * OW + column],\n                          x[t] * weight",
        "                out[((n * K + channel) * OH + row) * OW + column] += (x[t] * weight",
        "race",
    ),
    "padding forgotten": ("conv_transpose", "column = j * sw - pw +", "column = j * sw +", "wrong values"),
    "traps": ("relu", "const int step", "if (n == 63) __trap();\n    const int step", "trap"),
}


def kernel_from(text, name, path):
    file = path / f"{name}.cu"
    file.write_text(text)
    operation, args, grid, block, *rest = LAUNCHES[name]
    return verify.CudaKernel(str(file), operation, f"{name}<T>", args, grid, block, *rest)


@pytest.mark.parametrize("name", LAUNCHES)
def test_right_kernels_pass(tmp_path, name):
    kernel = kernel_from(SOURCE.read_text(), name, tmp_path)
    report = verify.check(kernel.operation, kernel, cases=CASES, dtypes=["float32"], layouts=("C",))
    assert report.passed, str(report)


@pytest.mark.parametrize("bug", MUTANTS)
def test_planted_bugs_are_found(tmp_path, bug):
    name, old, new, kind = MUTANTS[bug]
    text = SOURCE.read_text()
    start = text.index(f"__global__ void {name}(")
    end = text.find("\ntemplate", start)
    body = text[start:end]
    assert old in body
    kernel = kernel_from(text[:start] + body.replace(old, new) + text[end:], name, tmp_path)
    dtypes = ["float64" if "float " in new or "float(" in new else "float32"]
    report = report_until(kind, kernel.operation, kernel, CASES, dtypes=dtypes, layouts=("C",))
    assert not report.passed
    assert kind in report.kinds, str(report)


def test_there_are_enough():
    assert len(MUTANTS) >= 53
