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

from bootstrap.aws.inventory import Resource
from bootstrap.errors import LeftoverError
from bootstrap.events import Notice
from bootstrap.local.aws.mends import bucket_policies
from bootstrap.steps import backend, destroy, leftovers
from tests.aws_context import World, client, environment, world

OURS = [{"Key": "bootstrap:project", "Value": "eco2"}, {"Key": "bootstrap:environment", "Value": "dev"}]


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bucket_policies.mend(monkeypatch.setattr)
    with mock_aws():
        yield


def here(home: Path, **target: Any) -> World:
    return world(environment(home), keep_state_bucket=False, **target)


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


def test_the_state_bucket_goes_last_with_all_its_versions(tmp_path: Path) -> None:
    world_ = here(tmp_path)
    backend.run(world_.context)
    found = backend.find(world_.context)
    assert found
    for body in (b"1", b"2"):
        client("s3").put_object(Bucket=found.bucket, Key=found.key, Body=body)
    assert leftovers.run(world_.context).changed
    assert client("s3").list_buckets()["Buckets"] == []


def test_a_target_may_keep_the_bucket(tmp_path: Path) -> None:
    kept = world(environment(tmp_path), keep_state_bucket=True)
    backend.run(kept.context)
    done = leftovers.run(kept.context)
    assert "kept the state bucket" in done.summary
    assert not done.changed
    assert len(client("s3").list_buckets()["Buckets"]) == 1


def test_what_is_left_is_named_with_a_command_and_the_state_stays(tmp_path: Path) -> None:
    world_ = here(tmp_path)
    backend.run(world_.context)
    tagged = [{"ResourceType": "volume", "Tags": OURS}]
    volume = client("ec2").create_volume(
        AvailabilityZone="ap-northeast-2a", Size=1, TagSpecifications=tagged
    )["VolumeId"]
    with pytest.raises(LeftoverError) as left:
        leftovers.run(replace(world_.context, deadline=1.0))
    (problem,) = left.value.problems
    assert volume in problem.where
    assert problem.cure == f"aws ec2 delete-volume --volume-id {volume}"
    assert len(client("s3").list_buckets()["Buckets"]) == 1
    assert client("ec2").describe_volumes()["Volumes"]


def test_what_takes_its_time_to_go_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    going = Resource("ec2 volume", "vol-1", "")
    seen = [(going,), (going,), ()]
    monkeypatch.setattr(leftovers, "inventory", lambda *_: seen.pop(0))
    assert leftovers.run(here(tmp_path).context).summary == "0 parameters removed, nothing left"


@given(st.text(alphabet="abc/", max_size=12))
def test_only_what_machines_write_below_our_prefix_is_theirs(rest: str) -> None:
    assert leftovers.written_by_machines(f"/p/nodes/{rest}", "/p")
    assert not leftovers.written_by_machines(f"/p/other/{rest}", "/p")
    assert not leftovers.written_by_machines(f"/q/nodes/{rest}", "/p")
    assert not leftovers.written_by_machines(f"/pnodes/{rest}", "/p")
