"""Judge any kernel against the references: `check` a function, `check_kernel` CUDA source, with or without a GPU."""

from segalgo.verify.case import Case, case
from segalgo.verify.comparison import Mismatch
from segalgo.verify.cuda_source import CudaKernel
from segalgo.verify.doors import check_file, check_kernel
from segalgo.verify.isolation import VerificationError
from segalgo.verify.operation import operations
from segalgo.verify.report import Finding, Report
from segalgo.verify.runner import assert_correct, check
from segalgo.verify.watching import instrumented

__all__ = [
    "Case",
    "CudaKernel",
    "Finding",
    "Mismatch",
    "Report",
    "VerificationError",
    "assert_correct",
    "case",
    "check",
    "check_file",
    "check_kernel",
    "instrumented",
    "operations",
]
