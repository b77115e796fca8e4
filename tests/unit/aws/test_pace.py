from __future__ import annotations

import threading

import pytest

from bootstrap.aws.errors import AwsError, Throttled
from bootstrap.aws.pace import Pace
from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import Interrupted


def pace(clock: FakeClock, **options: int) -> Pace:
    return Pace(clock, threading.Event(), jitter=lambda: 0.5, **options)


class Limited:
    """A service that takes `rate` calls a second and throttles the rest."""

    def __init__(self, clock: FakeClock, rate: float) -> None:
        self._clock, self._rate, self._last = clock, rate, float("-inf")
        self.throttled = 0

    def __call__(self) -> str:
        if self._clock.monotonic() - self._last < 1 / self._rate:
            self.throttled += 1
            raise Throttled("x", "slow down")
        self._last = self._clock.monotonic()
        return "done"


def test_without_throttling_there_is_no_waiting() -> None:
    clock = FakeClock()
    calls = pace(clock)
    assert [calls.run(lambda: "done") for _ in range(60)] == ["done"] * 60
    assert clock.monotonic() == 0


def test_it_settles_near_the_rate_that_is_allowed() -> None:
    clock = FakeClock()
    service, calls = Limited(clock, rate=3), pace(clock)
    for _ in range(60):
        assert calls.run(service) == "done"
    assert 20 <= clock.monotonic() <= 60, "60 calls at 3 a second take 20 s at best"
    assert service.throttled < 60


def test_the_time_that_aws_asks_for_is_kept() -> None:
    clock = FakeClock()
    answers = [Throttled("x", "slow down", delay=30), None]

    def call() -> str:
        if error := answers.pop(0):
            raise error
        return "done"

    assert pace(clock).run(call) == "done"
    assert clock.monotonic() >= 30


def test_patience_ends() -> None:
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        raise Throttled("x", "slow down")

    with pytest.raises(Throttled):
        pace(FakeClock(), patience=3).run(call)
    assert calls == 4


def test_another_error_is_not_tried_again() -> None:
    calls = 0

    def call() -> None:
        nonlocal calls
        calls += 1
        raise AwsError("x", "no", "cure")

    with pytest.raises(AwsError):
        pace(FakeClock()).run(call)
    assert calls == 1


def test_a_cancelled_run_does_not_wait() -> None:
    calls = pace(FakeClock())
    calls.cancel.set()

    def call() -> None:
        raise Throttled("x", "slow down")

    with pytest.raises(Interrupted):
        calls.run(call)
