"""Monitors, autoscalers, rollouts, rights; and applications last: rules 5 and 6 of wave order."""

from __future__ import annotations

from bootstrap.lint.graph import Need, Topic
from bootstrap.lint.graph.cluster import serves
from bootstrap.lint.model import Rule, Severity
from bootstrap.lint.rules.order.examples import app, crd, deployment, joined, operator, service
from bootstrap.lint.rules.order.policy import Policy

_MONITOR = """
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: db, namespace: default}
spec: {selector: {matchLabels: {app: db}}, endpoints: [{port: http}]}
"""
_MONITOR_CRD = joined(app("dev-crds", 0), crd("monitoring.coreos.com", "ServiceMonitor", "servicemonitors"))
MONITOR_ORDER = Rule(
    "monitor-order",
    Severity.WARNING,
    "a ServiceMonitor or PodMonitor that is there before what it scrapes",
    """Rule 5 of wave order: exporters and ServiceMonitors after the data endpoints exist. Before,
targets are down or absent: alerts fire during every creation, and people learn to ignore them. What an
operator makes for a custom resource is there only once that is Healthy, so its monitors want a later
wave even in the same Application.
Cure: monitors in a later wave of the same Application (resource annotation), or in a later Application.""",
    failing=joined(_MONITOR_CRD, app("dev-monitors", 30), _MONITOR, app("dev-db", 35), service("db")),
    passing=joined(_MONITOR_CRD, app("dev-db", 35), service("db"), app("dev-monitors", 36), _MONITOR),
)
MONITOR_TARGET = Rule(
    "monitor-without-target",
    Severity.WARNING,
    "a ServiceMonitor or PodMonitor that chooses nothing",
    """No Service (or pod) in the namespaces that it looks at has the labels of its selector: nothing is
scraped, and nobody notices, since an absent target is no target that is down.
Cure: correct the selector, the labels or namespaceSelector.""",
    failing=joined(_MONITOR_CRD, app("dev-monitors", 36), _MONITOR),
    passing=joined(_MONITOR_CRD, app("dev-db", 35), service("db"), app("dev-monitors", 36), _MONITOR),
)

_SCALER = """
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: default}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]
"""
_METRICS = """
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec: {group: metrics.k8s.io, version: v1beta1, service: {namespace: default, name: metrics-server}}
"""
_SERVER = joined(_METRICS, service("metrics-server"), deployment("metrics-server"))
_SCALED = joined(app("dev-metrics", 20), _SERVER, app("dev-web", 60), deployment("web"), _SCALER)
_HEALTH = "https://github.com/argoproj/gitops-engine/blob/master/pkg/health/health_hpa.go"

METRICS_MISSING = Rule(
    "hpa-metrics-missing",
    Severity.ERROR,
    "an autoscaler whose metrics nobody serves",
    f"""FailedGetResourceMetric: the autoscaler cannot scale, and Argo CD shows it as Degraded, its
Application and the wave with it. Resource metrics come from metrics-server, custom and external ones
from an adapter (an APIService).
Cure: add metrics-server or the adapter in an earlier wave.
Source: {_HEALTH}""",
    failing=joined(app("dev-web", 60), deployment("web"), _SCALER),
    passing=_SCALED,
)
METRICS_ORDER = Rule(
    "hpa-metrics-order",
    Severity.ERROR,
    "an autoscaler in an earlier wave than the metrics it reads",
    f"""Argo CD shows an autoscaler without metrics as Degraded; its wave never ends, and that of the
metrics never begins: a deadlock.
Cure: metrics-server (or the adapter) in an earlier wave.
Source: {_HEALTH}""",
    failing=joined(app("dev-web", 10), deployment("web"), _SCALER, app("dev-metrics", 20), _SERVER),
    passing=_SCALED,
)
SCALE_MISSING = Rule(
    "hpa-target-missing",
    Severity.ERROR,
    "an autoscaler of something that nobody brings",
    f"""FailedGetScale: Argo CD shows the autoscaler as Degraded, its Application and the wave with it.
Cure: correct scaleTargetRef (kind, apiVersion and name; a Rollout is argoproj.io/v1alpha1).
Source: {_HEALTH}""",
    failing=joined(app("dev-metrics", 20), _SERVER, app("dev-web", 60), _SCALER),
    passing=_SCALED,
)
SCALE_ORDER = Rule(
    "hpa-target-order",
    Severity.ERROR,
    "an autoscaler in an earlier wave than what it scales",
    f"""Argo CD shows an autoscaler without its target as Degraded; its wave never ends: a deadlock.
Cure: the autoscaler beside its target.
Source: {_HEALTH}""",
    failing=joined(
        app("dev-metrics", 1), _SERVER, app("dev-scaler", 2), _SCALER, app("dev-web", 60), deployment("web")
    ),
    passing=_SCALED,
)

_BINDING = """
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: web, namespace: default}
roleRef: {kind: Role, name: web}
subjects: [{kind: ServiceAccount, name: web, namespace: default}]
"""
_ROLE = """
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: web, namespace: default}
rules: [{apiGroups: [""], resources: [configmaps], verbs: [get]}]
"""
_ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: web, namespace: default}
"""
_BOUND = joined(app("dev-web", 60), _ACCOUNT, _ROLE, _BINDING, deployment("web", "serviceAccountName: web"))
_RBAC = "https://kubernetes.io/docs/reference/access-authn-authz/rbac/#rolebinding-and-clusterrolebinding"

ROLE_MISSING = Rule(
    "rbac-reference",
    Severity.ERROR,
    "a binding to a role or ServiceAccount that nobody brings, or a role that nobody binds",
    f"""The API server takes a binding to nothing without a word. Whoever counts on it is then
"forbidden" to do what it does, and an operator without its rights crashes or waits for ever.
Cure: add the role or account, or correct the name, kind and namespace.
Source: {_RBAC}""",
    failing=joined(app("dev-web", 60), _ACCOUNT, _BINDING, deployment("web", "serviceAccountName: web")),
    passing=_BOUND,
)
PERMISSION_ORDER = Rule(
    "rbac-order",
    Severity.WARNING,
    "pods in an earlier wave than a binding of their ServiceAccount",
    f"""Until the binding is there, the pods are forbidden what it allows. A controller that cannot list
what it watches never gets Ready, its wave never ends, and the binding's never begins.
Cure: bindings beside the ServiceAccount or before it.
Source: {_RBAC}""",
    failing=joined(
        app("dev-web", 2),
        _ACCOUNT,
        deployment("web", "serviceAccountName: web"),
        app("dev-rbac", 3),
        _ROLE,
        _BINDING,
    ),
    passing=_BOUND,
)

_ROLLOUT = """
apiVersion: argoproj.io/v1alpha1
kind: Rollout
metadata: {name: web, namespace: default}
spec:
  strategy: {canary: {steps: [{analysis: {templates: [{templateName: success-rate}]}}]}}
  template: {metadata: {labels: {app: web}}, spec: {containers: [{name: web, image: "web:1"}]}}
"""
_ANALYSIS = """
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: success-rate, namespace: default}
"""
ANALYSIS_MISSING = Rule(
    "analysis-missing",
    Severity.ERROR,
    "a Rollout whose AnalysisTemplate nobody brings",
    """InvalidSpec: AnalysisTemplate "…" not found. Argo CD shows the Rollout as Degraded, and nothing
is rolled out.
Cure: add the template to the Rollout's namespace, or set clusterScope for a ClusterAnalysisTemplate.
Source: https://argo-rollouts.readthedocs.io/en/stable/features/analysis/""",
    failing=joined(app("dev-web", 60), _ROLLOUT),
    passing=joined(app("dev-web", 60), _ROLLOUT, _ANALYSIS),
)
ANALYSIS_ORDER = Rule(
    "analysis-order",
    Severity.ERROR,
    "a Rollout in an earlier wave than its AnalysisTemplate",
    """The Rollout is Degraded without the template, its wave never ends, and the template's never
begins: a deadlock.
Cure: AnalysisTemplates beside the Rollout or before it.
Source: https://argo-rollouts.readthedocs.io/en/stable/features/analysis/""",
    failing=joined(app("dev-web", 60), _ROLLOUT, app("dev-analysis", 61), _ANALYSIS),
    passing=joined(app("dev-analysis", 59), _ANALYSIS, app("dev-web", 60), _ROLLOUT),
)

_OPERATOR = joined(
    crd("databases.spotahome.com", "RedisFailover", "redisfailovers"),
    operator("redis-operator", "databases.spotahome.com", "redisfailovers/status"),
)
LAST = Rule(
    "apps-before-infrastructure",
    Severity.WARNING,
    "an application in a wave that is not after all infrastructure",
    """Rule 6 of wave order: applications last (wave 60 and later), only once every infrastructure wave
is Healthy. An application that comes up among the infrastructure fails for reasons that are not its
own, and hides them. Infrastructure are Applications that install released charts or serve the whole
cluster (CRDs, namespaces, cluster roles, webhooks, storage); applications are the others that run pods
of their own. What publishes an application (Ingresses) may come after it.
Cure: move the application behind the last infrastructure wave.""",
    failing=joined(app("dev-web", 20), deployment("web"), app("dev-operators", 25), _OPERATOR),
    passing=joined(app("dev-operators", 25), _OPERATOR, app("dev-web", 60), deployment("web")),
)


def _made(need: Need) -> bool:
    """Whether what a monitor scrapes is made by operators."""
    return any(not serves(one.key.kind) for one in need.providers)


_DOWN = "until then there is nothing to scrape, and alerts fire during every creation"
_BROKEN = "Argo CD shows it as Degraded before that, and its own wave has to be Healthy first: a deadlock"
POLICIES: tuple[Policy, ...] = (
    Policy(
        Topic.MONITOR_TARGET,
        MONITOR_TARGET,
        MONITOR_ORDER,
        why_late=_DOWN,
        race=Severity.WARNING,
        together=Severity.INFO,
        only=_made,
    ),
    Policy(
        Topic.MONITOR_TARGET,
        MONITOR_TARGET,
        MONITOR_ORDER,
        why_missing="nothing is scraped, and nobody notices",
        why_late=_DOWN,
        cure="correct the selector of {user}, or the labels of what it is to scrape",
    ),
    Policy(
        Topic.METRICS,
        METRICS_MISSING,
        METRICS_ORDER,
        why_missing="Argo CD shows the autoscaler as Degraded for ever",
        why_late=_BROKEN,
        cure="add an APIService for {wanted} with its server (such as metrics-server) in an earlier wave",
    ),
    Policy(
        Topic.SCALE_TARGET,
        SCALE_MISSING,
        SCALE_ORDER,
        why_missing="Argo CD shows the autoscaler as Degraded for ever",
        why_late=_BROKEN,
        cure="correct scaleTargetRef of {user}, or add {wanted}",
    ),
    Policy(
        Topic.ROLE,
        ROLE_MISSING,
        why_missing="the binding grants nothing",
        cure="add {wanted}, or correct roleRef of {user}",
    ),
    Policy(
        Topic.SUBJECT,
        ROLE_MISSING,
        why_missing="the binding grants nothing to anybody",
        cure="add {wanted}, or correct the subjects of {user}",
    ),
    Policy(
        Topic.PERMISSION,
        ROLE_MISSING,
        PERMISSION_ORDER,
        why_missing="its pods are forbidden all that the role allows",
        cure="add {wanted}",
        why_late="until then its pods are forbidden what it allows",
    ),
    Policy(
        Topic.ANALYSIS,
        ANALYSIS_MISSING,
        ANALYSIS_ORDER,
        why_missing="the Rollout is Degraded",
        why_late=_BROKEN,
        cure="add {wanted}, or correct templateName in {user}",
    ),
    Policy(
        Topic.INFRASTRUCTURE_FIRST,
        late=LAST,
        why_late="an application that starts among the infrastructure fails for reasons that are not its own",
        race=Severity.WARNING,
    ),
)
RULES: tuple[Rule, ...] = (
    *(MONITOR_ORDER, MONITOR_TARGET, METRICS_MISSING, METRICS_ORDER, SCALE_MISSING, SCALE_ORDER),
    *(ROLE_MISSING, PERMISSION_ORDER, ANALYSIS_MISSING, ANALYSIS_ORDER, LAST),
)
