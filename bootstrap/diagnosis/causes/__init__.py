"""Picture → Verdicts: one verdict a pending member, its root cause. Pure.

Each family's `rule` yields what the cluster shows (Candidates); what it has not shown for long enough is
"slow", and of the rest the one of the highest precedence is named (see catalogue.py). What is not ripe yet
holds back its possible consequences: while a store is being validated, an ExternalSecret's failure is slow.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.config.model import Environment
from bootstrap.diagnosis.causes import (
    degraded,
    deletion,
    drift,
    endless,
    network,
    nodes,
    pods,
    scheduling,
    secrets,
    source,
    storage,
    sync,
    unknown,
)
from bootstrap.diagnosis.causes.catalogue import BY_ID, RANK, SLOW, UNKNOWN
from bootstrap.diagnosis.causes.scene import Candidate, Rule, Scene
from bootstrap.diagnosis.model import Outlook, Verdict
from bootstrap.diagnosis.picture import Pending, Picture

RULES: tuple[Rule, ...] = (
    source.rule,
    sync.rule,
    nodes.rule,
    secrets.rule,
    storage.rule,
    scheduling.rule,
    pods.rule,
    network.rule,
    deletion.rule,
    degraded.rule,
    drift.rule,
    endless.rule,
    unknown.rule,
)


def judge(picture: Picture, config: Environment) -> tuple[Verdict, ...]:
    """One verdict a pending member, by wave and name."""
    order = sorted(
        picture.members, key=lambda member: (member.wave is not None, member.wave or 0, member.name)
    )
    return tuple(_verdict(picture, config, member) for member in order)


def _verdict(picture: Picture, config: Environment, member: Pending) -> Verdict:
    owner, candidates = member.name, _candidates(Scene(picture, config, member.name))
    if not candidates and member.sync == "Missing" and member.name != picture.root:
        owner = member.parent or picture.root
        candidates = _candidates(Scene(picture, config, owner))
    ranked = sorted(candidates, key=_order)
    young = [candidate for candidate in ranked if not ripe(picture, candidate)]
    for candidate in ranked:
        if candidate not in young and not any(_holds(other, candidate) for other in young):
            return _named(member, owner, candidate)
    return _slow(member, owner, next(iter(ranked), None), config)


def _candidates(scene: Scene) -> list[Candidate]:
    return [candidate for rule in RULES for candidate in rule(scene)]


def ripe(picture: Picture, candidate: Candidate) -> bool:
    """Whether the cluster has shown it for long enough."""
    after = BY_ID[candidate.cause].after
    return picture.now - candidate.since >= after if candidate.since is not None else after == 0


def _holds(young: Candidate, candidate: Candidate) -> bool:
    """Whether a candidate may be a mere consequence of one that is not ripe yet."""
    apart = young.path and candidate.path and young.path[0] != candidate.path[0]
    return RANK[young.cause] < RANK[candidate.cause] and not apart


def _order(candidate: Candidate) -> tuple[int, float, int, tuple[str, ...], str]:
    """By precedence, then the oldest, then the deepest; the rest only for the sake of a stable order."""
    since = candidate.since if candidate.since is not None else float("inf")
    return RANK[candidate.cause], since, -len(candidate.path), candidate.path, candidate.reason


def _chain(member: Pending, owner: str, candidate: Candidate | None) -> tuple[str, ...]:
    head = f"{member.kind} {member.name}"
    over = () if owner == member.name else (f"{owner}, which makes it",)
    return (head, *over, *(candidate.path if candidate else ()))


def _named(member: Pending, owner: str, candidate: Candidate) -> Verdict:
    return Verdict(
        cause=candidate.cause,
        outlook=Outlook.BLOCKED if member.stale else BY_ID[candidate.cause].outlook,
        app=member.name,
        wave=member.wave,
        chain=_chain(member, owner, candidate),
        reason=candidate.reason,
        command=candidate.command,
        since=candidate.since,
    )


def _slow(member: Pending, owner: str, candidate: Candidate | None, config: Environment) -> Verdict:
    reason = candidate.reason if candidate else member.reason
    command = candidate.command if candidate else f"bootstrap status --environment {config.name}"
    return Verdict(
        cause=SLOW,
        outlook=Outlook.SLOW,
        app=member.name,
        wave=member.wave,
        chain=_chain(member, owner, candidate),
        reason=reason,
        command=command,
        since=candidate.since if candidate else None,
    )


def stuck(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Those that do not get on by themselves."""
    return tuple(verdict for verdict in verdicts if verdict.outlook is not Outlook.SLOW)


__all__ = ["RULES", "SLOW", "UNKNOWN", "judge", "ripe", "stuck"]
