"""Kernels of pictures and labels in the styles of public code: right ones pass, a bug in each is found for its reason."""

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

SOURCE = Path(__file__).parents[1] / "planted_bugs" / "picture_kernels.cu"
CASES = 16
LABELS = "int32[1000001]"  # one for each label that a case may hold


def launch(entry, args, cells="n"):
    return {"entry": entry, "args": args, "grid": f"ceil_div({cells}, 128)", "block": "64"}


KERNELS = {
    "resize_bilinear": {
        "operation": "interpolate",
        "entry": "resize_bilinear<T>",
        "args": "x, out, N*C, H, W, OH, OW",
        "grid": "ceil_div(size, 128)",
        "block": "64",
        "fix": {"mode": "bilinear", "align_corners": False},
        "dtypes": ["float32"],
    },
    "im2col": {
        "operation": "conv2d",
        "steps": [
            launch("im2col<T>", "x, patches, N, C, H, W, kh, kw, sh, sw, ph, pw, dh, dw, OH, OW", "N*C*kh*kw*OH*OW"),
            {
                "entry": "patches_times_weights<T>",
                "args": "patches, weight, bias, out, C*kh*kw, K, OH*OW",
                "grid": "ceil_div(OH*OW,8), ceil_div(K,8), N",
                "block": "8, 8",
            },
        ],
        "scratch": {"patches": "T[N*C*kh*kw*OH*OW]"},
        "fix": {"groups": 1},
        "dtypes": ["float32"],
    },
    "linear_two_buffers": {
        "operation": "linear",
        "entry": "linear_two_buffers<T>",
        "args": "x, weight, bias, out, rows, columns, K",
        "grid": "ceil_div(K,8), ceil_div(rows,8)",
        "block": "8, 8",
        "dtypes": ["float32"],
    },
    "mean_of_picture": {
        "operation": "threshold_mean",
        "entry": "mean_of_picture",
        "args": "x, out, n",
        "grid": "min(4, ceil_div(n, 64))",
        "block": "64",
    },
    "label_areas": {
        "operation": "label_statistics",
        "entry": "label_areas",
        "args": "labels, area, n, num_labels",
        "grid": "3",
        "block": "32",
        "shared": "256",
        "zeroed": ("area",),
    },
    "boundaries_scattered": {
        "operation": "find_boundaries",
        "entry": "boundaries_scattered",
        "args": "x, out, H, W",
        "grid": "ceil_div(n, 64)",
        "block": "32",
        "zeroed": ("out",),
        "ndims": [2],
        "fix": {"mode": "thick"},
    },
    "small_objects": {
        "operation": "remove_small_objects",
        "steps": [launch("count_cells", "labels, cells, n"), launch("keep_large", "labels, cells, out, n, min_size")],
        "scratch": {"cells": LABELS},
        "zeroed": ("cells",),
    },
    "ccl": {
        "operation": "label",
        "steps": [
            launch("ccl_init", "parent, n"),
            launch("ccl_merge", "x, parent, H, W"),
            launch("ccl_compress", "x, parent, number, n"),
            {"entry": "ccl_number", "args": "number, n", "grid": "1", "block": "64"},
            launch("ccl_write", "x, parent, number, out, n"),
        ],
        "scratch": {"parent": "int32[n]", "number": "int32[n]"},
        "ndims": [2],
        "dtypes": ["uint8"],
    },
    "group_norm": {
        "operation": "group_norm",
        "entry": "group_norm_welford<T>",
        "args": "x, weight, bias, out, C, num_groups, H*W, eps",
        "grid": "N*num_groups",
        "block": "64",
        "dtypes": ["float32"],
    },
    "log_softmax": {
        "operation": "log_softmax",
        "entry": "log_softmax_rows<T>",
        "args": "x, out, columns",
        "grid": "rows",
        "block": "96",
        "dtypes": ["float32"],
    },
    "avg_pool_tile": {
        "operation": "avg_pool2d",
        "entry": "avg_pool_tile<T>",
        "args": "x, out, H, W, kh, OH, OW",
        "grid": "ceil_div(OW,8), ceil_div(OH,8), N*C",
        "block": "8, 8",
        "shared": "8*(7+kh)*(7+kh)",
        "fix": {"stride": 1},
        "dtypes": ["float32"],
    },
    "sigmoid_float4": {
        "operation": "sigmoid",
        "entry": "sigmoid_float4",
        "args": "x, out, n",
        "grid": "ceil_div(n, 256)",
        "block": "32",
    },
    "pad_reflect": {
        "operation": "pad",
        "entry": "pad_reflect<T>",
        "args": "x, out, N*C, H, W, pad_left, pad_top, OH, OW",
        "grid": "ceil_div(size, 128)",
        "block": "64",
        "fix": {"mode": "reflect"},
        "dtypes": ["float32"],
    },
}

# Kernel, what is changed into what, the kind of the finding; any where several are the reason.
MUTANTS = {
    "corners aligned": ("resize_bilinear", "(oy + 0.5f) * scale_y - 0.5f", "oy * scale_y", "wrong values"),
    "rows and columns of the scale": (
        "resize_bilinear",
        "float(H) / OH, scale_x = float(W) / OW",
        "float(W) / OW, scale_x = float(H) / OH",
        "",
    ),
    "lower row not clamped": ("resize_bilinear", "min(y0 + 1, H - 1)", "y0 + 1", ""),
    "column of patches": ("im2col", "column < W ?", "column <= W ?", ""),
    "patches of the first picture": (
        "im2col",
        "patches[((long long)n * terms + b)",
        "patches[((long long)0 * terms + b)",
        "wrong values",
    ),
    "product tile read before it is full": (
        "im2col",
        ": T(0);\n        __syncthreads();\n#pragma unroll",
        ": T(0);\n#pragma unroll",
        "race",
    ),
    "next tile into this one": ("linear_two_buffers", "load(step + 1, now ^ 1)", "load(step + 1, now)", "race"),
    "last barrier of a step": (
        "linear_two_buffers",
        "* b[now][k][tx];\n        __syncthreads();",
        "* b[now][k][tx];",
        "race",
    ),
    "tail of the terms": ("linear_two_buffers", "CEIL_DIV(columns, 8)", "columns / 8", "wrong values"),
    "total not put back": ("mean_of_picture", "atomicExch(&total, 0ull)", "total", "state between calls"),
    "plain total": ("mean_of_picture", "atomicAdd(&total, (unsigned long long)sum);", "total += sum;", "race"),
    "one warp's sum": (
        "mean_of_picture",
        "threadIdx.x < blockDim.x / 32 ? warp_sums",
        "threadIdx.x < 1 ? warp_sums",
        "wrong values",
    ),
    "table not cleared": ("label_areas", "table[i] = 0;", ";", "uninitialised shared memory"),
    "table counted by plain increments": ("label_areas", "atomicAdd(&table[l - 1], 1u);", "table[l - 1]++;", "race"),
    "areas overwritten by blocks": (
        "label_areas",
        "if (table[i]) atomicAdd((unsigned long long*)&area[i], (unsigned long long)table[i]);",
        "area[i] = table[i];",
        "race",
    ),
    "marks of the last column": ("boundaries_scattered", "c + 1 < W &&", "i + 1 < H * W &&", "wrong values"),
    "one side of a boundary": (
        "boundaries_scattered",
        "mask[i] = true; mask[i + W] = true;",
        "mask[i] = true;",
        "wrong values",
    ),
    "counts lost": ("small_objects", "atomicAdd(&cells[labels[i]], 1)", "cells[labels[i]] += 1", "race"),
    "union once": ("ccl", "done = old == b; b = old;", "done = true; b = old;", "race"),
    "chan without the cross term": (
        "group_norm",
        "squares[t + half_of] + delta * delta * a * b / (a + b)",
        "squares[t + half_of]",
        "wrong values",
    ),
    "merge by all threads": ("group_norm", "if (t < half_of) {", "{", "out of bounds"),
    "parts of warps not waited for": (
        "log_softmax",
        "parts[threadIdx.x / 32] = own;\n    __syncthreads();",
        "parts[threadIdx.x / 32] = own;",
        "race",
    ),
    "tail of vectors twice": (
        "sigmoid_float4",
        "long long i = n / 4 * 4 + first",
        "long long i = n / 4 * 4 - 4 + first",
        "",
    ),
}


def entries(steps):
    """Return the names of the kernels that are launched."""
    return [
        name for step in steps for name in (step.get("entry", "").partition("<")[0], *entries(step.get("steps", ())))
    ]


def kernel_of(tmp_path, name, text):
    """Return the kernel from its own paragraphs of the file, which compile faster than all, and the options of its check."""
    given = dict(KERNELS[name])
    options = {"dtypes": given.pop("dtypes", None), "ndims": given.pop("ndims", None), "layouts": ("C",)}
    names = [f" {entry}(" for entry in entries([given]) if entry]
    paragraphs = [
        one for one in text.split("\n\n") if one.startswith(("#", "// Right")) or any(n in one for n in names)
    ]
    path = tmp_path / f"{name}.cu"
    path.write_text("\n\n".join(paragraphs))
    return verify.CudaKernel(str(path), **given), options


@pytest.mark.parametrize("name", KERNELS)
def test_right_kernels_pass(tmp_path, name):
    kernel, options = kernel_of(tmp_path, name, SOURCE.read_text())
    report = verify.check(kernel.operation, kernel, cases=CASES, **options)
    assert report.passed, str(report)


@pytest.mark.parametrize("bug", MUTANTS)
def test_planted_bugs_are_found(tmp_path, bug):
    name, old, new, kind = MUTANTS[bug]
    text = SOURCE.read_text()
    assert old in text
    kernel, options = kernel_of(tmp_path, name, text.replace(old, new))
    report = report_until(kind, kernel.operation, kernel, 6 * CASES, **options)
    assert report.verdict == "FAILED"
    assert not kind or kind in report.kinds, str(report)


@pytest.mark.parametrize(("grid", "sides"), [("rows", []), ("K, rows", ["y"]), ("1, min(rows, 65535), K", ["z"])])
def test_sides_of_a_grid_that_grow_too_large_are_named(tmp_path, grid, sides):
    kernel = verify.CudaKernel(str(tmp_path / "linear.cu"), "linear", "linear", "x, weight, bias, out", grid)
    assert [remark[len("grid ")] for remark in kernel.limits(verify.case("linear", 0))] == sides
