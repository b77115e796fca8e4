"""Wave by wave to Healthy: watch, tell, nudge what does not get on by itself, and name what is stuck."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from bootstrap.core.errors import DeadlineError, PermanentError, StuckError, TemporaryError
from bootstrap.core.wait import Observation
from bootstrap.diagnosis import Verdict, diagnose
from bootstrap.diagnosis.words import lines
from bootstrap.gitops.model import Tree
from bootstrap.kubernetes.argo import Expected, slim
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.commands import kubectl
from bootstrap.kubernetes.errors import NotFound
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope, until
from bootstrap.kubernetes.objects import APPLICATION, APPLICATION_SET, EXTERNAL_SECRET, name, terminating
from bootstrap.kubernetes.repairs import Ledger, Repair, needed, perform
from bootstrap.kubernetes.waves import Member, Memory, PlannedMember, Wave, WaveState, assess
from bootstrap.run.context import Context
from bootstrap.run.events import AppSeen, Diagnosed, Notice, WaveFinished, WavesPlanned, WaveStarted
from bootstrap.run.folder import runs_of
from bootstrap.run.history import Learnt, learn
from bootstrap.run.step import Done
from bootstrap.steps.access import ClusterAccess
from bootstrap.steps.inquiry import Inquiry, Start, in_a_thread
from bootstrap.steps.planned import announced, planned
from bootstrap.steps.root_app import expected

MOST_RELAPSES = 3  # times that a finished wave gets its deadline anew
AFTERWARDS = ("verify",)  # steps that follow, for the time that is left
AT_ONCE = 8  # repairs that are begun together
CARE = 50.0  # times as long as it took: the pause until pending Applications are cared for again
SLOWER = 1.5  # times what nine of ten earlier runs took: then a wave is said to be slower than usual


def run(context: Context) -> Done:
    """Watch until every wave is done.

    Raises DeadlineError when a wave is late, and StuckError when its syncs keep failing or nothing that it
    waits for will ever heal; both name wave, Applications, causes, the runbook's hint, and the next command.
    """
    cluster = context.results.get(ClusterAccess).cluster
    watcher = Watcher(context, cluster, expected(context))
    watcher.prepare(
        planned(context.results.get(Tree), context.config.gitops.root_app), learn(runs_of(context.config))
    )
    with Informer(cluster, *scopes(context)) as cache:
        state = until(cache, watcher.decide, context, what="waves")
    apps = sum(len(wave.members) for wave in state.waves)
    summary = f"{len(state.waves)} waves, {apps} Applications Synced and Healthy"
    return Done(summary, changed=watcher.waited)


def scopes(context: Context) -> tuple[Scope, ...]:
    namespace = context.config.gitops.namespace
    applications = Scope(APPLICATION, namespace, trim=slim)
    return applications, Scope(APPLICATION_SET, namespace), Scope(EXTERNAL_SECRET)


def look(
    context: Context,
    cache: InformerCache,
    wanted: Expected,
    plan: Sequence[PlannedMember] = (),
    memory: Memory | None = None,
) -> WaveState:
    """The state of all waves as the world shows it."""
    applications = cache.items(APPLICATION)
    root = next((item for item in applications if name(item) == context.config.gitops.root_app), None)
    return assess(root, applications, cache.items(APPLICATION_SET), wanted, plan=plan, memory=memory)


class Watcher:
    """Turns states into events, repairs and errors."""

    def __init__(
        self, context: Context, cluster: Cluster, wanted: Expected, start: Start = in_a_thread
    ) -> None:
        self._context, self._cluster, self.expected = context, cluster, wanted
        self._plan: tuple[PlannedMember, ...] = ()
        self._learnt = Learnt()
        self._memory, self._ledger = Memory(), Ledger()
        self._inquiry = Inquiry(context.clock, start)
        self._announced: tuple[tuple[int, tuple[str, ...]], ...] = ()
        self._differences: set[str] = set()
        self._seen: dict[tuple[str, str], Member] = {}
        self._finished: set[int] = set()
        self._begun: dict[int, float] = {}  # by the monotonic clock
        self._relapses: Counter[int] = Counter()
        self._current: tuple[int, str] | None = None  # the wave that is worked on, and how far into it
        self._since = context.clock.monotonic()
        self._next_care = 0.0
        self._start_beside, self._helping = start, False
        self._failure: Exception | None = None  # of a repair
        self.waited = False

    def prepare(self, plan: tuple[PlannedMember, ...], learnt: Learnt) -> None:
        """What is known before the cluster is asked: the waves as Git has them, and what is usual."""
        self._plan, self._learnt = plan, learnt
        self._announce(announced(plan))

    def decide(self, cache: InformerCache) -> Observation[WaveState]:
        state = look(self._context, cache, self.expected, self._plan, self._memory)
        self._announce(
            tuple(
                (wave.number, tuple(sorted(member.name for member in wave.members if not member.owner)))
                for wave in state.waves
            )
        )
        self._tell(state)
        self._advance(state)
        if state.done:
            return Observation(state)
        self.waited = True
        self._care(state, cache)
        return Observation(None, self._reason(state))

    def _care(self, state: WaveState, cache: InformerCache) -> None:
        """Help, ask and give up. With a thousand Applications that takes a while, and the end of a wave must
        not wait for it: it is done a small part of the time."""
        clock = self._context.clock
        begun = clock.monotonic()
        if begun < self._next_care:
            return
        repairs = self._repairs(state, cache)
        self._next_care = clock.monotonic() + CARE * (clock.monotonic() - begun)
        self._nudge(repairs)
        self._inquire(state, cache)
        self._enforce(state, cache, repairs)

    def _announce(self, waves: tuple[tuple[int, tuple[str, ...]], ...]) -> None:
        if waves and waves != self._announced:
            self._announced = waves
            self._context.emit(WavesPlanned(waves))

    def _tell(self, state: WaveState) -> None:
        for wave in state.waves:
            for member in wave.members:
                before = self._seen.get(member.id)
                if before is not member and before != member:
                    self._seen[member.id] = member
                    self._context.emit(
                        AppSeen(
                            wave.number, member.name, member.sync, member.health, member.reason, member.place
                        )
                    )
        for which in state.absent:
            self._differ(f"{which} is in your checkout, but Argo CD was not told to install it")
        for which in state.unplanned:
            self._differ(f"{which} is installed by Argo CD, but is not in your checkout")

    def _differ(self, told: str) -> None:
        if told not in self._differences:
            self._differences.add(told)
            self._context.emit(Notice(told))

    def _advance(self, state: WaveState) -> None:
        """Finish every wave up to the first that is not done, and start that one. Each once."""
        for wave in state.waves:
            if wave.number not in self._begun:
                self._begun[wave.number] = self._since = self._context.clock.monotonic()
                self._start(wave, state)
            if not wave.done:
                self._turn_to(wave)
                return
            if wave.number not in self._finished:
                self._finished.add(wave.number)
                self._since = self._context.clock.monotonic()
                self._context.emit(WaveFinished(wave.number, self._since - self._begun[wave.number]))

    def _start(self, wave: Wave, state: WaveState) -> None:
        usual = self._learnt.waves.get(wave.number)
        coming = (each.number for each in state.waves if each.number not in self._finished)
        left = self._learnt.left(coming, AFTERWARDS)
        names = tuple(dict.fromkeys(member.name for member in wave.members))
        self._context.emit(WaveStarted(wave.number, names, usual.median if usual else None, left))

    def _turn_to(self, wave: Wave) -> None:
        """A finished wave may relapse; it gets its deadline anew, but not for ever. So does one with waves
        inside when it comes to its next, unless its deadline is its own."""
        before, self._current = self._current, (wave.number, wave.front[0].place)
        if before is None or before[0] != wave.number:
            if wave.number in self._finished:
                self._anew(wave)
        elif before != self._current and wave.number not in self._context.config.waves.deadlines:
            self._anew(wave)

    def _anew(self, wave: Wave) -> None:
        places = len({member.order for member in wave.members})
        self._relapses[wave.number] += 1
        if self._relapses[wave.number] <= MOST_RELAPSES + places - 1:
            self._since = self._context.clock.monotonic()

    def _elapsed(self) -> float:
        return self._context.clock.monotonic() - self._since

    def _deadline(self, wave: Wave | None) -> float:
        """Seconds; also for the time before the waves are known and for the root to settle after them."""
        waves = self._context.config.waves
        return waves.deadlines.get(wave.number, waves.deadline) if wave else waves.deadline

    def _repairs(self, state: WaveState, cache: InformerCache) -> list[Repair]:
        """Only what is pending can call for any, or is on its way out; with it the root, which is never done
        before its waves."""
        there = {name(item): item for item in cache.items(APPLICATION)}
        pending = [state.root.name, *(member.name for wave in state.waves for member in wave.pending)]
        pending += [which for which, item in there.items() if terminating(item) and which not in pending]
        awaited = state.current.pending if state.current else (state.root,)
        return list(
            needed(
                [there[which] for which in (pending if state.planned else there) if which in there],
                cache.items(EXTERNAL_SECRET),
                expected=self.expected,
                now=self._context.clock.now(),
                patience=self._deadline(state.current) / 2,
                root=self._context.config.gitops.root_app,
                awaited=[member.name for member in awaited],
            )
        )

    def _nudge(self, repairs: list[Repair]) -> None:
        """Beside the watching, some at a time: each is a request, and meanwhile a wave may end."""
        if self._failure is not None:
            raise self._failure
        if self._helping:
            return
        if chosen := self._ledger.due(repairs, self._context.clock.monotonic(), AT_ONCE):
            self._helping = True
            self._start_beside(lambda: self._help(chosen))

    def _help(self, chosen: Sequence[Repair]) -> None:
        now = self._context.clock.now()
        try:
            for repair in chosen:
                with suppress(TemporaryError, NotFound):  # changed or gone meanwhile: the next look decides
                    perform(self._cluster, repair, now)
                    if not repair.routine:
                        self._context.progress(str(repair))
        except Exception as error:  # raised again in the thread that watches
            self._failure = error
        self._helping = False

    def _inquire(self, state: WaveState, cache: InformerCache) -> None:
        """Say why something is not getting on as soon as that is known."""
        for found in self._inquiry.ask(_pending(state), lambda: self._diagnose(state, cache)):
            self._context.emit(
                Diagnosed(
                    found.wave,
                    found.app,
                    found.cause,
                    str(found.outlook),
                    found.chain,
                    found.reason,
                    found.command,
                )
            )

    def _diagnose(self, state: WaveState, cache: InformerCache) -> tuple[Verdict, ...]:
        secrets, now = cache.items(EXTERNAL_SECRET), self._context.clock.now()
        return diagnose(
            self._cluster,
            state,
            cache.items(APPLICATION),
            secrets,
            config=self._context.config,
            now=now,
        )

    def _enforce(self, state: WaveState, cache: InformerCache, repairs: list[Repair]) -> None:
        if self._elapsed() > self._deadline(state.current):
            raise self._error(DeadlineError, state, cache, f"after {self._elapsed():.0f} s")
        syncs = [repair for repair in repairs if repair.what == "sync"]
        if used_up := self._ledger.exhausted(syncs, self._context.clock.monotonic()):
            names = ", ".join(repair.key.name for repair in used_up)
            raise self._error(StuckError, state, cache, f"its sync failed again and again ({names})")
        hopeless = self._inquiry.hopeless(_front(state))
        untried = {repair.key.name for repair in syncs if not self._ledger.tried(repair)}
        if hopeless and not untried & {verdict.app for verdict in hopeless}:
            raise self._error(StuckError, state, cache, "and will not recover on its own", hopeless)

    def _error(
        self,
        kind: type[PermanentError],
        state: WaveState,
        cache: InformerCache,
        how: str,
        verdicts: tuple[Verdict, ...] = (),
    ) -> PermanentError:
        config, wave = self._context.config, state.current
        pending = _pending(state)
        verdicts = verdicts or self._diagnose(state, cache)
        reasons = lines(verdicts, {})
        named = {verdict.app for verdict in verdicts}
        reasons += [
            f"{member.name}: {member.sync}, {member.health}: {member.reason}"
            for member in pending
            if member.name not in named
        ]
        if wave and not state.root.done and any(member.sync == "Missing" for member in pending):
            reasons.append(f"{state.root.name}: {state.root.reason}")
        hint = config.waves.hints.get(wave.number, "") if wave else ""
        what = (
            f"wave {wave.number} is not Healthy {how}" if wave else f"the root Application is not done {how}"
        )
        first = _front(state)[0]
        commands = [verdict.command for verdict in verdicts if verdict.app == first.name] or [
            kubectl(config, "-n", config.gitops.namespace, "describe", first.kind.lower(), first.name)
        ]
        why = "\n" + "\n".join(f"  {'  ' if reason.startswith(' ') else '- '}{reason}" for reason in reasons)
        return kind(what, why, "\n".join(filter(None, (hint, commands[0]))))

    def _reason(self, state: WaveState) -> str:
        """What is waited for: the first of it, its known causes, and whether it takes longer than usual."""
        wave = state.current
        if not state.planned or wave is None:
            return f"{state.root.name} {state.root.reason}{self._causes((state.root,))}"
        first, more = wave.front[0], len(wave.pending) - 1
        told = f"wave {first.place}: {first.name} {first.reason}"
        told += f" and {more} more" if more else ""
        usual = self._learnt.waves.get(wave.number)
        late = usual and self._context.clock.monotonic() - self._begun[wave.number] > SLOWER * usual.p90
        told += f" (slower than usual: {usual.median:.0f} s)" if usual and late else ""
        return told + self._causes(wave.pending)

    def _causes(self, members: Sequence[Member]) -> str:
        found = self._inquiry.verdicts(members)
        return "".join(f"; {one.outlook}: {one.app}: {one.reason} ({one.cause})" for one in found[:2])


def _pending(state: WaveState) -> tuple[Member, ...]:
    return state.current.pending if state.planned and state.current else (state.root,)


def _front(state: WaveState) -> tuple[Member, ...]:
    return state.current.front if state.planned and state.current else (state.root,)
