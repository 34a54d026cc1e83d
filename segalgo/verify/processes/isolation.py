"""Run a verification in a process of its own, with limits of time and memory."""

import json
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
from segalgo.verify.reports.report import Finding, Report

CASE_SECONDS = 30.0
MOST_SECONDS = 300.0
MOST_MEMORY = 8 * 2**30


class VerificationError(Exception):
    """What was asked for cannot be verified: a file that is missing, a kernel that does not compile, a wrong launch."""


def isolated(
    what: dict[str, Any],
    case_seconds: float = CASE_SECONDS,
    seconds: float = MOST_SECONDS,
    memory: int = MOST_MEMORY,
) -> Report:
    """Verify in a subprocess; a crash, an endless loop or too much memory becomes a finding.

    `what` is read by `segalgo.verify.processes.worker`. `case_seconds` limits one case, compilation included;
    `seconds` limits all of them.
    """
    with tempfile.TemporaryDirectory(prefix="segalgo-") as folder:
        order, answer = Path(folder) / "order.json", Path(folder) / "answer.pickle"
        order.write_text(json.dumps({**what, "memory": memory}))
        command = [sys.executable, "-m", "segalgo.verify.processes.worker", str(order), str(answer)]
        started = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            number, ended_by = _watched(process, case_seconds, seconds)
        if answer.exists() and not ended_by:
            result = pickle.loads(answer.read_bytes())  # written by our own subprocess
            if isinstance(result, str):
                raise VerificationError(result)
            return result
        if number is None:
            raise VerificationError(ended_by[1] if ended_by else "it ends before the first case")
        kind, text = ended_by or _died(process.returncode)
    return _report(what, number, kind, text, time.perf_counter() - started)


def _watched(
    process: subprocess.Popen[str], case_seconds: float, seconds: float
) -> tuple[int | None, tuple[str, str] | None]:
    """Follow the cases that the subprocess names; kill it when it takes too long."""
    lines: queue.Queue[str | None] = queue.Queue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    number, until = None, time.monotonic() + seconds
    ended_by = None
    while True:
        limit = min(case_seconds, until - time.monotonic())
        try:
            line = lines.get(timeout=max(limit, 0.01))
        except queue.Empty:
            process.kill()
            whole = time.monotonic() >= until
            text = f"all cases took more than {seconds:g} s" if whole else f"one case took more than {case_seconds:g} s"
            ended_by = ("does not end", text)
            break
        if line is None:
            break
        if line.startswith("case "):
            number = int(line.split()[1])
    process.wait()
    reader.join()
    return number, ended_by


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
