"""What every cluster has from the start, so that nothing in Git has to provide it. Pure."""

from __future__ import annotations

from bootstrap.kubernetes.objects import Key, Kind

NAMESPACES = frozenset({"default", "kube-system", "kube-public", "kube-node-lease"})

# API groups of kube-apiserver 1.37 (pkg/controlplane/instance.go), with alpha ones, which are off by default,
# and of Kubernetes distributions' own control planes.
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
        "lifecycle.k8s.io",
        "networking.k8s.io",
        "node.k8s.io",
        "policy",
        "rbac.authorization.k8s.io",
        "resource.k8s.io",
        "scheduling.k8s.io",
        "storage.k8s.io",
        "storagemigration.k8s.io",
        # EKS ships the CRDs of its network plug-in and of Auto Mode.
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


# Who lints sync waves has Argo CD.
_ARGO_CD = frozenset(Kind("argoproj.io", name) for name in ("Application", "ApplicationSet", "AppProject"))

# Kinds that only configure a controller: they have no status to wait for, and no order.
_PASSIVE_GROUPS = frozenset(
    {
        *("kyverno.io", "policies.kyverno.io", "templates.gatekeeper.sh", "constraints.gatekeeper.sh"),
        *("networking.istio.io", "security.istio.io", "telemetry.istio.io"),
    }
)
# Kinds for which no operator creates pods or Services.
_CHILDLESS_GROUPS = frozenset(
    {
        *("external-secrets.io", "generators.external-secrets.io", "bitnami.com"),
        *("cert-manager.io", "acme.cert-manager.io", "elbv2.k8s.aws", "gateway.networking.k8s.io"),
        *("crd.projectcalico.org", "cilium.io", "karpenter.sh", "karpenter.k8s.aws"),
        "argoproj.io",
    }
)
_PASSIVE = frozenset(
    {
        *(
            Kind("monitoring.coreos.com", name)
            for name in ("ServiceMonitor", "PodMonitor", "Probe", "PrometheusRule")
        ),
        *(Kind("monitoring.coreos.com", name) for name in ("AlertmanagerConfig", "ScrapeConfig")),
        Kind("elbv2.k8s.aws", "IngressClassParams"),
        # ESO's order is that of its ExternalSecrets; each makes one Secret and nothing else.
        *(Kind("external-secrets.io", name) for name in ("ClusterSecretStore", "SecretStore")),
    }
)

_NAMES = {
    Kind("", "Namespace"): NAMESPACES,
    Kind("", "ServiceAccount"): frozenset({"default"}),
    # In every namespace: by kube-controller-manager, and by Istio's control plane where there is one.
    Kind("", "ConfigMap"): frozenset({"kube-root-ca.crt", "istio-ca-root-cert"}),
    Kind("scheduling.k8s.io", "PriorityClass"): PRIORITY_CLASSES,
    Kind("storage.k8s.io", "StorageClass"): STORAGE_CLASSES,
}
_OBJECTS = frozenset(
    {
        Key(Kind("", "Service"), "default", "kubernetes"),
        Key(Kind("", "Service"), "kube-system", "kube-dns"),
        *(
            Key(Kind("", "ConfigMap"), "kube-system", name)
            for name in (
                "extension-apiserver-authentication",
                *("coredns", "kube-proxy", "kubeadm-config", "aws-auth"),
            )
        ),
    }
)
_ROLES = frozenset({"cluster-admin", "admin", "edit", "view", "extension-apiserver-authentication-reader"})


def has(key: Key) -> bool:
    """Whether every cluster has the object: what Kubernetes, kubeadm and EKS create."""
    if key.kind.group == "rbac.authorization.k8s.io":
        return key.name in _ROLES or key.name.startswith(("system:", "eks:"))
    return key.name in _NAMES.get(key.kind, ()) or key in _OBJECTS


def has_account(key: Key) -> bool:
    """Whether a ServiceAccount may be one of Kubernetes' own: its controllers', kubeadm's, EKS's."""
    own = {
        "coredns",
        "kube-proxy",
        "aws-node",
        "cloud-controller-manager",
        "token-cleaner",
        "bootstrap-signer",
    }
    return key.namespace == "kube-system" and (key.name in own or key.name.endswith("-controller"))


def serves(kind: Kind) -> bool:
    """Whether the API server knows the kind without a CRD in Git."""
    return kind.group in GROUPS or kind in _ARGO_CD


def passive(kind: Kind) -> bool:
    """Whether objects of the kind only configure a controller."""
    return kind in _PASSIVE or kind.group in _PASSIVE_GROUPS


def has_children(kind: Kind) -> bool:
    """Whether an operator may create pods or Services for objects of the kind."""
    return not (serves(kind) or passive(kind) or kind.group in _CHILDLESS_GROUPS)


def describes(kind: Kind) -> bool:
    """Whether objects of the kind hold other objects' fields as patterns or templates of their own."""
    return kind.group in _PASSIVE_GROUPS or kind in _ARGO_CD or kind.group == "apiextensions.k8s.io"
