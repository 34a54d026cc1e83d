"""The launch code of CuPy without a card: names that it uses exist, and the dispatch of `cuda` runs on a stand-in.

So that the first run on a card does not stop at a name.
"""

import ast
from pathlib import Path

import numpy as np
import pytest
from stand_in_cupy import StandIn, install, real_cupy, unwrapped, wrapped

import segalgo
from segalgo.cuda import device as launching
from segalgo.simulated.compiler import find_compiler
from segalgo.verify.cases.case import case
from segalgo.verify.catalogue.registry import operation_of, operations

PACKAGE = Path(segalgo.__file__).parent
# Their answers are a few numbers that the host decides on, in an array of NumPy.
ON_THE_HOST = ("threshold_multiotsu",)


@pytest.fixture
def cupy(monkeypatch):
    """Return the stand-in, in the place of CuPy."""
    module = install(monkeypatch)
    yield module
    for cached in (launching._cupy_device, launching._cupy_kernel):
        cached.cache_clear()


def names_of_the_array_module():
    """Return every attribute that the sources take of ``xp`` or ``cupy``, dotted ones whole, with where."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        if "verify" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            words = []
            while isinstance(node, ast.Attribute):
                words.append(node.attr)
                node = node.value
            if isinstance(node, ast.Name) and node.id in ("xp", "cupy") and words:
                found.setdefault(".".join(reversed(words)), path.name)
            elif words and words[-1] == "xp":
                found.setdefault(".".join(reversed(words[:-1])), path.name)
    return {name: where for name, where in found.items() if name}


def test_every_name_exists_in_cupy():
    real = real_cupy()
    if real is None:
        pytest.skip("CuPy is not installed (it can be imported without a card)")
    names = names_of_the_array_module()
    assert {"empty", "zeros", "RawModule", "cuda.get_current_stream"} <= set(names)
    missing = []
    for name, where in names.items():
        value = real
        for word in name.split("."):
            value = getattr(value, word, None)
        if value is None and name not in ("ndarray.base",):
            missing.append(f"{name} ({where})")
    assert missing == []


def test_options_of_the_kernels_are_those_that_cupy_takes():
    real = real_cupy()
    if real is None:
        pytest.skip("CuPy is not installed (it can be imported without a card)")
    text = "template <class T> __global__ void one(T* x) { *x = T(1); }"
    module = real.RawModule(code=text, options=launching.NVRTC_OPTIONS, name_expressions=["one<float>"])
    assert module.options == launching.NVRTC_OPTIONS
    assert "shared_mem" in real.RawKernel.__call__.__doc__


def test_the_stand_in_is_as_strict_as_cupy(cupy):
    array = cupy.zeros(3)
    assert type(array).__module__ == "cupy"
    for mixed in (
        lambda: array + np.ones(3),
        lambda: np.asarray(array),
        lambda: cupy.where(np.ones(3, bool), array, array),
        lambda: np.where(np.ones(3, bool), array, 0),
    ):
        with pytest.raises(TypeError):
            mixed()
    with pytest.raises(AttributeError):
        _ = cupy.not_there


@pytest.mark.skipif(find_compiler() is None, reason="no C++ compiler")
@pytest.mark.parametrize("name", operations())
def test_the_dispatch_of_cuda_reaches_its_kernels(cupy, name):
    """The same bits as from the simulated backend: the same kernels, launched by the other device."""
    one = case(name, 0)
    with segalgo.use_backend("simulated"):
        expected = outputs(operation_of(name).door(**one.arguments))
    given = {key: wrapped(value) if isinstance(value, np.ndarray) else value for key, value in one.arguments.items()}
    got = outputs(operation_of(name).door(**given))
    assert len(got) == len(expected)
    for ours, theirs in zip(got, expected, strict=True):
        assert isinstance(ours, StandIn) == (isinstance(theirs, np.ndarray) and name not in ON_THE_HOST)
        assert np.array_equal(unwrapped(ours), theirs, equal_nan=np.asarray(theirs).dtype.kind == "f")


def outputs(result):
    """Return a flat list of arrays and numbers."""
    if isinstance(result, tuple | list):
        return [one for part in result for one in outputs(part)]
    if isinstance(result, segalgo.LabelMap):
        return [result.in_values, result.out_values]
    return [] if result is None else [result]
