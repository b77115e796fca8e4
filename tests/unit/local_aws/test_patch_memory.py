"""Patches that save memory and time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.local_aws.machines import ApplyPatch

Aws = Callable[[str], Any]


def put_versions(aws: Aws) -> None:
    s3 = aws("s3")
    s3.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "ap-northeast-2"})
    for content in (b"1", b"2", b"3"):
        s3.put_object(Bucket="state", Key="terraform.tfstate", Body=content)


@pytest.mark.parametrize("patched", [False, True])
def test_what_is_overwritten_is_forgotten(
    aws: Aws, patch: ApplyPatch, monkeypatch: pytest.MonkeyPatch, patched: bool
) -> None:
    from moto.s3.models import FakeKey  # noqa: PLC0415 - moto is loaded by the fixture

    tracked: list[Any] = []
    monkeypatch.setattr(FakeKey, "instances_tracked", tracked)
    if patched:
        patch("tracking")
    put_versions(aws)
    assert len(tracked) == (0 if patched else 3)
    assert aws("s3").get_object(Bucket="state", Key="terraform.tfstate")["Body"].read() == b"3"


def test_the_methods_of_a_service_are_listed_once(
    aws: Aws, patch: ApplyPatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    from moto.core import utils  # noqa: PLC0415 - as above

    from bootstrap.local.aws.patches import lookups  # noqa: PLC0415 - as above

    listed: list[Any] = []

    def listing(service: Any) -> list[str]:
        listed.append(service)
        return utils.method_names_from_class(service)

    monkeypatch.setattr(lookups, "method_names_from_class", listing)
    patch("lookups")
    for _ in range(2):
        aws("iam").list_roles()
    assert len(listed) == 1


@pytest.mark.parametrize("patched", [False, True])
def test_only_one_partition_is_made(aws: Aws, patch: ApplyPatch, patched: bool) -> None:
    from moto.iam.models import get_account_id_from, iam_backends  # noqa: PLC0415 - as above

    if patched:
        patch("partitions")
    aws("iam").create_role(RoleName="node", AssumeRolePolicyDocument="{}")
    assert get_account_id_from("local") == "123456789012"
    partitions = list(iam_backends["123456789012"])
    assert (partitions == ["aws"]) is patched


@pytest.mark.parametrize("location_type", ["region", "availability-zone", "availability-zone-id"])
def test_what_a_region_offers_is_the_same_and_loaded_when_asked_for(
    aws: Aws, patch: ApplyPatch, location_type: str
) -> None:
    from moto.ec2.models import instance_types  # noqa: PLC0415 - as above

    def offered() -> Any:
        wanted = [{"Name": "instance-type", "Values": ["t3.small"]}]
        found = aws("ec2").describe_instance_type_offerings(LocationType=location_type, Filters=wanted)
        return found["InstanceTypeOfferings"]

    before = offered()
    patch("offerings")
    assert not instance_types.INSTANCE_TYPE_OFFERINGS[location_type]
    assert offered() == before != []
    assert list(instance_types.INSTANCE_TYPE_OFFERINGS[location_type]) == ["ap-northeast-2"]


def test_a_region_that_is_unknown_offers_nothing(patch: ApplyPatch) -> None:
    from moto.ec2.models import instance_types  # noqa: PLC0415 - as above

    patch("offerings")
    assert instance_types.INSTANCE_TYPE_OFFERINGS["region"].get("atlantis-1", []) == []
    with pytest.raises(KeyError):
        instance_types.INSTANCE_TYPE_OFFERINGS["region"]["atlantis-1"]
