"""The judge is judged: bugs of every sort are found for the right reason, and right kernels pass."""

import pytest
from planted_bugs import pictures
from planted_bugs.network_layers import MUTANTS
from planted_bugs.right_kernels import KERNELS

from segalgo import verify

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning", "ignore::FutureWarning", "ignore::UserWarning")
assert pictures


@pytest.mark.parametrize("name", MUTANTS)
def test_planted_bugs_are_found(name):
    operation, function, kind, pattern = MUTANTS[name]
    report = verify.check(operation, function, shrink=False)
    assert not report.passed
    assert kind in report.kinds, str(report)
    assert not pattern or any(pattern in line for line in (*report.patterns, *report.in_common)), str(report)


@pytest.mark.parametrize(("operation", "function"), KERNELS, ids=lambda value: getattr(value, "__name__", ""))
def test_right_kernels_pass(operation, function):
    report = verify.check(operation, function, cases=110)
    assert report.passed, str(report)


def test_there_are_enough():
    assert len(MUTANTS) >= 51
    assert len(KERNELS) >= 10
