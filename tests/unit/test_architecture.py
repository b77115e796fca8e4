"""The picture of the architecture page is drawn from the code as it is."""

from __future__ import annotations

import runpy
from graphlib import CycleError
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / ".ci" / "architecture.py"


@pytest.fixture(scope="module")
def drawing() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_picture_is_current(drawing: dict[str, Any]) -> None:
    assert drawing["main"](["--check"]) == 0


def test_an_arrow_that_follows_from_others_is_left_out(drawing: dict[str, Any]) -> None:
    imports = {"a": frozenset("bc"), "b": frozenset("c"), "c": frozenset()}
    assert drawing["reduced"](imports) == {"a": frozenset("b"), "b": frozenset("c"), "c": frozenset()}


def test_a_circle_is_an_error(drawing: dict[str, Any]) -> None:
    with pytest.raises(CycleError):
        drawing["reduced"]({"a": frozenset("b"), "b": frozenset("a")})
