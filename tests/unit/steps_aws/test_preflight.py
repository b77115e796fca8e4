"""All problems at once, each with its cure, and nothing touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.session import Session
from moto import mock_aws

from bootstrap.config.model import Environment, Generate, Seed
from bootstrap.errors import PreflightError, Problem, TemporaryError
from bootstrap.steps import preflight
from tests.aws_context import ACCOUNT, NODE, REGION, World, client, environment, world


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Environment]:
    with mock_aws():
        yield environment(tmp_path)


def problems(here: World) -> dict[str, Problem]:
    with pytest.raises(PreflightError) as refused:
        preflight.run(here.context)
    assert all(problem.cure for problem in refused.value.problems)
    return {problem.where: problem for problem in refused.value.problems}


def tags(environment: str) -> list[dict[str, str]]:
    return [
        {"Key": "bootstrap:project", "Value": "eco2"},
        {"Key": "bootstrap:environment", "Value": environment},
    ]


def test_a_good_account_passes_and_nothing_is_changed(config: Environment) -> None:
    here = world(replace(config, account=ACCOUNT, seeds=(Seed("a/b", generate=Generate()),)))
    done = preflight.run(here.context)
    assert done.summary == f"account {ACCOUNT}, {REGION}"
    assert not done.changed
    assert client("s3").list_buckets()["Buckets"] == []


def test_everything_wrong_is_told_at_once(config: Environment) -> None:
    place = {"LocationConstraint": REGION}
    client("s3").create_bucket(Bucket=f"eco2-dev-tfstate-{ACCOUNT}", CreateBucketConfiguration=place)
    client("s3").put_object(Bucket=f"eco2-dev-tfstate-{ACCOUNT}", Key="theirs", Body=b"x")
    client("ssm").put_parameter(Name="/eco2/dev/x", Value="x", Type="String", Tags=tags("prod"))
    zone = client("route53").create_hosted_zone(Name="other.org", CallerReference="1")["HostedZone"]["Id"]
    found = problems(
        world(
            replace(
                config,
                nodes=(NODE, replace(NODE, name="gpu", instance_type="z9.huge")),
                network=replace(config.network, public_subnets=("10.0.0.0/24",) * 9),
                seeds=(Seed("token", from_env="BOOTSTRAP_TEST_NOT_SET", where="bootstrap.yaml:7"),),
                zone_id=zone.split("/")[-1],
            ),
        )
    )
    assert found.keys() == {
        "bootstrap.yaml:7",
        "availability zones",
        "instance types",
        "state bucket",
        "SSM parameters",
        "Route 53 zone",
    }
    assert "z9.huge (gpu)" in found["instance types"].what
    assert "/eco2/dev/x" in found["SSM parameters"].what
    assert "other.org" in found["Route 53 zone"].what


def test_the_wrong_account_is_the_only_thing_said_about_it(config: Environment) -> None:
    found = problems(world(replace(config, account="999999999999", zone_id="Z0")))
    assert found.keys() == {"AWS account"}
    assert ACCOUNT in found["AWS account"].what


def test_our_own_parameters_and_bucket_are_no_collision(config: Environment) -> None:
    client("ssm").put_parameter(Name="/eco2/dev/x", Value="x", Type="String", Tags=tags("dev"))
    assert preflight.run(world(config).context).summary


def test_a_missing_permission_is_one_problem_among_others(config: Environment) -> None:
    denied = {
        "Error": {"Code": "UnauthorizedOperation", "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }

    def connect(service: str) -> Any:
        made = client(service)
        if service == "ec2":
            made.meta.events.register("before-call", refuse)
        return made

    def refuse(**_: Any) -> None:
        raise ClientError(denied, "DescribeAvailabilityZones")

    found = problems(world(replace(config, zone_id="Z0"), client=connect))
    assert "ec2:DescribeAvailabilityZones" in found["availability zones"].cure
    assert "Route 53 zone" in found


def test_without_credentials_there_is_a_cure(config: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    bare = boto3.Session(botocore_session=Session(), region_name=REGION)
    found = problems(world(config, client=bare.client))
    assert "log in again" in found["AWS credentials"].cure


def test_no_network_is_no_verdict(config: Environment) -> None:
    def connect(service: str) -> Any:
        raise_on = client(service)
        raise_on.meta.events.register("before-call", unplugged)
        return raise_on

    def unplugged(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sts")

    with pytest.raises(TemporaryError):
        preflight.run(world(config, client=connect).context)
