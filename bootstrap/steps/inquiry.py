"""Asks why a wave is not getting on, beside the watching: the end of a wave is never noticed later for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bootstrap.core.clock import Clock
from bootstrap.diagnosis.model import Outlook, Verdict
from bootstrap.kubernetes.waves import Member

QUIET = 5.0  # seconds without a change after which an Application is asked about
ALARMED = 1.0  # the same for one that looks broken
PAUSE = 1.0  # seconds between two looks, however long they take: what can be seen is to be named within 15 s
HOLD = 5.0  # seconds over which a hopeless cause has to be seen, at more than one look, to be believed

Look = Callable[[], tuple[Verdict, ...]]
Start = Callable[[Callable[[], None]], None]


def in_a_thread(act: Callable[[], None]) -> None:
    threading.Thread(target=act, name="diagnosis", daemon=True).start()


@dataclass
class _Seen:
    """A cause of an Application: when it was seen first (monotonic), and at how many looks since."""

    verdict: Verdict
    first: float
    looks: int = 1


class Inquiry:
    """One look at a time. All methods are called by the thread that watches; `look` runs beside it."""

    def __init__(self, clock: Clock, start: Start = in_a_thread) -> None:
        self._clock, self._start = clock, start
        self._members: dict[tuple[str, str], tuple[Member, float]] = {}
        self._seen: dict[tuple[str, str], _Seen] = {}
        self._told: set[tuple[str, str]] = set()
        self._answer: tuple[Verdict, ...] | None = None
        self._looking, self._began, self._next = False, 0.0, 0.0

    def ask(self, members: Iterable[Member], look: Look) -> tuple[Verdict, ...]:
        """Begin a look when one of the pending members calls for it; verdicts that are news, from the last.

        Slow is no news.
        """
        pending = tuple(members)
        now = self._clock.monotonic()
        self._members = {member.id: (member, self._since(member, now)) for member in pending}
        news = self._take(now)
        if not self._looking and now >= self._next and any(self._due(which, now) for which in self._members):
            self._looking, self._began = True, now
            self._start(lambda: self._look(look))
        return news

    def verdicts(self, members: Iterable[Member]) -> tuple[Verdict, ...]:
        """What the last look said about these, slow ones left out."""
        names = {member.name for member in members}
        found = (seen.verdict for seen in self._seen.values())
        return tuple(one for one in found if one.app in names and one.outlook is not Outlook.SLOW)

    def hopeless(self, members: Iterable[Member]) -> tuple[Verdict, ...]:
        """A lasting hopeless verdict for each of these; nothing as long as one of them may still heal."""
        now, found = self._clock.monotonic(), []
        for member in members:
            lasting = [seen.verdict for seen in self._seen.values() if _believed(seen, member.name, now)]
            if not lasting:
                return ()
            found += lasting
        return tuple(found)

    def _since(self, member: Member, now: float) -> float:
        known = self._members.get(member.id)
        return known[1] if known and known[0] == member else now

    def _due(self, which: tuple[str, str], now: float) -> bool:
        member, since = self._members[which]
        return now - since >= (ALARMED if _alarming(member) else QUIET)

    def _look(self, look: Look) -> None:
        try:
            self._answer = look()
        except Exception:  # a diagnosis that fails must not end a run that may get on
            self._answer = ()

    def _take(self, now: float) -> tuple[Verdict, ...]:
        """What the look has found, once it is over."""
        answer, self._answer = self._answer, None
        if answer is None:
            return ()
        self._looking = False
        self._next = now + PAUSE
        before, self._seen = self._seen, {}
        for verdict in answer:
            key = (verdict.app, verdict.cause)
            known = before.get(key)
            self._seen[key] = (
                _Seen(verdict, known.first, known.looks + 1) if known else _Seen(verdict, self._began)
            )
        fresh = [
            verdict
            for verdict in answer
            if verdict.outlook is not Outlook.SLOW and (verdict.app, verdict.cause) not in self._told
        ]
        self._told |= {(verdict.app, verdict.cause) for verdict in fresh}
        return tuple(fresh)


def _alarming(member: Member) -> bool:
    """Whether it looks broken, not only slow."""
    words = ("Error", "Failed", "failed")
    return member.health == "Degraded" or member.sync == "Unknown" or any(w in member.reason for w in words)


def _believed(seen: _Seen, app: str, now: float) -> bool:
    hopeless = seen.verdict.app == app and seen.verdict.outlook is Outlook.HOPELESS
    return hopeless and seen.looks > 1 and now - seen.first >= HOLD
