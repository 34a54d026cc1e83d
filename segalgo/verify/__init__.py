"""Judge any kernel against the references: `check` a function, `check_kernel` CUDA source, with or without a GPU."""

from segalgo.verify.case import Case, case
from segalgo.verify.comparison import Mismatch
from segalgo.verify.operation import operations
from segalgo.verify.report import Finding, Report
from segalgo.verify.runner import assert_correct, check

__all__ = ["Case", "Finding", "Mismatch", "Report", "assert_correct", "case", "check", "operations"]
