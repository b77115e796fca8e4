"""The configuration that the repository ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.config.load import load

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("environment", ["dev", "local"])
def test_it_loads(environment: str) -> None:
    config = load(ROOT / "bootstrap.yaml", environment)
    assert len(config.nodes) == 14
    assert config.ssm_prefix == "/eco2/dev"
    assert config.seeds
