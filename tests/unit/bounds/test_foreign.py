"""Files and JSON that others wrote: read within limits, or refused, and never waited for."""

from __future__ import annotations

import os
import runpy
from pathlib import Path
from typing import Any

import pytest

from bootstrap.config.load import load
from bootstrap.core.errors import ConfigError
from bootstrap.core.foreign import TooLarge, parse_json, read_bytes, read_json
from bootstrap.core.limits import JSON_LEVELS
from bootstrap.core.machine import Place
from bootstrap.core.records import record
from tests.unit.config.test_load import GOOD, Write, line_of, problems, write

__all__ = ["write"]

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "{",
            "[1] 2",
            "NaN",
            "[Infinity]",
            "1e999",
            "-1e999",
            "9" * 401,
            r'"\ud800"',
            r'{"\udfff": 1}',
            "1" * 65,
        ),
        "[" * (JSON_LEVELS + 1) + "]" * (JSON_LEVELS + 1),
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "[" * 1_000_000,
    ],
)
def test_json_that_is_none_or_too_much(text: str) -> None:
    with pytest.raises(ValueError):
        parse_json(text, 64 if text.startswith("1" * 65) else 10_000_000)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("[" * JSON_LEVELS + "]" * JSON_LEVELS, JSON_LEVELS),
        ('{"a": [1, 2.5, null, true, "\\u00e9\\ud83d\\ude00"]}', None),
    ],
)
def test_json_within_the_limits(text: str, value: int | None) -> None:
    found = parse_json(text)
    depth = 0
    while value and found is not None:
        found, depth = next(iter(found), None), depth + 1
    assert depth == value if value else found == {"a": [1, 2.5, None, True, "é😀"]}


def test_a_file_is_read_up_to_its_limit(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"12345")
    assert read_bytes(tmp_path / "a", 5) == b"12345"
    with pytest.raises(TooLarge) as caught:
        read_bytes(tmp_path / "a", 4)
    assert (caught.value.size, caught.value.limit) == (5, 4)
    with pytest.raises(TooLarge):
        read_bytes(Path("/dev/zero"), 4)
    with pytest.raises(IsADirectoryError):
        read_bytes(tmp_path, 4)


def test_a_pipe_is_not_waited_for(tmp_path: Path, write: Write) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe"):
        read_json(tmp_path / "pipe")
    with pytest.raises(ConfigError):
        load(tmp_path / "pipe", "dev")
    text = GOOD.replace("generate: {length: 24}", f"from_file: {tmp_path}/pipe")
    assert f"bootstrap.yaml:{line_of(text, 'database/auth')}" in {one.where for one in problems(write(text))}


@pytest.mark.parametrize(
    "data",
    [
        *(None, [], "x", 1, {}, {"host": "h", "machine": "m", "boot": "b"}),
        *(
            {"host": 1, "machine": "m", "boot": "b", "pids": "p"},
            {"host": [], "machine": "", "boot": "", "pids": ""},
        ),
        {"host": "h", "machine": "m", "boot": "b", "pids": "p", "more": 1},
    ],
)
def test_a_record_that_is_not_as_it_should_be(data: Any) -> None:
    with pytest.raises(ValueError):
        record(Place, data)


def test_a_record() -> None:
    place = Place("h", "m", "b", "p")
    assert record(Place, {"host": "h", "machine": "m", "boot": "b", "pids": "p"}) == place


def test_the_page_of_limits_is_current() -> None:
    script = runpy.run_path(str(ROOT / ".ci/limits_page.py"))
    assert script["PAGE"].read_text(encoding="utf-8") == script["page"](), "run .ci/limits_page.py"
