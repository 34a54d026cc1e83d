"""``segalgo profile`` and ``segalgo verify --profile``: what they print and write, and their errors in one line."""

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from segalgo.cli import main
from segalgo.simulated.compiler import find_compiler

pytestmark = [
    pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler"),
    pytest.mark.skipif(shutil.which("addr2line") is None, reason="no addr2line"),
]
RELU = Path(__file__).parents[1] / "verify" / "profiled_relu.cu"
KERNELS = Path(__file__).parents[1] / "simulated" / "profiled_kernels.cu"
WORDS = ("--op", "relu", "--entry", "plain", "--args", "x, out, n", "--grid", "ceil_div(n, 256)")


def run(*words):
    """Return exit code, and what was printed on both streams."""
    result = CliRunner().invoke(main, [str(word) for word in words])
    return result.exit_code, result.stdout, result.stderr


def test_profile_prints_and_writes(tmp_path):
    page, record = tmp_path / "page.html", tmp_path / "profile.json"
    code, text, _ = run("profile", RELU, *WORDS, "--shape", "64,64", "--html", page, "--json", record)
    assert code == 0
    assert "relu: plain" in text
    assert "nothing stands out" in text
    assert "A100: at least" in text
    assert json.loads(record.read_text())["efficiency"] == 1.0
    assert "out[i]" in page.read_text()


def test_verify_with_profile():
    code, text, _ = run("verify", RELU, *WORDS, "--cases", "6", "--profile")
    assert code == 0
    assert text.index("relu: plain passed") < text.index("nothing stands out")
    wrong = [word if word != "plain" else "wrong" for word in WORDS]
    code, text, _ = run("verify", RELU, *wrong, "--cases", "6", "--profile")
    assert code == 1
    assert "A100" not in text


def test_profile_of_arrays_and_steps(tmp_path):
    words = ("--array", "x=float32[w*w]", "--array", "y=float32[w*w]", "--size", "w=32", "--args", "x, y, w, w")
    launch = ("--grid", "w/32, w/32", "--block", "32, 8", "--entry", "transpose_tiled<0>")
    code, text, _ = run("profile", KERNELS, *words, *launch, "--steps", tmp_path / "steps.json")
    assert code == 0
    assert "32-way bank conflicts" in text
    assert json.loads((tmp_path / "steps.json").read_text())["version"] == 1


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (("absent.cu", *WORDS), "absent.cu: no such file"),
        (("kernel.py", *WORDS), "kernel.py: expected a .cu or .toml file"),
        ((RELU, *WORDS[:4]), "--args, --grid missing: expected for CUDA source"),
        ((RELU, *WORDS, "--block", "2048"), "plain: 2048 threads a block: A100 takes at most 1024"),
        ((RELU, *WORDS, "--shape", "8,b"), "--shape 8,b: expected sizes with commas between, e.g. 1,16,128,128"),
        ((RELU, *WORDS[2:], "--array", "x"), "--array x: expected NAME=DTYPE[SIZE]"),
        ((RELU, *WORDS[2:], "--array", "x=float33[8]"), "array x='float33[8]': 'float33' is no dtype"),
        ((RELU, *WORDS[2:], "--size", "w=many"), "--size w=many: expected a number"),
    ],
)
def test_errors_are_one_line(words, last):
    code, text, errors = run("profile", *words)
    assert (code, text) == (2, "")
    assert errors.splitlines()[-1] == f"segalgo: {last}"
    assert len(errors.splitlines()) == 1


ODD = """
template <typename T, int K> __global__ void __launch_bounds__(64) times(T* y, int n) { y[threadIdx.x] = K; }
__global__ void ones(float* y, int n) { y[threadIdx.x] = 1; }
__global__ void astray(float* y, int n) { y[threadIdx.x + 4000000000LL] = 1; }
"""


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (("--block", "1.5"), "block='1.5': 1.5 is no whole number"),
        (("--block", "100.7"), "block='100.7': 100.7 is no whole number"),
        (("--grid", "1,1,1,1"), "grid='1,1,1,1': 4 sizes, expected one to three"),
        (("--shared", "2.5"), "shared='2.5': 2.5 is no whole number"),
        (("--grid", "y"), "grid='y': an array is no whole number"),
        (("--size", "n=64.5"), "array y, size='n': 64.5 is no whole number"),
        (("--args", "y, n/3.0"), "args: 21.333333333333332 is no whole number, the kernel takes an integer there"),
        (("--entry", "nope"), "no kernel nope in odd.cu; it has times, ones, astray"),
        (("--entry", "times"), "times of odd.cu is a template: name an instantiation, such as times<float, 1>"),
        (("--entry", "astray"), "the kernel accessed memory outside of its arrays; `segalgo verify` names the line"),
    ],
)
def test_launches_that_are_refused(tmp_path, words, last):
    path = tmp_path / "odd.cu"
    path.write_text(ODD)
    usual = {"--entry": "ones", "--args": "y, n", "--grid": "1", "--block": "64", "--size": "n=64"} | {
        words[0]: words[1]
    }
    code, text, errors = run(
        "profile", path, "--array", "y=float32[n]", *(word for pair in usual.items() for word in pair)
    )
    assert (code, text, errors) == (2, "", f"segalgo: {last}\n")


@pytest.mark.parametrize(
    ("words", "last"),
    [
        (("--block", "1.5"), "block='1.5': 1.5 is no whole number"),
        (("--grid", "1,1,1,1"), "grid='1,1,1,1': 4 sizes, expected one to three"),
        (("--entry", "nope"), "no kernel nope in profiled_relu.cu; it has plain, in_runs, wrong, crashes, with_shared"),
    ],
)
def test_verify_refuses_them_too(words, last):
    code, text, errors = run("verify", RELU, *WORDS, *words, "--cases", "4")
    assert (code, text) == (2, "")
    assert errors.endswith(f"{last}\n")
    assert len(errors.splitlines()) == 1


def test_a_kernel_that_does_not_compile_says_where(tmp_path):
    path = tmp_path / "broken.cu"
    path.write_text("__global__ void plain(const float* x, float* out, int n) { out[0] = y; }\n")
    code, _, errors = run("profile", path, *WORDS)
    assert code == 2
    assert "broken.cu:1" in errors
    assert "Traceback" not in errors
