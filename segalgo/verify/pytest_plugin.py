"""A plugin of pytest: the fixture ``segalgo_verify`` and the marker of the same name.

::

    @pytest.mark.segalgo_verify("relu", cases=60)
    def test_my_relu(segalgo_verify):
        segalgo_verify(my_relu)

    def test_my_kernel(segalgo_verify):
        segalgo_verify("relu.cu", "relu", entry="my_relu", args="x, out, n", grid="ceil_div(n, 256)")
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", "segalgo_verify(operation, **options): what the fixture segalgo_verify judges, and how"
    )


@pytest.fixture
def segalgo_verify(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Judge a function, or a kernel by the path of its file; the test fails with the report unless it passes.

    The operation and options of `segalgo.verify.check` or `check_kernel` come with the call, or from the marker. A
    kernel that could not be verified skips nothing: it fails.
    """
    marker = request.node.get_closest_marker("segalgo_verify")
    given = dict(marker.kwargs) if marker else {}
    named = marker.args[0] if marker and marker.args else None

    def judge(what: Any, operation: str | None = None, **options: Any) -> Any:
        from segalgo import verify

        chosen = operation or named
        if chosen is None:
            raise TypeError("operation: expected as an argument or in the marker segalgo_verify")
        if isinstance(what, str | Path):
            report = verify.check_kernel(what, chosen, **{**given, **options})
        else:
            report = verify.check(chosen, what, **{**given, **options})
        if not report.passed:
            pytest.fail(str(report), pytrace=False)
        return report

    return judge
