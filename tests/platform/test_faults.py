"""Faults of the field at AWS's edge, against the real Terraform, the real provider and real boto3."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import boto3
import pytest

from bootstrap.aws.errors import CURE_CREDENTIALS
from bootstrap.config.model import Fallback, Generate, Seed
from bootstrap.core.errors import LockedError, ToolError
from bootstrap.local.aws import override
from bootstrap.run.context import Force
from bootstrap.run.events import Notice, StepProgress
from bootstrap.steps import seeds, terraform
from bootstrap.steps.backend import StateBackend
from bootstrap.terraform.shortage import Shortage, default_zone
from tests.aws_edge import ALWAYS, Edge, Fault, Refusal, edge
from tests.local_credentials import LOCAL
from tests.platform.dev_world import NODES, Dev, local_aws, small

pytestmark = pytest.mark.platform

NUMBERS = itertools.count(1)
MACHINES = """
variable "nodes" { type = map(object({ instance_type = string, zone = optional(number) })) }
data "aws_availability_zones" "all" { state = "available" }
resource "aws_instance" "node" {
  for_each          = var.nodes
  ami               = "ami-0a1b2c3d4e5f60001"
  instance_type     = each.value.instance_type
  availability_zone = sort(data.aws_availability_zones.all.names)[
    coalesce(each.value.zone, parseint(substr(md5(each.key), 0, 6), 16) % 3)
  ]
  tags = { Name = each.key, "bootstrap:node" = each.key }
}
"""
MACHINE = """
resource "aws_instance" "machine" {
  ami                  = "ami-0a1b2c3d4e5f60001"
  instance_type        = "t3.small"
  iam_instance_profile = "new"
  depends_on           = [aws_ssm_parameter.fact]
}
"""
INVISIBLE = Refusal(
    400,
    "InvalidParameterValue",
    "Value (new) for parameter iamInstanceProfile.name is invalid. Invalid IAM Instance Profile name",
)
ZONES = ("ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2c")


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with local_aws(tmp_path_factory.mktemp("aws")) as url, edge(url) as made:
        iam = boto3.client("iam", **override.client_settings(url, "ap-northeast-2", LOCAL))
        iam.create_instance_profile(InstanceProfileName="new")
        yield made


@pytest.fixture
def here(aws: Edge, tmp_path: Path) -> Iterator[Dev]:
    """The machines of the dev stack, and nothing around them."""
    aws.faults.clear()
    yield small(tmp_path, f"env-{next(NUMBERS)}", aws, MACHINES)
    aws.faults.clear()


@pytest.fixture
def stack(aws: Edge, tmp_path: Path) -> Iterator[Dev]:
    """A stack that is made in no time, with two seeds."""
    aws.faults.clear()
    generated = (Seed("database/password", generate=Generate()), Seed("cache/password", generate=Generate()))
    made = small(tmp_path, f"env-{next(NUMBERS)}", aws, MACHINE, seeds=generated)
    made.config = replace(made.config, terraform=replace(made.config.terraform, capacity_patience=3))
    yield made
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


def index_of(text: str, said: list[str]) -> int:
    return next(index for index, message in enumerate(said) if text in message)


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
    assert here.up()
    said = [event.message for event in here.world.events if isinstance(event, StepProgress | Notice)]
    told = index_of(f"EC2 has no capacity for t3.medium in {zone}", said)
    assert told < index_of("trying elsewhere", said)
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


def keys(here: Dev) -> int:
    return here.inventory()["kms key"]


def test_throttled_writes_are_paced_and_a_second_run_writes_nothing(stack: Dev) -> None:
    """Fault 7, past what boto3 bears by itself."""
    stack.aws.faults.append(
        Fault("ssm", "PutParameter", Refusal(400, "ThrottlingException", "Rate exceeded"), times=6, skip=1)
    )
    assert stack.run(terraform, seeds)[-1].changed
    stack.aws.seen.clear()
    assert not stack.run(terraform, seeds)[-1].changed
    assert stack.aws.count("ssm", "PutParameter") == 0


def test_a_profile_that_is_not_visible_yet_is_waited_for(stack: Dev) -> None:
    """Fault 9, first half."""
    stack.aws.faults.append(Fault("ec2", "RunInstances", INVISIBLE, times=2))
    assert stack.up()
    assert stack.aws.count("ec2", "RunInstances") == 3


def test_what_is_not_allowed_fails_at_once(stack: Dev) -> None:
    """Fault 9, second half."""
    stack.aws.seen.clear()
    stack.aws.faults.append(Fault("ec2", "RunInstances", Refusal(403, "UnauthorizedOperation"), times=ALWAYS))
    with pytest.raises(ToolError, match="UnauthorizedOperation") as failed:
        stack.up()
    assert "allow what the message names" in failed.value.cure
    assert stack.aws.count("ec2", "RunInstances") == 1, "not tried again"
    stack.aws.faults.clear()
    assert stack.up()
    assert keys(stack) == 1


def test_credentials_that_expire_in_the_middle_lose_nothing(stack: Dev) -> None:
    """Faults 10, 3 and 1: the apply stops, its state cannot be uploaded, its lock cannot be given back."""
    expired = "ExpiredTokenException"
    stack.aws.faults += [
        Fault("ssm", "PutParameter", Refusal(400, expired), times=ALWAYS),
        Fault("s3", "PUT .*tfstate", Refusal(400, "ExpiredToken"), times=ALWAYS),
        Fault("s3", "DELETE .*tflock", Refusal(400, "ExpiredToken"), times=ALWAYS, skip=1),
    ]
    with pytest.raises(ToolError, match=r"expired|ExpiredToken") as failed:
        stack.up()
    assert failed.value.cure == CURE_CREDENTIALS
    assert (stack.config.state / "terraform" / "dev" / "errored.tfstate").exists()
    stack.aws.faults.clear()

    assert stack.up()
    said = "\n".join(notice.message for notice in stack.world.of(Notice))
    assert "broke the Terraform state lock" in said
    assert "errored.tfstate" in said
    assert keys(stack) == 1, "made once"
    assert not stack.up()


def test_a_lock_of_somebody_else_takes_the_users_word(stack: Dev) -> None:
    """Fault 1, without proof: named with its age, and broken only when told to."""
    assert stack.up()
    found = stack.world.context.results.get(StateBackend)
    lock = {
        "ID": "5f1c",
        "Operation": "OperationTypeApply",
        "Who": "alice@build-7",
        "Version": "1.11.4",
        "Created": "2026-01-02T03:04:05.6Z",
    }
    body = json.dumps(lock).encode()
    stack.client("s3").put_object(Bucket=found.bucket, Key=f"{found.key}.tflock", Body=body)
    with pytest.raises(LockedError, match=r"5f1c is held by alice@build-7 .* days old") as refused:
        stack.up()
    assert refused.value.cure.endswith("--force-unlock 5f1c")
    with pytest.raises(LockedError):
        stack.up(force=Force(unlock="another"))
    assert not stack.up(force=Force(unlock="5f1c"))
    assert not stack.up()
