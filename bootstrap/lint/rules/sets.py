"""ApplicationSets: the Applications they make are ordered by RollingSync or not at all.

Decisions are those of the ApplicationSet controller of Argo CD 3.6
(applicationset/progressivesync/progressive_sync.go): buildAppDependencyList, SyncDesiredApplications.
"""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.gitops.model import App, AppSet, Tree
from bootstrap.gitops.sets import selects
from bootstrap.kubernetes.argo import wave_of
from bootstrap.kubernetes.objects import DEPLOYMENT, Json, dig, name, spec
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Edge, Finding, Severity
from bootstrap.lint.rules.facts import (
    everything,
    finding,
    listed,
    mappings,
    of_app,
    of_manifest,
    of_set,
    place_of_settings,
    settings,
)
from bootstrap.lint.rules.rule import Rule

PARAMETERS = "argocd-cmd-params-cm"
SWITCH = "applicationsetcontroller.enable.progressive.syncs"
SWITCH_VARIABLE = "ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_PROGRESSIVE_SYNCS"

ORDER = Rule("appset-order-ignored")
DISABLED = Rule("rolling-sync-disabled")
UNSYNCED = Rule("rolling-sync-never")
EMPTY = Rule("rolling-sync-empty-step")
AUTOMATED = Rule("rolling-sync-no-self-heal")

RULES = (ORDER, DISABLED, UNSYNCED, EMPTY, AUTOMATED)


def check(tree: Tree, graph: Graph) -> Iterator[Finding]:
    """Every ApplicationSet with the Applications it makes."""
    for one in tree.sets:
        children = [app for app in tree.apps if app.set == one.name]
        if rolls(one):
            yield from _disabled(tree, one)
            yield from _selected(one, children)
            yield from _heals(one)
        elif dig(spec(one.item), "strategy", "type") == "RollingSync" and _without_steps(one):
            yield from _disabled(tree, one)
            yield _refused(one)
        else:
            yield from _unordered(graph, one, children)


def rolls(one: AppSet) -> bool:
    return dig(spec(one.item), "strategy", "type") == "RollingSync" and bool(_steps(one))


def _steps(one: AppSet) -> list[Json]:
    return mappings(dig(spec(one.item), "strategy", "rollingSync", "steps"))


def _without_steps(one: AppSet) -> bool:
    rolling = dig(spec(one.item), "strategy", "rollingSync")
    return isinstance(rolling, dict) and not rolling.get("steps")


def _refused(one: AppSet) -> Finding:
    return finding(
        EMPTY,
        one.where,
        of_set(one),
        "its RollingSync has no steps: the controller reports ErrorOccurred and makes no Application",
        "add a step for each group, or remove spec.strategy",
        severity=Severity.ERROR,
    )


def _unordered(graph: Graph, one: AppSet, children: list[App]) -> Iterator[Finding]:
    names = {app.name for app in children}
    needed = _first_need(graph, names)
    waves = {wave_of(app.item): app for app in children}
    if needed is None and len(waves) < 2:
        return
    if needed is not None:
        yield finding(
            ORDER,
            one.where,
            of_set(one),
            f"{of_manifest(needed.user)} needs {of_manifest(needed.provider)} ({needed.reason}), but both "
            "Applications start at once: an ApplicationSet without RollingSync has no order",
            "set spec.strategy.type: RollingSync, with one step for each group",
            other=of_manifest(needed.provider),
            severity=None if needed.hard else Severity.WARNING,
        )
        return
    first, last = waves[min(waves)], waves[max(waves)]
    yield finding(
        ORDER,
        one.where,
        of_set(one),
        f"{of_app(first)} has wave {min(waves)} and {of_app(last)} has wave {max(waves)}, but they start "
        "at once: waves of an ApplicationSet's Applications are ignored",
        "set spec.strategy.type: RollingSync, with one step for each group, or remove the waves",
        other=of_app(last),
        severity=Severity.WARNING,
    )


def _first_need(graph: Graph, names: set[str]) -> Edge | None:
    """An edge between two Applications of the set, a hard one if there is one. Hooks and workloads alike."""
    inside = [
        edge
        for edge in graph.edges
        if edge.user.app in names and edge.provider.app in names and edge.user.app != edge.provider.app
    ]
    return next((edge for edge in inside if edge.hard), next(iter(inside), None))


def _disabled(tree: Tree, one: AppSet) -> Iterator[Finding]:
    found = settings(tree, PARAMETERS)
    if found is None or found.get(SWITCH) == "true" or _by_argument(tree):
        return
    where = place_of_settings(tree, PARAMETERS)
    yield finding(
        DISABLED,
        one.where,
        of_set(one),
        f"ConfigMap {PARAMETERS} does not enable progressive syncs: the strategy is ignored, and all "
        "Applications start at once",
        f'set {SWITCH}: "true" in ConfigMap {PARAMETERS} ({where})',
        other=f"ConfigMap {PARAMETERS}",
    )


def _by_argument(tree: Tree) -> bool:
    """Whether the controller's own Deployment switches it on."""
    for item in everything(tree):
        if item.key.kind == DEPLOYMENT and "applicationset-controller" in name(item.item):
            for container in mappings(dig(item.item, "spec", "template", "spec", "containers")):
                words = [*listed(container.get("command")), *listed(container.get("args"))]
                variables = {
                    entry.get("name"): entry.get("value") for entry in mappings(container.get("env"))
                }
                if {"--enable-progressive-syncs", "--enable-progressive-syncs=true"} & set(map(str, words)):
                    return True
                if variables.get(SWITCH_VARIABLE) == "true":
                    return True
    return False


def _selected(one: AppSet, children: list[App]) -> Iterator[Finding]:
    steps = _steps(one)
    for number, step in enumerate(steps, 1):
        if children and not any(selects(step, app.labels) for app in children):
            yield finding(
                EMPTY,
                one.where,
                of_set(one),
                f"step {number} selects none of its {len(children)} Applications, so nothing waits there",
                "correct the step's matchExpressions (operators In and NotIn), or remove it",
            )
    for app in children:
        chosen = next((each for each in steps if selects(each, app.labels)), None)
        if chosen is None or str(chosen.get("maxUpdate", "")) in {"0", "0%"}:
            why = "no step selects it" if chosen is None else "its step has maxUpdate: 0"
            yield finding(
                UNSYNCED,
                one.where,
                of_app(app),
                f"{why}: RollingSync never syncs it, and everything after it waits forever",
                "give it a label that a step selects, or add a step",
                other=of_set(one),
            )


def _heals(one: AppSet) -> Iterator[Finding]:
    if dig(spec(one.item), "template", "spec", "syncPolicy", "automated", "selfHeal"):
        yield finding(
            AUTOMATED,
            one.where,
            of_set(one),
            "its template sets selfHeal, which RollingSync switches off in every Application",
            "remove syncPolicy.automated from the template, so that nobody relies on it",
        )
