"""A lint as a procedure: build the tree's graph, judge it, and say what was found."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from bootstrap.config.model import Environment
from bootstrap.core.clock import Clock, SystemClock
from bootstrap.core.errors import UsageError
from bootstrap.core.suggest import suggest
from bootstrap.gitops.model import STAND_IN, Tree
from bootstrap.lint import graph, merge, rules, suppress
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Severity
from bootstrap.lint.report import Report
from bootstrap.lint.rules.rule import Rule
from bootstrap.run import history

RULES = (*rules.RULES, *suppress.RULES)


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


def choose(only: tuple[str, ...], ignored: tuple[str, ...]) -> Choice:
    """Raises UsageError for a rule that does not exist."""
    for rule in (*only, *ignored):
        named(rule)
    return Choice(only, ignored)


@dataclass(frozen=True)
class Linted:
    """The report, and what it was made from."""

    report: Report
    tree: Tree
    graph: Graph


def lint(
    config: Environment,
    tree: Tree,
    choice: Choice = ALL,
    *,
    strict: bool = False,
    seconds: float = 0.0,
    clock: Clock | None = None,
) -> Linted:
    """`seconds`: how long it took to read the tree."""
    clock = clock or SystemClock()
    start = clock.monotonic() - seconds
    needs = graph.build(tree)
    judged = suppress.apply(rules.check(tree, needs), tree.files, {rule.id for rule in RULES})
    chosen = {rule.id: rule for rule in choice.of(RULES)}
    sound = all(finding.severity is not Severity.ERROR for finding in judged.kept)
    report = Report(
        environment=config.name,
        rules=tuple(chosen.values()),
        applications=sum(bool(app.position) for app in tree.apps),
        waves=len({app.position for app in tree.apps if app.position}),
        objects=len(tree.manifests),
        findings=tuple(finding for finding in judged.kept if finding.rule in chosen),
        suppressed=tuple(one for one in judged.suppressed if one.finding.rule in chosen),
        unchecked=(*tree.unchecked, *rules.unchecked(tree, needs)),
        # Where a need is not met, an order may be missing, too.
        advice=_advice(config, tree, needs) if sound else (),
        stand_ins=stand_ins(tree),
        seconds=clock.monotonic() - start,
        strict=strict,
    )
    return Linted(report, tree, needs)


def _advice(config: Environment, found: Tree, needs: Graph) -> tuple[str, ...]:
    learnt = history.learn(config.work / "runs" / config.name)
    return merge.advice(found, rules.constraints(found, needs), learnt)


def named(rule: str) -> Rule:
    """The rule of that name. Raises UsageError, with the nearest one."""
    known = {one.id: one for one in RULES}
    if rule not in known:
        cure = suggest(rule, list(known)) or "bootstrap lint --explain"
        raise UsageError(f"there is no rule '{rule}'", cure=cure)
    return known[rule]


def stand_ins(found: Tree) -> tuple[str, ...]:
    """What could not be fetched and has stand-ins, in short: a chart by its name, a file by its last part."""
    origins = {
        item.via.removesuffix(STAND_IN).strip() for item in found.manifests if item.via.endswith(STAND_IN)
    }
    names = (via.split()[1] if via.startswith("chart ") else via.rpartition("/")[2] for via in origins)
    return tuple(sorted(set(names)))
