"""Every rule finds its failing example and leaves its passing one alone."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from bootstrap.lint import run, suppress
from bootstrap.lint.graph import build
from bootstrap.lint.model import Severity
from bootstrap.lint.rules import RULES, check
from bootstrap.lint.rules.rule import TEXTS, Rule, parse
from tests.lint_objects import tree

REPOSITORY = Path(__file__).parents[3]
IDS = {rule.id for rule in run.RULES}


def found(text: str) -> set[str]:
    one = tree(text)
    return {finding.rule for finding in check(one, build(one))}


def about_comments(text: str) -> set[str]:
    return {finding.rule for finding in suppress.apply((), {"app.yaml": text}, IDS).kept}


def test_there_are_rules_and_each_has_its_own_name() -> None:
    ids = [rule.id for rule in run.RULES]
    assert ids and len(ids) == len(set(ids))
    assert [one for one in ids if not re.fullmatch(r"[a-z]+(-[a-z]+)*", one)] == []


def test_every_rule_has_a_text_and_every_text_a_rule() -> None:
    assert {file.stem for file in TEXTS.iterdir()} == IDS


def test_the_page_of_rules_is_current() -> None:
    script = runpy.run_path(str(REPOSITORY / ".ci/rules_page.py"))
    assert script["PAGE"].read_text(encoding="utf-8") == script["page"](), "run .ci/rules_page.py"


@pytest.mark.parametrize("rule", run.RULES, ids=lambda rule: rule.id)
def test_a_text_says_what_is_wrong_and_how_to_cure_it(rule: Rule) -> None:
    assert rule.text.summary and rule.text.explanation and rule.text.cure and rule.text.failing
    assert set(re.findall(r"^## (.*)$", rule.text.markdown, re.MULTILINE)) <= {
        *("Cure", "Sources", "Fails", "Passes")
    }


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_failing_example_fails(rule: Rule) -> None:
    assert rule.id in found(rule.text.failing)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_the_passing_example_passes(rule: Rule) -> None:
    assert rule.id not in found(rule.text.passing)
    assert tree(rule.text.passing).apps, "a passing example says something"


@pytest.mark.parametrize("rule", suppress.RULES, ids=lambda rule: rule.id)
def test_the_examples_of_comments(rule: Rule) -> None:
    assert rule.id in about_comments(rule.text.failing)
    assert rule.id not in about_comments(rule.text.passing)


def test_the_parts_of_a_text() -> None:
    text = parse(
        "---\nseverity: info\nsummary: one: two\n---\n\nIt fails.\n\n## Cure\n\nMend it.\n\n"
        "## Sources\n\n- a\n- b\n\n## Fails\n\n```yaml\n## Cure of nothing\na: 1\n```\n"
    )
    assert (text.severity, text.summary, text.explanation) == (Severity.INFO, "one: two", "It fails.")
    assert (text.cure, text.sources, text.passing) == ("Mend it.", ("a", "b"), "")
    assert text.failing == "## Cure of nothing\na: 1\n"


def test_a_text_needs_its_head() -> None:
    with pytest.raises(ValueError, match="front matter"):
        parse("It fails.")
