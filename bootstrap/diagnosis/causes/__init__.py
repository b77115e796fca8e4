"""Picture → Verdicts: one verdict a pending member, its root cause. Pure.

Each family's `rule` yields what the cluster shows (Findings); what it has not shown for long enough is
"slow", and of the rest the one of the highest precedence is named (see catalogue.py). What is not ripe yet
holds back its possible consequences: while a store is being validated, an ExternalSecret's failure is slow.
"""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.config.model import Environment
from bootstrap.diagnosis.causes import network, nodes, pods, rest, scheduling, secrets, source, storage, sync
from bootstrap.diagnosis.causes.catalogue import BY_ID, RANK, SLOW, UNKNOWN
from bootstrap.diagnosis.causes.scene import Finding, Rule, Scene
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
    rest.rule,
)


def judge(picture: Picture, config: Environment) -> tuple[Verdict, ...]:
    """One verdict a pending member, by wave and name."""
    order = sorted(
        picture.members, key=lambda member: (member.wave is not None, member.wave or 0, member.name)
    )
    return tuple(_verdict(picture, config, member) for member in order)


def _verdict(picture: Picture, config: Environment, member: Pending) -> Verdict:
    owner, findings = member.name, _findings(Scene(picture, config, member.name))
    if not findings and member.sync == "Missing" and member.name != picture.root:
        owner = member.parent or picture.root
        findings = _findings(Scene(picture, config, owner))
    ranked = sorted(findings, key=_order)
    young = [finding for finding in ranked if not ripe(picture, finding)]
    for finding in ranked:
        if finding not in young and not any(_holds(other, finding) for other in young):
            return _named(member, owner, finding)
    return _slow(member, owner, next(iter(ranked), None), config)


def _findings(scene: Scene) -> list[Finding]:
    return [finding for rule in RULES for finding in rule(scene)]


def ripe(picture: Picture, finding: Finding) -> bool:
    """Whether the cluster has shown it for long enough."""
    after = BY_ID[finding.cause].after
    return picture.now - finding.since >= after if finding.since is not None else after == 0


def _holds(young: Finding, finding: Finding) -> bool:
    """Whether a finding may be a mere consequence of one that is not ripe yet."""
    apart = young.path and finding.path and young.path[0] != finding.path[0]
    return RANK[young.cause] < RANK[finding.cause] and not apart


def _order(finding: Finding) -> tuple[int, float, int, tuple[str, ...], str]:
    """By precedence, then the oldest, then the deepest; the rest only for the sake of a stable order."""
    since = finding.since if finding.since is not None else float("inf")
    return RANK[finding.cause], since, -len(finding.path), finding.path, finding.reason


def _chain(member: Pending, owner: str, finding: Finding | None) -> tuple[str, ...]:
    head = f"{member.kind} {member.name}"
    over = () if owner == member.name else (f"{owner}, which makes it",)
    return (head, *over, *(finding.path if finding else ()))


def _named(member: Pending, owner: str, finding: Finding) -> Verdict:
    return Verdict(
        cause=finding.cause,
        outlook=Outlook.BLOCKED if member.stale else BY_ID[finding.cause].outlook,
        app=member.name,
        wave=member.wave,
        chain=_chain(member, owner, finding),
        reason=finding.reason,
        command=finding.command,
        since=finding.since,
    )


def _slow(member: Pending, owner: str, finding: Finding | None, config: Environment) -> Verdict:
    reason = finding.reason if finding else member.reason
    command = finding.command if finding else f"bootstrap status --environment {config.name}"
    return Verdict(
        cause=SLOW,
        outlook=Outlook.SLOW,
        app=member.name,
        wave=member.wave,
        chain=_chain(member, owner, finding),
        reason=reason,
        command=command,
        since=finding.since if finding else None,
    )


def stuck(verdicts: Iterable[Verdict]) -> tuple[Verdict, ...]:
    """Those that do not get on by themselves."""
    return tuple(verdict for verdict in verdicts if verdict.outlook is not Outlook.SLOW)


__all__ = ["RULES", "SLOW", "UNKNOWN", "judge", "ripe", "stuck"]
