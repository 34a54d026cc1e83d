"""Kernels of Triton, Numba and CuPy, and operators of PyTorch, verified without a GPU as docs/verify.md shows them."""

import importlib.util
import sys
from pathlib import Path

import pytest

import segalgo
from segalgo import verify

PAGE = Path(__file__).parents[2] / "docs" / "verify.md"
KINDS = {
    "Triton": ("triton", ("torch",), "tl.where(v > 0, v, 0)", "tl.where(v > 1, v, 0)"),
    "Numba": ("numba", (), "max(x[k], 0)", "max(x[k], 1)"),
    "PyTorch": ("torch.relu", ("torch",), "torch.relu(", "torch.sigmoid("),
}


def block_of_docs(word):
    """Return the example of the page that imports or calls this."""
    blocks = PAGE.read_text(encoding="utf-8").split("```python\n")[1:]
    found = [text.partition("```")[0] for text in blocks if word in text.partition("```")[0]]
    assert len(found) == 1, word
    return "import numpy as np\n" + ("import torch\n" if word == "torch.relu" else "") + found[0]


@pytest.mark.peers
@pytest.mark.parametrize("kind", KINDS)
def test_examples_of_the_page(tmp_path, kind):
    word, packages, right, wrong = KINDS[kind]
    for package in (word.partition(".")[0], *packages):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    text = block_of_docs(word)
    assert right in text
    options = {"cases": 12, "dtypes": ["float32"]}
    path = tmp_path / "right.py"
    path.write_text(text)
    report = verify.check_file(path, "relu", "relu", **options)
    assert report.passed, str(report)
    path = tmp_path / "wrong.py"
    path.write_text(text.replace(right, wrong))
    assert not verify.check_file(path, "relu", "relu", **options).passed


@pytest.mark.skipif(
    not segalgo.backends()["simulated"].available or not sys.platform.startswith("linux"),
    reason="watched kernels need the simulated device, and Linux",
)
def test_the_source_of_a_raw_kernel(tmp_path):
    """CuPy's RawKernel holds its source in `code`: written to a file it is a kernel like any other."""
    code = r"""
    extern "C" __global__ void relu(const float* x, float* y, const int n) {
        const int k = blockDim.x * blockIdx.x + threadIdx.x;
        if (k < n) { y[k] = x[k] > 0 || isnan(x[k]) ? x[k] : 0; }
    }
    """
    path = tmp_path / "raw.cu"
    path.write_text(code)
    kernel = verify.CudaKernel(str(path), "relu", "relu", "x, out, n", "ceil_div(n, 128)", "128")
    assert verify.check("relu", kernel, cases=6, dtypes=["float32"], layouts=("C",)).passed
