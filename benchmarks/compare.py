"""Time our implementation beside its peers in one process, in turns, and print ratios of medians.

    python -m benchmarks.compare                      everything
    python -m benchmarks.compare labeling Otsu        one topic, and in it the classes whose name contains a word
    python -m benchmarks.compare --once metrics       one round: whether all peers run and agree, not how fast

The classes are those of the asv suite: one parameter is called ``implementation``, whose values are ``segalgo``, the
peers, and ``floor``, the time to read the input and write the output once. A ratio above 1 means that ours is faster.
The last column is the peak memory of one call, ours first.
"""

import argparse
from importlib import import_module
from pathlib import Path

from benchmarks.harness import ROUNDS, THREADS, Comparison, comparisons

NOT_TOPICS = {"__init__", "beside_torch", "compare", "gpu", "harness", "label_arrays"}


def topics() -> list[str]:
    """Return the benchmark modules of the suite."""
    return sorted(path.stem for path in Path(__file__).parent.glob("*.py") if path.stem not in NOT_TOPICS)


def cases(topic: str, words: list[str]) -> list[type]:
    """Return the benchmark classes of a topic that have an implementation parameter."""
    module = import_module(f"benchmarks.{topic}")
    classes = [c for c in vars(module).values() if isinstance(c, type) and c.__module__ == module.__name__]
    classes = [c for c in classes if "implementation" in getattr(c, "param_names", ())]
    return [c for c in classes if not words or any(word.lower() in c.__name__.lower() for word in words)]


def line(measured: Comparison) -> str:
    """Return our time, each peer's time over ours, and the peak memory of each."""
    ours = measured.seconds["segalgo"]
    ratios = "  ".join(f"{name} {t / ours:6.2f}" for name, t in measured.seconds.items() if name != "segalgo")
    memory = " ".join(f"{size / 2**20:.1f}" for name, size in measured.peak_bytes.items() if name != "floor")
    return f"{measured.name:52s} {ours * 1e3:9.3f} ms   {ratios}   [{memory} MiB]"


def main() -> None:
    """Run the topic and classes that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="a topic, and words of its classes")
    parser.add_argument("--once", action="store_true", help="one round")
    options = parser.parse_args()
    words = options.words
    chosen = words[:1] if words and words[0] in topics() else topics()
    words = words[1:] if len(chosen) == 1 else words
    rounds = 1 if options.once else ROUNDS
    print(f"{THREADS} threads each, medians of {rounds} rounds in turns; columns: peer's time / ours, peak memory")
    for topic in chosen:
        for case in cases(topic, words):
            for measured in comparisons(case, rounds):
                print(line(measured), flush=True)


if __name__ == "__main__":
    main()
