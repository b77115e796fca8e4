"""A lint as a procedure: read the tree, build its graph, judge it, and say what was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bootstrap import cachefolder, history
from bootstrap.clock import Clock, SystemClock
from bootstrap.config.decode import suggest
from bootstrap.config.model import Environment
from bootstrap.errors import UsageError
from bootstrap.lint import graph, merge, rules, suppress, tree
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Rule, Tree
from bootstrap.lint.report import Report
from bootstrap.targets.base import Target

RULES = (*rules.RULES, *suppress.RULES)

_STAND_IN = "(stand-in)"  # the end of Manifest.via where the real thing could not be fetched


@dataclass(frozen=True)
class Choice:
    """Which rules are asked for: `only` these, where any is named, without the `ignored` ones."""

    only: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def of(self, known: Iterable[Rule]) -> tuple[Rule, ...]:
        return tuple(
            rule for rule in known if (not self.only or rule.id in self.only) and rule.id not in self.ignored
        )


ALL = Choice()


@dataclass(frozen=True)
class Linted:
    """The report, and what it was made from."""

    report: Report
    tree: Tree
    graph: Graph


def lint(
    config: Environment,
    target: Target,
    choice: Choice = ALL,
    *,
    strict: bool = False,
    clock: Clock | None = None,
) -> Linted:
    """Raises UsageError for a rule that does not exist, ConfigError and ToolError as `tree.read` does."""
    for name in (*choice.only, *choice.ignored):
        named(name)
    clock = clock or SystemClock()
    start = clock.monotonic()
    found = tree.read(
        config,
        target.tools,
        target.tool_environment,
        cachefolder.choose(config.home) / "lint",
        target.rendering,
    )
    needs = graph.build(found)
    judged = suppress.apply(rules.check(found, needs), found.files, {rule.id for rule in RULES})
    chosen = choice.of(RULES)
    ids = {rule.id for rule in chosen}
    learnt = history.learn(config.work / "runs" / config.name)
    report = Report(
        environment=config.name,
        rules=chosen,
        applications=sum(bool(app.position) for app in found.apps),
        waves=len({app.position for app in found.apps if app.position}),
        objects=len(found.manifests),
        findings=tuple(finding for finding in judged.kept if finding.rule in ids),
        suppressed=tuple(one for one in judged.suppressed if one.finding.rule in ids),
        unchecked=found.unchecked,
        advice=merge.advice(found, rules.constraints(found, needs), learnt),
        stand_ins=stand_ins(found),
        seconds=clock.monotonic() - start,
        strict=strict,
    )
    return Linted(report, found, needs)


def named(rule: str) -> Rule:
    """The rule of that name. Raises UsageError, with the nearest one."""
    known = {one.id: one for one in RULES}
    if rule not in known:
        cure = suggest(rule, list(known)) or "bootstrap lint --explain"
        raise UsageError(f"there is no rule '{rule}'", cure=cure)
    return known[rule]


def stand_ins(found: Tree) -> tuple[str, ...]:
    """What took the place of charts that could not be fetched."""
    origins = {item.via for item in (*found.manifests, *found.installed)}
    return tuple(sorted(via.removesuffix(_STAND_IN).strip() for via in origins if via.endswith(_STAND_IN)))
