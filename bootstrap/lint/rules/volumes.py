"""Claims that wait for a pod which waits for the claim."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bootstrap.gitops.model import Manifest, Tree
from bootstrap.kubernetes.objects import CLAIM, Json, Kind, annotations_of, name, spec
from bootstrap.lint.graph import Graph, Ordering, Timeline, Topic
from bootstrap.lint.model import Finding
from bootstrap.lint.rules.facts import everything, finding, of_manifest
from bootstrap.lint.rules.rule import Rule

STORAGE_CLASS = Kind("storage.k8s.io", "StorageClass")
_CRON_JOB = Kind("batch", "CronJob")
_DEFAULT = "storageclass.kubernetes.io/is-default-class"

DEADLOCK = Rule("pvc-deadlock")

RULES = (DEADLOCK,)


def check(tree: Tree, graph: Graph) -> Iterator[Finding]:
    classes = {name(item.item): item.item for item in everything(tree) if item.key.kind == STORAGE_CLASS}
    needs = [need for need in graph.needs if need.topic is Topic.CLAIM]
    for claim in tree.manifests:
        if claim.key.kind == CLAIM and _waits(claim.item, classes):
            users = [need.user for need in needs if claim in need.providers]
            yield from _judge(tree, claim, users)


def _waits(claim: Json, classes: dict[str, Json]) -> bool:
    """Whether its class binds late. Classes that the tree does not hold are not judged."""
    body = spec(claim)
    if body.get("volumeName") or body.get("storageClassName") == "":
        return False
    wanted = body.get("storageClassName")
    for called, item in classes.items():
        if called == wanted or (wanted is None and annotations_of(item).get(_DEFAULT) == "true"):
            return bool(item.get("volumeBindingMode") == "WaitForFirstConsumer")
    return False


def _judge(tree: Tree, claim: Manifest, users: list[Manifest]) -> Iterator[Finding]:
    starting = [item for item in users if item.key.kind != _CRON_JOB]
    if not starting:
        if users or not _named(tree, claim):
            yield _unused(claim, users)
        return
    timeline = Timeline(tree)
    if any(timeline.order(claim, user) is not Ordering.BEFORE for user in starting):
        return
    yield finding(
        DEADLOCK,
        claim.where,
        of_manifest(claim),
        f"it is bound only when a pod of {of_manifest(starting[0])} in a later wave is scheduled, "
        "and that wave waits for the claim: a deadlock",
        f"move it to the wave of {of_manifest(starting[0])}",
        other=of_manifest(starting[0]),
    )


def _unused(claim: Manifest, users: list[Manifest]) -> Finding:
    why = (
        f"only {of_manifest(users[0])} uses it, so it stays Pending until its next run"
        if users
        else "no workload uses it, so it stays Pending"
    )
    return finding(
        DEADLOCK,
        claim.where,
        of_manifest(claim),
        f"{why}, and its Application stays Progressing",
        "remove the claim, let the workload create it, or use a class with volumeBindingMode Immediate",
        other=of_manifest(users[0]) if users else "",
    )


def _named(tree: Tree, claim: Manifest) -> bool:
    """Whether another object of the namespace names it in any field: an operator may use it then."""
    called = name(claim.item)
    return any(
        item is not claim and item.namespace == claim.namespace and _mentions(spec(item.item), called)
        for item in tree.manifests
    )


def _mentions(value: Any, text: str) -> bool:
    if isinstance(value, dict):
        return any(_mentions(inner, text) for inner in value.values())
    if isinstance(value, list):
        return any(_mentions(inner, text) for inner in value)
    return bool(value == text)
