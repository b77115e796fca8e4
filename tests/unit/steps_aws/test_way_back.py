"""Leftovers: what is ours goes, what is not stays, what cannot go is named."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from bootstrap.aws import environments
from bootstrap.aws.api import Api
from bootstrap.config.model import KEEP, REMOVE, Backup, Generate, Seed, Teardown
from bootstrap.core.errors import LeftoverError
from bootstrap.local.aws.patches import bucket_policies
from bootstrap.recovery.keys import KmsKey
from bootstrap.run.events import Notice, ResourceChanged, ResourceKept, ResourceLeft
from bootstrap.run.target import TerraformSettings
from bootstrap.steps import backend, destroy, keep, leftovers, seeds, sweep
from bootstrap.steps.terraform import Outputs
from tests.aws_context import World, client, environment, world

BACKUPS_OF = {"bootstrap:backups-of": "eco2/dev"}
CANARY = "canary-5f2e9c71"
OURS = [{"Key": "bootstrap:project", "Value": "eco2"}, {"Key": "bootstrap:environment", "Value": "dev"}]


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bucket_policies.apply(monkeypatch.setattr)
    with mock_aws():
        yield


def here(home: Path, **target: Any) -> World:
    return world(environment(home), settings=TerraformSettings(keep_state_bucket=False), **target)


def put(name: str, ours: bool = False) -> None:
    tags = {"Tags": OURS} if ours else {}
    client("ssm").put_parameter(Name=name, Value="x", Type="String", **tags)


def names() -> set[str]:
    return {item["Name"] for item in client("ssm").describe_parameters()["Parameters"]}


def test_nothing_there_is_nothing_to_do(tmp_path: Path) -> None:
    empty = here(tmp_path)
    assert not destroy.run(empty.context).changed
    done = leftovers.run(empty.context)
    assert not done.changed
    assert done.summary == "0 parameters removed, nothing left"


def test_our_parameters_and_the_machines_go_and_others_stay(tmp_path: Path) -> None:
    put("/eco2/dev/database/auth/postgres-password", ours=True)
    for name in ("cluster/kubeconfig", "cluster/join", "nodes/api-1/status"):
        put(f"/eco2/dev/{name}")
    for name in (
        "/eco2/dev/theirs",
        "/eco2/dev/cluster/joined",
        "/eco2/development/nodes/a",
        "/other/nodes/a",
    ):
        put(name)
    after = here(tmp_path)
    assert leftovers.run(after.context).summary.startswith("4 parameters removed")
    assert names() == {
        "/eco2/dev/theirs",
        "/eco2/dev/cluster/joined",
        "/eco2/development/nodes/a",
        "/other/nodes/a",
    }
    (notice,) = after.of(Notice)
    assert "/eco2/dev/theirs" in notice.message


def test_below_a_prefix_of_another_environment_only_what_is_tagged_as_ours_goes(tmp_path: Path) -> None:
    """A configuration that names a neighbour's prefix: its kubeconfig and its volumes are not ours."""
    after, ssm = here(tmp_path), Api(client("ssm"))
    neighbour = replace(after.context.config, project="night", name="x")
    environments.write(ssm, neighbour, environments.Record("night", "x", neighbour.region, "/eco2/dev"))
    put("/eco2/dev/cluster/kubeconfig")
    put("/eco2/dev/mine", ours=True)
    theirs = volume([{"Key": "bootstrap:ssm-prefix", "Value": "/eco2/dev"}])
    leftovers.run(after.context)
    assert names() == {"/eco2/dev/cluster/kubeconfig", environments.name(neighbour)}
    assert client("ec2").describe_volumes(VolumeIds=[theirs])["Volumes"]


def test_a_strangers_is_named_and_stays(tmp_path: Path) -> None:
    world_ = here(tmp_path)
    theirs = volume([{"Key": "kubernetes.io/cluster/eco2-dev", "Value": "owned"}])
    sweep.run(world_.context)
    leftovers.run(world_.context)
    assert client("ec2").describe_volumes(VolumeIds=[theirs])["Volumes"]
    assert world_.of(ResourceChanged) == world_.of(ResourceKept) == []
    assert f"not proved to be ours: ec2 volume {theirs}" in world_.of(Notice)[0].message


def test_the_state_bucket_goes_last_with_all_its_versions(tmp_path: Path) -> None:
    world_ = here(tmp_path)
    backend.run(world_.context)
    found = backend.find(world_.context)
    assert found
    for body in (b"1", b"2"):
        client("s3").put_object(Bucket=found.bucket, Key=found.key, Body=body)
    assert leftovers.run(world_.context).changed
    assert client("s3").list_buckets()["Buckets"] == []
    assert world_.of(ResourceKept) == [], "nobody says that it stays"


def test_a_target_may_keep_the_bucket(tmp_path: Path) -> None:
    kept = world(environment(tmp_path))
    backend.run(kept.context)
    done = leftovers.run(kept.context)
    (event,) = kept.of(ResourceKept)
    assert "s3 bucket" in event.resource
    assert event.resource in done.summary
    assert not done.changed
    assert len(client("s3").list_buckets()["Buckets"]) == 1


def volume(tags: list[dict[str, str]]) -> str:
    tagged = [{"ResourceType": "volume", "Tags": tags}]
    made = client("ec2").create_volume(AvailabilityZone="ap-northeast-2a", Size=1, TagSpecifications=tagged)
    return str(made["VolumeId"])


def test_what_is_ours_goes_and_a_strangers_stays(tmp_path: Path) -> None:
    world_ = here(tmp_path)
    mine, theirs = volume(OURS), volume([{"Key": "Name", "Value": "theirs"}])
    leftovers.run(world_.context)
    assert [each["VolumeId"] for each in client("ec2").describe_volumes()["Volumes"]] == [theirs]
    (removed,) = world_.of(ResourceChanged)
    assert (removed.action, removed.resource) == ("delete", f"ec2 volume {mine}")


def test_what_cannot_go_is_named_with_a_command_and_the_state_stays(tmp_path: Path) -> None:
    """A volume that a stranger's machine holds."""
    world_ = here(tmp_path)
    backend.run(world_.context)
    held = volume(OURS)
    machine = client("ec2").run_instances(ImageId="ami-1", MinCount=1, MaxCount=1)["Instances"][0][
        "InstanceId"
    ]
    client("ec2").attach_volume(VolumeId=held, InstanceId=machine, Device="/dev/sdx")
    with pytest.raises(LeftoverError) as left:
        leftovers.run(replace(world_.context, deadline=1.0))
    (problem,) = left.value.problems
    assert held in problem.where
    assert problem.cure == f"aws ec2 delete-volume --volume-id {held}"
    (event,) = world_.of(ResourceLeft)
    assert held in event.resource
    assert len(client("s3").list_buckets()["Buckets"]) == 1
    assert client("ec2").describe_volumes(VolumeIds=[held])["Volumes"]


def keeping(home: Path) -> World:
    seeds = (Seed("database/password", generate=Generate()),)
    return world(
        environment(home, seeds=seeds, teardown=Teardown(secrets=KEEP)),
        settings=TerraformSettings(keep_state_bucket=False),
    )


def test_secrets_may_outlive_the_environment_and_its_key(tmp_path: Path) -> None:
    name, key = "/eco2/dev/database/password", client("kms").create_key()["KeyMetadata"]["Arn"]
    client("ssm").put_parameter(Name=name, Value=CANARY, Type="SecureString", KeyId=key, Tags=OURS)
    put("/eco2/dev/other", ours=True)
    after = keeping(tmp_path)
    assert keep.run(after.context).changed
    assert not keep.run(after.context).changed
    leftovers.run(after.context)
    assert names() == {name}
    (found,) = client("ssm").describe_parameters()["Parameters"]
    assert found["KeyId"] == keep.ACCOUNT_KEY
    (event,) = after.of(ResourceKept)
    assert name in event.resource
    assert CANARY not in str(after.events)
    after.context.results.put(Outputs({"kms_key_arn": key}))
    seeds.run(after.context)  # the next `up` takes it over
    (found,) = client("ssm").describe_parameters()["Parameters"]
    assert found["KeyId"] == key
    assert client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"] == CANARY
    assert not seeds.run(after.context).changed


def test_what_controllers_left_goes_before_terraform_and_strangers_are_named(tmp_path: Path) -> None:
    ec2, world_ = client("ec2"), here(tmp_path)
    tags = [{"ResourceType": "vpc", "Tags": OURS}]
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=tags)["Vpc"]["VpcId"]
    marks = [{"Key": "elbv2.k8s.aws/cluster", "Value": "eco2-dev"}]
    group = [{"ResourceType": "security-group", "Tags": marks}]
    ec2.create_security_group(GroupName="k8s", Description="k8s", VpcId=vpc, TagSpecifications=group)
    attached = volume([{"Key": "bootstrap:ssm-prefix", "Value": "/eco2/dev"}])
    sweep.run(world_.context)
    (gone,) = world_.of(ResourceChanged)
    assert "ec2 security group" in gone.resource
    assert ec2.describe_volumes(VolumeIds=[attached])["Volumes"]  # a machine may hold it yet
    strange = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc)["GroupId"]
    with pytest.raises(LeftoverError) as left:
        sweep.run(world_.context)
    (problem,) = left.value.problems
    assert strange in problem.where
    assert "carries no tag of ours" in problem.what
    assert ec2.describe_security_groups(GroupIds=[strange])["SecurityGroups"]


@given(st.text(alphabet="abc/", max_size=12))
def test_only_what_machines_write_below_our_prefix_is_theirs(rest: str) -> None:
    assert leftovers.written_by_machines(f"/p/nodes/{rest}", "/p")
    assert not leftovers.written_by_machines(f"/p/other/{rest}", "/p")
    assert not leftovers.written_by_machines(f"/q/nodes/{rest}", "/p")
    assert not leftovers.written_by_machines(f"/pnodes/{rest}", "/p")


@pytest.mark.parametrize(
    ("teardown", "backup", "tags", "state"),
    [
        (Teardown(backups=REMOVE), Backup(), BACKUPS_OF, "PendingDeletion"),
        (Teardown(backups=REMOVE), Backup(bucket="mine"), BACKUPS_OF, "Enabled"),
        (Teardown(backups=REMOVE), Backup(), {"owner": "somebody"}, "Enabled"),
        (Teardown(), Backup(), BACKUPS_OF, "Enabled"),
    ],
)
def test_the_key_of_the_backups_goes_with_them_only(
    tmp_path: Path, teardown: Teardown, backup: Backup, tags: dict[str, str], state: str
) -> None:
    _, wrapped = KmsKey(Api(client("kms")), "alias/eco2-dev-backups", tags).new({"backup": "1"})
    config = replace(environment(tmp_path), teardown=teardown, backup=backup)
    for _ in range(2):
        leftovers.run(world(config, settings=TerraformSettings(keep_state_bucket=False)).context)
    assert client("kms").describe_key(KeyId=wrapped["key"])["KeyMetadata"]["KeyState"] == state
