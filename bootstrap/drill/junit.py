"""A night as JUnit XML: up, each wave, each smoke check, down, and what was slower than usual. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET  # only writes here; nothing foreign is parsed

from bootstrap.core.xml import clean
from bootstrap.drill.model import DrillResult


def encode(night: DrillResult) -> str:
    cases = list(_cases(night))
    failures = sum(case.find("failure") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": "0"}
    suites = ET.Element("testsuites", {"name": "bootstrap drill", **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": clean(f"drill {night.environment}"), **counts})
    suite.set("timestamp", night.started.removesuffix("Z"))
    suite.extend(cases)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _cases(night: DrillResult) -> Iterator[ET.Element]:
    slow = {each.what: str(each) for each in night.regressions}
    failed = [check.name for check in night.smoke if not check.passed]
    broken = night.error if night.up_code and not failed else ""
    yield _case("up", night.rto, broken or slow.get("up", ""))
    for number, seconds in night.waves.items():
        yield _case(f"wave {number}", seconds, slow.get(f"wave {number}", ""))
    for check in night.smoke:
        yield _case(f"smoke {check.name}", check.seconds, "" if check.passed else check.output or "failed")
    if night.down_code is not None:
        told = "; ".join(night.left) or night.error
        yield _case("down", night.down, told if night.down_code else slow.get("down", ""))


def _case(name: str, seconds: float | None, failure: str) -> ET.Element:
    time = {"time": f"{seconds:.3f}"} if seconds is not None else {}
    case = ET.Element("testcase", {"classname": "bootstrap.drill", "name": clean(name), **time})
    if failure:
        first = failure.splitlines()[0]
        ET.SubElement(case, "failure", {"message": clean(first)}).text = clean(failure)
    return case
