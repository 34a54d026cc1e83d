"""The package as it is installed: what it imports, what it costs, what it does where parts are missing."""

import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from public_names import FUNCTIONS

import segalgo
from segalgo import _ext

HEAVY = ("skimage", "scipy", "matplotlib", "cupy", "torch", "PIL", "click")


def python(code: str, **environment: str) -> str:
    """Run code in a fresh interpreter and return what it prints."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    result = subprocess.run(command, capture_output=True, text=True, env={**os.environ, **environment}, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_import_pulls_in_nothing_heavy():
    loaded = python("""
        import sys, numpy as np, segalgo
        segalgo.max_pool2d(np.zeros((1, 4, 4)), 2)
        print(*{name.partition(".")[0] for name in sys.modules})
    """).split()
    assert not set(HEAVY) & set(loaded)


BLOCKED = """
    import importlib.abc, sys
    import numpy as np
    class Blocker(importlib.abc.MetaPathFinder):
        def find_spec(self, name, path, target=None):
            compiled = name.startswith("segalgo._ext.")
            if compiled or name.partition(".")[0] in ("scipy", "skimage", "matplotlib", "click", "safetensors", "tqdm"):
                raise ImportError(name)
    sys.meta_path.insert(0, Blocker())
    import segalgo
"""


def test_reference_and_cuda_wings_work_with_numpy_alone():
    text = python(
        BLOCKED
        + """
    print(segalgo.backends()["cython"])
    x = np.arange(16.0).reshape(1, 4, 4)
    print(segalgo.max_pool2d(x, 2).tolist())
    if segalgo.backends()["simulated"].available:
        with segalgo.use_backend("simulated"):
            print(segalgo.max_pool2d(x, 2).tolist())
    import pkgutil, importlib
    for package in ("segalgo.reference", "segalgo.cuda"):
        for module in pkgutil.walk_packages(importlib.import_module(package).__path__, package + "."):
            importlib.import_module(module.name)
    for name in segalgo.__all__:
        getattr(segalgo, name)
    """
    )
    assert "missing: the compiled kernels are not built" in text
    assert text.count("[[[5.0, 7.0], [13.0, 15.0]]]") >= 1


def test_an_environment_variable_forces_the_instruction_set():
    code = "import segalgo; print(segalgo.backends()['cython'])"
    lowest = _ext.available()[0]
    assert f"instruction set {lowest}" in python(code, SEGALGO_INSTRUCTION_SET=lowest)
    code = (
        "import numpy as np, segalgo\ntry: segalgo.max_pool2d(np.zeros((1, 2, 2)), 2)\nexcept ValueError as e: print(e)"
    )
    assert f"SEGALGO_INSTRUCTION_SET='avx9': expected one of {lowest}" in python(code, SEGALGO_INSTRUCTION_SET="avx9")


def test_openmp_is_not_silently_missing():
    """Fails where a build lost OpenMP; a build that asked for none says so by this variable."""
    if os.environ.get("SEGALGO_NO_OPENMP") == "1":
        pytest.skip("built without OpenMP on purpose")
    from segalgo._ext.shared import _cpu

    assert _cpu.has_openmp()


def test_threads_follow_the_environment():
    code = "from segalgo._ext.shared import _cpu; print(_cpu.max_threads())"
    assert python(code, OMP_NUM_THREADS="3").strip() == "3"


def test_backends_say_why_one_is_missing():
    table = segalgo.backends()
    assert list(table) == ["reference", "cython", "cuda", "simulated"]
    for status in table.values():
        assert status.detail
        assert str(status).startswith("available: " if status.available else "missing: ")


def test_use_backend_refuses_what_is_missing_or_unknown():
    with (
        pytest.raises(ValueError, match="name='gpu': expected one of reference, cython, cuda, simulated"),
        segalgo.use_backend("gpu"),
    ):
        pass
    if not segalgo.backends()["cuda"].available:
        with pytest.raises(RuntimeError, match=r"backend 'cuda' is not available: .*CuPy"), segalgo.use_backend("cuda"):
            pass


def test_use_backend_ends_with_its_block():
    from segalgo._core.dispatch import _forced

    with segalgo.use_backend("reference"):
        with segalgo.use_backend("simulated" if segalgo.backends()["simulated"].available else "reference"):
            pass
        assert _forced.get() == "reference"
    assert _forced.get() is None


def test_levels_are_known():
    assert set(_ext.available()) <= set(_ext.LEVELS)
    with pytest.raises(ValueError, match="level='sse'"), _ext.use_instruction_set("sse"):
        pass


def test_the_readme_names_every_public_function():
    text = (Path(segalgo.__file__).parent.parent / "README.md").read_text()
    missing = [name for name in FUNCTIONS if not re.search(rf"\b{name}\b", text)]
    assert not missing
