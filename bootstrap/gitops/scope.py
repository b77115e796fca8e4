"""Which kinds belong to no namespace. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.kubernetes.objects import CRD, Json, Kind, spec

_BUILT_IN = {
    "": ("ComponentStatus", "Namespace", "Node", "PersistentVolume"),
    "admissionregistration.k8s.io": (
        *("MutatingAdmissionPolicy", "MutatingAdmissionPolicyBinding", "MutatingWebhookConfiguration"),
        *("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding", "ValidatingWebhookConfiguration"),
    ),
    "apiextensions.k8s.io": ("CustomResourceDefinition",),
    "apiregistration.k8s.io": ("APIService",),
    "authentication.k8s.io": ("SelfSubjectReview", "TokenReview"),
    "authorization.k8s.io": ("SelfSubjectAccessReview", "SelfSubjectRulesReview", "SubjectAccessReview"),
    "certificates.k8s.io": ("CertificateSigningRequest", "ClusterTrustBundle"),
    "flowcontrol.apiserver.k8s.io": ("FlowSchema", "PriorityLevelConfiguration"),
    "internal.apiserver.k8s.io": ("StorageVersion",),
    "networking.k8s.io": ("IPAddress", "IngressClass", "ServiceCIDR"),
    "node.k8s.io": ("RuntimeClass",),
    "policy": ("PodSecurityPolicy",),
    "rbac.authorization.k8s.io": ("ClusterRole", "ClusterRoleBinding"),
    "resource.k8s.io": ("DeviceClass", "ResourceSlice"),
    "scheduling.k8s.io": ("PriorityClass",),
    "storage.k8s.io": ("CSIDriver", "CSINode", "StorageClass", "VolumeAttachment", "VolumeAttributesClass"),
    "storagemigration.k8s.io": ("StorageVersionMigration",),
}
CLUSTER_WIDE = frozenset(Kind(group, name) for group, names in _BUILT_IN.items() for name in names)


def cluster_wide(items: Iterable[Json]) -> frozenset[Kind]:
    """The built-in kinds and those of CRDs among the objects; a kind that nobody defines is namespaced."""
    return CLUSTER_WIDE | {
        Kind(str(spec(item).get("group", "")), str((spec(item).get("names") or {}).get("kind", "")))
        for item in items
        if Kind.of(item).unversioned == CRD and spec(item).get("scope") == "Cluster"
    }


def api_versions(items: Iterable[Json]) -> tuple[str, ...]:
    """What CRDs add to a cluster, as helm's --api-versions: `group/version` and `group/version/Kind`."""
    found = set()
    for item in items:
        if Kind.of(item).unversioned == CRD:
            group, kind = spec(item).get("group"), (spec(item).get("names") or {}).get("kind")
            for version in spec(item).get("versions") or ():
                if version.get("served", True):
                    found |= {f"{group}/{version.get('name')}", f"{group}/{version.get('name')}/{kind}"}
    return tuple(sorted(found))
