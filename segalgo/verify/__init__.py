"""Judge any kernel against the references: `check` a function, `check_kernel` CUDA source, with or without a GPU.

Names are loaded when first used, as those of the library are.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segalgo.verify.cases import Case as Case
    from segalgo.verify.cases import case as case
    from segalgo.verify.comparison import Mismatch as Mismatch
    from segalgo.verify.cuda_source import CudaKernel as CudaKernel
    from segalgo.verify.doors import check_file as check_file
    from segalgo.verify.doors import check_kernel as check_kernel
    from segalgo.verify.isolation import VerificationError as VerificationError
    from segalgo.verify.operation import operations as operations
    from segalgo.verify.report import Finding as Finding
    from segalgo.verify.report import Report as Report
    from segalgo.verify.runner import assert_correct as assert_correct
    from segalgo.verify.runner import check as check
    from segalgo.verify.watching import instrumented as instrumented

_MODULE_OF = {
    "Case": "cases",
    "CudaKernel": "cuda_source",
    "Finding": "report",
    "Mismatch": "comparison",
    "Report": "report",
    "VerificationError": "isolation",
    "assert_correct": "runner",
    "case": "cases",
    "check": "runner",
    "check_file": "doors",
    "check_kernel": "doors",
    "instrumented": "watching",
    "operations": "operation",
}
__all__ = sorted(_MODULE_OF)


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'segalgo.verify' has no attribute {name!r}")
    value = getattr(import_module(f"segalgo.verify.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULE_OF})
