"""When a diagnosis is asked for, what is news, and what is believed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from bootstrap.core.clock import FakeClock
from bootstrap.diagnosis.model import Outlook, Verdict
from bootstrap.kubernetes.waves import Member
from bootstrap.steps import inquiry
from bootstrap.steps.inquiry import Inquiry

SLOW = Member("a", "Application", "Synced", "Progressing", "waiting for rollout")
BROKEN = replace(SLOW, health="Degraded")
HOPELESS = Verdict("image-pull", Outlook.HOPELESS, "a", 0, ("Application a",), "no such image", "ls")


class Desk:
    """An inquiry whose looks end when we say so."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.begun: list[Callable[[], None]] = []
        self.inquiry = Inquiry(self.clock, self.begun.append)

    def after(self, seconds: float, *members: Member, says: Verdict = HOPELESS) -> tuple[Verdict, ...]:
        self.clock.wait(seconds, threading.Event())
        return self.inquiry.ask(members, lambda: (says,))

    def answered(self) -> None:
        self.begun.pop()()


def test_what_looks_broken_is_asked_about_sooner_than_what_is_slow() -> None:
    for member, patience in ((SLOW, inquiry.QUIET), (BROKEN, inquiry.ALARMED)):
        desk = Desk()
        desk.after(0, member)
        desk.after(patience - 0.1, member)
        assert desk.begun == []
        desk.after(0.1, member)
        assert len(desk.begun) == 1


def test_one_that_changes_gets_on() -> None:
    desk = Desk()
    for number in range(20):
        desk.after(inquiry.QUIET - 1, replace(SLOW, reason=str(number)))
    assert desk.begun == []


def test_one_look_at_a_time_with_a_pause_that_does_not_grow_with_what_it_takes() -> None:
    desk = Desk()
    desk.after(0, BROKEN)
    desk.after(inquiry.ALARMED, BROKEN)
    for _ in range(10):
        desk.after(1.0, BROKEN)
    assert len(desk.begun) == 1  # it takes ten seconds
    desk.answered()
    desk.after(0, BROKEN)
    desk.after(inquiry.PAUSE - 1, BROKEN)
    assert desk.begun == []
    desk.after(1, BROKEN)
    assert len(desk.begun) == 1


def look_again(desk: Desk, says: Verdict = HOPELESS) -> tuple[Verdict, ...]:
    """One more look, whose answer is taken."""
    while not desk.begun:
        desk.after(1, BROKEN, says=says)
    desk.answered()
    return desk.after(0, BROKEN, says=says)


def test_news_is_told_once() -> None:
    desk = Desk()
    assert look_again(desk) == (HOPELESS,)
    assert look_again(desk) == ()
    assert desk.inquiry.verdicts([BROKEN]) == (HOPELESS,)
    assert desk.inquiry.verdicts([replace(BROKEN, name="b")]) == ()


def test_slow_is_no_news_and_no_cause() -> None:
    desk = Desk()
    assert look_again(desk, replace(HOPELESS, outlook=Outlook.SLOW)) == ()
    assert desk.inquiry.verdicts([BROKEN]) == ()


def test_hopeless_is_believed_at_the_second_look_and_taken_back_by_any_other() -> None:
    desk = Desk()
    look_again(desk)
    desk.after(inquiry.HOLD, BROKEN)
    assert desk.inquiry.hopeless([BROKEN]) == ()  # seen at one look only
    look_again(desk)
    assert desk.inquiry.hopeless([BROKEN]) == (HOPELESS,)
    assert desk.inquiry.hopeless([BROKEN, replace(BROKEN, name="b")]) == ()
    look_again(desk, replace(HOPELESS, cause="other"))
    assert desk.inquiry.hopeless([BROKEN]) == ()
