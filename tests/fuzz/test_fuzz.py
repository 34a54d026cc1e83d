"""A short run of the fuzzer; `python -m tests.fuzz` runs longer ones, `make test-sanitizers` on sanitized kernels."""

import subprocess
import sys

from tests.fuzz.__main__ import ROOT
from tests.fuzz.cases import draw, not_listed
from tests.fuzz.judging import faults


def test_public_functions_are_fuzzed_or_excused():
    assert not not_listed(), "add these to MAKERS or, with a reason, to NOT_FUZZED in tests/fuzz/makers.py"


def test_a_case_is_drawn_again():
    for number in range(50):
        assert draw(3, number).describe() == draw(3, number).describe()


def test_wrong_answers_are_found(monkeypatch):
    """Doors that are off by one or all NaN in one wing, one that refuses namelessly, one that writes into its input."""
    import numpy as np

    import segalgo
    from segalgo._core.dispatch import wing
    from tests.fuzz.cases import FuzzCase

    def off(input):
        return segalgo.relu(input) + (wing("layers.activation", input).__name__.startswith("segalgo._ext"))

    def nan(input):
        ours = wing("layers.activation", input).__name__.startswith("segalgo._ext")
        return np.full_like(input, np.nan) if ours else segalgo.relu(input)

    def nameless(input):
        raise ValueError("wrong")

    def writing(input):
        input[...] = 7
        return segalgo.relu(input)

    for function in (off, nan, nameless, writing):
        case = FuzzCase("relu", function, {"input": np.ones((3, 4), np.float32)}, False, None)
        assert faults(case), function.__name__


def test_a_short_run():
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--seed", "11", "--cases", "500"],
        cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
