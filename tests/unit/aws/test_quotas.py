"""What fits into an account: counted from what runs there and what is missing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.aws.quotas import Quota, quotas, shortfall
from bootstrap.config.model import Environment
from tests.aws_context import NODE, client, environment


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Environment]:
    with mock_aws():
        yield environment(tmp_path)


def connect(service: str) -> Api:
    return Api(client(service))


def run(kind: str, **tags: str) -> str:
    pairs = [{"Key": key, "Value": value} for key, value in {"Name": "x", **tags}.items()]
    made = client("ec2").run_instances(
        ImageId="ami-1",
        InstanceType=kind,
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": pairs}],
    )
    identity: str = made["Instances"][0]["InstanceId"]
    return identity


def by_name(config: Environment) -> dict[str, Quota]:
    return {quota.name: quota for quota in quotas(connect, config)}


def test_what_is_missing_is_needed_and_what_runs_is_used(config: Environment) -> None:
    nodes = (
        NODE,
        replace(NODE, name="big", instance_type="m5.4xlarge"),
        replace(NODE, name="gpu", instance_type="p3.2xlarge"),
    )
    config = replace(config, nodes=nodes)
    run("c5.xlarge")
    client("ec2").terminate_instances(InstanceIds=[run("c5.xlarge")])
    found = by_name(config)
    cpus = found["vCPUs of standard instances"]
    assert (cpus.need, cpus.used) == (2 + 16, 4), "another family has another quota"
    assert found["VPCs"].need == 1
    assert (found["Elastic IP addresses"].need, found["Elastic IP addresses"].used) == (1, 0)


def test_what_is_there_already_is_not_needed_again(config: Environment) -> None:
    run("t3.medium", **{**config.tags, "bootstrap:node": NODE.name})
    cpus = by_name(config)["vCPUs of standard instances"]
    assert (cpus.need, cpus.used) == (0, 2)


class Quotas:
    """service-quotas, which moto knows little of."""

    def __init__(self, most: float) -> None:
        self.most = most

    def call(self, operation: str, **which: Any) -> dict[str, Any]:
        assert (operation, which) == ("get_service_quota", {"ServiceCode": "ec2", "QuotaCode": "L-1"})
        return {"Quota": {"Value": self.most}}


@pytest.mark.parametrize(("most", "fits"), [(33.0, True), (32.0, True), (31.0, False)])
def test_a_quota_is_exhausted_only_beyond_it(most: float, fits: bool) -> None:
    api: Any = Quotas(most)
    found = list(shortfall(lambda _: api, Quota("vCPUs", "ec2", "L-1", 28, 4)))
    assert bool(found) is not fits
    if found:
        what, cure = found[0]
        assert what == "vCPUs: 28 more are needed, 4 of 31 are in use"
        assert cure.endswith("--service-code ec2 --quota-code L-1 --desired-value 32")


def test_a_quota_that_nobody_tells_is_an_error_of_its_own(config: Environment) -> None:
    with pytest.raises(AwsError):
        list(shortfall(connect, Quota("x", "nothing", "L-0", 1, 0)))
