"""The order of waves: what is missing, what comes too late, and what cannot be ordered.

policies.py  how the needs of each topic are judged
judge.py     Needs → Findings and orders, by these policies
"""

from __future__ import annotations

from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

from bootstrap.gitops.model import Tree, Unchecked
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding
from bootstrap.lint.order import Before
from bootstrap.lint.rules import doubt
from bootstrap.lint.rules.facts import thing
from bootstrap.lint.rules.order import policies
from bootstrap.lint.rules.order.judge import Judge
from bootstrap.lint.rules.order.policies import POLICIES
from bootstrap.lint.rules.rule import Rule

HOOK = Rule("hook-later-wave")
CYCLE = Rule("dependency-cycle")

RULES: tuple[Rule, ...] = (*policies.RULES, HOOK, CYCLE)


def check(tree: Tree, graph: Graph) -> Iterator[Finding]:
    judge = Judge(tree, graph, POLICIES)
    yield from judge.findings()
    yield from _hooks(judge)
    yield from _cycles(tree, _constraints(judge))


def unchecked(tree: Tree, graph: Graph) -> tuple[Unchecked, ...]:
    """Needs that are unknown because not everything could be rendered."""
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
            f"the hook needs {need.wanted} ({need.reason}), which is applied later: the sync waits forever",
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
            f"move what {other.name} needs from {first.name} to an Application of its own in an earlier wave",
        )
