"""The sdist builds the wheel, the wheel holds what it must, and every compiler at hand builds without warnings."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.packaging
ROOT = Path(__file__).parents[2]


def source_tree(folder: Path) -> Path:
    """Copy what git would clone."""
    copy = folder / "source"
    built = shutil.ignore_patterns(".git", ".venv", "build", "*.so", "*.egg-info", ".hypothesis", "demo", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=built)
    return copy


def kept_files(source: Path) -> set[str]:
    """Return the files that the sdist must hold, so that tests, docs and benchmarks run from it."""
    generated = ("build/", "dist/", "docs/reference/", "segalgo-out/")
    paths = {str(path.relative_to(source)) for path in source.rglob("*") if path.is_file()}
    hidden = {path for path in paths if path.startswith(".") and not path.startswith(".ci/")}
    return {path for path in paths - hidden if not path.startswith(generated)}


def run(*command: str, cwd: Path, **environment: str) -> str:
    result = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


def no_warnings(printed: str) -> None:
    """Assert that neither Cython nor the C compiler has a remark on one of our files."""
    source = r"\.(pyx|pxd|pxi|c|h):\d+"
    warnings = [line for line in printed.splitlines() if "warning: " in line and re.search(source, line)]
    assert not warnings, warnings


def works(folder: Path, *backends: str) -> str:
    """Run a kernel of the package that lies in `folder`, outside of any source tree; return the table of backends."""
    code = (
        "import numpy as np, segalgo\n"
        f"assert segalgo.__file__.startswith({str(folder)!r})\n"
        f"for name in {backends}:\n"
        "    with segalgo.use_backend(name): assert segalgo.max_pool2d(np.ones((1, 2, 2)), 2) == 1\n"
        "print(segalgo.backends())"
    )
    return run(sys.executable, "-c", code, cwd=folder, PYTHONPATH=str(folder))


def test_the_sdist_builds_a_complete_wheel_that_works(tmp_path):
    source = source_tree(tmp_path)
    # One level, since the tests have built them all already: what is asked here is what the archives hold.
    levels = {"SEGALGO_LEVELS": "baseline"}
    command = (sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist"))
    printed = run(*command, cwd=source, **levels)
    no_warnings(printed)
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with tarfile.open(sdist) as archive:
        shipped = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.py", "segalgo/_ext/layers/pooling.pyx", "segalgo/_ext/layers/pooling.cu"} <= shipped
    assert not kept_files(source) - shipped
    assert not any(name.startswith("build/") for name in shipped)
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        archive.extractall(tmp_path / "site")
    for path in (ROOT / "segalgo").rglob("*"):
        if path.suffix in (".py", ".pyi", ".cu", ".h", ".safetensors", ".json", ".md") or path.name == "py.typed":
            assert str(path.relative_to(ROOT)) in names
    kernels = {f"{path.parent.name}/{path.stem}" for path in (ROOT / "segalgo/_ext").glob("*/[a-z]*.pyx")}
    folder = "segalgo/_ext/baseline/"
    assert {name.removeprefix(folder).partition(".")[0] for name in names if name.startswith(folder)} == kernels
    works(tmp_path / "site", "reference", "cython", "simulated")
    size = (tmp_path / "site" / "segalgo" / "models" / "pretrained").glob("*.safetensors")
    assert 0 < sum(path.stat().st_size for path in size) < 20e6
    code = "import numpy as np, segalgo; print(segalgo.models.load('unet-membrane').predict(np.zeros((40, 50), 'u1')).shape)"
    assert "(40, 50)" in run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))


def test_builds_with_clang_and_without_openmp(tmp_path):
    """One build for both; the default compiler with OpenMP builds the wheel above."""
    compiler = "clang" if shutil.which("clang") else "gcc"
    source = source_tree(tmp_path)
    environment = {"CC": compiler, "SEGALGO_NO_OPENMP": "1", "SEGALGO_LEVELS": "native"}
    no_warnings(run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=source, **environment))
    assert "built without OpenMP" in works(source, "cython")
