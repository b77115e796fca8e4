"""The picture of a run, folded from events."""

from __future__ import annotations

from functools import reduce

from bootstrap.render import view as v
from bootstrap.render.view import RunView, see
from bootstrap.run import events as ev
from tests.story import BEGINNING, FAILURE, MIDDLE, REST, START, SUCCESS, picture, stamped


def test_steps_go_through_their_states() -> None:
    steps = picture(BEGINNING).steps
    assert {name: step.state for name, step in steps.items()} == {
        "toolchain": v.SATISFIED,
        "preflight": v.DONE,
        "terraform": v.DONE,
        "seeds": v.DONE,
        "nodes": v.RUNNING,
        "waves": v.PENDING,
        "verify": v.PENDING,
    }
    assert (steps["preflight"].started, steps["preflight"].ended, steps["preflight"].attempt) == (0.2, 4.0, 2)


def test_a_retry_says_what_happens_next() -> None:
    step = picture(BEGINNING[:5]).steps["preflight"]
    assert (step.state, step.message) == (v.RETRYING, "EC2 answers slowly (will try again in 2 s)")


def test_a_failure_keeps_error_and_cure() -> None:
    view = picture(BEGINNING, MIDDLE, FAILURE)
    assert view.steps["waves"].state == v.FAILED
    assert view.steps["waves"].cure.startswith("bootstrap up")
    assert view.stopping == "waves failed"
    assert view.end is not None
    assert view.end.exit_code == 5


def test_waves_have_begin_end_and_apps() -> None:
    view = picture(BEGINNING, MIDDLE, SUCCESS)
    assert [(wave.wave, wave.started, wave.ended) for wave in view.waves.values()] == [
        (0, 31.0, 36.0),
        (10, 36.0, 44.0),
        (60, 44.0, 52.0),
    ]
    assert view.apps["dev-chat"].healthy == 52.0
    assert view.started == START


def test_the_first_time_an_app_was_good_is_kept() -> None:
    seen = [(1.0, ev.AppSeen(0, "a", "Synced", health)) for health in ("Healthy", "Degraded")]
    seen.append((9.0, ev.AppSeen(0, "a", "Synced", "Healthy")))
    app = picture(tuple(seen)).apps["a"]
    assert (app.healthy, app.good) == (1.0, True)


def test_waves_planned_after_they_began_do_not_begin_again() -> None:
    view = picture(((1.0, ev.WaveStarted(0, ("a",))), (2.0, ev.WavesPlanned(((0, ("a",)), (1, ("b",)))))))
    assert [(wave.wave, wave.started) for wave in view.waves.values()] == [(0, 1.0), (1, None)]


def test_a_wave_that_is_planned_no_more_is_not_waited_for() -> None:
    view = picture(
        ((1.0, ev.WavesPlanned(((0, ("a",)), (5, ("x",))))), (2.0, ev.WavesPlanned(((0, ("a",)),))))
    )
    assert list(view.waves) == [0]


def test_what_turns_up_in_a_wave_belongs_to_it() -> None:
    seen = ev.AppSeen(0, "child", "Synced", "Healthy", place="0/2")
    view = picture(((1.0, ev.WaveStarted(0, ("a",))), (2.0, seen), (3.0, seen)))
    assert view.waves[0].apps == ("a", "child")
    assert view.apps["child"].place == "0/2"


def test_a_cause_is_known_until_the_application_is_good() -> None:
    diagnosed = ev.Diagnosed(0, "a", "image-pull", "blocked", ("Application a", "Pod x"), "no image", "ls")
    late = ((1.0, diagnosed), (2.0, ev.AppSeen(0, "a", "Synced", "Degraded")))
    assert picture(late).apps["a"].cause == "blocked: Pod x: no image (image-pull)"
    assert picture((*late, (3.0, ev.AppSeen(0, "a", "Synced", "Healthy")))).apps["a"].cause == ""


def test_what_is_left_shrinks_and_stays_while_a_wave_is_late() -> None:
    view = picture(((10.0, ev.WaveStarted(0, ("a",), 20.0, 50.0)),))
    assert [v.left(view, now) for now in (10.0, 20.0, 30.0, 99.0)] == [50.0, 40.0, 30.0, 30.0]
    assert v.left(picture(((10.0, ev.WaveStarted(0, ("a",))),)), 10.0) is None
    assert v.left(picture(BEGINNING, MIDDLE, SUCCESS), 60.0) is None


def test_what_is_told_twice_is_kept_once() -> None:
    twice = (
        (1.0, ev.Notice("x")),
        (2.0, ev.Notice("x")),
        *(((3.0, ev.SourceServed("s", "1", "cache")),) * 2),
    )
    view = picture(twice)
    assert view.notices == ("x",)
    assert len(view.sources) == 1


def test_what_stays_and_what_was_checked_is_kept() -> None:
    view = picture(BEGINNING, REST, REST)
    assert [(check.name, check.passed) for check in view.smoke[:2]] == [("login", True), ("pay", False)]
    assert [item.resource for item in view.kept] == ["s3 bucket b"]
    assert [item.cure for item in view.left] == ["aws ec2 delete-volume"]


def test_events_it_does_not_know_change_nothing() -> None:
    class New(ev.Event):
        pass

    before = picture(BEGINNING)
    assert see(before, ev.Stamped(START, 99.0, New())) == before


def test_every_kind_of_event_can_be_encoded_and_read() -> None:
    story = stamped((*BEGINNING, *MIDDLE, *SUCCESS, *FAILURE, *REST))
    kinds = {type(each.event) for each in story}
    assert kinds == set(ev.Event.__subclasses__()) - {
        kind for kind in ev.Event.__subclasses__() if kind.__module__ != ev.__name__
    }
    assert all(ev.encode(each)["type"] == each.event.type for each in story)
    assert reduce(see, story, RunView()).end is not None
