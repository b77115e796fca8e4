"""A snapshot taken on the control plane of AWS: the script with stand-ins, and the way there with moto."""

from __future__ import annotations

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
from bootstrap.recovery.manifest import EtcdStatus
from bootstrap.recovery.store import Store
from tests.aws_context import client
from tests.programs import program

TAGS = {"bootstrap:project": "eco2", "bootstrap:environment": "dev"}
STATUS = '{"hash": 7, "revision": 100, "totalKey": 90, "totalSize": 4096, "version": "3.6.0"}'


def test_the_script_prints_the_status_and_leaves_nothing_behind(tmp_path: Path) -> None:
    file = tmp_path / "bootstrap-snapshot.db"
    made, sent = shlex.quote(str(file)), shlex.quote(str(tmp_path / "sent"))
    for name, body in {
        "crictl": f"case \"$*\" in ps*) echo id;; *save*) touch {made};; *status*) echo '{STATUS}';; esac",
        "curl": f'[ -f {made} ] && echo "$@" >{sent}',
    }.items():
        program(tmp_path / name, body)
    text = remote.script("https://bucket/key?a=1&b='2'").replace("/var/lib/etcd", str(tmp_path))
    known = {"PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(["sh", "-c", text], env=known, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == STATUS
    assert not file.exists()
    assert "https://bucket/key?a=1&b='2'" in (tmp_path / "sent").read_text()


@dataclass
class Commands:
    """SSM, as far as commands go; the machine puts its snapshot to the slot."""

    answers: list[dict[str, Any]]
    sent: list[dict[str, Any]] = field(default_factory=list)

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        if operation == "send_command":
            self.sent.append(parameters)
            client("s3").put_object(Bucket="backups", Key="dev/1/on-loan/etcd.db", Body=b"snapshot")
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


def test_the_machine_is_asked_and_the_file_fetched(machine: str, tmp_path: Path) -> None:
    commands = Commands([{"Status": "InProgress"}, {"Status": "Success", "StandardOutputContent": STATUS}])
    assert take(commands, tmp_path / "etcd.db") == EtcdStatus(100, 7, 90)
    assert (tmp_path / "etcd.db").read_bytes() == b"snapshot"
    assert commands.sent[0]["InstanceIds"] == [machine]
    assert "Contents" not in client("s3").list_objects_v2(Bucket="backups"), (
        "the plain snapshot does not stay"
    )


def test_what_the_machine_says_is_told(machine: str, tmp_path: Path) -> None:
    commands = Commands([{"Status": "Failed", "StandardErrorContent": "crictl: not found"}])
    with pytest.raises(PermanentError, match="Failed: crictl: not found") as failed:
        take(commands, tmp_path / "etcd.db")
    assert machine in failed.value.cure


def test_without_a_control_plane_there_is_nothing_to_back_up(machine: str, tmp_path: Path) -> None:
    client("ec2").stop_instances(InstanceIds=[machine])
    with pytest.raises(PermanentError, match="no control plane"):
        take(Commands([]), tmp_path / "etcd.db")
