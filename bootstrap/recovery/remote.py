"""A snapshot of an etcd that only its own machine reaches: SSM runs etcd's tool there, S3 carries the file.

The machine gets a URL to which it may put one object for a quarter of an hour, and no other right.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from pathlib import Path

from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.core.errors import PermanentError
from bootstrap.core.wait import Observation
from bootstrap.recovery.etcd import Wait, parse_status
from bootstrap.recovery.manifest import EtcdStatus
from bootstrap.recovery.store import Store

VALID = 900  # seconds
DOCUMENT = "AWS-RunShellScript"
_UNDER_WAY = ("Pending", "InProgress", "Delayed")

# kubeadm's etcd pod has its data folder from the machine: what is written there can be read outside.
_SCRIPT = """set -eu
export CONTAINER_RUNTIME_ENDPOINT=unix:///run/containerd/containerd.sock
file=/var/lib/etcd/bootstrap-snapshot.db
pki=/etc/kubernetes/pki/etcd
trap 'rm -f "$file"' EXIT
etcd=$(crictl ps --quiet --state running --name '^etcd$' | head -n 1)
crictl exec "$etcd" etcdctl --endpoints https://127.0.0.1:2379 --cacert "$pki/ca.crt" \\
  --cert "$pki/server.crt" --key "$pki/server.key" snapshot save "$file" >&2
curl -fsS --retry 3 --upload-file "$file" {url} >&2
crictl exec "$etcd" etcdutl snapshot status "$file" --write-out json
"""


def script(url: str) -> str:
    """What the control plane's machine runs; the status of the snapshot is all it prints on stdout."""
    return _SCRIPT.replace("{url}", shlex.quote(url))


def snapshot(
    connect: Callable[[str], Api],
    tags: Mapping[str, str],
    store: Store,
    backup: str,
    into: Path,
    *,
    wait: Wait,
) -> EtcdStatus:
    """Take it, and fetch it. Raises PermanentError naming what the machine said."""
    ssm, machine = connect("ssm"), _control_plane(connect("ec2"), tags)
    sent = ssm.call(
        "send_command",
        InstanceIds=[machine],
        DocumentName=DOCUMENT,
        Comment=f"bootstrap backup {backup}",
        Parameters={"commands": [script(store.slot(backup, VALID))], "executionTimeout": [str(VALID)]},
    )
    which = {"CommandId": sent["Command"]["CommandId"], "InstanceId": machine}
    told = wait(lambda: _look(ssm, which), f"etcd's snapshot on {machine}")
    store.collect(backup, into)
    return parse_status(told)


def _look(ssm: Api, which: Mapping[str, str]) -> Observation[str]:
    try:
        found = ssm.call("get_command_invocation", **which)
    except AwsError as error:
        if error.code == "InvocationDoesNotExist":  # not yet
            return Observation(None, "the command has not reached the machine")
        raise
    if found["Status"] in _UNDER_WAY:
        return Observation(None, f"the command is {found['Status']}")
    if found["Status"] != "Success":
        why = f"{found['Status']}: {found.get('StandardErrorContent', '')[-500:]}"
        raise PermanentError(
            f"{which['InstanceId']} could not take a snapshot of etcd",
            why,
            f"aws ssm start-session --target {which['InstanceId']}",
        )
    return Observation(found["StandardOutputContent"])


def _control_plane(ec2: Api, tags: Mapping[str, str]) -> str:
    wanted = {**tags, "bootstrap:role": "control-plane"}
    filters = [{"Name": f"tag:{key}", "Values": [value]} for key, value in wanted.items()]
    filters.append({"Name": "instance-state-name", "Values": ["running"]})
    for group in ec2.pages("describe_instances", "Reservations", Filters=filters):
        for item in group["Instances"]:
            return str(item["InstanceId"])
    raise PermanentError("there is no control plane to back up", cure="bootstrap up")
