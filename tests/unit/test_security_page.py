"""SECURITY.md claims what tests prove: the ones that it names are there, and so is what it says is pinned."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = re.sub(r"<!--.*?-->", "", (ROOT / "SECURITY.md").read_text())
ROWS = [line.strip("|").split("|") for line in PAGE.splitlines() if line.startswith("| ")]
WHO = [row for row in ROWS if len(row) == 4 and row[0].strip() != "who"]


def test_every_claim_names_a_test() -> None:
    assert len(WHO) >= 10
    for who, *_, proof in WHO:
        assert re.search(r"`tests/[\w/]+\.py`", proof), who


def test_every_place_that_is_named_is_there() -> None:
    places = re.findall(r"`((?:tests|bootstrap|terraform|manifests|\.ci)/[\w./-]*)`", PAGE)
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_the_present_version_is_supported() -> None:
    version = re.search(r'^version = "(\d+\.\d+)\.', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version
    assert f"| {version[1]}.x | yes |" in PAGE
