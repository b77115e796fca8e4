"""What works on workloads: monitors, autoscalers, progressive delivery, rights. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import API_SERVICE, SERVICE, Key, Kind, labels_of, spec
from bootstrap.kubernetes.selectors import matches
from bootstrap.lint.graph import cluster
from bootstrap.lint.graph.index import Index, str_of
from bootstrap.lint.graph.model import Need, Topic
from bootstrap.lint.graph.needs.network import service
from bootstrap.lint.graph.pods import ROLLOUT
from bootstrap.lint.graph.rbac import (
    CLUSTER_ROLE,
    CLUSTER_ROLE_BINDING,
    ROLE,
    ROLE_BINDING,
    SERVICE_ACCOUNT,
    accounts,
    role_of,
)

SERVICE_MONITOR = Kind("monitoring.coreos.com", "ServiceMonitor")
POD_MONITOR = Kind("monitoring.coreos.com", "PodMonitor")
AUTOSCALER = Kind("autoscaling", "HorizontalPodAutoscaler")
ANALYSIS = Kind("argoproj.io", "AnalysisTemplate")
CLUSTER_ANALYSIS = Kind("argoproj.io", "ClusterAnalysisTemplate")

_METRICS = {
    "Resource": "metrics.k8s.io",
    "ContainerResource": "metrics.k8s.io",
    "Pods": "custom.metrics.k8s.io",
    "Object": "custom.metrics.k8s.io",
    "External": "external.metrics.k8s.io",
}


# Who serves them, by image: some register their API themselves instead of by an APIService in their chart.
_ADAPTERS = {
    "metrics.k8s.io": ("metrics-server",),
    "custom.metrics.k8s.io": ("prometheus-adapter", "datadog-cluster-agent"),
    "external.metrics.k8s.io": ("prometheus-adapter", "keda-metrics-apiserver", "datadog-cluster-agent"),
}


def monitors(index: Index) -> Iterator[Need]:
    """What a monitor scrapes: Services or pods by label; else what operators make in its namespaces."""
    for item in index.users:
        if item.key.kind in {SERVICE_MONITOR, POD_MONITOR}:
            providers = tuple(_targets(index, item))
            if not providers and _of_cluster(item, set(_spaces(index, item))):
                continue
            yield Need(Topic.MONITOR_TARGET, item, "an endpoint to scrape", "spec.selector", providers)


def _of_cluster(item: Manifest, spaces: set[str]) -> bool:
    """Whether it may scrape what no Git holds: the kubelets and DNS in kube-system, the API server."""
    api_server = {"component": "apiserver", "provider": "kubernetes"}
    selector = spec(item.item).get("selector")
    return "kube-system" in spaces or ("default" in spaces and matches(selector, api_server))


def _targets(index: Index, item: Manifest) -> Iterator[Manifest]:
    selector, spaces = spec(item.item).get("selector"), tuple(_spaces(index, item))
    found = [one for where in spaces for one in _labelled(index, item, selector, where)]
    yield from found or (one for where in spaces for one in index.operated(where))


def _labelled(index: Index, item: Manifest, selector: Any, where: str) -> Iterator[Manifest]:
    if item.key.kind == POD_MONITOR:
        pods = index.workloads_in.get(where, ())
        yield from (one.manifest for one in pods if one.lasting and matches(selector, one.labels))
        return
    for one in index.in_namespace.get(where, ()):
        if one.key.kind == SERVICE and matches(selector, labels_of(one.item)):
            yield one


def _spaces(index: Index, item: Manifest) -> Iterator[str]:
    chosen = spec(item.item).get("namespaceSelector") or {}
    if chosen.get("any"):
        yield from index.namespace_labels
    else:
        yield from map(str, chosen.get("matchNames") or (item.namespace,))


def autoscalers(index: Index) -> Iterator[Need]:
    for item in index.users:
        if item.key.kind != AUTOSCALER:
            continue
        target = spec(item.item).get("scaleTargetRef") or {}
        key = Key(Kind.of(target).unversioned, item.namespace, str(target.get("name")))
        yield from index.need(Topic.SCALE_TARGET, item, key, "spec.scaleTargetRef")
        for group in dict.fromkeys(_groups(item)):
            providers = (*_registered(index, group), *_adapters(index, group))
            yield Need(Topic.METRICS, item, f"the API {group}", "spec.metrics", providers)


def _registered(index: Index, group: str) -> Iterator[Manifest]:
    services = index.by_kind.get(API_SERVICE, ())
    return (one for one in services if spec(one.item).get("group") == group)


def _adapters(index: Index, group: str) -> Iterator[Manifest]:
    for one in index.workloads:
        images = [str(container.get("image")) for _, container in one.containers()]
        if one.lasting and any(name in image for name in _ADAPTERS[group] for image in images):
            yield one.manifest


def _groups(item: Manifest) -> Iterator[str]:
    content = spec(item.item)
    if content.get("targetCPUUtilizationPercentage"):  # autoscaling/v1
        yield _METRICS["Resource"]
    for metric in content.get("metrics") or ():
        if group := _METRICS.get(str(metric.get("type"))):
            yield group


def rollouts(index: Index) -> Iterator[Need]:
    for item in index.users:
        if item.key.kind != ROLLOUT:
            continue
        for reason, strategy in (spec(item.item).get("strategy") or {}).items():
            for field in ("stableService", "canaryService", "activeService", "previewService"):
                if called := (strategy or {}).get(field):
                    key = Key(SERVICE, item.namespace, str(called))
                    yield from service(index, item, key, f"spec.strategy.{reason}.{field}")
            for template in _templates(strategy):
                kind = CLUSTER_ANALYSIS if template.get("clusterScope") else ANALYSIS
                where = "" if template.get("clusterScope") else item.namespace
                key = Key(kind, where, str(template.get("templateName")))
                yield from index.need(Topic.ANALYSIS, item, key, f"spec.strategy.{reason}")


def _templates(strategy: Any) -> Iterator[Any]:
    if isinstance(strategy, dict):
        for name, inner in strategy.items():
            if name == "templates" and isinstance(inner, list):
                yield from (one for one in inner if isinstance(one, dict) and one.get("templateName"))
            else:
                yield from _templates(inner)
    elif isinstance(strategy, list):
        for inner in strategy:
            yield from _templates(inner)


def bindings(index: Index) -> Iterator[Need]:
    """A binding's role and ServiceAccounts. The API server accepts one to nothing without a warning."""
    for item in index.users:
        if item.key.kind in {ROLE_BINDING, CLUSTER_ROLE_BINDING}:
            yield from _exists(index, Topic.ROLE, item, role_of(item), "roleRef")
            for account in accounts(item):
                yield from _exists(index, Topic.SUBJECT, item, account, "subjects")


def _exists(index: Index, topic: Topic, user: Manifest, key: Key, reason: str) -> Iterator[Need]:
    """A need whose order does not matter."""
    own = topic is Topic.SUBJECT and cluster.has_account(key)
    if not own and not cluster.has(key) and key not in index.by_key:
        yield Need(topic, user, str_of(key), reason, ())


def permissions(index: Index) -> Iterator[Need]:
    """A workload with a ServiceAccount of its own needs the bindings that name it; and where none does, the
    role of its Application without a binding seems to be meant for it."""
    for one in index.workloads:
        if not one.manifest.app or one.service_account == "default":
            continue
        account = Key(SERVICE_ACCOUNT, one.manifest.namespace, one.service_account)
        bindings = index.access.bindings.get(account, ())
        for binding in bindings:
            wanted = str_of(binding.key)
            yield Need(Topic.PERMISSION, one.manifest, wanted, "serviceAccountName", (binding,))
        for owner in index.by_key.get(account, ())[:1] if not bindings else ():
            for role in _unbound(index, owner):
                wanted = f"a binding of {str_of(account)} to {str_of(role.key)}"
                yield Need(Topic.PERMISSION, one.manifest, wanted, "serviceAccountName", ())


def _unbound(index: Index, account: Manifest) -> Iterator[Manifest]:
    """Roles beside a ServiceAccount that have its name and no binding."""
    bound = {
        role_of(item) for kind in (ROLE_BINDING, CLUSTER_ROLE_BINDING) for item in index.by_kind.get(kind, ())
    }
    for item in index.by_app.get(account.app, ()):
        if (
            item.key.kind in {ROLE, CLUSTER_ROLE}
            and item.key.name == account.key.name
            and item.key not in bound
        ):
            yield item


COLLECTORS = (monitors, autoscalers, rollouts, bindings, permissions)
