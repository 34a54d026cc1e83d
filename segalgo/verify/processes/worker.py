"""The subprocess of a verification: reads what to do, names each case before it runs, leaves the report in a file."""

import importlib.util
import pickle
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from segalgo.verify.kernels.cuda_source import CudaKernel
from segalgo.verify.runner import check


def load(path: str, name: str) -> Callable[..., Any]:
    """Return a function of a Python file, as ``segalgo verify FILE.py:FUNCTION`` judges it.

    Parameters
    ----------
    path : str
    name : str

    Returns
    -------
    callable

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    AttributeError
        If it has no such function.
    """
    file = Path(path)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None or not file.exists():
        raise FileNotFoundError(f"{path}: no such Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module
    sys.path.insert(0, str(file.resolve().parent))
    spec.loader.exec_module(module)
    if not callable(getattr(module, name, None)):
        raise AttributeError(f"{path}: no function {name!r}")
    return getattr(module, name)


def work(order: dict[str, Any]) -> Any:
    """Verify what the order names; return the report, or a text that says what is wrong with the order."""
    _limit_memory(order.get("memory"))
    try:
        dtypes = order.get("dtypes")
        if "kernel" in order:
            print("compiles", flush=True)
            function: Any = CudaKernel(**order["kernel"])
            dtypes = function.dtypes(dtypes)
            layouts = ("C",)
        else:
            function = load(order["path"], order["function"])
            layouts = tuple(order["layouts"])
    except (OSError, ImportError, SyntaxError, AttributeError, RuntimeError, ValueError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    if not dtypes and dtypes is not None:
        return f"{function.__name__} takes no dtype that {order['operation']} has"
    print("cases", flush=True)
    try:
        return check(
            order["operation"],
            function,
            order.get("seed", 0),
            cases=order["cases"],
            dtypes=dtypes,
            layouts=layouts,
            ndims=order.get("ndims"),
            device=order.get("device", "cpu") if "kernel" not in order else "cpu",
            progress=lambda number, text: print(f"case {number} {text}", flush=True),
            fix=order.get("fix"),
            seconds=order.get("seconds"),
            setup=order.get("setup", ""),
        )
    except ValueError as error:
        return str(error)


def _limit_memory(memory: int | None) -> None:
    """Let the process have so many bytes more than it has; where the system cannot, there is no limit."""
    if memory is None or not sys.platform.startswith("linux"):
        return
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    most = pages * resource.getpagesize() + memory
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (most if hard < 0 else min(most, hard), hard))


if __name__ == "__main__":
    try:
        result = work(pickle.loads(Path(sys.argv[1]).read_bytes()))
    except Exception as error:  # a fault of the verification itself: never a verdict on the kernel
        result = f"the verification failed: {type(error).__name__}: {error}"
    Path(sys.argv[2]).write_bytes(pickle.dumps(result))
