"""Run a verification in a process of its own, with limits of time and memory."""

import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from segalgo.verify.cases.case import case
from segalgo.verify.comparison import Worst
from segalgo.verify.reports.report import Report
from segalgo.verify.reports.verdict import Finding

CASE_SECONDS = 30.0
MOST_SECONDS = 300.0
MOST_MEMORY = 8 * 2**30
COMPILATION = 300.0


class VerificationError(Exception):
    """What was asked for cannot be verified: a file that is missing, a kernel that does not compile, a wrong launch."""


def isolated(
    what: dict[str, Any],
    case_seconds: float = CASE_SECONDS,
    seconds: float = MOST_SECONDS,
    memory: int = MOST_MEMORY,
) -> Report:
    """Verify in a subprocess; a crash, an endless loop or too much memory becomes a finding.

    `what` is read by `segalgo.verify.processes.worker`. `case_seconds` limits the processor's time of one case, without
    compilation; after `seconds` no further case is begun. Both grow with what a calibration takes here and now.
    """
    slower = calibration()
    with tempfile.TemporaryDirectory(prefix="segalgo-") as folder:
        order, answer = Path(folder) / "order.pickle", Path(folder) / "answer.pickle"
        order.write_bytes(pickle.dumps({**what, "memory": memory, "seconds": seconds * slower}))
        command = [sys.executable, "-m", "segalgo.verify.processes.worker", str(order), str(answer)]
        started = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            number, ended_by = _watched(process, case_seconds * slower, COMPILATION + seconds * slower)
        if answer.exists() and not ended_by:
            result = pickle.loads(answer.read_bytes())  # written by our own subprocess
            if isinstance(result, str):
                raise VerificationError(result)
            return result
        if ended_by and ended_by[0] == "slow":
            raise VerificationError(ended_by[1])
        if number is None:
            raise VerificationError(ended_by[1] if ended_by else "it ends before the first case")
        kind, text = ended_by or _died(process.returncode)
    return _report(what, number, kind, text, time.perf_counter() - started)


def calibration() -> float:
    """Return how many times slower a fixed piece of work is here and now than on an idle machine; at least 1."""
    usual = 0.02
    started = time.perf_counter()
    total = 0
    for k in range(300_000):
        total += k & 7
    return max(1.0, (time.perf_counter() - started) / usual)


def _watched(
    process: subprocess.Popen[str], case_seconds: float, seconds: float
) -> tuple[int | None, tuple[str, str] | None]:
    """Follow the cases that the subprocess names; kill it when one takes too long.

    A case has so many seconds of the processor, and ten times as many by the clock: a loaded machine is slow, a case
    that waits for ever does not end either.
    """
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    number, whole = None, time.monotonic() + 2 * seconds
    used, begun, ended_by = processor_seconds(process.pid), time.monotonic(), None
    compiles = True
    while True:
        try:
            line = lines.get(timeout=0.25)
        except queue.Empty:
            now = time.monotonic()
            spent = processor_seconds(process.pid) - used
            if now > whole:
                ended_by = ("slow", f"slow: not done after {2 * seconds:.0f} s; expected fewer cases or more seconds")
            elif not compiles and (spent > case_seconds or now - begun > 10 * case_seconds):
                ended_by = ("does not end", f"one case took more than {case_seconds:.3g} s")
            else:
                continue
            process.kill()
            break
        if line is None:
            break
        used, begun = processor_seconds(process.pid), time.monotonic()
        compiles = line.startswith("compiles")
        if line.startswith("case "):
            number = int(line.split()[1])
    process.wait()
    reader.join()
    return number, ended_by


def processor_seconds(pid: int) -> float:
    """Return the processor's time that a process has used; by the clock where the system does not tell."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return time.monotonic()
    return (int(words[11]) + int(words[12])) / os.sysconf("SC_CLK_TCK")


def _died(code: int) -> tuple[str, str]:
    if code < 0:
        return "crashes", f"the process died of {signal.Signals(-code).name}"
    return "crashes", f"the process ended with code {code}"


def _report(what: dict[str, Any], number: int, kind: str, text: str, seconds: float) -> Report:
    where = case(what["operation"], number, what.get("seed", 0))
    finding = Finding(kind, text, where)
    return Report(
        operation=what["operation"],
        function=what.get("name", ""),
        seed=what.get("seed", 0),
        passed_recipes=[],
        findings=[finding],
        smallest=finding,
        worst=Worst(),
        uncovered={},
        remarks=[],
        seconds=seconds,
        setup=what.get("setup", ""),
    )
