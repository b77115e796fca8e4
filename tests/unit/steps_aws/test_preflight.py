"""All problems at once, each with its cure, and nothing touched."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError, EndpointConnectionError
from botocore.session import Session
from moto import mock_aws

from bootstrap.aws import environments
from bootstrap.aws.api import Api
from bootstrap.aws.state_file import ids
from bootstrap.config import parameters
from bootstrap.config.model import Backup, Environment, Generate, Seed
from bootstrap.core.errors import PreflightError, Problem, TemporaryError
from bootstrap.run.events import Notice
from bootstrap.steps import preflight
from tests.aws_context import ACCOUNT, NODE, REGION, World, client, environment, new_client, world


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


def test_parameters_must_find_room(config: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parameters, "MOST_PARAMETERS", 2)
    for name in ("/eco2/dev/a", "/theirs"):
        client("ssm").put_parameter(Name=name, Value="x", Type="String")
    a, b = Seed("a", generate=Generate()), Seed("b", generate=Generate())
    preflight.run(world(replace(config, seeds=(a,))).context)
    found = problems(world(replace(config, seeds=(a, b))))["SSM parameters"]
    assert found.what == f"1 new parameters are needed, 2 of 2 are in use in {REGION}"


def test_our_own_parameters_and_bucket_are_no_collision(config: Environment) -> None:
    client("ssm").put_parameter(Name="/eco2/dev/x", Value="x", Type="String", Tags=tags("dev"))
    assert preflight.run(world(config).context).summary


def test_a_missing_permission_is_one_problem_among_others(config: Environment) -> None:
    denied = {
        "Error": {"Code": "UnauthorizedOperation", "Message": "no"},
        "ResponseMetadata": {"HTTPStatusCode": 403},
    }

    def connect(service: str) -> Any:
        made = new_client(service)
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
        raise_on = new_client(service)
        raise_on.meta.events.register("before-call", unplugged)
        return raise_on

    def unplugged(**_: Any) -> None:
        raise EndpointConnectionError(endpoint_url="https://sts")

    with pytest.raises(TemporaryError):
        preflight.run(world(config, client=connect).context)


def said(here: World) -> str:
    return "\n".join(notice.message for notice in here.of(Notice))


def pairs(config: Environment) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in config.tags.items()]


def test_a_role_of_our_name_in_other_hands_is_refused(config: Environment) -> None:
    client("iam").create_role(RoleName="eco2-dev-worker", AssumeRolePolicyDocument="{}")
    client("iam").create_role(
        RoleName="eco2-dev-control-plane", AssumeRolePolicyDocument="{}", Tags=pairs(config)
    )
    found = problems(world(config))
    assert found.keys() == {"names"}
    assert "role/eco2-dev-worker exists and is not ours" in found["names"].what


def test_an_alias_of_our_name_in_other_hands_is_refused(config: Environment) -> None:
    key = client("kms").create_key()["KeyMetadata"]["KeyId"]
    client("kms").create_alias(AliasName="alias/eco2-dev", TargetKeyId=key)
    assert "alias/eco2-dev exists" in problems(world(config))["names"].what
    tags = [{"TagKey": name, "TagValue": value} for name, value in config.tags.items()]
    client("kms").tag_resource(KeyId=key, Tags=tags)
    assert preflight.run(world(config).context).summary


def test_another_cluster_of_our_name_is_refused_and_its_volumes_are_told(config: Environment) -> None:
    """As EKS tags them."""
    eks = [{"Key": "kubernetes.io/cluster/eco2-dev", "Value": "owned"}]
    specs: Any = [{"ResourceType": kind, "Tags": eks} for kind in ("vpc", "volume")]
    volume = client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=1, TagSpecifications=specs[1:])
    here = world(config)
    assert preflight.run(here.context).summary
    assert f"ec2 volume {volume['VolumeId']} carries the name of the cluster" in said(here)
    vpc = client("ec2").create_vpc(CidrBlock="10.9.0.0/16", TagSpecifications=specs[:1])["Vpc"]["VpcId"]
    assert f"ec2 VPC {vpc} carries the name of the cluster" in problems(world(config))["names"].what


def test_the_prefix_of_another_environment_is_refused(config: Environment) -> None:
    ssm = Api(client("ssm"))
    theirs = environments.Record("night", "x", REGION, "/eco2/dev")
    environments.write(ssm, replace(config, project="night", name="x"), theirs)
    assert problems(world(config))["SSM parameters"].what == "/eco2/dev is the prefix of night/x"


def test_a_second_record_of_our_name_is_told(config: Environment) -> None:
    ssm = Api(client("ssm"))
    for prefix in ("/eco2/dev", "/zzz"):
        there = replace(config, ssm_prefix=prefix)
        environments.write(ssm, there, environments.Record("eco2", "dev", REGION, prefix))
    here = world(config)
    assert preflight.run(here.context).summary
    assert "eco2/dev is not alone: it is claimed below /eco2/dev and /zzz" in said(here)


def test_a_bucket_of_backups_in_other_hands_is_refused(config: Environment) -> None:
    place: Any = {"LocationConstraint": REGION}
    name = f"eco2-dev-backups-{ACCOUNT}"
    client("s3").create_bucket(Bucket=name, CreateBucketConfiguration=place)
    client("s3").put_object(Bucket=name, Key="theirs", Body=b"x")
    assert name in problems(world(config))["state bucket"].what
    assert preflight.run(world(replace(config, backup=Backup(bucket="mine"))).context).summary


def test_what_is_denied_is_refused_by_name(config: Environment) -> None:
    def connect(service: str) -> Any:
        made = new_client(service)
        if service == "iam":
            made.meta.events.register_first("before-call.iam.SimulatePrincipalPolicy", deny)
        return made

    def deny(**_: Any) -> Any:
        results = [{"EvalActionName": "ec2:RunInstances", "EvalDecision": "implicitDeny"}]
        return AWSResponse("", 200, {}, None), {"EvaluationResults": results}

    found = problems(world(config, client=connect))
    assert "may not ec2:RunInstances" in found["permissions"].what


def test_what_cannot_be_looked_at_is_told_and_refuses_nothing(config: Environment) -> None:
    def connect(service: str) -> Any:
        made = new_client(service)
        if service == "iam":
            made.meta.events.register_first("before-call.iam.SimulatePrincipalPolicy", refuse)
        return made

    def refuse(**_: Any) -> None:
        error = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}
        raise ClientError(error, "SimulatePrincipalPolicy")

    here = world(config, client=connect)
    assert preflight.run(here.context).summary
    (notice,) = [text for text in said(here).splitlines() if "could not be checked beforehand" in text]
    assert "permissions (iam:SimulatePrincipalPolicy failed" in notice
    assert "quota of vCPUs of standard instances" in notice, "moto knows none"


def test_too_many_networks_are_refused_with_the_command_that_asks_for_more(config: Environment) -> None:
    for number in range(5):
        client("ec2").create_vpc(CidrBlock=f"10.{number}.0.0/16")
    found = problems(world(config))
    assert found["quotas"].what.startswith("VPCs: 1 more are needed, 6 of 5 are in use")
    assert "--quota-code L-F678F1CE --desired-value 7" in found["quotas"].cure


def test_credentials_that_end_too_soon_are_refused(
    config: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_session_token": "t"}

    def connect(service: str) -> Any:
        return boto3.client(service, region_name=REGION, **keys) if service == "sts" else client(service)

    here = world(config, client=connect)
    soon = datetime.fromtimestamp(here.context.clock.now() + 120, UTC).isoformat()
    monkeypatch.setenv("AWS_SESSION_TOKEN", "t")
    monkeypatch.setenv("AWS_CREDENTIAL_EXPIRATION", soon)
    found = problems(here)
    assert "expire in 2 min" in found["AWS credentials"].what
    monkeypatch.delenv("AWS_CREDENTIAL_EXPIRATION")
    here = world(config, client=connect)
    assert preflight.run(here.context).summary
    assert "nothing tells when they expire" in said(here)


def test_what_an_earlier_run_left_is_told_with_its_fate(config: Environment) -> None:
    made = client("ec2").create_vpc(
        CidrBlock="10.9.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": pairs(config)}]
    )["Vpc"]["VpcId"]
    here = world(config)
    assert preflight.run(here.context).summary
    assert f"not in Terraform's state: {made}" in said(here)
    assert "will be taken over" in said(here)
    refusing = replace(config, terraform=replace(config.terraform, orphans="refuse"))
    here = world(refusing)
    assert preflight.run(here.context).summary
    assert "will be refused" in said(here)


def test_what_the_state_knows_was_not_left(config: Environment) -> None:
    state = b'{"version": 4, "resources": [{"instances": [{"attributes": {"id": "vpc-1"}}, {}]}, {}]}'
    assert ids(state) == {"vpc-1"}
