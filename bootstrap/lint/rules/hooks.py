"""Jobs and hooks that work once and never again."""

from __future__ import annotations

import re
from collections.abc import Iterator

from bootstrap.gitops.model import App, Manifest, Tree
from bootstrap.gitops.phases import Phase, is_hook, phase
from bootstrap.kubernetes.argo import HOOK
from bootstrap.kubernetes.objects import JOB, annotations_of, metadata, name, spec
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding
from bootstrap.lint.rules.facts import (
    finding,
    of_app,
    of_manifest,
    options,
    options_of,
    self_heals,
)
from bootstrap.lint.rules.rule import Rule

_PHASES = {"PreSync", "Sync", "PostSync", "SyncFail", "Skip", "PreDelete", "PostDelete"}
_POLICIES = {
    "before-hook-creation": "BeforeHookCreation",
    "hook-succeeded": "HookSucceeded",
    "hook-failed": "HookFailed",
}

KEPT = Rule("hook-job-kept")
IMMUTABLE = Rule("job-immutable")
VANISHES = Rule("job-vanishes")
PHASE = Rule("hook-phase-unknown")
ENDLESS = Rule("hook-without-deadline")

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
            f"{wrong[0]!r} is not a sync phase: the object is never applied",
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
            f"hook-delete-policy {given.pop()} leaves a {kept} Job behind: the next sync finds it, and "
            + ("fails at once" if kept == "failed" else "does not run the hook, or fails as it is immutable"),
            "use hook-delete-policy BeforeHookCreation, or generateName",
            other=of_app(app),
        )
    if body.get("activeDeadlineSeconds") is None and not manifest.via:
        yield finding(
            ENDLESS,
            manifest.where,
            of_manifest(manifest),
            "a pod that hangs keeps the sync running forever",
            "set spec.activeDeadlineSeconds",
            other=of_app(app),
        )


def _plain(app: App, manifest: Manifest) -> Iterator[Finding]:
    if spec(manifest.item).get("ttlSecondsAfterFinished") is not None:
        then = (
            "Argo CD creates and runs it again and again"
            if self_heals(app)
            else "the Application becomes OutOfSync"
        )
        yield finding(
            VANISHES,
            manifest.where,
            of_manifest(manifest),
            f"it is not a hook and is deleted after it has finished: {then}",
            f"add the annotation {HOOK}: Sync, or remove ttlSecondsAfterFinished",
            other=of_app(app),
        )
    elif not _replaced(app, manifest) and not _HASHED.search(name(manifest.item)):
        yield finding(
            IMMUTABLE,
            manifest.where,
            of_manifest(manifest),
            "its pod template is immutable: the next new image or argument makes the sync fail",
            f"add the annotation {HOOK}: Sync, or sync-options: Force=true,Replace=true",
            other=of_app(app),
        )


def _replaced(app: App, manifest: Manifest) -> bool:
    own = options_of(manifest.item)
    return own.get("Force") == "true" or (
        "true" in {own.get("Replace"), options(app).get("Replace")} and own.get("Replace") != "false"
    )
