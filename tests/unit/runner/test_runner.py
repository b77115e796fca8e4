"""The loop: order, overlap, failure, cancellation, deadlines, news. Time is fake; threads are real."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import (
    DeadlineError,
    Interrupted,
    LockedError,
    PermanentError,
    StuckError,
    TemporaryError,
    ToolError,
)
from bootstrap.core.rendering import Source
from bootstrap.run import events as ev
from bootstrap.run.context import Context
from bootstrap.run.runner import ABANDON, GRACE, Outcome, Runner
from bootstrap.run.step import Done, Plan, Step
from bootstrap.run.target import Shown
from tests.fakes import Log, context

Body = Callable[[Context], Done]
SOON = 10.0  # seconds a test waits for another thread before it gives up


def idle(context: Context) -> Done:
    return Done("ok")


def step(name: str, body: Body = idle, *needs: str, **changes: Any) -> Step:
    return Step(name, f"Title of {name}", body, needs, **changes)


def run(home: Path, *steps: Step, log: Log | None = None, **target: Any) -> Outcome:
    return Runner(
        Plan("up", steps), context(home, log or Log(), **target), run="r1", resume="bootstrap up"
    ).run()


def failing(error: BaseException) -> Body:
    def body(context: Context) -> Done:
        raise error

    return body


def until_cancelled(context: Context) -> Done:
    assert context.cancel.wait(SOON), "was never cancelled"
    raise Interrupted(f"{context.step} stopped")


def test_a_step_runs_after_its_needs_and_sees_their_results(tmp_path: Path) -> None:
    class Answer(int):
        pass

    def make(context: Context) -> Done:
        return Done("", Answer(42))

    def use(context: Context) -> Done:
        return Done(f"the answer is {context.results.get(Answer)}")

    log = Log()
    outcome = run(tmp_path, step("use", use, "make"), step("make", make), log=log)
    assert outcome == Outcome("succeeded", 0, 0.0)
    assert [(event.step, event.summary) for event in log.of(ev.StepFinished)] == [
        ("make", ""),
        ("use", "the answer is 42"),
    ]


def test_the_whole_plan_is_announced_before_anything_runs(tmp_path: Path) -> None:
    log = Log()
    run(tmp_path, step("a"), step("b", idle, "a"), log=log)
    first, second, *_ = log.events
    assert isinstance(first, ev.RunStarted)
    assert [(planned.name, planned.needs) for planned in first.steps] == [("a", ()), ("b", ("a",))]
    assert (first.run, first.command, first.environment, first.target) == ("r1", "up", "dev", "fake")
    assert isinstance(second, ev.StepStarted)
    assert isinstance(log.events[-1], ev.RunFinished)


def test_independent_steps_overlap(tmp_path: Path) -> None:
    meeting = threading.Barrier(2, timeout=SOON)

    def meet(context: Context) -> Done:
        meeting.wait()  # breaks when the other one is not running too
        return Done()

    assert run(tmp_path, step("a", meet), step("b", meet)).outcome == "succeeded"


def test_a_step_is_bound_to_its_name_deadline_and_progress(tmp_path: Path) -> None:
    seen: list[tuple[str, float]] = []

    def look(context: Context) -> Done:
        context.progress("looking")
        seen.append((context.step, context.deadline))
        return Done(changed=False)

    log = Log()
    run(tmp_path, step("a", look, deadline=33), log=log)
    assert seen == [("a", 33)]
    assert log.of(ev.StepProgress) == [ev.StepProgress("a", "looking")]
    assert log.of(ev.StepFinished) == [ev.StepFinished("a", "", satisfied=True)]


def test_a_failure_stops_what_runs_and_starts_nothing_new(tmp_path: Path) -> None:
    running = threading.Event()

    def long(context: Context) -> Done:
        running.set()
        return until_cancelled(context)

    def bad(context: Context) -> Done:
        assert running.wait(SOON)
        raise StuckError("x is stuck", "because", "do y")

    log = Log()
    outcome = run(tmp_path, step("long", long), step("bad", bad), step("after", idle, "bad"), log=log)
    assert (outcome.outcome, outcome.exit_code) == ("failed", StuckError.exit_code)
    assert log.of(ev.StepFailed) == [ev.StepFailed("bad", "x is stuck. because", "do y")]
    assert log.of(ev.RunStopping) == [ev.RunStopping("bad failed")]
    assert log.of(ev.StepStopped) == [ev.StepStopped("long", "bad failed")]
    assert "after" not in {event.step for event in log.of(ev.StepStarted)}
    (end,) = log.of(ev.RunFinished)
    assert end.error == "bad: x is stuck. because"
    assert end.cure == "do y\nto go on where it stopped: bootstrap up"


def test_all_failures_are_told_and_the_first_gives_the_exit_code(tmp_path: Path) -> None:
    second = threading.Event()

    def first_to_fail(context: Context) -> Done:
        assert second.wait(SOON)
        raise LockedError("first")

    def last_to_fail(context: Context) -> Done:
        second.set()
        assert context.cancel.wait(SOON)
        raise ToolError("second")

    log = Log()
    outcome = run(tmp_path, step("a", first_to_fail), step("b", last_to_fail), log=log)
    assert outcome.exit_code == LockedError.exit_code
    assert [(failure.step, str(failure.error)) for failure in outcome.failures] == [
        ("a", "first"),
        ("b", "second"),
    ]
    assert log.of(ev.RunFinished)[0].error == "a: first\nb: second"


def test_an_interrupt_stops_cleanly_and_says_how_to_go_on(tmp_path: Path) -> None:
    log = Log()
    runner: Runner

    def interrupted(context: Context) -> Done:
        runner.interrupt()
        return until_cancelled(context)

    plan = Plan("up", (step("a", interrupted), step("b", idle, "a")))
    runner = Runner(plan, context(tmp_path, log), resume="bootstrap up -e dev")
    outcome = runner.run()
    assert (outcome.outcome, outcome.exit_code, outcome.failures) == ("interrupted", 130, ())
    assert log.of(ev.StepStopped) == [ev.StepStopped("a", "interrupted")]
    (end,) = log.of(ev.RunFinished)
    assert end.cure == "to go on where it stopped: bootstrap up -e dev"


def test_an_interrupt_that_comes_too_late_does_not_spoil_a_success(tmp_path: Path) -> None:
    def finish(context: Context) -> Done:
        runner.interrupt()
        assert context.cancel.wait(SOON)
        return Done("finished all the same")

    runner = Runner(Plan("up", (step("a", finish),)), context(tmp_path, Log()))
    assert runner.run().exit_code == 0


def test_an_unforeseen_exception_is_a_defect_whose_text_stays_in_the_run_folder(tmp_path: Path) -> None:
    log = Log()

    def broken(context: Context) -> Done:
        context.secrets.add("hunter2-canary")
        raise ValueError("cannot parse hunter2-canary, nor this")

    outcome = run(tmp_path, step("a", broken), log=log)
    assert outcome.exit_code == 1
    (failed,) = log.of(ev.StepFailed)
    assert "ValueError" in failed.error
    assert "nor this" not in failed.error
    path = tmp_path / "run" / "defect-a.txt"
    assert str(path) in failed.cure
    text = path.read_text(encoding="utf-8")
    assert "cannot parse •••, nor this" in text
    assert "hunter2" not in text
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_thread_that_is_told_to_exit_does_not_hang_the_run(tmp_path: Path) -> None:
    assert run(tmp_path, step("a", failing(SystemExit(3)))).exit_code == 1


def test_a_temporary_error_is_tried_again_after_the_delay_it_asks_for(tmp_path: Path) -> None:
    log = Log()
    clock = FakeClock()
    errors = [TemporaryError("busy", delay=50), TemporaryError("still busy")]

    def body(context: Context) -> Done:
        if errors:
            raise errors.pop(0)
        return Done("at last")

    runner = Runner(Plan("up", (step("a", body),)), context(tmp_path, log, clock))
    assert runner.run().exit_code == 0
    retries = log.of(ev.StepRetry)
    assert [(retry.attempt, retry.error) for retry in retries] == [(1, "busy"), (2, "still busy")]
    assert retries[0].delay == 50
    assert 2 <= retries[1].delay <= 3  # two seconds and up to one of jitter
    assert clock.monotonic() == pytest.approx(sum(retry.delay for retry in retries))
    assert [started.attempt for started in log.of(ev.StepStarted)] == [1, 2, 3]


def test_attempts_are_bounded(tmp_path: Path) -> None:
    log = Log()
    outcome = run(
        tmp_path, step("a", failing(TemporaryError("busy", "for ever", "wait")), attempts=3), log=log
    )
    assert outcome.exit_code == TemporaryError.exit_code
    assert len(log.of(ev.StepStarted)) == 3
    assert log.of(ev.StepFailed) == [ev.StepFailed("a", "busy. for ever", "wait")]


def test_no_attempt_begins_past_the_deadline(tmp_path: Path) -> None:
    log = Log()
    busy = failing(TemporaryError("busy", cure="wait", delay=40))
    outcome = run(tmp_path, step("a", busy, attempts=9, deadline=100), log=log)
    assert outcome.exit_code == DeadlineError.exit_code
    assert len(log.of(ev.StepStarted)) == 3
    (failed,) = log.of(ev.StepFailed)
    assert "within 100 s. busy" in failed.error
    assert failed.cure == "wait"


def test_later_attempts_get_what_is_left_of_the_deadline(tmp_path: Path) -> None:
    deadlines: list[float] = []

    def body(context: Context) -> Done:
        deadlines.append(context.deadline)
        if len(deadlines) < 2:
            raise TemporaryError("busy", delay=40)
        return Done()

    run(tmp_path, step("a", body, deadline=100))
    assert deadlines == [100, 60]


def test_a_permanent_error_is_not_tried_again(tmp_path: Path) -> None:
    log = Log()
    run(tmp_path, step("a", failing(PermanentError("no"))), log=log)
    assert len(log.of(ev.StepStarted)) == 1


def test_a_step_past_its_deadline_is_cancelled_and_its_last_words_are_kept(tmp_path: Path) -> None:
    log, clock = Log(), FakeClock()

    def late(context: Context) -> Done:
        context.progress("3 of 14 nodes")
        clock.wait(10 + GRACE + 1, threading.Event())
        return until_cancelled(context)

    runner = Runner(Plan("up", (step("a", late, deadline=10),)), context(tmp_path, log, clock))
    assert runner.run().exit_code == DeadlineError.exit_code
    assert log.of(ev.StepFailed)[0].error == "Title of a did not finish within 10 s. 3 of 14 nodes"


def test_a_step_that_does_not_stop_is_left_behind(tmp_path: Path) -> None:
    log, clock = Log(), FakeClock()
    end = threading.Event()

    def deaf(context: Context) -> Done:
        clock.wait(10 + GRACE + ABANDON + 1, threading.Event())
        end.wait(SOON)
        return Done()

    runner = Runner(Plan("up", (step("a", deaf, deadline=10),)), context(tmp_path, log, clock))
    outcome = runner.run()
    end.set()
    assert outcome.exit_code == DeadlineError.exit_code
    assert "it did not stop when told to" in log.of(ev.StepFailed)[0].error


def test_what_the_target_has_to_say_is_passed_on_once(tmp_path: Path) -> None:
    log = Log()
    shown = Shown(
        notices=lambda: ("2 uncommitted changes are rehearsed",),
        sources=lambda: (Source("charts/loki", "6.0", "stand-in"),),
    )
    run(tmp_path, step("a"), step("b", idle, "a"), log=log, shown=shown)
    assert log.of(ev.Notice) == [ev.Notice("2 uncommitted changes are rehearsed")]
    assert log.of(ev.SourceServed) == [ev.SourceServed("charts/loki", "6.0", "stand-in")]
    assert isinstance(log.events[-1], ev.RunFinished)


def test_news_that_cannot_be_read_do_not_end_a_run(tmp_path: Path) -> None:
    def broken() -> tuple[str, ...]:
        raise OSError("gone")

    log = Log()
    assert run(tmp_path, step("a"), log=log, shown=Shown(notices=broken)).exit_code == 0
    assert "OSError" in log.of(ev.Notice)[0].message


def test_an_empty_plan_succeeds(tmp_path: Path) -> None:
    assert run(tmp_path).outcome == "succeeded"


@pytest.mark.parametrize(
    "steps",
    [
        (step("a", idle, "nowhere"),),
        (step("a"), step("a")),
        (step("a", idle, "b"), step("b", idle, "a")),
    ],
    ids=["unknown need", "twice", "circle"],
)
def test_a_plan_that_cannot_be_run_is_a_defect(steps: tuple[Step, ...], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"names a step twice or needs unknown|cycle"):
        run(tmp_path, *steps)


@st.composite
def dags(draw: st.DrawFn) -> tuple[list[tuple[str, tuple[str, ...]]], set[str]]:
    """Steps with their needs, in any order, and which of them fail."""
    names = [f"s{number}" for number in range(draw(st.integers(1, 9)))]
    graph = [
        (name, tuple(sorted(draw(st.sets(st.sampled_from(names[:number])))) if number else ()))
        for number, name in enumerate(names)
    ]
    failures = draw(st.sets(st.sampled_from(names), max_size=2))
    return draw(st.permutations(graph)), failures


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(dags())
def test_every_step_runs_once_after_its_needs_and_none_after_a_failed_one(
    tmp_path: Path, dag: tuple[list[tuple[str, tuple[str, ...]]], set[str]]
) -> None:
    graph, failures = dag
    needs = dict(graph)
    done: list[str] = []
    ran: list[str] = []

    def body(context: Context) -> Done:
        ran.append(context.step)
        assert set(needs[context.step]) <= set(done), "a need was not done"
        if context.step in failures:
            raise PermanentError(context.step)
        done.append(context.step)
        return Done()

    outcome = run(tmp_path, *(step(name, body, *wants) for name, wants in graph))
    assert len(ran) == len(set(ran))
    if not failures:
        assert set(done) == set(needs)
        assert outcome.exit_code == 0
    else:
        assert outcome.exit_code == PermanentError.exit_code
        below = {name for name in needs if _ancestors(name, needs) & failures}
        assert not below & set(ran)
        assert {failure.step for failure in outcome.failures} == set(ran) & failures != set()


def _ancestors(name: str, needs: dict[str, tuple[str, ...]]) -> set[str]:
    above = set(needs[name])
    return above.union(*(_ancestors(each, needs) for each in above))


def test_a_step_that_is_done_can_still_fail_the_run(tmp_path: Path) -> None:
    """As the run lock does, when another run takes the environment away."""
    log = Log()
    undone: list[str] = []

    def hold(context: Context) -> Done:
        context.closing.callback(undone.append, "given back")
        context.results.put(context)
        return Done()

    def work(context: Context) -> Done:
        context.results.get(Context).abort(LockedError("lost"))
        return until_cancelled(context)

    here = context(tmp_path, log)
    with here.closing:
        outcome = Runner(Plan("up", (step("lock", hold), step("work", work, "lock"))), here).run()
    assert outcome.exit_code == LockedError.exit_code
    assert [event.step for event in log.of(ev.StepFailed)] == ["lock"]
    assert [event.step for event in log.of(ev.StepStopped)] == ["work"]
    assert undone == ["given back"]
