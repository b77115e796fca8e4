"""What machines publish in SSM. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from bootstrap.local.machines.instances import Instance


@dataclass(frozen=True)
class SsmParameter:
    """With `key_id`, a SecureString encrypted with that KMS key."""

    name: str
    value: str = field(repr=False)
    key_id: str = ""


def kubeconfig(instance: Instance, text: str) -> SsmParameter:
    return SsmParameter(f"{instance.ssm_prefix}/cluster/kubeconfig", text, instance.kms_key)


def join(instance: Instance, endpoint: str, token: str, authority_hash: str) -> SsmParameter:
    """What `kubeadm join` needs. `endpoint` is host and port."""
    data = {"endpoint": endpoint, "token": token, "ca_cert_hash": authority_hash}
    return SsmParameter(f"{instance.ssm_prefix}/cluster/join", json.dumps(data), instance.kms_key)


def marker(instance: Instance, time: str) -> SsmParameter:
    """The status of a node's boot. `time` is RFC 3339."""
    data = {"instance": instance.id, "phase": "ready", "message": "", "time": time}
    return SsmParameter(f"{instance.ssm_prefix}/nodes/{instance.node}/status", json.dumps(data))


def marks(text: str, instance: Instance) -> bool:
    """Whether a status belongs to that instance, not to an earlier machine of the same name."""
    try:
        return bool(json.loads(text).get("instance") == instance.id)
    except (ValueError, AttributeError):
        return False
