"""moto and conditions in bucket policies: this fails once moto itself behaves like AWS."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from bootstrap.local.aws.patches import bucket_policies
from tests.aws_context import REGION, client


def closed(condition: dict[str, Any] | None) -> Any:
    """A bucket that denies everything, under a condition."""
    s3 = client("s3")
    s3.create_bucket(Bucket="closed", CreateBucketConfiguration={"LocationConstraint": REGION})
    deny: dict[str, Any] = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": "arn:aws:s3:::closed/*",
    }
    if condition:
        deny["Condition"] = condition
    s3.put_bucket_policy(Bucket="closed", Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    return s3


INSECURE = {"Bool": {"aws:SecureTransport": "false"}}


@mock_aws
def test_without_the_patch_a_condition_that_is_not_met_denies() -> None:
    with pytest.raises(ClientError, match="403"):
        closed(INSECURE).put_object(Bucket="closed", Key="a", Body=b"x")


@pytest.mark.parametrize(("condition", "denied"), [(INSECURE, False), (None, True)])
def test_a_deny_is_one_only_where_its_condition_is_met(
    monkeypatch: pytest.MonkeyPatch, condition: dict[str, Any] | None, denied: bool
) -> None:
    bucket_policies.apply(monkeypatch.setattr)
    with mock_aws():
        s3 = closed(condition)
        if denied:
            with pytest.raises(ClientError, match="403"):
                s3.put_object(Bucket="closed", Key="a", Body=b"x")
        else:
            assert s3.put_object(Bucket="closed", Key="a", Body=b"x")["ETag"]
