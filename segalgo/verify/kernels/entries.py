"""Which kernels a source has, for a launch that names one that it has not."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from segalgo.simulated.compiler import CompilationError
from segalgo.simulated.translation import blanked, with_headers

BOUNDS = re.compile(r"__launch_bounds__\s*\([^()]*\)")
KERNEL = re.compile(r"\b__global__\b[^;{}()]*?\b(\w+)\s*\(")


@contextmanager
def saying_what_there_is(source: str, file_name: str, entry: str, folders: Sequence[str | Path]) -> Iterator[None]:
    """Say which kernels there are in place of what the compiler says of a name that is none of them."""
    try:
        yield
    except CompilationError:
        why = why_no_kernel(with_headers(source, file_name, folders), file_name, entry)
        if not why:
            raise
        raise CompilationError(why) from None


def why_no_kernel(source: str, file_name: str, entry: str) -> str:
    """Return why an entry names no kernel of this text, or nothing where it does, or the text has none to be seen."""
    kernels = kernels_of(source)
    name, bracket, _ = entry.partition("<")
    name = name.strip().rpartition("::")[2]
    if not kernels:
        return ""
    if name not in kernels:
        return f"no kernel {name} in {file_name}; it has {', '.join(kernels)}"
    if kernels[name] and not bracket:
        return f"{name} of {file_name} is a template: name an instantiation, such as {name}<{kernels[name]}>"
    return ""


def kernels_of(source: str) -> dict[str, str]:
    """Return the kernels of a text by name, each with arguments that its template could have; none without one."""
    plain = BOUNDS.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), blanked(source))
    found = {}
    for match in KERNEL.finditer(plain):
        before = plain[max(plain.rfind(mark, 0, match.start()) for mark in ";}") + 1 : match.start()]
        template = re.search(r"\btemplate\s*<(.*)>", before, re.DOTALL)
        found[match[1]] = _arguments(template[1]) if template else ""
    return found


def _arguments(parameters: str) -> str:
    """Return an argument for each parameter of a template: a type for a type, a number for a number."""
    parts = [part.strip() for part in parameters.split(",")]
    return ", ".join("float" if re.match(r"(?:typename|class)\b", part) else "1" for part in parts)
