"""Needs, from the manifests alone: topic, what is wanted, and who provides it."""

from __future__ import annotations

import pytest

from bootstrap.lint.graph import Need, Topic, build
from tests.lint_objects import tree
from tests.unit.lint.examples import app, crd, deployment, joined, operator, service

APP = app("one", 1)


def needs(topic: Topic, *documents: str) -> list[Need]:
    return [need for need in build(tree(joined(*documents))).needs if need.topic is topic]


def secret(name: str = "db", keys: str = "{}", kind: str = "Secret", spec: str = "") -> str:
    group = {"Secret": "v1", "ExternalSecret": "external-secrets.io/v1", "Certificate": "cert-manager.io/v1"}
    return f"""
apiVersion: {group.get(kind, "bitnami.com/v1alpha1")}
kind: {kind}
metadata: {{name: {name}, namespace: default}}
{f"spec: {spec}" if spec else f"data: {keys}"}
"""


USER = deployment("web", container="envFrom: [{secretRef: {name: db}}]")


@pytest.mark.parametrize(
    "provider",
    [
        secret(),
        secret("other", kind="ExternalSecret", spec="{target: {name: db}}"),
        secret("db", kind="ExternalSecret", spec="{}"),
        secret("db", kind="SealedSecret", spec="{encryptedData: {a: b}}"),
        secret("tls", kind="Certificate", spec="{secretName: db}"),
    ],
)
def test_who_makes_a_secret(provider: str) -> None:
    (need,) = needs(Topic.SECRET, APP, provider, USER)
    assert [one.item["kind"] for one in need.providers] == [need.providers[0].item["kind"]]
    assert need.reason == "spec.template.spec.containers[0].envFrom[0].secretRef"


def test_an_operator_makes_secrets_by_documented_names() -> None:
    cluster = """
apiVersion: postgresql.cnpg.io/v1
kind: Cluster
metadata: {name: pg, namespace: default}
"""
    known = deployment("web", container="envFrom: [{secretRef: {name: pg-app}}]")
    other = deployment("web", container="envFrom: [{secretRef: {name: pg-other}}]")
    assert not needs(Topic.SECRET, APP, cluster, known)[0].missing
    assert needs(Topic.SECRET, APP, cluster, other)[0].missing


@pytest.mark.parametrize(
    ("container", "pod"),
    [
        ("envFrom: [{secretRef: {name: db, optional: true}}]", ""),
        ("env: [{name: A, valueFrom: {secretKeyRef: {name: db, key: a, optional: true}}}]", ""),
        ("", "volumes: [{name: v, secret: {secretName: db, optional: true}}]"),
        ("", "volumes: [{name: v, projected: {sources: [{secret: {name: db, optional: true}}]}}]"),
    ],
)
def test_what_is_optional_is_not_needed(container: str, pod: str) -> None:
    assert needs(Topic.SECRET, APP, deployment("web", pod, container)) == []


@pytest.mark.parametrize(
    ("spec", "missing"),
    [
        ("{data: [{secretKey: a, remoteRef: {key: k}}]}", False),
        ("{data: [{secretKey: b, remoteRef: {key: k}}]}", True),
        ("{dataFrom: [{extract: {key: k}}]}", False),
        ("{target: {template: {data: {b: x}}}, data: [{secretKey: a, remoteRef: {key: k}}]}", True),
        (
            "{target: {template: {mergePolicy: Merge, data: {b: x}}}, "
            "data: [{secretKey: a, remoteRef: {key: k}}]}",
            False,
        ),
    ],
)
def test_keys_of_an_external_secret(spec: str, missing: bool) -> None:
    user = deployment("web", container="env: [{name: A, valueFrom: {secretKeyRef: {name: db, key: a}}}]")
    found = needs(Topic.SECRET_KEY, APP, secret("db", kind="ExternalSecret", spec=spec), user)
    assert [need.wanted for need in found] == (["key a of Secret default/db"] if missing else [])


def test_what_every_cluster_has_is_not_needed() -> None:
    assert needs(Topic.SERVICE_ACCOUNT, APP, deployment("web")) == []
    assert needs(Topic.NAMESPACE, APP, deployment("web")) == []
    high = deployment("web", "priorityClassName: system-cluster-critical")
    assert needs(Topic.PRIORITY_CLASS, APP, high) == []


GROUP, KIND = "databases.spotahome.com", "RedisFailover"
INSTANCE = f"\napiVersion: {GROUP}/v1\nkind: {KIND}\nmetadata: {{name: cache, namespace: default}}\n"
DEFINED = crd(GROUP, KIND, "redisfailovers")


def test_an_operator_is_who_may_write_the_status() -> None:
    writer = operator("writer", GROUP, "redisfailovers", "redisfailovers/status")
    reader = operator("reader", GROUP, "redisfailovers").replace('["*"]', "[get, list, watch]")
    everything = operator("everything", '"*"', '"*"')
    (need,) = needs(Topic.OPERATOR, app("two", 2), DEFINED, APP, writer, reader, everything, INSTANCE)
    assert [one.key.name for one in need.providers] == ["writer"]


def test_an_operator_with_aggregated_rights() -> None:
    text = operator("op", GROUP, "redisfailovers/status")
    part = f"""
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {{name: part, labels: {{to: op}}}}
rules: [{{apiGroups: [{GROUP}], resources: [redisfailovers/status], verbs: [update]}}]
"""
    rules = f'rules: [{{apiGroups: [{GROUP}], resources: [redisfailovers/status], verbs: ["*"]}}]'
    chosen = "aggregationRule: {clusterRoleSelectors: [{matchLabels: {to: op}}]}"
    assert rules in text
    (need,) = needs(Topic.OPERATOR, APP, text.replace(rules, chosen), part, app("two", 2), DEFINED, INSTANCE)
    assert [one.key.name for one in need.providers] == ["op"]


def test_create_namespace_makes_the_namespace() -> None:
    text = APP.replace("metadata", "spec: {destination: {namespace: x}}\nmetadata", 1)
    (missing,) = needs(Topic.NAMESPACE, text, "\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    made = text.replace("{namespace: x}", "{namespace: x}, syncPolicy: {syncOptions: [CreateNamespace=true]}")
    (given,) = needs(Topic.NAMESPACE, made, "\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n")
    assert missing.missing
    assert [one.via for one in given.providers] == ["CreateNamespace=true"]


def webhook(more: str = "") -> str:
    return f"""
apiVersion: admissionregistration.k8s.io/v1
kind: MutatingWebhookConfiguration
metadata: {{name: hook}}
webhooks:
  - name: pods.example.com
    clientConfig: {{service: {{namespace: default, name: hook}}}}
    rules: [{{apiGroups: [""], apiVersions: [v1], resources: [pods], operations: [CREATE]}}]
    {more}
"""


@pytest.mark.parametrize(
    ("more", "called"),
    [
        ("", ["web"]),
        ("failurePolicy: Ignore", []),
        ("objectSelector: {matchLabels: {app: web}}", ["web"]),
        ("objectSelector: {matchLabels: {app: other}}", []),
        ("namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: default}}", ["web"]),
        ("namespaceSelector: {matchExpressions: [{key: inject, operator: Exists}]}", []),
        ("matchConditions: [{name: no, expression: 'false'}]", []),
    ],
)
def test_what_a_webhook_sees(more: str, called: list[str]) -> None:
    hook = (webhook(more), service("hook"), deployment("hook"))
    found = needs(Topic.WEBHOOK, APP, *hook, app("two", 1), deployment("web"))
    assert [need.user.key.name for need in found] == called


def test_a_webhook_that_comes_later_stops_nobody() -> None:
    hook = (webhook(), service("hook"), deployment("hook"))
    assert needs(Topic.WEBHOOK, app("late", 9), *hook, app("two", 1), deployment("web")) == []


def test_storage_classes_of_custom_resources_count() -> None:
    instance = INSTANCE + "spec: {redis: {storage: {storageClassName: gp3}}}\n"
    (need,) = needs(Topic.STORAGE_CLASS, APP, DEFINED, instance)
    assert (need.wanted, need.reason) == ("StorageClass gp3", "spec.redis.storage.storageClassName")


def test_a_host_name_leads_to_the_resource_whose_operator_makes_the_service() -> None:
    user = deployment("web", container="env: [{name: HOST, value: rfrm-cache.default.svc}]")
    (need,) = needs(Topic.ENDPOINT, APP, INSTANCE, user)
    assert [one.key.name for one in need.providers] == ["cache"]
    (other,) = needs(Topic.ENDPOINT, APP, INSTANCE, user.replace("rfrm-cache", "none"))
    assert other.missing


def test_edges_name_user_provider_and_reason() -> None:
    graph = build(tree(joined(APP, secret(), USER)))
    (edge,) = [edge for edge in graph.edges if edge.provider.item["kind"] == "Secret"]
    assert (edge.user.key.name, edge.provider.key.name, edge.hard) == ("web", "db", False)


@pytest.mark.parametrize(
    ("seeds", "key", "missing"),
    [
        ("[db/password]", "/p/db/password", False),
        ("[db/password]", "/p/db/other", True),
        ("[db/password]", "arn:aws:ssm:eu-west-1:123456789012:parameter/p/db/password", False),
        ("[]", "/p/db/password", False),  # no seeds are known: nothing can be said
    ],
)
def test_parameters(seeds: str, key: str, missing: bool) -> None:
    text = f"ssm_prefix: /p\nseeds: {seeds}\n---" + joined(
        APP,
        """
apiVersion: external-secrets.io/v1
kind: ClusterSecretStore
metadata: {name: ssm}
spec: {provider: {aws: {service: ParameterStore}}}
""",
        secret(
            kind="ExternalSecret",
            spec="{secretStoreRef: {kind: ClusterSecretStore, name: ssm}, "
            f"data: [{{secretKey: a, remoteRef: {{key: '{key}'}}}}]}}",
        ),
    )
    found = [need for need in build(tree(text)).needs if need.topic is Topic.PARAMETER]
    assert [need.wanted for need in found] == ([f"SSM parameter {key}"] if missing else [])


def test_what_the_cluster_itself_serves_may_be_scraped() -> None:
    monitor = """
apiVersion: monitoring.coreos.com/v1
kind: ServiceMonitor
metadata: {name: kubelet, namespace: default}
spec: {selector: {matchLabels: {k8s-app: kubelet}}, namespaceSelector: {matchNames: [NAMESPACE]}}
"""
    assert needs(Topic.MONITOR_TARGET, APP, monitor.replace("NAMESPACE", "kube-system")) == []
    (need,) = needs(Topic.MONITOR_TARGET, APP, monitor.replace("NAMESPACE", "api"))
    assert need.missing


def test_a_role_that_nobody_binds_is_missed_by_the_pods_that_have_its_name() -> None:
    bound = operator("op", "g.io", "things")
    binding = bound.partition("---\napiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRoleBinding")
    unbound = binding[0] + "---" + binding[2].partition("---")[2]
    assert not any(need.missing for need in needs(Topic.PERMISSION, APP, bound))
    (need,) = needs(Topic.PERMISSION, APP, unbound)
    assert need.wanted == "a binding of ServiceAccount default/op to ClusterRole op"


def test_pods_behind_a_webhook_are_needed() -> None:
    found = needs(Topic.WEBHOOK_SERVICE, APP, webhook(), service("hook"))
    missing = [need.wanted for need in found if need.missing]
    assert missing == ["pods behind Service default/hook"]
    assert [need.missing for need in needs(Topic.WEBHOOK_SERVICE, APP, webhook())] == [True]
