"""The rules of wave order: for each topic, which rules its needs break, how badly, and what happens then."""

from __future__ import annotations

from bootstrap.lint.graph import Need, Topic
from bootstrap.lint.graph.cluster import serves
from bootstrap.lint.model import Severity
from bootstrap.lint.rules.order.judge import OrderPolicy
from bootstrap.lint.rules.rule import Rule

_DEADLOCK = "and the later wave waits for this one: a deadlock"
_NOT_READY = f"it cannot become Ready without it, {_DEADLOCK}"
_NO_ADDRESS = f"it has no address until then, {_DEADLOCK}"
_DEGRADED = f"Argo CD shows it as Degraded until then, {_DEADLOCK}"
_NOT_CREATED, _NOT_STARTED = "no pod is created", "the containers do not start"
_NOTHING_TO_SCRAPE = "until then there is nothing to scrape, and alerts fire on every new cluster"


def _pods(topic: Topic, rules: str, why: str) -> OrderPolicy:
    """What pods need before they start. In the same wave it may come in any order: the kubelet and the
    controllers retry."""
    return OrderPolicy(
        topic,
        Rule(f"{rules}-missing"),
        Rule(f"{rules}-order"),
        why_missing=why,
        why_late=f"its pods cannot start without it, {_DEADLOCK}",
        cure="add {wanted} in the same wave or an earlier one, or correct the name in {user}",
    )


def _key(topic: Topic, rule: str) -> OrderPolicy:
    return OrderPolicy(
        topic,
        Rule(rule),
        why_missing=_NOT_STARTED,
        cure="add {wanted}, or correct the key in {user}",
    )


def _of_eso(need: Need) -> bool:
    return need.user.key.kind.group == "external-secrets.io"


def _made(need: Need) -> bool:
    """Whether what a monitor scrapes is made by operators."""
    return any(not serves(one.key.kind) for one in need.providers)


API_SERVER = (
    OrderPolicy(
        Topic.CRD,
        Rule("crd-missing"),
        Rule("crd-order"),
        why_missing="the API server does not know the kind, so the whole sync fails",
        why_late="the API server does not know the kind yet, so the whole sync fails",
        why_race="either may come first; without the CRD the sync fails, possibly for good",
        cure="add {wanted} to an Application in an earlier wave",
        race=Severity.ERROR,
    ),
    OrderPolicy(
        Topic.NAMESPACE,
        Rule("namespace-missing"),
        Rule("namespace-order"),
        why_missing="the API server rejects the object, and the sync fails",
        why_late="the API server rejects the object, and the sync fails",
        why_race="either may come first; without the Namespace the sync fails, possibly for good",
        cure="add {wanted} in an earlier wave, or set CreateNamespace=true in the Application's syncOptions",
        race=Severity.ERROR,
    ),
    OrderPolicy(
        Topic.WEBHOOK,
        late=Rule("webhook-order"),
        why_late="the API server rejects the object while the webhook has no running pods",
        why_race="until the webhook's first pod is running, the API server rejects the object",
        race=Severity.ERROR,
    ),
    OrderPolicy(
        Topic.WEBHOOK_SERVICE,
        Rule("webhook-service-missing"),
        why_missing="every object that matches the webhook is rejected",
        cure="add {wanted} next to the webhook configuration",
    ),
    OrderPolicy(
        Topic.API_SERVICE,
        Rule("api-service-missing"),
        Rule("api-service-order"),
        why_missing="the API never becomes Available, and API discovery fails for every client",
        why_late="the wave waits for the API to become Available, which it cannot: a deadlock",
        cure="add {wanted} next to the APIService",
    ),
)
OPERATORS = (
    OrderPolicy(
        Topic.OPERATOR,
        Rule("operator-missing"),
        Rule("eso-order"),
        why_missing="nothing creates the Secret",
        why_late="the Secret is not created, and the operator's wave never starts: a deadlock",
        cure="add External Secrets Operator in an earlier wave",
        only=_of_eso,
    ),
    OrderPolicy(
        Topic.OPERATOR,
        Rule("operator-missing"),
        Rule("operator-order"),
        why_missing="it is never reconciled",
        why_late="it cannot become Healthy without its operator, whose wave waits for it: a deadlock",
        cure="add {wanted} in an earlier wave",
    ),
    OrderPolicy(
        Topic.OPERATOR_CRD,
        Rule("operator-crd-missing"),
        Rule("operator-before-crd"),
        why_missing="the operator may crash with 'no matches for kind'",
        why_late=f"without it the operator crashes with 'no matches for kind', {_DEADLOCK}",
        cure="add {wanted}, in the operator's version, to the wave of the CRDs",
    ),
    OrderPolicy(
        Topic.OPERATOR_APART,
        late=Rule("data-gap"),
        why_late="if this wave fails, it is unclear whether the operator or the instance is at fault",
        race=Severity.WARNING,
        together=Severity.WARNING,
        gap=2,
    ),
)
PODS = (
    _pods(Topic.SERVICE_ACCOUNT, "service-account", _NOT_CREATED),
    _pods(Topic.CONFIG_MAP, "config-map", _NOT_STARTED),
    _key(Topic.CONFIG_MAP_KEY, "config-map-key-missing"),
    _pods(Topic.SECRET, "secret", _NOT_STARTED),
    _key(Topic.SECRET_KEY, "secret-key-missing"),
    _pods(Topic.CLAIM, "claim", "the pod stays Pending"),
    _pods(Topic.PRIORITY_CLASS, "priority-class", _NOT_CREATED),
    _pods(Topic.RUNTIME_CLASS, "runtime-class", _NOT_CREATED),
    _pods(Topic.ENDPOINT, "endpoint", "the name does not resolve"),
)
SECRETS_AND_VOLUMES = (
    OrderPolicy(
        Topic.STORE,
        Rule("store-missing"),
        Rule("store-order"),
        why_missing="the ExternalSecret never becomes Ready, and no Secret is created",
        why_late=_NOT_READY,
        cure="add {wanted}, or correct secretStoreRef of {user}",
    ),
    OrderPolicy(
        Topic.STORE_CONDITION,
        Rule("store-refuses-namespace"),
        why_missing="the store rejects the ExternalSecret",
        cure="add {wanted}, or label the namespace so that a condition selects it",
    ),
    OrderPolicy(
        Topic.PARAMETER,
        Rule("parameter-missing"),
        why_missing="the ExternalSecret never becomes Ready, and no Secret is created",
        cure="add {wanted} to `seeds` in bootstrap.yaml, or correct the key in {user}",
    ),
    OrderPolicy(
        Topic.STORAGE_CLASS,
        Rule("storage-class-missing"),
        Rule("storage-class-order"),
        why_missing="the claim and its pods stay Pending",
        why_late=f"the claim stays Pending, {_DEADLOCK}",
        cure="add {wanted} in an earlier wave, or correct storageClassName in {user}",
    ),
    OrderPolicy(
        Topic.STORAGE_DRIVER,
        Rule("storage-driver-missing"),
        Rule("storage-driver-order"),
        why_missing="no volume is provisioned and the claim stays Pending, unless the cluster has the driver",
        why_late=f"no volume is provisioned, {_DEADLOCK}",
        cure="add {wanted} in an earlier wave",
    ),
)
NETWORK = (
    OrderPolicy(
        Topic.CNI,
        late=Rule("network-policy-before-cni"),
        why_late="the policies take effect as soon as the CNI starts and block the traffic it needs itself",
        why_race="the policies may take effect while the CNI starts and block the traffic it needs itself",
        race=Severity.ERROR,
    ),
    OrderPolicy(
        Topic.NETWORK_FIRST,
        late=Rule("network-before-secrets"),
        why_late="its pods have no network, or are cut off when the policies are applied",
        race=Severity.ERROR,
    ),
    OrderPolicy(
        Topic.INGRESS_CONTROLLER,
        Rule("ingress-controller-missing"),
        Rule("ingress-controller-order"),
        why_missing="it never gets an address",
        why_late=_NO_ADDRESS,
        cure="add {wanted} in an earlier wave",
    ),
    OrderPolicy(
        Topic.INGRESS_CLASS,
        Rule("ingress-class-missing"),
        Rule("ingress-class-order"),
        why_missing="no controller picks it up, so it never gets an address",
        why_late=f"no controller picks it up until then, {_DEADLOCK}",
        cure="add {wanted} next to its controller, or correct ingressClassName of {user}",
    ),
    OrderPolicy(
        Topic.SERVICE,
        Rule("ingress-service-missing"),
        Rule("ingress-service-order"),
        why_missing="no load balancer is built for its whole Ingress group",
        why_late=_NO_ADDRESS,
        cure="add {wanted}, or correct the name in {user}",
    ),
    OrderPolicy(
        Topic.SERVICE_PORT,
        Rule("ingress-port-missing"),
        why_missing="no load balancer is built for its whole Ingress group",
        cure="correct the port in {user}, or add {wanted}",
    ),
    OrderPolicy(
        Topic.WORKLOAD,
        Rule("ingress-service-without-pods"),
        why_missing="every request is answered with 503",
        cure="correct the Service's selector or the pods' labels, or add {wanted}",
    ),
    OrderPolicy(
        Topic.CERTIFICATE,
        Rule("certificate-missing"),
        Rule("certificate-order"),
        why_missing="no load balancer is built, or no certificate is issued",
        why_late=_NOT_READY,
        cure="add {wanted}, or annotate {user} with alb.ingress.kubernetes.io/certificate-arn",
    ),
    OrderPolicy(
        Topic.INGRESS_FIRST,
        late=Rule("monitoring-before-ingress-controller"),
        why_late="a Prometheus operator that starts first leaves broken admission webhooks behind",
        race=Severity.WARNING,
    ),
    OrderPolicy(
        Topic.ADDRESSES_FIRST,
        late=Rule("external-dns-before-ingress-controller"),
        why_late="Ingresses have no addresses yet: DNS records are missing, and the front end answers 404",
        race=Severity.WARNING,
    ),
)
RUNTIME = (
    OrderPolicy(
        Topic.MONITOR_TARGET,
        Rule("monitor-without-target"),
        Rule("monitor-order"),
        why_late=_NOTHING_TO_SCRAPE,
        race=Severity.WARNING,
        together=Severity.INFO,
        only=_made,
    ),
    OrderPolicy(
        Topic.MONITOR_TARGET,
        Rule("monitor-without-target"),
        Rule("monitor-order"),
        why_missing="nothing is scraped, and no alert tells you",
        why_late=_NOTHING_TO_SCRAPE,
        cure="correct the selector of {user}, or the labels of its targets",
    ),
    OrderPolicy(
        Topic.METRICS,
        Rule("hpa-metrics-missing"),
        Rule("hpa-metrics-order"),
        why_missing="Argo CD shows the autoscaler as Degraded",
        why_late=_DEGRADED,
        cure="add an APIService for {wanted} and its server (such as metrics-server) in an earlier wave",
    ),
    OrderPolicy(
        Topic.SCALE_TARGET,
        Rule("hpa-target-missing"),
        Rule("hpa-target-order"),
        why_missing="Argo CD shows the autoscaler as Degraded",
        why_late=_DEGRADED,
        cure="correct scaleTargetRef of {user}, or add {wanted}",
    ),
    OrderPolicy(
        Topic.ROLE,
        Rule("rbac-reference"),
        why_missing="the binding grants nothing",
        cure="add {wanted}, or correct roleRef of {user}",
    ),
    OrderPolicy(
        Topic.SUBJECT,
        Rule("rbac-reference"),
        why_missing="the binding grants its permissions to nobody",
        cure="add {wanted}, or correct the subjects of {user}",
    ),
    OrderPolicy(
        Topic.PERMISSION,
        Rule("rbac-reference"),
        Rule("rbac-order"),
        why_missing="its pods have none of the role's permissions",
        why_late="until then its pods do not have these permissions",
        cure="add {wanted}",
    ),
    OrderPolicy(
        Topic.ANALYSIS,
        Rule("analysis-missing"),
        Rule("analysis-order"),
        why_missing="the Rollout is Degraded",
        why_late=_DEGRADED,
        cure="add {wanted}, or correct templateName in {user}",
    ),
    OrderPolicy(
        Topic.INFRASTRUCTURE_FIRST,
        late=Rule("apps-before-infrastructure"),
        why_late="an application that starts before the infrastructure fails for reasons not its own",
        race=Severity.WARNING,
    ),
)
POLICIES: tuple[OrderPolicy, ...] = (
    *(*API_SERVER, *OPERATORS, *PODS),
    *(*SECRETS_AND_VOLUMES, *NETWORK, *RUNTIME),
)
RULES: tuple[Rule, ...] = tuple(
    dict.fromkeys(rule for policy in POLICIES for rule in (policy.missing, policy.late) if rule)
)
