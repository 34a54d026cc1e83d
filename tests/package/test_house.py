"""The house: which rooms may import which, kernel doors and composed functions, and files that lie side by side."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from public_names import FUNCTIONS

import segalgo
from segalgo import _ext, verify

ROOT = Path(segalgo.__file__).parents[1]
PACKAGE = ROOT / "segalgo"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if "pretrained" not in path.parts)

# Rooms from the top of the house down; a room imports what stands below it or in its own line.
FLOORS = (
    ("commands", "cli", "__main__"),
    ("explorer",),
    ("verify",),
    ("tiles", "plot"),
    ("models", "datasets", "segmenters"),
    ("objects", "metrics"),
    ("masks", "morphology", "random_fields"),
    ("labels", "layers", "thresholds", "pictures"),
    ("_core",),
    ("_ext", "cuda", "reference"),
    ("simulated",),
    ("_version",),
)
FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
# An arrow against the order, with its reason.
EXCEPTIONS = {
    ("segmenters", "models"): "the method `network` is a door to a model",
    ("masks", "datasets"): "names and colors of classes, a table that imports nothing",
    ("models", "plot"): "colors of classes",
    ("masks", "objects"): "masks of boxes straight to codes: the arguments are those of `paste_masks`",
}
# Topics without a CUDA kernel, with the reason; their doors refuse CuPy arrays and name the way out.
HOST_ONLY = {
    "morphology.watershed_flood": "a flood is sequential by definition; the forest is what threads and GPUs compute",
    "segmenters.felzenszwalb": "each edge depends on the regions that those before it made",
}


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): path for path in FILES}


@cache
def imports_of(module: str) -> frozenset[str]:
    """Return the modules of ours that a module imports, anywhere in it; a package only where a file of it is meant."""
    found = set()
    tree = ast.parse(MODULES[module].read_text())
    annotations = [
        node for node in ast.walk(tree) if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
    ]
    skipped = {inner for node in annotations for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name for name in inner if name in MODULES}
            if not inner <= set(MODULES):
                found.add(node.module)
    return frozenset(name for name in found if name in MODULES and name != module)


def room_of(module: str) -> str:
    return module.split(".")[1] if "." in module else ""


@pytest.mark.parametrize("room", sorted({room_of(module) for module in MODULES} - {""}))
def test_imports_run_down_the_house(room):
    assert room in FLOOR_OF, f"{room} has no floor: add it to FLOORS where the design has it"
    for module in MODULES:
        if room_of(module) != room:
            continue
        for other in imports_of(module):
            target = room_of(other)
            if target in ("", room) or (room, target) in EXCEPTIONS:
                continue
            assert FLOOR_OF[target] >= FLOOR_OF[room], f"{module} imports {other}, which stands above it"


def test_no_two_files_import_each_other():
    """Imports within functions count: they only hide that two files need each other."""
    cycles = []
    for module in MODULES:
        waiting, seen = list(imports_of(module)), set()
        while waiting:
            other = waiting.pop()
            if other == module:
                cycles.append(module)
                break
            if other not in seen:
                seen.add(other)
                waiting += imports_of(other)
    assert not cycles, f"these files import each other, directly or by way of others: {cycles}"


def test_wings_import_neither_doors_nor_each_other():
    for module in MODULES:
        wing = room_of(module)
        if wing in ("reference", "cuda"):
            for other in imports_of(module):
                assert room_of(other) in (wing, "simulated"), f"{module} imports {other}"


def test_folders_stay_small():
    loose = [path.name for path in PACKAGE.iterdir() if path.is_file() and path.suffix in (".py", ".pyi", ".typed")]
    assert len(loose) <= 12, f"loose files at the top: {loose}"
    for folder in {path.parent for path in PACKAGE.rglob("*.*")}:
        sources = [p for p in folder.iterdir() if p.suffix in (".py", ".pyx", ".pxd", ".pxi", ".h", ".cu")]
        assert len(sources) <= 26, f"{folder.relative_to(ROOT)} has {len(sources)} source files: divide it"


def functions_of(path: Path) -> dict[str, ast.FunctionDef]:
    return {node.name: node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def topics_called(path: Path, name: str) -> set[str]:
    """Return the wings' topics that a function calls, itself or by private functions of its file."""
    functions, waiting, seen, found = functions_of(path), [name], set(), set()
    while waiting:
        current = waiting.pop()
        if current in seen or current not in functions:
            continue
        seen.add(current)
        text = ast.unparse(functions[current])
        found |= set(re.findall(r"(?:host_)?wing\('([\w.]+)'", text))
        waiting += [called for called in re.findall(r"\b(\w+)\(", text) if called in functions]
    return found


def file_of(function) -> Path:
    return Path(function.__code__.co_filename)


# Public functions that call kernels of other names than their own, or none: composed, or plain Python.
def is_kernel_door(function) -> bool:
    return bool(topics_called(file_of(function), function.__name__))


def test_catalogued_operations_are_doors_with_files_side_by_side():
    """What is forgotten for an operation is named: a version in a wing, its tests, its catalogue or its benchmarks."""
    missing = []
    benchmarks = "\n".join(path.read_text() for path in (ROOT / "benchmarks").glob("*.py"))
    for name in verify.operations():
        door = getattr(segalgo, name)
        topics = topics_called(file_of(door), name)
        for topic in topics:
            file = topic.replace(".", "/")
            files = [f"reference/{file}.py", f"_ext/{file}.pyx"]
            files += [] if topic in HOST_ONLY else [f"_ext/{file}.cu", f"cuda/{file}.py"]
            missing += [f"{name}: segalgo/{path}" for path in files if not (PACKAGE / path).exists()]
        room = file_of(door).parent.name
        tests = "\n".join(path.read_text() for path in (ROOT / "tests" / room).glob("*.py"))
        if not re.search(rf"\b{name}\b", tests):
            missing.append(f"{name}: no test in tests/{room}")
        if not re.search(rf"\b{name}\b", benchmarks) and name.removeprefix("threshold_") not in benchmarks:
            missing.append(f"{name}: no benchmark")
    assert not missing, "\n".join(missing)


def test_every_kernel_of_the_cuda_wing_is_verified():
    """A public function that calls a topic with a CUDA kernel is in the catalogue, or composed of those that are."""
    listed = set(verify.operations())
    for name in FUNCTIONS:
        function = getattr(segalgo, name)
        own = {
            topic
            for topic in topics_called(file_of(function), name)
            if (PACKAGE / "cuda" / f"{topic.replace('.', '/')}.py").exists()
        }
        if own and name not in listed:
            text = function.__doc__ or ""
            assert "omposed of" in text, (
                f"{name} calls {sorted(own)}: add it to the catalogue, or say what it is composed of"
            )


# Kernels that need not ask whether the call was interrupted, with the reason.
NEVER_LONG = {
    "shared/_floor": "one pass over memory of two rows, which only the benchmarks call: 2 GB take less than 0.5 s",
    "shared/_cpu": "asks the processor what it can",
}


def test_kernels_honour_interrupts():
    """Every kernel asks between pieces of its work, and raises what the signal's handler raised."""
    for path in (PACKAGE / "_ext").glob("*/*.pyx"):
        text = path.read_text()
        if f"{path.parent.name}/{path.stem}" not in NEVER_LONG:
            assert "end_interruption(" in text, f"{path.name}: see segalgo/_ext/shared/interruption.h"


def test_every_built_level_is_complete():
    names = {f"{path.parent.name}.{path.stem}" for path in (PACKAGE / "_ext").glob("*/[a-z]*.pyx")}
    for level in _ext.available():
        with _ext.use_instruction_set(level):
            for name in names:
                assert _ext.load(name) is not None
