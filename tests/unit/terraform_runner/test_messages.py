from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.terraform.messages import (
    Diagnostic,
    Failed,
    Finished,
    Message,
    Plain,
    Planned,
    Started,
    Still,
    Summary,
    parse,
)

RESOURCE = {"addr": 'aws_instance.node["api"]', "resource_type": "aws_instance"}


def hook(kind: str, action: str, **more: object) -> str:
    return json.dumps({"type": kind, "hook": {"resource": RESOURCE, "action": action, **more}})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (
            json.dumps({"type": "planned_change", "change": {"resource": RESOURCE, "action": "replace"}}),
            Planned("replace", RESOURCE["addr"]),
        ),
        (hook("apply_start", "create"), Started("create", RESOURCE["addr"])),
        (hook("apply_progress", "create", elapsed_seconds=20), Still("create", RESOURCE["addr"], 20)),
        (hook("apply_complete", "delete", elapsed_seconds=3), Finished("delete", RESOURCE["addr"], 3)),
        (hook("apply_errored", "update", elapsed_seconds=1), Failed("update", RESOURCE["addr"], 1)),
        (
            '{"type":"change_summary","changes":{"add":4,"change":1,"import":2,"remove":3,"operation":"plan"}}',
            Summary("plan", 4, 1, 3, 2),
        ),
        (
            "\x1b[0m\x1b[32mSuccessfully configured the backend\x1b[0m",
            Plain("Successfully configured the backend"),
        ),
        ('"a string"', Plain('"a string"')),
    ],
)
def test_what_a_line_means(line: str, message: Message) -> None:
    assert parse(line) == message


@pytest.mark.parametrize(
    "line",
    [
        "",
        "   ",
        '{"type":"version","terraform":"1.11.4"}',
        hook("apply_start", "read"),
        hook("apply_complete", "read", elapsed_seconds=0),
        json.dumps({"type": "planned_change", "change": {"resource": RESOURCE, "action": "noop"}}),
        # Drift is told of changes that nobody will make.
        json.dumps({"type": "resource_drift", "change": {"resource": RESOURCE, "action": "update"}}),
        '{"@message":"no type"}',
    ],
)
def test_what_is_passed_over(line: str) -> None:
    assert parse(line) is None


def test_a_diagnostic_has_its_place_but_not_its_snippet() -> None:
    line = json.dumps(
        {
            "type": "diagnostic",
            "diagnostic": {
                "severity": "error",
                "summary": "Invalid value ",
                "detail": " because\n",
                "address": "aws_iam_role.r",
                "range": {"filename": "main.tf", "start": {"line": 3, "column": 1}},
                "snippet": {"code": "password = canary", "values": [{"statement": "is canary"}]},
            },
        }
    )
    found = parse(line)
    assert found == Diagnostic("error", "Invalid value", "because", "aws_iam_role.r", "main.tf", 3)
    assert "canary" not in repr(found)


@given(st.text())
def test_any_text_is_survived(line: str) -> None:
    parse(line)
