"""What the simulated device saw while a kernel ran, as findings."""

from collections.abc import Sequence

from segalgo.verify.comparison import Mismatch

# What a fault of the simulated device is called in a report.
FAULTS = (
    ("divergent barrier", "divergent barrier"),
    ("divergent warp", "warp misuse"),
    ("deadlock", "warp misuse"),
    ("in its own mask", "warp misuse"),
    ("shuffle", "warp misuse"),
    ("__trap", "trap"),
    ("assert", "trap"),
)
HEADS = ("race", "out of bounds", "uninitialised shared memory", "misaligned access", "invalid launch")


class KernelFaultError(Exception):
    """What the device saw while the kernel ran; `mismatches` are the findings."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__(lines[0])
        found: dict[str, Mismatch] = {}
        for line in lines:
            kind = kind_of(line)
            found.setdefault(kind, Mismatch(kind, line.removeprefix(f"{kind}: ")))
        self.mismatches = list(found.values())


def kind_of(line: str) -> str:
    """Return the kind of a finding from its line."""
    head = line.partition(":")[0]
    if head in HEADS:
        return head
    return next((kind for word, kind in FAULTS if word in line), "fault")
