"""Structs as parameters of kernels: ``{kh, kw, 0.5}`` in a launch's arguments, packed as the source declares it."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from segalgo.simulated.translation import blanked
from segalgo.verify.kernels.expressions import LaunchError

# The types of members that are read; T and scalar_t are the element type.
TYPES = {
    "bool": "?", "char": "i1", "signed char": "i1", "int8_t": "i1", "unsigned char": "u1", "uint8_t": "u1",
    "short": "i2", "int16_t": "i2", "unsigned short": "u2", "uint16_t": "u2",
    "int": "i4", "int32_t": "i4", "unsigned": "u4", "unsigned int": "u4", "uint32_t": "u4",
    "long": "i8", "long long": "i8", "int64_t": "i8", "ptrdiff_t": "i8", "long long int": "i8",
    "unsigned long": "u8", "unsigned long long": "u8", "uint64_t": "u8", "size_t": "u8",
    "float": "f4", "double": "f8", "half": "f2", "__half": "f2",
}  # fmt: skip
_NAME = r"\*?\s*(?:__restrict__\s*|const\s+)?\w+\s*(?:\[\d+\])?(?:\s*=[^;,]*)?"
MEMBER = re.compile(
    rf"(?:const\s+)?([A-Za-z_]\w*(?:\s+[A-Za-z_]\w*)*?)(?:\s+|\s*(?=\*))({_NAME}(?:\s*,\s*{_NAME})*)\s*;"
)
NAME = re.compile(r"(\*?)\s*(?:__restrict__|const)?\s*(\w+)\s*(?:\[(\d+)\])?")


def packed(source: str, type_name: str, given: Sequence[Any], element: str, size: int) -> tuple[np.ndarray, list[Any]]:
    """Return the bytes of a struct with these values for its members, in order, and the arrays that it points to.

    An array of members takes as many values. The size is the compiler's: another one is refused.
    """
    name = re.sub(r"<.*>|\bconst\b|&|\bstruct\b", " ", type_name).strip()
    members = list(_members(source, name, element))
    layout = np.dtype([(f"member {k}", code, (count,)) for k, (code, count) in enumerate(members)], align=True)
    expected = sum(count for _, count in members)
    if layout.itemsize != size or len(given) != expected:
        raise LaunchError(
            f"args: {len(given)} values for struct {name}, expected {expected} for its {size} bytes, in the order "
            "of its members; these are numbers, arrays of numbers and pointers"
        )
    holder, arrays, values = np.zeros(1, layout), [], list(given)
    for k, (code, count) in enumerate(members):
        for place in range(count):
            value = values.pop(0)
            if isinstance(value, np.ndarray) and code == "u8":
                arrays.append(value)
                value = value.ctypes.data
            holder[f"member {k}"][0, place] = value
    return holder.view(np.uint8), arrays


def _members(source: str, name: str, element: str) -> Iterator[tuple[str, int]]:
    """Yield the code of each member of a struct, and how many values it takes."""
    plain = blanked(source)
    head = re.search(rf"\bstruct\s+(?:alignas\s*\(\d+\)\s*|__align__\s*\(\d+\)\s*)?{re.escape(name)}\b[^;{{]*{{", plain)
    if head is None:
        raise LaunchError(f"args: struct {name} is not declared in the source")
    for kind, names in MEMBER.findall(_top_level(plain[head.end() :])):
        words = " ".join(word for word in kind.split() if word not in ("const", "public", "mutable"))
        if words.startswith(("static", "using", "typedef", "return")):
            continue
        for text in names.split(","):
            match = NAME.match(text.strip())
            if match is None:
                continue
            if match[1]:
                yield "u8", 1
                continue
            code = element if words in ("T", "scalar_t") else TYPES.get(words)
            if code is None:
                raise LaunchError(f"args: struct {name} has a member of type {words!r}, expected numbers or pointers")
            yield code, int(match[3] or 1)


def _top_level(body: str) -> str:
    """Return what a struct declares until its closing brace, without functions."""
    kept, depth = [], 0
    for character in body:
        if character == "{":
            depth += 1
        elif character == "}":
            if depth == 0:
                break
            depth -= 1
            if depth == 0:  # a function ends: drop its head as well
                while kept and kept[-1] not in ";:":
                    kept.pop()
            continue
        if depth == 0:
            kept.append(character)
    return "".join(kept).replace("public:", " ").replace(":", ";")
