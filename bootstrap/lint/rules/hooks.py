"""Jobs and hooks that work once and never again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.gitops.model import App, Manifest, Tree
from bootstrap.kubernetes.objects import JOB, annotations_of, metadata, name, spec
from bootstrap.lint.graph import Graph
from bootstrap.lint.graph.phases import Phase, is_hook, phase
from bootstrap.lint.model import Finding, Rule, Severity
from bootstrap.lint.rules.facts import (
    finding,
    of_app,
    of_manifest,
    options,
    options_of,
    self_heals,
)

_DOCS = "https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/"
HOOK = "argocd.argoproj.io/hook"
_PHASES = {"PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreDelete", "PostDelete"}
_POLICIES = {
    "before-hook-creation": "BeforeHookCreation",
    "hook-succeeded": "HookSucceeded",
    "hook-failed": "HookFailed",
}

KEPT = Rule(
    "hook-job-kept",
    Severity.WARNING,
    "a hook Job with a fixed name is not deleted before it is made again",
    f"""A Job cannot be changed, and Argo CD starts none anew while the old one is there. With only
HookSucceeded a failed Job stays: the next sync finds it failed and fails at once. With only HookFailed a
finished one stays: the hook does not run again, and a new image is refused with "field is immutable".
Cure: hook-delete-policy BeforeHookCreation (the default when none is given), or metadata.generateName.
Source: {_DOCS}#hook-deletion-policies""",
    failing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
  annotations:
    argocd.argoproj.io/hook: PreSync
    argocd.argoproj.io/hook-delete-policy: HookSucceeded
spec:
  activeDeadlineSeconds: 180
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "shop:1"}]}
""",
    passing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
  annotations:
    argocd.argoproj.io/hook: PreSync
    argocd.argoproj.io/hook-delete-policy: BeforeHookCreation
spec:
  activeDeadlineSeconds: 180
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "shop:1"}]}
""",
)

IMMUTABLE = Rule(
    "job-immutable",
    Severity.WARNING,
    "a plain Job with a fixed name cannot be changed by a later sync",
    f"""The pod template of a Job cannot be changed. The first new image tag makes the sync fail with
"spec.template: field is immutable", and the wave stays OutOfSync until somebody deletes the Job.
Cure: make it a hook (argocd.argoproj.io/hook: Sync), or give it sync-options: Force=true,Replace=true.
Source: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-options/#force-sync, {_DOCS}""",
    failing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "shop:1"}]}
""",
    passing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
  annotations:
    argocd.argoproj.io/hook: Sync
spec:
  activeDeadlineSeconds: 180
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "shop:1"}]}
""",
)

VANISHES = Rule(
    "job-vanishes",
    Severity.WARNING,
    "a plain Job deletes itself, and Argo CD makes it again and again",
    """With ttlSecondsAfterFinished Kubernetes removes the finished Job. It stands in Git, so the
Application is then OutOfSync and Missing; with selfHeal the Job is made, and runs, anew each time,
without end.
Cure: make it a hook (argocd.argoproj.io/hook: Sync), which does not count as missing, or drop the TTL.
Source: https://github.com/argoproj/argo-cd/issues/8586""",
    failing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
spec:
  ttlSecondsAfterFinished: 60
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "shop:1"}]}
""",
    passing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
  annotations:
    argocd.argoproj.io/hook: Sync
spec:
  activeDeadlineSeconds: 180
  ttlSecondsAfterFinished: 60
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "shop:1"}]}
""",
)

PHASE = Rule(
    "hook-phase-unknown",
    Severity.ERROR,
    "a hook names a phase that Argo CD does not know, and never runs",
    f"""argocd.argoproj.io/hook takes PreSync, Sync, PostSync, SyncFail, PostDelete and Skip, in just this
spelling. With any other word the object is a hook of no phase: it is neither applied nor reported, and
what it should prepare is not there.
Cure: correct the word.
Source: {_DOCS}, Types in gitops-engine pkg/sync/hook/hook.go""",
    failing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
  annotations:
    argocd.argoproj.io/hook: Presync
spec:
  activeDeadlineSeconds: 180
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "shop:1"}]}
""",
    passing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
  annotations:
    argocd.argoproj.io/hook: PreSync
spec:
  activeDeadlineSeconds: 180
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "shop:1"}]}
""",
)

ENDLESS = Rule(
    "hook-without-deadline",
    Severity.INFO,
    "a hook Job may run for ever, and the sync with it",
    f"""A sync has no time-out of its own: it stays Running as long as a hook does. A Job whose pod hangs
or stays Pending is bounded by activeDeadlineSeconds only (backoffLimit counts failures, not time).
Meanwhile no newer commit is synced.
Cure: spec.activeDeadlineSeconds.
Source: {_DOCS},
https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup""",
    failing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
  annotations:
    argocd.argoproj.io/hook: PreSync
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "shop:1"}]}
""",
    passing="""\
kind: Application
metadata: {name: shop}
---
apiVersion: batch/v1
kind: Job
metadata:
  name: migrate
  namespace: default
  annotations:
    argocd.argoproj.io/hook: PreSync
spec:
  activeDeadlineSeconds: 180
  template:
    spec: {restartPolicy: Never, containers: [{name: migrate, image: "shop:1"}]}
""",
)

# A name that ends in a digest of the content is another one after each change.
_HASHED = re.compile(r"-(?=[0-9a-f]*[0-9])(?=[0-9a-f]*[a-f])[0-9a-f]{6,64}$|-[0-9]{7,64}$")
RULES = (KEPT, IMMUTABLE, VANISHES, PHASE, ENDLESS)


def check(tree: Tree, _: Graph) -> Iterator[Finding]:
    for app in tree.apps:
        for manifest in app.manifests:
            yield from _phases(manifest)
            if manifest.key.kind == JOB and metadata(manifest.item).get("name"):
                if not is_hook(manifest):
                    yield from _plain(app, manifest)
                elif phase(manifest) is not Phase.NEVER:
                    yield from _hook(app, manifest)


def _phases(manifest: Manifest) -> Iterator[Finding]:
    wrong = [word for word in manifest.hooks if word not in _PHASES]
    if wrong:
        yield finding(
            PHASE,
            manifest.where,
            of_manifest(manifest),
            f"{wrong[0]!r} is no phase of a sync: the object is never applied",
            f"use one of {', '.join(sorted(_PHASES))}",
            other=f"Application {manifest.app}",
        )


def policies(manifest: Manifest) -> set[str]:
    """Argo CD's and Helm's together; BeforeHookCreation where none is given, as gitops-engine has it."""
    notes = annotations_of(manifest.item)
    own = str(notes.get("argocd.argoproj.io/hook-delete-policy") or "").split(",")
    helm = str(notes.get("helm.sh/hook-delete-policy") or "").split(",")
    found = {word.strip() for word in own} & set(_POLICIES.values())
    found |= {_POLICIES[word.strip()] for word in helm if word.strip() in _POLICIES}
    return found or {"BeforeHookCreation"}


def _hook(app: App, manifest: Manifest) -> Iterator[Finding]:
    given, body = policies(manifest), spec(manifest.item)
    vanishes = body.get("ttlSecondsAfterFinished") is not None
    if "BeforeHookCreation" not in given and len(given) == 1 and not vanishes:
        kept = "failed" if given == {"HookSucceeded"} else "finished"
        yield finding(
            KEPT,
            manifest.where,
            of_manifest(manifest),
            f"hook-delete-policy {given.pop()} leaves a {kept} Job behind; the next sync meets it, and "
            + ("fails at once" if kept == "failed" else "the hook does not run, or is refused as immutable"),
            "use hook-delete-policy BeforeHookCreation, or generateName",
            other=of_app(app),
        )
    if body.get("activeDeadlineSeconds") is None and not manifest.via:
        yield finding(
            ENDLESS,
            manifest.where,
            of_manifest(manifest),
            "a pod that hangs keeps the sync Running without end",
            "set spec.activeDeadlineSeconds",
            other=of_app(app),
        )


def _plain(app: App, manifest: Manifest) -> Iterator[Finding]:
    if spec(manifest.item).get("ttlSecondsAfterFinished") is not None:
        again = "runs again and again" if self_heals(app) else "leaves the Application OutOfSync and Missing"
        yield finding(
            VANISHES,
            manifest.where,
            of_manifest(manifest),
            f"it is no hook and deletes itself after it has finished, which {again}",
            f"add the annotation {HOOK}: Sync, or drop ttlSecondsAfterFinished",
            other=of_app(app),
        )
    elif not _replaced(app, manifest) and not _HASHED.search(name(manifest.item)):
        yield finding(
            IMMUTABLE,
            manifest.where,
            of_manifest(manifest),
            "its pod template cannot be changed: the next new image or argument fails the sync as immutable",
            f"add the annotation {HOOK}: Sync, or sync-options: Force=true,Replace=true",
            other=of_app(app),
        )


def _replaced(app: App, manifest: Manifest) -> bool:
    own = options_of(manifest.item)
    return own.get("Force") == "true" or (
        "true" in {own.get("Replace"), options(app).get("Replace")} and own.get("Replace") != "false"
    )
