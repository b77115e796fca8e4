"""The types of fields that the API server insists on, and that every reader of objects relies on. Pure.

By the name of the field: in the API's own groups a name means the same everywhere. A custom resource has its
own schema, so of one only `spec` and `status` are looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from bootstrap.kubernetes.objects import Json, Kind

_MAPPING = "mapping"
_MAPPINGS = "list of mappings"
_TEXTS = "list of words"
_TEXT = "word"
_EITHER = "mapping or list of words"

_NAMES = {
    _MAPPING: """
        spec template jobTemplate selector roleRef securityContext valueFrom secretKeyRef
        configMapKeyRef secretRef configMapRef scaleTargetRef persistentVolumeClaim affinity
        nodeAffinity podAffinity podAntiAffinity backend clientConfig namespaceSelector
        objectSelector podSelector nodeSelector defaultBackend emptyDir hostPath csi projected http
        httpGet tcpSocket exec livenessProbe readinessProbe startupProbe updateStrategy claimRef
        labels annotations matchLabels aggregationRule metadata rollingUpdate serviceAccountToken
    """,
    _MAPPINGS: """
        containers initContainers ephemeralContainers volumes env envFrom ports volumeMounts
        volumeDevices subjects rules webhooks tolerations imagePullSecrets ownerReferences
        volumeClaimTemplates matchExpressions nodeSelectorTerms ingress egress from to sources
        metrics versions paths tls secrets clusterRoleSelectors topologySpreadConstraints
        hostAliases
    """,
    _TEXTS: """
        verbs apiGroups apiVersions resourceNames nonResourceURLs command args accessModes
        finalizers policyTypes values operations mountOptions hosts
    """,
    _TEXT: """
        name namespace kind apiVersion apiGroup serviceAccountName priorityClassName
        storageClassName claimName secretName ingressClassName key operator mountPath serviceName
        nodeName provisioner generateName
    """,
    _EITHER: "resources",  # of a container, and of a rule
}
_FIELDS = {name: wanted for wanted, names in _NAMES.items() for name in names.split()}
_FREE = frozenset(
    {"data", "stringData", "binaryData", "parameters", "schema", "validation", "labels", "annotations"}
)
_OWN = frozenset(
    {
        *("", "apps", "autoscaling", "batch", "policy", "rbac.authorization.k8s.io", "networking.k8s.io"),
        *("storage.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io", "apiregistration.k8s.io"),
        *("scheduling.k8s.io", "discovery.k8s.io", "node.k8s.io"),
    }
)


def misshapen(item: Json) -> tuple[str, str] | None:
    """The first field, by its path, that the API server refuses for its type, and the type that it wants."""
    wrong = ((key, _MAPPING) for key in ("spec", "status") if not _is(_MAPPING, item.get(key) or {}))
    deeper = _wrong(item, "") if Kind.of(item).group in _OWN else ()
    return next(chain(wrong, deeper), None)


def _wrong(value: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for key, inner in value.items():
        wanted = _FIELDS.get(key)
        if wanted and inner is not None and not _is(wanted, inner):
            yield f"{path}{key}", wanted
        elif isinstance(inner, Mapping) and key not in _FREE:
            yield from _wrong(inner, f"{path}{key}.")
        elif isinstance(inner, list):
            for at, one in enumerate(inner):
                if isinstance(one, Mapping):
                    yield from _wrong(one, f"{path}{key}[{at}].")


def _is(wanted: str, value: Any) -> bool:
    if wanted == _MAPPING:
        return isinstance(value, Mapping)
    if wanted == _EITHER:
        return _is(_MAPPING, value) or _is(_TEXTS, value)
    if wanted == _TEXT:
        return isinstance(value, str)
    inner = Mapping if wanted == _MAPPINGS else str
    return isinstance(value, list) and all(isinstance(one, inner) for one in value)
