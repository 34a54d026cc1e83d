"""The Python side of watched kernels: which arrays a launch was given, and what the hooks found, with source lines."""

import ctypes
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

OFFSET = re.compile(r"@([0-9a-f]+)@")


class Watch:
    """Over one compiled kernel; one launch at a time, since the hooks keep one record."""

    def __init__(self, library: Any, path: Path, file_name: str, names: Sequence[str]) -> None:
        library.segalgo_watch_findings.restype = ctypes.c_char_p
        self._library, self._path, self._file_name, self._names = library, path, file_name, names
        self._lock = threading.Lock()
        self._lines: dict[str, str] = {}
        self.findings: list[str] = []
        self.unordered: list[str] = []
        self.held: Sequence[np.ndarray] = ()
        """Arrays that a struct among the arguments of the next launch points to."""

    @contextmanager
    def over(self, arguments: Sequence[Any], marks: Sequence[np.ndarray] = ()) -> Iterator[None]:
        """Watch one launch; afterwards `findings` holds a line for each thing found.

        Several threads may write the same value into one cell of the arrays `marks`. `unordered` holds a line for each
        plain read beside an atomic write: a race only where it changes an answer.
        """
        with self._lock:
            self._register(arguments, marks)
            try:
                yield
            finally:
                text = self._library.segalgo_watch_findings().decode(errors="replace")
                lines = self.with_lines(text).splitlines()
                self.findings = [line for line in lines if not line.startswith("unordered: ")]
                self.unordered = [line for line in lines if line.startswith("unordered: ")]

    def with_lines(self, text: str) -> str:
        """Return the text with code offsets replaced by lines of the source."""
        unknown = sorted({offset for offset in OFFSET.findall(text) if offset not in self._lines})
        if unknown:
            self._look_up(unknown)
        return OFFSET.sub(lambda match: self._lines[match[1]], text)

    def _register(self, arguments: Sequence[Any], marks: Sequence[np.ndarray]) -> None:
        arrays = [(k, a) for k, a in enumerate(arguments) if isinstance(a, np.ndarray)]
        arrays += [(len(arguments) + k, a) for k, a in enumerate(self.held)]
        names = [self._names[k] if k < len(self._names) else f"argument {k}" for k, _ in arrays]
        count = max(len(arrays), 1)
        self._library.segalgo_watch_arrays(
            len(arrays),
            (ctypes.c_char_p * count)(*(name.encode() for name in names)),
            (ctypes.c_void_p * count)(*(array.ctypes.data for _, array in arrays)),
            (ctypes.c_uint64 * count)(*(array.nbytes for _, array in arrays)),
            (ctypes.c_uint64 * count)(*(array.itemsize for _, array in arrays)),
            (ctypes.c_ubyte * count)(*(any(np.may_share_memory(array, one) for one in marks) for _, array in arrays)),
        )

    def _look_up(self, offsets: Sequence[str]) -> None:
        """Ask addr2line for the lines; without it, or where it does not know, the offset stays."""
        self._lines |= {offset: f"offset 0x{offset}" for offset in offsets}
        tool = shutil.which("addr2line") or shutil.which("llvm-addr2line")
        if tool is None:
            return
        command = [tool, "-a", "-i", "-e", str(self._path), *(f"0x{offset}" for offset in offsets)]
        answer = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        current = ""
        for line in answer.splitlines():
            if line.startswith("0x"):
                current = f"{int(line, 16):x}"
                continue
            place = re.search(rf"{re.escape(self._file_name)}:(\d+)", line)
            if "simulated_atomics.h" in line and self._lines.get(current, "").startswith("offset"):
                self._lines[current] = "an atomic operation"
            # The innermost frame in the kernel's own file: what it calls may be inlined into it.
            if place and self._lines.get(current, "").startswith(("offset", "an atomic")):
                self._lines[current] = f"line {place[1]}"
