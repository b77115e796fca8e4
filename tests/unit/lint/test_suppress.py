"""Comments that silence findings."""

from __future__ import annotations

import pytest

from bootstrap.gitops.model import Location
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.suppress import FilteredFindings, apply

KNOWN = {"rule-a", "rule-b"}
TWO = """\
# The first document.
kind: Deployment
spec:
  replicas: 2
  template:
    image: x
  other: 1
---
kind: Service
spec: {}
"""


def finding(line: int, rule: str = "rule-a", file: str = "a.yaml") -> Finding:
    return Finding(rule, Severity.ERROR, Location(file, line), "subject", "", "why", "cure")


def judged(text: str, *found: Finding) -> FilteredFindings:
    return apply(found, {"a.yaml": text}, KNOWN)


def insert(line: int, comment: str) -> str:
    """The text with a line of its own before that line."""
    lines = TWO.splitlines()
    return "\n".join([*lines[: line - 1], comment, *lines[line - 1 :]]) + "\n"


IGNORE = "# bootstrap-lint: ignore rule-a -- known"


@pytest.mark.parametrize(
    ("text", "line", "silenced"),
    [
        (insert(4, f"  {IGNORE}"), 5, True),  # the line below
        (insert(4, f"  {IGNORE}"), 6, False),  # the field after it
        (insert(5, f"  {IGNORE}"), 7, True),  # what is indented below it
        (insert(5, f"  {IGNORE}"), 8, False),
        (TWO.replace("replicas: 2", f"replicas: 2  {IGNORE}"), 4, True),  # behind it
        (TWO.replace("replicas: 2", f"replicas: 2  {IGNORE}"), 5, False),
        (insert(2, IGNORE), 8, True),  # above the document: all of it
        (insert(2, IGNORE), 10, False),  # but not the next one
        (insert(4, f"  {IGNORE}"), 2, True),  # a finding about the whole document
        (insert(9, IGNORE), 10, True),
        (insert(9, IGNORE), 2, False),
        (insert(1, IGNORE.replace("ignore", "ignore-file")), 10, True),
        (insert(1, "# bootstrap-lint: ignore rule-b, rule-a -- known"), 3, True),
    ],
)
def test_a_comment_is_about_its_line_its_field_or_its_document(text: str, line: int, silenced: bool) -> None:
    outcome = judged(text, finding(line))
    assert (finding(line) in outcome.kept) is not silenced
    assert [one.reason for one in outcome.suppressed] == (["known"] if silenced else [])


@pytest.mark.parametrize(
    ("comment", "rule"),
    [
        ("# bootstrap-lint: ignore rule-a", "suppression-without-reason"),
        ("# bootstrap-lint: ignore rule-a --  ", "suppression-without-reason"),
        ("# bootstrap-lint: ignore rule-x -- known", "suppression-unknown-rule"),
        ("# bootstrap-lint: skip rule-a -- known", "suppression-unreadable"),
        ("# bootstrap-lint: ignore rule-b -- nothing here", "suppression-unused"),
    ],
)
def test_a_comment_that_does_nothing_is_a_finding_itself(comment: str, rule: str) -> None:
    outcome = judged(insert(2, comment), finding(3))
    assert {one.rule for one in outcome.kept} == {"rule-a", rule}
    assert not outcome.suppressed


def test_a_whole_file_is_silenced_in_its_head_only() -> None:
    outcome = judged(insert(4, "# bootstrap-lint: ignore-file rule-a -- known"), finding(2))
    assert {one.rule for one in outcome.kept} == {"rule-a", "suppression-unreadable"}


def test_other_files_and_other_rules_are_kept() -> None:
    others = (finding(3, "rule-b"), finding(3, file="b.yaml"))
    outcome = apply((finding(3), *others), {"a.yaml": insert(2, IGNORE), "b.yaml": TWO}, KNOWN)
    assert set(outcome.kept) == set(others)


def test_a_rule_silenced_for_nothing_beside_one_that_counts_is_named() -> None:
    outcome = judged(insert(2, "# bootstrap-lint: ignore rule-a, rule-b -- known"), finding(3))
    (unused,) = outcome.kept
    assert (unused.rule, unused.where.line) == ("suppression-unused", 2)
    assert "rule-b" in unused.why and "rule-a" not in unused.why
