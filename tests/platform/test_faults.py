"""Faults of the field at AWS's edge, against the real Terraform, the real provider and real boto3."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.config.model import Fallback
from bootstrap.events import Notice, StepProgress
from bootstrap.terraform.shortage import Shortage, default_zone
from tests.aws_edge import ALWAYS, Edge, Fault, Refusal, edge
from tests.platform.dev_world import NODES, Dev, dev, local_aws

pytestmark = pytest.mark.platform

NUMBERS = itertools.count(1)
ZONES = ("ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2c")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with local_aws(tmp_path_factory.mktemp("aws")) as url, edge(url) as made:
        yield made


@pytest.fixture
def here(aws: Edge, tmp_path: Path) -> Iterator[Dev]:
    aws.faults.clear()
    yield dev(tmp_path, f"env-{next(NUMBERS)}", aws)
    aws.faults.clear()


def no_room(kind: str, zone: str, times: int = ALWAYS) -> Fault:
    place = f"in the Availability Zone you requested ({zone})"
    message = f"We currently do not have sufficient {kind} capacity {place}."
    return Fault(
        "ec2",
        "RunInstances",
        Refusal(500, "InsufficientInstanceCapacity", message),
        times=times,
        when=lambda body: f"InstanceType={kind}&".encode() in body,
    )


def test_no_room_is_told_at_once_and_the_machine_goes_elsewhere(here: Dev) -> None:
    """Fault 5. The provider says nothing but "Still creating" for up to an hour."""
    zone = ZONES[default_zone("worker-ai")]
    here.aws.faults.append(no_room("t3.medium", zone))
    nodes = tuple(
        replace(node, fallback=Fallback(("t3a.medium",))) if node.name == "worker-ai" else node
        for node in here.config.nodes
    )
    patience = replace(here.config.terraform, capacity_patience=3)
    here.config = replace(here.config, nodes=nodes, terraform=patience)
    start = time.monotonic()
    assert here.up()
    assert time.monotonic() - start < 120
    said = [event.message for event in here.world.of(StepProgress)]
    assert any(f"EC2 has no capacity for t3.medium in {zone}" in message for message in said)
    assert any("trying elsewhere" in notice.message for notice in here.world.of(Notice))
    assert not here.up(), "it stays where it is, although its own type comes first"
    assert len(here.inventory()) and here.inventory()["ec2 instance"] == len(NODES)
    state = json.dumps(sorted(path.name for path in here.world.context.run_folder.iterdir()))
    assert "provider" not in state, "the provider's log is nowhere"


def test_without_an_alternative_it_stops_and_offers_one(here: Dev) -> None:
    zone = ZONES[default_zone("api-auth")]
    here.aws.faults.append(no_room("t3.small", zone))
    here.config = replace(here.config, terraform=replace(here.config.terraform, capacity_patience=3))
    with pytest.raises(Shortage, match=f"t3.small in {zone}") as stopped:
        here.up()
    assert "fallback" in stopped.value.cure
    assert "sufficient t3.small capacity" in stopped.value.why
    here.aws.faults.clear()
    assert here.up()
    assert here.inventory()["ec2 instance"] == len(NODES)
