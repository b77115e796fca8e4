"""Real git, helm and kustomize against the running proxy, without any upstream."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from bootstrap.core.rendering import Tools
from bootstrap.gitops.programs import Failed, Programs, Way
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.objects import Json
from bootstrap.local.toolchain import Toolchain
from bootstrap.local.upstream.config import STANDINS, Config, environment
from bootstrap.local.upstream.definitions import load
from bootstrap.local.upstream.demand import chart_repository
from bootstrap.local.upstream.journal import read
from bootstrap.local.upstream.publication import publish
from bootstrap.local.upstream.standin import build_chart
from tests.unit.upstream.fakes import git, work_tree

pytestmark = pytest.mark.platform

ROOT = Path(__file__).parents[2]
OURS = "https://git.example.com/eco2/platform.git"
REPO = "https://charts.example.com/stable"
DEFINITIONS = ROOT / "tests" / "unit" / "upstream" / "standins"
RAW = "https://raw.example.com"
MANIFESTS = f"""
source: {{repoURL: {REPO}, chart: queue-operator, targetRevision: 2.3.4}}
---
source: {{repoURL: {REPO}, chart: unheard-of, targetRevision: ^1.2}}
---
source: {{repoURL: https://eso.example.com, chart: external-secrets, targetRevision: 0.19.2}}
---
source: {{repoURL: registry.example.com/karpenter, chart: karpenter, targetRevision: 1.11.1}}
---
source: {{repoURL: {OURS}, path: base, targetRevision: feature/x}}
"""
KUSTOMIZATION = f"""
resources:
  - {RAW}/argoproj/argo-cd/v3.6.1/manifests/install.yaml
  - {RAW}/external-secrets/external-secrets/v0.19.2/deploy/crds/bundle.yaml
  - {RAW}/operators/broker.yaml
"""


@dataclass(frozen=True)
class Running:
    config: Config
    tree: Path
    helm: Path
    kustomize: Path

    @property
    def environment(self) -> dict[str, str]:
        return dict(environment(self.config.port, self.config.password, self.config.state))

    def git(self, *arguments: str) -> str:
        # Without any setting of whoever runs the tests, but with ours.
        done = subprocess.run(
            ["git", *arguments],
            env={"PATH": os.environ["PATH"], "HOME": "/nonexistent", **self.environment},
            check=True,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    def chart(self, name: str, version: str, repository: str = REPO, **values: Any) -> list[Json]:
        url = chart_repository(repository)
        where = [f"{url}/{name}"] if url.startswith("oci://") else [name, "--repo", url]
        with self.programs() as programs:
            file = programs.home / "values.json"
            file.write_text(json.dumps(values))
            options = ["--version", version, "--namespace", "spaces", "--include-crds", "--skip-tests"]
            command = ["template", "demo", *where, *options, "--values", str(file)]
            return manifests(programs.helm(command, Way({})))

    def kustomization(self, folder: Path) -> list[Json]:
        with self.programs() as programs:
            return manifests(programs.kustomize(["build", str(folder)], Way({})))

    @contextlib.contextmanager
    def programs(self) -> Iterator[Programs]:
        with TemporaryDirectory() as home:
            yield Programs(Tools(Path(), self.helm, self.kustomize), self.environment, Path(home))

    def origin(self, source: str) -> str:
        return next(one.origin for one in read(self.config.served) if one.source == source)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    toolchain = Toolchain.locate(ROOT)
    toolchain.ensure(lambda _: None, threading.Event())
    folder = tmp_path_factory.mktemp("upstream with spaces")
    tree = work_tree(folder / "tree", {"apps/a.yaml": MANIFESTS, "base/kustomization.yaml": KUSTOMIZATION})
    paths = (folder / "state", folder / "cache", toolchain.share)
    config = Config(free_port(), *paths, OURS, offline=True, standins=DEFINITIONS)
    (folder / "config.json").write_text(config.dump())
    publish(tree, config.state, OURS)
    process = subprocess.Popen(
        [sys.executable, "-m", "bootstrap.local.upstream", "--config", str(folder / "config.json")], cwd=ROOT
    )
    try:
        until_ready(config, process)
        yield Running(config, tree, toolchain.path("helm"), toolchain.path("kustomize"))
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def until_ready(config: Config, process: subprocess.Popen[bytes]) -> None:
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        assert process.poll() is None, "the proxy ended"
        with contextlib.suppress(OSError), direct.open(f"{config.url}/_bootstrap/ready", timeout=5):
            return
        time.sleep(0.05)
    pytest.fail("the proxy does not answer")


def kinds(objects: list[Json]) -> Counter[str]:
    return Counter(str(one["kind"]) for one in objects)


def only(objects: list[Json], kind: str, name: str) -> Json:
    (found,) = (one for one in objects if one["kind"] == kind and one["metadata"]["name"] == name)
    return found


@pytest.mark.parametrize("protocol", ["0", "1", "2"])
@pytest.mark.parametrize("url", [OURS, OURS.removesuffix(".git")])
def test_git_clones_by_every_protocol(running: Running, tmp_path: Path, protocol: str, url: str) -> None:
    running.git("-c", f"protocol.version={protocol}", "clone", "--quiet", url, str(tmp_path / "all"))
    assert (tmp_path / "all" / "apps" / "a.yaml").read_text() == MANIFESTS
    running.git("clone", "--quiet", "--depth", "1", "--branch", "feature/x", url, str(tmp_path / "one"))
    assert git(tmp_path / "one", "rev-parse", "HEAD") == git(running.tree, "rev-parse", "HEAD")


def test_a_long_negotiation_is_sent_in_chunks(running: Running, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    running.git("clone", "--quiet", OURS, str(clone))
    commits = "".join(
        f"commit refs/heads/main\ncommitter a <a@example.com> {number} +0000\ndata 1\nx\n"
        + ("from refs/heads/main^0\n" if number == 1 else "")
        for number in range(1, 6000)
    )
    subprocess.run(["git", "-C", str(clone), "fast-import", "--quiet"], input=commits.encode(), check=True)
    (running.tree / "more.txt").write_text("more")
    commit = publish(running.tree, running.config.state, OURS).commit
    # Above 64 KiB, the smallest buffer there is, git does not know the length of what it sends.
    running.git("-C", str(clone), "-c", "http.postBuffer=65536", "fetch", "--quiet", "origin", commit)
    assert git(clone, "show", f"{commit}:more.txt") == "more"
    (running.tree / "more.txt").unlink()
    publish(running.tree, running.config.state, OURS)


def test_a_new_snapshot_is_served_live(running: Running) -> None:
    def served() -> dict[str, str]:
        lines = running.git("ls-remote", OURS).splitlines()
        return {ref: commit for commit, ref in (line.split() for line in lines)}

    before = served()
    (running.tree / "apps" / "b.yaml").write_text(f"source: {{repoURL: {OURS}, targetRevision: v7}}\n")
    found = publish(running.tree, running.config.state, OURS)
    after = served()
    assert found.changed == ("apps/b.yaml",)
    assert set(before) == {"HEAD", "refs/heads/main", "refs/heads/feature/x"}
    assert after == dict.fromkeys([*before, "refs/heads/v7"], found.commit)
    (running.tree / "apps" / "b.yaml").unlink()
    publish(running.tree, running.config.state, OURS)
    assert served() == before


def test_nobody_can_push(running: Running, tmp_path: Path) -> None:
    running.git("clone", "--quiet", OURS, str(tmp_path / "clone"))
    with pytest.raises(subprocess.CalledProcessError, match="exit status"):
        running.git("-C", str(tmp_path / "clone"), "push", "origin", "HEAD:refs/heads/mine")


def test_a_stand_in_has_the_charts_names(running: Running) -> None:
    objects = running.chart("queue-operator", "2.3.4", region="eu-1")
    assert kinds(objects) == {
        "CustomResourceDefinition": 2,
        "ServiceAccount": 3,
        "Deployment": 2,
        "DaemonSet": 1,
        "Service": 2,
        "ConfigMap": 1,
    }
    assert only(objects, "ConfigMap", "demo-queue-operator-settings")["data"] == {
        "release": "demo",
        "chart": "queue-operator",
        "region": "eu-1",
    }
    main = only(objects, "Deployment", "demo-queue-operator")
    pod = main["spec"]["template"]
    assert main["spec"]["replicas"] == 2
    assert pod["spec"]["serviceAccountName"] == "demo-queue-operator"
    assert pod["spec"]["containers"][0]["image"] == "registry.example.com/queue-operator:2.3.4"
    assert pod["spec"]["containers"][0]["envFrom"] == [{"secretRef": {"name": "queue-settings"}}]
    selector = only(objects, "Service", "demo-queue-operator")["spec"]["selector"]
    assert selector == main["spec"]["selector"]["matchLabels"]
    assert selector.items() <= pod["metadata"]["labels"].items()
    namespaces = {one["metadata"].get("namespace", "spaces") for one in objects}
    assert namespaces == {"spaces"}
    assert running.origin(f"{REPO}/queue-operator") == "stand-in"


def test_the_usual_values_are_applied(running: Running) -> None:
    objects = running.chart(
        "queue-operator",
        "2.3.4",
        fullnameOverride="queues",
        replicaCount=0,
        serviceAccount={"name": "own", "annotations": {"a": "b"}},
        resources={"limits": {"memory": "1Gi"}},
        nodeSelector={"workload": "x"},
        tolerations=[{"key": "domain", "operator": "Exists"}],
        extraArgs={"zone": "eu-1", "verbose": None},
        env={"REGION": "eu-1", "PORT": 80},
        envSecretName="given",
        podLabels={"tier": "data"},
        podAnnotations={"note": "1"},
        image={"repository": "mirror.example.com/q", "tag": 3},
        webhook={"replicaCount": 3, "serviceAccount": {"create": False}, "nodeSelector": {"workload": "y"}},
    )
    main = only(objects, "Deployment", "queues")
    pod = main["spec"]["template"]
    container = pod["spec"]["containers"][0]
    assert main["spec"]["replicas"] == 0
    assert pod["spec"]["nodeSelector"] == {"workload": "x"}
    assert pod["spec"]["tolerations"] == [{"key": "domain", "operator": "Exists"}]
    assert pod["metadata"]["labels"]["tier"] == "data"
    assert pod["metadata"]["annotations"] == {"note": "1"}
    assert container["args"] == ["--leader-elect", "--verbose", "--zone=eu-1"]
    assert {"name": "PORT", "value": "80"} in container["env"]
    assert {"secretRef": {"name": "given"}} in container["envFrom"]
    assert container["image"] == "mirror.example.com/q:3"
    assert container["resources"] == {"limits": {"memory": "1Gi"}}
    account = only(objects, "ServiceAccount", "own")
    assert account["metadata"]["annotations"] == {"a": "b"}
    assert pod["spec"]["serviceAccountName"] == "own"
    webhook = only(objects, "Deployment", "queues-webhook")
    assert webhook["spec"]["replicas"] == 3
    assert webhook["spec"]["template"]["spec"]["serviceAccountName"] == "default"
    assert webhook["spec"]["template"]["spec"]["nodeSelector"] == {"workload": "y"}
    assert webhook["spec"]["template"]["spec"]["tolerations"] == pod["spec"]["tolerations"]
    agent = only(objects, "DaemonSet", "queues-agent")
    assert agent["spec"]["template"]["spec"]["nodeSelector"] == {"workload": "x"}
    assert [one["kind"] for one in objects if one["metadata"]["name"] == "queues-webhook"] == [
        "Service",
        "Deployment",
    ]


@pytest.mark.parametrize(
    "values", [{"extraArgs": ["--a"], "env": [{"name": "A", "value": "1"}]}, {"image": "x", "extraArgs": ""}]
)
def test_values_of_other_shapes_do_no_harm(running: Running, values: dict[str, Any]) -> None:
    assert kinds(running.chart("unheard-of", "1.2.0", **values)) == {"Deployment": 1, "ServiceAccount": 1}


def test_a_range_of_versions(running: Running) -> None:
    assert running.chart("unheard-of", "^1.2")


def test_a_chart_of_a_registry(running: Running) -> None:
    objects = running.chart("karpenter", "1.11.1", "oci://registry.example.com/karpenter")
    assert kinds(objects) == {"Deployment": 1, "ServiceAccount": 1}
    assert running.origin("oci://registry.example.com/karpenter/karpenter") == "stand-in"


def test_external_secrets_is_the_real_chart(running: Running) -> None:
    repository = "https://eso.example.com"
    plain = kinds(running.chart("external-secrets", "0.19.2", repository, installCRDs=False))
    assert (plain["Deployment"], plain["CustomResourceDefinition"]) == (3, 0)
    objects = running.chart("external-secrets", "0.19.2", repository)
    crds = [one for one in objects if one["kind"] == "CustomResourceDefinition"]
    bundle = (running.config.share / "external-secrets" / "crds.yaml").read_text()
    assert crds == manifests(bundle)
    assert running.origin(f"{repository}/external-secrets") == "cache"


def test_kustomize_gets_its_remote_files(running: Running) -> None:
    objects = running.kustomization(running.tree / "base")
    assert only(objects, "Deployment", "argocd-repo-server")
    assert only(objects, "CustomResourceDefinition", "externalsecrets.external-secrets.io")
    assert only(objects, "CustomResourceDefinition", "brokers.example.org")
    assert running.origin(f"{RAW}/operators/broker.yaml") == "stand-in"
    assert running.origin(f"{RAW}/argoproj/argo-cd/v3.6.1/manifests/install.yaml") == "cache"


def test_what_is_not_to_be_had_is_said_in_plain_words(running: Running, tmp_path: Path) -> None:
    with pytest.raises(Failed, match="not found"):
        running.chart("never-asked-for", "1.0.0")
    (tmp_path / "kustomization.yaml").write_text(f"resources: [{RAW}/nothing.yaml]\n")
    with pytest.raises(Failed, match=r"nothing\.yaml"):
        running.kustomization(tmp_path)


@pytest.mark.parametrize("folder", [DEFINITIONS, STANDINS], ids=["tests", "product"])
def test_stand_ins_pass_helm_lint_and_render(running: Running, folder: Path, tmp_path: Path) -> None:
    for name, definition in load(folder).charts.items():
        archive = tmp_path / f"{name}.tgz"
        archive.write_bytes(build_chart(definition, name, "1.0.0"))
        for command in (["lint", str(archive)], ["template", "demo", str(archive), "--include-crds"]):
            done = subprocess.run([running.helm, *command], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"
            assert "[WARNING]" not in done.stdout, done.stdout
