from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from bootstrap.core.errors import LockedError, TemporaryError, ToolError
from bootstrap.terraform.explain import Lock, StateLocked, age, compact, explain, lock
from bootstrap.terraform.messages import Diagnostic

FOLDER = Path("/home/me/project/terraform/dev")
NOW = datetime(2026, 11, 21, 9, 49, 21, tzinfo=UTC).timestamp()
# As Terraform 1.11.4 says it.
LOCKED = Diagnostic(
    "error",
    "Error acquiring the state lock",
    "Error message: operation error S3: PutObject, https response error StatusCode: 412, api error"
    " PreconditionFailed: At least one of the pre-conditions you specified did not hold\nLock Info:\n"
    "  ID:        d40bdb85-a03c-9d01-a32e-dfce4c98c6a3\n  Path:      tfstate/terraform.tfstate\n"
    "  Operation: OperationTypeApply\n  Who:       root@vm\n  Version:   1.11.4\n"
    "  Created:   2026-11-21 07:49:21.70458488 +0000 UTC\n  Info:      \n\n\nTerraform acquires a state lock",
)


def error(summary: str, detail: str = "") -> Diagnostic:
    return Diagnostic("error", summary, detail)


def test_a_lock_is_read() -> None:
    assert lock(LOCKED) == Lock(
        id="d40bdb85-a03c-9d01-a32e-dfce4c98c6a3",
        who="root@vm",
        operation="apply",
        created=NOW - 7200,
        path="tfstate/terraform.tfstate",
    )
    assert lock(error("something else", "Lock Info")) is None
    # What could not be given back is still ours.
    assert lock(Diagnostic("error", "Error releasing the state lock", LOCKED.detail)) is None


def test_a_lock_is_read_from_plain_text_too() -> None:
    """`state push` and `import` know no JSON."""
    found = explain("state push", (), [LOCKED.summary, *LOCKED.detail.splitlines()], FOLDER, NOW)
    assert isinstance(found, StateLocked)
    assert found.lock == lock(LOCKED)


def test_a_lock_is_named_with_owner_and_age() -> None:
    refused = explain("plan", [LOCKED], [], FOLDER, NOW)
    assert isinstance(refused, LockedError)
    for said in ("d40bdb85-a03c-9d01-a32e-dfce4c98c6a3", "root@vm", "apply", "2 h old"):
        assert said in refused.why
    assert f"terraform -chdir='{FOLDER}' force-unlock d40bdb85" in refused.cure


@pytest.mark.parametrize(
    "text",
    [
        "error creating SSM Parameter: ThrottlingException: Rate exceeded",
        "RequestLimitExceeded: Request limit exceeded",
        "InvalidParameterValue: Value (x) for parameter iamInstanceProfile.name is invalid. Invalid name",
        "dial tcp 127.0.0.1:1: connect: connection refused",
        "MalformedPolicyDocumentException: Policy contains a statement with one or more invalid principals",
    ],
)
def test_what_passes_may_be_tried_again(text: str) -> None:
    assert isinstance(explain("apply", [error("creating x", text)], [], FOLDER, NOW), TemporaryError)


def test_one_lasting_error_among_passing_ones_is_lasting() -> None:
    errors = [error("creating a", "ThrottlingException"), error("creating b", "AccessDenied: no")]
    refused = explain("apply", errors, [], FOLDER, NOW)
    assert isinstance(refused, ToolError)
    assert "creating a" in refused.why
    assert "creating b" in refused.why
    assert "allow" in refused.cure


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("ExpiredToken: The security token included in the request is expired", "log in again"),
        ("UnauthorizedOperation: You are not authorized to perform this operation", "allow what the message"),
        ("VpcLimitExceeded: The maximum number of VPCs has been reached", "quota"),
        ("InsufficientInstanceCapacity: no capacity in ap-northeast-2a", "instance_type"),
        ("Failed to query available provider packages", "network"),
        ("Inconsistent dependency lock file", "terraform init -upgrade"),
        ("Unsupported Terraform Core version", "install a Terraform"),
        ("Unsupported argument", "correct what the message names"),
    ],
)
def test_each_kind_of_failure_has_its_cure(text: str, cure: str) -> None:
    refused = explain("apply", [error(text)], [], FOLDER, NOW)
    assert isinstance(refused, ToolError)
    assert cure in refused.cure


def test_warnings_are_no_errors_and_plain_text_has_to_do() -> None:
    warning = Diagnostic("warning", "Value for undeclared variable")
    refused = explain("init", [warning], ["one", "two", "three", "four", "five"], FOLDER, NOW)
    assert "five" in refused.why
    assert "one" not in refused.why
    assert "undeclared" not in refused.why
    assert explain("init", [], [], FOLDER, NOW).why == "it ended without a message"


def test_a_diagnostic_is_short_and_says_where() -> None:
    long = Diagnostic(
        "error", "Bad", "\n".join(f"line {n} {'x' * 500}" for n in range(9)), "a.b", "../m/x.tf", 7
    )
    shown = compact(long, FOLDER)
    assert shown.startswith("a.b, /home/me/project/terraform/m/x.tf:7: Bad\n")
    assert len(shown.splitlines()) == 4
    assert all(len(line) < 300 for line in shown.splitlines())


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-5, "0 s"),
        (3, "3 s"),
        (90, "90 s"),
        (120, "2 min"),
        (3600, "60 min"),
        (7200, "2 h"),
        (90000, "25 h"),
        (200000, "2 days"),
    ],
)
def test_ages(seconds: float, text: str) -> None:
    assert age(seconds) == text
