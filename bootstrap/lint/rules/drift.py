"""What differs from Git for ever, or is set back by every sync."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from bootstrap.gitops.model import App, Manifest, Tree
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import (
    DEPLOYMENT,
    MUTATING_WEBHOOKS,
    SECRET,
    STATEFUL_SET,
    VALIDATING_WEBHOOKS,
    Json,
    Key,
    Kind,
    annotations_of,
    dig,
    name,
    spec,
)
from bootstrap.lint.graph import Graph
from bootstrap.lint.graph.pods import REPLICA_SET, ROLLOUT
from bootstrap.lint.model import Finding, Rule, Severity
from bootstrap.lint.rules.facts import (
    finding,
    group_kind,
    line_with,
    listed,
    mapped,
    mappings,
    matches,
    of_app,
    of_manifest,
    options,
    self_heals,
    settings,
)

AUTOSCALER = Kind("autoscaling", "HorizontalPodAutoscaler")
SCALED_OBJECT = Kind("keda.sh", "ScaledObject")
CLUSTER_ROLE = Kind("rbac.authorization.k8s.io", "ClusterRole")
_SCALABLE = {DEPLOYMENT, STATEFUL_SET, REPLICA_SET, ROLLOUT}
_WEBHOOKS = {MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS}
_INJECTED = re.compile(r"cert-manager\.io/inject-")
_DIFFING = "https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/"

REPLICAS = Rule(
    "autoscaled-replicas",
    Severity.ERROR,
    "an autoscaler and Git both set a workload's number of replicas",
    f"""The autoscaler changes spec.replicas, Argo CD sees a difference and, with selfHeal, changes it
back within seconds: the two fight for ever, pods come and go, and the Application never stays Synced.
Cure: leave spec.replicas out of the manifest; or ignoreDifferences on /spec/replicas together with the
sync option RespectIgnoreDifferences=true.
Source:
https://argo-cd.readthedocs.io/en/stable/user-guide/best_practices/#leaving-room-for-imperativeness,
{_DIFFING}""",
    failing="""\
kind: Application
metadata: {name: shop}
spec: {syncPolicy: {automated: {selfHeal: true, prune: true}, retry: {limit: 10}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
""",
    passing="""\
kind: Application
metadata: {name: shop}
spec:
  ignoreDifferences:
    - {group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}
  syncPolicy:
    automated: {selfHeal: true, prune: true}
    retry: {limit: 10}
    syncOptions: [RespectIgnoreDifferences=true]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
""",
)

RESET = Rule(
    "autoscaled-replicas-reset",
    Severity.WARNING,
    "every sync sets an autoscaled workload back to the number of replicas in Git",
    """ignoreDifferences alone only hides the difference. A sync for any other reason, such as a new
image, applies spec.replicas as it stands in Git: under load a deployment scales the service down first.
Cure: the sync option RespectIgnoreDifferences=true, or no spec.replicas in the manifest.
Source:
https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#respect-ignore-differences-configs""",
    failing="""\
kind: Application
metadata: {name: shop}
spec:
  ignoreDifferences:
    - {group: apps, kind: Deployment, jsonPointers: [/spec/replicas]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {replicas: 2}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
""",
    passing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec: {template: {}}  # no replicas: the autoscaler owns the number
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec: {maxReplicas: 9, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}}
""",
)

BUNDLE = Rule(
    "webhook-bundle-overwritten",
    Severity.WARNING,
    "Git and an injector both set a webhook's caBundle",
    f"""cert-manager (or the operator itself) writes caBundle into the webhook configuration; a value in
the manifest, even a placeholder, is a difference again after every sync, and in between the API server
trusts the wrong authority and refuses every object that the webhook guards.
Cure: leave caBundle out, or ignoreDifferences with jqPathExpressions ".webhooks[]?.clientConfig.caBundle"
and RespectIgnoreDifferences=true.
Source: {_DIFFING}#system-level-configuration""",
    failing="""\
kind: Application
metadata: {name: operator}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: operator, annotations: {cert-manager.io/inject-ca-from: operator/serving}}
webhooks:
  - {name: check.example.com, clientConfig: {caBundle: Cg==, url: "https://hooks.example.com"}}
""",
    passing="""\
kind: Application
metadata: {name: operator}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: operator, annotations: {cert-manager.io/inject-ca-from: operator/serving}}
webhooks:
  - {name: check.example.com, clientConfig: {url: "https://hooks.example.com"}}
""",
)

CERTIFICATE = Rule(
    "certificate-rendered-anew",
    Severity.WARNING,
    "a chart makes a new certificate at every rendering",
    f"""Helm's genCA and genSignedCert give another certificate each time Argo CD renders the chart (each
commit, and each time its cache expires). The Application is OutOfSync again, and a sync replaces the
certificate that pods have mounted: until they read the new one, the webhook refuses everything.
Cure: let cert-manager make the certificate; or ignoreDifferences on the Secret's /data and on
".webhooks[]?.clientConfig.caBundle", with RespectIgnoreDifferences=true.
Source: {_DIFFING} (template functions that generate data)""",
    failing="""\
kind: Application
metadata: {name: operator}
---
apiVersion: v1
kind: Secret
metadata: {name: operator-tls, annotations: {example/via: chart operator}}
type: kubernetes.io/tls
data: {ca.crt: TUFERSBCWSBIRUxN, tls.crt: "", tls.key: ""}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: operator, annotations: {example/via: chart operator}}
webhooks:
  - {name: check.example.com, clientConfig: {caBundle: TUFERSBCWSBIRUxN, url: "https://hooks.example.com"}}
""",
    passing="""\
kind: Application
metadata: {name: operator}
spec:
  ignoreDifferences:
    - {kind: Secret, name: operator-tls, jsonPointers: [/data]}
    - group: admissionregistration.k8s.io
      kind: ValidatingWebhookConfiguration
      jqPathExpressions: [".webhooks[]?.clientConfig.caBundle"]
---
apiVersion: v1
kind: Secret
metadata: {name: operator-tls, annotations: {example/via: chart operator}}
type: kubernetes.io/tls
data: {ca.crt: TUFERSBCWSBIRUxN, tls.crt: "", tls.key: ""}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: operator, annotations: {example/via: chart operator}}
webhooks:
  - {name: check.example.com, clientConfig: {caBundle: TUFERSBCWSBIRUxN, url: "https://hooks.example.com"}}
""",
)

AGGREGATED = Rule(
    "aggregated-role-rules",
    Severity.WARNING,
    "an aggregated ClusterRole has rules in Git, which a controller overwrites",
    """Kubernetes fills the rules of a ClusterRole with an aggregationRule from other roles. Rules in the
manifest (even an empty list) are a difference again after each sync: OutOfSync for ever.
Cure: resource.compareoptions with ignoreAggregatedRoles: true in argocd-cm, or no rules in the manifest.
Source:
https://argo-cd.readthedocs.io/en/stable/user-guide/compare-options/#ignoring-rbac-changes-made-by-aggregateroles""",
    failing="""\
kind: Application
metadata: {name: roles}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: watcher}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {watcher: "true"}}]}
rules: []
""",
    passing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cm, namespace: argocd}
data: {resource.compareoptions: "ignoreAggregatedRoles: true"}
---
kind: Application
metadata: {name: roles}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: watcher}
aggregationRule: {clusterRoleSelectors: [{matchLabels: {watcher: "true"}}]}
rules: []
""",
)

RULES = (REPLICAS, RESET, BUNDLE, CERTIFICATE, AGGREGATED)


def check(tree: Tree, _: Graph) -> Iterator[Finding]:
    system = settings(tree, "argocd-cm") or {}
    scaled = _scaled(tree)
    for app in tree.apps:
        ignores = Ignores(app, system)
        secrets = _authorities(app)
        for manifest in app.manifests:
            if manifest.key in scaled:
                yield from _replicas(tree, app, ignores, manifest, scaled[manifest.key])
            if manifest.key.kind in _WEBHOOKS:
                yield from _bundle(app, ignores, manifest, secrets)
            if manifest.key.kind == CLUSTER_ROLE:
                yield from _aggregated(app, system, manifest)


class Ignores:
    """What an Application does not compare: its own ignoreDifferences and those of argocd-cm."""

    def __init__(self, app: App, system: Mapping[str, str]) -> None:
        self._own = mappings(spec(app.item).get("ignoreDifferences"))
        self._system = system

    def covers(self, manifest: Manifest, pointer: str) -> bool:
        """Whether the field at that JSON pointer is left out ("/spec/replicas"); a field that another manager
        owns counts, too, as nobody can say offline which fields these are."""
        return any(_covers(entry, pointer) for entry in self._entries(manifest))

    def _entries(self, manifest: Manifest) -> Iterator[Json]:
        kind = manifest.key.kind
        for entry in self._own:
            if (
                matches(str(entry.get("group") or ""), kind.group)
                and matches(str(entry.get("kind") or ""), kind.name)
                and entry.get("name") in (None, "", manifest.key.name)
                and entry.get("namespace") in (None, "", manifest.namespace)
            ):
                yield entry
        for suffix in ("all", group_kind(kind)):
            found = _mapping(self._system.get(f"resource.customizations.ignoreDifferences.{suffix}", ""))
            if found:
                yield found


def _mapping(text: str) -> Json:
    try:
        value: Any = next(documents(text), {})
    except yaml.YAMLError:
        return {}
    return value if isinstance(value, dict) else {}


def _covers(entry: Json, pointer: str) -> bool:
    pointers = [str(one).rstrip("/") for one in listed(entry.get("jsonPointers"))]
    if any(pointer == one or pointer.startswith(f"{one}/") for one in pointers):
        return True
    path = pointer.replace("/", ".")
    plain = [re.sub(r"\[[^\]]*\]\??|\s|\"", "", str(one)) for one in listed(entry.get("jqPathExpressions"))]
    if any(path == one or path.startswith(f"{one}.") for one in plain):
        return True
    return bool(entry.get("managedFieldsManagers"))


def _scaled(tree: Tree) -> dict[Key, Manifest]:
    """Workloads that an autoscaler owns, by key."""
    found: dict[Key, Manifest] = {}
    for scaler in tree.manifests:
        if scaler.key.kind in {AUTOSCALER, SCALED_OBJECT}:
            target = mapped(dig(scaler.item, "spec", "scaleTargetRef"))
            default = "apps/v1" if scaler.key.kind == SCALED_OBJECT else ""
            kind = Kind.of(
                {
                    "apiVersion": target.get("apiVersion") or default,
                    "kind": target.get("kind") or "Deployment",
                }
            )
            found[Key(kind.unversioned, scaler.namespace, str(target.get("name", "")))] = scaler
    return found


def _replicas(
    tree: Tree, app: App, ignores: Ignores, manifest: Manifest, scaler: Manifest
) -> Iterator[Finding]:
    count = spec(manifest.item).get("replicas")
    if count is None or manifest.key.kind not in _SCALABLE:
        return
    where = manifest.where if manifest.via else line_with(tree.files, manifest.where, r"^[^#]*\breplicas:")
    if not ignores.covers(manifest, "/spec/replicas"):
        fight = (
            "sets it back at once, for ever"
            if self_heals(app)
            else "reports the Application OutOfSync for ever"
        )
        yield finding(
            REPLICAS,
            where,
            of_manifest(manifest),
            f"spec.replicas is {count} in Git, {of_manifest(scaler)} changes it, and Argo CD {fight}",
            "remove spec.replicas, or add ignoreDifferences on /spec/replicas and "
            "RespectIgnoreDifferences=true",
            other=of_manifest(scaler),
        )
    elif options(app).get("RespectIgnoreDifferences") != "true":
        yield finding(
            RESET,
            where,
            of_manifest(manifest),
            f"ignoreDifferences hides it, but every sync of {of_app(app)} sets the number back to {count}",
            "add RespectIgnoreDifferences=true to syncOptions, or remove spec.replicas",
            other=of_manifest(scaler),
        )


def _authorities(app: App) -> dict[str, Manifest]:
    """Certificate authorities in the Application's own Secrets."""
    return {
        str(bundle): item
        for item in app.manifests
        if item.key.kind == SECRET
        for bundle in (dig(item.item, "data", "ca.crt"),)
        if bundle
    }


def _bundle(
    app: App, ignores: Ignores, manifest: Manifest, secrets: Mapping[str, Manifest]
) -> Iterator[Finding]:
    bundles = [
        str(found)
        for hook in mappings(manifest.item.get("webhooks"))
        if (found := dig(hook, "clientConfig", "caBundle"))
    ]
    if not bundles or ignores.covers(manifest, "/webhooks/clientConfig/caBundle"):
        return
    injected = next((key for key in annotations_of(manifest.item) if _INJECTED.match(key)), "")
    secret = next((secrets[bundle] for bundle in bundles if bundle in secrets), None)
    if injected:
        yield finding(
            BUNDLE,
            manifest.where,
            of_manifest(manifest),
            f"it has a caBundle, and cert-manager ({injected}) writes another one: OutOfSync again after "
            "each sync",
            "leave caBundle out of the manifest, or ignore it",
            other=of_app(app),
        )
    elif secret is not None and manifest.via:
        yield finding(
            CERTIFICATE,
            manifest.where,
            of_manifest(manifest),
            f"its caBundle is made together with {of_manifest(secret)} when the chart is rendered, and "
            "is another one each time",
            'ignore /data of the Secret and ".webhooks[]?.clientConfig.caBundle", with '
            "RespectIgnoreDifferences=true",
            other=of_manifest(secret),
        )


def _aggregated(app: App, system: Mapping[str, str], manifest: Manifest) -> Iterator[Finding]:
    if not manifest.item.get("aggregationRule") or manifest.item.get("rules") is None:
        return
    if _mapping(system.get("resource.compareoptions", "")).get("ignoreAggregatedRoles") is True:
        return
    if Ignores(app, system).covers(manifest, "/rules"):
        return
    yield finding(
        AGGREGATED,
        manifest.where,
        of_manifest(manifest),
        f"a controller writes the rules of ClusterRole {name(manifest.item)}, so Git always differs",
        "set ignoreAggregatedRoles: true in resource.compareoptions of argocd-cm, or leave rules out",
        other=of_app(app),
    )
