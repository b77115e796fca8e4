"""Every rule finds its failing example and leaves its passing one alone."""

from __future__ import annotations

import re

import pytest

from bootstrap.lint.graph import build
from bootstrap.lint.model import Rule
from bootstrap.lint.rules import RULES, check
from tests.lint_objects import tree


def found(text: str) -> set[str]:
    one = tree(text)
    return {finding.rule for finding in check(one, build(one))}


def test_there_are_rules_and_each_has_its_own_name() -> None:
    ids = [rule.id for rule in RULES]
    assert ids and len(ids) == len(set(ids))
    assert [one for one in ids if not re.fullmatch(r"[a-z]+(-[a-z]+)*", one)] == []


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_failing_example_fails(rule: Rule) -> None:
    assert rule.id in found(rule.failing)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_passing_example_passes(rule: Rule) -> None:
    assert rule.id not in found(rule.passing)
    assert tree(rule.passing).apps, "a passing example says something"
