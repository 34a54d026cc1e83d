"""Time our implementation beside its peers in one process, in turns, and print ratios of medians.

    python -m benchmarks.compare                      everything
    python -m benchmarks.compare labeling Otsu        one topic, and in it the classes whose name contains a word

The classes are those of the asv suite: one parameter is called ``implementation``, whose values are ``segalgo``, the
peers, and ``floor``, the time to read the input and write the output once. A ratio above 1 means that ours is faster.
"""

import itertools
import statistics
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.peers import THREADS

ROUNDS = 9
LEAST_SECONDS = 0.02


def topics() -> list[str]:
    """Return the benchmark modules of the suite."""
    skip = {"__init__", "compare", "label_arrays", "peers"}
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in skip)


def cases(topic: str, words: list[str]) -> list[type]:
    """Return the benchmark classes of a topic that have an implementation parameter."""
    module = import_module(f"benchmarks.{topic}")
    classes = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    classes = [c for c in classes if "implementation" in getattr(c, "param_names", ())]
    return [c for c in classes if not words or any(word.lower() in c.__name__.lower() for word in words)]


def prepare(case: type, parameters: dict[str, Any]) -> Any:
    """Return a call of the benchmark's timed method, set up; None where it does not apply here."""
    instance = case()
    values = [parameters[name] for name in case.param_names]
    try:
        instance.setup(*values)
    except NotImplementedError:
        return None
    method = next(getattr(instance, name) for name in dir(instance) if name.startswith("time_"))
    return lambda: method(*values)


def medians(calls: dict[str, Any]) -> dict[str, float]:
    """Return the median seconds of each call, all called in turns so that noise of the machine meets all."""
    repeats = {}
    for name, call in calls.items():
        call()
        start = time.perf_counter()
        call()
        repeats[name] = max(1, round(LEAST_SECONDS / max(time.perf_counter() - start, 1e-9)))
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            start = time.perf_counter()
            for _ in range(repeats[name]):
                call()
            seconds[name].append((time.perf_counter() - start) / repeats[name])
    return {name: statistics.median(values) for name, values in seconds.items()}


def compare(case: type) -> None:
    """Print a line for each combination of parameters: our time, and each peer's time over ours."""
    axis = case.param_names.index("implementation")
    others = [name for name in case.param_names if name != "implementation"]
    for combination in itertools.product(*(v for k, v in enumerate(case.params) if k != axis)):
        parameters = dict(zip(others, combination, strict=True))
        calls = {
            name: call
            for name in case.params[axis]
            if (call := prepare(case, {**parameters, "implementation": name})) is not None
        }
        if "segalgo" not in calls:
            continue
        times = medians(calls)
        ours = times.pop("segalgo")
        ratios = "  ".join(f"{name} {seconds / ours:6.2f}" for name, seconds in times.items())
        label = " ".join([case.__name__, *map(str, combination)])
        print(f"{label:52s} {ours * 1e3:9.3f} ms   {ratios}", flush=True)


def main() -> None:
    """Run the topic and classes that the command line names."""
    chosen = sys.argv[1:2] if sys.argv[1:2] and sys.argv[1] in topics() else topics()
    words = sys.argv[2:] if len(chosen) == 1 else sys.argv[1:]
    print(f"{THREADS} threads each, medians of {ROUNDS} rounds in turns; columns: peer's time / ours")
    for topic in chosen:
        for case in cases(topic, words):
            compare(case)


if __name__ == "__main__":
    main()
