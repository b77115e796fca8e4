"""The diagnosis on a real stuck cluster, and on one that is only slow.

One small platform, runs of `bootstrap` in processes of their own, in this order:

precision  `up` of fifty Applications that are well, most of them slow. Beside it the diagnosis is asked every
           second, from the first Application to the end: it must never call anything but slow.
recall     `up --fault …` with every fault at once, each an Application of its own. When the cluster first
           shows a cause is read from the cluster by other means (`EVIDENCE`, a watch); when the run names it,
           from the run's own events. What lies between the two is printed for each, beside the bar of 15 s
           (nothing is asserted of it: the machine may be busy). No other cause is named.
recovery   `up --fault` with a hopeless one alone, which ends by itself, and with one that something could
           still heal, which ends at its deadline; and `up`, after which nothing of any fault is left.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.core.errors import BootstrapError
from bootstrap.diagnosis import Outlook, Verdict, diagnose
from bootstrap.kubernetes.argo import Expected
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.informer import Informer, Scope
from bootstrap.kubernetes.objects import (
    APP_PROJECT,
    APPLICATION,
    APPLICATION_SET,
    CLAIM,
    DEPLOYMENT,
    EVENT,
    EXTERNAL_SECRET,
    INGRESS,
    NAMESPACE,
    NODE,
    POD,
    Json,
    Key,
    Kind,
    annotations_of,
    created,
    is_true,
    name,
    namespace,
)
from bootstrap.kubernetes.waves import assess
from bootstrap.local.faults.cluster import BEFORE, ROLE
from bootstrap.local.faults.fault import load as all_faults
from bootstrap.local.toolchain import Toolchain
from bootstrap.targets import open_target
from tests.end_to_end.product import Product
from tests.kills.run import end
from tests.platform.slow_apps import LATE, RESTARTED, slow_apps
from tests.platform.small_tree import PREFIX, ROOT, lay_out

pytestmark = pytest.mark.platform

BAR = 15.0  # seconds from visible to named
MIDDLE = 6.0  # seconds after which a rollout is followed by the next
PATIENCE = {11: 240, 13: 150}  # seconds, the deadlines of the waves with faults
FAULTS = tuple(fault.name for fault in all_faults())
# What the cluster itself says of a cause, in whichever object: JSON text is searched for it.
EVIDENCE = {
    "claim-deadlock": "waiting for healthy state of /PersistentVolumeClaim",
    "claim-pending": "ProvisioningFailed",
    "crash-loop": "CrashLoopBackOff",
    "crd-missing": "could not find example.com/MessageBroker",
    "drift-loop": '"autoHealAttemptsCount": [2-9]',
    "helm-render": "failed to execute helm template",
    "hook-failed": "BackoffLimitExceeded",
    "image-pull": "ErrImagePull",
    "immutable-field": "field is immutable",
    "ingress-without-address": "no-such-class",
    "kustomize-render": "kustomize build",
    "missing-parameter": "Secret does not exist",
    "namespace-missing": "not found",
    "node-not-ready": "Unschedulable",
    "oom-killed": "OOMKilled",
    "project-refuses": "do not match any of the allowed destinations",
    "quota-exceeded": "exceeded quota",
    "rbac-denied": "is forbidden: User",
    "repo-unreachable": "failed to list refs",
    "revision-missing": "unable to resolve",
    "schema-rejected": "Unsupported value",
    "secret-missing": "CreateContainerConfigError",
    "starts-degraded": "ProgressDeadlineExceeded",
    "store-not-ready": "is not ready",
    "unschedulable-resources": "Insufficient cpu",
    "unschedulable-taint": "Unschedulable",
    "webhook-without-endpoints": "failed calling webhook",
    "wrong-property": "key password does not exist",
}
WATCHED = (APPLICATION, APPLICATION_SET, EXTERNAL_SECRET, EVENT, POD, CLAIM, DEPLOYMENT, INGRESS)


@dataclass
class World:
    product: Product
    config: Environment
    told: list[str] = field(default_factory=list)

    @property
    def cluster(self) -> Cluster:
        return Cluster.from_kubeconfig(self.config.kubeconfig)

    def begin(self, *arguments: str) -> Run:
        """`bootstrap …` in a process that goes on beside the test."""
        process = subprocess.Popen(
            [sys.executable, "-m", "bootstrap", *arguments, "--output", "json"],
            cwd=self.product.clone,
            env={**os.environ, **self.product.environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        return Run(process)


@dataclass
class Run:
    process: subprocess.Popen[str]
    _lines: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.append(json.loads(line))

    @property
    def going(self) -> bool:
        return self.process.poll() is None

    def finish(self, timeout: float) -> int:
        code = self.process.wait(timeout)
        self._reader.join(10)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return code

    def of(self, kind: str) -> list[dict[str, Any]]:
        return [line for line in tuple(self._lines) if line.get("type") == kind]

    def named(self) -> dict[str, set[str]]:
        """The causes said of each Application."""
        said: dict[str, set[str]] = {}
        for line in self.of("diagnosed"):
            said.setdefault(line["app"], set()).add(line["cause"])
        return said


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    toolchain = Toolchain.locate(ROOT)
    assert not toolchain.missing(), "build it first: make toolchain"
    folder = tmp_path_factory.mktemp("diagnosis")
    lay_out(folder, {"deadline": 400, "deadlines": PATIENCE}, slow_apps())
    environ = {"BOOTSTRAP_CACHE": str(toolchain.cache), "PYTHONPATH": str(ROOT)}
    product = Product(folder, environ)
    yield World(product, load(folder / "bootstrap.yaml", "local"))
    if os.environ.get("BOOTSTRAP_KEEP") != "1":
        end(product)


def connected(world: World, run: Run) -> Cluster:
    """The cluster, once the root Application is in it."""
    while run.going:
        time.sleep(0.5)
        try:
            cluster = world.cluster
            if cluster.find(Key(APPLICATION, world.config.gitops.namespace, world.config.gitops.root_app)):
                return cluster
        except (BootstrapError, OSError):
            continue
    run.finish(10)
    pytest.fail(f"bootstrap ended before there was a cluster: {run.of('run_finished')}")


# -- precision ---------------------------------------------------------------------------------------


@dataclass
class Looks:
    """The diagnosis asked again and again, as the waves step and `bootstrap diagnose` ask it."""

    cluster: Cluster
    config: Environment
    count: int = 0
    pending: set[str] = field(default_factory=set)
    wrong: list[Verdict] = field(default_factory=list)

    def go(self, going: Callable[[], bool]) -> None:
        gitops = self.config.gitops
        wanted = Expected(gitops.repo_url, gitops.revision, open_target(self.config).revision())
        scopes = (Scope(APPLICATION), Scope(APPLICATION_SET), Scope(EXTERNAL_SECRET))
        with Informer(self.cluster, *scopes) as mirror:
            while going():
                began = time.monotonic()
                self._look(mirror, wanted)
                time.sleep(max(0.0, 1.0 - (time.monotonic() - began)))

    def _look(self, mirror: Informer, wanted: Expected) -> None:
        applications, secrets = mirror.items(APPLICATION), mirror.items(EXTERNAL_SECRET)
        root = next((item for item in applications if name(item) == self.config.gitops.root_app), None)
        state = assess(root, applications, mirror.items(APPLICATION_SET), wanted)
        found = diagnose(self.cluster, state, applications, secrets, config=self.config, now=time.time())
        self.count += 1
        self.pending |= {verdict.app for verdict in found}
        self.wrong += [verdict for verdict in found if verdict.outlook is not Outlook.SLOW]


@dataclass
class Latecomers:
    """What comes later than what needs it, and rollouts in the middle: beside the looks, in a thread."""

    world: World
    cluster: Cluster
    finished: bool = False

    def start(self, going: Callable[[], bool]) -> None:
        threading.Thread(target=self._go, args=(going,), daemon=True).start()

    def _go(self, going: Callable[[], bool]) -> None:
        client = open_target(self.world.config).client("ssm")
        to_seed, to_restart = dict(LATE), set(RESTARTED)
        with Informer(self.cluster, Scope(EXTERNAL_SECRET), Scope(DEPLOYMENT)) as mirror:
            while going() and (to_seed or to_restart):
                mirror.wait(0.2)
                for item in mirror.items(EXTERNAL_SECRET):
                    key = f"late/{namespace(item).removeprefix('late-secret-')}"
                    if key in to_seed and _age(item) >= to_seed[key]:
                        del to_seed[key]
                        client.put_parameter(Name=f"{PREFIX}/{key}", Value="canary", Type="SecureString")
                for item in mirror.items(DEPLOYMENT):
                    if namespace(item) in to_restart and _age(item) >= MIDDLE:
                        to_restart.remove(namespace(item))
                        self._restart(item)
        self.finished = not to_seed and not to_restart

    def _restart(self, item: Json) -> None:
        """As `kubectl rollout restart`."""
        at = {"kubectl.kubernetes.io/restartedAt": datetime.now(UTC).isoformat()}
        self.cluster.patch(Key.of(item), {"spec": {"template": {"metadata": {"annotations": at}}}})


def _age(item: Json) -> float:
    return time.time() - datetime.fromisoformat(created(item).replace("Z", "+00:00")).timestamp()


def test_nothing_that_is_only_slow_is_called_a_failure(world: World) -> None:
    apps = slow_apps()
    assert len(apps) == 50
    run = world.begin("up", "--yes")
    cluster = connected(world, run)
    looks, latecomers = Looks(cluster, world.config), Latecomers(world, cluster)
    latecomers.start(lambda: run.going)
    looks.go(lambda: run.going)
    code = run.finish(60)
    print(f"precision: {len(apps)} Applications, {looks.count} looks, {len(looks.wrong)} verdicts")  # noqa: T201
    assert code == 0, run.of("run_finished")
    assert looks.wrong == []
    assert run.named() == {}
    assert latecomers.finished
    assert looks.count > 30, "asked while there was something to be asked about"
    assert len(looks.pending & set(apps)) >= 40, "most of them were caught on their way"


# -- recall ------------------------------------------------------------------------------------------


class Evidence:
    """When the cluster first showed each cause (Unix seconds), read without the product's diagnosis."""

    def __init__(self) -> None:
        self.seen: dict[str, float] = {}

    def look(self, mirror: Informer) -> None:
        for kind in WATCHED:
            for item in mirror.items(kind):
                cause = _about(item, kind)
                if (
                    cause in EVIDENCE
                    and cause not in self.seen
                    and re.search(EVIDENCE[cause], json.dumps(item))
                ):
                    self.seen[cause] = time.time()


def _about(item: Json, kind: Kind) -> str:
    """The fault whose namespace or Application it is."""
    return (name(item) if kind == APPLICATION else namespace(item)).removeprefix("fault-")


def test_every_cause_is_named_soon_after_the_cluster_shows_it(world: World) -> None:
    assert set(EVIDENCE) == set(FAULTS)
    run = world.begin("up", "--yes", *(word for fault in FAULTS for word in ("--fault", fault)))
    evidence = Evidence()
    with Informer(connected(world, run), *map(Scope, WATCHED)) as mirror:
        # On a busy machine this mirror may be behind the product's.
        while run.going and set(FAULTS) - (_named(run).keys() & evidence.seen.keys()):
            mirror.wait(0.5)
            evidence.look(mirror)
    run.process.send_signal(signal.SIGINT)
    run.finish(60)
    named = _named(run)
    waits = {cause: named[cause] - seen for cause, seen in evidence.seen.items() if cause in named}
    for cause, seconds in sorted(waits.items(), key=lambda each: each[1]):
        late = "" if seconds <= BAR else " LATE"
        print(f"recall: {cause:27} named after {seconds:5.1f} s, bar {BAR:.0f} s{late}")  # noqa: T201 - the figures
    assert set(FAULTS) - named.keys() == set(), "not named"
    assert set(FAULTS) - evidence.seen.keys() == set(), "named without evidence"
    told = {app: causes for app, causes in run.named().items() if causes != {app.removeprefix("fault-")}}
    assert told == {}, "called something else"


def _named(run: Run) -> dict[str, float]:
    """When each cause was named first, of the right Application."""
    return {line["cause"]: float(line["time"]) for line in reversed(run.of("diagnosed")) if _right(line)}


def _right(line: dict[str, Any]) -> bool:
    return bool(line["app"] == f"fault-{line['cause']}")


# -- recovery ----------------------------------------------------------------------------------------


def test_the_next_up_takes_everything_away_again(world: World) -> None:
    outcome = world.product.run("up", "--yes")
    assert outcome.code == 0, outcome.lines[-1]
    cluster = world.cluster
    for kind, space in ((APPLICATION, "argocd"), (APP_PROJECT, "argocd"), (NAMESPACE, "")):
        left = [name(item) for item in cluster.list(kind, space) if name(item).startswith("fault-")]
        assert left == []
    assert all(is_true(item, "Ready") for item in cluster.list(NODE))
    role = cluster.get(ROLE)
    assert role["rules"][0]["verbs"] == ["*"]
    assert BEFORE not in annotations_of(role)


@pytest.mark.parametrize(
    ("fault", "code", "said"),
    [("revision-missing", 5, "release-9.9.9"), ("crash-loop@13", 4, "container api, exit code 1")],
)
def test_a_fault_ends_the_run_with_its_cause_and_a_command(
    world: World, fault: str, code: int, said: str
) -> None:
    outcome = world.product.run("up", "--yes", "--fault", fault)
    name_, _, wave = fault.partition("@")
    (end,) = outcome.of("run_finished")
    assert outcome.code == code, end
    assert f"fault-{name_}" in end["error"]
    assert f"({name_}" in end["error"]
    assert said in end["error"]
    assert f"wave {wave or 11} " in end["error"]
    assert "next: " in end["error"]
    assert any(f"fault {name_} " in notice["message"] for notice in outcome.of("notice"))


def test_what_can_be_rehearsed_is_listed(world: World) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "bootstrap", "up", "--fault", "list"],
        cwd=world.product.clone,
        capture_output=True,
        text=True,
        check=True,
    )
    assert tuple(line.split()[0] for line in told.stdout.splitlines()) == FAULTS
