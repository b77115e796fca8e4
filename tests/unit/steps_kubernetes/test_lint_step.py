"""The linter as a step of `up`: what refuses, what is only said."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap import plan
from bootstrap.config.model import FAIL, OFF, WARN
from bootstrap.core.errors import PreflightError
from bootstrap.gitops.model import Location, Tree
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.report import Report
from bootstrap.lint.run import Linted
from bootstrap.run.events import Notice
from bootstrap.run.step import Done
from bootstrap.steps import lint
from bootstrap.targets.base import Phases
from tests.fakes import Log, context, environment

LATE = Finding(
    "crd-late",
    Severity.ERROR,
    Location("apps/9.yaml", 3),
    "RedisFailover a",
    "its CRD",
    "it fails\nat once",
    "move it",
)
ODD = replace(LATE, rule="odd-name", severity=Severity.WARNING, other="")


def run(
    home: Path, monkeypatch: pytest.MonkeyPatch, level: str, *findings: Finding
) -> tuple[Done, list[str]]:
    report = Report("dev", (), 2, 1, 10, findings=findings)
    monkeypatch.setattr(lint, "lint", lambda *_, **__: Linted(report, Tree(()), Graph()))
    log = Log()
    given = context(home, log)
    given.results.put(Tree(()))
    done = lint.run(replace(given, config=replace(given.config, lint=level)))
    return done, [notice.message for notice in log.of(Notice)]


def test_errors_refuse_before_anything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(PreflightError) as raised:
        run(tmp_path, monkeypatch, FAIL, LATE, ODD)
    (problem,) = raised.value.problems
    assert str(problem) == (
        "apps/9.yaml:3: crd-late: RedisFailover a and its CRD: it fails at once\n    cure: move it"
    )
    assert "nothing was made" in raised.value.what


def test_errors_are_only_said_where_that_is_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done, notices = run(tmp_path, monkeypatch, WARN, LATE)
    assert done == Done("2 Applications in 1 wave, 1 error, 0 warnings", changed=False)
    assert notices == ["lint: apps/9.yaml:3: crd-late: RedisFailover a and its CRD: it fails at once"]


def test_many_warnings_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    many = [replace(ODD, where=Location("a.yaml", number)) for number in range(1, 9)]
    _, notices = run(tmp_path, monkeypatch, FAIL, *many)
    assert len(notices) == lint.MOST + 1
    assert notices[-1] == "lint: and 3 more; see all with `bootstrap lint`"


def test_it_can_be_switched_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done, notices = run(tmp_path, monkeypatch, OFF, LATE)
    assert (done.changed, notices) == (False, [])


def test_nothing_is_made_before_it_is_through(tmp_path: Path) -> None:
    steps = {step.name: step for step in plan.build_up(environment(tmp_path), Phases()).steps}

    def before(name: str) -> set[str]:
        return set(steps[name].needs).union(*(before(need) for need in steps[name].needs))

    making = steps.keys() - {"checks", "preflight", "tree", "lint"}
    assert all("lint" in before(name) for name in making)
