"""The fuzzer's short form: the same odd inputs each time, and none may end as a defect (exit code 1)."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.fuzz.feed import DEFECT, fuzz, outcome
from tests.fuzz.targets import TARGETS, Target

INPUTS = 1_500  # of all targets together, by their shares


@pytest.mark.parametrize("target", TARGETS, ids=[each.name for each in TARGETS])
def test_no_input_ends_as_a_defect(target: Target, tmp_path: Path) -> None:
    ends: Counter[tuple[str, str]] = Counter()

    def check(given: Any) -> None:
        ends[outcome(target, given, tmp_path)] += 1

    fuzz(target, INPUTS * target.share // 100, 11, check)
    assert {end: count for end, count in ends.items() if end[0] == DEFECT} == {}
    assert ends
