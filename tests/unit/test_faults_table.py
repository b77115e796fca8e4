"""tests/faults.md promises a test for every fault: each of them exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
NAMED = re.findall(r"`([a-z_/]+\.py)::(test_\w+)`", (TESTS / "faults.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("file", "test"), NAMED)
def test_it_exists(file: str, test: str) -> None:
    assert f"\ndef {test}(" in (TESTS / file).read_text(encoding="utf-8")


def test_every_fault_has_one() -> None:
    rows = re.findall(r"^\| (\d+) \|.*`\S+::test_", (TESTS / "faults.md").read_text(), flags=re.MULTILINE)
    assert [int(row) for row in rows] == [*range(1, 14), *range(23, 27)]
