"""External Secrets Operator, Argo CD and the root Application: installed once, proven, left alone after."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from bootstrap.core.errors import DeadlineError, PermanentError
from bootstrap.kubernetes.errors import Busy
from bootstrap.kubernetes.objects import (
    APPLICATION,
    CRD,
    DEPLOYMENT,
    EXTERNAL_SECRET,
    NAMESPACE,
    VALIDATING_WEBHOOKS,
    Json,
    Key,
    Kind,
)
from bootstrap.kubernetes.render import Chart, Release
from bootstrap.steps import argocd, eso, root_app
from tests.argo_objects import COMMIT, OLD, REPO, application
from tests.kubernetes_bench import Bench
from tests.kubernetes_fake import FakeServer

CRDS_APP = f"""
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {{name: dev-crds, namespace: argocd}}
spec: {{source: {{repoURL: {REPO}, path: manifests/crds, targetRevision: main}}}}
"""
ESO_APP = """
apiVersion: argoproj.io/v1alpha1
kind: Application
metadata:
  name: dev-secrets-operator
  annotations: {argocd.argoproj.io/sync-wave: "10"}
spec:
  destination: {namespace: external-secrets}
  source:
    repoURL: https://charts.example.com
    chart: external-secrets
    targetRevision: 0.19.2
    helm: {releaseName: eso, valuesObject: {installCRDs: false}}
"""


def definition(plural: str, group: str) -> Json:
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {"group": group, "names": {"kind": "ExternalSecret" if "secrets" in group else "Other"}},
    }


def deployment(name: str, namespace: str = "") -> Json:
    meta = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"replicas": 1}}


WEBHOOK: Json = {
    "apiVersion": "admissionregistration.k8s.io/v1",
    "kind": "ValidatingWebhookConfiguration",
    "metadata": {"name": "externalsecret-validate"},
    "webhooks": [
        {
            "name": "validate.example",
            "clientConfig": {"service": {"namespace": "external-secrets", "name": "hook"}},
        }
    ],
}
AVAILABLE = {"observedGeneration": 1, "updatedReplicas": 1, "replicas": 1, "availableReplicas": 1}


def controllers(server: FakeServer, item: Json) -> None:
    """What the controllers of a cluster do with what the steps apply."""
    kind, key = Kind.of(item).unversioned, Key.of(item)
    if kind == CRD and not item.get("status"):
        defined = Kind(item["spec"]["group"], item["spec"]["names"]["kind"])
        if defined not in server.kinds:
            server.kinds += (defined,)
        server.change(key, status={"conditions": [{"type": "Established", "status": "True"}]})
    if kind == DEPLOYMENT and not item.get("status"):
        server.change(key, status=AVAILABLE)
    if kind == VALIDATING_WEBHOOKS and not item["webhooks"][0]["clientConfig"].get("caBundle"):
        hook = item["webhooks"][0]
        server.change(key, webhooks=[{**hook, "clientConfig": {**hook["clientConfig"], "caBundle": "Q0E="}}])
        labels = {"kubernetes.io/service-name": "hook"}
        server.put(
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {"name": "hook-1", "namespace": "external-secrets", "labels": labels},
                "endpoints": [{"addresses": ["10.0.0.1"], "conditions": {"ready": True}}],
            }
        )


class Programs:
    """Stands in for helm and kustomize."""

    def __init__(self) -> None:
        self.rendered: list[tuple[Chart, Release]] = []
        self.built: list[Path] = []
        self.chart = [deployment("eso"), WEBHOOK]
        self.kustomizations: dict[str, list[Json]] = {}

    def helm(self, helm: Path, chart: Chart, release: Release, environment: Any) -> list[Json]:
        self.rendered.append((chart, release))
        return self.chart

    def kustomize(self, kustomize: Path, folder: Path, environment: Any) -> list[Json]:
        self.built.append(folder)
        return self.kustomizations[folder.name]


@pytest.fixture
def programs(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """A repository with the two Applications, and a cluster with controllers."""
    found = Programs()
    found.kustomizations["crds"] = [
        definition("externalsecrets", "external-secrets.io"),
        definition("others", "example.com"),
    ]
    for step in (eso, argocd):
        monkeypatch.setattr(step, "kustomize_build", found.kustomize)
    monkeypatch.setattr(eso, "helm_template", found.helm)
    (tmp_path / ".git").mkdir()
    (tmp_path / "apps").mkdir()
    (tmp_path / "apps" / "00-crds.yaml").write_text(CRDS_APP)
    (tmp_path / "apps" / "10-secrets-operator.yaml").write_text(ESO_APP)
    (tmp_path / "manifests" / "crds").mkdir(parents=True)
    (tmp_path / "manifests" / "crds" / "kustomization.yaml").touch()
    bench.server.react = controllers
    return found


def test_eso_is_installed_as_its_application_says(bench: Bench, programs: Programs) -> None:
    done = eso.run(bench.context)
    ((chart, release),) = programs.rendered
    assert (chart.name, chart.version) == ("external-secrets", "0.19.2")
    assert (release.name, release.namespace, release.values) == (
        "eso",
        "external-secrets",
        ({"installCRDs": False},),
    )
    assert release.kubernetes_version == "v1.34.2"
    assert done.changed
    assert Key(NAMESPACE, "", "external-secrets") in bench.server.stored
    assert Key(DEPLOYMENT, "external-secrets", "eso") in bench.server.stored
    assert Key(CRD, "", "externalsecrets.external-secrets.io") in bench.server.stored
    assert Key(CRD, "", "others.example.com") in bench.server.stored  # before Argo CD starts: cheaper so


def test_eso_is_applied_under_argo_cd_s_name(bench: Bench, programs: Programs) -> None:
    eso.run(bench.context)
    managers = {
        request.query.get("fieldManager") for request in bench.server.requests if request.method == "PATCH"
    }
    assert managers == {"argocd-controller"}


def test_crds_of_the_chart_itself_are_enough(bench: Bench, programs: Programs) -> None:
    programs.chart.append(definition("externalsecrets", "external-secrets.io"))
    eso.run(bench.context)
    assert programs.built == []


def test_no_crds_anywhere(bench: Bench, programs: Programs) -> None:
    programs.kustomizations["crds"] = []
    with pytest.raises(PermanentError, match="no CustomResourceDefinitions of External Secrets Operator"):
        eso.run(bench.context)


def test_a_second_time_nothing_changes(bench: Bench, programs: Programs) -> None:
    eso.run(bench.context)
    bench.server.change(  # as the certificate controller leaves it
        Key(VALIDATING_WEBHOOKS, "", "externalsecret-validate"),
        metadata={"annotations": {"by": "cert-controller"}},
    )
    programs.chart.remove(
        WEBHOOK
    )  # the fake replaces lists as a whole, the real server merges webhooks by name
    assert not eso.run(bench.context).changed


def test_what_argo_cd_has_adopted_is_only_proven(bench: Bench, programs: Programs) -> None:
    eso.run(bench.context)
    bench.server.put(application("dev-crds"))
    bench.server.put(application("dev-secrets-operator"))
    bench.server.requests.clear()
    assert not eso.run(bench.context).changed
    assert bench.server.writes() == [
        "POST /apis/external-secrets.io/v1/namespaces/external-secrets/externalsecrets"
    ]


def test_what_each_application_owns_is_left_to_it(bench: Bench, programs: Programs) -> None:
    """A run that was stopped half-way: wave 0 is Argo CD's already, ESO is not."""
    eso.run(bench.context)
    bench.server.put(application("dev-crds"))
    bench.server.change(
        Key(CRD, "", "externalsecrets.external-secrets.io"), metadata={"annotations": {"of": "argo"}}
    )
    bench.server.change(Key(NAMESPACE, "", "external-secrets"), metadata={"labels": {"tier": "of argo"}})
    bench.server.requests.clear()
    eso.run(bench.context)
    touched = {write.split("/")[-2] for write in bench.server.writes()}
    assert "customresourcedefinitions" not in touched
    assert "namespaces" not in touched
    assert "deployments" in touched


def test_eso_is_tracked_as_argo_cd_would_track_it(bench: Bench, programs: Programs) -> None:
    eso.run(bench.context)
    live = bench.server.get(DEPLOYMENT, "eso", "external-secrets")
    assert live["metadata"]["annotations"] == {
        "argocd.argoproj.io/tracking-id": "dev-secrets-operator:apps/Deployment:external-secrets/eso"
    }
    definition = bench.server.get(CRD, "externalsecrets.external-secrets.io")
    assert "annotations" not in definition["metadata"]


def test_eso_counts_only_when_an_external_secret_is_accepted(bench: Bench, programs: Programs) -> None:
    refusals = [Busy("POST", "failed calling webhook: no endpoints")] * 2
    bench.server.refuse = lambda request: refusals.pop() if request.method == "POST" and refusals else None
    eso.run(bench.context)
    assert "an ExternalSecret to be accepted: POST. failed calling webhook: no endpoints" in bench.said()
    assert not any(key.kind == EXTERNAL_SECRET for key in bench.server.stored)


def test_a_webhook_without_authority_is_named(bench: Bench, programs: Programs) -> None:
    def only_workloads(server: FakeServer, item: Json) -> None:
        if Kind.of(item).unversioned != VALIDATING_WEBHOOKS:
            controllers(server, item)

    bench.server.react = only_workloads
    eso_context = bench.context
    with pytest.raises(DeadlineError, match="has no certificate authority, Service hook has no endpoint"):
        eso._wait_for_webhooks(bench.once(), _applied(bench, eso_context), [WEBHOOK])


def _applied(bench: Bench, context: Any) -> Any:
    bench.server.put(WEBHOOK)
    return bench.server.cluster


CONFIG_MAP_CM: Json = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "argocd-cm", "namespace": "argocd"},
    "data": {argocd.HEALTH_CHECK: "hs = {}"},
}


def argocd_server(server: FakeServer, item: Json) -> None:
    """Makes its key when it runs."""
    controllers(server, item)
    if Kind.of(item).unversioned == DEPLOYMENT and item.get("status"):
        meta = {"name": "argocd-secret", "namespace": "argocd"}
        server.put({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {argocd.KEY: "a2V5"}})


def test_argo_cd_without_its_key_is_not_ready(bench: Bench, programs: Programs) -> None:
    with pytest.raises(DeadlineError, match=r"argocd-secret has no server.secretkey yet"):
        argocd._wait_for_key(bench.once(), bench.server.cluster)


def test_argo_cd_is_installed_and_waited_for(bench: Bench, programs: Programs) -> None:
    bench.server.react = argocd_server
    programs.kustomizations["argocd"] = [deployment("argocd-repo-server", "argocd"), CONFIG_MAP_CM]
    assert argocd.run(bench.context).changed
    assert Key(DEPLOYMENT, "argocd", "argocd-repo-server") in bench.server.stored
    assert not argocd.run(bench.context).changed


def test_argo_cd_without_the_health_check_is_refused_before_anything_is_applied(
    bench: Bench, programs: Programs
) -> None:
    programs.kustomizations["argocd"] = [{**CONFIG_MAP_CM, "data": {}}]
    with pytest.raises(PermanentError, match="without the health check of Applications"):
        argocd.run(bench.context)
    assert bench.server.writes() == []


ROOT = Key(APPLICATION, "argocd", "root")


def test_the_root_application(bench: Bench) -> None:
    assert root_app.run(bench.context).changed
    live = bench.server.stored[ROOT]
    assert live["spec"]["source"] == {"repoURL": REPO, "path": "apps", "targetRevision": "main"}
    assert live["spec"]["syncPolicy"]["automated"] == {"prune": True, "selfHeal": True}
    assert "finalizers" not in live["metadata"]
    assert not root_app.run(bench.context).changed


@pytest.mark.parametrize(("commit", "asked"), [(COMMIT, False), (OLD, True)])
def test_a_new_commit_is_compared_at_once(bench: Bench, commit: str, asked: bool) -> None:
    root_app.run(bench.context)
    source = bench.server.stored[ROOT]["spec"]
    compared = {key: source[key] for key in ("source", "destination")}
    sync = {"status": "Synced", "revision": commit, "comparedTo": compared}
    bench.server.change(ROOT, status={"sync": sync}, metadata={"annotations": None})
    root_app.run(bench.context)
    annotations = bench.server.stored[ROOT]["metadata"].get("annotations") or {}
    assert ("argocd.argoproj.io/refresh" in annotations) is asked
