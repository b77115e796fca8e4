"""Interfaces that a load balancer leaves behind: AWS takes them away itself, some minutes later."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws
from moto.ec2.models import ec2_backends

from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import LeftoverError
from bootstrap.local.aws.patches import load_balancers
from bootstrap.run.events import ResourceChanged, ResourceLeft
from bootstrap.steps import sweep
from tests.aws_context import ACCOUNT, REGION, World, client, environment, world
from tests.aws_resources import OURS, spec

GONE = "ELB app/k8s-shop/50dc6c495c0c9188"


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    load_balancers.apply(partial(monkeypatch.setattr, raising=False))
    with mock_aws():
        yield


class Later(FakeClock):
    """Does something once a time (seconds from the start) has come."""

    def __init__(self, at: float, then: Callable[[], object]) -> None:
        super().__init__()
        self._at, self._then = at, then

    def wait(self, seconds: float, cancel: threading.Event) -> bool:
        cancelled = super().wait(seconds, cancel)
        if self.monotonic() >= self._at:
            self._at = float("inf")
            self._then()
        return cancelled


def network() -> str:
    """A subnet of ours."""
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16", **spec("vpc", OURS))["Vpc"]["VpcId"]
    made = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24", **spec("subnet", OURS))
    return str(made["Subnet"]["SubnetId"])


def backend() -> Any:
    return ec2_backends[ACCOUNT][REGION]


def interface(description: str = GONE, managed: bool = True) -> str:
    made = client("ec2").create_network_interface(SubnetId=network(), Description=description)
    which = str(made["NetworkInterface"]["NetworkInterfaceId"])
    if managed:
        load_balancers.hold(backend().enis[which])
    return which


def let_go(which: str) -> None:
    load_balancers.let_go(backend().enis[which])


def goes(which: str) -> None:
    let_go(which)
    backend().delete_network_interface(which)


def here(home: Path, clock: FakeClock | None = None) -> World:
    return world(environment(home), clock=clock)


def problems(world_: World) -> list[tuple[str, str, str]]:
    with pytest.raises(LeftoverError) as left:
        sweep.run(world_.context)
    return [(problem.where, problem.what, problem.cure) for problem in left.value.problems]


@pytest.mark.parametrize("kind", ["app", "net", "gwy"])
def test_an_interface_of_a_load_balancer_that_is_gone_is_waited_for(tmp_path: Path, kind: str) -> None:
    card = interface(f"ELB {kind}/k8s-shop/50dc6c495c0c9188")
    clock = Later(20, lambda: goes(card))
    patient = here(tmp_path, clock)
    sweep.run(patient.context)
    assert 20 <= clock.monotonic() < 30
    (event,) = patient.of(ResourceChanged)
    assert card in event.resource


def test_one_that_never_goes_is_named_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep, "PATIENCE", 60.0)  # every look is a whole audit
    card, clock = interface(), FakeClock()
    world_ = here(tmp_path, clock)
    ((where, what, cure),) = problems(world_)
    assert clock.monotonic() == pytest.approx(sweep.PATIENCE)
    assert card in where
    assert GONE in where
    assert "a load balancer that is gone" in what
    assert cure.startswith("wait some minutes")
    assert cure.endswith(f"aws ec2 delete-network-interface --network-interface-id {card}")
    (event,) = world_.of(ResourceLeft)
    assert card in event.resource


def test_one_that_was_only_detached_is_deleted(tmp_path: Path) -> None:
    card = interface()
    clock = Later(20, lambda: let_go(card))
    sweep.run(here(tmp_path, clock).context)
    assert 20 <= clock.monotonic() < 35
    assert card not in backend().enis


def test_one_of_a_strangers_load_balancer_is_named_at_once(tmp_path: Path) -> None:
    client("elbv2").create_load_balancer(Name="theirs", Subnets=[network()])
    clock = FakeClock()
    named = problems(here(tmp_path, clock))
    assert clock.monotonic() == 0
    assert [where.split()[:3] for where, _, _ in named] == [
        ["ec2", "network", "interface"],
        ["elb", "load", "balancer"],
    ]
    assert all("carries no tag of ours" in what for _, what, _ in named)


def test_what_people_describe_like_that_is_theirs(tmp_path: Path) -> None:
    card, clock = interface(managed=False), FakeClock()
    ((where, what, _),) = problems(here(tmp_path, clock))
    assert clock.monotonic() == 0
    assert card in where
    assert "carries no tag of ours" in what
    assert card in backend().enis
