"""Namespaces, CRDs, admission webhooks and aggregated APIs: without them the API server refuses."""

from __future__ import annotations

from bootstrap.lint.graph import Topic
from bootstrap.lint.model import Rule, Severity
from bootstrap.lint.rules.order.policy import Policy

_SYNC = "https://github.com/argoproj/gitops-engine/blob/master/pkg/sync/sync_tasks.go"
_RETRY = "https://argo-cd.readthedocs.io/en/stable/user-guide/auto_sync/"

_CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: redisfailovers.databases.spotahome.com}
spec: {group: databases.spotahome.com, names: {kind: RedisFailover, plural: redisfailovers}}
"""
_CR = """
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: cache, namespace: default}
"""

CRD_MISSING = Rule(
    "crd-missing",
    Severity.ERROR,
    "a custom resource whose CustomResourceDefinition nobody brings",
    """The API server does not know the kind. Argo CD dry-runs all objects of a sync first, so the whole
sync fails with "the server could not find the requested resource" and nothing of the Application is
applied.
Cure: add the CRD, best in an Application of its own in the first wave.""",
    failing="""
kind: Application
metadata: {name: dev-data, annotations: {argocd.argoproj.io/sync-wave: "35"}}
---
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: cache, namespace: default}
""",
    passing="""
kind: Application
metadata: {name: dev-crds, annotations: {argocd.argoproj.io/sync-wave: "0"}}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: redisfailovers.databases.spotahome.com}
spec: {group: databases.spotahome.com, names: {kind: RedisFailover, plural: redisfailovers}}
---
kind: Application
metadata: {name: dev-data, annotations: {argocd.argoproj.io/sync-wave: "35"}}
---
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: cache, namespace: default}
""",
)

CRD_ORDER = Rule(
    "crd-order",
    Severity.ERROR,
    "a custom resource in a wave that is not after its CustomResourceDefinition's",
    f"""Rule 1 of wave order: CRD, then operator, then instance. The sync of an Application whose kinds
are not known yet fails, and a failed sync is tried again only as often as syncPolicy.retry says; after
that Argo CD leaves the commit alone. Inside one sync the order does not matter: Argo CD applies CRDs
before their objects.
Cure: bring CRDs in a wave of their own before all that use them.
Source: {_SYNC} (adjustDeps), {_RETRY}""",
    failing=f"""
kind: Application
metadata: {{name: dev-data, annotations: {{argocd.argoproj.io/sync-wave: "35"}}}}
---{_CR}---
kind: Application
metadata: {{name: dev-crds, annotations: {{argocd.argoproj.io/sync-wave: "35"}}}}
---{_CRD}""",
    passing=f"""
kind: Application
metadata: {{name: dev-crds, annotations: {{argocd.argoproj.io/sync-wave: "0"}}}}
---{_CRD}---
kind: Application
metadata: {{name: dev-data, annotations: {{argocd.argoproj.io/sync-wave: "35"}}}}
---{_CR}""",
)

NAMESPACE_MISSING = Rule(
    "namespace-missing",
    Severity.ERROR,
    "an object for a Namespace that nobody makes",
    """The API server refuses it: namespaces "x" not found. The sync fails.
Cure: add the Namespace to an earlier wave, or syncOptions CreateNamespace=true to the Application that
goes there.""",
    failing="""
kind: Application
metadata: {name: dev-api, annotations: {argocd.argoproj.io/sync-wave: "60"}}
spec: {destination: {namespace: api}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
""",
    passing="""
kind: Application
metadata: {name: dev-api, annotations: {argocd.argoproj.io/sync-wave: "60"}}
spec: {destination: {namespace: api}, syncPolicy: {syncOptions: [CreateNamespace=true]}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings}
""",
)

NAMESPACE_ORDER = Rule(
    "namespace-order",
    Severity.ERROR,
    "an object in a wave that is not after its Namespace's",
    f"""The API server refuses what goes to a Namespace that is not there yet; the sync fails and is
tried again only as often as syncPolicy.retry says. Inside one sync the order does not matter: Argo CD
applies Namespaces first.
Cure: make namespaces in a wave before everything that lives in them.
Source: {_SYNC} (adjustDeps), {_RETRY}""",
    failing="""
kind: Application
metadata: {name: dev-policies, annotations: {argocd.argoproj.io/sync-wave: "1"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: api}
---
kind: Application
metadata: {name: dev-namespaces, annotations: {argocd.argoproj.io/sync-wave: "2"}}
---
apiVersion: v1
kind: Namespace
metadata: {name: api}
""",
    passing="""
kind: Application
metadata: {name: dev-namespaces, annotations: {argocd.argoproj.io/sync-wave: "2"}}
---
apiVersion: v1
kind: Namespace
metadata: {name: api}
---
kind: Application
metadata: {name: dev-policies, annotations: {argocd.argoproj.io/sync-wave: "3"}}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: api}
""",
)

_WEBHOOK = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks:
  - name: check.example.com
    clientConfig: {service: {namespace: default, name: checks}}
    rules: [{apiGroups: [""], apiVersions: [v1], resources: [configmaps], operations: [CREATE]}]
"""
_WEBHOOK_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: checks, namespace: default}
spec: {selector: {app: checks}, ports: [{port: 443}]}
"""
_WEBHOOK_PODS = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: checks, namespace: default}
spec: {template: {metadata: {labels: {app: checks}}, spec: {containers: [{name: checks, image: checks:1}]}}}
"""
_CHECKED = """
apiVersion: v1
kind: ConfigMap
metadata: {name: settings, namespace: default}
"""

WEBHOOK_ORDER = Rule(
    "webhook-order",
    Severity.ERROR,
    "an object that an admission webhook checks before the webhook's pods run",
    """A webhook with failurePolicy Fail (the default) and no endpoint refuses every object that its
rules and selectors choose: failed calling webhook "…": no endpoints available for service. The sync of
whoever comes in the same wave fails, and so does every later one while the pods are down.
Cure: a wave between the webhook and what it checks; or a narrower namespaceSelector; or failurePolicy
Ignore.
Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#failure-policy""",
    failing=f"""
kind: Application
metadata: {{name: dev-checks, annotations: {{argocd.argoproj.io/sync-wave: "5"}}}}
---{_WEBHOOK}---{_WEBHOOK_SERVICE}---{_WEBHOOK_PODS}---
kind: Application
metadata: {{name: dev-settings, annotations: {{argocd.argoproj.io/sync-wave: "5"}}}}
---{_CHECKED}""",
    passing=f"""
kind: Application
metadata: {{name: dev-checks, annotations: {{argocd.argoproj.io/sync-wave: "5"}}}}
---{_WEBHOOK}---{_WEBHOOK_SERVICE}---{_WEBHOOK_PODS}---
kind: Application
metadata: {{name: dev-settings, annotations: {{argocd.argoproj.io/sync-wave: "6"}}}}
---{_CHECKED}""",
)

WEBHOOK_SERVICE = Rule(
    "webhook-service-missing",
    Severity.ERROR,
    "an admission webhook that must not fail, without its Service",
    """Every object that the webhook's rules choose is refused for ever: failed calling webhook "…":
service "…" not found.
Cure: bring the Service, or remove the configuration.
Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#failure-policy""",
    failing=f"""
kind: Application
metadata: {{name: dev-checks}}
---{_WEBHOOK}---{_WEBHOOK_PODS}""",
    passing=f"""
kind: Application
metadata: {{name: dev-checks}}
---{_WEBHOOK}---{_WEBHOOK_SERVICE}---{_WEBHOOK_PODS}""",
)

_API = """
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1beta1.metrics.k8s.io}
spec: {group: metrics.k8s.io, version: v1beta1, service: {namespace: default, name: metrics-server}}
"""
_API_SERVICE = """
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: default}
spec: {selector: {app: metrics-server}, ports: [{port: 443}]}
"""

API_MISSING = Rule(
    "api-service-missing",
    Severity.ERROR,
    "an APIService whose Service nobody brings",
    """An aggregated API that does not answer breaks discovery for everyone: Argo CD cannot list the
cluster's kinds, namespaces cannot be deleted ("unable to retrieve the complete list of server APIs").
Cure: bring the Service with its pods, or remove the APIService.
Source: https://kubernetes.io/docs/tasks/extend-kubernetes/setup-extension-api-server/""",
    failing=f"""
kind: Application
metadata: {{name: dev-metrics}}
---{_API}""",
    passing=f"""
kind: Application
metadata: {{name: dev-metrics}}
---{_API}---{_API_SERVICE}""",
)

API_ORDER = Rule(
    "api-service-order",
    Severity.ERROR,
    "an APIService in an earlier wave than its Service",
    """Argo CD holds the wave until the APIService is Available, which it never becomes before its
Service has endpoints: a deadlock, while discovery fails for everyone.
Cure: put the APIService beside its Service.
Source: https://github.com/argoproj/gitops-engine/blob/master/pkg/health/health_apiservice.go""",
    failing=f"""
kind: Application
metadata: {{name: dev-apis, annotations: {{argocd.argoproj.io/sync-wave: "1"}}}}
---{_API}---
kind: Application
metadata: {{name: dev-metrics, annotations: {{argocd.argoproj.io/sync-wave: "2"}}}}
---{_API_SERVICE}""",
    passing=f"""
kind: Application
metadata: {{name: dev-metrics, annotations: {{argocd.argoproj.io/sync-wave: "2"}}}}
---{_API}---{_API_SERVICE}""",
)

POLICIES: tuple[Policy, ...] = (
    Policy(
        Topic.CRD,
        CRD_MISSING,
        CRD_ORDER,
        why_missing="the API server does not know the kind, and the whole sync fails",
        why_late="the API server does not know the kind yet, and the whole sync fails",
        why_race="nobody knows which is first; without the CRD, the sync fails, perhaps for good",
        cure="add {wanted} to an Application of an earlier wave",
        race=Severity.ERROR,
    ),
    Policy(
        Topic.NAMESPACE,
        NAMESPACE_MISSING,
        NAMESPACE_ORDER,
        why_missing="the API server refuses the object, and the sync fails",
        why_late="the API server refuses the object, and the sync fails",
        why_race="nobody knows which is first; without the Namespace, the sync fails, perhaps for good",
        cure="add {wanted} to an earlier wave, or CreateNamespace=true to the Application's syncOptions",
        race=Severity.ERROR,
    ),
    Policy(
        Topic.WEBHOOK,
        late=WEBHOOK_ORDER,
        why_late="the API server refuses the object while nobody answers the webhook",
        why_race="from the webhook's configuration to its first pod, the API server refuses the object",
        race=Severity.ERROR,
    ),
    Policy(
        Topic.WEBHOOK_SERVICE,
        WEBHOOK_SERVICE,
        why_missing="every object that the webhook checks is refused",
        cure="add {wanted} beside the configuration",
    ),
    Policy(
        Topic.API_SERVICE,
        API_MISSING,
        API_ORDER,
        why_missing="the API never becomes Available, and discovery fails for everyone",
        why_late="the wave waits for the API to be Available, which it cannot become",
        cure="add {wanted} beside the APIService",
    ),
)
RULES: tuple[Rule, ...] = (
    CRD_MISSING,
    CRD_ORDER,
    NAMESPACE_MISSING,
    NAMESPACE_ORDER,
    WEBHOOK_ORDER,
    WEBHOOK_SERVICE,
    API_MISSING,
    API_ORDER,
)
