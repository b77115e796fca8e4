"""The cluster now, for `bootstrap diagnose`: which members of which waves are not done. Reads only."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.config.model import Environment
from bootstrap.core.errors import UsageError
from bootstrap.diagnosis.gather import gather, members
from bootstrap.diagnosis.picture import Pending, Picture
from bootstrap.kubernetes.argo import Expected
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import APPLICATION, APPLICATION_SET, EXTERNAL_SECRET, dig, name, status
from bootstrap.kubernetes.waves import WaveState, assess


@dataclass(frozen=True)
class Focus:
    """What is asked about: one wave, one Application; by default all that is not done."""

    wave: int | None = None
    app: str = ""


def take(cluster: Cluster, config: Environment, commit: str, focus: Focus, now: float) -> Picture:
    """Everything in one look. `commit` is what the Applications should be at; empty: what the root is at.

    Raises the errors of `kubernetes/errors.py` when the API server does not answer, and UsageError for a wave
    or Application that is not there.
    """
    gitops = config.gitops
    cluster.refresh()
    applications = cluster.list(APPLICATION, gitops.namespace)
    sets = cluster.list(APPLICATION_SET, gitops.namespace)
    secrets = cluster.list(EXTERNAL_SECRET)
    root = next((item for item in applications if name(item) == gitops.root_app), None)
    at = commit or str(dig(status(root or {}), "sync", "revision") or "")
    state = assess(root, applications, sets, Expected(gitops.repo_url, gitops.revision, at))
    pending = choose(state, focus)
    return gather(cluster, pending, applications, secrets, config=config, now=now)


def choose(state: WaveState, focus: Focus) -> tuple[Pending, ...]:
    """The pending members asked about: of the current wave and whatever else has been started."""
    _refuse(state, focus)
    current = state.current.number if state.current else None
    found = tuple(
        member
        for wave in state.waves
        for member in members(state, wave)
        if _wanted(member, focus, started=wave.number == current)
    )
    if found or focus.wave is not None or focus.app not in {"", state.root.name}:
        return found
    return members(state, None)


def _wanted(member: Pending, focus: Focus, *, started: bool) -> bool:
    if focus.app or focus.wave is not None:
        return focus.app in {"", member.name} and focus.wave in {None, member.wave}
    return started or member.sync != "Missing"


def _refuse(state: WaveState, focus: Focus) -> None:
    waves = {wave.number for wave in state.waves}
    if focus.wave is not None and state.planned and focus.wave not in waves:
        known = ", ".join(map(str, sorted(waves)))
        raise UsageError(f"there is no wave {focus.wave}", f"there are {known}", "bootstrap status")
    names = {member.name for wave in state.waves for member in wave.members} | {state.root.name}
    if focus.app and state.planned and focus.app not in names:
        raise UsageError(f"no wave has an Application {focus.app}", cure="bootstrap status")
