"""A report for other tools: JUnit's XML, and annotations of a code review on GitHub."""

import re
from xml.etree import ElementTree

from segalgo.verify.reports.verdict import Finding, Verdict

LINE = re.compile(r"\bline (\d+)")


def junit(report: Verdict) -> str:
    """Return JUnit's XML: a test case for each kind of finding, or one that passed."""
    failed = {finding.kind: finding for finding in reversed(report.findings)}
    suite = ElementTree.Element(
        "testsuite",
        name=f"segalgo verify {report.operation}",
        tests=str(max(len(failed), 1)),
        failures=str(len(failed)),
        skipped=str(int(report.verdict == "NOT CHECKED")),
        time=f"{report.seconds:.3f}",
    )
    place = f"{report.operation}.{report.function}"
    for kind in report.kinds:
        case = ElementTree.SubElement(suite, "testcase", classname=place, name=kind)
        finding = failed[kind]
        text = ElementTree.SubElement(case, "failure", type=kind, message=_plain(finding.message))
        text.text = _plain(f"{finding.case.recipe.describe()}\n{finding.code(report.function, report.setup)}")
    if not failed:
        case = ElementTree.SubElement(suite, "testcase", classname=place, name=report.verdict)
        if report.verdict == "NOT CHECKED":
            ElementTree.SubElement(case, "skipped", message="; ".join(report.uncovered) or "no case")
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True)


def _plain(text: str) -> str:
    """Return text without the characters that XML forbids."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd]", "?", text)


def annotations(report: Verdict, path: str) -> list[str]:
    """Return a workflow command of GitHub Actions for each kind of finding, at its line if it names one."""
    found = {finding.kind: finding for finding in reversed(report.findings)}
    return [_annotation(found[kind], report, path) for kind in report.kinds]


def _annotation(finding: Finding, report: Verdict, path: str) -> str:
    line = LINE.search(finding.message)
    place = f"file={_escaped(path, True)}" + (f",line={line[1]}" if line else "")
    title = _escaped(f"{report.operation}: {finding.kind}", True)
    return f"::error {place},title={title}::{_escaped(finding.message)}"


def _escaped(text: str, of_a_property: bool = False) -> str:
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return text.replace(":", "%3A").replace(",", "%2C") if of_a_property else text
