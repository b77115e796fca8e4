"""The configuration that the repository ships, and the steps whose deadlines it may set."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bootstrap.config.load import load
from bootstrap.config.steps import STEPS

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("environment", ["dev", "local"])
def test_it_loads(environment: str) -> None:
    config = load(ROOT / "bootstrap.yaml", environment)
    assert len(config.nodes) == 14
    assert config.ssm_prefix == "/eco2/dev"
    assert config.seeds


def test_a_deadline_can_be_set_for_every_step() -> None:
    """Whatever is called Step("name", …) anywhere in the product."""
    names = {
        node.args[0].value
        for path in (ROOT / "bootstrap").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Step"
        if node.args and isinstance(node.args[0], ast.Constant)
    }
    assert "waves" in names
    assert names <= set(STEPS)
