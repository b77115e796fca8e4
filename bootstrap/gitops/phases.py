"""When Argo CD applies an object inside its Application's sync. Pure.

Phase, then wave, then kind: gitops-engine pkg/sync/sync_tasks.go, hook/hook.go and syncwaves/waves.go.
"""

from __future__ import annotations

from enum import IntEnum

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.argo import HELM_HOOK
from bootstrap.kubernetes.objects import annotations_of


class Phase(IntEnum):
    PRE_SYNC = -1
    SYNC = 0
    POST_SYNC = 1
    SYNC_FAIL = 2
    NEVER = 3  # Skip, deletion and test hooks: no sync applies them


_PHASES = {
    "PreSync": Phase.PRE_SYNC,
    "Sync": Phase.SYNC,
    "PostSync": Phase.POST_SYNC,
    "SyncFail": Phase.SYNC_FAIL,
}
# Helm's hooks become Argo CD's: hook/helm/type.go.
_HELM = {
    "pre-install": Phase.PRE_SYNC,
    "pre-upgrade": Phase.PRE_SYNC,
    "post-install": Phase.POST_SYNC,
    "post-upgrade": Phase.POST_SYNC,
}
_DELETION = {"PreDelete", "PostDelete", "pre-delete", "post-delete"}


def phases(manifest: Manifest) -> tuple[Phase, ...]:
    """All phases in which it is applied, the first one first; (NEVER,) for what no sync applies."""
    if known := {_PHASES[hook] for hook in manifest.hooks if hook in _PHASES}:
        return tuple(sorted(known))
    # Helm's hooks count where none of Argo CD's is one of a sync, such as PreDelete alone: hook.go, Types.
    helm = str(annotations_of(manifest.item).get(HELM_HOOK) or "")
    if "Skip" in manifest.hooks or not helm or helm == "crd-install":
        return (Phase.NEVER,) if manifest.hooks else (Phase.SYNC,)
    return tuple(sorted({_HELM.get(word.strip(), Phase.NEVER) for word in helm.split(",")}))


def phase(manifest: Manifest) -> Phase:
    """The first one."""
    return phases(manifest)[0]


def is_deletion_hook(manifest: Manifest) -> bool:
    """Whether deleting its Application creates it; either annotation counts (controller/hook.go)."""
    helm = str(annotations_of(manifest.item).get(HELM_HOOK) or "")
    return not _DELETION.isdisjoint({*manifest.hooks, *map(str.strip, helm.split(","))})


def is_hook(manifest: Manifest) -> bool:
    return bool(
        manifest.hooks or annotations_of(manifest.item).get(HELM_HOOK, "crd-install") != "crd-install"
    )
