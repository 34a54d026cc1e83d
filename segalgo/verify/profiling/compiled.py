"""What NVIDIA's compiler makes of a kernel: registers, spills, shared memory, instructions. No card is needed.

The compiler is NVRTC, the disassembler nvdisasm; both come as Python packages (``nvidia-cuda-nvrtc`` and
``nvidia-cuda-nvdisasm``), or with the CUDA toolkit.
"""

import ctypes
import re
import shutil
import site
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

INSTRUCTION = re.compile(r"^\s*/\*([0-9a-f]{4,})\*/\s+(?:@!?U?P\w+\s+)?([A-Z][\w.]*)(.*)$")
LABEL = re.compile(r"^(\.L_x?_?\d+|\.L\w+):")
LINE = re.compile(r'//## File "[^"]*", line (\d+)')
TARGET = re.compile(r"`\(([.$\w]+)\)")
# Routines that the compiler calls where the machine has no instruction: divisions of 64-bit integers.
DIVISION = re.compile(r"(?:div|rem)_[su]64")
# Kinds of instructions, by the first part of their names.
KINDS = {
    "multiply-add (float)": ("FFMA", "FFMA32I", "HFMA2"),
    "add, multiply (float)": ("FADD", "FMUL", "FADD32I", "FMUL32I", "HADD2", "HMUL2"),
    "double": ("DFMA", "DADD", "DMUL", "DSETP"),
    "special functions": ("MUFU",),
    "integer": (
        "IMAD",
        "IADD3",
        "IADD",
        "LEA",
        "IABS",
        "ISCADD",
        "IMNMX",
        "VIADD",
        "VIMNMX",
        "UIADD3",
        "UIMAD",
        "ULEA",
    ),
    "logic and shifts": ("LOP3", "SHF", "SHL", "SHR", "PRMT", "ULOP3", "USHF", "PLOP3", "BMSK", "SGXT", "POPC", "FLO"),
    "compare and select": ("ISETP", "FSETP", "SEL", "FSEL", "FMNMX", "UISETP", "USEL", "FCHK"),
    "convert": ("F2F", "F2I", "I2F", "I2I", "FRND", "F2FP", "I2FP"),
    "move": ("MOV", "UMOV", "S2R", "S2UR", "CS2R", "R2UR", "LDC", "ULDC", "MOV32I", "IMAD.MOV"),
    "global load": ("LDG", "LD"),
    "global store": ("STG", "ST"),
    "shared load": ("LDS", "LDSM"),
    "shared store": ("STS",),
    "local memory": ("LDL", "STL"),
    "atomic": ("ATOM", "ATOMG", "ATOMS", "RED"),
    "barrier": ("BAR", "MEMBAR", "WARPSYNC"),
    "shuffle and vote": ("SHFL", "VOTE", "VOTEU", "MATCH", "REDUX"),
    "branch": ("BRA", "BSSY", "BSYNC", "EXIT", "BREAK", "RET", "BRX", "JMP", "NOP", "YIELD", "ERRBAR", "CCTL"),
    "call": ("CALL",),
}
KIND_OF = {name: kind for kind, names in KINDS.items() for name in names}
PADDING = ("NOP",)


class CompilerError(RuntimeError):
    """The compiler or the disassembler is missing, or refuses the kernel."""


@dataclass(frozen=True)
class Instruction:
    """One instruction of the machine: its name with the parts behind dots, its place, and the source line."""

    address: int
    name: str
    line: int
    target: str = ""

    @property
    def kind(self) -> str:
        """What it does: one of `KINDS`."""
        return KIND_OF.get(self.name, "") or KIND_OF.get(self.name.partition(".")[0], "other")


@dataclass(frozen=True)
class CompiledKernel:
    """A kernel as compiled for one architecture."""

    architecture: str
    registers: int
    spill_bytes: int
    shared_bytes: int
    instructions: tuple[Instruction, ...] = ()
    labels: dict[str, int] = field(default_factory=dict)

    def mix(self) -> Counter[str]:
        """Return how many instructions there are of each kind."""
        return Counter(one.kind for one in self.instructions)

    def by_line(self) -> dict[int, Counter[str]]:
        """Return the same for each source line."""
        found: dict[int, Counter[str]] = {}
        for one in self.instructions:
            found.setdefault(one.line, Counter())[one.kind] += 1
        return found

    def count(self, *names: str) -> int:
        """Return how many instructions have one of these names, whatever follows a dot."""
        return sum(one.name.partition(".")[0] in names for one in self.instructions)

    @property
    def long_divisions(self) -> int:
        """How many calls there are of the routines that divide 64-bit integers."""
        return sum(one.name.startswith("CALL") and bool(DIVISION.search(one.target)) for one in self.instructions)

    def loops(self) -> list[tuple[Instruction, ...]]:
        """Return the instructions of each loop, without those of the loops inside it."""
        spans = []
        for one in self.instructions:
            begin = self.labels.get(one.target, one.address + 1)
            if one.name.startswith("BRA") and begin < one.address:
                spans.append((begin, one.address))
        bodies: dict[tuple[int, int], list[Instruction]] = {span: [] for span in spans}
        for one in self.instructions:
            around = [span for span in spans if span[0] <= one.address <= span[1]]
            if around:
                bodies[min(around, key=lambda span: span[1] - span[0])].append(one)
        return [tuple(body) for body in bodies.values() if len(body) > 1]

    def busiest_loop(self) -> tuple[Instruction, ...]:
        """Return the loop with the most arithmetic on floats of its own; the longest one if none has any."""

        def weight(body: tuple[Instruction, ...]) -> tuple[int, int, int]:
            names = [one.name.partition(".")[0] for one in body]
            fused, other = (sum(name in of for name in names) for of in (("FFMA", "DFMA"), ("FADD", "FMUL", "DADD")))
            return fused, other, len(body)

        return max(self.loops(), key=weight, default=())


def compiled(
    source: str,
    kernel: str,
    architecture: str = "sm_80",
    folders: Sequence[str | Path] = (),
    defines: Sequence[str] = (),
) -> CompiledKernel:
    """Compile one kernel with NVRTC and read the result; raise `CompilerError` where that cannot be done."""
    image, lowered, log = _cubin(source, kernel, architecture, tuple(map(str, folders)), tuple(defines))
    registers, spills, shared = _resources(log, lowered)
    text = _disassembled(image)
    instructions, labels = _parsed(text, lowered)
    return CompiledKernel(architecture, registers, spills, shared, instructions, labels)


def missing_tools() -> str:
    """Return what is not installed, in words; nothing if all is."""
    lacking = [
        package
        for package, found in (("nvidia-cuda-nvrtc", _nvrtc()), ("nvidia-cuda-nvdisasm", _tool("nvdisasm")))
        if found is None
    ]
    return f"not installed: {', '.join(lacking)}" if lacking else ""


@cache
def _cubin(
    source: str, kernel: str, architecture: str, folders: tuple[str, ...], defines: tuple[str, ...]
) -> tuple[bytes, str, str]:
    library = _nvrtc()
    if library is None:
        raise CompilerError("NVRTC not found; install nvidia-cuda-nvrtc")
    program = ctypes.c_void_p()
    given = library.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"kernel.cu", 0, None, None)
    if given:
        raise CompilerError(f"NVRTC error {given}")
    try:
        library.nvrtcAddNameExpression(program, kernel.encode())
        options = [
            f"--gpu-architecture={architecture}",
            "--std=c++17",
            "--fmad=false" if "fmad" not in " ".join(defines) else "--fmad=true",
            "--generate-line-info",
            "--ptxas-options=-v",
            *(f"--include-path={folder}" for folder in (*folders, *_headers())),
            *(f"--define-macro={one}" for one in defines),
        ]
        words = (ctypes.c_char_p * len(options))(*(option.encode() for option in options))
        failed = library.nvrtcCompileProgram(program, len(options), words)
        log = _text(library, program, "nvrtcGetProgramLog")
        if failed:
            raise CompilerError(next((line for line in log.splitlines() if "error" in line), log.strip()[:300]))
        lowered = ctypes.c_char_p()
        library.nvrtcGetLoweredName(program, kernel.encode(), ctypes.byref(lowered))
        size = ctypes.c_size_t()
        library.nvrtcGetCUBINSize(program, ctypes.byref(size))
        image = ctypes.create_string_buffer(size.value)
        library.nvrtcGetCUBIN(program, image)
        return image.raw, (lowered.value or b"").decode(), log
    finally:
        library.nvrtcDestroyProgram(ctypes.byref(program))


def _text(library: ctypes.CDLL, program: ctypes.c_void_p, name: str) -> str:
    size = ctypes.c_size_t()
    getattr(library, f"{name}Size")(program, ctypes.byref(size))
    text = ctypes.create_string_buffer(max(size.value, 1))
    getattr(library, name)(program, text)
    return text.value.decode(errors="replace")


def _resources(log: str, lowered: str) -> tuple[int, int, int]:
    """Return registers, bytes of spills, and bytes of shared memory, as ptxas says."""
    own = log.partition(f"'{lowered}'")[2] or log
    own = own.partition("Compiling entry function")[0]
    registers = re.search(r"Used (\d+) registers", own)
    spills = re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", own)
    shared = re.search(r"(\d+) bytes smem", own)
    if registers is None:
        raise CompilerError("the compiler does not say how many registers it took")
    return (
        int(registers[1]),
        sum(map(int, spills.groups())) if spills else 0,
        int(shared[1]) if shared else 0,
    )


@cache
def _disassembled(image: bytes) -> str:
    tool = _tool("nvdisasm")
    if tool is None:
        raise CompilerError("nvdisasm not found; install nvidia-cuda-nvdisasm")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.cubin"
        path.write_bytes(image)
        result = subprocess.run([tool, "-g", "-c", str(path)], capture_output=True, text=True, check=False)
    if result.returncode:
        raise CompilerError(f"nvdisasm: {result.stderr.strip()[:200]}")
    return result.stdout


def _parsed(text: str, lowered: str) -> tuple[tuple[Instruction, ...], dict[str, int]]:
    """Return the instructions of one kernel and where its labels lead."""
    instructions: list[Instruction] = []
    labels: dict[str, int] = {}
    waiting: list[str] = []
    inside, line = False, 0
    for row in text.splitlines():
        if row.startswith("\t.section\t"):
            inside = row.startswith(f"\t.section\t.text.{lowered},")
        if not inside:
            continue
        if label := LABEL.match(row):
            waiting.append(label[1])
        elif place := LINE.search(row):
            line = int(place[1])
        elif found := INSTRUCTION.match(row):
            address, name = int(found[1], 16), found[2].rstrip(";")
            labels |= dict.fromkeys(waiting, address)
            waiting = []
            if name not in PADDING:
                target = TARGET.search(found[3])
                instructions.append(Instruction(address, name, line, target[1] if target else ""))
    return tuple(instructions), labels


def _folders() -> Iterator[Path]:
    """Yield the folders where packages of NVIDIA lie."""
    for place in dict.fromkeys([*site.getsitepackages(), site.getusersitepackages(), *sys.path]):
        base = Path(place) / "nvidia"
        if base.is_dir():
            yield from sorted(base.iterdir())


@cache
def _nvrtc() -> ctypes.CDLL | None:
    found = [path for folder in _folders() for path in folder.glob("lib*/libnvrtc.so.*") if ".alt" not in path.name]
    for name in [*map(str, sorted(found, key=_version)), "libnvrtc.so", "libnvrtc.so.12", "libnvrtc.so.13"]:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def _version(path: Path) -> int:
    digits = path.name.rpartition(".")[2]
    return int(digits) if digits.isdigit() else 99


@cache
def _tool(name: str) -> str | None:
    of_packages = [path for folder in _folders() for path in folder.glob(f"bin/{name}")]
    return str(of_packages[-1]) if of_packages else shutil.which(name)


@cache
def _headers() -> tuple[str, ...]:
    return tuple(str(folder / "include") for folder in _folders() if (folder / "include" / "cuda_fp16.h").is_file())
