"""What a picture of a tree shows: Applications, their waves, and the needs between them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bootstrap.gitops.model import App, Tree
from bootstrap.lint.graph import Graph, Ordering, Timeline
from bootstrap.lint.order import Before

MOST_REASONS = 12  # in a tool tip


@dataclass(frozen=True)
class Box:
    """An Application, or those that one set makes in one step. `row` counts waves from the top, `wave` is
    what it is called."""

    name: str
    row: int
    wave: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrow:
    """From what is needed to who needs it. `topics` is that in short; `broken`: what is needed comes too
    late, or perhaps too late."""

    provider: str
    user: str
    reasons: tuple[str, ...]
    topics: tuple[str, ...] = ()
    broken: bool = False


@dataclass(frozen=True)
class Drawing:
    """`boxes` in order of time. `left_out` counts arrows that follow from others."""

    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    waves: tuple[str, ...] = ()
    left_out: int = 0
    title: str = "sync waves"

    @cached_property
    def rows(self) -> Mapping[str, int]:
        return {box.name: box.row for box in self.boxes}


@dataclass
class _Pair:
    reasons: list[str] = field(default_factory=list)
    topics: set[str] = field(default_factory=set)
    broken: bool = False


def drawing(
    tree: Tree, graph: Graph, orders: Iterable[Before[str]] = (), title: str = "sync waves"
) -> Drawing:
    """Needs between Applications. What follows from a chain of others is left out, broken ones never are.

    `orders` says what must not even start together (a gap of 1); what comes too late is broken in any case.
    """
    apps = [app for app in tree.apps if app.position]
    positions = sorted({app.position for app in apps})
    rows = {position: number for number, position in enumerate(positions)}
    members: defaultdict[str, list[App]] = defaultdict(list)
    for app in apps:
        members[_box_of(app)].append(app)
    boxes = tuple(_box(name, made, rows) for name, made in members.items())
    apart = {(order.first, order.then) for order in orders if order.gap}
    arrows = tuple(_arrows(tree, graph, apart))
    kept = _essential(arrows, {box.name: box.row for box in boxes})
    return Drawing(boxes, kept, tuple(map(wave_name, positions)), len(arrows) - len(kept), title)


def wave_name(position: tuple[int, ...]) -> str:
    """`35`, and `20/3` for wave 3 inside of wave 20."""
    return "/".join(map(str, position))


def _box_of(app: App) -> str:
    """What Argo CD starts together is one box."""
    if not app.set:
        return app.name
    return app.set if app.step is None else f"{app.set} step {app.step}"


def _box(name: str, members: list[App], rows: Mapping[tuple[int, ...], int]) -> Box:
    first = members[0]
    objects = f"{sum(len(app.manifests) for app in members)} objects"
    made = (", ".join(app.name for app in members),) if first.set else ()
    return Box(name, rows[first.position], wave_name(first.position), (*made, objects, str(first.where)))


def _arrows(tree: Tree, graph: Graph, apart: Collection[tuple[str, str]]) -> Iterator[Arrow]:
    timeline = Timeline(tree)
    boxes = {app.name: _box_of(app) for app in tree.apps if app.position}
    pairs: defaultdict[tuple[str, str], _Pair] = defaultdict(_Pair)
    for need in graph.needs:
        owners = {provider.app for provider in need.providers}
        if need.user.app in owners or "" in owners:
            continue  # its own, or there before the first wave
        early = {
            one.app: (order := timeline.order(one, need.user)) is not Ordering.AFTER
            and (order is not Ordering.RACE or (one.app, need.user.app) not in apart)
            for one in need.providers
        }
        for owner, in_time in early.items():
            if in_time or not any(early.values()):  # an alternative that comes late does no harm
                pair = pairs[boxes.get(owner, ""), boxes.get(need.user.app, "")]
                pair.broken |= not in_time
                pair.reasons.append(f"{need.wanted} for {need.user.key}")
                pair.topics.add(need.topic)
    for (provider, user), pair in sorted(pairs.items()):
        if provider and user and (provider != user or pair.broken):
            yield Arrow(provider, user, _shortened(pair.reasons), tuple(sorted(pair.topics)), pair.broken)


def _shortened(reasons: list[str]) -> tuple[str, ...]:
    unique = list(dict.fromkeys(reasons))
    more = len(unique) - MOST_REASONS
    return (*unique[:MOST_REASONS], *([f"and {more} more"] if more > 0 else []))


def _essential(arrows: tuple[Arrow, ...], rows: Mapping[str, int]) -> tuple[Arrow, ...]:
    """Without the sound arrows that a longer way of sound arrows says, too (transitive reduction)."""
    after: defaultdict[str, set[str]] = defaultdict(set)
    for arrow in arrows:
        if not arrow.broken and rows[arrow.provider] < rows[arrow.user]:
            after[arrow.provider].add(arrow.user)
    reach: dict[str, set[str]] = {}
    for name in sorted(rows, key=lambda name: rows[name], reverse=True):
        reach[name] = after[name].union(*(reach[then] for then in after[name]))
    return tuple(
        arrow
        for arrow in arrows
        if arrow.broken
        or not any(arrow.user in reach[then] for then in after[arrow.provider] if then != arrow.user)
    )
