"""Which neighbouring waves could be one, and the time that would save: advice, never a finding. Pure.

Every wave costs a gate: all of it has to be Healthy before the next one begins. Waves that nothing orders
could share one; an order that allows one wave (gap 0) stands for a need all the same. Where an order has a
reason besides a need, the rules name it, and it is among the orders; that applications start only once all
infrastructure stands (platform rule 6) is kept in any case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bootstrap.core.text import duration, plural
from bootstrap.gitops.model import STAND_IN, Tree
from bootstrap.lint.children import Child, Children
from bootstrap.lint.order import Before
from bootstrap.run.history import Learnt

FIRST_OF_APPLICATIONS = 60  # the wave from which on there is no infrastructure any more

# Seconds that a gate takes at least where no run has told: Argo CD waits 2 s between waves
# (ARGOCD_SYNC_WAVE_DELAY) and needs about one more to see that all is Healthy.
GATE = 3.0


@dataclass(frozen=True)
class Merge:
    """Neighbouring waves that could be one. `seconds` is what that saves, `learnt` whether runs told it."""

    waves: tuple[int, ...]
    seconds: float
    learnt: bool


def advice(tree: Tree, orders: Iterable[Before[str]], learnt: Learnt) -> tuple[str, ...]:
    """A line each, and one about what cannot be told here."""
    children = Children(tree)
    dark = {children.annotations[child].wave for child in _unknown(tree, children) if children.top(child)}
    lines = [_line(merge, learnt) for merge in merges(tree, orders, learnt)]
    if dark:
        shown = ", ".join(map(str, sorted(dark)))
        lines.append(f"waves with stand-ins or unchecked parts, which may or may not be merged: {shown}")
    return tuple(lines)


def merges(tree: Tree, orders: Iterable[Before[str]], learnt: Learnt) -> Iterator[Merge]:
    """The largest groups, from the first wave on. `orders` are between Applications, by name."""
    children = Children(tree)
    waves: defaultdict[int, set[Child]] = defaultdict(set)
    for child, annotation in children.annotations.items():
        if children.top(child):
            waves[annotation.wave].add(child)
    ordered = {(order.first, order.then) for order in children.lift(orders)}
    unknown = _unknown(tree, children)
    for group in _groups(waves, ordered, unknown):
        if len(group) > 1:
            yield Merge(tuple(group), *_saving(group, learnt))


def _groups(
    waves: Mapping[int, set[Child]], ordered: set[tuple[Child, Child]], unknown: set[Child]
) -> Iterator[list[int]]:
    """Neighbours as long as nothing orders any two of them."""
    group: list[int] = []
    members: set[Child] = set()
    for wave in sorted(waves):
        apart = (
            any((one, other) in ordered for one in members for other in waves[wave])
            or (members | waves[wave]) & unknown
            or (group and group[-1] < FIRST_OF_APPLICATIONS <= wave)
        )
        if apart:
            yield group
            group, members = [], set()
        group.append(wave)
        members |= waves[wave]
    yield group


def _unknown(tree: Tree, children: Children) -> set[Child]:
    """Children of which not everything could be rendered: they may need something unknown, and a stand-in
    needs less than the chart that it is for."""
    told = (*(one.what for one in tree.unchecked), *(one.what for one in tree.broken))
    words = {word for what in told for word in what.split()}
    files = {one.where.file for one in tree.unchecked} | {one.where.file for one in tree.broken}
    dark = (
        app
        for app in tree.apps
        if not app.manifests
        or app.where.file in files
        or app.name in words
        or any(item.via.endswith(STAND_IN) for item in app.manifests)
    )
    return {child for app in dark for child in children.way(app.name)[:1]}


def _saving(group: list[int], learnt: Learnt) -> tuple[float, bool]:
    """Together they take as long as the longest of them."""
    if all(wave in learnt.waves for wave in group):
        took = [learnt.waves[wave].median for wave in group]
        return sum(took) - max(took), True
    return GATE * (len(group) - 1), False


def _line(merge: Merge, learnt: Learnt) -> str:
    *first, last = map(str, merge.waves)
    source = (
        f"measured in {plural(learnt.runs, 'earlier run')}"
        if merge.learnt
        else f"estimated at {GATE:.0f} s per wave"
    )
    return (
        f"waves {', '.join(first)} and {last} could be merged: nothing in them depends on each other; "
        f"saves about {duration(merge.seconds)} ({source})"
    )
