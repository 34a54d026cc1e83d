"""Kernels in the manner of bug reports of public projects: each gets the verdict that its comment states."""

import re
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

SOURCE = Path(__file__).parents[1] / "planted_bugs" / "reported_kernels.cu"
KERNEL = re.compile(
    r"^// (?:wrong: ([^:\n]+)|right):[^\n]*\n(?:__device__.*?^}\n)?__global__ void (\w+)", re.MULTILINE | re.DOTALL
)
STATED = {name: kind for kind, name in KERNEL.findall(SOURCE.read_text())}
NORM = "x, weight, bias, out, columns, eps"
LINEAR = {"dtypes": ["float16"]}
# Operation, arguments, grid, block, and what else the launch or the cases are given.
LAUNCHES = {
    "softmax_rows_of_float4": ("softmax", "x, out, columns", "rows", "32", {}),
    "layer_norm_of_32_warps": ("layer_norm", NORM, "rows", "128", {}),
    "linear_in_half": ("linear", "x, weight, bias, out, rows, columns, K", "ceil_div(rows * K, 64)", "64", LINEAR),
    "interpolate_from_corners": (
        "interpolate",
        "x, out, N * C, H, W, OH, OW",
        "ceil_div(size, 128)",
        "128",
        {"fix": {"mode": "bilinear", "align_corners": False, "antialias": False}},
    ),
    "pool_of_bits": ("max_pool2d", "x, out, N * C, H, W, kh, sh, OH, OW", "ceil_div(size, 64)", "64", {}),
    "softmax_of_96_threads": ("softmax", "x, out, columns", "rows", "96", {}),
    "batch_norm_eps_outside": (
        "batch_norm",
        "x, running_mean, running_var, weight, bias, out, C, inner, n, eps",
        "ceil_div(n, 128)",
        "128",
        {},
    ),
    "layer_norm_by_block_sums": ("layer_norm", NORM, "rows", "64", {}),
    "softmax_of_tiles": ("softmax", "x, out, columns", "rows", "64", {}),
}


def test_each_kernel_has_a_launch():
    assert set(STATED) == set(LAUNCHES)


@pytest.mark.parametrize("name", LAUNCHES)
def test_reported_kernels(name):
    operation, args, grid, block, more = LAUNCHES[name]
    fix = {"fix": more["fix"]} if "fix" in more else {}
    kernel = verify.CudaKernel(str(SOURCE), operation, name, args, grid, block, **fix)
    options = {"dtypes": more.get("dtypes", ["float32"]), "layouts": ("C",)}
    kind = STATED[name]
    if kind:
        assert kind in report_until(kind, operation, kernel, 40, **options).kinds
    else:
        report = verify.check(operation, kernel, cases=12, **options)
        assert report.passed, str(report)
