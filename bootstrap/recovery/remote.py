"""A snapshot of an etcd that only its own machine reaches: SSM runs etcd's tool there, S3 carries the file.

The machine gets a URL to which it may put one object for a quarter of an hour, and no other right; and a key
to encrypt for (transit.py), so that what it puts there is of use to this run alone.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from bootstrap.aws.api import Api
from bootstrap.aws.errors import AwsError
from bootstrap.core.errors import BootstrapError, PermanentError
from bootstrap.core.wait import Observation
from bootstrap.recovery.cipher import Unreadable, fingerprint
from bootstrap.recovery.etcd import Wait, parse_status
from bootstrap.recovery.manifest import EtcdStatus
from bootstrap.recovery.store import Store
from bootstrap.recovery.transit import OPENSSL, Recipient

VALID = 900  # seconds
DOCUMENT = "AWS-RunShellScript"
_UNDER_WAY = ("Pending", "InProgress", "Delayed")

# kubeadm's etcd pod has its data folder from the machine: what is written there can be read outside.
_SCRIPT = """set -eu
umask 077
export CONTAINER_RUNTIME_ENDPOINT=unix:///run/containerd/containerd.sock
file=/var/lib/etcd/bootstrap-snapshot.db
pki=/etc/kubernetes/pki/etcd
keys=$(mktemp -d)
trap 'rm -rf "$file" "$file.sealed" "$keys"' EXIT
etcd=$(crictl ps --quiet --state running --name '^etcd$' | head -n 1)
crictl exec "$etcd" etcdctl --endpoints https://127.0.0.1:2379 --cacert "$pki/ca.crt" \\
  --cert "$pki/server.crt" --key "$pki/server.key" snapshot save "$file" >&2
status=$(crictl exec "$etcd" etcdutl snapshot status "$file" --write-out json)
sum=$(sha256sum <"$file")
cat >"$keys/recipient" <<'END'
{recipient}END
openssl rand -hex 32 >"$keys/own"
{
  openssl pkeyutl -encrypt -pubin -inkey "$keys/recipient" -in "$keys/own" \\
    -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256
  openssl {cipher} -pass "file:$keys/own" -in "$file"
} >"$file.sealed"
mv "$file.sealed" "$file"
curl -fsS --retry 3 --upload-file "$file" {url} >&2
echo "$status"
echo "${sum%% *}"
"""


def script(url: str, recipient: str) -> str:
    """What the control plane's machine runs. On stdout it prints the snapshot's status, and its SHA-256."""
    holes = {"{url}": shlex.quote(url), "{recipient}": recipient, "{cipher}": OPENSSL}
    return re.sub("|".join(holes), lambda hole: holes[hole.group()], _SCRIPT)


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
    ssm, machine, recipient = connect("ssm"), _control_plane(connect("ec2"), tags), Recipient.new()
    text = script(store.slot(backup, VALID), recipient.public)
    sent = ssm.call(
        "send_command",
        InstanceIds=[machine],
        DocumentName=DOCUMENT,
        Comment=f"bootstrap backup {backup}",
        Parameters={"commands": [text], "executionTimeout": [str(VALID)]},
    )
    which = {"CommandId": sent["Command"]["CommandId"], "InstanceId": machine}
    sealed = into.with_name(f"{into.name}.sealed")
    try:
        told = wait(lambda: _look(ssm, which), f"etcd's snapshot on {machine}")
        status, _, sha256 = told.strip().rpartition("\n")
        store.collect(backup, sealed)
        _open(recipient, sealed, into, sha256)
    finally:
        sealed.unlink(missing_ok=True)
        with suppress(BootstrapError):  # the next command does it (steps/loans.py)
            store.take_back(backup)
    return parse_status(status)


def _open(recipient: Recipient, sealed: Path, into: Path, sha256: str) -> None:
    """The bucket is not believed: the sum came over SSM."""
    try:
        recipient.open(sealed, into)
        good = fingerprint(into)[0] == sha256.strip()
    except Unreadable:
        good = False
    if not good:
        into.unlink(missing_ok=True)
        why = "what lay in S3 is not what the control plane has sent"
        raise PermanentError("etcd's snapshot is no good", why, "bootstrap backup")


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
