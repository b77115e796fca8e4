"""A snapshot taken on the control plane of AWS: the script with stand-ins, and the way there with moto."""

from __future__ import annotations

import hashlib
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws.api import Api
from bootstrap.core.errors import PermanentError
from bootstrap.core.wait import Observation
from bootstrap.recovery import remote
from bootstrap.recovery.cipher import Unreadable
from bootstrap.recovery.manifest import EtcdStatus
from bootstrap.recovery.store import Store
from bootstrap.recovery.transit import OPENSSL, Recipient
from tests.aws_context import client
from tests.programs import program

TAGS = {"bootstrap:project": "eco2", "bootstrap:environment": "dev"}
SNAPSHOT = b"canary of etcd\n"
RECIPIENT = Recipient.new()  # takes a while to make
STATUS = '{"hash": 7, "revision": 100, "totalKey": 90, "totalSize": 4096, "version": "3.6.0"}'


def test_the_script_prints_the_status_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "bootstrap-snapshot.db"
    made, sent = shlex.quote(str(file)), shlex.quote(str(tmp_path / "sent"))
    save = f"echo {SNAPSHOT.decode().strip()} >{made}"
    for name, body in {
        "crictl": f"case \"$*\" in ps*) echo id;; *save*) {save};; *status*) echo '{STATUS}';; esac",
        "curl": f'[ -f {made} ] && cp {made} {shlex.quote(str(tmp_path / "uploaded"))} && echo "$@" >{sent}',
    }.items():
        program(tmp_path / name, body)
    public = RECIPIENT.public
    text = remote.script("https://bucket/key?a=1&b='2'", public).replace("/var/lib/etcd", str(tmp_path))
    known = {"TMPDIR": str(tmp_path), "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", text], env=known, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == [STATUS, hashlib.sha256(SNAPSHOT).hexdigest(), ""]
    assert sorted(each.name for each in tmp_path.iterdir()) == ["crictl", "curl", "sent", "uploaded"]
    uploaded = tmp_path / "uploaded"
    assert SNAPSHOT not in uploaded.read_bytes()
    RECIPIENT.open(uploaded, tmp_path / "opened")
    assert (tmp_path / "opened").read_bytes() == SNAPSHOT
    with pytest.raises(Unreadable):
        Recipient.new().open(uploaded, tmp_path / "nobody")
    assert "https://bucket/key?a=1&b='2'" in (tmp_path / "sent").read_text()


@dataclass
class Commands:
    """SSM, as far as commands go; the machine puts its snapshot to the slot."""

    answers: list[dict[str, Any]]
    sends: bytes = b""
    sent: list[dict[str, Any]] = field(default_factory=list)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation == "send_command":
            self.sent.append(parameters)
            client("s3").put_object(Bucket="backups", Key="dev/1/on-loan/etcd.db", Body=self.sends)
            return {"Command": {"CommandId": "c-1"}}
        return self.answers.pop(0)


@pytest.fixture
def machine() -> Iterator[str]:
    with mock_aws():
        place: Any = {"LocationConstraint": "ap-northeast-2"}
        client("s3").create_bucket(Bucket="backups", CreateBucketConfiguration=place)
        tags = [
            {"Key": key, "Value": value} for key, value in {**TAGS, "bootstrap:role": "control-plane"}.items()
        ]
        made = client("ec2").run_instances(
            ImageId="ami-12345678",
            MinCount=1,
            MaxCount=1,
            TagSpecifications=[{"ResourceType": "instance", "Tags": tags}],
        )
        yield made["Instances"][0]["InstanceId"]


def wait(probe: Any, what: str) -> str:
    """Looks as often as it takes."""
    while True:
        seen: Observation[str] = probe()
        if seen.value is not None:
            return seen.value


def take(commands: Commands, into: Path) -> EtcdStatus:
    def connect(service: str) -> Any:
        return commands if service == "ssm" else Api(client(service))

    store = Store(Api(client("s3")), "backups", "dev")
    return remote.snapshot(connect, TAGS, store, "1", into, wait=wait)


def sealed(folder: Path, content: bytes = SNAPSHOT) -> bytes:
    """As a machine encrypts it."""
    (folder / "recipient").write_text(RECIPIENT.public)
    (folder / "own").write_text("f" * 64 + "\n")
    (folder / "plain").write_bytes(content)
    wrap = "pkeyutl -encrypt -pubin -inkey recipient -in own"
    wrap += " -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:sha256"
    calls = (wrap, f"{OPENSSL} -pass file:own -in plain")
    return b"".join(
        subprocess.run(["openssl", *call.split()], cwd=folder, capture_output=True, check=True).stdout
        for call in calls
    )


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pair of keys that a run makes."""
    monkeypatch.setattr(Recipient, "new", lambda: RECIPIENT)


def succeeds(sends: bytes, content: bytes = SNAPSHOT) -> Commands:
    output = f"{STATUS}\n{hashlib.sha256(content).hexdigest()}\n"
    return Commands([{"Status": "InProgress"}, {"Status": "Success", "StandardOutputContent": output}], sends)


@pytest.mark.usefixtures("known")
def test_the_machine_is_asked_and_the_file_fetched(machine: str, tmp_path: Path) -> None:
    commands = succeeds(sealed(tmp_path))
    assert take(commands, tmp_path / "etcd.db") == EtcdStatus(100, 7, 90)
    assert (tmp_path / "etcd.db").read_bytes() == SNAPSHOT
    assert not (tmp_path / "etcd.db.sealed").exists()
    assert commands.sent[0]["InstanceIds"] == [machine]
    assert "Contents" not in client("s3").list_objects_v2(Bucket="backups"), (
        "the plain snapshot does not stay"
    )


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("what", ["plain", "another", "short", "nothing"])
def test_what_somebody_else_put_there_is_refused(machine: str, tmp_path: Path, what: str) -> None:
    """Whoever may write to the bucket, and has seen the public key, too."""
    content = {
        "plain": SNAPSHOT,
        "another": sealed(tmp_path, b"forged"),
        "short": sealed(tmp_path)[:-1],
        "nothing": b"",
    }[what]
    with pytest.raises(PermanentError, match="not what the control plane has sent"):
        take(succeeds(content), tmp_path / "etcd.db")
    assert not (tmp_path / "etcd.db").exists()
    assert "Contents" not in client("s3").list_objects_v2(Bucket="backups")


def test_what_the_machine_says_is_told(machine: str, tmp_path: Path) -> None:
    commands = Commands([{"Status": "Failed", "StandardErrorContent": "crictl: not found"}])
    with pytest.raises(PermanentError, match="Failed: crictl: not found") as failed:
        take(commands, tmp_path / "etcd.db")
    assert "Contents" not in client("s3").list_objects_v2(Bucket="backups"), "the slot is empty"
    assert machine in failed.value.cure


def test_without_a_control_plane_there_is_nothing_to_back_up(machine: str, tmp_path: Path) -> None:
    client("ec2").stop_instances(InstanceIds=[machine])
    with pytest.raises(PermanentError, match="no control plane"):
        take(Commands([]), tmp_path / "etcd.db")
