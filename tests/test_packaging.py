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

from segalgo import _ext

pytestmark = pytest.mark.packaging
ROOT = Path(__file__).parent.parent


def source_tree(folder: Path) -> Path:
    """Copy what git would clone."""
    copy = folder / "source"
    built = shutil.ignore_patterns(".git", ".venv", "build", "*.so", "*.egg-info", ".hypothesis", "demo", "__pycache__")
    shutil.copytree(ROOT, copy, ignore=built)
    return copy


def run(*command: str, cwd: Path, **environment: str) -> str:
    result = subprocess.run(
        command, cwd=cwd, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    return result.stdout + result.stderr


def test_sdist_builds_a_complete_wheel(tmp_path):
    source = source_tree(tmp_path)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path / "dist"), cwd=source)
    (sdist,) = (tmp_path / "dist").glob("*.tar.gz")
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    with tarfile.open(sdist) as archive:
        shipped = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.py", "segalgo/_ext/pooling.pyx", "segalgo/_ext/pooling.cu", "tests/conftest.py"} <= shipped
    assert not any(name.startswith("build/") for name in shipped)
    names = set(zipfile.ZipFile(wheel).namelist())
    for path in (ROOT / "segalgo").rglob("*"):
        if path.suffix in (".py", ".pyi", ".cu", ".h") or path.name == "py.typed":
            assert str(path.relative_to(ROOT)) in names
    kernels = {path.stem for path in (ROOT / "segalgo/_ext").glob("[a-z]*.pyx")}
    for level in _ext.available():
        folder = f"segalgo/_ext/{level.replace('-', '_')}/"
        assert {name.removeprefix(folder).partition(".")[0] for name in names if name.startswith(folder)} == kernels


def test_the_wheel_works_without_the_source_tree(tmp_path):
    source = source_tree(tmp_path)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), cwd=source)
    (wheel,) = tmp_path.glob("*.whl")
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import numpy as np, segalgo\n"
        "print(segalgo.__file__)\n"
        "for name in ('cython', 'simulated'):\n"
        "    with segalgo.use_backend(name): print(segalgo.max_pool2d(np.ones((1, 2, 2)), 2))\n"
    )
    printed = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(tmp_path / "site"))
    assert str(tmp_path / "site") in printed
    assert printed.count("[[[1.]]]") == 2


@pytest.mark.parametrize("compiler", ["gcc", "clang"])
@pytest.mark.parametrize("openmp", [True, False], ids=["openmp", "no-openmp"])
def test_builds_without_warnings(tmp_path, compiler, openmp):
    if shutil.which(compiler) is None:
        pytest.skip(f"{compiler} is not installed")
    source = source_tree(tmp_path)
    environment = {"CC": compiler, **({} if openmp else {"SEGALGO_NO_OPENMP": "1"})}
    printed = run(sys.executable, "setup.py", "build_ext", "--inplace", cwd=source, **environment)
    warnings = [line for line in printed.splitlines() if re.search(r"\bwarning: ", line)]
    # A compiler without its OpenMP library builds without it, and setup.py says so; that line is wanted.
    assert not [line for line in warnings if "building without OpenMP" not in line]
    code = "import segalgo, numpy as np; print(segalgo.backends()['cython'], segalgo.max_pool2d(np.ones((1, 2, 2)), 2))"
    printed = run(sys.executable, "-c", code, cwd=source)
    assert "[[[1.]]]" in printed
    if not openmp:
        assert "built without OpenMP" in printed
