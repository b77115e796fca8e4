"""What a picture of a tree shows: Applications, their waves, and the needs between them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from bootstrap.lint.graph import Graph, Order, Timeline
from bootstrap.lint.model import App, Tree

MOST_REASONS = 12  # in a tool tip


@dataclass(frozen=True)
class Box:
    """An Application. `row` counts waves from the top, `wave` is what it is called."""

    name: str
    row: int
    wave: str
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arrow:
    """From what is needed to who needs it. `broken`: what is needed comes too late, or nobody knows when."""

    provider: str
    user: str
    reasons: tuple[str, ...]
    broken: bool = False

    @property
    def kinds(self) -> str:
        """The kinds of objects that are needed, in short."""
        return ", ".join(dict.fromkeys(reason.split()[0] for reason in self.reasons))


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
    broken: bool = False


def drawing(tree: Tree, graph: Graph) -> Drawing:
    """Needs between Applications. What follows from a chain of others is left out, broken ones never are."""
    apps = [app for app in tree.apps if app.position]
    positions = sorted({app.position for app in apps})
    rows = {position: number for number, position in enumerate(positions)}
    arrows = tuple(_arrows(tree, graph))
    kept = _essential(arrows, {app.name: rows[app.position] for app in apps})
    return Drawing(
        tuple(Box(app.name, rows[app.position], wave_name(app.position), _notes(app)) for app in apps),
        kept,
        tuple(wave_name(position) for position in positions),
        len(arrows) - len(kept),
    )


def wave_name(position: tuple[int, ...]) -> str:
    """`35`, and `20/3` for wave 3 inside of wave 20."""
    return "/".join(map(str, position))


def _notes(app: App) -> tuple[str, ...]:
    made = (f"made by ApplicationSet {app.set}",) if app.set else ()
    return (*made, f"{len(app.manifests)} objects", str(app.where))


def _arrows(tree: Tree, graph: Graph) -> Iterable[Arrow]:
    timeline = Timeline(tree)
    pairs: defaultdict[tuple[str, str], _Pair] = defaultdict(_Pair)
    for need in graph.needs:
        owners = {provider.app for provider in need.providers}
        if need.user.app in owners or "" in owners or not owners:
            continue  # its own, or there before the first wave
        orders = {
            provider.app: timeline.order(provider, need.user) in {Order.BEFORE, Order.TOGETHER}
            for provider in need.providers
        }
        served = any(orders.values())
        for owner, early in orders.items():
            if early or not served:  # an alternative that comes late harms nobody
                pair = pairs[owner, need.user.app]
                pair.broken |= not early
                pair.reasons.append(f"{need.wanted} for {need.user.key}")
    drawn = tree.by_name
    for (provider, user), pair in sorted(pairs.items()):
        if drawn[provider].position and drawn[user].position:
            yield Arrow(provider, user, _shortened(pair.reasons), pair.broken)


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
