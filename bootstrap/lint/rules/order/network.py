"""Networks, ingress and certificates: rules 2 and 3 of wave order."""

from __future__ import annotations

from bootstrap.lint.graph import Topic
from bootstrap.lint.model import Rule, Severity
from bootstrap.lint.rules.order.examples import app, crd, deployment, joined, operator, service
from bootstrap.lint.rules.order.policy import Policy

_POLICY = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: default}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
"""
_CNI = deployment("calico-node", kind="DaemonSet")

CNI_ORDER = Rule(
    "network-policy-before-cni",
    Severity.ERROR,
    "a NetworkPolicy in a wave that is not after the CNI's",
    """Rule 2 of wave order: CNI and NetworkPolicy before everything else, in this order. Policies are
in force from the first moment of the CNI's agents: a default-deny that is there before cuts off what
the CNI itself needs on its way up (its operator, Typha, the API server), and every pod dies. Before the
agents run, the policies protect nothing and nobody notices. Where no CNI is in the tree, it comes with
the cluster.
Cure: the CNI one wave before the policies.
Source: https://kubernetes.io/docs/concepts/services-networking/network-policies/#prerequisites""",
    failing=joined(app("dev-policies", 4), _POLICY, app("dev-calico", 5), _CNI),
    passing=joined(app("dev-calico", 5), _CNI, app("dev-policies", 6), _POLICY),
)

_ESO = joined(
    crd("external-secrets.io", "ExternalSecret", "externalsecrets"),
    operator("eso", "external-secrets.io", "externalsecrets/status"),
)
NETWORK_FIRST = Rule(
    "network-before-secrets",
    Severity.ERROR,
    "External Secrets Operator in a wave that is not after the CNI and its NetworkPolicies",
    """Rule 2 of wave order: network and TLS first. Without the CNI the operator's pods get no network;
a policy that comes later cuts its calls to AWS and its webhook off while everybody already relies on
them, and a wrong one is then found as "secrets are stuck" instead of "the policies are wrong".
Cure: CNI, NetworkPolicies, then the operator, a wave each.""",
    failing=joined(app("dev-calico", 5), _CNI, app("dev-eso", 10), _ESO, app("dev-policies", 12), _POLICY),
    passing=joined(app("dev-calico", 5), _CNI, app("dev-policies", 6), _POLICY, app("dev-eso", 10), _ESO),
)

_CLASS = """
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata: {name: alb}
spec: {controller: ingress.k8s.aws/alb}
"""
_CONTROLLER = operator("alb-controller", "networking.k8s.io", "ingresses/status")


def _ingress(port: str = "name: http", notes: str = "{}") -> str:
    return f"""
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {{name: web, namespace: default, annotations: {notes}}}
spec:
  ingressClassName: alb
  rules:
    - host: web.example.com
      http:
        paths: [{{path: /, pathType: Prefix, backend: {{service: {{name: web, port: {{{port}}}}}}}}}]
"""


_ALB = joined(app("dev-alb", 15), _CLASS, _CONTROLLER)
_WEB = joined(app("dev-web", 60), service("web"), deployment("web"))
_PASSING = joined(_ALB, _WEB, app("dev-ingress", 70), _ingress())
_HEALTH = "https://github.com/argoproj/gitops-engine/blob/master/pkg/health/health_ingress.go"

CONTROLLER_MISSING = Rule(
    "ingress-controller-missing",
    Severity.ERROR,
    "an Ingress that no controller serves",
    f"""Argo CD shows an Ingress without an address as Progressing for ever, and the wave with it. A
controller is known by its right to write the status of Ingresses.
Cure: add the controller in an earlier wave.
Source: {_HEALTH}""",
    failing=joined(app("dev-class", 1), _CLASS, _WEB, app("dev-ingress", 70), _ingress()),
    passing=_PASSING,
)
CONTROLLER_ORDER = Rule(
    "ingress-controller-order",
    Severity.ERROR,
    "an Ingress in an earlier wave than its controller",
    f"""The Ingress has no address before its controller runs, so its wave never ends, and the
controller's never begins: a deadlock. In one wave it heals.
Cure: the controller in an earlier wave.
Source: {_HEALTH}""",
    failing=joined(
        app("dev-web", 2), service("web"), deployment("web"), app("dev-ingress", 3), _ingress(), _ALB
    ),
    passing=_PASSING,
)
CLASS_MISSING = Rule(
    "ingress-class-missing",
    Severity.ERROR,
    "an Ingress of an IngressClass that nobody brings",
    """No controller takes the Ingress, and it never gets an address; Argo CD shows it as Progressing
for ever. The ALB controller's webhook refuses it at once.
Cure: add the IngressClass (charts of controllers bring theirs), or correct ingressClassName.
Source: https://kubernetes.io/docs/concepts/services-networking/ingress/#ingress-class""",
    failing=joined(app("dev-alb", 15), _CONTROLLER, _WEB, app("dev-ingress", 70), _ingress()),
    passing=_PASSING,
)
CLASS_ORDER = Rule(
    "ingress-class-order",
    Severity.ERROR,
    "an Ingress in an earlier wave than its IngressClass",
    """No controller takes the Ingress before its class is there; it has no address, and its wave never ends.
Cure: the IngressClass beside its controller.
Source: https://kubernetes.io/docs/concepts/services-networking/ingress/#ingress-class""",
    failing=joined(
        app("dev-alb", 15),
        _CONTROLLER,
        _WEB,
        app("dev-ingress", 70),
        _ingress(),
        app("dev-class", 71),
        _CLASS,
    ),
    passing=_PASSING,
)
SERVICE_MISSING = Rule(
    "ingress-service-missing",
    Severity.ERROR,
    "an Ingress or Rollout that names a Service which nobody brings",
    """The ALB controller builds no load balancer at all for a group in which one Service is missing
(FailedBuildModel), so every Ingress of the group stays without an address; other controllers answer 503
for the path. A Rollout is Degraded (InvalidSpec). Services that operators make are known by the custom
resource's name in theirs.
Cure: add the Service, or correct its name; an Ingress reaches only its own namespace.
Source: https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/ingress_class/""",
    failing=joined(_ALB, app("dev-ingress", 70), _ingress()),
    passing=_PASSING,
)
SERVICE_ORDER = Rule(
    "ingress-service-order",
    Severity.ERROR,
    "an Ingress in an earlier wave than a Service that it routes to",
    """The ALB controller builds nothing while a Service is missing (FailedBuildModel): the Ingress has
no address, its wave never ends, and that of the Service never begins. Other controllers answer 503
until then.
Cure: the Ingress after what it routes to.""",
    failing=joined(_ALB, app("dev-ingress", 50), _ingress(), _WEB),
    passing=_PASSING,
)
PORT_MISSING = Rule(
    "ingress-port-missing",
    Severity.ERROR,
    "an Ingress that names a port which its Service does not have",
    """The ALB controller builds no load balancer for the whole group (FailedBuildModel: unable to find
port), and every Ingress of it stays without an address; other controllers answer 503 for the path.
Cure: correct the port's name or number on one side.""",
    failing=joined(_ALB, _WEB, app("dev-ingress", 70), _ingress("number: 8080")),
    passing=_PASSING,
)
WORKLOAD_MISSING = Rule(
    "ingress-service-without-pods",
    Severity.ERROR,
    "an Ingress to a Service whose selector chooses no pods",
    """The target group stays empty: every request is answered with 503, although everything is green in
Argo CD.
Cure: correct the selector or the pods' labels; add the workload.""",
    failing=joined(_ALB, app("dev-web", 60), service("web"), app("dev-ingress", 70), _ingress()),
    passing=_PASSING,
)
_HTTPS = """{alb.ingress.kubernetes.io/listen-ports: '[{"HTTPS": 443}]'}"""
CERTIFICATE_MISSING = Rule(
    "certificate-missing",
    Severity.ERROR,
    "an Ingress or Certificate without who makes its certificate",
    """The ALB controller finds a certificate by host name or takes the one annotated; with neither it
builds nothing (FailedBuildModel: no certificate found for host). Rule 2 of wave order: TLS first;
Terraform makes the certificate and publishes the fact acm/certificate-arn. With cert-manager the issuer
named has to exist.
Cure: have Terraform make it, annotate certificate-arn, or add the Issuer.
Source: https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/cert_discovery/""",
    failing="ssm_prefix: /eco2/dev\nfacts: [network/vpc-id]\n---"
    + joined(_ALB, _WEB, app("dev-ingress", 70), _ingress(notes=_HTTPS)),
    passing="ssm_prefix: /eco2/dev\nfacts: [network/vpc-id, acm/certificate-arn]\n---"
    + joined(_ALB, _WEB, app("dev-ingress", 70), _ingress(notes=_HTTPS)),
)
_ISSUER = """
apiVersion: cert-manager.io/v1
kind: ClusterIssuer
metadata: {name: letsencrypt}
"""
_CERTIFICATE = """
apiVersion: cert-manager.io/v1
kind: Certificate
metadata: {name: web, namespace: default}
spec: {secretName: web-tls, issuerRef: {kind: ClusterIssuer, name: letsencrypt}}
"""
CERTIFICATE_ORDER = Rule(
    "certificate-order",
    Severity.ERROR,
    "a certificate asked for in an earlier wave than its issuer",
    """The Certificate is not Ready without its issuer, its wave never ends, and the issuer's never
begins: a deadlock.
Cure: issuers in the wave after cert-manager, certificates not before them.
Source: https://github.com/argoproj/argo-cd/blob/master/resource_customizations/cert-manager.io/Certificate/health.lua""",
    failing=joined(app("dev-web", 5), _CERTIFICATE, app("dev-issuers", 6), _ISSUER),
    passing=joined(app("dev-issuers", 5), _ISSUER, app("dev-web", 6), _CERTIFICATE),
)

_PROMETHEUS = joined(
    crd("monitoring.coreos.com", "Prometheus", "prometheuses"),
    operator("prometheus-operator", "monitoring.coreos.com", "prometheuses/status"),
)
MONITORING_FIRST = Rule(
    "monitoring-before-ingress-controller",
    Severity.ERROR,
    "Prometheus's operator in a wave that is not after the ingress controller's",
    """Rule 3 of wave order: ingress controller before monitoring. Both bring admission webhooks; a
Prometheus operator that starts first and late leaves broken ones behind, which then refuse what the
controller and everybody after it applies.
Cure: the ingress controller's wave before that of monitoring.""",
    failing=joined(app("dev-monitoring", 14), _PROMETHEUS, _ALB),
    passing=joined(_ALB, app("dev-monitoring", 20), _PROMETHEUS),
)
_DNS = operator("external-dns", '""', "services", image="registry.k8s.io/external-dns/external-dns")
DNS_FIRST = Rule(
    "external-dns-before-ingress-controller",
    Severity.ERROR,
    "ExternalDNS in a wave that is not after the ingress controller's",
    """Rule 3 of wave order: ExternalDNS after the ALB controller. Before it, Ingresses have no
addresses and there is nothing to publish; with policy sync it may take records away that it no longer
finds a target for. Records stay missing, and the front end answers 404.
Cure: ExternalDNS one wave after the ingress controller.""",
    failing=joined(app("dev-dns", 14), _DNS, _ALB),
    passing=joined(_ALB, app("dev-dns", 16), _DNS),
)

POLICIES: tuple[Policy, ...] = (
    Policy(
        Topic.CNI,
        late=CNI_ORDER,
        why_late="the policies are in force from the CNI's first moment and cut off what it needs to come up",
        why_race="the policies may be in force while the CNI comes up, and cut off what it needs",
        race=Severity.ERROR,
    ),
    Policy(
        Topic.NETWORK_FIRST,
        late=NETWORK_FIRST,
        why_late="its pods have no network, or are cut off when the policies come",
        race=Severity.ERROR,
    ),
    Policy(
        Topic.INGRESS_CONTROLLER,
        CONTROLLER_MISSING,
        CONTROLLER_ORDER,
        why_missing="it never gets an address",
        why_late="it has no address before that, and its own wave has to be Healthy first: a deadlock",
        cure="add {wanted} in an earlier wave",
    ),
    Policy(
        Topic.INGRESS_CLASS,
        CLASS_MISSING,
        CLASS_ORDER,
        why_missing="no controller takes it, and it never gets an address",
        why_late="no controller takes it before that, and its own wave has to be Healthy first: a deadlock",
        cure="add {wanted} beside its controller, or correct ingressClassName of {user}",
    ),
    Policy(
        Topic.SERVICE,
        SERVICE_MISSING,
        SERVICE_ORDER,
        why_missing="no load balancer is built for the whole group",
        why_late="it has no address before that, and its own wave has to be Healthy first: a deadlock",
        cure="add {wanted}, or correct the name in {user}",
    ),
    Policy(
        Topic.SERVICE_PORT,
        PORT_MISSING,
        why_missing="no load balancer is built for the whole group",
        cure="correct the port in {user}, or add {wanted}",
    ),
    Policy(
        Topic.WORKLOAD,
        WORKLOAD_MISSING,
        why_missing="every request is answered with 503",
        cure="correct the Service's selector or the pods' labels, or add {wanted}",
    ),
    Policy(
        Topic.CERTIFICATE,
        CERTIFICATE_MISSING,
        CERTIFICATE_ORDER,
        why_missing="no load balancer is built, or no certificate made",
        why_late="it does not get Ready before that, and its own wave has to be Healthy first: a deadlock",
        cure="add {wanted}, or annotate {user} with alb.ingress.kubernetes.io/certificate-arn",
    ),
    Policy(
        Topic.INGRESS_FIRST,
        late=MONITORING_FIRST,
        why_late="a Prometheus operator that is up first leaves broken admission webhooks behind",
        race=Severity.WARNING,
    ),
    Policy(
        Topic.ADDRESSES_FIRST,
        late=DNS_FIRST,
        why_late="Ingresses have no addresses yet: records stay missing, and the front end answers 404",
        race=Severity.WARNING,
    ),
)
RULES: tuple[Rule, ...] = (
    *(CNI_ORDER, NETWORK_FIRST, CONTROLLER_MISSING, CONTROLLER_ORDER, CLASS_MISSING, CLASS_ORDER),
    *(SERVICE_MISSING, SERVICE_ORDER, PORT_MISSING, WORKLOAD_MISSING, CERTIFICATE_MISSING, CERTIFICATE_ORDER),
    *(MONITORING_FIRST, DNS_FIRST),
)
