from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from tests.unit.terraform.rendered import MACHINES, MAIN, STACK, UserData, render

HOLE = re.compile(r"\$\{(\w+)\}")


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> dict[str, UserData]:
    return render(tmp_path_factory.mktemp("user-data"))


@pytest.fixture(params=sorted(MACHINES))
def machine(request: pytest.FixtureRequest, machines: dict[str, UserData]) -> UserData:
    return machines[request.param]


def test_it_is_cloud_config_within_the_limit_of_ec2(machine: UserData) -> None:
    assert machine.text.startswith("#cloud-config\n")
    assert len(machine.text.encode()) < 16 * 1024


def test_there_is_room_for_long_labels(machine: UserData) -> None:
    """The module refuses to render 16000 bytes and more; these labels are short ones."""
    assert len(machine.text.encode()) < 15_000
    assert not re.search(r"(^| )# ", "".join(machine.files.values()), re.MULTILINE)


def test_only_comments_are_left_out() -> None:
    for file in (STACK / "modules" / "user-data" / "files").iterdir():
        for code, _, comment in (line.partition(" # ") for line in file.read_text().splitlines()):
            assert not comment or all(code.count(quote) % 2 == 0 for quote in "\"'`"), (
                f"{file.name}: {comment}"
            )


def test_both_files_of_calico_are_pinned(machines: dict[str, UserData]) -> None:
    checksums = machines["control-plane"].files["/etc/bootstrap/calico.sha256"]
    lines = [line.split("  ") for line in checksums.splitlines()]
    assert sorted(name for _, name in lines) == ["operator-crds.yaml", "tigera-operator.yaml"]
    assert all(re.fullmatch(r"[0-9a-f]{64}", digest) for digest, _ in lines)
    script = machines["control-plane"].files["/usr/local/sbin/bootstrap-role"]
    assert script.index("sha256sum --check --strict") < script.index("kubectl apply")


def test_calico_without_checksums_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as caught:
        render(tmp_path, main=MAIN.replace("v3.32.1", "v3.0.1"))
    assert "The files of Calico v3.0.1 have no checksums" in caught.value.stderr.decode()


def test_nothing_that_is_fetched_goes_straight_into_a_program(machine: UserData) -> None:
    """What a machine fetches becomes a file that is compared with something pinned, and only then is used."""
    for path, content in machine.files.items():
        if path.startswith("/usr/local/sbin/"):
            assert not re.search(r"curl [^\n]*\|", content), path
            assert not re.search(r"kubectl [^\n]*-f \S*(https?:|manifests/)", content), path


def test_programs_are_executable_and_valid(machine: UserData, tmp_path: Path) -> None:
    for path, content in machine.files.items():
        if path.startswith("/usr/local/sbin/"):
            assert machine.modes[path] == "0755"
        if content.startswith("#!/bin/bash"):
            script = tmp_path / Path(path).name
            script.write_text(content, encoding="utf-8")
            subprocess.run(["bash", "-n", str(script)], check=True)
        if content.startswith("#!/usr/bin/python3"):
            compile(content, path, "exec")


def test_every_program_that_is_called_is_there(machine: UserData) -> None:
    called = set(re.findall(r"(/usr/local/sbin/[\w-]+)", machine.text)) | {"/usr/local/sbin/parameter"}
    assert called <= set(machine.files)


def test_every_hole_left_for_the_machine_is_filled_by_a_script(machine: UserData) -> None:
    holes = set(HOLE.findall(machine.files["/etc/bootstrap/kubeadm.yaml"]))
    scripts = "\n".join(content for content in machine.files.values() if content.startswith("#!/bin/bash"))
    exported = {
        name for line in re.findall(r"export ([A-Z_ ]+)$", scripts, re.MULTILINE) for name in line.split()
    }
    assert holes
    assert holes <= exported


def test_the_node_registers_with_provider_id_labels_and_taint(machine: UserData) -> None:
    kind = "JoinConfiguration" if "JoinConfiguration" in machine.kubeadm else "InitConfiguration"
    registration = machine.kubeadm[kind]["nodeRegistration"]
    arguments = {item["name"]: item["value"] for item in registration["kubeletExtraArgs"]}
    assert arguments == {"provider-id": "${PROVIDER_ID}", "node-labels": "domain=auth,tier=api"}
    assert registration["taints"] == [{"key": "domain", "value": "auth", "effect": "NoSchedule"}]
    assert registration["name"] == machine.config["hostname"]
    assert (
        'PROVIDER_ID="aws:///$(metadata placement/availability-zone)/$INSTANCE_ID"'
        in machine.text.replace('\\"', '"')
    )


def test_the_control_plane_uses_the_networks_and_small_keys(machines: dict[str, UserData]) -> None:
    cluster = machines["control-plane"].kubeadm["ClusterConfiguration"]
    assert cluster["networking"] == {"podSubnet": "192.168.0.0/16", "serviceSubnet": "10.96.0.0/12"}
    assert cluster["encryptionAlgorithm"] == "ECDSA-P256"
    assert cluster["clusterName"] == "eco2-dev"


@pytest.mark.parametrize(("name", "address"), [("control-plane", "203.0.113.9"), ("hidden", "")])
def test_the_published_address_is_the_public_one_if_there_is_one(
    machines: dict[str, UserData], name: str, address: str
) -> None:
    assert f"API_ADDRESS='{address}'\n" in machines[name].files["/etc/bootstrap/node.env"]


def test_a_worker_has_nothing_of_the_control_plane(machines: dict[str, UserData]) -> None:
    worker = machines["api-auth"]
    assert set(worker.kubeadm) == {"JoinConfiguration"}
    assert "cluster/kubeconfig" not in worker.text
    assert not {path for path in worker.files if "bootstrap-join" in path or "calico" in path}


def test_no_secret_is_in_it(machine: UserData) -> None:
    assert "BEGIN" not in machine.text
    assert not re.search(r"[a-z0-9]{6}\.[a-z0-9]{16}", machine.text)  # a kubeadm token
    assert machine.modes["/etc/bootstrap/kubeadm.yaml"] == "0600"
