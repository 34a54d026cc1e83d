"""``python -m tests.fuzz [--seed S] [--cases N] [--case K] [--operation NAME]``: see the package."""

import argparse
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SECONDS = 60
MOST_MEMORY = 6 << 30


def main(words: list[str] | None = None) -> int:
    """Run the cases in a process of their own, which starts again behind a case that ends it; print what fails."""
    options = _parsed(words)
    if options.worker:
        return _work(options)
    last, number = (
        (options.case, options.case) if options.case is not None else (options.first + options.cases - 1, options.first)
    )
    findings = 0
    while number <= last:
        done, found, code = _watched(options, number, last)
        findings += found
        if code == 0:
            break
        number = done + 1
        findings += 1
        print(_finding(options, done, f"the process ended with code {code} (-11: segmentation fault)"), flush=True)
    print(f"{last - (options.case if options.case is not None else options.first) + 1} cases, {findings} findings")
    return 1 if findings else 0


def _parsed(words: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cases", type=int, default=1000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="number of the first")
    parser.add_argument("--case", type=int, help="this one alone, with its arguments and tracebacks")
    parser.add_argument("--operation", help="this operation alone")
    parser.add_argument(
        "--simulated", type=int, default=0, metavar="N", help="every N-th case on the simulated device too"
    )
    parser.add_argument("--any-memory", action="store_true", help="no limit of memory (sanitizers reserve much)")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--last", type=int, help=argparse.SUPPRESS)
    return parser.parse_args(words)


def _watched(options: argparse.Namespace, first: int, last: int) -> tuple[int, int, int]:
    """Run a worker; return the last case that it began, its findings, and its exit code (0: all done)."""
    command = [sys.executable, "-m", "tests.fuzz", "--worker", "--first", str(first), "--last", str(last)]
    command += ["--seed", str(options.seed), "--simulated", str(options.simulated)]
    command += ["--operation", options.operation] if options.operation else []
    command += ["--any-memory"] if options.any_memory else []
    at, found = first - 1, 0
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        for line in worker.stdout:
            if line.startswith("case "):
                at = int(line[5:])
            else:
                print(line, end="", flush=True)
                found += line.startswith("FINDING")
    if at < first and worker.returncode:
        sys.exit("the process that runs the cases does not start")
    return at, found, worker.returncode


def _work(options: argparse.Namespace) -> int:
    import faulthandler

    from tests.fuzz.cases import draw
    from tests.fuzz.judging import faults

    faulthandler.enable()
    if not options.any_memory:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))

    def late(number: int, frame: Any) -> None:
        raise TimeoutError(f"no answer within {SECONDS} seconds")

    signal.signal(signal.SIGALRM, late)
    for number in range(options.first, options.last + 1):
        print(f"case {number}", flush=True)
        case = None
        signal.alarm(SECONDS)
        try:
            case = draw(options.seed, number, options.operation)
            found = faults(case, bool(options.simulated) and number % options.simulated == 0)
        except Exception:
            found = [traceback.format_exc()]
        signal.alarm(0)
        for text in found:
            print(_finding(options, number, text), flush=True)
            print("    " + (case.describe() if case else "while the case was drawn"), flush=True)
    return 0


def _finding(options: argparse.Namespace, number: int, text: str) -> str:
    operation = f" --operation {options.operation}" if options.operation else ""
    return f"FINDING python -m tests.fuzz --seed {options.seed} --case {number}{operation}\n    {text}"


if __name__ == "__main__":
    sys.exit(main())
