"""The report for machines: JSON, SARIF, JUnit."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.gitops.model import Location
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.report import Report, as_json, junit, sarif
from tests.conftest import Golden
from tests.unit.lint.sample_report import DIFF, EMPTY, FULL, LATE


def pretty(data: dict[str, Any]) -> str:
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def results(report: Report) -> list[dict[str, Any]]:
    (run,) = sarif.encode(report)["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


def fingerprints(report: Report) -> list[str]:
    return [result["partialFingerprints"][sarif.FINGERPRINT] for result in results(report)]


def test_json(golden: Golden) -> None:
    golden("report.json", pretty(as_json.encode(FULL)))


def test_sarif(golden: Golden) -> None:
    golden("report.sarif", pretty(sarif.encode(FULL)))


def test_junit(golden: Golden) -> None:
    golden("report.xml", junit.encode(FULL))


def test_sarif_names_rules_by_index() -> None:
    (run,) = sarif.encode(FULL)["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert {rule["defaultConfiguration"]["level"] for rule in rules} == {"error", "warning"}
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_only_suppressed_results_carry_a_suppression() -> None:
    """An empty list says that suppressions were looked for, and none holds."""
    assert [bool(result["suppressions"]) for result in results(FULL)] == [False, False, False, True]


def test_places_are_uris_below_the_sources() -> None:
    places = [result["locations"][0]["physicalLocation"]["artifactLocation"] for result in results(FULL)]
    assert "manifests/apis/a%20b/%C3%BC.yaml" in {place["uri"] for place in places}
    assert {place["uriBaseId"] for place in places} == {"%SRCROOT%"}


def test_what_was_not_checked_or_feigned_is_a_notification_and_no_result() -> None:
    (run,) = sarif.encode(FULL)["runs"]
    (invocation,) = run["invocations"]
    gap, *stand_ins = invocation["toolExecutionNotifications"]
    assert "dev-grafana" in gap["message"]["text"]
    assert [one["message"]["text"].split()[0] for one in stand_ins] == ["pgo", "redis-operator"]
    known = {one["id"] for one in run["tool"]["driver"]["notifications"]}
    assert {one["descriptor"]["id"] for one in (gap, *stand_ins)} == known


@given(st.integers(1, 10_000))
def test_fingerprints_do_not_move_with_lines(line: int) -> None:
    moved = replace(LATE, where=replace(LATE.where, line=line))
    assert fingerprints(replace(EMPTY, findings=(moved,))) == fingerprints(replace(EMPTY, findings=(LATE,)))


def test_fingerprints_are_unique() -> None:
    twins = replace(EMPTY, findings=(LATE, replace(LATE, where=replace(LATE.where, line=9)), DIFF))
    assert len(set(fingerprints(twins))) == 3


def suite(report: Report) -> ET.Element:
    found = ET.fromstring(junit.encode(report).encode())[0]  # noqa: S314 - made here
    assert found.tag == "testsuite"
    return found


def test_junit_counts_what_it_holds() -> None:
    for report in (EMPTY, FULL, replace(FULL, strict=True)):
        one = suite(report)
        for attribute, path in (("tests", "testcase"), ("failures", ".//failure"), ("skipped", ".//skipped")):
            assert int(one.attrib[attribute]) == len(one.findall(path)), attribute


def test_a_rule_without_findings_passes_in_junit() -> None:
    cases = {case.attrib["name"]: case for case in suite(FULL).findall("testcase")}
    assert list(cases["healthy"]) == []


def test_warnings_fail_only_when_strict() -> None:
    report = replace(EMPTY, findings=(DIFF,))
    assert suite(report).attrib["failures"] == "0"
    assert suite(replace(report, strict=True)).attrib["failures"] == "1"


@given(st.text(), st.text(), st.text())
def test_whatever_a_tree_says_is_well_formed(subject: str, why: str, file: str) -> None:
    found = Finding("x", Severity.ERROR, Location(file), subject, "", why, "")
    (case,) = [case for case in suite(replace(EMPTY, findings=(found,))) if case.find("failure") is not None]
    assert case.attrib["classname"] == "bootstrap.lint.x"
    json.loads(json.dumps(sarif.encode(replace(EMPTY, findings=(found,)))))
