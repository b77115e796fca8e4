"""The Node that a kubelet would register for an instance. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.kubernetes.objects import Json
from bootstrap.local.machines.instances import Instance

CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
PODS = 110  # kubelet's default limit


@dataclass(frozen=True)
class Capacity:
    """The capacity of an instance type. `memory` in MiB."""

    cpus: int
    memory: int


def node(instance: Instance, capacity: Capacity, version: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": instance.node, "labels": _labels(instance)},
        "spec": {"providerID": instance.provider_id, "taints": _taints(instance)},
        "status": {
            "addresses": [
                {"type": "InternalIP", "address": instance.private_ip},
                {"type": "Hostname", "address": instance.node},
            ],
            "capacity": _resources(capacity),
            "allocatable": _resources(capacity),
            "nodeInfo": _info(instance, version),
        },
    }


def _labels(instance: Instance) -> dict[str, str]:
    own = {
        "kubernetes.io/hostname": instance.node,
        "kubernetes.io/os": "linux",
        "kubernetes.io/arch": "amd64",
        "node.kubernetes.io/instance-type": instance.type,
        "topology.kubernetes.io/zone": instance.zone,
        "topology.kubernetes.io/region": instance.zone[:-1],
    }
    return {**own, **instance.labels, **({CONTROL_PLANE: ""} if instance.control_plane else {})}


def _taints(instance: Instance) -> list[dict[str, str]]:
    """Only those of the tags: user data passes them to kubeadm, which then adds none of its own."""
    return [{"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in instance.taints]


def _resources(capacity: Capacity) -> dict[str, str]:
    return {
        "cpu": str(capacity.cpus),
        "memory": f"{capacity.memory}Mi",
        "pods": str(PODS),
        "ephemeral-storage": "80Gi",
    }


def _info(instance: Instance, version: str) -> dict[str, str]:
    return {
        "architecture": "amd64",
        "operatingSystem": "linux",
        "osImage": "Ubuntu 22.04 LTS (simulated)",
        "kernelVersion": "kwok",
        "containerRuntimeVersion": "containerd://kwok",
        "kubeletVersion": version,
        "kubeProxyVersion": version,
        "machineID": instance.id,
        "systemUUID": instance.id,
        "bootID": instance.id,
    }
