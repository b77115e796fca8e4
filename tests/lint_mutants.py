"""Platform A broken in one place at a time: by what each mutant must be found, and why others are no mutants.

What has to come first is written down here by hand, from the platform's own description (needs and six
rules), so that the linter is not its own judge.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from typing import Any

from bootstrap.gitops.model import App, Manifest, Tree
from bootstrap.kubernetes.objects import Json, annotations_of, dig, name, spec

HOOK, WAVE = "argocd.argoproj.io/hook", "argocd.argoproj.io/sync-wave"
APIS = "dev-apis"


@dataclass(frozen=True)
class Mutant:
    """`rules`: any of them has to find it."""

    what: str
    tree: Tree
    rules: frozenset[str]


@dataclass(frozen=True)
class Needed:
    """`first` comes before `then`, or one of the rules says so; `together`: one wave will not do either."""

    first: str
    then: str
    rules: tuple[str, ...]
    together: bool = True


_CRDS = "dev-crds"
_NAMESPACES = "dev-namespaces"
_LAST = ("apps-before-infrastructure",)

ORDERS: tuple[Needed, ...] = (
    # Custom resources, and operators that crash without their CRDs (those heal in one wave).
    *(
        Needed(_CRDS, then, ("crd-order",))
        for then in ("dev-secrets-cr", "dev-monitoring-operator", "dev-data-cr", APIS)
    ),
    *(
        Needed(_CRDS, then, ("operator-before-crd",), together=False)
        for then in ("dev-secrets-operator", "dev-alb-controller", "dev-data-operators")
    ),
    # Whatever lives in the 13 namespaces.
    *(
        Needed(_NAMESPACES, then, ("namespace-order",))
        for then in (
            *("dev-rbac-storage", "dev-network-policies", "dev-secrets-operator", "dev-secrets-cr"),
            *("dev-external-dns", "dev-monitoring-operator", "dev-grafana", "dev-data-operators"),
            *("dev-data-cr", APIS, "dev-ingress"),
        )
    ),
    # Volumes, the account of the PreSync check, the account of the SyncFail report.
    Needed("dev-rbac-storage", "dev-monitoring-operator", ("storage-class-order",), together=False),
    Needed("dev-rbac-storage", "dev-data-cr", ("storage-class-order",), together=False),
    # Rule 2.
    Needed("dev-calico", "dev-network-policies", ("network-policy-before-cni",)),
    Needed("dev-calico", "dev-secrets-operator", ("network-before-secrets",)),
    Needed("dev-network-policies", "dev-secrets-operator", ("network-before-secrets",)),
    # ESO's webhook refuses what comes with it; pods wait for their Secrets, and in one wave they heal.
    Needed("dev-secrets-operator", "dev-secrets-cr", ("eso-order", "webhook-order")),
    *(
        Needed("dev-secrets-cr", then, ("secret-order",), together=False)
        for then in ("dev-alb-controller", "dev-external-dns", "dev-grafana", "dev-data-cr", APIS)
    ),
    # Rule 3, and Ingresses without a controller.
    Needed("dev-alb-controller", "dev-external-dns", ("external-dns-before-ingress-controller",)),
    Needed("dev-alb-controller", "dev-monitoring-operator", ("monitoring-before-ingress-controller",)),
    Needed("dev-alb-controller", "dev-ingress", ("ingress-controller-order",), together=False),
    # What is published.
    *(
        Needed(first, "dev-ingress", ("ingress-service-order",), together=False)
        for first in ("dev-monitoring-operator", "dev-grafana", APIS)
    ),
    # Rules 1 and 4; the databases' own addresses.
    Needed("dev-data-operators", "dev-data-cr", ("operator-order", "data-gap")),
    Needed("dev-data-cr", APIS, ("endpoint-order",), together=False),
    # Rule 6.
    *(
        Needed(first, APIS, _LAST)
        for first in (
            *(_CRDS, _NAMESPACES, "dev-rbac-storage", "dev-calico", "dev-secrets-operator"),
            *("dev-secrets-cr", "dev-alb-controller", "dev-external-dns", "dev-monitoring-operator"),
            *("dev-grafana", "dev-data-operators"),
        )
    ),
)

# Applications without which the rest works as before.
DROPPABLE: Mapping[str, str] = {
    "dev-calico": "without a CNI in the tree it is the cluster's own, as on EKS and after our user data",
    "dev-network-policies": "pods talk freely; nothing waits for isolation",
    "dev-external-dns": "names are then given by somebody else",
    "dev-ingress": "nothing is published",
}


def mutants(tree: Tree) -> tuple[list[Mutant], list[str]]:
    """All of them, and what is left out, each with the reason."""
    skipped: list[str] = []
    found = [
        *orders(tree, skipped),
        *applications(tree, skipped),
        *objects(tree),
        *seeds(tree, skipped),
        *edits(tree),
    ]
    return found, skipped


# -- waves ---------------------------------------------------------------------------------------


def waves(tree: Tree) -> dict[str, int]:
    """Of what carries a wave: the root's children, the set in place of its Applications."""
    own = {app.name: app.wave for app in tree.apps if app.position and not app.set}
    return {**own, **{one.name: one.position[-1] for one in tree.sets}}


def moved(tree: Tree, numbers: Mapping[str, int]) -> Tree:
    def app(one: App) -> App:
        number = numbers.get(one.set or one.name)
        return one if number is None or not one.position else replace(one, position=(number,))

    apps = sorted((app(one) for one in tree.apps), key=lambda one: (one.position, one.name))
    sets = (replace(one, position=(numbers.get(one.name, one.position[-1]),)) for one in tree.sets)
    return replace(tree, apps=tuple(apps), sets=tuple(sets))


def broken(numbers: Mapping[str, int]) -> frozenset[str]:
    """The rules that such numbers must be found by; none where nothing is wrong with them."""
    return frozenset(
        rule
        for need in ORDERS
        if numbers[need.first] > numbers[need.then]
        or (need.together and numbers[need.first] == numbers[need.then])
        for rule in need.rules
    )


def orders(tree: Tree, skipped: list[str]) -> Iterator[Mutant]:
    """Two waves swapped; one first or last of all; one joined with its neighbour."""
    before = waves(tree)
    ordered = sorted(before, key=lambda unit: before[unit])
    changes: list[tuple[str, dict[str, int]]] = []
    for one, other in combinations(ordered, 2):
        changes.append((f"swap {one} and {other}", {one: before[other], other: before[one]}))
    for unit in ordered:
        changes.append((f"{unit} first of all", {unit: -10}))
        changes.append((f"{unit} last of all", {unit: 99}))
    for one, other in pairwise(ordered):
        changes.append((f"{one} with {other}", {one: before[other]}))
        changes.append((f"{other} with {one}", {other: before[one]}))
    for what, numbers in changes:
        after = {**before, **numbers}
        if after == before:
            continue
        if rules := broken(after):
            yield Mutant(what, moved(tree, numbers), rules)
        else:
            skipped.append(f"{what}: nothing that is then earlier needs what is then later")


# -- what is missing -----------------------------------------------------------------------------


def without(tree: Tree, gone: set[int]) -> Tree:
    """The tree without the manifests of these id()s."""
    apps = tuple(
        replace(app, manifests=tuple(item for item in app.manifests if id(item) not in gone))
        for app in tree.apps
    )
    return replace(tree, apps=apps)


def applications(tree: Tree, skipped: list[str]) -> Iterator[Mutant]:
    rules = {
        "dev-crds": {"crd-missing"},
        "dev-namespaces": {"namespace-missing"},
        "dev-rbac-storage": {"storage-class-missing"},
        "dev-secrets-operator": {"operator-missing"},
        "dev-secrets-cr": {"secret-missing"},
        "dev-alb-controller": {"ingress-controller-missing"},
        "dev-monitoring-operator": {"hpa-metrics-missing"},
        "dev-grafana": {"ingress-service-missing"},
        "dev-data-operators": {"operator-missing"},
        "dev-data-cr": {"endpoint-missing"},
    }
    for app in tree.apps:
        if app.name in DROPPABLE:
            skipped.append(f"drop Application {app.name}: {DROPPABLE[app.name]}")
        elif app.position:
            left = replace(tree, apps=tuple(one for one in tree.apps if one is not app))
            wanted = rules.get(app.name, {"ingress-service-missing"})
            yield Mutant(f"drop Application {app.name}", left, frozenset(wanted))


# What finds the loss of an object, by kind; with a test of which objects of the kind somebody needs.
_LOST: Mapping[str, tuple[str, ...]] = {
    "CustomResourceDefinition": ("crd-missing", "operator-crd-missing"),
    "Namespace": ("namespace-missing",),
    "ServiceAccount": ("service-account-missing",),
    "ConfigMap": ("config-map-missing",),
    "ExternalSecret": ("secret-missing",),
    "ClusterSecretStore": ("store-missing",),
    "StorageClass": ("storage-class-missing",),
    "IngressClass": ("ingress-class-missing",),
    "ClusterRole": ("rbac-reference",),
    "ClusterRoleBinding": ("operator-missing", "ingress-controller-missing", "rbac-reference"),
    "PostgresCluster": ("endpoint-missing",),
    "RedisFailover": ("endpoint-missing",),
}
_DEPLOYMENTS: Mapping[str, tuple[str, ...]] = {
    "external-secrets": ("operator-missing",),
    "external-secrets-webhook": ("webhook-service-missing",),
    "external-secrets-cert-controller": ("webhook-service-missing", "operator-missing"),
    "aws-load-balancer-controller": ("ingress-controller-missing",),
    "kube-prometheus-stack-operator": ("operator-missing",),
    "metrics-server": ("hpa-metrics-missing",),
    "tigera-operator": ("operator-missing",),
    "pgo": ("operator-missing",),
    "redis-operator": ("operator-missing",),
    "rabbitmq-cluster-operator": ("operator-missing",),
    "grafana": ("ingress-service-without-pods",),
}


def objects(tree: Tree) -> Iterator[Mutant]:
    """One object gone that somebody needs."""
    for item in tree.manifests:
        kind, called = item.item["kind"], name(item.item)
        rules = _LOST.get(kind, ())
        if kind == "Deployment":
            rules = _DEPLOYMENTS.get(called, ("hpa-target-missing",) if called.endswith("-api") else ())
        if kind == "Service":
            rules = _service(tree, item)
        if rules and _used(tree, item):
            lost = without(tree, {id(item)})
            yield Mutant(f"drop {item.key}", lost, frozenset(rules))
    driver = {id(one) for one in tree.manifests if "ebs-csi" in one.via}
    yield Mutant(
        "drop the driver ebs.csi.aws.com", without(tree, driver), frozenset({"storage-driver-missing"})
    )


def _service(tree: Tree, item: Manifest) -> tuple[str, ...]:
    called = name(item.item)
    if "webhook" in called and item.app == "dev-secrets-operator":
        return ("webhook-service-missing",)
    published = {
        (one.namespace, dig(path, "backend", "service", "name"))
        for one in tree.manifests
        if one.item["kind"] == "Ingress"
        for rule in spec(one.item)["rules"]
        for path in rule["http"]["paths"]
    }
    return ("ingress-service-missing",) if (item.namespace, called) in published else ()


def _used(tree: Tree, item: Manifest) -> bool:
    """Whether somebody needs the object; by its kind, as the platform's description has it."""
    kind, called = item.item["kind"], name(item.item)
    if kind == "CustomResourceDefinition":
        group, defined = spec(item.item)["group"], spec(item.item)["names"]
        kinds = {(one.key.kind.group, one.key.kind.name) for one in tree.manifests}
        return (group, defined["kind"]) in kinds or _watched(tree, group, defined["plural"])
    if kind == "Namespace":
        return any(one.namespace == called for one in tree.manifests)
    if kind == "ServiceAccount":
        return any(
            pod.get("serviceAccountName") == called
            for one in tree.manifests
            if one.namespace == item.namespace
            for pod in _pods(one.item)
        )
    if kind == "ClusterRole":
        return any(dig(one.item, "roleRef", "name") == called for one in tree.manifests)
    return True


def _watched(tree: Tree, group: str, plural: str) -> bool:
    return any(
        group in rule.get("apiGroups", ()) and f"{plural}/status" in rule.get("resources", ())
        for one in tree.manifests
        if one.item["kind"] == "ClusterRole"
        for rule in one.item.get("rules") or ()
    )


def _pods(item: Json) -> Iterator[Json]:
    if pod := dig(spec(item), "template", "spec"):
        yield pod


def seeds(tree: Tree, skipped: list[str]) -> Iterator[Mutant]:
    keys = {
        dig(one, "remoteRef", "key")
        for item in tree.manifests
        if item.item["kind"] == "ExternalSecret"
        for one in spec(item.item)["data"]
    }
    known = tree.seeded
    for key in sorted(known.names | known.facts):
        seeded = replace(known, names=known.names - {key}, facts=known.facts - {key})
        left = replace(tree, seeded=seeded)
        if key in keys:
            yield Mutant(f"drop the parameter {key}", left, frozenset({"parameter-missing"}))
        elif "certificate" in key:
            yield Mutant(f"drop the fact {key}", left, frozenset({"certificate-missing"}))
        else:
            skipped.append(f"drop the parameter {key}: no ExternalSecret reads it")


# -- what is wrong in place ----------------------------------------------------------------------


def edited(tree: Tree, target: Manifest, edit: Callable[[Json], object]) -> Tree:
    """The tree with a copy of one object changed."""
    item = deepcopy(target.item)
    edit(item)
    changed = replace(target, item=item)
    apps = tuple(
        replace(app, manifests=tuple(changed if one is target else one for one in app.manifests))
        for app in tree.apps
    )
    return replace(tree, apps=apps)


Edit = tuple[str, tuple[str, ...], Callable[[Json], object]]


Path = tuple[str | int, ...]


def set_at(path: Path, value: object) -> Callable[[Json], object]:
    def edit(item: Json) -> None:
        _at(item, path[:-1])[path[-1]] = value

    return edit


def remove(path: Path) -> Callable[[Json], object]:
    return lambda item: _at(item, path[:-1]).pop(path[-1])


def _at(item: Any, path: Path) -> Any:
    for step in path:
        item = item[step]
    return item


def edits(tree: Tree) -> Iterator[Mutant]:
    """One field wrong."""
    for item in tree.manifests:
        kind = item.item["kind"]
        for what, rules, edit in _EDITS[kind](tree, item) if kind in _EDITS else ():
            yield Mutant(f"{what} of {item.key}", edited(tree, item, edit), frozenset(rules))


def _ingress(tree: Tree, item: Manifest) -> Iterator[Edit]:
    def service(content: Json) -> Json:
        found: Json = spec(content)["rules"][0]["http"]["paths"][0]["backend"]["service"]
        return found

    yield "other class", ("ingress-class-missing",), lambda one: spec(one).update(ingressClassName="none")
    yield "other Service", ("ingress-service-missing",), lambda one: service(one).update(name="none")
    yield "other port", ("ingress-port-missing",), lambda one: service(one).update(port={"name": "none"})


def _deployment(tree: Tree, item: Manifest) -> Iterator[Edit]:
    if not name(item.item).endswith("-api"):
        return

    def pod(content: Json) -> Json:
        found: Json = spec(content)["template"]["spec"]
        return found

    pods = pod(item.item)["containers"][0]
    account = ("service-account-missing",)
    yield "other ServiceAccount", account, lambda one: pod(one).update(serviceAccountName="none")
    priority = ("priority-class-missing",)
    yield "unknown PriorityClass", priority, lambda one: pod(one).update(priorityClassName="none")
    for number, source in enumerate(pods["envFrom"]):
        called = source["secretRef"]["name"]
        at: Path = ("spec", "template", "spec", "containers", 0, "envFrom", number, "secretRef", "name")
        yield f"other Secret than {called}", ("secret-missing",), set_at(at, "none")
    for variable in ("POSTGRES_HOST", "REDIS_HOST"):
        number, entry = next(
            (number, entry) for number, entry in enumerate(pods["env"]) if entry["name"] == variable
        )
        at = ("spec", "template", "spec", "containers", 0, "env", number, "value")
        host = f"none.{entry['value'].partition('.')[2]}"
        yield f"other {variable}", ("endpoint-missing",), set_at(at, host)


def _scaler(tree: Tree, item: Manifest) -> Iterator[Edit]:
    rules = ("hpa-target-missing",)
    yield "other target", rules, lambda one: spec(one)["scaleTargetRef"].update(name="none")


def _service_edit(tree: Tree, item: Manifest) -> Iterator[Edit]:
    if name(item.item).endswith("-api"):
        rules = ("ingress-service-without-pods",)
        yield "other selector", rules, lambda one: spec(one).update(selector={"app": "none"})


def _monitor(tree: Tree, item: Manifest) -> Iterator[Edit]:
    if item.app.startswith("dev-api-"):
        rules = ("monitor-without-target",)
        yield "other selector", rules, lambda one: spec(one).update(selector={"matchLabels": {"a": "none"}})
    else:
        yield "first wave", ("monitor-order",), lambda one: annotations_of(one).update({WAVE: "-1"})
        yield "instances' wave", ("monitor-order",), lambda one: annotations_of(one).update({WAVE: "0"})


def _external(tree: Tree, item: Manifest) -> Iterator[Edit]:
    if "pguser" not in name(item.item):  # PGO makes those itself where they are missing
        rules = ("secret-missing",)
        yield "other target", rules, lambda one: spec(one)["target"].update(name="none")
    yield "other store", ("store-missing",), lambda one: spec(one)["secretStoreRef"].update(name="none")
    rules = ("parameter-missing",)
    yield "other key", rules, lambda one: spec(one)["data"][0]["remoteRef"].update(key="/eco2/dev/none")
    keys = _named_keys(tree, item)
    for number, entry in enumerate(spec(item.item)["data"]):
        if entry["secretKey"] in keys and not dig(spec(item.item), "target", "template", "data"):
            path: Path = ("spec", "data", number, "secretKey")
            yield f"other name for {entry['secretKey']}", ("secret-key-missing",), set_at(path, "none")
    for key in dig(spec(item.item), "target", "template", "data") or ():
        if key in keys:
            path = ("spec", "target", "template", "data", key)
            yield f"no {key} in the template", ("secret-key-missing",), remove(path)


def _named_keys(tree: Tree, item: Manifest) -> set[str]:
    """Keys of its Secret that pods name one by one."""
    called, found = name(item.item), set()
    for one in tree.manifests:
        if one.namespace != item.namespace or annotations_of(one.item).get(HOOK) == "Skip":
            continue
        for pod in _pods(one.item):
            for container in pod["containers"]:
                for variable in container.get("env") or ():
                    reference = dig(variable, "valueFrom", "secretKeyRef") or {}
                    if reference.get("name") == called:
                        found.add(reference["key"])
            for volume in pod.get("volumes") or ():
                if dig(volume, "secret", "secretName") == called:
                    found |= {entry["key"] for entry in volume["secret"].get("items") or ()}
    return found


def _store(tree: Tree, item: Manifest) -> Iterator[Edit]:
    rules = ("store-refuses-namespace",)
    for number, condition in enumerate(spec(item.item)["conditions"]):
        yield f"no condition {condition}", rules, remove(("spec", "conditions", number))


def _namespace(tree: Tree, item: Manifest) -> Iterator[Edit]:
    if any(
        one.item["kind"] == "ExternalSecret" for one in tree.manifests if one.namespace == name(item.item)
    ):
        rules = ("store-refuses-namespace",)
        yield "no label tier", rules, lambda one: one["metadata"]["labels"].pop("tier")


def _class(tree: Tree, item: Manifest) -> Iterator[Edit]:
    yield "other name", ("storage-class-missing",), lambda one: one["metadata"].update(name="none")
    yield "other provisioner", ("storage-driver-missing",), lambda one: one.update(provisioner="none")


def _binding(tree: Tree, item: Manifest) -> Iterator[Edit]:
    rules = ("rbac-reference",)
    yield "other role", rules, lambda one: one["roleRef"].update(name="none")
    yield "other subject", rules, lambda one: one["subjects"][0].update(name="none")


def _job(tree: Tree, item: Manifest) -> Iterator[Edit]:
    if annotations_of(item.item).get(HOOK) == "PostSync":
        rules = ("hook-later-wave",)
        yield "PreSync", rules, lambda one: annotations_of(one).update({HOOK: "PreSync"})


def _database(tree: Tree, item: Manifest) -> Iterator[Edit]:
    rules = ("storage-class-missing",)
    yield "other StorageClass", rules, lambda one: _set_everywhere(one, "storageClassName", "none")
    if item.item["kind"] != "PostgresCluster":
        field = {"RedisFailover": "secretPath", "RabbitmqCluster": "name"}[item.item["kind"]]
        inner = {"RedisFailover": "auth", "RabbitmqCluster": "secretBackend"}[item.item["kind"]]
        yield (
            "other Secret",
            ("secret-missing",),
            lambda one: _set_everywhere(spec(one)[inner], field, "none"),
        )


def _set_everywhere(content: object, key: str, value: str) -> None:
    if isinstance(content, dict):
        for name_, inner in content.items():
            if name_ == key:
                content[name_] = value
            else:
                _set_everywhere(inner, key, value)
    elif isinstance(content, list):
        for inner in content:
            _set_everywhere(inner, key, value)


_EDITS: Mapping[str, Callable[[Tree, Manifest], Iterator[Edit]]] = {
    "Ingress": _ingress,
    "Deployment": _deployment,
    "HorizontalPodAutoscaler": _scaler,
    "Service": _service_edit,
    "ServiceMonitor": _monitor,
    "PodMonitor": _monitor,
    "ExternalSecret": _external,
    "ClusterSecretStore": _store,
    "Namespace": _namespace,
    "StorageClass": _class,
    "RoleBinding": _binding,
    "ClusterRoleBinding": _binding,
    "Job": _job,
    "PostgresCluster": _database,
    "RedisFailover": _database,
    "RabbitmqCluster": _database,
}
