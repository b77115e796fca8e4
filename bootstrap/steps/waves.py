"""Wave by wave to Healthy: watch, tell, nudge what does not get on by itself, and name what is stuck."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from bootstrap.context import Context
from bootstrap.errors import DeadlineError, PermanentError, StuckError, TemporaryError
from bootstrap.events import AppSeen, WaveFinished, WavesPlanned, WaveStarted
from bootstrap.kubernetes.argo import Expected
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.commands import kubectl
from bootstrap.kubernetes.diagnosis import explain
from bootstrap.kubernetes.errors import NotFound
from bootstrap.kubernetes.objects import APPLICATION, APPLICATION_SET, EXTERNAL_SECRET, Json, name
from bootstrap.kubernetes.repairs import Ledger, Repair, needed, perform
from bootstrap.kubernetes.watch import Mirror, Scope, World, until
from bootstrap.kubernetes.waves import Member, Wave, WaveState, assess
from bootstrap.plan import Done
from bootstrap.steps.access import ClusterAccess
from bootstrap.steps.root_app import expected
from bootstrap.wait import Observation

MOST_RELAPSES = 3  # times that a finished wave gets its deadline anew


@dataclass(frozen=True)
class WavesDone:
    """The waves with their members, as they became Healthy at `expected`."""

    expected: Expected
    waves: tuple[Wave, ...]


def run(context: Context) -> Done:
    """Watch until every wave is done.

    Raises DeadlineError when a wave is late and StuckError when its syncs keep failing; both name wave,
    Applications, what Argo CD and their resources say, the runbook's hint, and the next command.
    """
    cluster = context.results.get(ClusterAccess).cluster
    watcher = Watcher(context, cluster, expected(context))
    with Mirror(cluster, *scopes(context)) as world:
        state = until(world, watcher.decide, context, what="waves")
    apps = sum(len(wave.members) for wave in state.waves)
    summary = f"{len(state.waves)} waves, {apps} Applications Synced and Healthy"
    return Done(summary, WavesDone(watcher.expected, state.waves), changed=watcher.waited)


def scopes(context: Context) -> tuple[Scope, ...]:
    namespace = context.config.gitops.namespace
    return Scope(APPLICATION, namespace), Scope(APPLICATION_SET, namespace), Scope(EXTERNAL_SECRET)


def look(context: Context, world: World, wanted: Expected) -> WaveState:
    """The state of all waves as the world shows it."""
    applications = world.items(APPLICATION)
    root = next((item for item in applications if name(item) == context.config.gitops.root_app), None)
    return assess(root, applications, world.items(APPLICATION_SET), wanted)


class Watcher:
    """Turns states into events, repairs and errors."""

    def __init__(self, context: Context, cluster: Cluster, wanted: Expected) -> None:
        self._context, self._cluster, self.expected = context, cluster, wanted
        self._ledger = Ledger()
        self._announced: tuple[tuple[int, tuple[str, ...]], ...] = ()
        self._seen: dict[str, Member] = {}
        self._finished: set[int] = set()
        self._begun: dict[int, float] = {}  # by the monotonic clock
        self._relapses: Counter[int] = Counter()
        self._current: int | None = None
        self._since = context.clock.monotonic()
        self.waited = False

    def decide(self, world: World) -> Observation[WaveState]:
        state = look(self._context, world, self.expected)
        self._announce(state)
        self._tell(state)
        self._advance(state)
        if state.done:
            return Observation(state)
        self.waited = True
        repairs = self._repairs(state, world)
        self._nudge(repairs)
        self._enforce(state, world, repairs)
        return Observation(None, _reason(state))

    def _announce(self, state: WaveState) -> None:
        waves = tuple(
            (wave.number, tuple(member.name for member in wave.members if not member.owner))
            for wave in state.waves
        )
        if waves and waves != self._announced:
            self._announced = waves
            self._context.emit(WavesPlanned(waves))

    def _tell(self, state: WaveState) -> None:
        for wave in state.waves:
            for member in wave.members:
                if self._seen.get(member.name) != member:
                    self._seen[member.name] = member
                    self._context.emit(
                        AppSeen(wave.number, member.name, member.sync, member.health, member.reason)
                    )

    def _advance(self, state: WaveState) -> None:
        """Finish every wave up to the first that is not done, and start that one. Each once."""
        for wave in state.waves:
            if wave.number not in self._begun:
                self._begun[wave.number] = self._since = self._context.clock.monotonic()
                self._context.emit(WaveStarted(wave.number, tuple(member.name for member in wave.members)))
            if not wave.done:
                self._turn_to(wave)
                return
            if wave.number not in self._finished:
                self._finished.add(wave.number)
                self._since = self._context.clock.monotonic()
                self._context.emit(WaveFinished(wave.number, self._since - self._begun[wave.number]))

    def _turn_to(self, wave: Wave) -> None:
        """A finished wave may relapse; it gets its deadline anew, but not for ever."""
        if wave.number in self._finished and wave.number != self._current:
            self._relapses[wave.number] += 1
            if self._relapses[wave.number] <= MOST_RELAPSES:
                self._since = self._context.clock.monotonic()
        self._current = wave.number

    def _elapsed(self) -> float:
        return self._context.clock.monotonic() - self._since

    def _deadline(self, wave: Wave | None) -> float:
        """Seconds; also for the time before the waves are known and for the root to settle after them."""
        waves = self._context.config.waves
        return waves.deadlines.get(wave.number, waves.deadline) if wave else waves.deadline

    def _repairs(self, state: WaveState, world: World) -> list[Repair]:
        return list(
            needed(
                world.items(APPLICATION),
                world.items(EXTERNAL_SECRET),
                expected=self.expected,
                now=self._context.clock.now(),
                patience=self._deadline(state.current) / 2,
                root=self._context.config.gitops.root_app,
                awaited=[
                    member.name for member in (state.current.pending if state.current else (state.root,))
                ],
            )
        )

    def _nudge(self, repairs: list[Repair]) -> None:
        now = self._context.clock.now()
        for repair in self._ledger.due(repairs, self._context.clock.monotonic()):
            try:
                perform(self._cluster, repair, now)
            except (TemporaryError, NotFound):
                continue  # it was changed or removed meanwhile: the next look decides anew
            if not repair.routine:
                self._context.progress(str(repair))

    def _enforce(self, state: WaveState, world: World, repairs: list[Repair]) -> None:
        late = self._elapsed() > self._deadline(state.current)
        used_up = self._ledger.exhausted(repairs, self._context.clock.monotonic())
        hopeless = [repair for repair in used_up if repair.what == "sync"]
        if late:
            raise self._error(DeadlineError, state, world, f"after {self._elapsed():.0f} s")
        if hopeless:
            tried = f"its sync failed again and again ({', '.join(repair.key.name for repair in hopeless)})"
            raise self._error(StuckError, state, world, tried)

    def _error(self, kind: type[PermanentError], state: WaveState, world: World, how: str) -> PermanentError:
        config, wave = self._context.config, state.current
        applications: tuple[Json, ...] = world.items(APPLICATION)
        pending = wave.pending if wave else (state.root,)
        reasons = explain(self._cluster, pending, applications, world.items(EXTERNAL_SECRET))
        if wave and not state.root.done and any(member.sync == "Missing" for member in pending):
            reasons.append(f"{state.root.name}: {state.root.reason}")
        hint = config.waves.hints.get(wave.number, "") if wave else ""
        what = (
            f"wave {wave.number} is not Healthy {how}" if wave else f"the root Application is not done {how}"
        )
        command = kubectl(
            config, "-n", config.gitops.namespace, "describe", pending[0].kind.lower(), pending[0].name
        )
        why = "\n" + "\n".join(f"  - {reason}" for reason in reasons)
        return kind(what, why, "\n".join(filter(None, (hint, command))))


def _reason(state: WaveState) -> str:
    wave = state.current
    if not state.planned or wave is None:
        return f"{state.root.name} {state.root.reason}"
    pending = wave.pending
    more = f" and {len(pending) - 1} more" if len(pending) > 1 else ""
    return f"wave {wave.number}: {pending[0].name} {pending[0].reason}{more}"
