"""What every cluster has by itself, so that nobody has to provide it. Pure."""

from __future__ import annotations

from bootstrap.kubernetes.objects import Key, Kind

NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})

# API groups of kube-apiserver 1.34 and of Kubernetes distributions' own control planes.
GROUPS = frozenset(
    {
        "",
        "admissionregistration.k8s.io",
        "apiextensions.k8s.io",
        "apiregistration.k8s.io",
        "apps",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "autoscaling",
        "batch",
        "certificates.k8s.io",
        "coordination.k8s.io",
        "discovery.k8s.io",
        "events.k8s.io",
        "flowcontrol.apiserver.k8s.io",
        "internal.apiserver.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
        # EKS brings the CRDs of its network plug-in and of Auto Mode.
        "crd.k8s.amazonaws.com",
        "vpcresources.k8s.aws",
        "networking.k8s.aws",
        "eks.amazonaws.com",
    }
)

PRIORITY_CLASSES = frozenset({"system-cluster-critical", "system-node-critical"})

# Made by EKS for new clusters.
STORAGE_CLASSES = frozenset({"gp2"})

# Plurals that are not the lower-case kind with an s.
_PLURALS = {"endpoints": "endpoints"}


def plural(kind: str) -> str:
    """The resource name of a built-in kind: Ingress → ingresses, NetworkPolicy → networkpolicies."""
    word = kind.lower()
    if word in _PLURALS:
        return _PLURALS[word]
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return f"{word[:-1]}ies"
    return f"{word}es" if word.endswith(("s", "x", "ch", "sh")) else f"{word}s"


_RBAC = frozenset({"cluster-admin", "admin", "edit", "view", "extension-apiserver-authentication-reader"})
_CONFIG = frozenset(
    {"extension-apiserver-authentication", "coredns", "kube-proxy", "kubeadm-config", "aws-auth"}
)
_SERVICES = frozenset({("default", "kubernetes"), ("kube-system", "kube-dns")})


def has(key: Key) -> bool:
    """Whether an object is there without anybody's doing: what Kubernetes, kubeadm and EKS make."""
    where, name = key.namespace, key.name
    match (key.kind.group, key.kind.name):
        case ("", "Namespace"):
            return name in NAMESPACES
        case ("", "ServiceAccount"):
            return name == "default"
        case ("", "ConfigMap"):
            return name == "kube-root-ca.crt" or (where == "kube-system" and name in _CONFIG)
        case ("", "Service"):
            return (where, name) in _SERVICES
        case ("rbac.authorization.k8s.io", _):
            return name in _RBAC or name.startswith("system:")
        case (_, "PriorityClass"):
            return name in PRIORITY_CLASSES
        case (_, "StorageClass"):
            return name in STORAGE_CLASSES
    return False


def serves(kind: Kind) -> bool:
    """Whether the API server knows the kind without a CRD."""
    return kind.group in GROUPS
