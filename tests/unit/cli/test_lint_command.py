"""`bootstrap lint` on a small tree: what goes to stdout and files, exit codes, `--fix`. Rules are stubs."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from bootstrap import cli, targets
from bootstrap.gitops.model import Location, Tree, Unchecked
from bootstrap.gitops.reader import Reader
from bootstrap.lint import graph, rules, run
from bootstrap.lint.files import read
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.order import Before
from bootstrap.lint.rules.rule import Rule, RuleText
from tests.fakes import target
from tests.unit.cli.fake_product import lay_out
from tests.unit.lint.trees import application, tree

ORDERS = (("eso", "secrets"),)
LATE = Rule("late", lambda _: RuleText(Severity.ERROR, "what is needed comes too late", "It fails."))
ODD = Rule("odd-name", lambda _: RuleText(Severity.WARNING, "a name is odd"))


def befores(pairs: Iterable[tuple[str, str]]) -> tuple[Before[str], ...]:
    return tuple(Before(*pair) for pair in pairs)


def check(found: Tree, needs: Graph) -> tuple[Finding, ...]:
    waves = {app.name: app.wave for app in found.apps}
    late = [
        Finding(
            LATE.id, LATE.severity, found.by_name[then].where, f"Application {then}", first, "it fails", "fix"
        )
        for first, then in ORDERS
        if waves[then] <= waves[first]
    ]
    odd = [
        Finding(ODD.id, ODD.severity, app.where, f"Application {app.name}", "", "it is odd", "")
        for app in found.apps
        if app.name == "odd"
    ]
    return (*late, *odd)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with two Applications in the wrong order."""
    config = lay_out(tmp_path)
    put(tmp_path, "10-secrets-operator", 10, "eso")
    put(tmp_path, "09-secrets", 9, "secrets")
    config.write_text(f"{config.read_text()}    waves: {{hints: {{9: look at secrets}}}}\n", encoding="utf-8")

    def look(*_: object) -> Tree:
        files = {str(path.relative_to(tmp_path)): read(path) for path in (tmp_path / "apps").iterdir()}
        gap = Unchecked("chart x", "no network", Location("apps/10-secrets-operator.yaml", 7))
        return replace(tree(files), unchecked=(gap,))

    monkeypatch.setattr(Reader, "tree", look)
    monkeypatch.setattr(graph, "build", lambda found: Graph())
    monkeypatch.setattr(rules, "check", check)
    monkeypatch.setattr(run, "RULES", (LATE, ODD))
    monkeypatch.setattr(rules, "constraints", lambda found, needs: befores(ORDERS))
    monkeypatch.setattr(targets, "open_target", lambda config: target())
    monkeypatch.setenv("BOOTSTRAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(home: Path, file: str, wave: int, called: str) -> None:
    (home / f"apps/{file}.yaml").write_text(application(called, wave), encoding="utf-8")


Said = Callable[[], Any]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    return capsys.readouterr


def lint(*arguments: str) -> int:
    return cli.call(["lint", "-e", "dev", *arguments])


def test_words(home: Path, said: Said) -> None:
    assert lint() == 9
    out, err = said()
    assert out.startswith("apps/09-secrets.yaml:1  error  late\n  Application secrets\n  ↔ eso\n")
    assert "not checked:\n  apps/10-secrets-operator.yaml:7  chart x: no network\n" in out
    assert "✗ 2 Applications in 2 waves, 0 objects; 1 error, 0 warnings; 1 not checked" in out
    assert err == ""
    assert "\x1b" not in out


def test_a_terminal_gets_colours(home: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    lint()
    out = said().out
    assert "\x1b[1;31merror" in out
    monkeypatch.setenv("NO_COLOR", "1")
    lint()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", said().out)


def test_a_reader_who_leaves_is_no_defect(home: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object, **__: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("bootstrap.commands.lint.click.echo", gone)
    assert lint() == 0


def test_a_valid_tree_passes(home: Path, said: Said) -> None:
    put(home, "09-secrets", 11, "secrets")
    assert lint() == 0
    assert said().out.splitlines()[-1].startswith("✓")


def test_warnings_count_when_strict(home: Path, said: Said) -> None:
    put(home, "09-secrets", 11, "secrets")
    put(home, "20-odd", 20, "odd")
    assert lint() == 0
    assert lint("--strict") == 9
    assert lint("--strict", "--ignore", "odd-name") == 0
    assert lint("--strict", "--rule", "late") == 0


@pytest.mark.parametrize("form", ["json", "sarif", "junit"])
def test_machines_get_one_document_on_stdout(home: Path, said: Said, form: str) -> None:
    assert lint("--output", form) == 9
    out, err = said()
    assert err == ""
    if form == "junit":
        assert ET.fromstring(out.encode())[0].attrib["failures"] == "1"  # noqa: S314 - made here
    else:
        assert "late" in json.dumps(json.loads(out))


def test_a_file_for_machines_and_words_for_people(home: Path, said: Said) -> None:
    assert lint("--output", "sarif", "--output-file", "lint.sarif") == 9
    assert "✗ 2 Applications" in said().out
    (result,) = json.loads(read(home / "lint.sarif"))["runs"][0]["results"]
    assert result["ruleId"] == "late"


def test_words_go_to_a_file_too(home: Path, said: Said) -> None:
    assert lint("--output-file", "lint.txt") == 9
    assert "Application secrets" in read(home / "lint.txt")
    assert lint("--output-file", "no/such/folder/lint.txt") == 2
    assert "cannot be written" in said().err


def test_rules_are_explained_without_a_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: Said
) -> None:
    monkeypatch.chdir(tmp_path)
    assert lint("--explain") == 0
    listed = said().out.splitlines()
    assert [line.split()[0] for line in listed] == [rule.id for rule in run.RULES]
    first = run.RULES[0]
    assert lint("--explain", first.id) == 0
    assert first.text.summary in said().out
    assert lint("--explain", f"{first.id}x") == 2
    assert f"did you mean '{first.id}'?" in said().err


@pytest.mark.parametrize("option", ["--rule", "--ignore"])
def test_an_unknown_rule_is_wrong_usage(home: Path, said: Said, option: str) -> None:
    assert lint(option, "lat") == 2
    assert "there is no rule 'lat'" in (err := said().err)
    assert "did you mean 'late'?" in err


def test_pictures(home: Path, said: Said) -> None:
    assert lint("--graph", "waves.svg", "--graph", "waves.mmd") == 9
    assert read(home / "waves.svg").startswith("<svg")
    assert read(home / "waves.mmd").startswith("flowchart TD")
    assert lint("--graph", "waves.png") == 2
    assert "waves.png cannot be drawn" in said().err


def test_a_dry_run_shows_and_changes_nothing(home: Path, said: Said) -> None:
    before = {path: read(path) for path in home.rglob("*") if path.is_file()}
    assert lint("--fix", "--dry-run") == 9
    out = said().out
    assert "rename to apps/11-secrets.yaml" in out
    assert "+    waves: {hints: {11: look at secrets}}" in out
    assert {path: read(path) for path in home.rglob("*") if path.is_file()} == before
    assert lint("--dry-run") == 2


def test_a_fix_asks_and_refuses_where_nobody_answers(home: Path, said: Said) -> None:
    assert lint("--fix") == 2
    err = said().err
    assert "This gives 1 Application another wave and changes 2 files." in err
    assert "--yes" in err
    assert (home / "apps/09-secrets.yaml").exists()


def test_after_a_fix_the_order_is_valid(home: Path, said: Said) -> None:
    assert lint("--fix", "--yes") == 0
    out = said().out
    assert "rename from apps/09-secrets.yaml" in out
    assert out.splitlines()[-1].startswith("✓")
    assert not (home / "apps/09-secrets.yaml").exists()
    assert "{11: look at secrets}" in read(home / "bootstrap.yaml")
    assert lint("--fix", "--yes") == 0
    out, err = said()
    assert "nothing to renumber" in err
    assert "rename" not in out


def test_a_fix_for_machines_leaves_stdout_to_the_report(home: Path, said: Said) -> None:
    assert lint("--fix", "--yes", "--output", "json") == 0
    out, err = said()
    assert json.loads(out)["ok"] is True
    assert "rename to apps/11-secrets.yaml" in err


def test_a_cycle_is_told_and_changes_nothing(home: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rules, "constraints", lambda *_: befores((*ORDERS, ("secrets", "eso"))))
    assert lint("--fix", "--yes") == 9
    assert "nothing was changed" in said().err
    assert (home / "apps/09-secrets.yaml").exists()


def test_a_stdout_that_is_closed_is_no_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", None)
    with pytest.raises(SystemExit) as left:
        cli.main(["lint", "--explain", "crd-order"])
    assert left.value.code == 0
