"""What the API server needs before it accepts an object (its Namespace, the CRD of its kind, admission
webhooks), and what a custom resource needs to be acted on: its operator, which needs the CRDs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import (
    API_SERVICE,
    CRD,
    MUTATING_WEBHOOKS,
    NAMESPACE,
    SERVICE,
    VALIDATING_WEBHOOKS,
    Json,
    Key,
    Kind,
    dig,
    labels_of,
    name,
    spec,
)
from bootstrap.kubernetes.selectors import contains, matches
from bootstrap.lint.graph import cluster
from bootstrap.lint.graph.index import Index, str_of
from bootstrap.lint.graph.model import Need, Topic
from bootstrap.lint.graph.pods import workload
from bootstrap.lint.graph.rbac import statuses
from bootstrap.lint.graph.timeline import Ordering


def namespaces(index: Index) -> Iterator[Need]:
    for item in index.users:
        if item.namespace:
            key = Key(NAMESPACE, "", item.namespace)
            yield from index.need(Topic.NAMESPACE, item, key, "metadata.namespace", hard=True)


def definitions(index: Index) -> Iterator[Need]:
    for item in index.users:
        kind = item.key.kind
        if not cluster.serves(kind):
            wanted = f"CustomResourceDefinition {index.plural(kind)}.{kind.group}"
            yield Need(Topic.CRD, item, wanted, "apiVersion, kind", index.crds.get(kind, ()), True)


def webhooks(index: Index) -> Iterator[Need]:
    """Every object that a webhook with failurePolicy Fail (the default) sees needs the webhook's pods, once
    the configuration is there. What is in the configuration's own sync is left to Argo CD's retries."""
    for kind in (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS):
        for configuration in index.by_kind.get(kind, ()):
            for hook in configuration.item.get("webhooks") or ():
                yield from _service(index, configuration, hook)
                yield from _intercepted(index, configuration, hook)


def _service(index: Index, configuration: Manifest, hook: Json) -> Iterator[Need]:
    key = service_of(dig(hook, "clientConfig", "service"))
    if key and configuration.app and blocks(hook):
        reason = f"webhooks[{hook.get('name')}].clientConfig.service"
        yield from index.need(Topic.WEBHOOK_SERVICE, configuration, key, reason)
        for service in index.by_key.get(key, ())[:1]:
            if spec(service.item).get("selector") and not backends(index, service):
                wanted = f"pods behind {str_of(key)}"
                yield Need(Topic.WEBHOOK_SERVICE, configuration, wanted, reason, ())


def _intercepted(index: Index, configuration: Manifest, hook: Json) -> Iterator[Need]:
    key = service_of(dig(hook, "clientConfig", "service"))
    pods = (
        tuple(item for service in index.by_key.get(key, ()) for item in backends(index, service))
        if key
        else ()
    )
    if not pods or not blocks(hook):
        return
    for item in index.users:
        if item.app == configuration.app or item in pods or not _sees(index, hook, item):
            continue
        if index.timeline.order(configuration, item) is not Ordering.AFTER:
            wanted = f"webhook {hook.get('name')} of {str_of(configuration.key)}"
            yield Need(Topic.WEBHOOK, item, wanted, f"{configuration.key.kind.name} rules", pods, True)


def service_of(reference: Any) -> Key | None:
    """The Service of a clientConfig or an APIService."""
    if not isinstance(reference, Mapping):
        return None
    return Key(SERVICE, str(reference.get("namespace")), str(reference.get("name")))


def blocks(hook: Json) -> bool:
    """Whether requests fail without the webhook; conditions in CEL are not evaluated, so they count as no."""
    return hook.get("failurePolicy", "Fail") == "Fail" and not hook.get("matchConditions")


def backends(index: Index, service: Manifest) -> tuple[Manifest, ...]:
    """The workloads whose pods a Service selects."""
    selector = spec(service.item).get("selector")
    if not selector:
        return ()
    return tuple(
        one.manifest
        for one in index.workloads_in.get(service.namespace, ())
        if one.lasting and contains(one.labels, selector)
    )


def _sees(index: Index, hook: Json, item: Manifest) -> bool:
    """Whether creating the object, or a pod of it, calls the webhook."""
    if not _chooses_namespace(index, hook, item):
        return False
    if _chooses(hook, item, (item.key.kind.group, index.plural(item.key.kind)), labels_of(item.item)):
        return True
    pods = workload(item)
    return bool(pods and pods.path and _chooses(hook, item, ("", "pods"), pods.labels))


def _chooses(hook: Json, item: Manifest, resource: tuple[str, str], labels: Mapping[str, str]) -> bool:
    rules = hook.get("rules") or ()
    return matches(hook.get("objectSelector"), labels) and any(
        _rule(rule, *resource, bool(item.namespace)) for rule in rules
    )


def _chooses_namespace(index: Index, hook: Json, item: Manifest) -> bool:
    where = name(item.item) if item.key.kind == NAMESPACE else item.namespace
    known = index.namespace_labels.get(where, {"kubernetes.io/metadata.name": where})
    return not where or matches(hook.get("namespaceSelector"), known)


def _rule(rule: Json, group: str, plural: str, namespaced: bool) -> bool:
    scope = rule.get("scope", "*")
    return bool(
        {"CREATE", "*"} & set(rule.get("operations") or ())
        and {group, "*"} & set(rule.get("apiGroups") or ())
        and {plural, "*", "*/*"} & set(rule.get("resources") or ())
        and scope in {"*", "Namespaced" if namespaced else "Cluster"}
    )


def api_services(index: Index) -> Iterator[Need]:
    """An aggregated API is served by a Service; without it, discovery fails for everyone."""
    for item in index.by_kind.get(API_SERVICE, ()):
        key = service_of(spec(item.item).get("service"))
        if key and item.app:
            yield from index.need(Topic.API_SERVICE, item, key, "spec.service")


def instances(index: Index) -> Iterator[Need]:
    """A custom resource does nothing until its operator runs."""
    for item in index.users:
        kind = item.key.kind
        if cluster.serves(kind) or cluster.passive(kind) or not index.crds.get(kind):
            continue
        wanted = f"an operator for {index.plural(kind)}.{kind.group}"
        yield Need(Topic.OPERATOR, item, wanted, "apiVersion, kind", index.operators(kind))


def watched(index: Index) -> Iterator[Need]:
    """An operator that starts before the CRDs it watches crashes: its caches cannot be filled."""
    known: dict[tuple[str, str], list[Manifest]] = {}
    for item in index.by_kind.get(CRD, ()):
        content = spec(item.item)
        known.setdefault((str(content.get("group")), str(dig(content, "names", "plural"))), []).append(item)
    groups = {group for group, _ in known}
    for one, rules in index.rights:
        if not one.manifest.app:
            continue
        for group, plural in dict.fromkeys(statuses(rules)):
            if group in groups and plural != "*" and not cluster.serves(Kind(group, "")):
                providers = tuple(known.get((group, plural), ()))
                wanted = f"CustomResourceDefinition {plural}.{group}"
                yield Need(Topic.OPERATOR_CRD, one.manifest, wanted, f"RBAC: {plural}/status", providers)


COLLECTORS = (namespaces, definitions, webhooks, api_services, instances, watched)
