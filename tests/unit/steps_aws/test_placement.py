"""Terraform is run again elsewhere while there is somewhere to go, and never in a circle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from moto import mock_aws

from bootstrap.config.model import Fallback
from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.run.step import Done
from bootstrap.steps import placement, terraform
from bootstrap.terraform.shortage import Place, Shortage, Spot
from tests.aws_context import NODE, REGION, World, client, environment, world

ZONE = f"{REGION}a"


@pytest.fixture
def dev(tmp_path: Path) -> Iterator[World]:
    node = replace(NODE, zone=0, fallback=Fallback(("m5.large", "c5.large")))
    with mock_aws():
        yield world(environment(tmp_path, nodes=(node,)))


class Full:
    """Terraform where only some instance types find room."""

    def __init__(self, *room: str) -> None:
        self.room, self.tried = room, list[str]()

    def __call__(self, context: Context, places: Mapping[str, Place]) -> Done:
        kind = places[NODE.name].instance_type if places else NODE.instance_type
        self.tried.append(kind)
        if kind in self.room:
            return Done("made")
        raise Shortage(frozenset({Spot(kind, ZONE)}), f"no {kind}")


def test_it_goes_on_until_there_is_room(dev: World, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Full("c5.large")
    monkeypatch.setattr(terraform, "_converge", full)
    assert terraform.run(dev.context).summary == "made"
    assert full.tried == [NODE.instance_type, "m5.large", "c5.large"]
    assert len(dev.of(Notice)) == 2


def test_it_ends_when_there_is_none(dev: World, monkeypatch: pytest.MonkeyPatch) -> None:
    full = Full()
    monkeypatch.setattr(terraform, "_converge", full)
    with pytest.raises(Shortage, match=r"node cp has no other place: no c5\.large"):
        terraform.run(dev.context)
    assert full.tried == [NODE.instance_type, "m5.large", "c5.large"]


def test_a_shortage_nobody_knows_where_is_not_tried_again(
    dev: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def converge(context: Context, places: Mapping[str, Place]) -> Done:
        tried.append(places)
        raise Shortage(frozenset({Spot("", "")}), "no room")

    monkeypatch.setattr(terraform, "_converge", converge)
    with pytest.raises(Shortage, match="no room"):
        terraform.run(dev.context)
    assert len(tried) == 1


def test_without_alternatives_aws_is_not_asked(tmp_path: Path) -> None:
    assert placement.placed(world(environment(tmp_path), client=str).context) == {}


def test_a_machine_that_runs_stays_where_it_is(dev: World) -> None:
    tags = {**dev.context.config.tags, "bootstrap:node": NODE.name}
    pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
    ec2 = client("ec2")
    made = ec2.run_instances(
        ImageId="ami-1",
        InstanceType="m5.large",
        MinCount=1,
        MaxCount=1,
        Placement={"AvailabilityZone": ZONE},
        TagSpecifications=[{"ResourceType": "instance", "Tags": pairs}],
    )["Instances"][0]["InstanceId"]
    assert placement.placed(dev.context) == {NODE.name: Place("m5.large", 0)}
    ec2.terminate_instances(InstanceIds=[made])
    assert placement.placed(dev.context) == {NODE.name: Place(NODE.instance_type, 0)}
