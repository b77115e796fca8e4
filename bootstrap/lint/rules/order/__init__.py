"""The order of waves: what is missing, what comes too late, and what cannot be ordered at all.

policy.py     Needs → Findings and orders, by policies
api.py, operators.py, pods.py, supply.py, network.py, runtime.py   rules and their policies, by topic
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from bootstrap.gitops.model import Tree, Unchecked
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding, Rule, Severity
from bootstrap.lint.order import Before
from bootstrap.lint.rules import doubt
from bootstrap.lint.rules.facts import thing
from bootstrap.lint.rules.order import api, network, operators, pods, runtime, supply
from bootstrap.lint.rules.order.examples import app, crd, joined
from bootstrap.lint.rules.order.policy import Judge, Policy

_JOB = """
apiVersion: batch/v1
kind: Job
metadata: {name: schema, namespace: default, annotations: {argocd.argoproj.io/hook: PHASE}}
spec: {template: {spec: {serviceAccountName: schema, containers: [{name: psql, image: "postgres:17"}]}}}
"""
_ACCOUNT = """
apiVersion: v1
kind: ServiceAccount
metadata: {name: schema, namespace: default}
"""
HOOK = Rule(
    "hook-later-wave",
    Severity.ERROR,
    "a hook that needs what comes only after it",
    """A sync waits for its PreSync hooks before it applies anything else, and for each wave's hooks
before the next wave. A hook's pods that wait for an object of a later phase or wave wait for ever, and
so does the sync: there is no time-out unless the Job has activeDeadlineSeconds.
Cure: make what it needs a hook of the same or an earlier phase and wave, or run the hook later
(PostSync).
Source: https://argo-cd.readthedocs.io/en/stable/user-guide/sync-waves/""",
    failing=joined(app("dev-web", 60), _ACCOUNT, _JOB.replace("PHASE", "PreSync")),
    passing=joined(app("dev-web", 60), _ACCOUNT, _JOB.replace("PHASE", "PostSync")),
)

_RABBIT = """
apiVersion: rabbitmq.com/v1beta1
kind: RabbitmqCluster
metadata: {name: mq, namespace: default}
"""
_REDIS = """
apiVersion: databases.spotahome.com/v1
kind: RedisFailover
metadata: {name: cache, namespace: default}
"""
CYCLE = Rule(
    "dependency-cycle",
    Severity.ERROR,
    "Applications that need each other",
    """Each has to be there before the next one, and the last before the first: no wave numbers can
order them. In different waves it is a deadlock; where only one wave helps, it is a matter of luck.
Cure: move the object that closes the circle to an Application of its own, in an earlier wave.""",
    failing=joined(
        app("dev-one", 1),
        crd("databases.spotahome.com", "RedisFailover", "redisfailovers"),
        _RABBIT,
        app("dev-two", 2),
        crd("rabbitmq.com", "RabbitmqCluster", "rabbitmqclusters"),
        _REDIS,
    ),
    passing=api.CRD_ORDER.passing,
)

_FAMILIES = (api, operators, pods, supply, network, runtime)
POLICIES: tuple[Policy, ...] = tuple(policy for family in _FAMILIES for policy in family.POLICIES)
RULES: tuple[Rule, ...] = (*(rule for family in _FAMILIES for rule in family.RULES), HOOK, CYCLE)


def check(tree: Tree, graph: Graph) -> Iterator[Finding]:
    judge = Judge(tree, graph, POLICIES)
    yield from judge.findings()
    yield from _hooks(judge)
    yield from _cycles(tree, _constraints(judge))


def unchecked(tree: Tree, graph: Graph) -> tuple[Unchecked, ...]:
    """Needs of which nobody knows, as not everything could be rendered."""
    return tuple(doubt.told(tree, Judge(tree, graph, POLICIES).doubtful()))


def _hooks(judge: Judge) -> Iterator[Finding]:
    for late in judge.hooks():
        need = late.need
        yield Finding(
            HOOK.id,
            HOOK.severity,
            need.user.where,
            judge.said(need.user),
            judge.said(late.provider),
            f"the hook needs {need.wanted} ({need.reason}), which comes after it: the sync waits for ever",
            judge.cure(late),
        )


def constraints(tree: Tree, graph: Graph) -> tuple[Before[str], ...]:
    """Orders between Applications, by name, that the needs and the rules of experience ask for.

    With a gap of 1 the first one has to be Healthy before the other one starts; with more, so many numbers
    have to lie between their waves; with 0 they may share a wave, but the first one must not come later. Of
    several providers that would each do, the earliest one is meant. Each pair once, with its largest gap.
    """
    return _constraints(Judge(tree, graph, POLICIES))


def _constraints(judge: Judge) -> tuple[Before[str], ...]:
    found: dict[tuple[str, str], int] = {}
    for first, then, gap in judge.orders():
        found[first, then] = max(gap, found.get((first, then), 0))
    return tuple(Before(first, then, gap) for (first, then), gap in found.items())


def _cycles(tree: Tree, orders: tuple[Before[str], ...]) -> Iterator[Finding]:
    needed: dict[str, set[str]] = {}
    for order in orders:
        needed.setdefault(order.then, set()).add(order.first)
    try:
        TopologicalSorter(needed).prepare()
    except CycleError as error:
        names = list(error.args[1])
        first, other = (tree.by_name[name] for name in names[:2])
        yield Finding(
            CYCLE.id,
            CYCLE.severity,
            first.where,
            thing(first.item),
            thing(other.item),
            f"each needs the one before it: {' → '.join(names)}; no wave numbers can order them",
            f"move what {first.name} gives to {other.name} to an Application of its own in an earlier wave",
        )
