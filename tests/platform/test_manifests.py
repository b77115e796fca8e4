"""Platform A rendered by the real kustomize and Helm, with stand-ins for what comes from elsewhere, judged by
the rules of the scheduler and of the AppProject, and by Argo CD's own health checks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

import bootstrap.local.upstream
from bootstrap.config.load import load
from bootstrap.config.model import Node
from bootstrap.kubernetes.documents import manifests
from bootstrap.kubernetes.objects import Json
from bootstrap.local.toolchain import Toolchain
from bootstrap.local.upstream.definitions import Definitions
from bootstrap.local.upstream.definitions import load as load_definitions
from bootstrap.local.upstream.standin import build_chart, build_file
from tests.manifests import (
    APIS,
    MANIFESTS,
    ROOT,
    charts,
    external_secrets,
    pod_templates,
    read,
    release_namespace,
    remote_files,
    tolerates,
    values_within,
)

pytestmark = pytest.mark.platform

CONFIG = load(ROOT / "bootstrap.yaml", "dev")
FOLDERS = (
    "argocd",
    "calico",
    "crds",
    "data",
    "data-operators",
    "ingress",
    "namespaces",
    "network-policies",
    "rbac-storage",
    "secrets",
    *(f"apis/{api}" for api in APIS),
)
SHARED_FILES = {
    "/manifests/install.yaml": "argocd/install.yaml",
    "/deploy/crds/bundle.yaml": "external-secrets/crds.yaml",
}
CLUSTER_WIDE = {
    "APIService",
    "CSIDriver",
    "ClusterRole",
    "ClusterRoleBinding",
    "ClusterSecretStore",
    "CustomResourceDefinition",
    "IngressClass",
    "IngressClassParams",
    "Installation",
    "MutatingWebhookConfiguration",
    "Namespace",
    "StorageClass",
    "ValidatingWebhookConfiguration",
}


@dataclass(frozen=True)
class Rendered:
    """Objects by folder of manifests/ and by chart."""

    folders: Mapping[str, list[Json]]
    charts: Mapping[str, list[Json]]

    @property
    def objects(self) -> list[Json]:
        return [item for group in (self.folders, self.charts) for items in group.values() for item in items]

    def names(self, kind: str) -> set[tuple[str, str]]:
        return {
            (item["metadata"].get("namespace", ""), item["metadata"]["name"])
            for item in self.objects
            if item["kind"] == kind
        }


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")


@pytest.fixture(scope="module")
def toolchain() -> Toolchain:
    found = Toolchain.locate(ROOT)
    found.ensure(_say, threading.Event())
    return found


@pytest.fixture(scope="module")
def rendered(toolchain: Toolchain, tmp_path_factory: pytest.TempPathFactory) -> Rendered:
    work = tmp_path_factory.mktemp("rendered")
    standins = load_definitions(Path(bootstrap.local.upstream.__file__).parent / "standins")
    copy = shutil.copytree(MANIFESTS, work / "manifests")
    _without_remote_files(copy, toolchain, standins)
    folders = {name: _run([toolchain.path("kustomize"), "build", copy / name]) for name in FOLDERS}
    return Rendered(folders, dict(_charts(work, toolchain, standins)))


def _without_remote_files(copy: Path, toolchain: Toolchain, standins: Definitions) -> None:
    """Put a file from the toolchain, else a stand-in, in the place of each remote one."""
    local = {url: f"remote-{number}.yaml" for number, url in enumerate(sorted(set(remote_files())))}
    for file in copy.rglob("kustomization.yaml"):
        kustomization = read(file)[0]
        for url in [one for one in kustomization.get("resources", ()) if one in local]:
            shared = next((path for end, path in SHARED_FILES.items() if url.endswith(end)), None)
            definition = standins.file(url)
            if shared:
                content = (toolchain.share / shared).read_bytes()
            else:
                assert definition, f"no stand-in for {url}"
                content = build_file(definition)
            (file.parent / local[url]).write_bytes(content)
            file.write_text(file.read_text().replace(url, local[url]))


def _charts(work: Path, toolchain: Toolchain, standins: Definitions) -> Iterator[tuple[str, list[Json]]]:
    for item, source in charts():
        name, version = source["chart"], str(source["targetRevision"])
        chart = toolchain.share / "external-secrets/chart"
        if name in standins.charts:
            chart = work / f"{name}.tgz"
            chart.write_bytes(build_chart(standins.chart(name), name, version))
        values = work / f"{name}.json"
        values.write_text(json.dumps(source["helm"]["valuesObject"]))
        command = [toolchain.path("helm"), "template", source["helm"]["releaseName"], chart, "-f", values]
        yield name, _run([*command, "--namespace", release_namespace(item, source), "--skip-tests"])


def _run(command: list[Any]) -> list[Json]:
    done = subprocess.run([str(word) for word in command], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return manifests(done.stdout)


def _fits(pod: Json, node: Node) -> bool:
    labels = {**node.labels, "kubernetes.io/os": "linux"}
    selected = all(labels.get(key) == value for key, value in (pod.get("nodeSelector") or {}).items())
    affinity = (pod.get("affinity") or {}).get("nodeAffinity") or {}
    terms = affinity.get("requiredDuringSchedulingIgnoredDuringExecution", {}).get("nodeSelectorTerms", [])
    chosen = not terms or any(
        all(labels.get(rule["key"]) in rule["values"] for rule in term["matchExpressions"]) for term in terms
    )
    return selected and chosen and tolerates(pod, [(t.key, t.value, t.effect) for t in node.taints])


def test_every_pod_has_a_node(rendered: Rendered) -> None:
    pods = dict(pod_templates(rendered.objects))
    assert len(pods) > 30
    assert not [name for name, pod in pods.items() if not any(_fits(pod, node) for node in CONFIG.nodes)]


def test_drivers_and_exporters_run_on_every_node(rendered: Rendered) -> None:
    daemons = {name: pod for name, pod in pod_templates(rendered.objects) if name.startswith("DaemonSet ")}
    assert len(daemons) == 2
    for name, pod in daemons.items():
        assert all(_fits(pod, node) for node in CONFIG.nodes), name


@pytest.mark.parametrize("api", APIS)
def test_an_api_runs_on_its_own_node_with_its_own_secrets(rendered: Rendered, api: str) -> None:
    items = rendered.folders[f"apis/{api}"]
    assert "DOMAIN" not in json.dumps(items).replace('"name": "DOMAIN"', "")
    made = {
        item["spec"]["target"]["name"] for item in external_secrets() if item["metadata"]["namespace"] == api
    }
    for name, pod in pod_templates(items):
        assert [node.name for node in CONFIG.nodes if _fits(pod, node)] == [f"api-{api}"], name
        used = {ref["name"] for key in ("secretRef", "secretKeyRef") for ref in values_within(pod, key)}
        assert used <= made, name
    assert {item["metadata"]["namespace"] for item in items} == {api}


def test_ingresses_route_to_node_ports_that_exist(rendered: Rendered) -> None:
    services = {
        (item["metadata"]["namespace"], item["metadata"]["name"]): item["spec"]
        for item in rendered.objects
        if item["kind"] == "Service"
    }
    routes = {}
    for item in rendered.folders["ingress"]:
        (rule,) = item["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        backend = path["backend"]["service"]
        service = services[(item["metadata"]["namespace"], backend["name"])]
        assert service["type"] == "NodePort"
        assert backend["port"]["name"] in {port["name"] for port in service["ports"]}
        routes[(rule["host"], path["path"])] = backend["name"]
    wanted = {(f"api.{CONFIG.domain}", f"/api/v1/{api}") for api in APIS}
    wanted |= {(f"{name}.{CONFIG.domain}", "/") for name in ("argocd", "grafana", "prometheus")}
    assert set(routes) == wanted


def test_the_project_allows_every_cluster_wide_kind(rendered: Rendered) -> None:
    allowed = {
        (entry["group"], entry["kind"])
        for entry in read(MANIFESTS / "argocd/project.yaml")[0]["spec"]["clusterResourceWhitelist"]
    }
    used = {
        (item["apiVersion"].rpartition("/")[0], item["kind"])
        for item in rendered.objects
        if item["kind"] in CLUSTER_WIDE
    }
    assert used <= allowed
    without = {item["kind"] for item in rendered.objects if "namespace" not in item["metadata"]}
    assert without <= CLUSTER_WIDE


def test_crds_come_before_what_needs_them(rendered: Rendered) -> None:
    """Wave 0 has a CRD for every custom resource; only Calico brings its own."""
    defined = {(item["spec"]["group"], item["spec"]["names"]["kind"]) for item in rendered.folders["crds"]}
    groups = {group for group, _ in defined}
    used = {
        (item["apiVersion"].rpartition("/")[0], item["kind"])
        for item in rendered.objects
        if item["apiVersion"].rpartition("/")[0] in groups
    }
    assert used <= defined
    assert {"monitoring.coreos.com", "external-secrets.io", "elbv2.k8s.aws", "rabbitmq.com"} <= groups
    assert {"databases.spotahome.com", "postgres-operator.crunchydata.com"} <= groups


def test_the_operator_of_rabbitmq_brings_neither_namespace_nor_crd(rendered: Rendered) -> None:
    kinds = {item["kind"] for item in rendered.folders["data-operators"]}
    assert kinds & {"Deployment", "ServiceAccount"}
    assert not kinds & {"Namespace", "CustomResourceDefinition"}


def test_no_object_belongs_to_two_applications(rendered: Rendered) -> None:
    groups = {**rendered.folders, **rendered.charts}
    del groups["argocd"]  # no Application
    owner: dict[tuple[str, str, str], str] = {}
    for group, items in groups.items():
        for item in items:
            key = (item["kind"], item["metadata"].get("namespace", ""), item["metadata"]["name"])
            assert owner.setdefault(key, group) == group, key


SPEC: Json = {
    "source": {"repoURL": "https://git.example.com/a.git", "path": "a"},
    "destination": {"name": "b"},
}
APP = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "spec": SPEC}
APP_SET = {"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet"}
CRD = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
POSTGRES = {"apiVersion": "postgres-operator.crunchydata.com/v1beta1", "kind": "PostgresCluster"}
CALICO = {"apiVersion": "operator.tigera.io/v1", "kind": "Installation"}
ALERTS = {"apiVersion": "monitoring.coreos.com/v1", "kind": "Alertmanager"}
SYNCED: Json = {"health": {"status": "Healthy"}, "sync": {"status": "Synced", "comparedTo": SPEC}}
OUT_OF_SYNC: Json = {"sync": {"status": "OutOfSync", "comparedTo": SPEC}}
INSTANCE: Json = {"instances": [{"name": "pg", "replicas": 2}]}


def _child(health: str, sync: str) -> Json:
    return {"name": "one", "status": sync, "health": {"status": health}}


@pytest.mark.parametrize(
    ("item", "health"),
    [
        (APP, "Progressing"),
        (APP | {"status": SYNCED}, "Healthy"),
        (APP | {"status": SYNCED | {"operationState": {"phase": "Succeeded"}}}, "Healthy"),
        (APP | {"status": SYNCED | {"operationState": {"phase": "Running"}}}, "Progressing"),
        (APP | {"status": SYNCED, "operation": {"sync": {}}}, "Progressing"),
        (APP | {"status": SYNCED | OUT_OF_SYNC}, "Progressing"),
        (APP | {"spec": SPEC | {"destination": {"name": "c"}}, "status": SYNCED}, "Progressing"),
        (APP | {"status": SYNCED | {"health": {"status": "Degraded"}}}, "Degraded"),
        (APP | {"status": OUT_OF_SYNC | {"health": {"status": "Degraded"}}}, "Progressing"),
        (APP | {"status": SYNCED | {"health": {"status": "Missing"}}}, "Missing"),
        (CRD, "Healthy"),
        (CRD | {"status": {"conditions": [{"type": "NamesAccepted", "status": "True"}]}}, "Healthy"),
        (CRD | {"status": {"conditions": [{"type": "Established", "status": "True"}]}}, "Healthy"),
        (
            CRD
            | {
                "status": {
                    "conditions": [
                        {"type": "Established", "status": "True"},
                        {"type": "NamesAccepted", "status": "False", "message": "taken"},
                    ]
                }
            },
            "Degraded",
        ),
        (APP_SET, "Progressing"),
        (APP_SET | {"status": {"resources": []}}, "Progressing"),
        (APP_SET | {"status": {"resources": [_child("Healthy", "Synced")]}}, "Healthy"),
        (
            APP_SET | {"status": {"resources": [_child("Healthy", "Synced"), {"name": "new"}]}},
            "Progressing",
        ),
        (APP_SET | {"status": {"resources": [_child("Healthy", "OutOfSync")]}}, "Progressing"),
        (
            APP_SET | {"status": {"conditions": [{"type": "ErrorOccurred", "status": "True"}]}},
            "Degraded",
        ),
        (POSTGRES | {"spec": INSTANCE}, "Progressing"),
        (
            POSTGRES
            | {
                "spec": INSTANCE,
                "status": {"observedGeneration": 1, "instances": [{"name": "pg", "readyReplicas": 2}]},
            },
            "Healthy",
        ),
        (
            POSTGRES
            | {
                "spec": INSTANCE,
                "status": {"observedGeneration": 1, "instances": [{"name": "pg", "readyReplicas": 1}]},
            },
            "Progressing",
        ),
        (
            POSTGRES
            | {
                "spec": INSTANCE,
                "status": {"observedGeneration": 0, "instances": [{"name": "pg", "readyReplicas": 2}]},
            },
            "Progressing",
        ),
        (CALICO, "Progressing"),
        (CALICO | {"status": {"conditions": [{"type": "Ready", "status": "True"}]}}, "Healthy"),
        (
            CALICO
            | {
                "status": {
                    "conditions": [
                        {"type": "Ready", "status": "False"},
                        {"type": "Degraded", "status": "True", "message": "no pods"},
                    ]
                }
            },
            "Degraded",
        ),
        (ALERTS | {"status": {"conditions": [{"type": "Available", "status": "True"}]}}, "Healthy"),
        (
            ALERTS
            | {
                "status": {
                    "conditions": [{"type": "Available", "status": "False", "reason": "SomePodsNotReady"}]
                }
            },
            "Progressing",
        ),
    ],
)
def test_health_as_argo_cd_sees_it(
    rendered: Rendered, toolchain: Toolchain, tmp_path: Path, item: Json, health: str
) -> None:
    (settings,) = [
        one
        for one in rendered.folders["argocd"]
        if (one["kind"], one["metadata"]["name"]) == ("ConfigMap", "argocd-cm")
    ]
    named = {**item, "metadata": {"name": "it", "namespace": "argocd", "generation": 1}}
    (tmp_path / "cm.yaml").write_text(yaml.safe_dump(settings))
    (tmp_path / "it.yaml").write_text(yaml.safe_dump(named))
    command = [toolchain.path("argocd"), "admin", "settings", "resource-overrides", "health"]
    done = subprocess.run(
        [*map(str, command), str(tmp_path / "it.yaml"), "--argocd-cm-path", str(tmp_path / "cm.yaml")],
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "ARGOCD_BINARY_NAME": "argocd"},
    )
    assert f"STATUS: {health}\n" in done.stdout, done.stdout + done.stderr
