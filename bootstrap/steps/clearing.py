"""Remove from AWS what the audit proves to be the environment's, in rounds, until it is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

from bootstrap.aws import environments
from bootstrap.aws.audit import audit
from bootstrap.aws.inventory import Connect, Found, Owner, Proof, Resource
from bootstrap.aws.removal import command, order, removable, remove
from bootstrap.core.errors import DeadlineError, PermanentError, Problem, TemporaryError
from bootstrap.core.wait import Observation, until
from bootstrap.run.context import Context
from bootstrap.run.events import ResourceChanged, ResourceLeft


@dataclass(frozen=True)
class Cleared:
    """What the last audit showed: `left` was to go and did not, `others` were not to go."""

    left: tuple[Found, ...]
    others: tuple[Found, ...]


def clear(
    context: Context, ours: Callable[[Found], bool], patience: float, whose: Owner | None = None
) -> Cleared:
    """Remove whatever the audit finds and `ours` says yes to, for at most `patience` seconds.

    `whose`: another environment than the context's own.

    A round asks for the removal of everything, what holds others first, and looks again: AWS takes its time,
    and what was held yesterday is free today. Every removal that the audit confirms is an event.
    """
    connect = context.target.connect
    whose = whose or environments.owner(connect, context.config)
    asked, refused = dict[Resource, float](), dict[Resource, str]()
    seen = Cleared((), ())

    def probe() -> Observation[bool]:
        nonlocal seen
        found = audit(connect, whose)
        seen = Cleared(
            tuple(each for each in found if ours(each)), tuple(each for each in found if not ours(each))
        )
        there = {found.resource for found in seen.left}
        for resource in sorted(asked.keys() - there):
            took = context.clock.monotonic() - asked.pop(resource)
            context.emit(ResourceChanged(context.step, "delete", str(resource), took))
        for resource in sorted(there, key=order):
            if removable(resource.kind):
                asked.setdefault(resource, context.clock.monotonic())
                refused.pop(resource, None)
                if why := _refusal(connect, resource):
                    refused[resource] = why
        return Observation(None if seen.left else True, _said(seen.left, refused))

    with suppress(DeadlineError):  # what is left says so
        until(
            probe,
            what="AWS to be empty",
            deadline=min(patience, context.deadline),
            clock=context.clock,
            cancel=context.cancel,
            progress=context.progress,
        )
    return seen


def remaining(context: Context, seen: Cleared, why: str = "is still there", first: str = "") -> list[Problem]:
    """A problem and an event for everything that should not be there: what did not go, for that reason, and
    what lies in our network and is not ours; `first` is what to do with the latter before its removal."""
    before = {Proof.INSIDE: first, Proof.LINGERING: "wait some minutes and run the same again, else "}
    problems = []
    for found in (*seen.left, *(each for each in seen.others if each.proof is Proof.INSIDE)):
        cure = command(found.resource)
        reason = str(found.proof) if found.proof in before else why
        context.emit(ResourceLeft(context.step, str(found.resource), reason, cure))
        problems.append(Problem(str(found.resource), reason, f"{before.get(found.proof, '')}{cure}"))
    return problems


def _refusal(connect: Connect, resource: Resource) -> str:
    """Why AWS does not remove it now; empty when it does."""
    try:
        return "" if remove(connect, resource) else "something else holds it yet"
    except (TemporaryError, PermanentError) as error:
        return str(error)


def _said(left: Iterable[Found], refused: dict[Resource, str]) -> str:
    names = [f"{found.resource}{_because(refused.get(found.resource))}" for found in left]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} left: {', '.join(names[:3])}{more}" if names else ""


def _because(why: str | None) -> str:
    return f" ({why})" if why else ""
