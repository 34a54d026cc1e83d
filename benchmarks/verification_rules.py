"""What other rules of correctness find of the planted bugs: python -m benchmarks.verification_rules.

The rules are imitated from their descriptions, on the same wrong functions, and a function is asked only for what a
rule asks. KernelBench draws five inputs of one shape from a normal distribution and compares with
``allclose(atol=1e-2, rtol=1e-2)``, in its newer form with 1e-4. gpucheck compares over the shapes and dtypes that a
test names, here those of its own examples, with tolerances by dtype.
"""

import argparse
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

import segalgo
from segalgo import use_backend, verify
from segalgo.verify.operation import outputs_of
from tests.planted_bugs import pictures
from tests.planted_bugs.network_layers import MUTANTS

TRIALS = 5
# atol and rtol by dtype, as PyTorch's own tests have them.
TOLERANCES = {"float16": (1e-3, 1e-2), "float32": (1e-5, 1.3e-6)}
# Shapes of gpucheck's examples, as matrices and as planes.
MATRICES, PLANES = ((128, 128), (512, 512), (371, 17)), ((1, 2, 64, 64), (1, 1, 371, 17))
PLANE_OPERATIONS = ("conv", "pool", "interpolate", "norm", "pad", "box")


def is_right(operation: str, function: Callable[..., Any], given: Mapping[str, Any], atol: float, rtol: float) -> bool:
    """Return whether all outputs lie within a tolerance of the reference's."""
    with use_backend("reference"):
        expected = outputs_of(getattr(segalgo, operation)(**given))
    arrays = [value.copy() if isinstance(value, np.ndarray) else value for value in given.values()]
    names = list(given)
    count = sum(isinstance(value, np.ndarray) for value in arrays)
    got = outputs_of(function(*arrays[:count], **dict(zip(names[count:], arrays[count:], strict=True))))
    return len(got) >= 1 and all(
        one.shape == two.shape and np.allclose(one, two, atol=atol, rtol=rtol, equal_nan=True)
        for one, two in zip(got, expected, strict=False)
    )


def inputs(operation: str, shape: tuple[int, ...], dtype: str, seed: int) -> Mapping[str, Any] | None:
    """Return random arguments with the operation's default parameters; None where it takes none such."""
    first = verify.case(operation, 0)
    if dtype not in first.operation.dtypes:
        return None
    try:
        case = verify.case(operation, 0, seed, shape=shape, dtype=dtype, values="random")
    except ValueError:
        return None
    return case.arguments


def rules(operation: str) -> dict[str, Iterator[tuple[Mapping[str, Any], float, float]]]:
    """Return what each rule asks: arguments and tolerances."""
    planes = any(word in operation for word in PLANE_OPERATIONS) and operation != "layer_norm"
    shapes = PLANES if planes else MATRICES
    known = verify.case(operation, 0).operation.dtypes
    first = "float32" if "float32" in known else known[0]

    def kernelbench(tolerance: float) -> Iterator[tuple[Mapping[str, Any], float, float]]:
        for seed in range(TRIALS):
            given = inputs(operation, shapes[0], first, seed)
            if given is not None:
                yield given, tolerance, tolerance

    def gpucheck() -> Iterator[tuple[Mapping[str, Any], float, float]]:
        for dtype in (*TOLERANCES, first) if first not in TOLERANCES else TOLERANCES:
            for shape in shapes:
                given = inputs(operation, shape, dtype, 0)
                if given is not None:
                    yield given, *TOLERANCES.get(dtype, (0.0, 0.0))

    return {"KernelBench 1e-2": kernelbench(1e-2), "KernelBench 1e-4": kernelbench(1e-4), "gpucheck": gpucheck()}


def is_found(operation: str, function: Callable[..., Any], asked: Iterator[Any]) -> bool:
    """Return whether a rule calls a function wrong; an exception counts."""
    for given, atol, rtol in asked:
        try:
            if not is_right(operation, function, given, atol, rtol):
                return True
        except Exception:
            return True
    return False


def main() -> None:
    """Print a table: how many planted bugs each rule finds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cases", type=int, default=110, help="cases of verify.check")
    parser.add_argument("--list", action="store_true", help="name what each rule misses")
    options = parser.parse_args()
    assert pictures
    missed: dict[str, list[str]] = {}
    warnings.simplefilter("ignore")
    for name, (operation, function, _, _) in MUTANTS.items():
        found = {rule: is_found(operation, function, asked) for rule, asked in rules(operation).items()}
        found["segalgo verify"] = not verify.check(operation, function, cases=options.cases, shrink=False).passed
        for rule, was in found.items():
            missed.setdefault(rule, [])
            if not was:
                missed[rule].append(f"{operation}: {name}")
    for rule, names in missed.items():
        print(f"{rule:20} {len(MUTANTS) - len(names):3} of {len(MUTANTS)}")
        if options.list:
            print("".join(f"    {one}\n" for one in names), end="")


if __name__ == "__main__":
    main()
