"""A drill as JUnit XML: up, each wave, each smoke check, down, and what was slower than usual. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree as ET  # only writes here; nothing foreign is parsed

from bootstrap.core.xml import clean
from bootstrap.drill.model import DrillResult


def encode(result: DrillResult) -> str:
    cases = list(_cases(result))
    failures = sum(case.find("failure") is not None for case in cases)
    counts = {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": "0"}
    suites = ET.Element("testsuites", {"name": "bootstrap drill", **counts})
    suite = ET.SubElement(suites, "testsuite", {"name": clean(f"drill {result.environment}"), **counts})
    suite.set("timestamp", result.started.removesuffix("Z"))
    suite.extend(cases)
    ET.indent(suites)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ET.tostring(suites, encoding="unicode")}\n'


def _cases(result: DrillResult) -> Iterator[ET.Element]:
    slow = {each.what: str(each) for each in result.regressions}
    failed = [check.name for check in result.smoke if not check.passed]
    broken = result.error if result.up_code and not failed else ""
    yield _case("up", result.rto, broken or slow.get("up", ""))
    for number, seconds in result.waves.items():
        yield _case(f"wave {number}", seconds, slow.get(f"wave {number}", ""))
    for check in result.smoke:
        yield _case(f"smoke {check.name}", check.seconds, "" if check.passed else check.output or "failed")
    if result.down_code is not None:
        told = "; ".join(result.left) or result.error
        yield _case("down", result.down, told if result.down_code else slow.get("down", ""))


def _case(name: str, seconds: float | None, failure: str) -> ET.Element:
    time = {"time": f"{seconds:.3f}"} if seconds is not None else {}
    case = ET.Element("testcase", {"classname": "bootstrap.drill", "name": clean(name), **time})
    if failure:
        first = failure.splitlines()[0]
        ET.SubElement(case, "failure", {"message": clean(first)}).text = clean(failure)
    return case
