"""A cluster in memory and a context that reaches it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kubernetes_bench import Bench, make


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return make(tmp_path)
