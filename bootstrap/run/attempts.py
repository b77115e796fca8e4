"""One step, tried again while it says that it may pass: bounded by attempts and by the step's deadline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_exponential_jitter

from bootstrap.core.errors import DeadlineError, Interrupted, TemporaryError
from bootstrap.run.context import Context
from bootstrap.run.events import StepRetry, StepStarted
from bootstrap.run.step import Done, Step

FIRST_DELAY, LONGEST_DELAY, JITTER = 1.0, 30.0, 1.0  # seconds

_backoff = wait_exponential_jitter(initial=FIRST_DELAY, max=LONGEST_DELAY, jitter=JITTER)


def attempt(step: Step, context: Context) -> Done:
    """Run the step until it returns, gives up, or runs out of attempts or time.

    `context` is bound to the step. Only TemporaryError is tried again, after a growing, jittered delay
    that is never shorter than the error asks for. Raises whatever the step raises; DeadlineError when
    the next delay would end past the deadline; Interrupted when cancelled during a delay.
    """
    start = context.clock.monotonic()

    def left() -> float:
        return step.deadline - (context.clock.monotonic() - start)

    def once(state: RetryCallState) -> Done:
        context.emit(StepStarted(step.name, state.attempt_number))
        return step.run(replace(context, deadline=left()))

    def announce(state: RetryCallState) -> None:
        error, delay = _error(state), state.upcoming_sleep
        if delay >= left():
            raise DeadlineError(
                f"{step.title} did not succeed within {step.deadline:.0f} s", str(error), error.cure
            ) from error
        context.emit(StepRetry(step.name, state.attempt_number, delay, str(error)))

    retrying = Retrying(
        retry=retry_if_exception_type(TemporaryError),
        stop=stop_after_attempt(step.attempts),
        wait=_delay,
        sleep=_sleeper(context),
        before_sleep=announce,
        reraise=True,
    )
    for trial in retrying:
        with trial:
            done = once(trial.retry_state)
    return done


def _delay(state: RetryCallState) -> float:
    return max(_error(state).delay, _backoff(state))


def _error(state: RetryCallState) -> TemporaryError:
    error = state.outcome.exception() if state.outcome else None
    if not isinstance(error, TemporaryError):  # the retry condition above lets nothing else through
        raise TypeError(f"only a TemporaryError is tried again, not {error!r}")
    return error


def _sleeper(context: Context) -> Callable[[float], None]:
    def sleep(seconds: float) -> None:
        if context.clock.wait(seconds, context.cancel):
            raise Interrupted(f"interrupted before {context.step} was tried again")

    return sleep
