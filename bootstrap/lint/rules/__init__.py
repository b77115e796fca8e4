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
drift.py         what keeps differing from Git
secrets.py       secrets in Git
patterns.py      layouts that hurt later
naming.py        names

rule.py reads the text of each rule from texts/, one Markdown file a rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Protocol

from bootstrap.gitops.model import Tree, Unchecked
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding
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
from bootstrap.lint.rules.rule import Rule

__all__ = ["FAMILIES", "RULES", "Rule", "check", "constraints", "unchecked"]


class Family(Protocol):
    """A module of rules."""

    @property
    def RULES(self) -> tuple[Rule, ...]: ...

    def check(self, tree: Tree, graph: Graph) -> Iterator[Finding]: ...


FAMILIES: Mapping[str, Family] = {
    "Order of waves": order,
    "Applications": references,
    "Sync policy": policy,
    "AppProjects": projects,
    "ApplicationSets": sets,
    "Argo CD settings": installation,
    "Jobs and hooks": hooks,
    "Shared objects": owners,
    "Volumes": volumes,
    "Drift": drift,
    "Secrets": secrets,
    "Layout": patterns,
    "Names": naming,
}
RULES: tuple[Rule, ...] = tuple(rule for family in FAMILIES.values() for rule in family.RULES)


def unchecked(tree: Tree, graph: Graph) -> tuple[Unchecked, ...]:
    """What may be missing, and may come with what could not be rendered. Pure."""
    return (*order.unchecked(tree, graph), *projects.unchecked(tree)) if tree.blanks else ()


def check(tree: Tree, graph: Graph) -> tuple[Finding, ...]:
    """Everything that all rules find, sorted by file, line and rule. Pure.

    What one line makes of many objects (a template) is one finding.
    """
    found = {finding for family in FAMILIES.values() for finding in family.check(tree, graph)}
    alike: dict[Finding, list[Finding]] = {}
    for finding in sorted(found, key=lambda one: (one.where, one.rule, one.subject, one.other)):
        alike.setdefault(replace(finding, subject=""), []).append(finding)
    return tuple(counted(first, len(others)) for first, *others in alike.values())
