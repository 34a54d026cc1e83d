"""The house rule: one public function, one body of the same name and signature in each wing."""

import ast
import inspect
import re
from importlib import import_module
from pathlib import Path

import pytest
from public_names import FUNCTIONS

import segalgo
from segalgo import _ext

PACKAGE = Path(segalgo.__file__).parent
# The topics with kernels: a launch module in the CUDA wing. What is built from them (models, masks) has none.
TOPICS = sorted(f"{path.parent.name}.{path.stem}" for path in (PACKAGE / "cuda").glob("*/[a-z]*.py"))


def public_functions(module) -> dict[str, inspect.Signature]:
    """Return the public functions that a module defines itself, with their signatures."""
    found = {}
    for name, value in vars(module).items():
        # A kernel module is translated once for all levels, so its functions name their package less the level.
        own = (getattr(value, "__module__", None) or "").split(".")[-2:] == module.__name__.split(".")[-2:]
        if own and not name.startswith("_") and not isinstance(value, type) and callable(value):
            found[name] = inspect.signature(value)
    return found


def parameters(signature: inspect.Signature) -> list[tuple[str, object]]:
    return [(parameter.name, parameter.default) for parameter in signature.parameters.values()]


def doors_of(topic: str) -> list[str]:
    """List the public modules that compute with a topic: its own door, or those that share it."""
    call = re.compile(rf'wing\(\s*"{topic}"')
    return [path.stem for path in PACKAGE.glob("**/[a-z]*.py") if call.search(path.read_text())]


@pytest.mark.parametrize("topic", TOPICS)
def test_signatures_agree(topic):
    cuda = public_functions(import_module(f"segalgo.cuda.{topic}"))
    reference = public_functions(import_module(f"segalgo.reference.{topic}"))
    assert cuda, "a launch module without an operation"
    assert set(cuda) <= set(reference)
    for name, signature in cuda.items():
        # A reader who calls the reference directly may find a default there.
        assert list(signature.parameters) == list(reference[name].parameters), name


@pytest.mark.parametrize("topic", TOPICS)
@pytest.mark.parametrize("level", _ext.LEVELS)
def test_cython_has_what_cuda_has(topic, level):
    if level not in _ext.available():
        pytest.skip(f"this processor or build has no {level}")
    with _ext.use_instruction_set(level):
        cython = public_functions(_ext.load(topic))
    cuda = public_functions(import_module(f"segalgo.cuda.{topic}"))
    assert set(cython) == set(cuda)
    for name, signature in cuda.items():
        assert parameters(cython[name]) == parameters(signature), name


@pytest.mark.parametrize("topic", TOPICS)
def test_files_of_a_topic_lie_side_by_side(topic):
    assert doors_of(topic), "no public module computes with this topic"
    file = topic.replace(".", "/")
    for path in (f"_ext/{file}.pyx", f"_ext/{file}.cu", f"reference/{file}.py"):
        assert (PACKAGE / path).exists(), path


@pytest.mark.parametrize("topic", TOPICS)
def test_kernels_that_are_launched_are_in_the_source(topic):
    file = topic.replace(".", "/")
    defined = set(re.findall(r"__global__\s+void\s+(\w+)", (PACKAGE / "_ext" / f"{file}.cu").read_text()))
    launch_code = (PACKAGE / "cuda" / f"{file}.py").read_text()
    unused = {name for name in defined if name not in launch_code}
    assert not unused, f"kernels that nothing launches: {unused}"


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module)
    return found


def test_the_reference_imports_numpy_alone():
    allowed = {"numpy", "math", "itertools", "collections", "typing", "dataclasses", "functools", "importlib"}
    for path in (PACKAGE / "reference").rglob("*.py"):
        for module in imports(path):
            inside = module.startswith("segalgo.reference")
            assert inside or module.split(".")[0] in allowed, f"{path.name} imports {module}"


def test_imports_run_one_way():
    for path in (PACKAGE / "cuda").rglob("*.py"):
        for module in imports(path):
            ours = module.split(".")[0] == "segalgo"
            assert not ours or module.startswith(("segalgo.cuda", "segalgo.simulated")), (
                f"cuda/{path.name} imports {module}"
            )


@pytest.mark.parametrize("name", FUNCTIONS)
def test_public_functions_are_documented(name):
    function = getattr(segalgo, name)
    text = inspect.getdoc(function) or ""
    assert ">>>" in text, f"{name} has no doctest"
    assert "Parameters\n---" in text or not inspect.signature(function).parameters, f"{name} documents no parameters"
    hints = function.__annotations__
    missing = [p for p in inspect.signature(function).parameters if p not in hints]
    assert not missing, f"{name} has no type hints for {missing}"
    assert "return" in hints, f"{name} has no type hint for what it returns"
