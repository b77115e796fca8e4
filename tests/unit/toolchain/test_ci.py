"""What stands before the product: the environment that make installs, and what CI prints."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.programs import program

CI = Path(__file__).parents[3] / ".ci"
CLOSING = "=================== 2 failed, 40 passed in 61.30s (0:01:01) ==================="


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`.ci/environment.py` on a project of its own."""
    spec = importlib.util.spec_from_file_location("ci_environment", CI / "environment.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "pyproject.toml").write_text("[project]\n")
    for name in (module.BUILD, *module.SETS):
        file = tmp_path / module.requirements(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("click==8.1.8 --hash=sha256:00\n")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "bootstrap.json")
    monkeypatch.setattr(module, "LOCK", tmp_path / ".bootstrap" / "venv.lock")
    return module


@pytest.fixture
def commands(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Records what would be run (venv, or what pip installs), and leaves what it would leave."""
    seen: list[str] = []

    def run(command: list[str]) -> tuple[int, list[str]]:
        seen.append("venv" if "venv" in command else Path(command[-1]).stem or ".")
        (environment.VENV / "bin").mkdir(parents=True, exist_ok=True)
        (environment.VENV / "bin" / "python").touch()
        return 0, []

    monkeypatch.setattr(environment, "run", run)
    return seen


def test_the_environment_is_made_once(environment: ModuleType, commands: list[str]) -> None:
    assert environment.main("local") == 0
    assert environment.main("local") == 0
    assert commands == ["venv", "build", "local", "."]


def test_a_larger_set_is_added_and_a_smaller_one_is_content(
    environment: ModuleType, commands: list[str]
) -> None:
    environment.main("local")
    environment.main("dev")
    environment.main("local")
    environment.main("aws")
    assert commands == ["venv", "build", "local", ".", "build", "dev", "."]


@pytest.mark.parametrize("name", ["pyproject.toml", ".ci/requirements/build.txt", ".ci/requirements/dev.txt"])
def test_a_changed_dependency_makes_it_anew(environment: ModuleType, commands: list[str], name: str) -> None:
    environment.main("local")
    (environment.ROOT / name).write_text("changed")
    environment.main("local")
    assert commands == ["venv", "build", "local", "."] * 2


def test_an_interrupted_installation_is_repeated(
    environment: ModuleType, commands: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    works = environment.run

    def breaks(command: list[str]) -> tuple[int, list[str]]:
        code, said = works(command)
        return (1, ["no network\n"]) if "pip" in command else (code, said)

    monkeypatch.setattr(environment, "run", breaks)
    assert environment.main("local") == 1
    monkeypatch.setattr(environment, "run", works)
    assert environment.main("local") == 0
    assert json.loads(environment.STAMP.read_text())["set"] == "local"


def test_an_old_python_is_told_apart(environment: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert environment.unfit() == ""
    monkeypatch.setattr(environment, "MINIMUM", (99, 0))
    assert "cure: make PYTHON=python99.0" in environment.unfit()


def test_a_python_without_ensurepip_is_told_apart(
    environment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    assert "its module ensurepip is missing" in environment.unfit()
    assert environment.main("local") == 3


LINT, UNIT = "Success: no issues found in 2 source files", "== 3 passed in 0.10s =="


@pytest.mark.parametrize(
    ("failing", "code", "closing"),
    [
        ("none", 0, [LINT, UNIT, CLOSING]),
        ("lint", 1, ["ruff found 1 error", UNIT, CLOSING]),
        ("unit", 1, [LINT, "1 failed", CLOSING]),
        ("platform", 1, [LINT, UNIT, "a program is missing"]),
    ],
)
def test_every_suite_runs_and_ends_with_their_closing_lines(
    tmp_path: Path, failing: str, code: int, closing: list[str]
) -> None:
    program(
        tmp_path / "make",
        f"""
case "$2{failing}" in
  lintlint) echo "ruff found 1 error"; echo "make: *** [Makefile:45: lint] Error 1" >&2; exit 2;;
  unitunit) echo "1 failed"; echo "make[1]: *** [Makefile:34: unit] Error 1" >&2; exit 2;;
  platformplatform) echo "a program is missing" >&2; exit 2;;
  lint*) echo "{LINT}";;
  unit*) echo "{UNIT}";;
  platform*) echo "{CLOSING}";;
esac""",
    )
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [CI / "suites"], env={**os.environ, "PATH": path}, capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert done.stdout.splitlines()[-3:] == closing


def test_ci_runs_make_test() -> None:
    asked = subprocess.run(
        ["make", "--dry-run", "test"], cwd=CI.parent, capture_output=True, text=True, check=True
    )
    assert asked.stdout.split() == [".ci/suites"]
    assert "make --no-print-directory test" in (CI / "run").read_text()
