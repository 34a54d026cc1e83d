"""Write the reference pages: one per public package and subject, and one per function with its versions in every wing.

The names come from the stubs (``__init__.pyi``), the one list of public names; the versions are found by the names that
the doors, the launch code and the kernels share. ``conf.py`` calls `write_pages` before Sphinx reads its sources.
"""

import ast
import inspect
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import segalgo

DOCS = Path(__file__).parent
PACKAGE = Path(segalgo.__file__).parent
PAGES = DOCS / "reference"

# The rooms of segalgo's flat names, and the public packages beside them, in the order of the table of contents.
SUBJECTS = {
    "thresholds": "Thresholds",
    "labels": "Label maps",
    "morphology": "Morphology",
    "layers": "Layers",
    "random_fields": "Random fields",
    "segmenters": "Segmentation methods",
    "objects": "Objects",
    "tiles": "Tiles",
    "pictures": "Picture files",
    "plot": "Figures",
    "_core": "Backends",
}
PACKAGES = {
    "models": "Networks (segalgo.models)",
    "masks": "Masks (segalgo.masks)",
    "metrics": "Metrics (segalgo.metrics)",
    "datasets": "Data sets (segalgo.datasets)",
    "pictures": "Picture files (segalgo.pictures)",
    "plot": "Figures (segalgo.plot)",
    "verify": "Verification (segalgo.verify)",
}


@dataclass(frozen=True)
class Name:
    """A public name: the package that offers it, the module that defines it."""

    package: str
    module: str
    name: str

    @property
    def qualified(self) -> str:
        """The name as users write it."""
        return f"{self.package}.{self.name}"

    @property
    def value(self) -> Any:
        """The object itself."""
        return getattr(import_module(self.package), self.name)


def public_names(package: str) -> list[Name]:
    """Return the public names of a package, read from its stub, submodules left out."""
    stub = Path(import_module(package).__file__).with_suffix(".pyi")
    found = []
    for node in ast.walk(ast.parse(stub.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            found += [Name(package, f"{package}.{node.module}", alias.asname or alias.name) for alias in node.names]
    return sorted((name for name in found if name.name[0] != "_"), key=lambda name: name.name.lower())


def write_pages() -> None:
    """Write all pages below ``docs/reference``; pages that have not changed keep their time stamp."""
    written = {}
    entries = []
    flat = public_names("segalgo")
    for room, title in SUBJECTS.items():
        names = [name for name in flat if name.module.split(".")[1] == room]
        if names:
            entries.append(room.strip("_"))
            written[f"{room.strip('_')}.rst"] = subject_page(title, f"segalgo.{room}", names)
            written |= {f"{name.qualified}.rst": page_of(name, names) for name in names}
    for package, title in PACKAGES.items():
        names = public_names(f"segalgo.{package}")
        entries.append(f"segalgo.{package}")
        written[f"segalgo.{package}.rst"] = subject_page(title, f"segalgo.{package}", names)
        written |= {f"{name.qualified}.rst": page_of(name, names) for name in names}
    index = ["Reference", "=========", "", ".. toctree::", "   :maxdepth: 1", "", *(f"   {e}" for e in entries)]
    written["index.rst"] = "\n".join(index) + "\n"
    PAGES.mkdir(exist_ok=True)
    for path in PAGES.iterdir():
        if path.name not in written:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for file, text in written.items():
        path = PAGES / file
        if not path.exists() or path.read_text() != text:
            path.write_text(text)


def subject_page(title: str, module: str, names: list[Name]) -> str:
    """Return the page of a subject: what its package says of itself, and a table of its names by file."""
    lines = [title, "=" * len(title), "", inspect.cleandoc(import_module(module).__doc__ or ""), ""]
    files = {}
    for name in names:
        files.setdefault(name.module, []).append(name)
    for file, members in sorted(files.items()):
        summary = (import_module(file).__doc__ or "").strip().partition("\n")[0]
        heading = file.rpartition(".")[2].replace("_", " ").capitalize()
        lines += [heading, "-" * len(heading), "", summary, "", ".. list-table::", "   :widths: 30 70", ""]
        for name in members:
            first = first_line(name.value)
            lines += [f"   * - :doc:`{name.name} <{name.qualified}>`", f"     - {first}"]
        lines.append("")
    pages = [f"   {name.name} <{name.qualified}>" for name in names]
    return "\n".join([*lines, ".. toctree::", "   :hidden:", "", *pages, ""])


def first_line(value: Any) -> str:
    """Return the first line of an object's documentation, of data: its type."""
    text = inspect.getdoc(value) or "" if callable(value) or isinstance(value, ModuleType) else ""
    return text.partition("\n")[0] or f"Data: {type(value).__name__}."


def page_of(name: Name, neighbours: list[Name]) -> str:
    """Return the page of one name: its documentation, its neighbours, and its versions in the wings."""
    value = name.value
    if inspect.isclass(value):
        directive = [f".. autoclass:: {name.name}", "   :members:"]
        if name.package != "segalgo" and getattr(segalgo, name.name, None) is value:
            directive.append("   :no-index:")  # indexed on the page of its shorter name
    elif callable(value):
        directive = [f".. autofunction:: {name.name}"]
    else:
        directive = [f".. data:: {name.name}", "", f"   {first_line(value)}"]
    lines = [name.qualified, "=" * len(name.qualified), "", f".. currentmodule:: {name.package}", "", *directive, ""]
    near = [other for other in neighbours if other.module == name.module and other.name != name.name]
    if near:
        lines += [".. rubric:: In the same file", ""]
        lines += [", ".join(f":doc:`{other.name} <{other.qualified}>`" for other in near), ""]
    if inspect.isfunction(value):
        lines += versions(name)
    return "\n".join(lines) + "\n"


def versions(name: Name) -> list[str]:
    """Return the sections that show an operation's source in every wing."""
    source = inspect.getsource(import_module(name.module))
    calls = wing_calls(source, name.name)
    tabs = []
    for topic, operation in calls:
        file = topic.replace(".", "/")
        suffix = "" if operation == name.name else f" ({operation})"
        tabs += tab(f"NumPy reference{suffix}", "reference", PACKAGE / "reference" / f"{file}.py", operation)
        tabs += tab(f"Cython kernel{suffix}", "cython", PACKAGE / "_ext" / f"{file}.pyx", operation)
        tabs += tab(f"CUDA kernel{suffix}", "cuda", PACKAGE / "_ext" / f"{file}.cu", operation)
        tabs += tab(f"CUDA launch{suffix}", "launch", PACKAGE / "cuda" / f"{file}.py", operation)
    if not tabs:
        return []
    test = f"tests/{name.module.split('.', 1)[1].replace('.', '/test_', 1)}.py"
    return [
        ".. rubric:: The versions of this operation",
        "",
        ".. tab-set::",
        "",
        *tabs,
        "",
        f"Tested in ``{test}``.",
        "",
    ]


def wing_calls(source: str, function: str) -> list[tuple[str, str]]:
    """Return the (topic, operation) pairs that a door calls, itself or through functions of its file."""
    tree = ast.parse(source)
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    waiting, seen, found = [function], set(), []
    while waiting:
        name = waiting.pop(0)
        if name in seen or name not in functions:
            continue
        seen.add(name)
        for topic in topics_in(functions[name]):
            reference = PACKAGE / "reference" / f"{topic.replace('.', '/')}.py"
            defined = definitions(reference) if reference.exists() else set()
            named = [
                node.attr
                for node in ast.walk(functions[name])
                if isinstance(node, ast.Attribute) and node.attr in defined
            ]
            found += [(topic, operation) for operation in named]
            # A door that looks its body up by its own name.
            if not named and function in defined:
                found.append((topic, function))
        waiting += [
            node.id for node in ast.walk(functions[name]) if isinstance(node, ast.Name) and node.id in functions
        ]
    own = [pair for pair in found if pair[1] == function]
    return list(dict.fromkeys(own or found))


def topics_in(node: ast.AST) -> Iterator[str]:
    """Return the topics of the wings that a function asks for."""
    for call in ast.walk(node):
        named = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.args
        if named and call.func.id in ("wing", "host_wing") and isinstance(call.args[0], ast.Constant):
            yield call.args[0].value


def definitions(path: Path) -> set[str]:
    """Return the functions that a Python file defines."""
    return {node.name for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef)}


def tab(title: str, wing: str, path: Path, operation: str) -> list[str]:
    """Return one tab with the lines of an operation in a file, or nothing where the file has none."""
    if not path.exists():
        return []
    find = {"reference": python_lines, "launch": python_lines, "cython": cython_lines, "cuda": cuda_lines}[wing]
    lines = find(path, operation)
    if not lines:
        return []
    language = {"reference": "python", "launch": "python", "cython": "cython", "cuda": "cuda"}[wing]
    spans = ",".join(f"{first}-{last}" for first, last in lines)
    relative = Path("..") / ".." / path.relative_to(PACKAGE.parent)
    return [
        f"   .. tab-item:: {title}",
        "",
        f"      ``{path.relative_to(PACKAGE.parent).as_posix()}``",
        "",
        f"      .. literalinclude:: {relative.as_posix()}",
        f"         :language: {language}",
        f"         :lines: {spans}",
        "",
    ]


def python_lines(path: Path, operation: str) -> list[tuple[int, int]]:
    """Return the lines of a function and of the functions of the same file that it calls."""
    tree = ast.parse(path.read_text())
    nodes = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    names = reached(operation, {name: ast.unparse(node) for name, node in nodes.items()})
    return sorted((nodes[name].lineno, nodes[name].end_lineno) for name in names)


def cython_lines(path: Path, operation: str) -> list[tuple[int, int]]:
    """Return the lines of a ``def`` function of a ``.pyx`` file and of the functions of the file that it calls."""
    text = path.read_text().splitlines()
    starts = [k for k, line in enumerate(text) if re.match(r"(def|cdef|cpdef)\b", line) and "(" in line]
    blocks = {}
    for start in starts:
        name = re.search(r"(\w+)\(", text[start])[1]
        stop = start + 1
        while stop < len(text) and (not text[stop].strip() or text[stop][0] in " )\t"):
            stop += 1
        while not text[stop - 1].strip():
            stop -= 1
        blocks[name] = (with_comment(text, start), stop)
    names = reached(operation, {name: "\n".join(text[a:b]) for name, (a, b) in blocks.items()})
    return sorted((blocks[name][0] + 1, blocks[name][1]) for name in names)


def cuda_lines(path: Path, operation: str) -> list[tuple[int, int]]:
    """Return the lines of the kernels that an operation's launch code names."""
    launch = PACKAGE / "cuda" / path.relative_to(PACKAGE / "_ext").with_suffix(".py")
    spans = python_lines(launch, operation) if launch.exists() else []
    code = launch.read_text().splitlines() if spans else []
    wanted = "\n".join("\n".join(code[a - 1 : b]) for a, b in spans)
    text = path.read_text().splitlines()
    found = []
    for k, line in enumerate(text):
        match = re.search(r"__global__\s+void\s+(?:__launch_bounds__\([^)]*\)\s*)?(\w+)", line)
        if match and re.search(rf"\b{match[1]}\b", wanted):
            start = k
            while start and text[start - 1].startswith(("template", "extern")):
                start -= 1
            stop = k
            while stop < len(text) - 1 and not text[stop].startswith("}"):
                stop += 1
            found.append((with_comment(text, start, "//") + 1, stop + 1))
    return found


def with_comment(text: list[str], start: int, mark: str = "#") -> int:
    """Return where the comment and decorators right above a line begin."""
    while start and text[start - 1].startswith((mark, "@")):
        start -= 1
    return start


def reached(operation: str, bodies: dict[str, str]) -> list[str]:
    """Return an operation and what it calls of the same file, directly or through others."""
    if operation not in bodies:
        return []
    names, waiting = [], [operation]
    while waiting:
        name = waiting.pop(0)
        if name not in names:
            names.append(name)
            waiting += [other for other in bodies if other != name and re.search(rf"\b{other}\b", bodies[name])]
    return names
