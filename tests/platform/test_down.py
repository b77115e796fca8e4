"""`down` where nothing helps: the machine with all controllers is gone, and strangers' things are everywhere.

What there must be in AWS afterwards is what there is in an account that was never ours, with the same
strangers in it, line by line. (`down` while the controllers live: tests/end_to_end.)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.core.errors import LeftoverError
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import DEPLOYMENT, NODE, POD, Key, is_true, name
from tests import strangers
from tests.api_server import eventually
from tests.aws_context import client
from tests.end_to_end.product import Product
from tests.kills.attempt import witnessed_down
from tests.kills.run import end, prepared
from tests.kills.tree import CONTROLLERS
from tests.platform.small_tree import PREFIX

pytestmark = pytest.mark.platform

PROJECT, DOMAIN = "small", "dev.example.com"
TEARDOWN = 100  # seconds; for half of that it waits for Applications that nobody takes away


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    made, _ = prepared(tmp_path_factory.mktemp("down") / "tree")
    file = made.clone / "bootstrap.yaml"
    config = yaml.safe_load(file.read_text())
    config["environments"]["local"]["deadlines"]["teardown"] = TEARDOWN
    file.write_text(yaml.safe_dump(config))
    yield made
    end(made)


@pytest.fixture(scope="module")
def aws(product: Product) -> Callable[[str], Any]:
    """boto3 clients of the platform's AWS, once `up` has come to its end and its worker to its.

    The other node takes no pods, so Argo CD and the makers of load balancers are dead.
    """
    up = product.run("up", "--yes")
    assert up.code == 0, up.words[-4000:]
    connect = partial(client, endpoint=product.aws, credentials=product.credentials)
    strangers.place(connect, PROJECT, PREFIX, DOMAIN)
    workers = connect("ec2").describe_instances(
        Filters=[{"Name": "tag:bootstrap:node", "Values": ["worker-a"]}]
    )
    worker = workers["Reservations"][0]["Instances"][0]["InstanceId"]
    cluster = Cluster.from_kubeconfig(product.state / "kubeconfig")
    cluster.patch(Key(NODE, "", "control-plane"), {"spec": {"unschedulable": True}})
    connect("ec2").terminate_instances(InstanceIds=[worker])
    eventually(lambda: cluster.find(Key(NODE, "", "worker-a")) is None)
    for pod in cluster.list(POD):  # none finds a node again
        cluster.delete(Key.of(pod))
    eventually(lambda: not _working(cluster))
    return connect


def _working(cluster: Cluster) -> list[str]:
    return [
        name(item)
        for item in cluster.list(DEPLOYMENT)
        if name(item) in CONTROLLERS and is_true(item, "Available")
    ]


def receipt(product: Product) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((product.latest / "receipt.json").read_text())
    return read


def test_what_a_stranger_has_in_our_network_is_named_and_left(
    product: Product, aws: Callable[[str], Any], tmp_path: Path
) -> None:
    """Nobody knows who needs it: so the run ends, says what is in the way, and can be repeated."""
    ec2 = aws("ec2")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "tag:Name", "Values": [f"{PROJECT}-local"]}])["Vpcs"][0][
        "VpcId"
    ]
    group = ec2.create_security_group(GroupName="by-hand", Description="by hand", VpcId=vpc)["GroupId"]
    told = witnessed_down(product, tmp_path / "picture").finish()
    assert told.code == LeftoverError.exit_code, told.words[-4000:]
    (left,) = receipt(product)["left"]
    assert group in left["resource"] and group in left["cure"]
    assert ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    assert not receipt(product)["complete"]
    ec2.delete_security_group(GroupId=group)


def test_nothing_of_ours_is_left_and_everything_of_others(
    product: Product, aws: Callable[[str], Any], tmp_path: Path
) -> None:
    told = witnessed_down(product, tmp_path / "picture").finish()
    assert told.code == 0, told.words[-4000:]
    there = json.loads((tmp_path / "picture").read_text())
    assert strangers.differences(tmp_path, there, PROJECT, PREFIX, DOMAIN) == []
    assert receipt(product)["complete"]
