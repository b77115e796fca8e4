"""Simulated machines: EC2's answer → control plane, nodes and parameters."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from bootstrap.config.model import Taint
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import NODE, Json, Key, labels_of, name, spec
from bootstrap.local.components.desired import Desired
from bootstrap.local.machines import parameters
from bootstrap.local.machines.aws import Aws
from bootstrap.local.machines.control_plane import ControlPlane
from bootstrap.local.machines.controller import MachineController, changes, control_plane_machine
from bootstrap.local.machines.instances import Instance, parse
from bootstrap.local.machines.node import CONTROL_PLANE, Capacity, node
from bootstrap.local.machines.parameters import SsmParameter
from bootstrap.local.platform import PROGRAMS
from bootstrap.local.state import ports
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.state.site import Site
from bootstrap.local.supervisor.identity import Process
from bootstrap.local.supervisor.records import ProcessRecord, ProcessRecords
from tests.kubernetes_fake import FakeServer
from tests.local_credentials import LOCAL

TAGS = {
    "Name": "eco2-dev-api-auth",
    "bootstrap:node": "api-auth",
    "bootstrap:role": "worker",
    "bootstrap:ssm-prefix": "/eco2/dev/",
    "bootstrap:kms-key": "arn:aws:kms:x:1:key/abc",
    "kubernetes.io/cluster/eco2-dev": "owned",
    "k8s.io/cluster-autoscaler/node-template/label/domain": "auth",
    "k8s.io/cluster-autoscaler/node-template/taint/domain": "auth:NoSchedule",
}
WORKER = Instance(
    id="i-1",
    state="running",
    node="api-auth",
    role="worker",
    zone="ap-northeast-2a",
    type="t3.small",
    private_ip="10.0.0.7",
    cluster="eco2-dev",
    ssm_prefix="/eco2/dev",
    kms_key="arn:aws:kms:x:1:key/abc",
    launched="2026-01-01",
    labels={"domain": "auth"},
    taints=(Taint("domain", "auth", "NoSchedule"),),
)
CONTROL = replace(WORKER, id="i-0", node="control-plane", role="control-plane", labels={}, taints=())


def answer(tags: dict[str, str], **more: Any) -> dict[str, Any]:
    item = {
        "InstanceId": "i-1",
        "State": {"Name": "running"},
        "Placement": {"AvailabilityZone": "ap-northeast-2a"},
        "InstanceType": "t3.small",
        "PrivateIpAddress": "10.0.0.7",
        "LaunchTime": "2026-01-01",
        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
    }
    return {"Reservations": [{"Instances": [{**item, **more}]}]}


def test_an_instance_is_what_its_tags_say() -> None:
    assert parse([answer(TAGS)]) == (WORKER,)


def test_machines_of_others_are_left_out() -> None:
    assert parse([answer({"Name": "mine"}), answer({**TAGS, "bootstrap:role": ""}), {}]) == ()


def test_the_oldest_comes_first() -> None:
    pages = [answer(TAGS, InstanceId="i-2", LaunchTime="2026-02-01"), answer(TAGS)]
    assert [instance.id for instance in parse(pages)] == ["i-1", "i-2"]


def test_a_taint_without_a_value() -> None:
    tag = {"k8s.io/cluster-autoscaler/node-template/taint/dedicated": ":NoExecute"}
    assert parse([answer({**TAGS, **tag})])[0].taints[0] == Taint("dedicated", "", "NoExecute")


def test_a_node_is_what_a_kubelet_would_register() -> None:
    made = node(WORKER, Capacity(2, 2048), "v1.34.2")
    assert spec(made) == {
        "providerID": "aws:///ap-northeast-2a/i-1",
        "taints": [{"key": "domain", "value": "auth", "effect": "NoSchedule"}],
    }
    assert labels_of(made)["domain"] == "auth"
    assert labels_of(made)["topology.kubernetes.io/region"] == "ap-northeast-2"
    assert made["status"]["capacity"]["memory"] == "2048Mi"
    assert made["status"]["addresses"][0]["address"] == "10.0.0.7"


def test_the_control_plane_is_labelled_as_kubeadm_does() -> None:
    assert CONTROL_PLANE in labels_of(node(CONTROL, Capacity(2, 2048), "v1.34.2"))
    assert CONTROL_PLANE not in labels_of(node(WORKER, Capacity(2, 2048), "v1.34.2"))


def test_a_marker_belongs_to_one_machine() -> None:
    text = parameters.marker(WORKER, "2026-01-01T00:00:00Z").value
    assert parameters.marks(text, WORKER)
    assert not parameters.marks(text, replace(WORKER, id="i-9"))
    assert not parameters.marks("nonsense", WORKER)


def test_a_secret_parameter_does_not_show_its_value() -> None:
    assert "canary" not in repr(parameters.kubeconfig(CONTROL, "canary"))


def test_the_machine_with_the_disk_is_the_control_plane() -> None:
    other = replace(CONTROL, id="i-9")
    assert control_plane_machine([CONTROL, other], "i-9") == other
    assert control_plane_machine([CONTROL, other], "") == CONTROL
    assert control_plane_machine([WORKER], "") is None


def live(instance: Instance) -> Json:
    return {**node(instance, Capacity(1, 1), "v1"), "metadata": {"name": instance.node}}


def test_a_replaced_machine_joins_anew() -> None:
    found = changes([live(WORKER)], [replace(WORKER, id="i-2")])
    assert found.delete == ("api-auth",)
    assert [instance.id for instance in found.create] == ["i-2"]


def test_a_node_without_provider_id_is_left_to_be_repaired() -> None:
    bare = live(WORKER)
    del bare["spec"]["providerID"]
    assert changes([bare], [WORKER]) == changes([], [])


instances = st.lists(
    st.builds(
        lambda number, called: replace(WORKER, id=f"i-{number}", node=f"node{called}"),
        st.integers(0, 9),
        st.integers(0, 4),
    ),
    unique_by=lambda instance: instance.id,
)


@given(instances, instances)
def test_one_pass_makes_nodes_and_machines_agree(before: list[Instance], now: list[Instance]) -> None:
    nodes = {instance.node: live(instance) for instance in before}
    found = changes(nodes.values(), now)
    for gone in found.delete:
        del nodes[gone]
    for instance in found.create:
        assert instance.node not in nodes
        nodes[instance.node] = live(instance)
    assert nodes.keys() == {instance.node for instance in now}
    assert changes(nodes.values(), now) == changes([], [])


# -- the loop ----------------------------------------------------------------------------------------


@dataclass
class FakeAws:
    machines: tuple[Instance, ...] = ()
    stored: dict[str, str] = field(default_factory=dict)
    puts: list[SsmParameter] = field(default_factory=list)

    def instances(self) -> tuple[Instance, ...]:
        return self.machines

    def capacity(self, type_: str) -> Capacity:
        return Capacity(2, 2048)

    def parameters(self, path: str) -> dict[str, str]:
        return {key: value for key, value in self.stored.items() if key.startswith(path)}

    def put(self, parameter: SsmParameter) -> None:
        self.stored[parameter.name] = parameter.value
        self.puts.append(parameter)


@dataclass
class FakeControllers:
    inside: bool = False
    busy: bool = False

    def start(self, cluster: Cluster) -> None:
        self.inside = True

    def stop(self) -> bool:
        self.inside = self.inside and self.busy
        return not self.inside


@dataclass
class House:
    """Machines with a fake AWS and API server, and a real disk."""

    layout: StateLayout

    def __post_init__(self) -> None:
        chosen = ports.locate(self.layout.ports, lambda port: True)
        tools = {program: Path("/bin") / program for program in PROGRAMS}
        self.site = Site(self.layout, chosen, tools, Path("/share"), "ap-northeast-2", Path("/s"), LOCAL)
        self.desired = Desired(self.layout.desired)
        self.aws, self.controllers, self.server = FakeAws(), FakeControllers(), FakeServer()
        self.control_plane = ControlPlane(self.site, self.desired)
        self.machines = MachineController(
            self.aws,  # type: ignore[arg-type]
            self.control_plane,
            self.controllers,
            lambda path: self.server.cluster,
        )

    def running(self, *names: str) -> None:
        parts = tuple(
            ProcessRecord(each, Process(1, 1.0), ready=True, port=None, restarts=0) for each in names
        )
        ProcessRecords(Process(0, 0.0), parts).write(self.layout.records)

    def nodes(self) -> set[str]:
        return {name(item) for item in self.server.cluster.list(NODE)}


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(StateLayout(tmp_path))


def test_no_machine_no_cluster(house: House) -> None:
    house.aws.machines = (WORKER,)
    assert house.machines.reconcile()
    assert house.desired.all() == {}


def test_a_running_control_plane_starts_everything_and_publishes(house: House) -> None:
    house.aws.machines = (CONTROL, WORKER)
    assert house.machines.reconcile()
    assert {"etcd", "kube-apiserver", "kwok"} <= house.desired.all().keys()
    assert house.nodes() == {"control-plane", "api-auth"}
    assert house.controllers.inside
    published = {parameter.name: parameter for parameter in house.aws.puts}
    assert published["/eco2/dev/cluster/kubeconfig"].key_id == CONTROL.kms_key
    assert published["/eco2/dev/cluster/join"].key_id == CONTROL.kms_key
    assert json.loads(published["/eco2/dev/nodes/api-auth/status"].value)["instance"] == "i-1"


def test_a_second_look_changes_nothing(house: House) -> None:
    house.aws.machines = (CONTROL, WORKER)
    house.machines.reconcile()
    writes, stamp = len(house.server.writes()), house.desired.stamp()
    house.aws.puts.clear()
    assert house.machines.reconcile()
    assert (len(house.server.writes()), house.desired.stamp(), house.aws.puts) == (writes, stamp, [])


def test_a_stopped_worker_loses_its_node(house: House) -> None:
    house.aws.machines = (CONTROL, WORKER)
    house.machines.reconcile()
    house.aws.machines = (CONTROL, replace(WORKER, state="stopped"))
    house.machines.reconcile()
    assert house.nodes() == {"control-plane"}


def test_a_stopped_control_plane_keeps_its_disk(house: House) -> None:
    house.aws.machines = (CONTROL,)
    house.machines.reconcile()
    authority = house.control_plane.authority_hash
    house.aws.machines = (replace(CONTROL, state="stopped"),)
    house.running("etcd")
    assert not house.machines.reconcile(), "it is still stopping"
    house.running("aws")
    assert house.machines.reconcile()
    assert house.desired.all() == {}
    house.aws.machines = (CONTROL,)
    house.machines.reconcile()
    assert house.control_plane.authority_hash == authority


def test_a_terminated_control_plane_loses_its_disk_once_nothing_uses_it(house: House) -> None:
    house.aws.machines = (CONTROL,)
    house.machines.reconcile()
    house.aws.machines = (replace(CONTROL, state="terminated"),)
    house.running("etcd")
    assert not house.machines.reconcile()
    assert house.layout.control_plane.exists()
    house.running()
    assert house.machines.reconcile()
    assert not house.layout.control_plane.exists()
    assert not house.controllers.inside


def test_a_new_control_plane_waits_for_the_end_of_the_old_one(house: House) -> None:
    house.aws.machines = (CONTROL,)
    house.machines.reconcile()
    house.aws.machines = (replace(CONTROL, id="i-new"),)
    house.controllers.busy = True
    assert not house.machines.reconcile()
    house.controllers.busy = False
    assert not house.machines.reconcile(), "the disk goes first"
    assert house.control_plane.owner == ""
    assert house.machines.reconcile()
    assert house.control_plane.owner == "i-new"


def test_a_drifted_node_is_left_alone(house: House) -> None:
    house.aws.machines = (CONTROL, WORKER)
    house.machines.reconcile()
    house.server.change(Key(NODE, "", "api-auth"), metadata={"labels": {"domain": "wrong"}})
    house.machines.reconcile()
    assert labels_of(house.server.get(NODE, "api-auth"))["domain"] == "wrong"


# -- the edge ----------------------------------------------------------------------------------------


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    with mock_aws():
        yield boto3.Session("local", "local", region_name="ap-northeast-2")


def test_parameters_are_put_and_read(session: Any) -> None:
    aws = Aws(session.client("ec2"), session.client("ssm"), 1)
    key = session.client("kms").create_key()["KeyMetadata"]["Arn"]
    aws.put(SsmParameter("/eco2/dev/cluster/kubeconfig", "secret", key))
    aws.put(SsmParameter("/eco2/dev/nodes/a/status", "{}"))
    assert aws.parameters("/eco2/dev") == {
        "/eco2/dev/cluster/kubeconfig": "secret",
        "/eco2/dev/nodes/a/status": "{}",
    }
    kinds = {item["Name"]: item["Type"] for item in session.client("ssm").describe_parameters()["Parameters"]}
    assert kinds["/eco2/dev/cluster/kubeconfig"] == "SecureString"


def test_a_type_has_its_real_size(session: Any) -> None:
    assert Aws(session.client("ec2"), None, 1).capacity("t3.large") == Capacity(cpus=2, memory=8192)


def test_instances_are_found(session: Any) -> None:
    ec2 = session.client("ec2")
    tags = [{"Key": key, "Value": value} for key, value in TAGS.items()]
    ec2.run_instances(
        ImageId="ami-1",
        MinCount=1,
        MaxCount=1,
        TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
    )
    (found,) = Aws(session.client("ec2"), None, 1).instances()
    assert (found.node, found.running, found.provider_id) == (
        "api-auth",
        True,
        f"aws:///{found.zone}/{found.id}",
    )
