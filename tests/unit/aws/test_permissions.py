from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from bootstrap.aws.api import Api
from bootstrap.aws.permissions import ACTIONS, denied, principal
from tests.aws_context import client

ROLE = "arn:aws:iam::123456789012:role/teams/deploy"
SESSION = "arn:aws:sts::123456789012:assumed-role/deploy/alice"


def test_what_is_denied_is_named() -> None:
    iam = boto3.client("iam", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    decisions = [
        ("ec2:RunInstances", "implicitDeny"),
        ("ec2:CreateVpc", "allowed"),
        ("iam:PassRole", "explicitDeny"),
    ]
    answer = {
        "EvaluationResults": [{"EvalActionName": name, "EvalDecision": said} for name, said in decisions],
        "IsTruncated": False,
    }
    with Stubber(iam) as stub:
        stub.add_response(
            "simulate_principal_policy", answer, {"PolicySourceArn": ROLE, "ActionNames": list(ACTIONS)}
        )
        assert denied(Api(iam), ROLE) == ("ec2:RunInstances", "iam:PassRole")


def test_root_may_everything_and_is_not_asked_about() -> None:
    nobody: Any = None
    assert denied(nobody, "arn:aws:iam::123456789012:root") == ()


@pytest.mark.parametrize("exists", [True, False])
def test_a_session_is_asked_about_as_its_role(exists: bool) -> None:
    with mock_aws():
        if exists:
            client("iam").create_role(RoleName="deploy", Path="/teams/", AssumeRolePolicyDocument="{}")
        expected = ROLE if exists else "arn:aws:iam::123456789012:role/deploy"
        assert principal(Api(client("iam")), SESSION) == expected
        assert principal(Api(client("iam")), ROLE) == ROLE


def test_no_action_stands_there_twice() -> None:
    assert len(set(ACTIONS)) == len(ACTIONS)
