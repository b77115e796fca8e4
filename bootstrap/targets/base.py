"""What a target adds to a plan: steps of its own. Only plan.py reads them."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.recovery.etcd import TakeSnapshot
from bootstrap.run.step import Step


@dataclass(frozen=True)
class Phases:
    """`before` prepares the target for `up`; `tools_from` names the steps of it that make the tools. `during`
    stands between the root Application and the waves. `wake` makes the target answer for other commands.
    `after` disposes of it when a `down` is through. `snapshot` has etcd's own tool write a snapshot;
    `backed_up` follows a backup."""

    before: tuple[Step, ...] = ()
    tools_from: tuple[str, ...] = ()
    during: tuple[Step, ...] = ()
    wake: tuple[Step, ...] = ()
    after: tuple[Step, ...] = ()
    snapshot: TakeSnapshot | None = None
    backed_up: tuple[Step, ...] = ()
