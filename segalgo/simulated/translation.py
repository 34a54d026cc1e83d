"""From a ``.cu`` file to what the host compiler reads: own headers put in, host code taken out, shared memory named.

Line numbers stay: whatever is taken out leaves its line breaks.
"""

import re
from collections.abc import Sequence
from pathlib import Path

# The one thing of CUDA C++ that no macro can express: an unsized array of dynamic shared memory.
DYNAMIC_SHARED = re.compile(
    r"extern\s+__shared__\s+(?:__align__\s*\(\s*\d+\s*\)\s*|alignas\s*\(\s*\d+\s*\)\s*)?([\w:<>,\s]+?)\s+(\w+)\s*\[\s*\]\s*;"
)
# Shared variables of a kernel: a type, and one name or more.
SHARED = re.compile(
    r"(?<!extern )(?<!extern\n)__shared__\s+(?:volatile\s+)?"
    r"(?:__align__\s*\(\s*\d+\s*\)\s*|alignas\s*\(\s*\d+\s*\)\s*)?"
    r"((?:typename\s+)?[\w:]+(?:\s*<[^;<>]*>(?:::\w+)?)?(?:\s+(?:int|char|long|short))*)\s+"
    r"(\w+\s*(?:\[[^\]\[]*\]\s*)*(?:,\s*\w+\s*(?:\[[^\]\[]*\]\s*)*)*);"
)
INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*(?:\"([^\"\n]+)\"|<([^>\n]+)>)[^\n]*", re.MULTILINE)
# What stands before a function of the host, and what only the host does.
HOST_NAMES = re.compile(
    r"<<<|\b(?:torch::|at::|c10::|pybind11|py::|cudaMalloc|cudaMemcpy|cudaFree|cudaStream|cudaEvent|cudaDevice|cudaGet"
    r"|cudaLaunch|cudaError_t|AT_DISPATCH|TORCH_CHECK|CHECK_CUDA|CHECK_INPUT|C10_CUDA|std::vector|std::string|std::cout"
    r"|std::chrono|Tensor\b|getCurrentCUDAStream)"
)
HOST_WORDS = re.compile(r"\bmain\s*\(|\b(?:PYBIND11_MODULE|TORCH_LIBRARY\w*|TORCH_EXTENSION_NAME)\b")
DEVICE_WORDS = re.compile(r"__global__|__device__|\b(?:class|struct|union|enum)\s+\w+[^()]*$")
ASM = re.compile(r"\b(?:asm|__asm__)\s*(?:volatile|__volatile__)?\s*\(")


class SourceError(RuntimeError):
    """A file that the simulated device cannot read, with the reason."""


def with_headers(source: str, file_name: str, folders: Sequence[str | Path]) -> str:
    """Return the text with the user's own headers put in the place of their includes.

    Headers of CUDA, PyTorch and the standard library stay includes; those that only hold host code are empty here.
    """
    return _with_headers(source, file_name, [Path(folder) for folder in folders], set())


def _with_headers(source: str, file_name: str, folders: list[Path], seen: set[Path]) -> str:
    def put_in(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        for folder in folders:
            path = (folder / name).resolve()
            if not path.is_file():
                continue
            text = path.read_text(errors="replace")
            if path in seen and ("#pragma once" in text or len(seen) > 200):
                return ""
            seen.add(path)
            line = source.count("\n", 0, match.start()) + 2
            inner = _with_headers(text.replace("#pragma once", ""), name, [path.parent, *folders], seen)
            return f'#line 1 "{name}"\n{inner}\n#line {line - 1} "{file_name}"'
        return match[0]

    return INCLUDE.sub(put_in, source)


def without_host_code(source: str) -> str:
    """Return the text without functions and declarations that only the host compiler of CUDA would see."""
    plain = blanked(source)
    kept = list(source)
    start, k = 0, 0
    while k < len(plain):
        character = plain[k]
        if character in ";}":
            if character == ";" and _is_of_the_host(plain[start : k + 1], source[start : k + 1], ""):
                _clear(kept, start, k + 1)
            start = k + 1
        elif character == "{":
            head = plain[start:k]
            if re.search(r"\bnamespace\b[^=;()]*$", head) or re.search(
                r"\bextern\s*$", head.replace('"', " ").rstrip()
            ):
                start = k + 1
            else:
                end = _closing(plain, k)
                if "(" in head and _is_of_the_host(head, source[start:k], plain[k:end]):
                    _clear(kept, start, end)
                    start = k = end
                    continue
                # A struct ends with a semicolon, a function does not.
                k = end - 1
                if not re.match(r"\s*;", plain[end:]):
                    start = end
        k += 1
    return "".join(kept)


def _is_of_the_host(head: str, text: str, body: str) -> bool:
    if DEVICE_WORDS.search(head):
        return False
    return bool(HOST_NAMES.search(head) or HOST_NAMES.search(body) or HOST_WORDS.search(head))


def _clear(kept: list[str], start: int, end: int) -> None:
    for k in range(start, end):
        if kept[k] != "\n":
            kept[k] = " "


def _closing(plain: str, opening: int) -> int:
    """Return the place after the brace that closes this one."""
    depth = 0
    for match in re.compile(r"[{}]").finditer(plain, opening):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return match.end()
    return len(plain)


LEXED = re.compile(
    r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|(?<![\w'])'(?:\\.|[^'\\\n])'|^[ \t]*#(?:\\\n|[^\n])*",
    re.DOTALL | re.MULTILINE,
)


def blanked(source: str) -> str:
    """Return the text with comments, strings and preprocessor lines as blanks, at the same places."""
    return LEXED.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), source)


def refuse_assembly(source: str, file_name: str) -> None:
    """Raise where a kernel has inline PTX."""
    plain = blanked(source)
    match = ASM.search(plain)
    if match:
        line = plain.count("\n", 0, match.start()) + 1
        raise SourceError(
            f"{file_name}, line {line}: inline PTX (asm) cannot run on the simulated device; write it as an intrinsic, "
            "or verify with device='cuda'"
        )


def with_shared_memory(text: str, watched: bool) -> str:
    """Return the text with shared variables as the simulated device declares them."""
    plain = blanked(text)

    def dynamic(match: re.Match[str]) -> str:
        here = "_HERE" if _is_in_a_function(plain[: match.start()]) else ""
        return f"SIMULATED_DYNAMIC_SHARED{here}({match[1]}, {match[2]});" + "\n" * match[0].count("\n")

    text = DYNAMIC_SHARED.sub(dynamic, text)
    return SHARED.sub(_with_room, text) if watched else text


def _is_in_a_function(before: str) -> bool:
    """Return whether a place lies in the body of a function, by the text before it, without comments and strings."""
    open_braces: list[int] = []
    for match in re.finditer(r"[{}]", before):
        if match[0] == "{":
            open_braces.append(match.start())
        elif open_braces:
            open_braces.pop()
    heads = (before[max(before.rfind(mark, 0, at) for mark in ";{}") + 1 : at] for at in open_braces)
    return any(")" in head and not re.match(r"\s*namespace\b", head) for head in heads)


def dynamic_shared_names(source: str) -> list[str]:
    """Return the names that dynamic shared memory has in a source, each once."""
    return list(dict.fromkeys(match[2] for match in DYNAMIC_SHARED.finditer(blanked(source))))


def with_memory_for_each(source: str, step: int) -> str:
    """Return a source in which each name of dynamic shared memory is an array of its own, so many bytes apart."""
    names = dynamic_shared_names(source)

    def apart(match: re.Match[str]) -> str:
        whole = f"simulated_shared_{names.index(match[2])}"
        first = f"extern __shared__ __align__(16) unsigned char {whole}[];"
        place = f"{whole} + {step * names.index(match[2])}"
        breaks = "\n" * match[0].count("\n")
        return f"{first} {match[1]}* const {match[2]} = reinterpret_cast<{match[1]}*>({place});{breaks}"

    return DYNAMIC_SHARED.sub(apart, source)


def _with_room(declaration: re.Match[str]) -> str:
    """Return shared variables with room around each, on the same lines."""
    names = (re.match(r"(\w+)\s*(.*)", one.strip(), re.DOTALL) for one in declaration[2].split(","))
    each = " ".join(
        f"SIMULATED_SHARED(SIMULATED_TYPE({declaration[1]}), {name[1]}, {name[2]});" for name in names if name
    )
    return each.replace("\n", " ") + "\n" * declaration[0].count("\n")


def body_of(source: str, kernel: str) -> str:
    """Return a kernel's parameters and body without comments and strings; nothing where it is not found."""
    plain = blanked(source)
    for match in re.finditer(rf"\b{re.escape(kernel)}\s*\(", plain):
        opening, end = plain.find("{", match.end()), plain.find(";", match.end())
        if opening >= 0 and (end < 0 or opening < end):
            return plain[match.start() : _closing(plain, opening)]
    return ""


def launch_bounds(source: str, kernel: str) -> str:
    """Return the first number of the kernel's ``__launch_bounds__`` as its source writes it; nothing without one."""
    name = re.escape(kernel.partition("<")[0].strip())
    plain = blanked(source)
    for pattern in (
        rf"__launch_bounds__\s*\(([^(),]+)(?:,[^()]*)?\)\s*(?:void\s+)?{name}\s*\(",
        rf"__launch_bounds__\s*\(([^(),]+)(?:,[^()]*)?\)[^;{{}}]*?\b{name}\s*\(",
    ):
        match = re.search(pattern, plain)
        if match:
            return match[1].strip()
    return ""
