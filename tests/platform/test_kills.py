"""kill -9 in the middle of an apply, again and again: every rerun goes on, nothing is doubled, nothing lost.

Each kill hits at a chosen call: AWS has done it, Terraform has not heard of it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bootstrap.core.errors import ToolError
from bootstrap.run.events import Notice
from bootstrap.steps import destroy, leftovers
from tests.aws_edge import Cut, Edge, Fault, edge
from tests.platform.dev_world import Dev, dev, local_aws

pytestmark = pytest.mark.platform

NUMBERS = itertools.count(1)
CREATIONS = "(Create|Run|Allocate|Associate|Authorize|Attach|Put[A-Z]|Request|Add)[A-Za-z]+"
# Where each run is killed: after how many of which calls. Terraform works on many things at once, so a kill
# hits many.
KILLS = ((CREATIONS, 7), ("RunInstances", 1))


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with local_aws(tmp_path_factory.mktemp("aws")) as url, edge(url) as made:
        yield made


@pytest.fixture(scope="module")
def neighbour(aws: Edge, tmp_path_factory: pytest.TempPathFactory) -> Dev:
    """An environment that was made in one go, beside the other."""
    made = dev(tmp_path_factory.mktemp("neighbour"), "clean", aws)
    assert made.up()
    return made


@pytest.fixture
def here(aws: Edge, tmp_path: Path, neighbour: Dev) -> Iterator[Dev]:
    aws.faults.clear()
    yield dev(tmp_path, f"env-{next(NUMBERS)}", aws)
    aws.faults.clear()


def killed(here: Dev, action: str, skip: int) -> None:
    """A run that is killed once AWS has done the call number `skip` + 1 of its kind."""
    fault = Fault(".+", action, Cut(here.kill), skip=skip)
    here.aws.faults[:] = [fault]
    with pytest.raises(ToolError):
        here.up()
    assert fault.seen > skip, "it came to that call"
    here.aws.faults.clear()


def instances(here: Dev) -> list[str]:
    filters = [{"Name": f"tag:{name}", "Values": [value]} for name, value in here.config.tags.items()]
    pages = here.client("ec2").describe_instances(Filters=filters)["Reservations"]
    return sorted(
        machine["InstanceId"]
        for reservation in pages
        for machine in reservation["Instances"]
        if machine["State"]["Name"] == "running"
    )


def notices(here: Dev) -> str:
    return "\n".join(notice.message for notice in here.world.of(Notice))


def test_killed_again_and_again_it_is_what_it_is_without(here: Dev, neighbour: Dev) -> None:
    """The last kill right after RunInstances: machines cost money from then on, and nobody knows of them."""
    for action, skip in KILLS:
        killed(here, action, skip)
    made = instances(here)
    assert made
    assert here.up()
    assert "takes over" in notices(here)
    assert set(made) <= set(instances(here))
    assert here.inventory() == neighbour.inventory(), "nothing twice, nothing lost"
    assert not here.up(), "and it stays so"


def test_a_run_that_was_killed_half_way_is_taken_down_whole(here: Dev, neighbour: Dev) -> None:
    """`down` right after the kill: what no state knows goes with the rest, and nothing of the neighbour's."""
    before = neighbour.inventory()
    killed(here, "RunInstances", 1)
    assert instances(here)
    here.run(destroy, leftovers)
    assert here.inventory().total() == 0
    assert neighbour.inventory() == before


def test_by_configuration_they_are_made_anew(here: Dev) -> None:
    killed(here, "RunInstances", 1)
    made = instances(here)
    here.config = replace(here.config, terraform=replace(here.config.terraform, orphans="remove"))
    assert here.up()
    assert not set(made) & set(instances(here))
    assert len(instances(here)) == len(here.config.nodes)
