"""A Terraform state lock that was left behind: broken with proof that its owner is dead, or when told so."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.steps import lock
from bootstrap.terraform.explain import Lock, StateLocked
from bootstrap.terraform.runner import Terraform
from bootstrap.terraform.stack import notes
from bootstrap.terraform.survivor import proof_of_death

T = TypeVar("T")


def unlocking(context: Context, terraform: Terraform, work: Callable[[], T]) -> T:
    """Do the work, breaking one lock that may be broken. Raises LockedError for one that may not."""
    try:
        return work()
    except StateLocked as error:
        reason = _reason(context, error.lock)
        if not reason:
            error.cure = (
                "wait until that run ends; only if you are sure that it is dead:"
                f" {context.command or 'bootstrap up'} --force-unlock {error.lock.id}"
            )
            raise
        found = error.lock
    terraform.force_unlock(found.id)
    whose = f"{found.id} of {found.who} for {found.operation}"
    context.emit(Notice(f"broke the Terraform state lock {whose}: {reason}"))
    return work()


def _reason(context: Context, found: Lock) -> str:
    if context.force.unlock == found.id:
        return "as you said (--force-unlock)"
    # Under the run lock no run of ours is at work elsewhere.
    return proof_of_death(notes(context.config), found) if lock.held(context) else ""
