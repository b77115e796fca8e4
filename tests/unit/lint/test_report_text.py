"""The report for people."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bootstrap.lint.model import Severity
from bootstrap.lint.report import Report
from bootstrap.lint.report.text import NARROWEST, catalogue, explain, render
from tests.conftest import Golden
from tests.unit.lint.sample_report import EMPTY, FULL, LATE, RULES


def shown(report: Report, width: int = 1_000_000, *, verbose: bool = False) -> str:
    return "".join(f"{line.plain}\n" for line in render(report, width, verbose=verbose))


@pytest.mark.parametrize(
    ("name", "report", "width", "verbose"),
    [
        ("clean", EMPTY, 1_000_000, False),
        ("endless", FULL, 1_000_000, False),
        ("verbose", FULL, 1_000_000, True),
        ("wide", FULL, 120, False),
        ("narrow", FULL, 60, False),
    ],
)
def test_forms(name: str, report: Report, width: int, verbose: bool, golden: Golden) -> None:
    golden(f"text-{name}.txt", shown(report, width, verbose=verbose))


@pytest.mark.parametrize("width", [1, 40, 60, 80, 120, 200])
def test_only_words_that_are_too_long_go_over_the_edge(width: int) -> None:
    for line in render(FULL, width):
        text = line.plain
        assert len(text) <= max(width, NARROWEST) or len(text.split()) <= 3 or text.startswith("manifests/")


def test_every_word_is_there_at_every_width() -> None:
    assert shown(FULL, 60).split() == shown(FULL).split()


@pytest.mark.parametrize(
    ("severity", "strict", "ok"),
    [
        (Severity.ERROR, False, False),
        (Severity.WARNING, False, True),
        (Severity.WARNING, True, False),
        (Severity.INFO, True, True),
    ],
)
def test_what_counts(severity: Severity, strict: bool, ok: bool) -> None:
    report = replace(EMPTY, findings=(replace(LATE, severity=severity),), strict=strict)
    assert report.ok is ok
    assert shown(report).splitlines()[-1].startswith("✓" if ok else "✗")


def test_a_clean_report_with_something_unchecked_says_so() -> None:
    text = shown(replace(EMPTY, unchecked=FULL.unchecked))
    assert "1 not checked" in text.splitlines()[-1]
    assert "could not be fetched" in text


def test_rules_are_explained(golden: Golden) -> None:
    lines = [*catalogue(RULES), *(line for rule in RULES for line in explain(rule))]
    golden("text-rules.txt", "".join(f"{line.plain}\n" for line in lines))
