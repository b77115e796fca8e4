"""The cluster → Picture. Reads only, and only what is needed for the pending members."""

from __future__ import annotations

from collections.abc import Iterable

from bootstrap.config.model import Environment
from bootstrap.diagnosis.model import Verdict
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import Json
from bootstrap.kubernetes.waves import WaveState


def diagnose(
    cluster: Cluster,
    state: WaveState,
    applications: Iterable[Json],
    secrets: Iterable[Json],
    config: Environment,
    now: float,
) -> tuple[Verdict, ...]:
    """Why the pending members of the current wave (or the root) are not done; one verdict a member.

    `secrets` are the ExternalSecrets, `now` Unix seconds. A member that gets on by itself has a verdict of
    Outlook.SLOW with the cause "slow": what it waits for, never a reason to fail. Never raises for what cannot
    be read; that is left out.
    """
    return ()
