"""ApplicationSets: the Applications they make are ordered by RollingSync or not at all.

Decisions are those of the ApplicationSet controller of Argo CD 3.2
(applicationset/controllers/applicationset_controller.go): buildAppDependencyList, syncValidApplications.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from bootstrap.gitops.model import App, AppSet, Tree
from bootstrap.kubernetes.argo import wave_of
from bootstrap.kubernetes.objects import DEPLOYMENT, Json, dig, name, spec
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Edge, Finding, Rule, Severity
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

_DOCS = "https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Progressive-Syncs/"
PARAMETERS = "argocd-cmd-params-cm"
SWITCH = "applicationsetcontroller.enable.progressive.syncs"
SWITCH_VARIABLE = "ARGOCD_APPLICATIONSET_CONTROLLER_ENABLE_PROGRESSIVE_SYNCS"

ORDER = Rule(
    "appset-order-ignored",
    Severity.ERROR,
    "the Applications of an ApplicationSet need an order that it does not keep",
    f"""An ApplicationSet creates and syncs all its Applications at once: sync waves on them mean nothing,
because waves order the objects of one sync, and no sync holds these Applications. Where one needs another
(or their waves differ), it starts too early, fails, and its first sync is retried against the back-off.
Cure: strategy.type RollingSync with one step a group, selected by label; and enable progressive syncs.
Source: {_DOCS}, https://github.com/argoproj/argo-cd/issues/17639""",
    failing="""\
kind: ApplicationSet
metadata: {name: apis}
spec: {generators: [{list: {elements: [{name: auth}, {name: gateway}]}}]}
---
kind: Application
metadata:
  name: auth
  annotations: {argocd.argoproj.io/sync-wave: "10"}
  ownerReferences: [{kind: ApplicationSet, name: apis}]
---
kind: Application
metadata:
  name: gateway
  annotations: {argocd.argoproj.io/sync-wave: "12"}
  ownerReferences: [{kind: ApplicationSet, name: apis}]
""",
    passing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cmd-params-cm, namespace: argocd}
data: {applicationsetcontroller.enable.progressive.syncs: "true"}
---
kind: ApplicationSet
metadata: {name: apis}
spec:
  strategy:
    type: RollingSync
    rollingSync:
      steps:
        - matchExpressions: [{key: group, operator: In, values: [first]}]
        - matchExpressions: [{key: group, operator: In, values: [last]}]
---
kind: Application
metadata: {name: auth, labels: {group: first}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
---
kind: Application
metadata: {name: gateway, labels: {group: last}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
""",
)

DISABLED = Rule(
    "rolling-sync-disabled",
    Severity.ERROR,
    "an ApplicationSet asks for RollingSync, but Argo CD is not told to do progressive syncs",
    f"""Without --enable-progressive-syncs the ApplicationSet controller ignores spec.strategy without a
word: all Applications start at once.
Cure: {SWITCH}: "true" in ConfigMap {PARAMETERS}.
Source: {_DOCS}#enabling-progressive-syncs""",
    failing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cmd-params-cm, namespace: argocd}
data: {server.insecure: "true"}
---
kind: ApplicationSet
metadata: {name: apis}
spec:
  strategy:
    type: RollingSync
    rollingSync:
      steps:
        - matchExpressions: [{key: group, operator: In, values: [first]}]
---
kind: Application
metadata: {name: auth, labels: {group: first}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
""",
    passing="""\
apiVersion: v1
kind: ConfigMap
metadata: {name: argocd-cmd-params-cm, namespace: argocd}
data: {applicationsetcontroller.enable.progressive.syncs: "true"}
---
kind: ApplicationSet
metadata: {name: apis}
spec:
  strategy:
    type: RollingSync
    rollingSync:
      steps:
        - matchExpressions: [{key: group, operator: In, values: [first]}]
---
kind: Application
metadata: {name: auth, labels: {group: first}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
""",
)

UNSYNCED = Rule(
    "rolling-sync-never",
    Severity.ERROR,
    "RollingSync never syncs an Application: no step selects it, or its step updates none",
    f"""Under RollingSync the controller removes syncPolicy.automated from every Application and syncs
them itself, step by step. One that no step selects, or whose step says maxUpdate: 0, is never synced
until somebody does it by hand: it stays OutOfSync, and every later step and wave waits for it.
Cure: give the Application the label that a step selects, or add a step.
Source: {_DOCS}#rollingsync""",
    failing="""\
kind: ApplicationSet
metadata: {name: apis}
spec:
  strategy:
    type: RollingSync
    rollingSync:
      steps:
        - matchExpressions: [{key: group, operator: In, values: [first]}]
---
kind: Application
metadata: {name: auth, labels: {group: first}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
---
kind: Application
metadata: {name: gateway, ownerReferences: [{kind: ApplicationSet, name: apis}]}
""",
    passing="""\
kind: ApplicationSet
metadata: {name: apis}
spec:
  strategy:
    type: RollingSync
    rollingSync:
      steps:
        - matchExpressions: [{key: group, operator: In, values: [first]}]
        - matchExpressions: [{key: group, operator: In, values: [last]}]
---
kind: Application
metadata: {name: auth, labels: {group: first}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
---
kind: Application
metadata: {name: gateway, labels: {group: last}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
""",
)

EMPTY = Rule(
    "rolling-sync-empty-step",
    Severity.WARNING,
    "a RollingSync step selects no Application",
    f"""A step that selects nothing is passed at once: whatever was to be waited for there is not. Mostly
a label is misspelt, or the operator is neither In nor NotIn (every other one is refused in the
controller's log only).
Cure: correct matchExpressions, or remove the step.
Source: {_DOCS}#rollingsync""",
    failing="""\
kind: ApplicationSet
metadata: {name: apis}
spec:
  strategy:
    type: RollingSync
    rollingSync:
      steps:
        - matchExpressions: [{key: group, operator: In, values: [frist]}]
        - matchExpressions: [{key: group, operator: In, values: [last, first]}]
---
kind: Application
metadata: {name: auth, labels: {group: first}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
""",
    passing="""\
kind: ApplicationSet
metadata: {name: apis}
spec:
  strategy:
    type: RollingSync
    rollingSync:
      steps:
        - matchExpressions: [{key: group, operator: In, values: [first]}]
---
kind: Application
metadata: {name: auth, labels: {group: first}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
""",
)

AUTOMATED = Rule(
    "rolling-sync-no-self-heal",
    Severity.INFO,
    "RollingSync removes syncPolicy.automated, so selfHeal does nothing",
    f"""RollingSync forces automated sync off in every Application it makes (with a warning in its log).
Drift in the cluster makes the Application OutOfSync and is mended only by the set's next pass through its
steps.
Cure: none is needed where that is fine; else order with waves of an app of apps, which keep selfHeal.
Source: {_DOCS}#rollingsync""",
    failing="""\
kind: ApplicationSet
metadata: {name: apis}
spec:
  strategy:
    type: RollingSync
    rollingSync:
      steps:
        - matchExpressions: [{key: group, operator: In, values: [first]}]
  template: {spec: {syncPolicy: {automated: {prune: true, selfHeal: true}}}}
---
kind: Application
metadata: {name: auth, labels: {group: first}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
""",
    passing="""\
kind: ApplicationSet
metadata: {name: apis}
spec:
  strategy:
    type: RollingSync
    rollingSync:
      steps:
        - matchExpressions: [{key: group, operator: In, values: [first]}]
  template: {spec: {syncPolicy: {retry: {limit: 10}}}}
---
kind: Application
metadata: {name: auth, labels: {group: first}, ownerReferences: [{kind: ApplicationSet, name: apis}]}
""",
)

RULES = (ORDER, DISABLED, UNSYNCED, EMPTY, AUTOMATED)


def check(tree: Tree, graph: Graph) -> Iterator[Finding]:
    """Every ApplicationSet with the Applications it makes."""
    for one in tree.sets:
        children = [app for app in tree.apps if app.set == one.name]
        if rolls(one):
            yield from _disabled(tree, one)
            yield from _selected(one, children)
            yield from _heals(one)
        else:
            yield from _unordered(graph, one, children)


def rolls(one: AppSet) -> bool:
    return dig(spec(one.item), "strategy", "type") == "RollingSync" and bool(_steps(one))


def _steps(one: AppSet) -> list[Json]:
    return mappings(dig(spec(one.item), "strategy", "rollingSync", "steps"))


def selects(step: Json, labels: Mapping[str, Any]) -> bool:
    """All expressions must hold; a missing label fails In and passes NotIn."""
    return all(_holds(entry, labels) for entry in mappings(step.get("matchExpressions")))


def _holds(entry: Json, labels: Mapping[str, Any]) -> bool:
    key, operator, values = str(entry.get("key")), entry.get("operator"), listed(entry.get("values"))
    if key not in labels:
        return operator != "In"
    return {"In": labels[key] in values, "NotIn": labels[key] not in values}.get(str(operator), False)


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
            "Applications start at once: an ApplicationSet without RollingSync keeps no order",
            "set spec.strategy.type to RollingSync with one step a group",
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
        "at once: "
        "waves of Applications that an ApplicationSet makes are ignored",
        "set spec.strategy.type to RollingSync with one step a group, or drop the waves",
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
        f"ConfigMap {PARAMETERS} does not enable progressive syncs: the strategy is ignored, all "
        "Applications "
        "start at once",
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
                f"step {number} selects none of its {len(children)} Applications, so nothing is waited "
                "for there",
                "correct the step's matchExpressions (operators In and NotIn), or remove it",
            )
    for app in children:
        chosen = next((each for each in steps if selects(each, app.labels)), None)
        if chosen is None or str(chosen.get("maxUpdate", "")) in {"0", "0%"}:
            why = "no step selects it" if chosen is None else "its step says maxUpdate: 0"
            yield finding(
                UNSYNCED,
                one.where,
                of_app(app),
                f"{why}: RollingSync never syncs it, and everything after it waits for ever",
                "give it a label that a step selects, or add a step",
                other=of_set(one),
            )


def _heals(one: AppSet) -> Iterator[Finding]:
    if dig(spec(one.item), "template", "spec", "syncPolicy", "automated", "selfHeal"):
        yield finding(
            AUTOMATED,
            one.where,
            of_set(one),
            "its template asks for selfHeal, which RollingSync takes out of every Application",
            "drop syncPolicy.automated from the template, so that nobody relies on it",
        )
