from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from bootstrap.aws import state_bucket
from bootstrap.aws.api import Api
from bootstrap.core.errors import PermanentError
from bootstrap.local.aws.patches import bucket_policies
from tests.aws_context import ACCOUNT, REGION, client

NAME = "eco2-dev-tfstate-123456789012"
TAGS = {"bootstrap:project": "eco2", "bootstrap:environment": "dev"}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    bucket_policies.apply(monkeypatch.setattr)
    with mock_aws():
        yield Api(client("s3"))


def ensure(api: Api) -> tuple[str, ...]:
    return state_bucket.ensure(api, NAME, ACCOUNT, REGION, TAGS)


def test_a_new_bucket_is_closed_encrypted_versioned_and_ours(api: Api) -> None:
    assert ensure(api)[0] == "created"
    s3 = api.client
    assert s3.get_bucket_versioning(Bucket=NAME)["Status"] == "Enabled"
    assert all(s3.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"].values())
    (rule,) = s3.get_bucket_encryption(Bucket=NAME)["ServerSideEncryptionConfiguration"]["Rules"]
    assert rule["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    (statement,) = json.loads(s3.get_bucket_policy(Bucket=NAME)["Policy"])["Statement"]
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert statement["Effect"] == "Deny"
    assert s3.get_bucket_location(Bucket=NAME)["LocationConstraint"] == REGION
    found = state_bucket.find(api, NAME, ACCOUNT, TAGS)
    assert found == state_bucket.Found(NAME, ours=True, empty=True)


def test_a_second_run_changes_nothing(api: Api) -> None:
    ensure(api)
    assert ensure(api) == ()


def test_one_setting_that_somebody_changed_is_set_back(api: Api) -> None:
    ensure(api)
    api.client.put_bucket_versioning(Bucket=NAME, VersioningConfiguration={"Status": "Suspended"})
    assert ensure(api) == ("bucket_versioning",)


def test_us_east_1_may_not_be_named() -> None:
    with mock_aws():
        api = Api(client("s3", region="us-east-1"))
        assert "created" in state_bucket.ensure(api, NAME, ACCOUNT, "us-east-1", TAGS)


def test_a_bucket_with_somebody_elses_data_is_refused_and_left_alone(api: Api) -> None:
    place = {"LocationConstraint": REGION}
    api.client.create_bucket(Bucket=NAME, CreateBucketConfiguration=place)
    api.client.put_object(Bucket=NAME, Key="theirs", Body=b"x")
    with pytest.raises(PermanentError, match="not ours"):
        ensure(api)
    with pytest.raises(ClientError):
        api.client.get_bucket_policy(Bucket=NAME)


def test_a_run_cut_short_after_creating_is_taken_up(api: Api) -> None:
    place = {"LocationConstraint": REGION}
    api.client.create_bucket(Bucket=NAME, CreateBucketConfiguration=place)
    done = ensure(api)
    assert "created" not in done
    assert "bucket_tagging" in done


def test_foreign_tags_stay(api: Api) -> None:
    place = {"LocationConstraint": REGION}
    api.client.create_bucket(Bucket=NAME, CreateBucketConfiguration=place)
    tagging = {"TagSet": [{"Key": "cost-centre", "Value": "7"}]}
    api.client.put_bucket_tagging(Bucket=NAME, Tagging=tagging)
    ensure(api)
    tags = {tag["Key"]: tag["Value"] for tag in api.client.get_bucket_tagging(Bucket=NAME)["TagSet"]}
    assert tags == {"cost-centre": "7", **TAGS}


class Elsewhere:
    """A bucket of our name that belongs to another account: HEAD says 403 and nothing more."""

    class meta:
        class service_model:
            signing_name = "s3"

        method_to_api_mapping = {"head_bucket": "HeadBucket"}  # noqa: RUF012

    def head_bucket(self, **_: object) -> None:
        raise ClientError(
            {"Error": {"Code": "403", "Message": "Forbidden"}, "ResponseMetadata": {"HTTPStatusCode": 403}},
            "HeadBucket",
        )


def test_another_accounts_bucket_is_refused() -> None:
    with pytest.raises(PermanentError, match="another account") as refused:
        state_bucket.find(Api(Elsewhere()), NAME, ACCOUNT, TAGS)
    assert "project" in refused.value.cure


def test_removing_takes_every_version_and_marker(api: Api) -> None:
    ensure(api)
    for body in (b"1", b"2", b"3"):
        api.client.put_object(Bucket=NAME, Key="terraform.tfstate", Body=body)
    api.client.delete_object(Bucket=NAME, Key="terraform.tfstate")
    state_bucket.remove(api, NAME)
    assert state_bucket.find(api, NAME, ACCOUNT, TAGS) is None


def test_the_name_says_what_it_is() -> None:
    assert state_bucket.bucket_name("eco2", "dev", ACCOUNT) == NAME


WORD = st.from_regex(r"[a-z][a-z0-9_-]{0,60}", fullmatch=True)


@given(WORD, WORD)
def test_any_name_is_valid_for_s3(project: str, environment: str) -> None:
    name = state_bucket.bucket_name(project, environment, ACCOUNT)
    assert 3 <= len(name) <= 63
    assert re.fullmatch(r"[a-z0-9][a-z0-9.-]*[a-z0-9]", name)


def test_long_names_stay_apart() -> None:
    names = {state_bucket.bucket_name("p" * 60, environment, ACCOUNT) for environment in ("dev", "prod")}
    assert len(names) == 2


# -- hardened by its owner ------------------------------------------------------------------------------

THEIRS = {
    "Sid": "OnlyFromHere",
    "Effect": "Deny",
    "Principal": "*",
    "Action": "s3:*",
    "Resource": f"arn:aws:s3:::{NAME}/*",
    "Condition": {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}},
}


def policy(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(api.client.get_bucket_policy(Bucket=NAME)["Policy"])
    return found


def put_policy(api: Api, *statements: dict[str, Any]) -> None:
    text = json.dumps({"Version": "2012-10-17", "Id": "theirs", "Statement": list(statements)})
    api.client.put_bucket_policy(Bucket=NAME, Policy=text)


@pytest.mark.parametrize("algorithm", ["aws:kms", "aws:kms:dsse"])
def test_an_encryption_of_the_owners_choice_stays(api: Api, algorithm: str) -> None:
    ensure(api)
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": algorithm, "KMSMasterKeyID": "key"},
        "BucketKeyEnabled": True,
    }
    api.client.put_bucket_encryption(Bucket=NAME, ServerSideEncryptionConfiguration={"Rules": [rule]})
    assert ensure(api) == ()
    (found,) = api.client.get_bucket_encryption(Bucket=NAME)["ServerSideEncryptionConfiguration"]["Rules"]
    assert found == rule


def test_statements_of_the_owners_stay_and_ours_is_added(api: Api) -> None:
    ensure(api)
    (ours,) = policy(api)["Statement"]
    put_policy(api, THEIRS, ours)
    assert ensure(api) == ()
    put_policy(api, THEIRS)
    assert ensure(api) == ("bucket_policy",)
    assert policy(api) == {"Version": "2012-10-17", "Id": "theirs", "Statement": [THEIRS, ours]}
    assert ensure(api) == ()


def test_a_statement_of_our_name_that_says_something_else_stays_beside_ours(api: Api) -> None:
    ensure(api)
    (ours,) = policy(api)["Statement"]
    weaker = {**ours, "Action": "s3:PutObject"}
    put_policy(api, weaker, {**THEIRS, "Sid": "TlsOnly2"})
    assert ensure(api) == ("bucket_policy",)
    assert policy(api)["Statement"] == [weaker, {**THEIRS, "Sid": "TlsOnly2"}, {**ours, "Sid": "TlsOnly3"}]
    assert ensure(api) == ()


def test_the_same_in_other_words_is_the_same(api: Api) -> None:
    ensure(api)
    (ours,) = policy(api)["Statement"]
    words = {"Sid": "Tls", "Principal": {"AWS": "*"}, "Action": ["s3:*"], "Resource": ours["Resource"][::-1]}
    put_policy(api, {**ours, **words, "Condition": {"Bool": {"aws:SecureTransport": ["false"]}}})
    assert ensure(api) == ()


def test_what_somebody_has_loosened_is_tightened(api: Api) -> None:
    ensure(api)
    loose = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "RestrictPublicBuckets"), True)
    closed: Any = {**loose, "BlockPublicPolicy": False}
    api.client.put_public_access_block(Bucket=NAME, PublicAccessBlockConfiguration=closed)
    api.client.delete_bucket_policy(Bucket=NAME)
    assert ensure(api) == ("public_access_block", "bucket_policy")
    assert all(api.client.get_public_access_block(Bucket=NAME)["PublicAccessBlockConfiguration"].values())
