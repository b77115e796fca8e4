"""Take the environment for this run: everything after this step happens under the run lock.

Two gates: the file lock of `bootstrap/core/lock.py` is the first, cheap, for this machine, before anything is
asked; this one is for all machines, kept beside Terraform's state (`bootstrap/aws/run_lock.py`).
"""

from __future__ import annotations

import getpass
import os
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

from bootstrap.aws import run_lock
from bootstrap.aws.errors import AwsError
from bootstrap.aws.run_lock import Holder, RunLocked, Taken, Where, Written
from bootstrap.aws.state_bucket import LOCK, STATE
from bootstrap.core import machine
from bootstrap.core.errors import BootstrapError, Interrupted, LockedError
from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.run.step import Done
from bootstrap.steps import backend, loans

SUFFIX = LOCK.removeprefix(STATE)  # of the state's key


@dataclass
class LeaseRenewal:
    """Renews the lock until it is closed. `lost` is told, once, that somebody else has taken it."""

    where: Where
    holder: Holder
    written: Written
    now: Callable[[], float]
    say: Callable[[str], None]
    lost: Callable[[BootstrapError], None]
    interval: float
    _stop: threading.Event = field(default_factory=threading.Event)
    _once: threading.Lock = field(default_factory=threading.Lock)

    @property
    def holding(self) -> bool:
        return not self._stop.is_set()

    def start(self) -> None:
        threading.Thread(target=self._run, name="run lock", daemon=True).start()

    def _run(self) -> None:
        while not self._stop.wait(self.interval):
            self.beat()

    def beat(self) -> None:
        """One heartbeat. What AWS cannot do now is done with the next one."""
        with self._once:
            if self._stop.is_set():
                return
            try:
                written = run_lock.renew(self.where, self.holder, self.written, self.now())
            except BootstrapError as error:
                self.say(f"the run lock could not be renewed, which is tried again: {error}")
                return
            if written:
                self.written = written
                return
            self._stop.set()
            self.lost(self._loss())

    def close(self) -> None:
        """Stop, and give the lock back. What cannot be given back is proved dead by the next run."""
        with self._once:
            if self._stop.is_set():
                return
            self._stop.set()
            try:
                run_lock.release(self.where, self.holder, self.now())
            except BootstrapError as error:
                if not (isinstance(error, AwsError) and error.missing):  # the bucket went with the rest
                    self.say(f"the run lock could not be given back: {error}")

    def stop(self) -> None:
        """No more heartbeats, and nothing to give back: whoever calls it removes the lock with its bucket."""
        with self._once:
            self._stop.set()

    def _loss(self) -> LockedError:
        what = "this run has lost the environment to another one, so it stops"
        try:
            seen = run_lock.read(self.where, self.now())
        except BootstrapError:
            seen = None
        if seen is None:
            return LockedError(what, "its lock was removed", "run the same command again")
        holder = seen.holder
        why = f"{holder.who} on {holder.place.host} took it over for `{holder.command}`"
        return LockedError(what, why, "wait for that run to end")


def run(context: Context) -> Done:
    """Hold the lock until the run ends, and tidy what a dead run left on its way. Without a state bucket
    there is nothing to guard.

    Raises LockedError, naming the holder, after a bounded wait in which nothing was changed.
    """
    found = backend.find(context)
    if found is None:
        return Done("no state bucket, nothing to guard", changed=False)
    where = Where(context.target.connect("s3"), found.bucket, found.key + SUFFIX)
    renewal = hold(context, where)
    loans.recall_all(context)
    return Done(f"held by {renewal.holder.who}, process {renewal.holder.pid}", renewal, changed=False)


def hold(context: Context, where: Where, silence: str = "") -> LeaseRenewal:
    """Take the lock there and keep it until the run ends, or until it is closed. Raises as `run`.

    `silence`: see `run_lock.take`.
    """
    me = _holder(context)
    taken = _take(context, where, me, silence)
    if taken.over:
        over = taken.over
        reason = taken.proof or "as you said (--take-over)"
        text = f"took the environment over from {over.who} on {over.place.host} (`{over.command}`): {reason}"
        context.emit(Notice(text))
    renewal = LeaseRenewal(
        where,
        me,
        taken.written,
        context.clock.now,
        lambda text: context.emit(Notice(text)),
        context.abort,
        context.config.run_lock.heartbeat,
    )
    context.closing.callback(renewal.close)
    renewal.start()
    return renewal


def held(context: Context) -> bool:
    """Whether this run holds the lock."""
    try:
        return context.results.get(LeaseRenewal).holding
    except KeyError:
        return False


def let_go(context: Context) -> None:
    """Give the lock back before the run ends: for whoever removes the bucket it lies in."""
    try:
        context.results.get(LeaseRenewal).close()
    except KeyError:
        return


def _holder(context: Context) -> Holder:
    now = context.clock.now()
    return Holder(
        id=uuid.uuid4().hex,
        who=getpass.getuser(),
        place=machine.here(),
        pid=os.getpid(),
        process=machine.started(os.getpid()) or "",
        command=context.command,
        run=context.run_folder.name,
        started=now,
        heartbeat=now,
        expires=now + context.config.run_lock.stale,
    )


def _take(context: Context, where: Where, me: Holder, silence: str) -> Taken:
    """Try until it is free, for as long as the configuration says."""
    clock, patience = context.clock, context.config.run_lock.wait
    start, said = clock.monotonic(), False
    while True:
        try:
            return run_lock.take(
                where,
                me,
                now=clock.now(),
                started=machine.started,
                take_over=context.force.take_over,
                silence=silence,
            )
        except RunLocked as refused:
            left = patience - (clock.monotonic() - start)
            if left <= 0:
                raise
            if not said:
                context.progress(f"waiting {patience:.0f} s: {refused.why}")
                said = True
        if clock.wait(min(1.0, left), context.cancel):
            raise Interrupted("interrupted while waiting for the run lock")
