"""A CUDA kernel from source as a function that `check` can judge: on the simulated device, watched, or on a GPU."""

import ast
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

import numpy as np

from segalgo.cuda.device import C_NAMES
from segalgo.simulated.compiler import parameter_types
from segalgo.simulated.translation import body_of, dynamic_shared_names, with_memory_for_each
from segalgo.verify.cases.case import Case
from segalgo.verify.catalogue.registry import operation_of
from segalgo.verify.comparison import Mismatch
from segalgo.verify.kernels.claimed_sizes import claims_tried
from segalgo.verify.kernels.coverage import not_covered, outputs_written
from segalgo.verify.kernels.entries import saying_what_there_is
from segalgo.verify.kernels.expressions import (
    LaunchError,
    TooLargeError,
    parse,
    three_sizes,
    values,
    whole_number,
)
from segalgo.verify.kernels.faults import KernelFaultError
from segalgo.verify.kernels.launch_scope import SIZES, output_names, scope_of
from segalgo.verify.kernels.steps import Step, scratch_of, step_of
from segalgo.verify.kernels.structs import packed
from segalgo.verify.processes.guards import aligned_empty

# Orders of threads and blocks: what they are called, how they are asked for, and whether they switch at atomics.
FEW_BLOCKS = 1
SCHEDULES = (
    ("forward", "forward", 0, 0),
    ("of a grid of one or two blocks, in several passes", "forward", 0, 0),
    ("reversed", "reversed", 0, 0),
    ("shuffled (seed 1)", "shuffled", 1, 0),
    ("shuffled (seed 2)", "shuffled", 2, 0),
    ("in step, switched at every atomic and volatile access", "forward", 0, 1),
    ("in step, the last one first", "reversed", 0, 1),
    ("switched after their 1st atomic or volatile access", "shuffled", 3, 2),
    ("switched after their 2nd atomic or volatile access", "forward", 4, 3),
    ("switched after their 3rd atomic or volatile access", "forward", 5, 4),
    ("switched at random (seed 6)", "shuffled", 6, 100),
    ("switched at random (seed 7)", "shuffled", 7, 100),
    ("switched at random, seldom (seed 8)", "shuffled", 8, 101),
)
# Bytes of shared memory that a block gets, and the most that a card gives (compute capability 9.0) where the host asks.
SHARED, MOST_SHARED = 48 * 1024, 227 * 1024
# Bytes that each name of dynamic shared memory gets where the names are tried apart.
APART = 8 * 1024
OPTS_IN = "cudaFuncAttributeMaxDynamicSharedMemorySize"
# Blocks of a grid in y and in z, and a size that may well be met.
MOST_BLOCKS, MANY = 65535, 10**6
# A loop in which the threads or the blocks of the whole grid take turns.
GRID_STRIDE = re.compile(
    r"gridDim\s*\.\s*x\s*\*\s*blockDim\s*\.\s*x|blockDim\s*\.\s*x\s*\*\s*gridDim\s*\.\s*x|\+=\s*gridDim\s*\.\s*x\b"
)
HALF = re.compile(r"\b(__)?half\b|AT_DISPATCH\w*HALF|\bHalf\b")
ELEMENT = re.compile(r"(?<=[<,\s])(?:T|scalar_t)(?=[\s,>*])")
WIDTHS = {"b": "biu", "i": "biu", "u": "biu"}


@dataclass
class CudaKernel:
    """A kernel in CUDA C++ and how it is launched; ``run(case)`` returns its outputs by their places.

    Parameters
    ----------
    path : str
        The ``.cu`` file.
    operation : str
        What it computes: one of `operations()`.
    entry : str
        The kernel's name; ``name<T>`` for a template on the element type of the input.
    args : str
        Its arguments, comma-separated expressions of the names in `docs/verify.md`.
    grid, block : str
        One to three sizes each. A grid of size 0 is not launched.
    shared : str, default "0"
        Bytes of dynamic shared memory.
    zeroed : sequence of str, default ()
        Outputs and scratch arrays that the host promises to be zero; others hold canaries.
    steps : sequence of dict, default ()
        In place of one launch: launches (``entry``, ``args``, ``grid``, ``block``, ``shared``), copies (``copy``),
        fills (``fill``) and repetitions (``repeat`` with ``steps``), in order.
    scratch : dict, default {}
        Further arrays by name: ``{"partial": "T[rows]"}``; T is the element type.
    include, defines : sequence of str, default ()
        Folders of headers, beside that of the file; macros, ``"NAME=VALUE"``.
    fix : dict, default {}
        Parameters of the operation that the kernel has built in.
    device : {"cpu", "cuda"}, default "cpu"
        "cpu": the simulated device.
    most_elements : int, optional
        More than so many elements are never handed over: index arithmetic is not tried beyond.
    """

    path: str
    operation: str
    entry: str = ""
    args: str = ""
    grid: str = ""
    block: str = "256"
    shared: str = "0"
    zeroed: Sequence[str] = ()
    steps: Sequence[Mapping[str, Any] | Step] = ()
    scratch: Mapping[str, str] = field(default_factory=dict)
    include: Sequence[str] = ()
    defines: Sequence[str] = ()
    fix: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    most_elements: int | None = None
    _kernels: dict[str, Any] = field(default_factory=dict, init=False, repr=False)
    _apart: int = field(default=0, init=False, repr=False)
    _capped: bool = field(default=False, init=False, repr=False)
    unordered: str = field(default="", init=False, repr=False)
    """Of the last run: a plain read beside an atomic write, which is a race if it changes an answer."""

    def __post_init__(self) -> None:
        if not self.steps and not (self.entry and self.args and self.grid):
            raise LaunchError("entry, args, grid: expected all three, or steps")
        one = Step(self.entry, self.args, self.grid, self.block, self.shared)
        self._steps = tuple(step_of(given) for given in self.steps) or (one,)
        self.all_steps = [one for step in self._steps for one in step.all()]
        self._launches = [step for step in self.all_steps if step.entry]
        if not self._launches:
            raise LaunchError("steps: no launch among them, expected one with entry, args and grid")
        self._words = set().union(*(step.words() for step in self._steps))
        self.scratch_arrays = scratch_of(self.scratch)
        filled = [step.fill.partition(",")[0].strip() for step in self.all_steps if step.fill]
        # Arrays that the host fills: threads may mark cells of them, several the same one with the same value.
        self._marked = {*self.scratch, *self.zeroed, *filled}

    @property
    def __name__(self) -> str:
        return ", ".join(dict.fromkeys(launch.entry for launch in self._launches))

    @property
    def schedules(self) -> int:
        """How many orders of threads a case is run in."""
        return len(SCHEDULES) if self.device == "cpu" else 1

    @staticmethod
    def has_few_blocks(schedule: int) -> bool:
        """Return whether a schedule is another grid rather than another order."""
        return schedule == FEW_BLOCKS

    @staticmethod
    def schedule_name(schedule: int) -> str:
        """Return what an order of threads is called."""
        return SCHEDULES[schedule][0]

    def setup(self) -> str:
        """Return the expression that makes this kernel again."""
        words = []
        for one in dataclass_fields(self):
            if not one.init or one.name[0] == "_":
                continue
            value = getattr(self, one.name)
            value = str(Path(value).resolve()) if one.name == "path" else value
            if value != one.default and (value or one.name in ("path", "operation")):
                words.append(f"{one.name}={value!r}")
        return f"segalgo.verify.CudaKernel({', '.join(words)})"

    def source(self) -> str:
        """Return the text of the file."""
        text = Path(self.path).read_text()
        return with_memory_for_each(text, APART) if self._apart else text

    def with_arrays_apart(self) -> "CudaKernel | None":
        """Return the kernel with memory of its own for each name of dynamic shared memory; None where there is one."""
        names = dynamic_shared_names(self.source())
        if self.device != "cpu" or not 1 < len(names) <= SHARED // APART:
            return None
        kernel = replace(self)
        kernel._apart = len(names)
        return kernel

    def dtypes(self, asked: Sequence[str] | None = None) -> list[str]:
        """Return the dtypes of the operation that this kernel takes; compiles what has to be compiled to know.

        A template of an operation on floats is asked about floats, unless `asked` names others. Raises RuntimeError
        with the compiler's message if it compiles for none.
        """
        known = [name for name in operation_of(self.operation).dtypes if asked is None or name in asked]
        if not known:
            return []
        if any(ELEMENT.search(launch.entry) for launch in self._launches):
            if asked is None and np.dtype(known[0]).kind == "f":
                known = [name for name in known if np.dtype(name).kind == "f"]
            known = [name for name in known if name != "float16" or HALF.search(self.source())]
            return self._compiling(known)
        launch = self._launches[0]
        codes = self.codes_of(launch, known[0])
        first = next(iter(operation_of(self.operation).signature.parameters))
        names = [part.strip() for part in launch.args.split(",")]
        places = [k for k, name in enumerate(names) if name in ("x", first)]
        if not places or places[0] >= len(codes):
            return known
        code = codes[places[0]][1:].partition("_")[0]
        return [name for name in known if _fits_pointer(np.dtype(name), code)]

    def _compiling(self, dtypes: Sequence[str]) -> list[str]:
        """Return the dtypes that the template compiles for: the first failure of the first one is the kernel's."""
        found, first = [], None
        for name in dtypes:
            try:
                for launch in self._launches:
                    self._kernel(launch.entry, name)
                found.append(name)
            except RuntimeError as error:
                first = first or error
                if not found and np.dtype(name).kind == "f":
                    raise
        if first is not None and not found:
            raise first
        return found

    def missing(self, case: Case) -> set[str]:
        """Return what the case needs and the launch does not take."""
        return not_covered(case, self._words, set(self.fix))

    def left_out(self) -> list[str]:
        """Return the outputs that no launch names."""
        names = [name.replace(" ", "_") for name in operation_of(self.operation).outputs]
        inputs = set(operation_of(self.operation).signature.parameters)
        written = {
            name for k, name in enumerate(names) if name in self._words - inputs or (not k and "out" in self._words)
        }
        return [name for name in names if name not in written]

    def at_large_sizes(self, case: Case) -> tuple[list[Mismatch], list[str]]:
        """Return what is wrong with the index arithmetic at sizes that no memory holds, and remarks."""
        return claims_tried(self, case, self.most_elements) if self.device == "cpu" else ([], [])

    def limits(self, case: Case) -> list[str]:
        """Return the sides of grids, y or z, that grow beyond what a card takes with the sizes of the arrays."""
        scope = scope_of(case, {}, case.arguments)
        grown = scope | dict.fromkeys((SIZES | {"rows", "columns", "n", "size"}) & set(scope), MANY)
        found = []
        for launch in self._launches:
            for side, text in zip("yz", map(ast.unparse, parse(launch.grid, "grid")[1:3]), strict=False):
                if values(text, scope, "grid")[0] <= MOST_BLOCKS < values(text, grown, "grid")[0]:
                    found.append(f"grid {side} is {text}: a card takes at most {MOST_BLOCKS} blocks there")
        return found

    def run(self, case: Case, arguments: dict[str, Any] | None = None, schedule: int = 0) -> dict[int, np.ndarray]:
        """Run the launches on a case and return the outputs by place; raise `KernelFaultError` with what was seen.

        A schedule that switches threads at atomics returns nothing where the kernel has none.
        """
        arguments = case.arguments if arguments is None else arguments
        names = output_names(case)
        places = self.places_of_outputs(case)
        outputs = {k: _fresh(case.shaped[k].shape, self.dtype_of_output(case, k, names[k])) for k in places}
        scope = scope_of(case, {names[k]: outputs[k] for k in places}, arguments)
        for name, (dtype, size) in self.scratch_arrays.items():
            count = max(int(values(size, scope, f"scratch {name}")[0]), 0)
            scope[name] = _fresh((count,), case.recipe.dtype if dtype == "T" else dtype)
        for name in self.zeroed:
            if name not in scope:
                raise LaunchError(f"zeroed: no output {name!r} here")
            scope[name].fill(0)
        self.unordered, self._capped = "", False
        switches = self._run_steps(self._steps, scope, case.recipe.dtype, schedule)
        same = not self._capped if schedule == FEW_BLOCKS else SCHEDULES[schedule][3] and not switches
        return {} if same else outputs

    def places_of_outputs(self, case: Case) -> list[int]:
        """Return the places of the outputs that the launches write."""
        places = outputs_written(case, self._words)
        if not places:
            raise LaunchError(f"args name no output: expected out, or {', '.join(output_names(case))}")
        return places

    def dtype_of_output(self, case: Case, k: int, name: str) -> np.dtype:
        """Return the dtype of an output: the reference's, or the kernel's where that is of another kind."""
        like = case.shaped[k].dtype
        for launch in self._launches:
            codes = self.codes_of(launch, case.recipe.dtype)
            parts = [part.strip() for part in launch.args.split(",")]
            for part, code in zip(parts, codes, strict=False):
                if part == name or (k == 0 and part == "out"):
                    if code[0] not in "pc" or code[1] == "x":
                        return like
                    own = np.dtype(code[1:])
                    return like if own.kind in WIDTHS.get(like.kind, "") else own
        return like

    def _run_steps(self, steps: Sequence[Step], scope: dict[str, Any], dtype: str, schedule: int) -> int:
        switches = 0
        for step in steps:
            if step.entry:
                switches += self._run_launch(step, scope, dtype, schedule)
            elif step.copy:
                to, source = values(step.copy, scope, "copy")
                if not isinstance(to, np.ndarray) or not isinstance(source, np.ndarray) or to.size != source.size:
                    raise LaunchError(f"copy={step.copy!r}: expected two arrays of equal numbers of elements")
                to.reshape(-1)[...] = source.reshape(-1)
            elif step.fill:
                to, number = values(step.fill, scope, "fill")
                to[...] = number
            else:
                for _ in range(int(values(step.repeat, scope, "repeat")[0])):
                    switches += self._run_steps(step.steps, scope, dtype, schedule)
        return switches

    def _run_launch(self, launch: Step, scope: dict[str, Any], dtype: str, schedule: int) -> int:
        given = values(launch.args, scope, "args")
        kernel, passed, grid, block, shared = self.prepared(launch, scope, dtype)
        codes = self.codes_of(launch, dtype)
        if min(grid) <= 0 or (min(block) <= 0 and scope["n"] == 0):
            return 0
        if schedule == FEW_BLOCKS and grid[0] > 1 and self._takes_any_grid(launch):
            grid[0], self._capped = (2 if grid[0] > 2 else 1), True
        marks = [scope[name] for name in self._marked if isinstance(scope.get(name), np.ndarray)]
        marks += [used for one, used in zip(given, passed, strict=True) if any(one is array for array in marks)]
        switches = self._launch(kernel, grid, block, passed, shared, schedule, marks)
        for original, used, code in zip(given, passed, codes, strict=True):
            if (
                isinstance(original, np.ndarray)
                and used is not original
                and code[0] == "p"
                and used.base is not original
            ):
                original[...] = used.reshape(original.shape)  # an array of integers of another width
        return switches

    def _takes_any_grid(self, launch: Step) -> bool:
        """Return whether a kernel says that it goes through its cells in as many passes as the grid makes it.

        Its grid is limited, by a number or by ``min``, and a loop goes on by the number of the grid's threads.
        """
        width = parse(launch.grid, "grid")[0]
        limited = isinstance(width, ast.Constant) or any(
            isinstance(node, ast.Call) and getattr(node.func, "id", "") == "min" for node in ast.walk(width)
        )
        body = body_of(self.source(), launch.entry.partition("<")[0])
        return limited and "this_grid" not in body and bool(GRID_STRIDE.search(body))

    @property
    def answers_with_few_blocks(self) -> bool:
        """Whether the answer of a small grid must be right too: nothing else was told how many blocks there are."""
        return len(self.all_steps) == 1 and not self.scratch

    def prepared(
        self,
        launch: Step,
        scope: Mapping[str, Any],
        dtype: str,
        in_width: Callable[[Any, str], Any] = lambda value, code: value,
    ) -> tuple[Any, list[Any], list[int], list[int], int]:
        """Return a launch's kernel, its arguments as the kernel takes them, grid, block, and bytes of shared memory."""
        given = values(launch.args, scope, "args")
        codes = self.codes_of(launch, dtype)
        if len(codes) != len(given):
            raise LaunchError(f"args has {len(given)} arguments: expected {len(codes)}, those of {launch.entry}")
        types = parameter_types(self.source(), launch.entry)
        held: list[Any] = []
        passed = []
        for k, (value, code) in enumerate(zip(given, codes, strict=True)):
            if isinstance(value, tuple):
                if code[0] != "x" or k >= len(types):
                    raise LaunchError(f"args: values in braces for a parameter of kind {code}, expected a struct there")
                value, arrays = packed(self.source(), types[k], value, np.dtype(dtype).str[1:], int(code[1:]))
                held += arrays
                passed.append(value)
            else:
                passed.append(_as_code(in_width(value, code), code))
        grid, block = three_sizes(launch.grid, scope, "grid"), three_sizes(launch.block, scope, "block")
        kernel = self._kernel(launch.entry, dtype)
        if getattr(kernel, "watch", None) is not None:
            kernel.watch.held = held
        shared = whole_number(launch.shared, scope, "shared")
        return kernel, passed, grid, block, self._apart * APART if shared and self._apart else shared

    def _launch(
        self,
        kernel: Any,
        grid: list[int],
        block: list[int],
        passed: list[Any],
        shared: int,
        schedule: int,
        marks: list[np.ndarray],
    ) -> int:
        if self.device == "cuda":
            from segalgo.verify.kernels import gpu

            gpu.launch(kernel, grid, block, passed, shared)
            return 0
        _, order, seed, switching = SCHEDULES[schedule]
        fault = []
        try:
            kernel(grid, block, passed, shared, order=order, seed=seed, switching=switching, marks=marks)
        except TypeError as error:
            raise LaunchError(str(error)) from None
        except ValueError as error:
            raise KernelFaultError([f"invalid launch: {error}"]) from None
        except RuntimeError as error:
            fault = [str(error).partition(": ")[2]]
        seen = ("out of bounds:", "misaligned access:")  # told as findings already
        lines = [*kernel.watch.findings, *(line for line in fault if not any(word in line for word in seen))]
        if lines:
            raise KernelFaultError(lines)
        if kernel.watch.unordered and not self.unordered:
            self.unordered = kernel.watch.unordered[0].removeprefix("unordered: ")
        return kernel.switches

    def codes_of(self, launch: Step, dtype: str) -> list[str]:
        """Return the codes of a launch's parameters."""
        if self.device == "cuda":
            from segalgo.verify.kernels import gpu

            return gpu.types_of_parameters(self.source(), launch.entry)
        return self._kernel(launch.entry, dtype).signature

    def _kernel(self, entry: str, dtype: str) -> Any:
        name = ELEMENT.sub("half" if dtype == "float16" else C_NAMES[dtype], entry)
        if name not in self._kernels:
            folders = (str(Path(self.path).resolve().parent), *self.include)
            if self.device == "cuda":
                from segalgo.verify.kernels import gpu

                self._kernels[name] = gpu.compiled(self.source(), name, folders, tuple(self.defines))
            else:
                from segalgo.simulated.compiler import Kernel

                source = self.source()
                with saying_what_there_is(source, Path(self.path).name, name, folders):
                    self._kernels[name] = Kernel(
                        source,
                        Path(self.path).name,
                        name,
                        watched=True,
                        folders=folders,
                        defines=tuple(self.defines),
                        shared_limit=MOST_SHARED if OPTS_IN in source else SHARED,
                    )
        return self._kernels[name]


def _fresh(shape: tuple[int, ...], dtype: Any) -> np.ndarray:
    return aligned_empty(int(np.prod(shape, dtype=int)), dtype).reshape(shape)


def _fits_pointer(dtype: np.dtype, code: str) -> bool:
    if code.startswith("x"):
        return True
    return code == f"{dtype.kind}{dtype.itemsize}" or (dtype.kind == "b" and code in ("u1", "b1"))


def _as_code(value: Any, code: str) -> Any:
    """Return an argument as the kernel takes it: arrays of integers in its width, numbers in its type."""
    if isinstance(value, np.ndarray):
        if code[0] == "a":
            return value
        if code[0] not in "pc":
            if value.ndim == 0:
                return np.dtype(code.replace("b1", "?")).type(value.item())
            raise LaunchError(
                f"args: an array of shape {value.shape}: expected a number, the kernel takes {code} there"
            )
        if code[1] == "x":
            return value if value.ndim else value.reshape(1)
        wanted = np.dtype(code[1:].replace("b1", "?"))
        if value.dtype.kind in "biu" and wanted.kind in "biu" and value.dtype != wanted:
            value = value.astype(wanted)
        return value if value.ndim else value.reshape(1)
    if code[0] in "pc":
        raise LaunchError(f"args: {value!r} is a number: expected an array, the kernel takes a pointer there")
    if code[0] == "x":
        return np.zeros(max(int(code[1:]), 1), np.uint8)
    try:
        return np.dtype(code.replace("b1", "?")).type(value)
    except OverflowError:
        raise TooLargeError(f"args: {value!r} does not fit the kernel's parameter of kind {code}") from None
