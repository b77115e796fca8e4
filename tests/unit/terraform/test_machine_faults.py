"""Machines that fail on their way to a node: faults 11 to 13, made to happen to the scripts of user data.

Certificate keys (two hours) are for control planes that join another one. This platform has one control
plane, so no machine ever asks for such a key: there is nothing here that could expire.
"""

from __future__ import annotations

import hashlib
import shutil
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from bootstrap.core.errors import DeadlineError
from bootstrap.steps import nodes
from tests.aws_context import client
from tests.aws_edge import Fault, Refusal, edge
from tests.kubernetes_bench import Bench, make, node
from tests.machine_programs import PHASES
from tests.machines import LIMIT, TOOLS, Disk, Machine, Site
from tests.unit.terraform.rendered import UserData, render

DAY = 24 * 3600.0  # seconds
WORKER = {"role": "worker", "api_address": ""}
MACHINES = {
    "cp": {"role": "control-plane", "api_address": "203.0.113.9"},
    "api-auth": WORKER,
    "api-my": WORKER,
}

pytestmark = pytest.mark.skipif(
    any(shutil.which(tool) is None for tool in TOOLS), reason=f"needs {', '.join(TOOLS)}"
)


@pytest.fixture(scope="module")
def user_data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, UserData]:
    return render(tmp_path_factory.mktemp("user-data"), MACHINES)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    made = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    made.start()
    host, port = made.get_host_and_port()
    yield f"http://{host}:{port}"
    made.stop()


@pytest.fixture
def site(tmp_path: Path, user_data: dict[str, UserData]) -> Site:
    """For what has nothing to do with how SSM answers."""
    return Site(tmp_path, user_data)


@pytest.fixture
def cloud(site: Site, server: str) -> Site:
    """With the real `parameter` and boto3."""
    urllib.request.urlopen(f"{server}/moto-api/reset", data=b"").close()  # noqa: S310 - our own URL
    return replace(site, endpoint=server)


@pytest.fixture
def cp(site: Site) -> Machine:
    return site.machine("cp")


@pytest.fixture
def worker(site: Site) -> Machine:
    return site.machine("api-auth", "10.0.1.5")


def told(machine: Machine) -> dict[str, str]:
    """The machine's marker, less its time."""
    found = machine.marker
    assert found is not None
    assert found.pop("time")
    return found


def digests(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in folder.rglob("*")
        if file.is_file()
    }


# -- all is well ---------------------------------------------------------------------------------------


def test_machines_become_nodes_and_say_so(cloud: Site) -> None:
    cp, worker = cloud.machine("cp"), cloud.machine("api-auth", "10.0.1.5")
    assert cp.boot(), cp.log
    assert worker.boot(), worker.log
    assert cloud.nodes(cp) == {"cp", "api-auth"}
    assert told(worker) == {"instance": "i-api-auth", "phase": "ready", "message": ""}
    published = cloud.parameter("cluster/kubeconfig")
    assert published is not None and "https://203.0.113.9:6443" in published


def test_after_a_reboot_of_all_nothing_happens_but_a_fresh_token(
    site: Site, cp: Machine, worker: Machine
) -> None:
    assert cp.boot() and worker.boot()
    keys, calls = digests(cp.host.pki), {machine.name: len(machine.calls()) for machine in (cp, worker)}
    identity = cp.host.stored()["cluster"]
    for machine in (cp, worker):
        machine.power_off()
    assert cp.boot() and worker.boot()
    again = {machine.name: machine.calls()[calls[machine.name] :] for machine in (cp, worker)}
    assert [call for call in again["cp"] if call.startswith("kubeadm")] == ["kubeadm token create --ttl 24h"]
    assert not [call for call in again["api-auth"] if call.startswith(("kubeadm", "apt-get"))]
    assert not [call for call in again["cp"] if call.startswith(("apt-get", "kubectl apply"))]
    assert (digests(cp.host.pki), cp.host.stored()["cluster"]) == (keys, identity)
    assert worker.host.running.exists(), "the kubelet comes back by itself"


# -- 11: cloud-init fails ------------------------------------------------------------------------------


def test_a_package_that_cannot_be_installed_is_told_with_the_last_log_lines(
    site: Site, worker: Machine
) -> None:
    site.fault("api-auth", "apt", "kubeadm")
    assert not worker.boot()
    marker = told(worker)
    assert (marker["instance"], marker["phase"]) == ("i-api-auth", "failed")
    first, *lines = marker["message"].splitlines()
    assert first == "while installing:"
    assert lines[-1] == "E: Unable to fetch kubeadm: the mirror does not answer"


def test_what_goes_wrong_before_anything_is_there_to_tell_ssm_is_on_the_console(
    cloud: Site,
) -> None:
    worker = cloud.machine("api-auth")
    cloud.fault("api-auth", "apt", "update")
    assert not worker.boot()
    assert worker.marker is None
    assert "bootstrap-node: E: Unable to fetch update: the mirror does not answer" in worker.console
    cloud.fault("api-auth", "apt")
    there = replace(cloud, endpoint="")  # the control plane has nothing to do with it
    there.machine("cp").boot()
    for name, value in there.parameters().items():
        client("ssm", cloud.endpoint).put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    assert worker.service(), worker.log


def test_what_went_wrong_last_stays_told_while_it_is_tried_again(
    site: Site, cp: Machine, worker: Machine
) -> None:
    """The next attempt begins at once: who asks then would otherwise see nothing of it."""
    assert cp.boot()
    site.fault("api-auth", "apt", "kubeadm")
    worker.boot()
    site.fault("api-auth", "apt")
    site.fault("api-auth", "power", "join")
    assert not worker.service()
    marker = told(worker)
    assert marker["phase"] == "joining"
    assert "E: Unable to fetch kubeadm" in marker["message"]
    assert worker.boot(), worker.log
    assert told(worker)["message"] == ""


def test_packages_signed_with_another_key_are_not_installed(site: Site, cp: Machine, worker: Machine) -> None:
    assert cp.boot()
    site.fault("api-auth", "forged", "Release.key")
    assert not worker.boot()
    assert "fingerprint" in told(worker)["message"]
    assert not list(worker.disk.at("/etc/apt/sources.list.d").iterdir())
    assert not worker.disk.at("/etc/apt/keyrings/kubernetes.asc").exists()
    assert not worker.disk.at("/usr/bin/kubeadm").exists()
    site.fault("api-auth", "forged")
    assert worker.service(), worker.log


@pytest.mark.parametrize("file", ["operator-crds.yaml", "tigera-operator.yaml"])
def test_a_network_that_is_not_the_pinned_one_is_not_applied(site: Site, cp: Machine, file: str) -> None:
    site.fault("cp", "forged", file)
    assert not cp.boot()
    assert f"{file}: FAILED" in told(cp)["message"]
    assert not [call for call in cp.calls("kubectl") if " apply " in call]
    site.fault("cp", "forged")
    assert cp.served(), cp.log
    assert [call for call in cp.calls("kubectl") if f"-f {cp.disk.at('/var/lib/bootstrap')}/{file}" in call]


def test_an_installation_that_broke_off_is_gone_on_with(site: Site, cp: Machine, worker: Machine) -> None:
    """kubeadm is there and kubectl is not: that one program is there proves nothing."""
    assert cp.boot()
    site.fault("api-auth", "apt", "kubectl")
    assert not worker.boot()
    assert worker.disk.at("/usr/bin/kubeadm").exists()
    site.fault("api-auth", "apt")
    assert worker.service(), worker.log
    assert worker.disk.at("/usr/bin/kubectl").exists()


def test_a_worker_that_may_not_read_the_join_data_says_so_instead_of_waiting_for_ever(
    cloud: Site,
) -> None:
    with edge(cloud.endpoint) as aws:
        aws.faults.append(Fault("ssm", "GetParameter", Refusal(400, "AccessDeniedException")))
        worker = replace(cloud, endpoint=aws.url).machine("api-auth")
        assert not worker.boot()
        assert told(worker)["message"].startswith(
            "while joining:\nparameter: An error occurred (AccessDenied"
        )


# -- 12: the join token has expired --------------------------------------------------------------------


def test_with_an_expired_token_a_fresh_one_is_minted_and_only_that_worker_tries_again(
    site: Site, cp: Machine, worker: Machine
) -> None:
    assert cp.boot() and worker.boot()
    late = site.machine("api-my", "10.0.1.6")
    site.pass_time(DAY + 1)  # the control plane's timer did not run all that time
    assert not late.boot()
    marker = told(late)
    assert marker["phase"] == "failed"
    assert "could not find a JWS signature" in marker["message"]
    assert "while joining:" in marker["message"]
    calls = {machine.name: machine.calls("kubeadm") for machine in (cp, worker)}

    assert cp.service("bootstrap-join")  # what the timer starts
    assert late.service(), late.log
    assert worker.service()
    assert site.nodes(cp) == {"cp", "api-auth", "api-my"}
    assert cp.calls("kubeadm")[len(calls["cp"]) :] == ["kubeadm token create --ttl 24h"]
    assert worker.calls("kubeadm") == calls["api-auth"], "who has joined does nothing"
    assert [call.split()[1] for call in late.calls("kubeadm")] == ["reset", "join"] * 2


def test_a_control_plane_that_was_off_for_long_mints_a_token_when_it_starts(
    site: Site, cp: Machine, worker: Machine
) -> None:
    assert cp.boot()
    cp.power_off()
    site.pass_time(2 * DAY)
    assert cp.boot()
    assert worker.boot(), worker.log


def test_join_data_of_an_earlier_control_plane_is_not_kept_to(
    site: Site, cp: Machine, worker: Machine
) -> None:
    assert cp.boot()
    cp.power_off()
    second = site.machine("cp", "10.0.0.9", "i-second")
    assert not worker.boot()
    assert "connection refused" in told(worker)["message"]
    assert second.boot(), second.log
    assert worker.service(), worker.log
    assert site.nodes(second) == {"cp", "api-auth"}


@pytest.mark.parametrize("dies", ["kubeadm", "power"])
def test_a_worker_killed_in_the_middle_of_joining_joins(
    site: Site, cp: Machine, worker: Machine, dies: str
) -> None:
    assert cp.boot()
    site.fault("api-auth", dies, "join")
    assert not worker.boot()
    assert (worker.host.kubernetes / "bootstrap-kubelet.conf").exists()
    assert worker.service(), worker.log
    assert site.nodes(cp) == {"cp", "api-auth"}


def test_a_worker_that_is_there_first_waits_for_the_control_plane(
    site: Site, cp: Machine, worker: Machine
) -> None:
    thread = threading.Thread(target=worker.boot)
    thread.start()
    assert cp.boot(), cp.log
    thread.join(LIMIT)
    assert not thread.is_alive()
    assert site.nodes(cp) == {"cp", "api-auth"}
    assert "while" not in worker.log


# -- 13: kubeadm init half done ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dies", "point"),
    [
        *(("power", point) for point in ("kubeconfig", "etcd", "kube-apiserver", *PHASES[-3:])),
        ("kubeadm", "etcd"),
        ("kubeadm", "wait-control-plane"),
    ],
)
def test_an_init_that_broke_off_goes_on_with_its_keys_and_its_etcd(
    site: Site, cp: Machine, dies: str, point: str
) -> None:
    site.fault("cp", dies, point)
    assert not cp.boot()
    keys, etcd = digests(cp.host.pki), digests(cp.host.etcd)
    assert keys
    identity = cp.host.stored()["cluster"] if etcd else None
    assert cp.served(), cp.log
    assert digests(cp.host.pki) == keys
    assert identity in (None, cp.host.stored()["cluster"])
    assert site.nodes(cp) == {"cp"}
    assert not [call for call in cp.calls("kubeadm") if "reset" in call]


@pytest.mark.parametrize("point", ["certs/ca", "certs/apiserver", "kubeconfig/admin", "kubeconfig/scheduler"])
def test_keys_and_files_that_were_half_written_are_made_anew(site: Site, cp: Machine, point: str) -> None:
    """The real kubeadm refuses halves for ever. Nobody has used them: no etcd has begun."""
    site.fault("cp", "power", point)
    assert not cp.boot()
    assert not cp.host.etcd.exists()
    assert cp.boot(), cp.log
    assert site.nodes(cp) == {"cp"}


@pytest.mark.parametrize("finished", [False, True])
def test_the_disk_of_another_cluster_is_refused_and_left_as_it_is(
    site: Site, cp: Machine, finished: bool
) -> None:
    """Of one whose init is done, too: its kubeconfig would be published as ours."""
    _leftovers(cp.disk)
    cp.disk.write("/var/lib/bootstrap/cluster", "other-prod\n")
    if finished:
        cp.disk.write("/var/lib/bootstrap/initialised", "")
    before = digests(cp.disk.at("/var/lib"))
    assert not cp.boot()
    assert not cp.served()
    assert "this disk holds cluster other-prod, not eco2-dev" in told(cp)["message"]
    assert digests(cp.disk.at("/var/lib")) == before
    assert site.parameter("cluster/kubeconfig") is None
    assert not cp.calls("kubeadm")


def test_an_etcd_of_nobody_knows_whom_is_refused_and_left_as_it_is(cp: Machine) -> None:
    _leftovers(cp.disk)
    before = digests(cp.host.etcd)
    assert not cp.boot()
    assert not cp.served()
    assert "[ERROR DirAvailable--var-lib-etcd]: /var/lib/etcd is not empty" in told(cp)["message"]
    assert digests(cp.host.etcd) == before
    assert not cp.host.pki.exists()


def _leftovers(disk: Disk) -> None:
    disk.write("/var/lib/etcd/member/snap/db", '{"cluster": "other", "tokens": {}, "nodes": []}')
    disk.write("/var/lib/etcd/member/wal/0.wal", "log")


# -- what `up` makes of it -----------------------------------------------------------------------------


def wait_for_nodes(site: Site, folder: Path, *joined: str) -> tuple[Bench, DeadlineError]:
    """The product's own step, which reads what the machines wrote."""
    bench = make(folder)
    for name in joined:
        bench.server.put(node(name))
    bench.parameters.values.update(site.parameters())
    with pytest.raises(DeadlineError) as caught:
        nodes.run(bench.once())
    return bench, caught.value


def test_up_names_the_node_and_the_last_log_lines(site: Site, tmp_path: Path) -> None:
    site.fault("api-auth", "apt", "kubeadm")
    site.machine("api-auth").boot()
    bench, error = wait_for_nodes(site, tmp_path / "project", "cp")
    why = "E: Unable to fetch kubeadm: the mirror does not answer"
    assert f"api-auth (has not joined; its machine: failed while installing: {why})" in bench.said()
    assert "api-auth: has not joined; its machine i-api-auth: failed while installing (20" in error.why
    assert error.why.endswith(f"\n      {why}")
    assert "--target i-api-auth" in error.cure


def test_up_does_not_believe_what_an_earlier_machine_said(site: Site, tmp_path: Path) -> None:
    site.fault("api-auth", "apt", "kubeadm")
    site.machine("api-auth", instance="i-earlier").boot()
    bench, error = wait_for_nodes(site, tmp_path / "project", "cp")
    assert "mirror" not in bench.said() + error.why
    assert "its machine i-api-auth has reported nothing" in error.why
    assert error.cure.startswith("aws ec2 get-console-output")


def test_up_judges_by_the_cluster_and_not_by_what_a_machine_says(site: Site, tmp_path: Path) -> None:
    site.fault("api-auth", "kubelet", "crashes")
    cp, worker = site.machine("cp"), site.machine("api-auth")
    assert cp.boot() and worker.boot()
    assert told(worker)["phase"] == "ready"
    _, error = wait_for_nodes(site, tmp_path / "project", *site.nodes(cp))
    assert "api-auth: has not joined; its machine i-api-auth: ready since 20" in error.why
    assert error.cure.endswith("sudo journalctl -u kubelet")
