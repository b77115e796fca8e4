"""The report as JUnit XML: every rule is a test case, each finding that fails the run a failed one. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from xml.etree import ElementTree as ET  # only writes here; nothing foreign is parsed

from bootstrap.core.xml import clean
from bootstrap.gitops.model import Unchecked
from bootstrap.lint.model import Finding
from bootstrap.lint.report import Report
from bootstrap.lint.report.sarif import cure, message


def encode(report: Report) -> str:
    """Advice, and warnings where they do not count, pass and say so in `system-out`."""
    cases = [*_rules(report), *(_skipped(one) for one in report.unchecked)]
    failures = len(list(report.failing))
    counts = {
        "tests": str(len(cases)),
        "failures": str(failures),
        "errors": "0",
        "skipped": str(len(report.unchecked)),
        "time": f"{report.seconds:.3f}",
    }
    suites = ET.Element("testsuites", {"name": "bootstrap lint", **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": clean(f"lint {report.environment}"), **counts})
    told = ET.SubElement(suite, "properties")
    ET.SubElement(told, "property", {"name": "stand-ins", "value": clean(", ".join(report.stand_ins))})
    suite.extend(cases)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _rules(report: Report) -> Iterator[ET.Element]:
    found: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in report.sorted:
        found[finding.rule].append(finding)
    for rule in dict.fromkeys([*(rule.id for rule in report.rules), *found]):
        if rule not in found:
            yield _case(rule, rule)
        for finding in found[rule]:
            case = _case(rule, f"{rule}: {finding.subject}", finding.where.file, finding.where.line)
            text = clean(f"{finding.where}\n{message(finding)}")
            if report.fails(finding):
                said = {"message": clean(f"{finding.where}: {finding.why}"), "type": finding.severity}
                ET.SubElement(case, "failure", said).text = text
            else:
                ET.SubElement(case, "system-out").text = f"{finding.severity}: {text}"
            yield case


def _skipped(one: Unchecked) -> ET.Element:
    case = _case("not-checked", one.what, one.where.file, one.where.line)
    ET.SubElement(case, "skipped", {"message": clean(f"{one.where}: {one.why.rstrip('.')}.{cure(one.cure)}")})
    return case


def _case(rule: str, name: str, file: str = "", line: int = 0) -> ET.Element:
    place = {"file": clean(file), "line": str(line)} if file else {}
    return ET.Element("testcase", {"classname": f"bootstrap.lint.{rule}", "name": clean(name), **place})
