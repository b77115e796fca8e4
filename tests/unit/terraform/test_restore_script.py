"""A control plane that begins with a backup: the script of user data, run with stand-ins for its programs."""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from bootstrap.recovery import transit
from bootstrap.recovery.etcd import STALE
from tests.machines import FILES, Disk

SNAPSHOT = b"snapshot"
KEY = transit.new_key()
URL = "https://bucket.example/key?X-Amz-Signature=canary"
ORDER = {"backup": "1", "etcd": True}
SOURCE = {
    "backup": "1",
    "url": URL,
    "key": KEY,
    "sha256": hashlib.sha256(SNAPSHOT).hexdigest(),
    "bump": 1000,
}

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in ("bash", "jq")), reason="needs bash and jq"
)


def parameters(machine: Disk, **values: object) -> None:
    """`find` says nothing of what is not there; None stands for a parameter that cannot be read."""
    cases = ""
    for name, value in values.items():
        says = "exit 1" if value is None else f"echo {shlex.quote(json.dumps(value))}"
        cases += f"{name.replace('_', '-')}) {says};;\n"
    machine.program("parameter", f'case "${{2##*/}}" in\n{cases}esac')


def run(machine: Disk) -> subprocess.CompletedProcess[str]:
    return machine.run("restore.sh", SSM_PREFIX="/eco2/dev", NODE="cp", PRIVATE_IP="10.0.0.4")


def etcd(machine: Disk) -> Path:
    return machine.at("/var/lib/etcd")


@pytest.fixture
def machine(tmp_path: Path) -> Disk:
    made = Disk(tmp_path)
    (tmp_path / "var/lib/bootstrap").mkdir(parents=True)
    (tmp_path / "etc/bootstrap").mkdir(parents=True)
    shutil.copy(FILES / "stale", tmp_path / "etc/bootstrap/stale")
    work = tmp_path / "var/lib/bootstrap/restore"
    made.program("sleep")
    made.program("kubeadm", '[ "$1" = version ] && echo v1.34.2 || echo registry.k8s.io/etcd:3.6.5-0')
    plain, sealed = tmp_path / "plain", tmp_path / "lent"
    plain.write_bytes(SNAPSHOT)
    transit.seal(plain, sealed, KEY)
    made.program("curl", f"cat >/dev/null; cp {sealed} {work}/sealed")
    made.program("ctr", f'case "$*" in *etcdutl*) mkdir -p {work}/etcd/member;; esac')
    return made


def test_without_an_order_nothing_happens(machine: Disk) -> None:
    parameters(machine)
    assert run(machine).returncode == 0
    assert machine.calls == ["parameter find /eco2/dev/cluster/restore"]


@pytest.mark.parametrize("order", [{"backup": "1", "etcd": False}])
def test_with_git_alone_etcd_begins_empty(machine: Disk, order: object) -> None:
    parameters(machine, restore=order)
    assert run(machine).returncode == 0
    assert not etcd(machine).exists()


def test_an_order_that_cannot_be_read_is_not_taken_for_none(machine: Disk) -> None:
    parameters(machine, restore=None)
    assert run(machine).returncode != 0
    assert not etcd(machine).exists()


def test_etcd_begins_with_the_backup(machine: Disk) -> None:
    parameters(machine, restore=ORDER, restore_source=SOURCE)
    done = run(machine)
    assert done.returncode == 0, done.stderr
    assert (etcd(machine) / "member").exists()
    assert f" {transit.OPENSSL} " in f" {(FILES / 'restore.sh').read_text(encoding='utf-8')} "
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


@pytest.mark.parametrize("change", [{"sha256": "0" * 64}, {"key": transit.new_key()}])
def test_what_arrives_damaged_is_no_etcd(machine: Disk, change: dict[str, str]) -> None:
    parameters(machine, restore=ORDER, restore_source={**SOURCE, **change})
    assert run(machine).returncode != 0
    assert not etcd(machine).exists()
    assert not (machine.folder / "var/lib/bootstrap/restored").exists()


@pytest.mark.parametrize("mark", ["restored", "cluster"])
def test_a_cluster_that_has_begun_is_never_restored_again(machine: Disk, mark: str) -> None:
    parameters(machine, restore=ORDER, restore_source=SOURCE)
    (machine.folder / "var/lib/bootstrap" / mark).touch()
    assert run(machine).returncode == 0
    assert not machine.calls


def test_what_lies_in_etcds_folder_is_never_removed(machine: Disk) -> None:
    parameters(machine, restore=ORDER, restore_source=SOURCE)
    kept = machine.write("/var/lib/etcd/member/snap/db", "another cluster's")
    done = run(machine)
    assert done.returncode != 0
    assert "is not empty and not of this cluster" in done.stderr
    assert kept.read_text() == "another cluster's"
    assert not machine.at("/var/lib/bootstrap/restored").exists()
    assert not [call for call in machine.calls if call.startswith(("curl", "ctr"))], "it is refused at once"


def test_one_killed_before_it_could_say_that_it_was_done_is_done(machine: Disk) -> None:
    parameters(machine, restore=ORDER, restore_source=SOURCE)
    machine.program("mv", 'command -p mv "$@"; kill -9 $PPID')
    assert run(machine).returncode != 0
    before = machine.calls
    assert not machine.at("/var/lib/bootstrap/restored").exists()
    assert run(machine).returncode == 0
    assert machine.at("/var/lib/bootstrap/restored").exists()
    assert (etcd(machine) / "member").exists()
    assert machine.calls == before, "nothing is fetched again"


def test_one_killed_earlier_begins_again(machine: Disk) -> None:
    parameters(machine, restore=ORDER, restore_source=SOURCE)
    machine.program("mv", "kill -9 $PPID")
    assert run(machine).returncode != 0
    machine.program("mv", 'command -p mv "$@"')
    done = run(machine)
    assert done.returncode == 0, done.stderr
    assert (etcd(machine) / "member").exists()


def test_the_list_of_what_goes_is_the_products() -> None:
    assert tuple((FILES / "stale").read_text(encoding="utf-8").split()) == STALE
