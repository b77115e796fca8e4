"""The only loop: runs a plan's steps as soon as what they need is done, several at a time.

Each step runs in a thread of its own, with its own cancellation, and reports back through one inbox; all
decisions are taken here, in the thread that called `run`. A failure or an interrupt starts nothing new,
asks what is running to stop, and waits for it, so that every failure is reported and nothing is half told.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter

from bootstrap.core.errors import BootstrapError, DeadlineError, Interrupted
from bootstrap.run.attempts import attempt
from bootstrap.run.context import Context
from bootstrap.run.defects import record
from bootstrap.run.events import (
    Event,
    Notice,
    PlannedStep,
    RunFinished,
    RunStarted,
    RunStopping,
    SourceServed,
    StepFailed,
    StepFinished,
    StepProgress,
    StepStopped,
)
from bootstrap.run.step import Done, Plan, Step

TICK = 0.1  # seconds between looks at the deadlines
GRACE = 5.0  # seconds past its deadline in which a step may still say itself what it waited for
ABANDON = 300.0  # seconds in which a cancelled step has to stop before it is left behind


@dataclass(frozen=True)
class Failure:
    step: str
    error: BootstrapError


@dataclass(frozen=True)
class Outcome:
    """How a run ended: `outcome` is succeeded, failed or interrupted; `failures` in order of time."""

    outcome: str
    exit_code: int
    seconds: float
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class _Ended:
    """A step's thread is through; `result` is what the step returned or raised."""

    step: str
    result: Done | BaseException


@dataclass(frozen=True)
class _Abort:
    """The run cannot go on, for a reason that a step found after it was done."""

    step: str
    error: BootstrapError


@dataclass(frozen=True)
class _Interrupt:
    """Somebody wants the run to end."""


@dataclass
class _Running:
    step: Step
    expires: float  # by the monotonic clock
    cancel: threading.Event = field(default_factory=threading.Event)
    expired: bool = False
    said: str = ""  # its last progress message, for when it has to be given up


class Runner:
    """Runs one plan once. `resume` is the command that goes on after a stop, `run` the run's name."""

    def __init__(self, plan: Plan, context: Context, *, run: str = "", resume: str = "") -> None:
        self._plan, self._context, self._run, self._resume = plan, context, run, resume
        self._steps = _by_name(plan)
        self._order = TopologicalSorter({step.name: step.needs for step in plan.steps})
        self._running: dict[str, _Running] = {}
        self._done: set[str] = set()
        self._failures: list[Failure] = []
        self._told: set[object] = set()
        self._stop = ""  # why nothing new is started
        self._interrupted = False
        # SimpleQueue.put may be called from a signal handler, unlike Event.set.
        self._inbox: queue.SimpleQueue[_Ended | _Abort | _Interrupt] = queue.SimpleQueue()

    def interrupt(self) -> None:
        """Ask the run to stop cleanly. Safe in signal handlers and other threads."""
        self._inbox.put(_Interrupt())

    def run(self) -> Outcome:
        """Run everything; never raises for what a step does."""
        start = self._context.clock.monotonic()
        self._order.prepare()
        self._announce()
        while True:
            self._start_ready()
            if not self._running:
                break
            self._receive()
            self._enforce_deadlines()
        self._tell_news()
        return self._finish(self._context.clock.monotonic() - start)

    def _announce(self) -> None:
        steps = tuple(PlannedStep(s.name, s.title, s.needs, s.deadline) for s in self._plan.steps)
        config = self._context.config
        name, command = self._context.target.name, self._plan.command
        self._context.emit(RunStarted(self._run, command, config.name, name, steps))

    def _start_ready(self) -> None:
        if self._stop:
            return
        for name in self._order.get_ready():
            self._start(self._steps[name])

    def _start(self, step: Step) -> None:
        clock = self._context.clock
        running = self._running[step.name] = _Running(step, clock.monotonic() + step.deadline)

        def emit(event: Event) -> None:
            if isinstance(event, StepProgress):
                running.said = event.message
            self._context.emit(event)

        def abort(error: BootstrapError) -> None:
            self._inbox.put(_Abort(step.name, error))

        context = replace(
            self._context,
            step=step.name,
            deadline=step.deadline,
            cancel=running.cancel,
            emit=emit,
            abort=abort,
        )
        # A daemon: a step that was left behind must not keep the process from ending.
        threading.Thread(target=self._work, args=(step, context), name=step.name, daemon=True).start()

    def _work(self, step: Step, context: Context) -> None:
        result: Done | BaseException
        try:
            result = attempt(step, context)
        except BaseException as error:  # a thread that died silently would be waited for in vain
            result = error
        self._inbox.put(_Ended(step.name, result))

    def _receive(self) -> None:
        try:
            message = self._inbox.get(timeout=TICK)
        except queue.Empty:
            return
        if isinstance(message, _Interrupt):
            self._interrupted = True
            self._stop_all("interrupted")
        elif isinstance(message, _Abort):
            self._fail(message.step, message.error)
        elif message.step in self._running:
            self._settle(self._running.pop(message.step), message.result)
            self._tell_news()

    def _settle(self, running: _Running, result: Done | BaseException) -> None:
        name = running.step.name
        if isinstance(result, Done):
            if result.result is not None:
                self._context.results.put(result.result)
            self._context.emit(StepFinished(name, result.summary, satisfied=not result.changed))
            self._done.add(name)
            self._order.done(name)
        elif isinstance(result, Interrupted) and running.expired:
            self._fail(name, _out_of_time(running))
        elif isinstance(result, Interrupted) and self._stop:
            self._context.emit(StepStopped(name, self._stop))
        elif isinstance(result, BootstrapError):
            self._fail(name, result)
        else:
            self._fail(name, record(result, name, self._context.run_folder, self._context.secrets))

    def _fail(self, name: str, error: BootstrapError) -> None:
        self._failures.append(Failure(name, error))
        self._context.emit(StepFailed(name, str(error), error.cure))
        self._stop_all(f"{name} failed")

    def _stop_all(self, reason: str) -> None:
        if not self._stop:
            self._stop = reason
            self._context.emit(RunStopping(reason))
        self._context.cancel.set()
        for running in self._running.values():
            running.cancel.set()

    def _enforce_deadlines(self) -> None:
        """The last resort for steps that do not watch their own deadline."""
        now = self._context.clock.monotonic()
        for running in tuple(self._running.values()):
            late = now - running.expires
            if late > GRACE and not running.expired:
                running.expired = True
                running.cancel.set()
            if late > GRACE + ABANDON:
                del self._running[running.step.name]
                self._fail(running.step.name, _out_of_time(running, "; it did not stop when told to"))

    def _tell_news(self) -> None:
        """Pass on what the target has to say, each thing once."""
        for event in self._news():
            if event not in self._told:
                self._told.add(event)
                self._context.emit(event)

    def _news(self) -> Iterator[Event]:
        target = self._context.target
        try:
            yield from map(Notice, target.shown.notices())
            yield from (SourceServed(s.source, s.version, s.origin) for s in target.shown.sources())
        except Exception as error:  # news are an extra: they must not end a run
            yield Notice(f"the target's notices could not be read: {type(error).__name__}")

    def _finish(self, seconds: float) -> Outcome:
        outcome, exit_code = self._verdict()
        failures = tuple(self._failures)
        self._context.emit(
            RunFinished(outcome, exit_code, seconds, self._error(outcome), self._cure(outcome))
        )
        return Outcome(outcome, exit_code, seconds, failures)

    def _verdict(self) -> tuple[str, int]:
        if len(self._done) == len(self._steps):
            return "succeeded", 0
        if self._interrupted:
            return "interrupted", Interrupted.exit_code
        return "failed", self._failures[0].error.exit_code

    def _error(self, outcome: str) -> str:
        told = [f"{failure.step}: {failure.error}" for failure in self._failures]
        return "\n".join(["interrupted", *told] if outcome == "interrupted" else told)

    def _cure(self, outcome: str) -> str:
        cures = [failure.error.cure for failure in self._failures if failure.error.cure]
        if outcome != "succeeded" and self._resume:
            cures.append(f"to go on where it stopped: {self._resume}")
        return "\n".join(dict.fromkeys(cures))


def _by_name(plan: Plan) -> dict[str, Step]:
    steps = {step.name: step for step in plan.steps}
    unknown = {need for step in plan.steps for need in step.needs} - steps.keys()
    if unknown or len(steps) != len(plan.steps):
        raise ValueError(
            f"plan {plan.command!r} names a step twice or needs unknown steps: {sorted(unknown)}"
        )
    return steps


def _out_of_time(running: _Running, note: str = "") -> DeadlineError:
    step = running.step
    return DeadlineError(f"{step.title} did not finish within {step.deadline:.0f} s{note}", running.said)
