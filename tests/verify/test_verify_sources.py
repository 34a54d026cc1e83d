"""Verification of files in a process of its own: CUDA source and Python, the command line, and what may go wrong."""

import re
import sys
from importlib.metadata import entry_points

import numpy as np
import pytest
from click.testing import CliRunner

import segalgo
from segalgo import verify
from segalgo.cli import main
from segalgo.simulated.compiler import Kernel
from segalgo.verify.kernels.expressions import LaunchError, values

pytestmark = pytest.mark.skipif(
    not segalgo.backends()["simulated"].available or not sys.platform.startswith("linux"),
    reason="watched kernels need the simulated device, and Linux",
)

KERNELS = r"""
#include <cuda_runtime.h>
#include <cuda_fp16.h>

__device__ inline float positive(float v) { return v > 0.0f || v != v ? v : 0.0f; }

extern "C" __global__ void right(const float* __restrict__ x, float* y, int n) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k < n) y[k] = positive(__ldg(&x[k]));
}
__global__ void beyond(const float* x, float* y, int n) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k <= n) y[k] = positive(x[k]);
}
__global__ void endless(const float* x, float* y, int n) {
    while (n > 0) n = n | 1;
}
__global__ void halves(const half* x, half* y, int n) {
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    if (k < n) y[k] = __half2float(x[k]) > 0.0f || __hisnan(x[k]) ? x[k] : __float2half(0.0f);
}
template <class T> __global__ void four_at_a_time(const T* x, T* y, int n) {
    extern __shared__ __align__(16) unsigned char bytes[];
    T* tile = reinterpret_cast<T*>(bytes);
    const int k = blockIdx.x * blockDim.x + threadIdx.x;
    tile[threadIdx.x] = k < n ? x[k] : T(0);
    __syncthreads();
    if (k < n) y[k] = tile[threadIdx.x] > T(0) || tile[threadIdx.x] != tile[threadIdx.x] ? tile[threadIdx.x] : T(0);
}
"""
LAUNCH = ("x, out, n", "ceil_div(n, 64)", "64")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "kernels.cu"
    path.write_text(KERNELS)
    return path


def test_a_right_kernel_passes(file):
    report = verify.check_kernel(file, "relu", "right", *LAUNCH, cases=20)
    assert report.passed, str(report)
    assert {recipe.dtype for recipe in report.passed_recipes} == {"float32"}


def test_a_launch_that_no_card_takes_is_wrong(file):
    report = verify.check_kernel(file, "relu", "right", "x, out, n", "n", "2048", cases=5)
    assert list(report.kinds) == ["invalid launch"]
    assert "block=(2048, 1, 1)" in report.headline


def test_half_and_dynamic_shared_memory(file):
    report = verify.check_kernel(file, "relu", "halves", *LAUNCH, cases=20)
    assert report.passed, str(report)
    assert {recipe.dtype for recipe in report.passed_recipes} == {"float16"}
    report = verify.check_kernel(file, "relu", "four_at_a_time<T>", *LAUNCH, "8 * 64", cases=20, dtypes=["float64"])
    assert report.passed, str(report)


def test_a_finding_names_line_block_and_thread(file):
    report = verify.check_kernel(file, "relu", "beyond", *LAUNCH, cases=10)
    line = 1 + next(k for k, text in enumerate(KERNELS.splitlines()) if "k <= n" in text)
    assert report.kinds == {"out of bounds": len(report.failed_recipes)}
    assert report.headline.startswith("out of bounds: thread")
    assert f"reads x[63] at line {line}, it has 63 elements" in report.findings[0].message
    assert "thread (63, 0, 0) of block (0, 0, 0)" in report.findings[0].message
    scope = {"segalgo": segalgo}
    exec("\n".join(report.smallest.code("", report.setup).splitlines()[:2]), scope)
    assert [found.kind for found in verify.judged(scope["case"], scope["function"])] == ["out of bounds"]


def test_an_endless_loop_ends_that_process(file):
    report = verify.check_kernel(file, "relu", "endless", *LAUNCH, cases=10, case_seconds=5)
    assert list(report.kinds) == ["does not end"]
    # The limit of 5 seconds grows with what a calibration finds on a loaded machine.
    assert re.search(r"\b\d+ s\b", report.headline)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nothing", *LAUNCH), "nothing"),
        (("right", "x, out", *LAUNCH[1:]), "args has 2 arguments: expected 3"),
        (("right", "x, out, elements", *LAUNCH[1:]), "no 'elements' here, expected one of"),
        (("right", "n, out, n", *LAUNCH[1:]), "expected an array"),
        (("right", "x, out, n", "n ** 2", "1"), "more than names, numbers and arithmetic"),
    ],
)
def test_launches_that_do_not_fit(file, arguments, message):
    with pytest.raises(verify.VerificationError, match=message):
        verify.check_kernel(file, "relu", *arguments, cases=5)


NIBLACK = r"""
__global__ void niblack(const unsigned char* image, double* out, int H, int W, int window, double k) {
    const int j = blockIdx.x * blockDim.x + threadIdx.x, i = blockIdx.y * blockDim.y + threadIdx.y;
    if (i >= H || j >= W) return;
    double sum = 0, squares = 0;
    for (int u = -(window / 2); u <= window / 2; u++)
        for (int v = -(window / 2); v <= window / 2; v++) {
            int row = i + u, column = j + v;  // mirrored, as often as it takes
            const int rows = H > 1 ? 2 * H - 2 : 1, columns = W > 1 ? 2 * W - 2 : 1;
            row = (row % rows + rows) % rows;
            column = (column % columns + columns) % columns;
            if (row >= H) row = 2 * H - 2 - row;
            if (column >= W) column = 2 * W - 2 - column;
            const double value = image[row * W + column];
            sum += value;
            squares += value * value;
        }
    const double m = sum / (window * window), spread = squares / (window * window) - m * m;
    out[i * W + j] = m - k * sqrt(spread > 0 ? spread : 0.0);
}
"""


def test_what_the_launch_does_not_name_is_not_covered(tmp_path, file):
    path = tmp_path / "niblack.cu"
    path.write_text(NIBLACK)
    launch = ("ceil_div(W, 16), ceil_div(H, 16)", "16, 16")
    report = verify.check_kernel(
        path, "threshold_niblack", "niblack", "image, out, H, W, window_size, k", *launch, ndims=[2], cases=20
    )
    assert report.passed, str(report)
    assert not report.uncovered
    report = verify.check_kernel(
        path, "threshold_niblack", "niblack", "image, out, H, W, 3, 0.2", *launch, ndims=[2], cases=20
    )
    assert set(report.uncovered) == {"window_size", "k"}
    report = verify.check_kernel(
        path, "threshold_niblack", "niblack", "image, out, H, W, window_size, k", *launch, cases=30
    )
    assert "cases without H" in report.uncovered


def test_expressions():
    scope = {"N": 2, "H": 7, "x": np.zeros(3)}
    assert values("N * H, (H + 3) / 4, ceil_div(H, 4), -N % 5, min(N, H)", scope, "grid") == [14, 2, 2, 3, 2]
    assert values("x", scope, "args")[0] is scope["x"]
    for text in ("__import__('os')", "x.size", "N if H else 2", "[1]", "N,,H", "'a'"):
        with pytest.raises(LaunchError):
            values(text, scope, "args")


def test_python_files(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(
        "import os, ctypes, numpy as np\n"
        "def right(x): return np.maximum(x, 0)\n"
        "def wild(x): ctypes.string_at(8)\n"
        "def hungry(x): return np.ones(2**40)\n"
        "def ends(x): os._exit(7)\n"
    )
    assert verify.check_file(path, "right", "relu", cases=20).passed
    for name, kind, words in (
        ("wild", "crashes", "SIGSEGV"),
        ("ends", "crashes", "code 7"),
        ("hungry", "raises", "MemoryError"),
    ):
        report = verify.check_file(path, name, "relu", cases=5)
        assert kind in report.kinds, str(report)
        assert words in str(report)
    for function, words in (("nothing", "no function 'nothing'"),):
        with pytest.raises(verify.VerificationError, match=words):
            verify.check_file(path, function, "relu")


def test_the_command(tmp_path, file):
    def run(*arguments):
        return CliRunner().invoke(main, ["verify", *map(str, arguments)])

    launch = ("--args", "x, out, n", "--grid", "ceil_div(n, 64)", "--block", "64", "--cases", "10")
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    result = run(file, "--op", "relu", "--entry", "right", *launch, "--html", page, "--json", data)
    assert (result.exit_code, "passed" in result.output) == (0, True)
    assert page.exists()
    assert data.exists()
    result = run(file, "--op", "relu", "--entry", "beyond", *launch)
    assert (result.exit_code, "out of bounds" in result.output) == (1, True)
    path = tmp_path / "mine.py"
    path.write_text("import numpy as np\ndef good(x): return np.maximum(x, 0)\ndef bad(x): return np.abs(x)\n")
    assert run(f"{path}:good", "--op", "relu", "--cases", 20).exit_code == 0
    assert run(f"{path}:bad", "--op", "relu", "--cases", 20, "--contiguous").exit_code == 1
    for arguments, words in (
        ((f"{path}:good", "--op", "rely"), "operation='rely'"),
        ((path, "--op", "relu"), "expected FILE.py:FUNCTION"),
        ((f"{tmp_path}/no.py:good", "--op", "relu"), "no such file"),
        ((file, "--op", "relu", "--entry", "right"), "--args, --grid missing"),
        ((tmp_path / "no.cu", "--op", "relu", "--entry", "right", *launch), "no such file"),
    ):
        result = run(*arguments)
        assert (result.exit_code, words in result.output) == (2, True), result.output


WATCHED = r"""
__global__ void orders_by_syncwarp(int* y) {
    __shared__ volatile int unused[4];
    __shared__ int tile[2][32], other;
    tile[1][threadIdx.x] = threadIdx.x;
    if (threadIdx.x == 0) { other = 1; unused[0] = 0; }
    __syncwarp();
    y[threadIdx.x] = tile[1][31 - threadIdx.x] + other;
}
__global__ void shuffles_order_nothing(int* y) {
    __shared__ int tile[32];
    tile[threadIdx.x] = __shfl_xor_sync(0xffffffffu, int(threadIdx.x), 1);
    y[threadIdx.x] = tile[31 - threadIdx.x];
}
__global__ void atomics_do_not_race(int* y) { atomicAdd(&y[0], 1); atomicMax(&y[1], int(blockIdx.x)); }
__global__ void plain_beside_atomic(int* y) { if (threadIdx.x == 0) atomicAdd(&y[0], 1); else y[1] = y[0]; }
__global__ void volatile_beside_atomic(int* y) {
    if (threadIdx.x == 0) atomicAdd(&y[0], 1); else if (threadIdx.x == 1) y[1] = *(volatile int*)y;
}
__global__ void one_after_the_other(int* y) {
    for (int k = 0; k < 3; k++) {
        if (threadIdx.x == k) y[0] += k;
        __syncthreads();
    }
}
"""


@pytest.mark.parametrize(
    ("kernel", "blocks", "found"),
    [
        ("orders_by_syncwarp", 2, False),
        ("shuffles_order_nothing", 1, True),
        ("atomics_do_not_race", 3, False),
        ("plain_beside_atomic", 1, True),
        ("volatile_beside_atomic", 1, False),
        ("one_after_the_other", 1, False),
        ("one_after_the_other", 2, True),
    ],
)
def test_what_is_a_race(kernel, blocks, found):
    run = Kernel(WATCHED, "watched.cu", kernel, watched=True)
    wrong = []
    for order in ("forward", "reversed", "shuffled"):
        y = np.zeros(32 * (blocks if kernel != "orders_by_syncwarp" else 1), np.int32)
        if kernel == "orders_by_syncwarp":
            run((1,), (32,), (y,), order=order)
        else:
            run((blocks,), (32,), (y,), order=order)
        wrong.append([line for line in run.watch.findings if line.startswith("race")])
    assert all(bool(lines) == found for lines in wrong), wrong


SUM_IN_ANY_ORDER = """
import numpy as np
rng = np.random.default_rng()
def linear(x, weight, bias=None):
    wide = x.astype(np.float32) if x.dtype == np.float16 else x
    out = np.zeros((*x.shape[:-1], weight.shape[0]), wide.dtype)
    for k in rng.permutation(x.shape[-1]):
        out += wide[..., k : k + 1] * weight[:, k].astype(wide.dtype)
    return (out if bias is None else out + bias).astype(x.dtype)
def rows(x):
    wide = x - x.max(-1, keepdims=True) if x.size else x
    with np.errstate(all="ignore"):
        return (np.exp(wide) / np.exp(wide).sum(-1, keepdims=True)).astype(x.dtype)
def bilinear(x, size=None, scale_factor=None):
    import segalgo
    return segalgo.interpolate(x, size, scale_factor, "bilinear", True)
"""


def test_right_functions_get_no_invented_reason(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SUM_IN_ANY_ORDER)
    for seed in range(3):
        report = verify.check_file(path, "linear", "linear", cases=100, seed=seed)
        assert report.passed, str(report)
        assert "order changes" in str(report)


def test_built_in_parameters_are_left_out_or_fixed(tmp_path):
    path = tmp_path / "mine.py"
    path.write_text(SUM_IN_ANY_ORDER)
    report = verify.check_file(path, "rows", "softmax", cases=60, dtypes=["float64", "float32"])
    assert report.passed, str(report)
    assert "axis" in report.uncovered
    fixed = {"mode": "bilinear", "align_corners": True}
    report = verify.check_file(path, "bilinear", "interpolate", cases=40, fix=fixed)
    assert report.passed, str(report)
    assert set(report.uncovered) == {"antialias"}, "which the function does not have"
    given = {"cases": 20, "fix": fixed}
    report = verify.check("interpolate", segalgo.interpolate, **given)
    assert report.passed
    assert {(r["mode"], r["align_corners"]) for r in report.passed_recipes} == {("bilinear", True)}
    with pytest.raises(ValueError, match="fix=colour"):
        verify.check("relu", segalgo.relu, fix={"colour": 1})


def test_a_template_that_does_not_compile_is_told_once(tmp_path):
    path = tmp_path / "broken.cu"
    path.write_text(
        "template <class T> __global__ void act(const T* x, T* y, int n) { int k = threadIdx.x if (k) y[k] = 0; }"
    )
    with pytest.raises(verify.VerificationError, match=r"(?s)does not compile:\n.*broken\.cu:1:.*expected"):
        verify.check_kernel(path, "relu", "act<T>", *LAUNCH)


def test_assembly_is_refused_by_name(tmp_path):
    path = tmp_path / "ptx.cu"
    path.write_text('__global__ void act(const float* x, float* y, int n) {\n  asm volatile("bar.sync 0;");\n}')
    with pytest.raises(verify.VerificationError, match="line 2: inline PTX"):
        verify.check_kernel(path, "relu", "act", *LAUNCH)


def test_own_headers_and_toml(tmp_path):
    (tmp_path / "include").mkdir()
    (tmp_path / "include" / "positive.cuh").write_text(
        "#pragma once\n#include <cfloat>\ntemplate <class T> __device__ T positive(T v) { return v > T(0) || v != v ? v : T(0); }\n"
    )
    (tmp_path / "act.cu").write_text(
        '#include "positive.cuh"\n#include <torch/extension.h>\n#include <cstdint>\n'
        "__global__ void act(const float* x, float* y, int64_t n) {\n"
        "  int64_t k = blockIdx.x * (int64_t)blockDim.x + threadIdx.x;\n  if (k < n) y[k] = positive(x[k]);\n}\n"
        "void act_launcher(torch::Tensor x, torch::Tensor y) { act<<<1, 64>>>(x.data_ptr<float>(), y.data_ptr<float>(), 1); }\n"
        'int main() { printf("%d", 1); return 0; }\n'
    )
    (tmp_path / "act.toml").write_text(
        'operation = "relu"\nsource = "act.cu"\ninclude = ["include"]\n[scratch]\ncopy_of_x = "float32[n]"\n'
        '[[launch]]\ncopy = "copy_of_x, x"\n'
        '[[launch]]\nentry = "act"\nargs = "copy_of_x, out, n"\ngrid = "ceil_div(n, 64)"\nblock = 64\n'
    )
    junit = tmp_path / "report.xml"
    arguments = ["verify", str(tmp_path / "act.toml"), "--cases", "10", "--dtype", "float32", "--junit", str(junit)]
    result = CliRunner().invoke(main, arguments)
    assert (result.exit_code, "passed" in result.output) == (0, True), result.output
    assert 'failures="0"' in junit.read_text()


def test_annotations_and_what_cannot_be_checked(tmp_path, file):
    launch = ("--args", "x, out, n", "--grid", "ceil_div(n, 64)", "--block", "64", "--cases", "6")
    result = CliRunner().invoke(
        main, ["verify", str(file), "--op", "relu", "--entry", "beyond", *launch, "--annotations"]
    )
    assert result.exit_code == 1
    assert f"::error file={file},line=" in result.output
    path = tmp_path / "mine.py"
    path.write_text("def pool(x): return x\n")
    result = CliRunner().invoke(main, ["verify", f"{path}:pool", "--op", "max_pool2d", "--cases", "5"])
    assert (result.exit_code, "NOT CHECKED" in result.output) == (2, True), result.output


pytest_plugins = ["pytester"]


def test_the_plugin_of_pytest(pytester):
    pytester.makepyfile(
        """
        import numpy as np, pytest

        @pytest.mark.segalgo_verify("relu", cases=20)
        def test_right(segalgo_verify):
            segalgo_verify(lambda x: np.maximum(x, 0))

        def test_wrong(segalgo_verify):
            segalgo_verify(np.abs, "relu", cases=20)
        """
    )
    installed = "segalgo_verify" in {entry.name for entry in entry_points(group="pytest11")}
    by_hand = () if installed else ("-p", "segalgo.verify.pytest_plugin")
    result = pytester.runpytest_inprocess(*by_hand, "-p", "no:xdist")
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*relu: absolute FAILED*"])
