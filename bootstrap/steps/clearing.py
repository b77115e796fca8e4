"""Remove from AWS what the audit proves to be the environment's, in rounds, until it is gone."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache

from bootstrap.aws.api import Api
from bootstrap.aws.audit import audit
from bootstrap.aws.inventory import Connect, Found, Owner, Resource, owner
from bootstrap.aws.removal import order, removable, remove
from bootstrap.context import Context
from bootstrap.errors import DeadlineError, PermanentError, TemporaryError
from bootstrap.events import ResourceChanged
from bootstrap.wait import Observation, until


def clear(
    context: Context, ours: Callable[[Found], bool], patience: float, whose: Owner | None = None
) -> tuple[Found, ...]:
    """Remove whatever the audit finds and `ours` says yes to; what is left of it after `patience` seconds.

    `whose`: another environment than the context's own.

    A round asks for the removal of everything, what holds others first, and looks again: AWS takes its time,
    and what was held yesterday is free today. Every removal that the audit confirms is an event.
    """
    whose = whose or owner(context.config)
    began, asked, refused = context.clock.monotonic(), dict[Resource, float](), dict[Resource, str]()
    left: tuple[Found, ...] = ()

    def probe() -> Observation[bool]:
        nonlocal left
        left = tuple(found for found in audit(connection(context), whose) if ours(found))
        there = {found.resource for found in left}
        for resource in sorted(asked.keys() - there):
            context.emit(ResourceChanged(context.step, "delete", str(resource), _since(asked.pop(resource))))
        for resource in sorted(there, key=order):
            if removable(resource.kind):
                asked.setdefault(resource, context.clock.monotonic())
                refused.pop(resource, None)
                if why := _refusal(context, resource):
                    refused[resource] = why
        return Observation(None if left else True, _said(left, refused))

    def _since(start: float) -> float:
        return context.clock.monotonic() - start

    try:
        until(
            probe,
            what="AWS to be empty",
            deadline=min(patience, context.deadline - (context.clock.monotonic() - began)),
            clock=context.clock,
            cancel=context.cancel,
            progress=context.progress,
        )
    except DeadlineError:
        return left
    return ()


def connection(context: Context) -> Connect:
    """One client a service for the whole step."""
    return cache(lambda service: Api(context.target.client(service)))


def _refusal(context: Context, resource: Resource) -> str:
    """Why AWS does not remove it now; empty when it does."""
    try:
        return "" if remove(connection(context), resource) else "something else holds it yet"
    except (TemporaryError, PermanentError) as error:
        return str(error)


def _said(left: Iterable[Found], refused: dict[Resource, str]) -> str:
    names = [f"{found.resource}{_because(refused.get(found.resource))}" for found in left]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{len(names)} left: {', '.join(names[:3])}{more}" if names else ""


def _because(why: str | None) -> str:
    return f" ({why})" if why else ""
