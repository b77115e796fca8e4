"""How Applications are synced: whether by themselves, again after a failure, and in a way that can work."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from bootstrap.gitops.model import LEFT_OUT, App, Manifest, Tree
from bootstrap.kubernetes.objects import CRD, NAMESPACE, Json, Kind, annotations_of, dig, spec
from bootstrap.lint.graph import Graph
from bootstrap.lint.graph.phases import Phase, phase
from bootstrap.lint.model import Finding, Rule, Severity
from bootstrap.lint.rules.facts import (
    automated,
    everything,
    finding,
    mappings,
    of_app,
    of_manifest,
    options,
    options_of,
    sources,
)
from bootstrap.lint.rules.sets import rolls

# apimachinery pkg/api/validation/objectmeta.go: TotalAnnotationSizeLimitB, keys and values of all together.
ANNOTATIONS_LIMIT = 262_144
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
_EXACT = re.compile(r"v?\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?|[0-9a-f]{40}|sha256:[0-9a-f]{64}")
_AUTO = "https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/"
_OPTIONS = "https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/"

MANUAL = Rule(
    "sync-not-automated",
    Severity.ERROR,
    "an Application that later waves wait for is not synced by itself",
    f"""Without syncPolicy.automated nobody syncs the Application but a person. Its parent waits for it to
become Healthy before it starts the next wave, so the whole platform stops there.
Cure: syncPolicy.automated with prune and selfHeal (not inside a RollingSync, which does it itself).
Source: {_AUTO}""",
    failing="""\
kind: Application
metadata: {name: operators, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec: {destination: {server: "https://kubernetes.default.svc"}}
---
kind: Application
metadata: {name: data, annotations: {argocd.argoproj.io/sync-wave: "2"}}
""",
    passing="""\
kind: Application
metadata: {name: operators, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec:
  destination: {server: "https://kubernetes.default.svc"}
  syncPolicy: {automated: {prune: true, selfHeal: true}, retry: {limit: 10}}
---
kind: Application
metadata: {name: data, annotations: {argocd.argoproj.io/sync-wave: "2"}}
""",
)

PARTIAL = Rule(
    "sync-policy-partial",
    Severity.WARNING,
    "automated sync neither prunes nor heals all by itself",
    f"""Without prune an object that leaves Git stays in the cluster, and the Application is OutOfSync
from then on: its wave is never done again. Without selfHeal a change made in the cluster by hand stays
until the next commit.
Cure: automated: {{prune: true, selfHeal: true}}.
Source: {_AUTO}#automatic-pruning, {_AUTO}#automatic-self-healing""",
    failing="""\
kind: Application
metadata: {name: shop}
spec: {syncPolicy: {automated: {}, retry: {limit: 10}}}
""",
    passing="""\
kind: Application
metadata: {name: shop}
spec: {syncPolicy: {automated: {prune: true, selfHeal: true}, retry: {limit: 10}}}
""",
)

NO_RETRY = Rule(
    "sync-without-retry",
    Severity.WARNING,
    "a sync that fails is given up after minutes, and the same commit is not tried again",
    f"""Argo CD tries a failed sync 5 times within about 3 minutes, then leaves it: "Automatic sync will
not reattempt a sync if the previous sync attempt against the same commit-SHA and parameters had failed".
On a new cluster webhooks and CRDs often need longer, and the wave is stuck until somebody syncs by hand
or commits.
Cure: syncPolicy.retry, for example limit: 10, backoff: {{duration: 5s, factor: 2, maxDuration: 1m}}.
Source: {_AUTO}#automated-sync-semantics; default in argo-cd v3.2 controller/appcontroller.go autoSync""",
    failing="""\
kind: Application
metadata: {name: shop}
spec: {syncPolicy: {automated: {prune: true, selfHeal: true}}}
""",
    passing="""\
kind: Application
metadata: {name: shop}
spec:
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    retry: {limit: 10, backoff: {duration: 5s, factor: 2, maxDuration: 1m}}
""",
)

LONG = Rule(
    "object-too-long-to-apply",
    Severity.ERROR,
    "an object does not fit into the annotation that client-side apply writes",
    f"""Client-side apply stores the whole object in the annotation last-applied-configuration, and the
API server takes 262144 bytes of annotations: "metadata.annotations: Too long: must have at most 262144
bytes". CRDs of Prometheus, Postgres, Argo CD and others are longer, so the sync fails.
Cure: the sync option ServerSideApply=true.
Source: {_OPTIONS}#server-side-apply""",
    failing="""\
kind: Application
metadata: {name: crds}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: clusters.example.com}
spec:
  group: example.com
  names: {kind: Cluster, plural: clusters}
  # Stands for a schema of 300 KB.
  a: &a ["a field of the schema, described in a sentence", "and another field, described as well"]
  b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
  c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
  d: [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
""",
    passing="""\
kind: Application
metadata: {name: crds}
spec: {syncPolicy: {syncOptions: [ServerSideApply=true]}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: clusters.example.com}
spec:
  group: example.com
  names: {kind: Cluster, plural: clusters}
  # Stands for a schema of 300 KB.
  a: &a ["a field of the schema, described in a sentence", "and another field, described as well"]
  b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a, *a]
  c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b, *b]
  d: [*c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c, *c]
""",
)

METADATA = Rule(
    "namespace-metadata-overwritten",
    Severity.WARNING,
    "a Namespace has its labels both from managedNamespaceMetadata and from a manifest",
    f"""Where a manifest of the namespace exists, it takes precedence and overwrites what
managedNamespaceMetadata sets: labels for network policies or pod security vanish, and two Applications
may take turns.
Cure: keep the labels in the Namespace manifest and drop managedNamespaceMetadata and CreateNamespace.
Source: {_OPTIONS}#namespace-metadata""",
    failing="""\
kind: Application
metadata: {name: namespaces}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
kind: Application
metadata: {name: shop, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec:
  destination: {server: "https://kubernetes.default.svc", namespace: shop}
  syncPolicy:
    automated: {prune: true, selfHeal: true}
    retry: {limit: 10}
    managedNamespaceMetadata: {labels: {tier: api}}
    syncOptions: [CreateNamespace=true]
""",
    passing="""\
kind: Application
metadata: {name: namespaces}
---
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tier: api}}
---
kind: Application
metadata: {name: shop, annotations: {argocd.argoproj.io/sync-wave: "1"}}
spec:
  destination: {server: "https://kubernetes.default.svc", namespace: shop}
  syncPolicy: {automated: {prune: true, selfHeal: true}, retry: {limit: 10}}
""",
)

FLOATING = Rule(
    "chart-version-floats",
    Severity.WARNING,
    "a chart's version is a range: another one may be installed tomorrow",
    """With `*`, `>=1`, `1.x` or `^1.2` Argo CD installs whatever is newest when it looks. A rebuild of
the platform is then not the one that was tested, and a new chart arrives without a commit to blame or to
revert.
Cure: name the exact version; raise it by pull request.
Source: https://argo-cd.readthedocs.io/en/stable/user-guide/tracking_strategies/#helm""",
    failing="""\
kind: Application
metadata: {name: grafana}
spec:
  project: default
  destination: {server: "https://kubernetes.default.svc", namespace: monitoring}
  source: {repoURL: "https://grafana.github.io/helm-charts", chart: grafana, targetRevision: "10.*"}
""",
    passing="""\
kind: Application
metadata: {name: grafana}
spec:
  project: default
  destination: {server: "https://kubernetes.default.svc", namespace: monitoring}
  source: {repoURL: "https://grafana.github.io/helm-charts", chart: grafana, targetRevision: 10.3.0}
""",
)

_LEFT = {"prune": "what leaves Git stays", "selfHeal": "what somebody changes in the cluster stays so"}
RULES = (MANUAL, PARTIAL, NO_RETRY, LONG, METADATA, FLOATING)


def check(tree: Tree, _: Graph) -> Iterator[Finding]:
    """How an Application without spec is synced is not judged: the API server refuses it."""
    rolled = {one.name for one in tree.sets if rolls(one)}
    for app in tree.apps:
        yield from _lengths(app)
        if not spec(app.item):
            continue
        if app.set not in rolled:
            yield from _automation(tree, app)
        yield from _metadata(tree, app)
        yield from _versions(app)


def _automation(tree: Tree, app: App) -> Iterator[Finding]:
    policy = automated(app)
    if policy is None:
        after = next((other for other in tree.apps if app.position and other.position > app.position), None)
        if after is not None:
            yield finding(
                MANUAL,
                app.where,
                of_app(app),
                f"nobody syncs it but a person, and {of_app(after)} and all later waves wait for it",
                "add syncPolicy.automated: {prune: true, selfHeal: true}",
                other=of_app(after),
            )
        return
    missing = [key for key in _LEFT if policy.get(key) is not True]
    if missing:
        yield finding(
            PARTIAL,
            app.where,
            of_app(app),
            f"automated sync lacks {' and '.join(missing)}: {' and '.join(_LEFT[key] for key in missing)}",
            "set automated: {prune: true, selfHeal: true}",
        )
    if not dig(spec(app.item), "syncPolicy", "retry"):
        yield finding(
            NO_RETRY,
            app.where,
            of_app(app),
            "a sync that fails for about 3 minutes is given up, and this commit is not tried again",
            "add syncPolicy.retry: {limit: 10, backoff: {duration: 5s, factor: 2, maxDuration: 1m}}",
        )


def applied_size(item: Json) -> int:
    """Bytes of annotations after a client-side apply: the object's own, and its JSON as kubectl stores it. A
    CRD's schemas count with the least that they take."""
    stored = json.dumps(item, separators=(",", ":"), ensure_ascii=False).encode()
    own = (f"{key}{value}".encode() for key, value in annotations_of(item).items() if key != LAST_APPLIED)
    versions = mappings(spec(item).get("versions")) if Kind.of(item).unversioned == CRD else ()
    left_out = (int(dig(one, "schema", "openAPIV3Schema", LEFT_OUT) or 0) for one in versions)
    return len(LAST_APPLIED) + len(stored) + 1 + sum(map(len, own)) + sum(left_out)


def _lengths(app: App) -> Iterator[Finding]:
    given = options(app)
    for manifest in app.manifests:
        if _client_side(given, manifest) and (size := applied_size(manifest.item)) > ANNOTATIONS_LIMIT:
            yield finding(
                LONG,
                manifest.where,
                of_manifest(manifest),
                f"it needs at least {size} bytes of annotations with client-side apply, and may have "
                f"{ANNOTATIONS_LIMIT}: the sync fails",
                f"add ServerSideApply=true to syncOptions of {of_app(app)}",
                other=of_app(app),
            )


def _client_side(given: dict[str, str], manifest: Manifest) -> bool:
    if phase(manifest) is Phase.NEVER:
        return False
    effective = {**given, **options_of(manifest.item)}
    return effective.get("ServerSideApply") != "true" and effective.get("Replace") != "true"


def _metadata(tree: Tree, app: App) -> Iterator[Finding]:
    wanted = dig(spec(app.item), "destination", "namespace")
    managed = dig(spec(app.item), "syncPolicy", "managedNamespaceMetadata")
    if not managed or options(app).get("CreateNamespace") != "true":
        return
    for manifest in everything(tree):
        if manifest.key.kind == NAMESPACE and manifest.key.name == wanted:
            yield finding(
                METADATA,
                app.where,
                of_app(app),
                f"its managedNamespaceMetadata is overwritten by {of_manifest(manifest)} ({manifest.where})",
                "move labels and annotations into the Namespace manifest",
                other=of_manifest(manifest),
            )


def _versions(app: App) -> Iterator[Finding]:
    for source in sources(app):
        version = str(source.get("targetRevision") or "")
        if source.get("chart") and version and not _EXACT.fullmatch(version):
            yield finding(
                FLOATING,
                app.where,
                of_app(app),
                f"version {version} of chart {source['chart']} may be another chart at the next look",
                f"name the exact version of chart {source['chart']}",
            )
