"""A control plane that begins with a backup: the script of user data, run with stand-ins for its programs."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from bootstrap.recovery.etcd import STALE
from tests.unit.terraform.rendered import STACK

FILES = STACK / "modules" / "user-data" / "files"
SNAPSHOT = b"snapshot"
URL = "https://bucket.example/key?X-Amz-Signature=canary"
ORDER = {"backup": "1", "etcd": True}
SOURCE = {
    "backup": "1",
    "url": URL,
    "sha256": hashlib.sha256(SNAPSHOT).hexdigest(),
    "bump": 1000,
}

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("bash", "jq")), reason="needs bash and jq"
)


@dataclass(frozen=True)
class Machine:
    """A folder that stands for the machine's disk; each call of a program is a line of `calls`."""

    folder: Path

    def program(self, name: str, body: str = "") -> None:
        file = self.folder / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(f'#!/bin/bash\necho "{name} $*" >>"{self.folder}/calls"\n{body}\n')
        file.chmod(0o755)

    def parameters(self, **values: object) -> None:
        """`find` says nothing of what is not there; None stands for a parameter that cannot be read."""
        cases = ""
        for name, value in values.items():
            says = "exit 1" if value is None else f"echo {shlex.quote(json.dumps(value))}"
            cases += f"{name.replace('_', '-')}) {says};;\n"
        self.program("parameter", f'case "${{2##*/}}" in\n{cases}esac')

    def run(self) -> subprocess.CompletedProcess[str]:
        """The real script, with the disk's folders below ours."""
        script = (FILES / "restore.sh").read_text(encoding="utf-8")
        for place in ("/var/lib/", "/etc/bootstrap/"):
            script = script.replace(place, f"{self.folder}{place}")
        path = f"{self.folder}/bin{os.pathsep}{os.environ['PATH']}"
        known = {"PATH": path, "SSM_PREFIX": "/eco2/dev", "NODE": "cp", "PRIVATE_IP": "10.0.0.4"}
        return subprocess.run(
            ["bash", "-c", script], env=known, capture_output=True, text=True, check=False, timeout=60
        )

    @property
    def etcd(self) -> Path:
        return self.folder / "var/lib/etcd"

    @property
    def calls(self) -> list[str]:
        return (self.folder / "calls").read_text(encoding="utf-8").splitlines()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path)
    (tmp_path / "var/lib/bootstrap").mkdir(parents=True)
    (tmp_path / "etc/bootstrap").mkdir(parents=True)
    shutil.copy(FILES / "stale", tmp_path / "etc/bootstrap/stale")
    work = tmp_path / "var/lib/bootstrap/restore"
    made.program("sleep")
    made.program("kubeadm", '[ "$1" = version ] && echo v1.34.2 || echo registry.k8s.io/etcd:3.6.5-0')
    made.program("curl", f"cat >/dev/null; printf snapshot >{work}/etcd.db")
    made.program("ctr", f'case "$*" in *etcdutl*) mkdir {work}/etcd; touch {work}/etcd/member;; esac')
    return made


def test_without_an_order_nothing_happens(machine: Machine) -> None:
    machine.parameters()
    assert machine.run().returncode == 0
    assert machine.calls == ["parameter find /eco2/dev/cluster/restore"]


@pytest.mark.parametrize("order", [{"backup": "1", "etcd": False}])
def test_with_git_alone_etcd_begins_empty(machine: Machine, order: object) -> None:
    machine.parameters(restore=order)
    assert machine.run().returncode == 0
    assert not machine.etcd.exists()


def test_an_order_that_cannot_be_read_is_not_taken_for_none(machine: Machine) -> None:
    machine.parameters(restore=None)
    assert machine.run().returncode != 0
    assert not machine.etcd.exists()


def test_etcd_begins_with_the_backup(machine: Machine) -> None:
    machine.parameters(restore=ORDER, restore_source=SOURCE)
    done = machine.run()
    assert done.returncode == 0, done.stderr
    assert (machine.etcd / "member").exists()
    assert (machine.folder / "var/lib/bootstrap/restored").exists()
    assert not (machine.folder / "var/lib/bootstrap/restore").exists(), "the plain snapshot is gone"
    (restored,) = (call for call in machine.calls if "etcdutl" in call)
    for flag in (
        "--name cp",
        "--initial-cluster cp=https://10.0.0.4:2380",
        "--initial-advertise-peer-urls https://10.0.0.4:2380",
        "--bump-revision 1000",
        "--mark-compacted",
    ):
        assert flag in restored
    removed = [call.rsplit(" ", 1)[-1] for call in machine.calls if " del --prefix " in call]
    assert tuple(removed) == STALE
    assert not [call for call in machine.calls if "canary" in call], "the URL is in nobody's arguments"


def test_what_arrives_damaged_is_no_etcd(machine: Machine) -> None:
    machine.parameters(restore=ORDER, restore_source={**SOURCE, "sha256": "0" * 64})
    assert machine.run().returncode != 0
    assert not machine.etcd.exists()
    assert not (machine.folder / "var/lib/bootstrap/restored").exists()


@pytest.mark.parametrize("mark", ["restored", "cluster"])
def test_a_cluster_that_has_begun_is_never_restored_again(machine: Machine, mark: str) -> None:
    machine.parameters(restore=ORDER, restore_source=SOURCE)
    (machine.folder / "var/lib/bootstrap" / mark).touch()
    assert machine.run().returncode == 0
    assert not (machine.folder / "calls").exists()


def test_the_list_of_what_goes_is_the_products() -> None:
    assert tuple((FILES / "stale").read_text(encoding="utf-8").split()) == STALE
