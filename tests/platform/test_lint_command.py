"""`bootstrap lint` on this repository with the real helm and kustomize; `--fix` on waves thrown together."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bootstrap.kubernetes.argo import WAVE

REPOSITORY = Path(__file__).parents[2]
APPS = "manifests/clusters/dev/apps"
PATIENCE = 300  # seconds after which a test gives up

pytestmark = pytest.mark.platform


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What the linter reads of this repository, as a repository of its own."""
    home = tmp_path / "platform"
    for part in ("manifests", "terraform"):
        shutil.copytree(REPOSITORY / part, home / part)
    shutil.copy(REPOSITORY / "bootstrap.yaml", home)
    subprocess.run(["git", "init", "--quiet", str(home)], check=True)
    return home


def lint(home: Path, *arguments: str) -> tuple[int, dict[str, Any], str]:
    done = subprocess.run(
        [sys.executable, "-m", "bootstrap", "lint", "--output", "json", *arguments],
        cwd=home,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    return done.returncode, json.loads(done.stdout), done.stderr


def throw_together(apps: Path, seed: int) -> None:
    """Give every file the number of another one, in its name as well."""
    files = sorted(apps.iterdir())
    numbers = [file.name[:2] for file in files]
    drawn = random.Random(seed).sample(numbers, len(numbers))  # noqa: S311 - no secret
    for file, old, new in zip(files, numbers, drawn, strict=True):
        text = re.sub(rf'{re.escape(WAVE)}: "{int(old)}"', f'{WAVE}: "{int(new)}"', file.read_text("utf-8"))
        file.unlink()
        (apps / f"{new}{file.name[2:]}").write_text(text, encoding="utf-8")


def test_this_repository_is_in_order(copy: Path) -> None:
    code, report, _ = lint(copy)
    assert (code, report["findings"], report["not_checked"]) == (0, [], [])
    assert (report["applications"], report["waves"]) == (21, 15)


@pytest.mark.parametrize("seed", [1, 2])
def test_waves_thrown_together_are_found_and_mended(copy: Path, seed: int) -> None:
    throw_together(copy / APPS, seed)
    (operator,) = (copy / APPS).glob("*-secrets-operator.yaml")
    config = copy / "bootstrap.yaml"
    text = config.read_text(encoding="utf-8")
    named = f"    eso: {{application: {operator.stem}}}\n    gitops:\n"
    config.write_text(text.replace("    gitops:\n", named, 1), encoding="utf-8")
    code, report, _ = lint(copy)
    assert code == 9
    assert len(report["findings"]) > 5
    code, report, diff = lint(copy, "--fix", "--yes")
    assert (code, report["findings"]) == (0, []), diff
    for file in (copy / APPS).iterdir():
        said = re.search(rf'{re.escape(WAVE)}: "(-?\d+)"', file.read_text(encoding="utf-8"))
        number = re.match(r"(-?\d+)-", file.name)
        assert said is not None
        assert number is not None
        assert int(said[1]) == int(number[1]), file.name
    assert lint(copy, "--fix", "--yes")[2].startswith("every wave number is in a valid order")
