"""NetworkPolicy → CNI; Ingress → class, controller, certificate, Services → pods. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from bootstrap.gitops.model import Manifest
from bootstrap.kubernetes.objects import (
    DAEMON_SET,
    INGRESS,
    SECRET,
    SERVICE,
    Json,
    Key,
    Kind,
    annotations_of,
    dig,
    name,
    spec,
)
from bootstrap.lint.graph.index import Index, str_of
from bootstrap.lint.graph.model import Need, Topic
from bootstrap.lint.graph.needs.api import backends
from bootstrap.lint.graph.needs.pods import secret
from bootstrap.lint.graph.producers import makes_pods
from bootstrap.lint.graph.rbac import acts_on

NETWORK_POLICY = Kind("networking.k8s.io", "NetworkPolicy")
INGRESS_CLASS = Kind("networking.k8s.io", "IngressClass")
CALICO = Kind("operator.tigera.io", "Installation")
ISSUER, CLUSTER_ISSUER = Kind("cert-manager.io", "Issuer"), Kind("cert-manager.io", "ClusterIssuer")
CERTIFICATE = Kind("cert-manager.io", "Certificate")

ALB = "ingress.k8s.aws/alb"
_CNI = frozenset(
    {
        *("calico-node", "canal", "cilium", "antrea-agent", "kube-router", "weave-net", "ovnkube-node"),
        *("aws-node", "kube-flannel-ds"),
    }
)
_OLD_CLASS = "kubernetes.io/ingress.class"
_DEFAULT_CLASS = "ingressclass.kubernetes.io/is-default-class"


def network(index: Index) -> tuple[Manifest, ...]:
    """What makes the pod network; none where it comes with the cluster (its nodes would not be Ready)."""
    sets = (item for item in index.by_kind.get(DAEMON_SET, ()) if name(item.item) in _CNI)
    return (*index.by_kind.get(CALICO, ()), *sets)


def policies(index: Index) -> Iterator[Need]:
    providers = network(index)
    for item in index.users:
        if item.key.kind == NETWORK_POLICY and providers:
            yield Need(Topic.CNI, item, "the pod network (CNI)", "kind", providers)


def controllers(index: Index, home: str = "") -> tuple[Manifest, ...]:
    """Workloads that may write the status of Ingresses; those of one Application where it has some."""
    found = tuple(
        one.manifest for one, rules in index.rights if acts_on(rules, "networking.k8s.io", "ingresses") == 3
    )
    return tuple(item for item in found if item.app == home) or found


def ingresses(index: Index) -> Iterator[Need]:
    for item in index.users:
        if item.key.kind == INGRESS:
            yield from _class(index, item)
            yield from _services(index, item)
            yield from _certificate(index, item)


def _class(index: Index, item: Manifest) -> Iterator[Need]:
    called = spec(item.item).get("ingressClassName")
    found = _class_of(index, item)
    there = controllers(index, found[0].app if found else "")
    if called and (found or there):  # a controller ships its class: if both are missing, report one
        key = Key(INGRESS_CLASS, "", str(called))
        yield Need(Topic.INGRESS_CLASS, item, str_of(key), "spec.ingressClassName", found)
    wanted = f"an ingress controller{f' for class {called}' if called else ''}"
    yield Need(Topic.INGRESS_CONTROLLER, item, wanted, "kind", there)


def _class_of(index: Index, item: Manifest) -> tuple[Manifest, ...]:
    called = spec(item.item).get("ingressClassName") or annotations_of(item.item).get(_OLD_CLASS)
    if called:
        return index.by_key.get(Key(INGRESS_CLASS, "", str(called)), ())
    classes = index.by_kind.get(INGRESS_CLASS, ())
    return tuple(one for one in classes if annotations_of(one.item).get(_DEFAULT_CLASS) == "true")


def _services(index: Index, item: Manifest) -> Iterator[Need]:
    for reason, backend in _backends(spec(item.item)):
        port = backend.get("port") or {}
        if port.get("name") == "use-annotation":  # the ALB controller's actions
            continue
        key = Key(SERVICE, item.namespace, str(backend.get("name")))
        yield from service(index, item, key, reason)
        for one in index.by_key.get(key, ())[:1]:
            if not _has_port(one.item, port):
                wanted = f"port {port.get('name') or port.get('number')} of {str_of(key)}"
                yield Need(Topic.SERVICE_PORT, item, wanted, f"{reason}.port", ())
            yield from selected(index, item, one, reason)


def service(index: Index, user: Manifest, key: Key, reason: str) -> Iterator[Need]:
    """A Service in Git, or one that an operator makes for a custom resource."""
    providers = index.by_key.get(key, ()) or index.makers(key.namespace, key.name)
    yield Need(Topic.SERVICE, user, str_of(key), reason, providers)


def selected(index: Index, user: Manifest, one: Manifest, reason: str) -> Iterator[Need]:
    """Pods behind a Service, of workloads in Git or made by operators."""
    selector = spec(one.item).get("selector")
    if not selector or backends(index, one):
        return
    if not any(makes_pods(item, selector) for item in index.operated(one.namespace)):
        yield Need(Topic.WORKLOAD, user, f"pods behind {str_of(one.key)}", reason, ())


def _backends(content: Json) -> Iterator[tuple[str, Json]]:
    if found := dig(content, "defaultBackend", "service"):
        yield "spec.defaultBackend.service", found
    for number, rule in enumerate(content.get("rules") or ()):
        for at, path in enumerate(dig(rule, "http", "paths") or ()):
            if found := dig(path, "backend", "service"):
                yield f"spec.rules[{number}].http.paths[{at}].backend.service", found


def _has_port(item: Json, wanted: Any) -> bool:
    ports = spec(item).get("ports") or ()
    if wanted.get("name"):
        return any(port.get("name") == wanted["name"] for port in ports)
    return not wanted.get("number") or any(port.get("port") == wanted["number"] for port in ports)


def _certificate(index: Index, item: Manifest) -> Iterator[Need]:
    notes = annotations_of(item.item)
    if any(spec(one.item).get("controller") == ALB for one in _class_of(index, item)):
        yield from _acm(index, item)
        return
    issuers = [
        Key(CLUSTER_ISSUER, "", notes.get("cert-manager.io/cluster-issuer", "")),
        Key(ISSUER, item.namespace, notes.get("cert-manager.io/issuer", "")),
    ]
    asked = [key for key in issuers if key.name]
    for key in asked:
        yield from index.need(Topic.CERTIFICATE, item, key, "metadata.annotations")
    for number, tls in enumerate(spec(item.item).get("tls") or ()):
        if tls.get("secretName") and not asked:
            key = Key(SECRET, item.namespace, str(tls["secretName"]))
            yield from secret(index, item, key, f"spec.tls[{number}].secretName")


def _acm(index: Index, item: Manifest) -> Iterator[Need]:
    """An ALB listens on HTTPS with a certificate of ACM: named, or found by host name. That there is one
    is told by a fact of Terraform; nothing can be said where no facts are known."""
    notes, facts = annotations_of(item.item), index.tree.seeded.facts
    if notes.get("alb.ingress.kubernetes.io/certificate-arn") or not facts:
        return
    https = _https(notes.get("alb.ingress.kubernetes.io/listen-ports", "")) or spec(item.item).get("tls")
    if https and not any("certificate" in fact for fact in facts):
        wanted = "an ACM certificate (fact acm/certificate-arn)"
        yield Need(Topic.CERTIFICATE, item, wanted, "metadata.annotations", ())


def _https(ports: str) -> bool:
    try:
        return any("HTTPS" in one for one in json.loads(ports or "[]"))
    except (ValueError, TypeError):
        return False


def certificates(index: Index) -> Iterator[Need]:
    """cert-manager's Certificates and their issuers."""
    for item in index.by_kind.get(CERTIFICATE, ()):
        reference = spec(item.item).get("issuerRef") or {}
        if item.app and reference.get("group", "cert-manager.io") == "cert-manager.io":
            kind = CLUSTER_ISSUER if reference.get("kind") == "ClusterIssuer" else ISSUER
            where = "" if kind == CLUSTER_ISSUER else item.namespace
            key = Key(kind, where, str(reference.get("name")))
            yield from index.need(Topic.CERTIFICATE, item, key, "spec.issuerRef")


COLLECTORS = (policies, ingresses, certificates)
