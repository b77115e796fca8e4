"""External Secrets Operator, Argo CD and the root Application: installed once, proven, left alone after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from bootstrap.core.errors import DeadlineError, PermanentError
from bootstrap.gitops.model import App, Manifest
from bootstrap.gitops.reader import Reader
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
from bootstrap.steps import argocd, eso, root_app
from tests.argo_objects import COMMIT, OLD, REPO, application
from tests.gitops_tree import CRDS, TREE, definition, deployment, with_objects
from tests.kubernetes_bench import Bench
from tests.kubernetes_fake import FakeServer

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


class Rendered:
    """Stands in for the reader."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.asked: list[tuple[str, str, tuple[str, ...]]] = []
        self.objects = {
            "dev-crds": [*(one.item for one in CRDS.manifests)],
            "dev-secrets-operator": [deployment("eso"), WEBHOOK],
        }
        self.argocd: list[Json] = []
        self.tree = TREE

    def render(self, app: App, version: str, kinds: Sequence[str]) -> tuple[Manifest, ...]:
        self.asked.append((app.name, version, tuple(kinds)))
        return tuple(Manifest(one, app.name, app.where) for one in self.objects[app.name])

    def installation(self) -> tuple[Json, ...]:
        return tuple(self.argocd)


@pytest.fixture
def rendered(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Rendered:
    """A tree with the two Applications, and a cluster with controllers."""
    found = Rendered(bench)
    monkeypatch.setattr(Reader, "render", lambda _, *given: found.render(*given))
    monkeypatch.setattr(Reader, "installation", lambda _: found.installation())
    bench.context.results.put(found.tree)
    bench.server.react = controllers
    return found


def test_eso_is_installed_as_its_application_is_rendered(bench: Bench, rendered: Rendered) -> None:
    assert eso.run(bench.context).changed
    assert Key(NAMESPACE, "", "external-secrets") in bench.server.stored
    assert Key(DEPLOYMENT, "external-secrets", "eso") in bench.server.stored
    assert Key(CRD, "", "externalsecrets.external-secrets.io") in bench.server.stored
    assert Key(CRD, "", "others.example.com") in bench.server.stored  # before Argo CD starts: cheaper so


def test_it_is_rendered_for_the_cluster_as_it_is(bench: Bench, rendered: Rendered) -> None:
    """Version and kinds as Argo CD will see them, those of the CRDs that come first included."""
    eso.run(bench.context)
    (first, version, _), (then, _, kinds) = rendered.asked
    assert (first, then, version) == ("dev-crds", "dev-secrets-operator", "1.34.2")
    assert {"apps/v1", "apps/v1/Deployment", "v1", "v1/Namespace"} <= set(kinds)


def test_what_the_cluster_cannot_judge_yet_is_left_to_argo_cd(bench: Bench, rendered: Rendered) -> None:
    store = {"apiVersion": "external-secrets.io/v1", "kind": "ClusterSecretStore", "metadata": {"name": "s"}}
    monitor = {"apiVersion": "monitoring.coreos.com/v1", "kind": "ServiceMonitor", "metadata": {"name": "m"}}
    hook = deployment("last")
    hook["metadata"]["annotations"] = {"argocd.argoproj.io/hook": "PostDelete"}
    rendered.objects["dev-secrets-operator"] += [store, monitor, hook]
    eso.run(bench.context)
    names = {key.name for key in bench.server.stored}
    assert "eso" in names
    assert not names & {"s", "m", "last"}


def test_eso_is_applied_under_argo_cd_s_name(bench: Bench, rendered: Rendered) -> None:
    eso.run(bench.context)
    managers = {
        request.query.get("fieldManager") for request in bench.server.requests if request.method == "PATCH"
    }
    assert managers == {"argocd-controller"}


def test_crds_of_the_chart_itself_are_enough(bench: Bench, rendered: Rendered) -> None:
    own = [deployment("eso"), definition("externalsecrets", "external-secrets.io")]
    bench.context.results.put(with_objects(TREE, "dev-secrets-operator", *own))
    rendered.objects["dev-secrets-operator"] = own
    eso.run(bench.context)
    assert [name for name, *_ in rendered.asked] == ["dev-secrets-operator"]


def test_a_second_time_nothing_changes(bench: Bench, rendered: Rendered) -> None:
    eso.run(bench.context)
    bench.server.change(  # as the certificate controller leaves it
        Key(VALIDATING_WEBHOOKS, "", "externalsecret-validate"),
        metadata={"annotations": {"by": "cert-controller"}},
    )
    # The fake replaces lists as a whole, the real server merges webhooks by name.
    rendered.objects["dev-secrets-operator"].remove(WEBHOOK)
    assert not eso.run(bench.context).changed


def test_what_argo_cd_has_adopted_is_only_proven(bench: Bench, rendered: Rendered) -> None:
    eso.run(bench.context)
    bench.server.put(application("dev-crds"))
    bench.server.put(application("dev-secrets-operator"))
    bench.server.requests.clear()
    assert not eso.run(bench.context).changed
    assert bench.server.writes() == [
        "POST /apis/external-secrets.io/v1/namespaces/external-secrets/externalsecrets"
    ]


def test_what_each_application_owns_is_left_to_it(bench: Bench, rendered: Rendered) -> None:
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


def test_eso_is_tracked_as_argo_cd_would_track_it(bench: Bench, rendered: Rendered) -> None:
    eso.run(bench.context)
    live = bench.server.get(DEPLOYMENT, "eso", "external-secrets")
    assert live["metadata"]["annotations"] == {
        "argocd.argoproj.io/tracking-id": "dev-secrets-operator:apps/Deployment:external-secrets/eso"
    }
    definition = bench.server.get(CRD, "externalsecrets.external-secrets.io")
    assert "annotations" not in definition["metadata"]


def test_eso_counts_only_when_an_external_secret_is_accepted(bench: Bench, rendered: Rendered) -> None:
    refusals = [Busy("POST", "failed calling webhook: no endpoints")] * 2
    bench.server.refuse = lambda request: refusals.pop() if request.method == "POST" and refusals else None
    eso.run(bench.context)
    assert "an ExternalSecret to be accepted: POST. failed calling webhook: no endpoints" in bench.said()
    assert not any(key.kind == EXTERNAL_SECRET for key in bench.server.stored)


def test_a_webhook_without_authority_is_named(bench: Bench, rendered: Rendered) -> None:
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


def test_argo_cd_without_its_key_is_not_ready(bench: Bench, rendered: Rendered) -> None:
    with pytest.raises(DeadlineError, match=r"argocd-secret has no server.secretkey yet"):
        argocd._wait_for_key(bench.once(), bench.server.cluster)


def test_argo_cd_is_installed_and_waited_for(bench: Bench, rendered: Rendered) -> None:
    bench.server.react = argocd_server
    rendered.argocd = [deployment("argocd-repo-server", "argocd"), CONFIG_MAP_CM]
    assert argocd.run(bench.context).changed
    assert Key(DEPLOYMENT, "argocd", "argocd-repo-server") in bench.server.stored
    assert not argocd.run(bench.context).changed


def test_argo_cd_without_the_health_check_is_refused_before_anything_is_applied(
    bench: Bench, rendered: Rendered
) -> None:
    rendered.argocd = [{**CONFIG_MAP_CM, "data": {}}]
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
