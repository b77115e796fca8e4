"""kill -9 in the middle of an apply, again and again: every rerun goes on, nothing is doubled, nothing lost.

Each kill hits at a chosen call: AWS has done it, Terraform has not heard of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.errors import ToolError
from bootstrap.steps import destroy, leftovers
from tests.aws_edge import Cut, Edge, Fault, edge
from tests.platform.dev_world import Dev, dev, local_aws

pytestmark = pytest.mark.platform

# In the order in which the stack comes to them; `skip` lets as many through.
KILLS = (
    ("kms", "CreateKey", 0),
    ("iam", "CreateRole", 3),
    ("ec2", "CreateVpc", 0),
    ("ec2", "CreateSubnet", 2),
    ("ec2", "AssociateRouteTable", 1),
    ("ec2", "AuthorizeSecurityGroupIngress", 2),
    ("ec2", "RunInstances", 0),
    ("ec2", "RunInstances", 1),
    ("ec2", "AssociateAddress", 0),
    ("ssm", "PutParameter", 4),
)


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
    yield dev(tmp_path, "dev", aws)
    aws.faults.clear()


def killed(here: Dev, service: str, action: str, skip: int = 0) -> None:
    fault = Fault(service, action, Cut(here.kill), skip=skip)
    here.aws.faults[:] = [fault]
    with pytest.raises(ToolError):
        here.up()
    assert fault.seen > skip, "it came to that call"
    here.aws.faults.clear()


def test_killed_ten_times_it_is_what_it_is_without(here: Dev, neighbour: Dev) -> None:
    for service, action, skip in KILLS:
        killed(here, service, action, skip)
    assert here.up()
    assert here.inventory() == neighbour.inventory()
    assert not here.up(), "and it stays so"
    destroy_all(here)


def destroy_all(here: Dev) -> None:
    here.run(destroy, leftovers)
    assert here.inventory().total() == 0
