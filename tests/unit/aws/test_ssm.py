from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.config import parameters
from tests.aws_context import client

TAGS = {"bootstrap:project": "eco2", "bootstrap:environment": "dev"}


@pytest.fixture
def api() -> Iterator[Api]:
    with mock_aws():
        yield Api(client("ssm"))


def key() -> str:
    return str(client("kms").create_key()["KeyMetadata"]["Arn"])


def test_what_is_created_is_a_secure_string_under_the_key_with_tags(api: Api) -> None:
    arn = key()
    ssm.create(api, "/eco2/dev/a", "one", arn, TAGS)
    stored = api.client.get_parameter(Name="/eco2/dev/a", WithDecryption=False)["Parameter"]
    assert stored["Type"] == "SecureString"
    assert stored["Value"] != "one"
    (described,) = api.client.describe_parameters()["Parameters"]
    assert described["KeyId"] == arn
    assert ssm.names(api, "/eco2/dev", TAGS) == {"/eco2/dev/a"}


def test_create_does_not_overwrite_and_update_does(api: Api) -> None:
    arn = key()
    ssm.create(api, "/eco2/dev/a", "one", arn, TAGS)
    with pytest.raises(AwsError) as refused:
        ssm.create(api, "/eco2/dev/a", "two", arn, TAGS)
    assert refused.value.code == "ParameterAlreadyExists"
    ssm.update(api, "/eco2/dev/a", "two", arn, TAGS)
    assert ssm.read(api, ["/eco2/dev/a"]) == {"/eco2/dev/a": "two"}


def test_update_adopts_what_had_no_tags(api: Api) -> None:
    api.client.put_parameter(Name="/eco2/dev/a", Value="one", Type="SecureString")
    ssm.update(api, "/eco2/dev/a", "two", key(), TAGS)
    assert ssm.names(api, "/eco2/dev", TAGS) == {"/eco2/dev/a"}


def test_more_than_one_batch_is_read_listed_and_deleted(api: Api) -> None:
    names = [f"/eco2/dev/n{number}" for number in range(57)]
    for name in names:
        api.client.put_parameter(Name=name, Value=name, Type="String")
    api.client.put_parameter(Name="/eco2/development", Value="x", Type="String")
    assert ssm.read(api, [*names, "/eco2/dev/missing"]) == dict(zip(names, names, strict=True))
    assert ssm.names(api, "/eco2/dev") == set(names)
    assert ssm.names(api, "/eco2/dev", TAGS) == set()
    ssm.delete(api, [*names, "/eco2/dev/missing"])
    assert ssm.names(api) == {"/eco2/development"}


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/eco2/dev/with space", "letters"),
        ("/eco2/dev//double", "letters"),
        ("/eco2/dev/", "letters"),
        ("eco2/dev", "letters"),
        ("/eco2/ünder", "letters"),
        ("/" + "/".join("a" * 16), "levels"),
        ("/aws/x", "aws or ssm"),
        ("/SSM-x", "aws or ssm"),
        ("/a" + "b" * 900, "longer"),
    ],
)
def test_names_that_ssm_would_refuse(name: str, why: str) -> None:
    assert why in parameters.name_problem(name)


@pytest.mark.parametrize("name", ["/eco2/dev/a", "/a.b/c_d/e-f", "/" + "/".join("a" * 15)])
def test_names_that_ssm_takes(name: str) -> None:
    assert parameters.name_problem(name) == ""


@given(st.lists(st.integers()), st.integers(1, 12))
def test_batches_lose_nothing_and_are_never_too_long(items: list[int], size: int) -> None:
    parts = list(ssm.batches(items, size))
    assert [item for part in parts for item in part] == items
    assert all(1 <= len(part) <= size for part in parts)


def test_pairs() -> None:
    expected: list[dict[str, Any]] = [{"Key": "a", "Value": "b"}]
    assert ssm.pairs({"a": "b"}) == expected
