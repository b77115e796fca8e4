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
    """`title` continues "…: held up by "."""

    id: str
    outlook: Outlook
    after: float
    title: str


_B, _H = Outlook.BLOCKED, Outlook.HOPELESS

CAUSES = (
    # What keeps Argo CD from knowing what it should make.
    Cause("project-refuses", _H, 5, "an AppProject that does not allow it"),
    Cause("repo-unreachable", _B, 8, "a repository that does not answer or lets nobody in"),
    Cause("revision-missing", _H, 5, "a revision or chart version that does not exist"),
    Cause("path-missing", _H, 5, "a path that the repository does not have"),
    Cause("helm-render", _H, 5, "a Helm chart that cannot be rendered"),
    Cause("kustomize-render", _H, 5, "a kustomization that cannot be built"),
    Cause("manifest-invalid", _H, 5, "a manifest that is no valid YAML"),
    # What keeps it from making it.
    Cause("finalizer-stuck", _B, 9, "something that is being deleted and does not go"),
    Cause("webhook-without-endpoints", _B, 8, "an admission webhook that nobody answers"),
    Cause("crd-missing", _B, 8, "a kind whose CustomResourceDefinition is not there"),
    Cause("namespace-missing", _B, 8, "a namespace that is not there"),
    Cause("rbac-denied", _B, 8, "a permission that Argo CD does not have"),
    Cause("admission-denied", _H, 8, "an admission webhook that refuses it"),
    Cause("schema-rejected", _H, 3, "a field that the API server does not accept"),
    Cause("immutable-field", _H, 3, "a field that cannot be changed once the object exists"),
    # What keeps its objects from working, in the order in which a pod needs it.
    Cause("node-not-ready", _B, 9, "a node that is not Ready"),
    Cause("service-account-missing", _B, 8, "a ServiceAccount that is not there"),
    Cause("quota-exceeded", _B, 8, "a ResourceQuota that is used up"),
    Cause("store-not-ready", _B, 9, "a secret store that is not ready"),
    Cause("parameter-denied", _B, 9, "a parameter that External Secrets may not read"),
    Cause("missing-parameter", _B, 8, "a parameter that does not exist"),
    Cause("wrong-property", _H, 5, "a property that the parameter's value does not have"),
    Cause("claim-deadlock", _H, 6, "a volume claim and a pod that wait for each other"),
    Cause("claim-elsewhere", _B, 9, "a volume in a place where no node fits"),
    Cause("claim-pending", _B, 8, "a volume claim that gets no volume"),
    Cause("unschedulable-resources", _B, 9, "a pod for which no node has room"),
    Cause("unschedulable-taint", _B, 9, "a pod that does not tolerate the taint of its node"),
    Cause("unschedulable-selector", _B, 9, "a pod that selects a node that does not exist"),
    Cause("secret-missing", _B, 9, "a Secret or ConfigMap that is not there"),
    Cause("image-pull", _B, 5, "an image that cannot be pulled"),
    Cause("oom-killed", _B, 3, "a container that needs more memory than its limit"),
    Cause("crash-loop", _B, 0, "a container that ends again and again"),
    Cause("hook-failed", _B, 0, "a Job that failed"),
    Cause("ingress-without-address", _B, 9, "an Ingress that gets no address"),
    Cause("drift-loop", _H, 1, "a field that Git and somebody else set again and again"),
    Cause("starts-degraded", _B, 9, "an object that says it is Degraded"),
    Cause("sync-runs-forever", _B, 0, "a sync that does not end"),
    Cause(UNKNOWN, _B, 20, "something that is not known here; this is what the cluster says"),
)

BY_ID = {cause.id: cause for cause in CAUSES}
RANK = {cause.id: rank for rank, cause in enumerate(CAUSES)}
