"""Every cause that is known: what it is called, what may come of it, and when it may be named. Data.

The order is the order of precedence: of several causes that hold up one Application, the one that stands
first is its root cause, because what stands below is what usually follows from it.

`after` is how long (seconds) the cluster has to have shown a cause before it is named. Nothing that a
healthy or merely slow run shows for a moment (a store that is being validated, a node that joins, a volume
that is being made) may be called a failure; where the evidence is final by itself it is 0. None is longer
than 9, so that with a look every few seconds each is named within 15 s.
"""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.diagnosis.model import Outlook

SLOW = "slow"
UNKNOWN = "unknown"


@dataclass(frozen=True)
class Cause:
    """`title` continues "…: blocked by "."""

    id: str
    outlook: Outlook
    after: float
    title: str


_B, _H = Outlook.BLOCKED, Outlook.HOPELESS

CAUSES = (
    # What keeps Argo CD from knowing what it should make.
    Cause("project-refuses", _H, 5, "an AppProject that does not allow it"),
    Cause("repo-unreachable", _B, 8, "an unreachable repository, or refused credentials"),
    Cause("revision-missing", _H, 5, "a missing revision or chart version"),
    Cause("path-missing", _H, 5, "a missing path in the repository"),
    Cause("helm-render", _H, 5, "a Helm chart that cannot be rendered"),
    Cause("kustomize-render", _H, 5, "a kustomization that cannot be built"),
    Cause("manifest-invalid", _H, 5, "a manifest with invalid YAML"),
    # What keeps it from making it.
    Cause("deletion-hook-failed", _B, 0, "a failed PreDelete or PostDelete hook"),
    Cause("finalizer-stuck", _B, 9, "a deletion that does not finish"),
    Cause("webhook-without-endpoints", _B, 8, "an admission webhook without endpoints"),
    Cause("crd-missing", _B, 8, "a missing CustomResourceDefinition"),
    Cause("namespace-missing", _B, 8, "a missing namespace"),
    Cause("rbac-denied", _B, 8, "a permission that Argo CD lacks"),
    Cause("admission-denied", _H, 8, "an admission webhook that denied the request"),
    Cause("schema-rejected", _H, 3, "a field that the API server rejects"),
    Cause("immutable-field", _H, 3, "a change to an immutable field"),
    # What keeps its objects from working, in the order in which a pod needs it.
    Cause("node-not-ready", _B, 9, "a node that is not Ready"),
    Cause("service-account-missing", _B, 8, "a missing ServiceAccount"),
    Cause("quota-exceeded", _B, 8, "an exhausted ResourceQuota"),
    Cause("store-not-ready", _B, 9, "a secret store that is not ready"),
    Cause("parameter-denied", _B, 9, "a parameter that External Secrets may not read"),
    Cause("missing-parameter", _B, 8, "a missing parameter"),
    Cause("wrong-property", _H, 5, "a missing property in the parameter's value"),
    Cause("claim-deadlock", _H, 6, "a volume claim and a pod that wait for each other"),
    Cause("claim-elsewhere", _B, 9, "a volume in a zone without a suitable node"),
    Cause("claim-pending", _B, 8, "an unbound volume claim"),
    Cause("unschedulable-resources", _B, 9, "a pod that no node has room for"),
    Cause("unschedulable-taint", _B, 9, "a pod that does not tolerate the nodes' taints"),
    Cause("unschedulable-selector", _B, 9, "a pod whose node selector matches no node"),
    Cause("secret-missing", _B, 9, "a missing Secret or ConfigMap"),
    Cause("image-pull", _B, 5, "an image that cannot be pulled"),
    Cause("oom-killed", _B, 3, "a container killed for exceeding its memory limit"),
    Cause("crash-loop", _B, 0, "a container that keeps crashing"),
    Cause("hook-failed", _B, 0, "a failed Job"),
    Cause("ingress-without-address", _B, 9, "an Ingress without an address"),
    Cause("drift-loop", _H, 1, "a field that Git and another writer keep changing"),
    Cause("starts-degraded", _B, 9, "a Degraded object"),
    Cause("sync-runs-forever", _B, 0, "a sync that does not finish"),
    Cause(UNKNOWN, _B, 20, "an unknown cause; this is what the cluster reports"),
)

BY_ID = {cause.id: cause for cause in CAUSES}
RANK = {cause.id: rank for rank, cause in enumerate(CAUSES)}
