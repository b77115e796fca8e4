from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bootstrap.config.model import Seed
from bootstrap.config.withheld import withheld
from tests.aws_context import environment

NAMES = ("CANARY_TOKEN", "TF_VAR_canary", "OTHER")
PRINT = f"import os; print([name for name in {NAMES} if name in os.environ])"


def inherited() -> str:
    return subprocess.run([sys.executable, "-c", PRINT], capture_output=True, text=True, check=True).stdout


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, f"value of {name}")


def test_no_program_inherits_what_seeds_are_taken_from(tmp_path: Path) -> None:
    seeds = (
        Seed("a", from_env="CANARY_TOKEN"),
        Seed("b", from_env="CANARY_TOKEN"),
        Seed("c", from_env="TF_VAR_canary"),
        Seed("d", from_env="NOT_SET"),
        Seed("e"),
    )
    with withheld(environment(tmp_path, seeds=seeds)) as values:
        assert values == {"CANARY_TOKEN": "value of CANARY_TOKEN", "TF_VAR_canary": "value of TF_VAR_canary"}
        assert inherited() == "['TF_VAR_canary', 'OTHER']\n"
    assert os.environ["CANARY_TOKEN"] == "value of CANARY_TOKEN"


def test_they_come_back_after_a_failure_too(tmp_path: Path) -> None:
    seeds = (Seed("a", from_env="CANARY_TOKEN"),)
    with pytest.raises(ZeroDivisionError), withheld(environment(tmp_path, seeds=seeds)):
        raise ZeroDivisionError
    assert "CANARY_TOKEN" in os.environ
