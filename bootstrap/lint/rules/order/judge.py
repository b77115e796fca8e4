"""What a kind of need means for the order of waves: Needs → Findings, Needs → orders between Applications.

A need is satisfied in time if one of its providers is applied before the user, or in the user's own wave of
the same sync (Argo CD then follows the order of kinds). Two Applications of one wave race: that is a finding
only if it does not recover on its own in practice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from bootstrap.gitops.model import Manifest, Tree
from bootstrap.gitops.phases import is_hook
from bootstrap.kubernetes.argo import WAVE
from bootstrap.lint.graph import Graph, Need, Ordering, Timeline, Topic
from bootstrap.lint.graph.model import EXPERIENCE
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.rules import doubt
from bootstrap.lint.rules.facts import counted, thing
from bootstrap.lint.rules.rule import Rule

_RANK = {Ordering.BEFORE: 0, Ordering.TOGETHER: 1, Ordering.RACE: 2, Ordering.AFTER: 3}


@dataclass(frozen=True)
class OrderPolicy:
    """How needs of a topic are judged.

    `missing`, `late`: the rules for a need that nothing satisfies, or that is satisfied too late. `race`,
    `together`: how bad it is if the provider is in another Application of the same wave, or in the same wave
    of the same sync (None: it recovers on its own). `gap`: the smallest difference of wave numbers. The
    `why_…` texts say what happens in practice, `cure` what to add. `only` narrows a topic; the first policy
    that fits counts.
    """

    topic: Topic
    missing: Rule | None = None
    late: Rule | None = None
    why_missing: str = ""
    why_late: str = ""
    why_race: str = ""
    cure: str = ""
    race: Severity | None = None
    together: Severity | None = None
    gap: int = 1
    only: Callable[[Need], bool] = lambda _: True


@dataclass(frozen=True)
class Late:
    """A need that is fulfilled too late by `provider`, the earliest one."""

    need: Need
    provider: Manifest
    order: Ordering


class Judge:
    """Judges the needs of one tree by policies."""

    def __init__(self, tree: Tree, graph: Graph, policies: Iterable[OrderPolicy]) -> None:
        self._tree, self.timeline = tree, Timeline(tree)
        chosen = tuple(policies)
        fitting = ((_fitting(chosen, need), need) for need in graph.needs)
        self._needs = [(policy, need) for policy, need in fitting if policy]
        self._earliest = {id(need): self._find_earliest(need) for _, need in self._needs if not need.missing}

    def findings(self) -> Iterator[Finding]:
        """One for each Application and thing that it needs; further users of it are counted."""
        groups: dict[tuple[object, ...], list[Finding]] = {}
        for policy, need in self._needs:
            for found in (*self._missing(policy, need), *self._late(policy, need)):
                groups.setdefault(self._group(need, found), []).append(found)
        for found, *more in groups.values():
            yield counted(found, len(more))

    def _group(self, need: Need, found: Finding) -> tuple[object, ...]:
        """What one change cures is one finding. Experience is about whole Applications, whichever of them."""
        if need.topic in EXPERIENCE:
            app = self._tree.by_name.get(need.user.app)
            return found.rule, (app.set or app.name) if app else "", found.severity
        return found.rule, need.user.app, found.other

    def late(self, policy: OrderPolicy, need: Need) -> Late | None:
        """What of the need comes too late, however bad that is; None when nothing does."""
        if need.missing:
            return None
        order, provider = self._earliest[id(need)]
        if need.hard and provider.app == need.user.app:
            return None  # Argo CD applies Namespaces and CRDs of a sync before what needs them
        if order is Ordering.BEFORE and self._far(policy, need, provider):
            return None
        return Late(need, provider, order)

    def _find_earliest(self, need: Need) -> tuple[Ordering, Manifest]:
        orders = ((self.timeline.order(one, need.user), one) for one in need.providers)
        return min(orders, key=lambda pair: _RANK[pair[0]])

    def orders(self) -> Iterator[tuple[str, str, int]]:
        """Names of Applications, the first and the later one, and how many numbers must lie between; 0 where
        they may share a wave."""
        for policy, need in self._needs:
            apps = {one.app for one in need.providers}
            if policy.late and apps and "" not in apps and need.user.app not in apps:
                yield self._earliest[id(need)][1].app, need.user.app, policy.gap if policy.race else 0

    def hooks(self) -> Iterator[Late]:
        """Hooks that need what comes later."""
        for policy, need in self._needs:
            found = self.late(policy, need) if policy.late and is_hook(need.user) else None
            if found and found.order is Ordering.AFTER:
                yield found

    def doubtful(self) -> Iterator[Need]:
        """Needs that nothing rendered fulfils, but what could not be rendered may."""
        return (need for policy, need in self._needs if policy.missing and self._doubted(need))

    def _doubted(self, need: Need) -> bool:
        return need.missing and bool(doubt.possible(self._tree, need.topic, need.wanted))

    def _missing(self, policy: OrderPolicy, need: Need) -> Iterator[Finding]:
        if need.missing and policy.missing and not self._doubted(need):
            yield Finding(
                policy.missing.id,
                policy.missing.severity,
                need.user.where,
                self.said(need.user),
                need.wanted,
                f"{need.reason} needs {need.wanted}, which nothing provides: {policy.why_missing}",
                policy.cure.format(wanted=need.wanted, user=thing(need.user.item, need.user.namespace)),
            )

    def _late(self, policy: OrderPolicy, need: Need) -> Iterator[Finding]:
        found = self.late(policy, need) if policy.late else None
        if not found or not policy.late or (found.order is Ordering.AFTER and is_hook(need.user)):
            return
        severity = self._severity(policy, found.order)
        if severity:
            words = policy.why_race if found.order is Ordering.RACE and policy.why_race else policy.why_late
            yield Finding(
                policy.late.id,
                severity,
                need.user.where,
                self.said(need.user),
                self.said(found.provider),
                f"{_said(need)}, which is applied {_when(found.order)}: {words}",
                self.cure(found, policy.gap),
            )

    @staticmethod
    def _severity(policy: OrderPolicy, order: Ordering) -> Severity | None:
        match order:
            case Ordering.AFTER:
                return policy.late.severity if policy.late else None
            case Ordering.RACE:
                return policy.race
            case Ordering.TOGETHER:
                return policy.together
        return policy.race  # before, but not far enough

    def _far(self, policy: OrderPolicy, need: Need, provider: Manifest) -> bool:
        if policy.gap <= 1:
            return True
        first, then = self.timeline.siblings(provider, need.user)
        return then.wave - first.wave >= policy.gap

    def said(self, item: Manifest) -> str:
        """The object with its Application and wave."""
        what = thing(item.item, item.namespace)
        app = self._tree.by_name.get(item.app)
        return (
            f"{what} of Application {item.app} (wave {app.wave})"
            if app
            else f"{what} (installed before the root Application)"
        )

    def cure(self, late: Late, gap: int = 1) -> str:
        """What to type where."""
        user, provider = late.need.user, late.provider
        if user.app == provider.app:
            first, then = (thing(item.item, item.namespace) for item in (provider, user))
            number = provider.wave + 1
            if is_hook(user) and late.order is Ordering.AFTER:
                return f"move {first} to an earlier wave or phase, or make {then} a hook of a later phase"
            return f'move {then} to a wave after {first}\'s: {WAVE}: "{number}"'
        first_unit, then_unit = self.timeline.siblings(provider, user)
        if first_unit.of_set:
            steps = f"with {provider.app} in an earlier step than {user.app}"
            return f"use RollingSync in ApplicationSet {first_unit.of_set}, {steps}"
        number = first_unit.wave + max(gap, 1)
        return (
            f'move {then_unit} to a wave after {first_unit.wave}: {WAVE}: "{number}", '
            f"or {first_unit} to one before {then_unit.wave}"
        )


def _fitting(policies: tuple[OrderPolicy, ...], need: Need) -> OrderPolicy | None:
    return next((one for one in policies if one.topic is need.topic and one.only(need)), None)


def _said(need: Need) -> str:
    if need.topic in EXPERIENCE:
        return f"it should come after {need.wanted}"
    return f"it needs {need.wanted} ({need.reason})"


def _when(order: Ordering) -> str:
    match order:
        case Ordering.AFTER:
            return "later"
        case Ordering.RACE:
            return "in the same wave"
        case Ordering.TOGETHER:
            return "in the same wave of the same Application"
    return "too few waves before it"
