from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.unit.local_aws.machines import ApplyPatch, place

Aws = Callable[[str], Any]


def reached(aws: Aws, targets: list[Any]) -> tuple[list[str], list[str]]:
    """Two instances, and those that a command to the first of them, or to `targets`, reached."""
    here = place()
    both = [here.run()["InstanceId"] for _ in range(2)]
    named = {"Targets": targets} if targets else {"InstanceIds": both[:1]}
    command = aws("ssm").send_command(DocumentName="AWS-RunShellScript", **named)["Command"]
    return both, command["InstanceIds"]


def test_unpatched_moto_reaches_all(aws: Aws) -> None:
    both, got = reached(aws, [])
    assert sorted(got) == sorted(both)


def test_a_command_reaches_whom_it_names(aws: Aws, patch: ApplyPatch) -> None:
    patch("commands")
    both, got = reached(aws, [])
    assert got == both[:1]


def test_targets_still_work(aws: Aws, patch: ApplyPatch) -> None:
    patch("commands")
    both, got = reached(aws, [{"Key": "instance-state-name", "Values": ["running"]}])
    assert sorted(got) == sorted(both)
