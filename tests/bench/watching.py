"""How soon the end of a wave is noticed, and what it costs to watch a thousand Applications.

Against a bare API server with Argo CD's definitions; a writer plays Argo CD's part, so that the moment of
each write is known. Latency: from sending the write to the product's event, or to the end of the peer's
process that waits for the same Application. All clocks are one: the machine's monotonic clock.
"""

from __future__ import annotations

import json
import os
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.objects import APPLICATION, CRD, Json, Key, Kind
from bootstrap.kubernetes.transport import Request
from tests.api_server import TOOLCHAIN, Server, eventually
from tests.argo_objects import application, root
from tests.bench.argocd import NAMESPACE, serving

MANY, RESOURCES, PER_WAVE = 1000, 30, 20
SAMPLES = 20  # waves that end, for the latency
PEER_SAMPLES = 8
REST = 20.0  # seconds over which the cost at rest is measured
STREAM = 20.0  # changes a second, for the cost of a steady stream


@dataclass(frozen=True)
class Latency:
    """Seconds, sorted."""

    name: str
    values: tuple[float, ...]

    @property
    def p50(self) -> float:
        return statistics.median(self.values)

    @property
    def p95(self) -> float:
        return statistics.quantiles(self.values, n=20, method="inclusive")[18]


@dataclass(frozen=True)
class Cost:
    """Of our process while it watches `MANY` Applications: MB at most, percent of a core."""

    memory: float
    at_rest: float
    streaming: float
    lists: float
    watches: float


@dataclass(frozen=True)
class Measured:
    few: Latency
    many: Latency
    kubectl: Latency
    argocd: Latency | str  # why it could not be measured
    cost: Cost


def measure() -> Measured:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, Server(Path(folder)) as server:
        return _measure(server)


def _measure(server: Server) -> Measured:
    cluster = server.cluster()
    install(cluster)
    kubeconfig = server.kubeconfig("admin")
    few = _waves(cluster, kubeconfig, 1, "the product")
    kubectl = _peer(cluster, "kubectl wait", lambda which: _kubectl(kubeconfig, which))
    argocd = _argocd(cluster, kubeconfig)
    _remove(cluster)
    many, cost = _thousand(cluster, kubeconfig)
    return Measured(few, many, kubectl, argocd, cost)


def install(cluster: Cluster) -> None:
    items = manifests((TOOLCHAIN.share / "argocd" / "install.yaml").read_text())
    wanted = {"CustomResourceDefinition", "ConfigMap", "Secret"}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    for item in items:
        if item["kind"] in wanted:
            place = {} if Kind.of(item).unversioned == CRD else {"namespace": NAMESPACE}
            cluster.apply({**item, "metadata": {**item["metadata"], **place}})
    eventually(lambda: cluster.refresh().find(APPLICATION) is not None)
    project = {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": "default", "namespace": NAMESPACE},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
        },
    }
    eventually(lambda: _accepted(cluster, project))


def _accepted(cluster: Cluster, item: Json) -> bool:
    try:
        cluster.apply(item)
    except Exception:  # its definition is not served yet
        return False
    return True


def app(which: str, health: str, resources: int = RESOURCES) -> Json:
    """As large as Argo CD's own: resources, results of the last sync, ten entries of history."""
    named = [
        {
            "group": "apps",
            "version": "v1",
            "kind": "Deployment",
            "namespace": f"space-{which}",
            "name": f"workload-{number}",
            "status": "Synced",
            "health": {"status": "Healthy"},
        }
        for number in range(resources)
    ]
    results = [
        {key: entry[key] for key in ("group", "version", "kind", "namespace", "name", "status")}
        | {"hookPhase": "Running", "syncPhase": "Sync", "message": f"deployment {which} configured"}
        for entry in named
    ]
    item = application(which, health=health, resources=named, results=results)
    item["spec"]["project"] = "default"
    del item["metadata"]["uid"]
    source, at = item["spec"]["source"], "2025-01-01T00:00:00Z"
    item["status"]["conditions"] = []
    item["status"]["operationState"] |= {
        "finishedAt": at,
        "operation": {"sync": {"revision": item["status"]["sync"]["revision"]}},
    }
    item["status"]["operationState"]["syncResult"]["source"] = source
    item["status"]["history"] = [
        {"id": number, "revision": "a" * 40, "deployedAt": at, "deployStartedAt": at, "source": source}
        for number in range(10)
    ]
    return item


def top(waves: dict[str, int], phase: str = "Succeeded") -> Json:
    item = root(waves, phase=phase)
    item["spec"]["project"] = "default"
    del item["metadata"]["uid"]
    state = item["status"]["operationState"]
    state["operation"] = {"sync": {"revision": item["status"]["sync"]["revision"]}}
    state["syncResult"]["source"] = item["spec"]["source"]
    return item


def _create(cluster: Cluster, items: list[Json]) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(cluster.create, items))


def _remove(cluster: Cluster) -> None:
    for item in cluster.list(APPLICATION, NAMESPACE):
        cluster.delete(Key.of(item))


def heal(cluster: Cluster, which: str) -> float:
    """Argo CD's write; when it was sent."""
    sent = time.monotonic()
    cluster.patch(Key(APPLICATION, NAMESPACE, which), {"status": {"health": {"status": "Healthy"}}})
    return sent


class Follower:
    """The product in a process of its own."""

    def __init__(self, kubeconfig: Path) -> None:
        command = [sys.executable, "-m", "tests.bench.follower", str(kubeconfig)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.process = psutil.Process(self._process.pid)
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self._events.put(json.loads(line))

    def until(self, kind: str, wave: int) -> float:
        """When it told that; raises queue.Empty when it does not for a minute."""
        while True:
            event = self._events.get(timeout=60)
            if event["type"] == kind and event.get("wave") == wave:
                return float(event["time"])

    def peak(self) -> float:
        """Resident memory in MB, the most it ever was."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(line.split()[1]) for line in text.splitlines() if line.startswith("VmHWM")) / 1000

    def busy(self, seconds: float) -> float:
        """Percent of a core that it takes over so many seconds."""
        before = sum(self.process.cpu_times()[:2])
        time.sleep(seconds)
        return 100 * (sum(self.process.cpu_times()[:2]) - before) / seconds

    def end(self) -> None:
        self._process.kill()
        self._process.wait()


@contextmanager
def following(kubeconfig: Path) -> Iterator[Follower]:
    follower = Follower(kubeconfig)
    try:
        yield follower
    finally:
        follower.end()


def _ends(
    cluster: Cluster, follower: Follower, waves: list[tuple[int, list[str]]], started: int | None = None
) -> tuple[float, ...]:
    """Finish these waves one by one; seconds until each end was told. `started` has begun already."""
    found = []
    for wave, pending in waves:
        if wave != started:
            follower.until("wave_started", wave)
        time.sleep(0.2 + 0.037 * (wave % 7))  # not in step with anything
        sent = [heal(cluster, which) for which in pending][-1]
        found.append(follower.until("wave_finished", wave) - sent)
    return tuple(sorted(found))


def _waves(cluster: Cluster, kubeconfig: Path, size: int, name: str) -> Latency:
    names = {f"few-{wave}": wave for wave in range(SAMPLES)}
    _create(cluster, [app(which, "Progressing") for which in names])
    _create(cluster, [top(names, "Running")])
    with following(kubeconfig) as follower:
        return Latency(name, _ends(cluster, follower, [(wave, [which]) for which, wave in names.items()]))


def _thousand(cluster: Cluster, kubeconfig: Path) -> tuple[Latency, Cost]:
    names = {f"app-{number}": number // PER_WAVE for number in range(MANY)}
    last = max(names.values())
    healthy = last + 1 - SAMPLES
    _create(
        cluster,
        [app(which, "Healthy" if wave < healthy else "Progressing") for which, wave in names.items()],
    )
    _create(cluster, [top(names, "Running")])
    lists = _requests(cluster, "LIST")
    waves = [
        (wave, [which for which, at in names.items() if at == wave]) for wave in range(healthy, last + 1)
    ]
    with following(kubeconfig) as follower:
        follower.until("wave_started", healthy)
        time.sleep(3.0)
        at_rest = follower.busy(REST)
        watches = _watches(cluster)
        with _stream(cluster, "app-0"):
            streaming = follower.busy(REST)
        lists = _requests(cluster, "LIST") - lists
        latency = _ends(cluster, follower, waves, started=healthy)
        return Latency(f"the product, {MANY} Applications", latency), Cost(
            follower.peak(), at_rest, streaming, lists, watches
        )


@contextmanager
def _stream(cluster: Cluster, which: str) -> Iterator[None]:
    """Something of an Application that is done changes all the time, as by Argo CD's own refreshing."""
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.wait(1 / STREAM):
            number += 1
            change = {"status": {"reconciledAt": f"2025-01-01T00:{number // 60 % 60:02}:{number % 60:02}Z"}}
            cluster.patch(Key(APPLICATION, NAMESPACE, which), change)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()


def _metric(cluster: Cluster, name: str, **labels: str) -> float:
    text = cluster._transport.send(Request("GET", "/metrics", accept="*/*")).body.decode()
    wanted = [f'{key}="{value}"' for key, value in labels.items()]
    lines = (line for line in text.splitlines() if line.startswith(name + "{"))
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(each in line for each in wanted))


def _requests(cluster: Cluster, verb: str) -> float:
    return _metric(cluster, "apiserver_request_total", verb=verb, resource="applications")


def _watches(cluster: Cluster) -> float:
    return _metric(cluster, "apiserver_longrunning_requests", verb="WATCH", resource="applications")


Wait = Callable[[str], "subprocess.Popen[bytes]"]


def _peer(cluster: Cluster, name: str, wait: Wait) -> Latency:
    """Each sample is a process that waits for one Application; it is given time to begin watching."""
    found = []
    for number in range(PEER_SAMPLES):
        which = f"{name.replace(' ', '-')}-{number}"
        cluster.create(app(which, "Progressing"))
        process = wait(which)
        time.sleep(3.0)
        if process.poll() is not None:
            assert process.stderr is not None
            raise RuntimeError(process.stderr.read().decode().strip()[-300:])
        sent = heal(cluster, which)
        if process.wait(60):
            assert process.stderr is not None
            raise RuntimeError(process.stderr.read().decode().strip()[-300:])
        found.append(time.monotonic() - sent)
    return Latency(name, tuple(sorted(found)))


def _kubectl(kubeconfig: Path, which: str) -> subprocess.Popen[bytes]:
    command = [str(TOOLCHAIN.path("kubectl")), "--kubeconfig", str(kubeconfig), "-n", NAMESPACE, "wait"]
    command += ["--for=jsonpath={.status.health.status}=Healthy", f"application/{which}", "--timeout=60s"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _argocd(cluster: Cluster, kubeconfig: Path) -> Latency | str:
    """`argocd app wait`. Its `--core` needs Argo CD's pods to forward ports to, so an API server is asked."""

    def wait(which: str) -> subprocess.Popen[bytes]:
        command = [*client, "app", "wait", which, "--health", "--sync", "--timeout", "60"]
        environ = {**os.environ, "HOME": str(kubeconfig.parent), "ARGOCD_BINARY_NAME": "argocd"}
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environ)

    try:
        with serving(kubeconfig.parent, kubeconfig) as client:
            return _peer(cluster, "argocd app wait", wait)
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return str(error)


# -- for people ----------------------------------------------------------------------------------------------


def rows(measured: Measured) -> list[str]:
    """Figure, measured, bar, measured / bar; latencies beside those of the peers."""
    peers = [measured.kubectl, *([measured.argocd] if isinstance(measured.argocd, Latency) else [])]
    lines = []
    for ours in (measured.few, measured.many):
        for part in ("p50", "p95"):
            value = getattr(ours, part)
            beside = ", ".join(f"{value / getattr(peer, part):.2f} of {peer.name}" for peer in peers)
            bar = 0.3 if part == "p95" else None
            lines.append(row(f"end of a wave seen, {ours.name}, {part}", value, bar, "s", beside))
    for peer in peers:
        lines += [row(f"the same by {peer.name}, {part}", getattr(peer, part), None, "s") for part in PARTS]
    if isinstance(measured.argocd, str):
        lines.append(f"argocd app wait could not be measured: {measured.argocd}")
    cost = measured.cost
    lines += [
        row(f"{MANY} Applications: memory of our process", cost.memory, 150, "MB"),
        row(f"{MANY} Applications: of a core, at rest", cost.at_rest, 5, "%"),
        row(f"{MANY} Applications: of a core, {STREAM:.0f} changes/s", cost.streaming, None, "%"),
        row(f"{MANY} Applications: watches on them", cost.watches, 1, ""),
        row(f"{MANY} Applications: pages of the one list", cost.lists, None, ""),
    ]
    return lines


PARTS = ("p50", "p95")


def row(name: str, value: float, bar: float | None, unit: str, beside: str = "") -> str:
    told = f"{bar:>8.1f} {unit:<4}{value / bar:>7.2f}" if bar is not None else f"{unit:>10}{'':10}"
    return f"{name:<60}{value:>9.3f} {told}  {beside}".rstrip()


if __name__ == "__main__":
    for line in rows(measure()):
        print(line)  # noqa: T201
