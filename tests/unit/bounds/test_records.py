"""Saved pictures and records with a field of another type: refused, or none of ours, never a defect."""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from bootstrap.aws import environments, state_file
from bootstrap.core.errors import LockedError, PermanentError, UsageError
from bootstrap.core.machine import started
from bootstrap.steps import machines
from bootstrap.terraform.survivor import notes_in
from tests.fuzz.targets import HOLDER, MARKER, PICTURES, RECORD, feed_picture, feed_run_lock

HUGE = int("9" * 401)
ODD: tuple[Any, ...] = (None, [], {}, "x", "\ud800", -1, HUGE, 1e300, True, [None], {"a": None}, [[]])


def changed(data: Any, path: tuple[Any, ...], value: Any) -> str:
    made = copy.deepcopy(data)
    holder = made
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    return json.dumps(made)


def each(path: tuple[Any, ...], *values: Any) -> list[tuple[tuple[Any, ...], Any]]:
    return [(path, value) for value in values]


SAVED = json.loads((PICTURES / "crash-loop.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        *each(("now",), None, "x", -1, HUGE, 1e300, []),
        *each(("members",), None, 1, {"a": 1}, [1], [{"name": 1}], [{"name": "a", "wave": []}]),
        *each(("objects",), None, 1, True),
        *each(("objects", 0, "metadata"), "x", [1], 7),
        *each(("objects", 0, "metadata", "name"), HUGE),
        *((("served",), 3), (("unread",), 3), (("version",), 2), (("version",), None)),
    ],
)
def test_a_picture_that_no_cluster_gave(path: tuple[Any, ...], value: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        feed_picture(changed(SAVED, path, value), tmp_path)


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "7", "{", '{"version": 1}', "[" * 100_000, "\udc80", "NaN"]
)
def test_a_file_that_is_no_picture(text: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        feed_picture(text, tmp_path)


def test_a_picture_is_still_read(tmp_path: Path) -> None:
    feed_picture(json.dumps(SAVED), tmp_path)


def test_a_process_that_cannot_be() -> None:
    assert [started(pid) for pid in (-1, HUGE, 1 << 40)] == [None, None, None]


LOCK = {"format": 1, **asdict(HOLDER)}


@pytest.mark.parametrize("value", [value for value in ODD if value is not True])
@pytest.mark.parametrize("key", ["place", "pid", "started", "heartbeat", "expires"])
def test_a_run_lock_that_is_typed_wrongly(key: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(LockedError):
        feed_run_lock(changed(LOCK, (key,), value), tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", "x" * 70_000, "[" * 50_000, "\udc80"])
def test_a_run_lock_that_is_none(text: str, tmp_path: Path) -> None:
    with pytest.raises(LockedError):
        feed_run_lock(text, tmp_path)


@pytest.mark.parametrize("value", ODD)
@pytest.mark.parametrize("key", [key for key in RECORD if key not in ("version", "bucket", "key")])
def test_an_environments_record_that_is_typed_wrongly(key: str, value: Any) -> None:
    found = environments.decode(changed(RECORD, (key,), value))
    assert found is None or (value in ("x", []) and environments.expired([found], 0) == ())


@pytest.mark.parametrize("text", ["[" * 50_000, "x" * 70_000, '{"instance": NaN}', "7", "null"])
def test_records_that_are_none(text: str, tmp_path: Path) -> None:
    (tmp_path / "notes").write_text(text)
    assert (environments.decode(text), machines.parse(text, "i-1"), notes_in(tmp_path / "notes")) == (
        None,
        None,
        (),
    )


@pytest.mark.parametrize("value", ODD)
def test_what_a_machine_says_may_be_anything(value: Any) -> None:
    for key in ("phase", "time", "message"):
        try:
            machines.parse(changed(MARKER, (key,), value), "i-1")
        except ValueError as error:
            pytest.fail(f"{key}: {error}")


@pytest.mark.parametrize(
    "text", ["", "[]", "null", '{"resources": 1}', '{"resources": [1]}', "[" * 50_000, "NaN"]
)
def test_a_state_that_is_none(text: str) -> None:
    with pytest.raises(PermanentError):
        state_file.ids(text.encode())
