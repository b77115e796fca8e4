"""Redaction and the emitter: nothing leaves unredacted, everybody sees the same order, nobody stops a run."""

from __future__ import annotations

import base64
import json
import threading
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.core.clock import FakeClock
from bootstrap.core.redact import MASK, SHORTEST, Secrets
from bootstrap.run import events as ev
from bootstrap.run.emitter import Emitter
from tests.fakes import Log

SECRET = 'p&ss "w0rd"/ü'


@pytest.mark.parametrize(
    "seen",
    [
        SECRET,
        json.dumps({"password": SECRET}),
        json.dumps({"password": SECRET}, ensure_ascii=False),
        repr({"password": SECRET}),
        f"postgres://u:{quote(SECRET, safe='')}@host",
        base64.b64encode(SECRET.encode()).decode(),
    ],
)
def test_a_secret_is_found_in_every_form(seen: str) -> None:
    secrets = Secrets()
    secrets.add(SECRET)
    redacted = secrets.redact(f"before {seen} after")
    assert MASK in redacted
    assert "w0rd" not in redacted
    assert redacted.startswith("before ")
    assert redacted.endswith(" after")


def test_lines_of_a_key_are_secret_one_by_one() -> None:
    secrets = Secrets()
    secrets.add("-----BEGIN KEY-----\nMIIEabcdef\nxyz0123456\n-----END KEY-----\n")
    assert secrets.redact("line 2: xyz0123456!") == f"line 2: {MASK}!"


def test_the_longer_of_two_secrets_is_replaced_as_a_whole() -> None:
    secrets = Secrets()
    secrets.add("abcd", "abcdefgh")
    assert secrets.redact("abcdefgh abcd") == f"{MASK} {MASK}"


def test_what_is_too_short_to_be_a_secret_is_left() -> None:
    secrets = Secrets()
    secrets.add("1", "yes", "")
    assert secrets.redact("1 yes and no") == "1 yes and no"


@given(st.text(min_size=SHORTEST).filter(lambda text: len(text.strip()) >= SHORTEST), st.text())
def test_no_registered_value_survives(value: str, around: str) -> None:
    secrets = Secrets()
    secrets.add(value)
    # The mask itself may be part of a strange value.
    assert value not in secrets.redact(around + value + around).replace(MASK, "")


def test_events_are_redacted_through_and_through() -> None:
    log, secrets = Log(), Secrets()
    secrets.add("hunter22")
    emit = Emitter(FakeClock(), secrets, (log,))
    emit(ev.RunStarted("r", "up", "dev", "aws", (ev.PlannedStep("a", "with hunter22", (), 1),)))
    emit(ev.WavesPlanned(((1, ("app-hunter22",)),)))
    assert "hunter22" not in json.dumps([ev.encode(each) for each in log.stamped])
    assert log.of(ev.RunStarted)[0].steps[0].title == f"with {MASK}"
    assert log.of(ev.WavesPlanned)[0].waves == ((1, (f"app-{MASK}",)),)


def test_events_are_stamped() -> None:
    clock, log = FakeClock(), Log()
    emit = Emitter(clock, Secrets(), (log,))
    clock.wait(2.5, threading.Event())
    emit(ev.Notice("x"))
    assert log.stamped == [ev.Stamped(1_700_000_002.5, 2.5, ev.Notice("x"))]


def test_all_readers_see_the_same_order_from_many_threads() -> None:
    first, second = Log(), Log()
    emit = Emitter(FakeClock(), Secrets(), (first, second))

    def talk(name: str) -> None:
        for number in range(50):
            emit(ev.StepProgress(name, str(number)))

    threads = [threading.Thread(target=talk, args=(f"s{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(first.events) == 200
    assert first.stamped == second.stamped
    assert [event.message for event in first.of(ev.StepProgress) if event.step == "s1"] == [
        *map(str, range(50))
    ]


def test_a_reader_that_fails_is_dropped_and_the_others_are_told() -> None:
    log = Log()
    calls: list[ev.Event] = []

    def broken(stamped: ev.Stamped) -> None:
        calls.append(stamped.event)
        raise BrokenPipeError("closed")

    emit = Emitter(FakeClock(), Secrets(), (broken, log))
    emit(ev.StepProgress("a", "one"))
    emit(ev.StepProgress("a", "two"))
    assert len(calls) == 1
    assert [event.message for event in log.of(ev.StepProgress)] == ["one", "two"]
    assert "BrokenPipeError" in log.of(ev.Notice)[0].message
