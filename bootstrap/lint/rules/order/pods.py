"""What pods need before they start. Whatever comes in the same wave heals: the kubelet and the controllers
try again. What comes later is a deadlock: the wave waits for the pods, the pods for a later wave."""

from __future__ import annotations

from bootstrap.lint.graph import Topic
from bootstrap.lint.model import Rule, Severity
from bootstrap.lint.rules.order.examples import app, deployment, joined
from bootstrap.lint.rules.order.policy import Policy

_WAITS = "its pods do not start before that, and its own wave has to be Healthy first: a deadlock"
_DEADLOCK = """The pods do not start before it is there, Argo CD holds the wave until they are Ready, and the
wave that brings it never begins: a deadlock."""


def _object(kind: str, name: str, group: str = "v1", content: str = "") -> str:
    scope = "" if kind.endswith("Class") else ", namespace: default"
    return f"\napiVersion: {group}\nkind: {kind}\nmetadata: {{name: {name}{scope}}}\n{content}"


def _pair(
    what: str, name: str, words: tuple[str, str], *, user: str, provider: str, source: str
) -> tuple[Rule, Rule]:
    """The two rules of one kind of thing: it is missing, it comes later."""
    missing, cure = words
    first, then = app("dev-base", 3), app("dev-web", 60)
    passing = joined(first, provider, then, user)
    return (
        Rule(
            f"{name}-missing",
            Severity.ERROR,
            f"pods that need a {what} which nobody brings",
            f"{missing}\nCure: {cure}\nSource: {source}",
            failing=joined(then, user),
            passing=passing,
        ),
        Rule(
            f"{name}-order",
            Severity.ERROR,
            f"pods in an earlier wave than the {what} that they need",
            f"{missing}\n{_DEADLOCK}\nCure: bring it in the same wave or an earlier one.\nSource: {source}",
            failing=joined(app("dev-web", 2), user, first, provider),
            passing=passing,
        ),
    )


_PODS = "https://kubernetes.io/docs/tasks/configure-pod-container"
ACCOUNT_MISSING, ACCOUNT_ORDER = _pair(
    "ServiceAccount",
    "service-account",
    (
        'No pod is created: error looking up service account: serviceaccount "web" not found.\n'
        "It is seen only in the ReplicaSet's events.",
        "add the ServiceAccount, or correct serviceAccountName.",
    ),
    user=deployment("web", "serviceAccountName: web"),
    provider=_object("ServiceAccount", "web"),
    source=f"{_PODS}/configure-service-account/",
)
CONFIG_MISSING, CONFIG_ORDER = _pair(
    "ConfigMap",
    "config-map",
    (
        'The container is not started: CreateContainerConfigError, configmap "web" not found;\n'
        "a volume of it is not mounted (FailedMount).",
        "add the ConfigMap, correct the name, or mark the reference optional.",
    ),
    user=deployment("web", container="envFrom: [{configMapRef: {name: web}}]"),
    provider=_object("ConfigMap", "web", content="data: {A: b}\n"),
    source=f"{_PODS}/configure-pod-configmap/",
)
CLAIM_MISSING, CLAIM_ORDER = _pair(
    "PersistentVolumeClaim",
    "claim",
    (
        'The pod is Pending: persistentvolumeclaim "web" not found.',
        "add the claim, or correct claimName.",
    ),
    user=deployment("web", "volumes: [{name: data, persistentVolumeClaim: {claimName: web}}]"),
    provider=_object("PersistentVolumeClaim", "web"),
    source="https://kubernetes.io/docs/concepts/storage/persistent-volumes/",
)
PRIORITY_MISSING, PRIORITY_ORDER = _pair(
    "PriorityClass",
    "priority-class",
    (
        'No pod is created: pods "…" is forbidden: no PriorityClass with name high was found.',
        "add the PriorityClass, or correct priorityClassName.",
    ),
    user=deployment("web", "priorityClassName: high"),
    provider=_object("PriorityClass", "high", "scheduling.k8s.io/v1", "value: 1000\n"),
    source="https://kubernetes.io/docs/concepts/scheduling-eviction/pod-priority-preemption/",
)
RUNTIME_MISSING, RUNTIME_ORDER = _pair(
    "RuntimeClass",
    "runtime-class",
    (
        'No pod is created: pod rejected: RuntimeClass "gvisor" not found.',
        "add the RuntimeClass, or correct runtimeClassName.",
    ),
    user=deployment("web", "runtimeClassName: gvisor"),
    provider=_object("RuntimeClass", "gvisor", "node.k8s.io/v1", "handler: runsc\n"),
    source="https://kubernetes.io/docs/concepts/containers/runtime-class/",
)
SECRET_MISSING, SECRET_ORDER = _pair(
    "Secret",
    "secret",
    (
        'The container is not started: CreateContainerConfigError, secret "web" not found; a volume\n'
        "of it is not mounted. A controller that reads it itself crashes (as the ALB controller does).\n"
        "Looked for are Secrets and what makes them: ExternalSecrets, SealedSecrets, Certificates,\n"
        "operators by their documented names, Jobs that name it.",
        "add the ExternalSecret that makes it, correct the name, or mark the reference optional.",
    ),
    user=deployment("web", container="envFrom: [{secretRef: {name: web}}]"),
    provider=_object("SealedSecret", "web", "bitnami.com/v1alpha1", "spec: {encryptedData: {A: AgB}}\n"),
    source="https://kubernetes.io/docs/concepts/configuration/secret/",
)

CONFIG_KEY = Rule(
    "config-map-key-missing",
    Severity.ERROR,
    "pods that need a key which their ConfigMap does not have",
    f"""The container is not started: CreateContainerConfigError, couldn't find key in ConfigMap; a
volume's items are not mounted (references non-existent config key).
Cure: add the key, correct it, or mark the reference optional.
Source: {_PODS}/configure-pod-configmap/""",
    failing=joined(
        app("dev-web", 60),
        _object("ConfigMap", "web", content="data: {A: b}\n"),
        deployment("web", container="env: [{name: B, valueFrom: {configMapKeyRef: {name: web, key: B}}}]"),
    ),
    passing=joined(
        app("dev-web", 60),
        _object("ConfigMap", "web", content="data: {B: b}\n"),
        deployment("web", container="env: [{name: B, valueFrom: {configMapKeyRef: {name: web, key: B}}}]"),
    ),
)

_EXTERNAL = """
apiVersion: external-secrets.io/v1
kind: ExternalSecret
metadata: {name: web, namespace: default}
spec:
  target: {name: web}
  data: [{secretKey: PASSWORD, remoteRef: {key: /eco2/dev/database/web}}]
"""
SECRET_KEY = Rule(
    "secret-key-missing",
    Severity.ERROR,
    "pods that need a key which their Secret will not have",
    f"""The container is not started: CreateContainerConfigError, couldn't find key in Secret. The keys
of an ExternalSecret are its secretKeys, or those of its template, which takes their place.
Cure: correct the key on one side, or mark the reference optional.
Source: {_PODS}/../inject-data-application/distribute-credentials-secure/""",
    failing=joined(
        app("dev-web", 60),
        _EXTERNAL,
        deployment(
            "web", container="env: [{name: P, valueFrom: {secretKeyRef: {name: web, key: password}}}]"
        ),
    ),
    passing=joined(
        app("dev-web", 60),
        _EXTERNAL,
        deployment(
            "web", container="env: [{name: P, valueFrom: {secretKeyRef: {name: web, key: PASSWORD}}}]"
        ),
    ),
)

_TOLD = 'args: ["--db=db.default.svc:5432"]'
_SERVICE = _object("Service", "db", content="spec: {ports: [{port: 5432}]}\n")
ENDPOINT_MISSING, ENDPOINT_ORDER = _pair(
    "Service",
    "endpoint",
    (
        "Containers are told of it by its full name (<service>.<namespace>.svc), on their command line or\n"
        "in their environment. The name does not resolve: they crash or never get Ready. Services that\n"
        "operators make are known by the custom resource's name in theirs.",
        "add the Service or the resource whose operator makes it, or correct the name.",
    ),
    user=deployment("web", container=_TOLD),
    provider=_SERVICE,
    source="https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/",
)


def _policy(topic: Topic, missing: Rule, late: Rule | None, why: str) -> Policy:
    return Policy(
        topic,
        missing,
        late,
        why_missing=why,
        why_late=_WAITS,
        cure="add {wanted} in the same wave or an earlier one, or correct the name in {user}",
    )


_NOT_CREATED, _NOT_STARTED = "no pod is created", "the containers are not started"
POLICIES: tuple[Policy, ...] = (
    _policy(Topic.SERVICE_ACCOUNT, ACCOUNT_MISSING, ACCOUNT_ORDER, _NOT_CREATED),
    _policy(Topic.CONFIG_MAP, CONFIG_MISSING, CONFIG_ORDER, _NOT_STARTED),
    _policy(Topic.CONFIG_MAP_KEY, CONFIG_KEY, None, _NOT_STARTED),
    _policy(Topic.SECRET, SECRET_MISSING, SECRET_ORDER, _NOT_STARTED),
    _policy(Topic.SECRET_KEY, SECRET_KEY, None, _NOT_STARTED),
    _policy(Topic.CLAIM, CLAIM_MISSING, CLAIM_ORDER, "the pod stays Pending"),
    _policy(Topic.PRIORITY_CLASS, PRIORITY_MISSING, PRIORITY_ORDER, _NOT_CREATED),
    _policy(Topic.RUNTIME_CLASS, RUNTIME_MISSING, RUNTIME_ORDER, _NOT_CREATED),
    _policy(Topic.ENDPOINT, ENDPOINT_MISSING, ENDPOINT_ORDER, "the name does not resolve"),
)
RULES: tuple[Rule, ...] = (
    *(ACCOUNT_MISSING, ACCOUNT_ORDER, CONFIG_MISSING, CONFIG_ORDER, CONFIG_KEY),
    *(SECRET_MISSING, SECRET_ORDER, SECRET_KEY, CLAIM_MISSING, CLAIM_ORDER),
    *(PRIORITY_MISSING, PRIORITY_ORDER, RUNTIME_MISSING, RUNTIME_ORDER, ENDPOINT_MISSING, ENDPOINT_ORDER),
)
