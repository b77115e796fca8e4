"""Tree, Graph → Findings. One module a family; each has RULES and check(tree, graph), and is listed here.

order/           what is missing, what comes too late, what cannot be ordered
references.py    what an Application says about itself
policy.py        how Applications are synced
projects.py      what AppProjects permit
sets.py          ApplicationSets and RollingSync
installation.py  Argo CD's own settings
hooks.py         Jobs and hooks
owners.py        one object, two owners
volumes.py       claims and the pods that bind them
drift.py         what differs from Git for ever
secrets.py       secrets in Git
patterns.py      layouts that hurt later
naming.py        names
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Protocol

from bootstrap.gitops.model import Tree, Unchecked
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding, Rule
from bootstrap.lint.rules import (
    drift,
    hooks,
    installation,
    naming,
    order,
    owners,
    patterns,
    policy,
    projects,
    references,
    secrets,
    sets,
    volumes,
)
from bootstrap.lint.rules.facts import counted
from bootstrap.lint.rules.order import constraints

__all__ = ["RULES", "check", "constraints", "unchecked"]


class Family(Protocol):
    """A module of rules."""

    @property
    def RULES(self) -> tuple[Rule, ...]: ...

    def check(self, tree: Tree, graph: Graph) -> Iterator[Finding]: ...


FAMILIES: tuple[Family, ...] = (
    order,
    references,
    policy,
    projects,
    sets,
    installation,
    hooks,
    owners,
    volumes,
    drift,
    secrets,
    patterns,
    naming,
)
RULES: tuple[Rule, ...] = tuple(rule for family in FAMILIES for rule in family.RULES)


def unchecked(tree: Tree, graph: Graph) -> tuple[Unchecked, ...]:
    """What may be missing, and may come with what could not be rendered. Pure."""
    return (*order.unchecked(tree, graph), *projects.unchecked(tree)) if tree.blanks else ()


def check(tree: Tree, graph: Graph) -> tuple[Finding, ...]:
    """Everything that all rules find, sorted by file, line and rule. Pure.

    What one line makes of many objects (a template) is one finding.
    """
    found = {finding for family in FAMILIES for finding in family.check(tree, graph)}
    alike: dict[Finding, list[Finding]] = {}
    for finding in sorted(found, key=lambda one: (one.where, one.rule, one.subject, one.other)):
        alike.setdefault(replace(finding, subject=""), []).append(finding)
    return tuple(counted(first, len(others)) for first, *others in alike.values())
