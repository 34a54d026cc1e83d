"""What all tests share: one fixture that walks the backends, and seeded randomness."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import segalgo
from segalgo import _ext

# Networks in PyTorch for the tests of peers, which import it: no tests of its own, and no PyTorch without the peers.
collect_ignore_glob = ["torch_*.py"]

settings.register_profile(
    "segalgo",
    deadline=None,
    derandomize=True,
    max_examples=60,
    # `backend` and `rng` do not change between the examples of one test.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("segalgo")

# What may not be missing in CI; CUDA may: CI has no GPU.
REQUIRED = ("reference", "cython", "simulated") if os.environ.get("CI") else ()
BACKENDS = ("reference", *(f"cython-{level}" for level in _ext.LEVELS), "simulated", "cuda")


class Backend:
    """One wing under test: makes its arrays, and brings them back."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.word = name.partition("-")[0]
        self.level = name.partition("-")[2]

    def missing(self) -> str | None:
        """Return why this backend cannot run here, or None."""
        status = segalgo.backends()[self.word]
        if not status.available:
            return f"{self.word} is {status}"
        if self.level and self.level not in _ext.available():
            return f"this processor or build has no {self.level}"
        return None

    def array(self, values: Any, dtype: Any = None) -> Any:
        """Return the values as this backend's kind of array."""
        if self.word == "cuda":
            import cupy

            return cupy.asarray(values, dtype)
        return np.asarray(values, dtype)

    def numpy(self, values: Any) -> Any:
        """Return a result (array, scalar, tuple of them) with NumPy arrays in place of the backend's."""
        if isinstance(values, tuple):
            return tuple(map(self.numpy, values))
        return values.get() if type(values).__module__.startswith("cupy") else values


def _enter(name: str) -> Iterator[Backend]:
    backend = Backend(name)
    reason = backend.missing()
    if reason:
        # A level that this processor lacks is no fault of the build; a wing that is missing is.
        if backend.word in REQUIRED and not segalgo.backends()[backend.word].available:
            pytest.fail(f"required in CI: {reason}")
        pytest.skip(reason)
    with ExitStack() as stack:
        if backend.level:
            stack.enter_context(_ext.use_instruction_set(backend.level))
        stack.enter_context(segalgo.use_backend(backend.word))
        yield backend


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """Each wing, the Cython one at each instruction level; the call inside the test runs on it."""
    yield from _enter(request.param)


@pytest.fixture(params=[name for name in BACKENDS if name != "simulated"])
def fast_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """As `backend` without the simulated device: for inputs too large for it."""
    yield from _enter(request.param)


@pytest.fixture(params=[name for name in BACKENDS if name not in ("simulated", "cuda")])
def host_backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    """As `backend` for topics whose data live in the host's memory: they have no CUDA wing."""
    yield from _enter(request.param)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20240)
