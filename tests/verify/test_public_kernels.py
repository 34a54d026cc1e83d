"""Kernels in the styles of public code: the right ones pass, and a bug in each is found for its reason."""

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

SOURCE = Path(__file__).parents[1] / "planted_bugs" / "public_kernels.cu"
CASES = 24

RELU = {"operation": "relu", "args": "x, out, n", "grid": "ceil_div(n, 64)", "block": "64"}
ROWS = {"operation": "softmax", "args": "x, out, columns", "grid": "rows", "block": "64"}
NORM = {"operation": "layer_norm", "args": "x, weight, bias, out, columns, eps", "grid": "rows", "block": "32"}
LINEAR = {"operation": "linear", "block": "64"}
TERMS = "ceil_div(rows * K * (columns + 1), 64)"
SEQUENCE = (
    {"entry": "row_maxima<T>", "args": "x, maxima, rows, columns", "grid": "ceil_div(rows, 32)", "block": "32"},
    {"fill": "sums, 0"},
    {"entry": "row_sums<T>", "args": "x, maxima, sums, n, columns", "grid": "ceil_div(n, 64)", "block": "64"},
    {"entry": "row_shares<T>", "args": "x, maxima, sums, out, n, columns", "grid": "ceil_div(n, 64)", "block": "64"},
)
KERNELS = {
    "relu_vectors": {**RELU, "grid": "ceil_div(n, 64)"},
    "relu_functor": {**RELU, "entry": "relu_functor<T, Positive<T>>", "args": "x, out, n, 0"},
    "relu_accessor": {**RELU, "args": "x, out", "grid": "ceil_div(columns, 64), rows", "ndims": [2]},
    "relu_staged": {**RELU, "grid": "min(2, ceil_div(n, 64))"},
    "softmax_online": {**ROWS, "block": "32"},
    "softmax_cub": ROWS,
    "softmax_steps": {"operation": "softmax", "steps": SEQUENCE, "scratch": {"maxima": "T[rows]", "sums": "T[rows]"}},
    "softmax_grid": {
        **ROWS,
        "args": "x, out, sums, rows, columns",
        "grid": "3",
        "block": "16",
        "scratch": {"sums": "T[2 * rows]"},
    },
    "norm_welford": NORM,
    "norm_tiles": {**NORM, "args": "x, weight, bias, out, rows, columns, eps", "grid": "ceil_div(rows, 4)"},
    "linear_splits": {
        **LINEAR,
        "args": "x, weight, bias, out, rows, columns, K",
        "grid": "ceil_div(rows * K, 64), 3",
        "zeroed": ("out",),
    },
    "linear_last_block": {
        **LINEAR,
        "args": "x, weight, bias, out, partial, rows, columns, K",
        "grid": "3",
        "scratch": {"partial": "T[3 * rows * K]"},
    },
    "linear_swaps": {
        **LINEAR,
        "args": "x, weight, bias, out, rows, columns, K",
        "grid": TERMS,
        "zeroed": ("out",),
    },
    "linear_locked": {
        **LINEAR,
        "args": "x, weight, bias, out, lock, rows, columns, K",
        "grid": TERMS,
        "zeroed": ("out", "lock"),
        "cases": 8,  # threads that wait for one lock take a time that grows with the square of their number
        "scratch": {"lock": "int32[rows]"},
    },
    "label_unions": {
        "operation": "label",
        "args": "x, out, parent, H, W",
        "grid": "1",
        "block": "32",
        "scratch": {"parent": "int32[n]"},
        "ndims": [2],
        "dtypes": ["uint8"],
    },
    "pool_square": {
        "operation": "max_pool2d",
        "args": "x, out, N * C, H, W, kh, sh, OH, OW",
        "grid": "ceil_div(OW, 8), ceil_div(OH, 8), N * C",
        "block": "8, 8",
    },
}

# Kernel, what is changed into what, the kind of the finding; more than one kind where several are the reason.
MUTANTS = {
    "vectors at an odd address": ("relu_vectors", "(x)[k]", "(x + 1)[k]", "misaligned access"),
    "a vector too many": ("relu_vectors", "k < vectors)", "k <= vectors)", "out of bounds"),
    "tail forgotten": ("relu_vectors", "k < n - 4 * vectors", "k < 0", "unwritten output"),
    "tail one short": ("relu_vectors", "k < n - 4 * vectors", "k < n - 4 * vectors - 1", "unwritten output"),
    "y of the vector twice": ("relu_vectors", "v.z = positive(v.z)", "v.z = positive(v.y)", "wrong values"),
    "more threads than promised": ("relu_functor", "__launch_bounds__(128)", "__launch_bounds__(32)", "invalid launch"),
    "stride of one block": ("relu_functor", "k += gridDim.x * blockDim.x", "k += blockDim.x", "race"),
    "accessor turned": ("relu_accessor", "positive(x[row][column])", "positive(x[column][row])", "out of bounds"),
    "last column": ("relu_accessor", "column < x.size(1)", "column < x.size(1) - 1", "unwritten output"),
    "staged without a barrier": ("relu_staged", "__syncthreads();", "", "race"),
    "one buffer for two stages": ("relu_staged", "stage ^= 1", "stage = 0", "race"),
    "too much shared memory": ("relu_staged", "tile[2][64]", "tile[256][64]", "invalid launch"),
    "sum not scaled": ("softmax_online", "sum * exp(most - larger)) + exp(v", "sum) + exp(v", "wrong values"),
    "no largest": (
        "softmax_online",
        "T most = -INFINITY, sum = 0;\n    for",
        "T most = 0, sum = 0;\n    for",
        "wrong values",
    ),
    "from the smallest float": ("softmax_online", "T most = -INFINITY, sum", "T most = FLT_MIN, sum", "wrong values"),
    "half a warp": ("softmax_online", "int d = 16", "int d = 8", "wrong values"),
    "storage used again": ("softmax_cub", "__syncthreads();  // the storage is free, the maximum is there", "", "race"),
    "every thread's sum": ("softmax_cub", "if (threadIdx.x == 0) shared_sum = sum", "shared_sum = sum", "race"),
    "reduction of another size": ("softmax_cub", "cub::BlockReduce<T, 64>", "cub::BlockReduce<T, 128>", "trap"),
    "sum not waited for": ("softmax_cub", "__syncthreads();  // the sum is there", "", "race"),
    "grid not waited for": ("softmax_grid", "grid.sync();", "__syncthreads();", "race"),
    "sums beyond": ("softmax_grid", "sums[2 * (k / columns) + 1]", "sums[2 * (k / columns) + 2]", "out of bounds"),
    "sums added without an atomic": (
        "softmax_steps",
        "atomicAdd(&sums[k / columns], exp(x[k] - maxima[k / columns]))",
        "sums[k / columns] += exp(x[k] - maxima[k / columns])",
        "race",
    ),
    "maximum of the first row": ("softmax_steps", "maxima[row] = most", "maxima[0] = most", ""),
    "squares of sums": ("norm_welford", "delta * delta * (count * n / both)", "delta * delta", "wrong values"),
    "mean of means": ("norm_welford", "(threadIdx.x & d ? count : n) / both", "T(0.5)", "wrong values"),
    "one pass": (
        "norm_tiles",
        "squares += (in[k] - mean) * (in[k] - mean);",
        "squares += in[k] * in[k] - mean * mean;",
        "wrong values",
    ),
    "lane 0 alone knows": ("norm_tiles", "squares = tile.shfl(squares, 0);", "", "wrong values"),
    "eps left out": ("norm_tiles", "squares / columns + T(eps)", "squares / columns", "wrong values"),
    "rows not asked": ("norm_tiles", "if (row >= rows) return;", "", "out of bounds"),
    "bias of each split": ("linear_splits", "split == 0 ? bias[feature] : T(0)", "bias[feature]", "wrong values"),
    "splits overwrite": ("linear_splits", "atomicAdd(&out[cell], sum)", "atomicExch(&out[cell], sum)", ""),
    "splits read and write": (
        "linear_splits",
        "atomicAdd(&out[cell], sum)",
        "*(volatile T*)&out[cell] = *(volatile T*)&out[cell] + sum",
        "race",
    ),
    "no fence before the counter": ("linear_last_block", "__threadfence();", "", "race"),
    "counter not put back": ("linear_last_block", "if (threadIdx.x == 0) blocks_done = 0;", "", "state between calls"),
    "last but one": ("linear_last_block", "== gridDim.x - 1", "== gridDim.x - 2", ""),
    "swap not tried again": ("linear_swaps", "while (old != seen)", "while (false)", "race"),
    "lock looked at, then taken": (
        "linear_locked",
        "atomicCAS(&lock[row], 0, 1) == 0",
        "*(volatile int*)&lock[row] == 0 && atomicExch(&lock[row], 1) >= 0",
        "race",
    ),
    "lock let go too soon": (
        "linear_locked",
        "*sum = *sum + term;\n            __threadfence();\n            atomicExch(&lock[row], 0);",
        "const T old = *sum;\n            atomicExch(&lock[row], 0);\n            *sum = old + term;",
        "race",
    ),
    "union not tried again": ("label_unions", "if (old == a) return;\n        a = old;", "return;", "race"),
    "one neighbour short": ("label_unions", "int d = -1; d <= 1; d++", "int d = -1; d < 1; d++", "wrong values"),
    "unions not waited for": (
        "label_unions",
        "    __syncthreads();\n    if (threadIdx.x == 0) {",
        "    if (threadIdx.x == 0) {",
        "",
    ),
    "pool from zero": ("pool_square", "T best = -INFINITY", "T best = 0", "wrong values"),
    "pool from the largest negative float": ("pool_square", "T best = -INFINITY", "T best = -FLT_MAX", "wrong values"),
    "NaN lost": ("pool_square", "if (v > best || v != v)", "if (v > best)", "wrong values"),
    "a row of the window more": ("pool_square", "i < oy * s + k", "i <= oy * s + k", ""),
}


def kernel_of(tmp_path, name, text):
    given = {"entry": f"{name}<T>", "dtypes": ["float32"], **KERNELS[name]}
    dtypes, ndims, cases = given.pop("dtypes"), given.pop("ndims", None), given.pop("cases", CASES)
    if "steps" in given:
        del given["entry"]
    path = tmp_path / f"{name}.cu"
    path.write_text(text)
    kernel = verify.CudaKernel(str(path), **given)
    return kernel, {"dtypes": dtypes, "ndims": ndims, "layouts": ("C",), "cases": cases}


@pytest.mark.parametrize("name", KERNELS)
def test_right_kernels_pass(tmp_path, name):
    kernel, options = kernel_of(tmp_path, name, SOURCE.read_text())
    report = verify.check(kernel.operation, kernel, **options)
    assert report.passed, str(report)


@pytest.mark.parametrize("bug", MUTANTS)
def test_planted_bugs_are_found(tmp_path, bug):
    name, old, new, kind = MUTANTS[bug]
    text = SOURCE.read_text()
    assert old in text
    kernel, options = kernel_of(tmp_path, name, text.replace(old, new))
    # What shows in values alone needs each kind of values.
    cases = options.pop("cases") * (4 if kind == "wrong values" else 1)
    report = report_until(kind, kernel.operation, kernel, cases, **options)
    assert report.verdict == "FAILED"
    assert not kind or kind in report.kinds, str(report)


def test_there_are_enough():
    assert len(MUTANTS) >= 45
    assert len(KERNELS) >= 16
