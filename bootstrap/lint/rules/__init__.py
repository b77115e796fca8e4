"""Tree, Graph → Findings. One module a family; each has RULES and check(tree, graph), and is listed here.

needs.py     what is missing, and what comes too late
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding, Rule, Tree
from bootstrap.lint.rules import needs


class Family(Protocol):
    """A module of rules."""

    @property
    def RULES(self) -> tuple[Rule, ...]: ...

    def check(self, tree: Tree, graph: Graph) -> Iterator[Finding]: ...


FAMILIES: tuple[Family, ...] = (needs,)
RULES: tuple[Rule, ...] = tuple(rule for family in FAMILIES for rule in family.RULES)


def check(tree: Tree, graph: Graph) -> tuple[Finding, ...]:
    """Everything that all rules find, sorted by file, line and rule. Pure."""
    found = {finding for family in FAMILIES for finding in family.check(tree, graph)}
    return tuple(sorted(found, key=lambda one: (one.where, one.rule, one.subject, one.other)))
