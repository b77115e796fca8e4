"""Wave by wave: what is told, what is nudged, and what is said when it is late. Time is ours to move."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from bootstrap.config.model import Waves
from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import DeadlineError, StuckError
from bootstrap.core.wait import Observation
from bootstrap.diagnosis import Outlook, Verdict
from bootstrap.gitops.model import Tree
from bootstrap.kubernetes.errors import Forbidden
from bootstrap.kubernetes.objects import APPLICATION, Json, Key, Kind
from bootstrap.kubernetes.waves import PlannedMember, WaveState
from bootstrap.run.events import AppSeen, Diagnosed, Notice, WaveFinished, WavesPlanned, WaveStarted
from bootstrap.run.history import Learnt, Stats
from bootstrap.steps import inquiry as waves_inquiry
from bootstrap.steps import waves
from bootstrap.steps.waves import Watcher
from tests.argo_objects import EXPECTED, OLD, application, application_set, root
from tests.kubernetes_bench import Bench


class Snapshot:
    """What the fake server stores now."""

    def __init__(self, bench: Bench) -> None:
        self._bench = bench

    def items(self, kind: Kind) -> tuple[Json, ...]:
        return tuple(item for key, item in self._bench.server.stored.items() if key.kind == kind)

    def synced(self) -> bool:
        return True

    def trouble(self) -> str:
        return ""

    def wait(self, seconds: float) -> bool:
        raise NotImplementedError


@pytest.fixture(autouse=True)
def undiagnosed(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a diagnosis says is tested with it."""
    monkeypatch.setattr(waves, "diagnose", lambda *seen, **more: ())


class Stage:
    """A watcher and the world it looks at."""

    def __init__(self, bench: Bench, **waves_config: object) -> None:
        config = replace(bench.context.config, waves=Waves(**waves_config))  # type: ignore[arg-type]
        self.bench, self.context = bench, replace(bench.context, config=config)
        self.watcher = Watcher(self.context, bench.server.cluster, EXPECTED, lambda act: act())

    def put(self, *items: Json) -> None:
        for item in items:
            self.bench.server.put(item)

    def look(self, after: float = 0.0) -> Observation[WaveState]:
        clock = self.context.clock
        assert isinstance(clock, FakeClock)
        clock.wait(after, threading.Event())
        return self.watcher.decide(Snapshot(self.bench))


def told(bench: Bench) -> list[str]:
    words = []
    for event in bench.events:
        match event:
            case WaveStarted(number):
                words.append(f"start {number}")
            case WaveFinished(number, seconds):
                words.append(f"finish {number} after {seconds:.0f}")
    return words


def test_a_bring_up_is_told_wave_by_wave(bench: Bench) -> None:
    stage = Stage(bench)
    assert stage.look().reason == "root is not created yet"
    stage.put(root({"a": 0, "b": 10}, phase="Running"), application("a", health="Progressing"))
    assert stage.look(3).reason == "wave 0: a Synced, Progressing"
    stage.put(application("a"))
    assert stage.look(5).reason == "wave 10: b is not created yet"
    stage.put(application("b", health="Progressing"))
    stage.look(1)
    stage.put(application("b"))
    assert "root" in stage.look(7).reason
    stage.put(root({"a": 0, "b": 10}))
    assert stage.look().value is not None
    assert told(bench) == ["start 0", "finish 0 after 5", "start 10", "finish 10 after 8"]
    assert [event.waves for event in bench.of(WavesPlanned)] == [((0, ("a",)), (10, ("b",)))]
    seen = [(event.app, event.sync, event.health) for event in bench.of(AppSeen)]
    assert seen == [
        ("a", "Synced", "Progressing"),
        ("b", "Missing", "Missing"),
        ("a", "Synced", "Healthy"),
        ("b", "Synced", "Progressing"),
        ("b", "Synced", "Healthy"),
    ]


def test_when_all_is_done_nothing_is_sent(bench: Bench) -> None:
    stage = Stage(bench)
    stage.put(root({"a": 0}), application("a"))
    assert stage.look().value is not None
    assert bench.server.writes() == []
    assert not stage.watcher.waited


def test_a_late_wave_names_application_hint_and_command(bench: Bench) -> None:
    stage = Stage(bench, deadlines={10: 60.0}, hints={10: "look at secrets first"})
    late = application("b", health="Degraded")
    late["status"]["health"]["message"] = "Deployment eso exceeded its deadline"
    stage.put(root({"a": 0, "b": 10}, phase="Running"), application("a"), late)
    stage.look()
    stage.look(60)
    with pytest.raises(DeadlineError) as caught:
        stage.look(1)
    error = caught.value
    assert error.what == "wave 10 is not Healthy after 61 s"
    assert "b: Synced, Degraded: Deployment eso exceeded its deadline" in error.why
    assert error.cure.startswith("look at secrets first\nkubectl --kubeconfig ")
    assert error.cure.endswith("-n argocd describe application b")


def verdict(app: str, outlook: Outlook, cause: str = "image-pull", command: str = "crictl pull x") -> Verdict:
    chain = (f"Application {app}", f"Pod {app}/{app}-1")
    return Verdict(cause, outlook, app, 0, chain, "no such image x:1", command)


def _words(found: Iterable[Verdict]) -> list[str]:
    return [line for one in found for line in (f"{one.app}: {one.cause}", f"  says: {one.reason}")]


class Diagnosing(Stage):
    """A stage with a diagnosis whose verdicts are ours to say."""

    def __init__(self, bench: Bench, monkeypatch: pytest.MonkeyPatch, **waves_config: object) -> None:
        super().__init__(bench, **waves_config)
        self.verdicts: tuple[Verdict, ...] = ()
        self.asked = 0
        monkeypatch.setattr(waves, "diagnose", self.diagnose)
        monkeypatch.setattr(waves, "lines", lambda found, hints: _words(found))

    def diagnose(self, *seen: object, config: object, now: float) -> tuple[Verdict, ...]:
        self.asked += 1
        return self.verdicts


def test_nobody_asks_as_long_as_the_wave_gets_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Diagnosing(bench, monkeypatch)
    for number in range(20):
        stage.put(root({"a": 0}, phase="Running"), application("a", phase="Running", message=f"{number}"))
        stage.look(3)
    assert stage.asked == 0


def test_a_blocked_cause_is_told_within_seconds_and_once(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Diagnosing(bench, monkeypatch, deadline=3600.0)
    stage.verdicts = (verdict("a", Outlook.BLOCKED), verdict("b", Outlook.SLOW, "slow"))
    stage.put(root({"a": 0, "b": 0}, phase="Running"))
    stage.put(application("a", health="Degraded"), application("b", health="Progressing"))
    reasons = [stage.look(1).reason for _ in range(60)]
    told = bench.of(Diagnosed)
    assert [(event.app, event.cause, event.outlook) for event in told] == [("a", "image-pull", "blocked")]
    assert told[0].command == "crictl pull x"
    assert "blocked: a: no such image x:1 (image-pull)" in reasons[5]
    assert "slow" not in reasons[-1]
    assert stage.asked <= 30, "no more often than every other second"


def test_what_will_never_heal_ends_the_run_at_the_second_look(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Diagnosing(bench, monkeypatch, deadline=3600.0, hints={0: "look at the registry"})
    stage.verdicts = (verdict("a", Outlook.HOPELESS),)
    stage.put(root({"a": 0}, phase="Running"), application("a", health="Degraded"))
    looks = iter(range(60))
    with pytest.raises(StuckError) as caught:
        for _ in looks:
            stage.look(1)
    assert waves_inquiry.HOLD < next(looks) <= 15
    assert caught.value.what == "wave 0 is not Healthy and will not recover on its own"
    assert caught.value.why == "\n  - a: image-pull\n      says: no such image x:1"
    assert caught.value.cure == "look at the registry\ncrictl pull x"


@pytest.mark.parametrize("other", [Outlook.SLOW, Outlook.BLOCKED, None])
def test_nothing_ends_while_something_may_still_heal(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, other: Outlook | None
) -> None:
    stage = Diagnosing(bench, monkeypatch, deadline=3600.0)
    stage.verdicts = (verdict("a", Outlook.HOPELESS), *([verdict("b", other)] if other else []))
    stage.put(root({"a": 0, "b": 0}, phase="Running"))
    stage.put(application("a", health="Degraded"), application("b", health="Progressing"))
    for _ in range(60):
        assert stage.look(1).value is None


def test_a_hopeless_look_that_the_next_takes_back_ends_nothing(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Diagnosing(bench, monkeypatch, deadline=3600.0)
    stage.put(root({"a": 0}, phase="Running"), application("a", health="Degraded"))
    for number in range(60):
        stage.verdicts = (verdict("a", Outlook.HOPELESS),) if stage.asked % 2 else ()
        assert stage.look(1).value is None, number


def test_a_failed_sync_is_tried_once_more_before_it_is_called_hopeless(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Diagnosing(bench, monkeypatch, deadline=3600.0)
    stage.verdicts = (verdict("a", Outlook.HOPELESS, "schema"),)
    stage.put(root({"a": 0}, phase="Running"), application("a", sync="OutOfSync", phase="Failed"))
    with pytest.raises(StuckError):
        for _ in range(60):
            stage.look(1)
            bench.server.stored[Key(APPLICATION, "argocd", "a")].pop("operation", None)
            stage.put(application("a", sync="OutOfSync", phase="Failed"))
    assert [request for request in bench.server.requests if "operation" in (request.body or {})]


def test_a_diagnosis_that_fails_ends_nothing(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Diagnosing(bench, monkeypatch, deadline=3600.0)

    def broken(*seen: object, **more: object) -> tuple[Verdict, ...]:
        raise ValueError("a defect")

    monkeypatch.setattr(waves, "diagnose", broken)
    stage.put(root({"a": 0}, phase="Running"), application("a", health="Degraded"))
    for _ in range(30):
        assert stage.look(1).value is None


def test_what_is_usual_is_told_and_what_is_slower(bench: Bench) -> None:
    stage = Stage(bench, deadline=3600.0)
    learnt = Learnt({0: Stats(20, 30, 5), 10: Stats(5, 6, 5)}, {"verify": Stats(3, 3, 5)}, 5)
    stage.watcher.prepare((), learnt)
    stage.put(root({"a": 0, "b": 10}, phase="Running"), application("a", health="Progressing"))
    assert "slower" not in str(stage.look().reason)
    assert "slower" not in str(stage.look(40).reason)
    assert "(slower than usual: 20 s)" in stage.look(10).reason
    stage.put(application("a"))
    stage.look()
    told = [(event.wave, event.usual, event.left) for event in bench.of(WaveStarted)]
    assert told == [(0, 20, 28), (10, 5, 8)]


def test_waves_are_announced_from_git_before_the_cluster_knows_them(bench: Bench) -> None:
    stage = Stage(bench)
    plan = (PlannedMember("a", "Application", (0,)), PlannedMember("set", "ApplicationSet", (60,)))
    child = PlannedMember("child", "Application", (60,), owner="set", step=1)
    stage.watcher.prepare((*plan, child), Learnt())
    assert [event.waves for event in bench.of(WavesPlanned)] == [((0, ("a",)), (60, ("set",)))]
    stage.put(root({"a": 0, "set": 60}, ("set",), phase="Running"), application("a", health="Progressing"))
    stage.look()
    assert len(bench.of(WavesPlanned)) == 1
    missing = {event.app: (event.place, event.message) for event in bench.of(AppSeen)}
    assert missing["child"] == ("60 step 1", "is not created yet")


def test_differences_between_git_and_cluster_are_told_once_and_hold_up_nothing(bench: Bench) -> None:
    stage = Stage(bench)
    stage.watcher.prepare(
        (PlannedMember("a", "Application", (0,)), PlannedMember("gone", "Application", (5,))), Learnt()
    )
    stage.put(root({"a": 0, "extra": 0}), application("a"), application("extra"))
    assert stage.look().value is not None
    stage.look()
    told = [event.message for event in bench.of(Notice)]
    assert [line.split()[0] for line in told] == ["gone", "extra"]


def test_a_wave_with_waves_inside_gets_its_time_for_each(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    stage.put(root({"tree": 0}, phase="Running"))
    inner = [
        {"group": "argoproj.io", "kind": "Application", "name": f"in-{n}", "syncWave": n} for n in (1, 2)
    ]
    stage.put(application("tree", health="Progressing", resources=inner))
    stage.put(application("in-1", health="Progressing"))
    assert stage.look(1).reason.startswith("wave 0/1: in-1")
    stage.look(50)
    stage.put(application("in-1"), application("in-2", health="Progressing"))
    assert stage.look(1).reason.startswith("wave 0/2: in-2")
    assert stage.look(50).value is None
    with pytest.raises(DeadlineError, match=r"(?s)wave 0 is not Healthy.*in-2"):
        stage.look(11)


def test_a_root_that_cannot_be_compared_is_the_cause(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    conditions = [{"type": "ComparisonError", "message": "repository not found"}]
    stage.put(root({}, sync="Unknown", commit="", conditions=conditions))
    stage.look()
    with pytest.raises(DeadlineError, match=r"(?s)the root Application is not done.*repository not found"):
        stage.look(61)


def test_an_application_that_is_not_made_points_at_the_root(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    stage.put(root({"a": 0}, sync="OutOfSync", phase="Running", message="waiting for healthy state of x"))
    stage.look()
    with pytest.raises(DeadlineError, match=r"(?s)a: Missing.*root: .*waiting for healthy state of x"):
        stage.look(61)


def test_the_deadline_is_each_wave_s_own(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    stage.put(root({"a": 0, "b": 10}, phase="Running"), application("a", health="Progressing"))
    stage.look()
    stage.look(50)
    stage.put(application("a"), application("b", health="Progressing"))
    stage.look(1)
    assert stage.look(50).value is None
    with pytest.raises(DeadlineError, match="wave 10 is not Healthy after 61 s"):
        stage.look(11)


def test_a_relapse_is_not_told_twice_and_gets_its_time_anew(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    stage.put(
        root({"a": 0, "b": 10}, phase="Running"), application("a"), application("b", health="Progressing")
    )
    stage.look()
    stage.put(application("a", health="Progressing"))
    assert "wave 0" in stage.look(50).reason
    assert stage.look(50).value is None
    with pytest.raises(DeadlineError, match="wave 0"):
        stage.look(11)
    assert told(bench) == ["start 0", "finish 0 after 0", "start 10"]


def test_one_that_flaps_for_ever_runs_out_of_time(bench: Bench) -> None:
    stage = Stage(bench, deadline=60.0)
    stage.put(
        root({"a": 0, "b": 10}, phase="Running"), application("a"), application("b", health="Progressing")
    )
    with pytest.raises(DeadlineError):
        for _ in range(20):
            for health in ("Progressing", "Healthy"):
                stage.put(application("a", health=health))
                stage.look(20)


def test_a_set_and_its_application_of_the_same_name_are_told_once_each(bench: Bench) -> None:
    stage = Stage(bench)
    stage.put(root({"web": 0}, ("web",), phase="Running"), application_set("web", "web"))
    stage.put(application("web", owner="web", health="Progressing"))
    for _ in range(3):
        assert stage.look(1).reason == "wave 0: web Synced, Progressing"
    assert [event.health for event in bench.of(AppSeen)] == ["Healthy", "Progressing"]


def test_stale_ones_are_asked_to_look_again(bench: Bench) -> None:
    stage = Stage(bench)
    stage.put(root({"a": 0}), application("a", commit=OLD))
    stage.look()
    live = bench.server.stored[Key(APPLICATION, "argocd", "a")]
    assert live["metadata"]["annotations"] == {"argocd.argoproj.io/refresh": "normal"}
    assert "refresh Application.argoproj.io argocd/a" in bench.said()


def test_what_is_waited_for_is_asked_to_look_again_without_a_word(bench: Bench) -> None:
    stage = Stage(bench)
    item = application("a", health="Progressing")
    item["status"]["reconciledAt"] = "2023-01-01T00:00:00Z"
    stage.put(root({"a": 0}, phase="Running"), item)
    stage.look()
    live = bench.server.stored[Key(APPLICATION, "argocd", "a")]
    assert live["metadata"]["annotations"] == {"argocd.argoproj.io/refresh": "normal"}
    assert "look-again" not in bench.said()


LEAVING = {
    "deletionTimestamp": "2025-01-01T00:00:00Z",
    "finalizers": ["resources-finalizer.argocd.argoproj.io"],
}


def test_the_sync_of_one_that_is_on_its_way_out_is_ended_though_it_is_no_member(bench: Bench) -> None:
    stage = Stage(bench)
    gone = application("gone", phase="Running", metadata=LEAVING)
    stage.put(root({"a": 0}, phase="Running"), application("a", health="Progressing"), gone)
    stage.look()
    live = bench.server.stored[Key(APPLICATION, "argocd", "gone")]
    assert live["status"]["operationState"]["phase"] == "Terminating"


def test_a_repair_that_is_refused_ends_the_run(bench: Bench) -> None:
    stage = Stage(bench)
    stage.put(root({"a": 0}, phase="Running"), application("a", commit=OLD))
    bench.server.refuse = lambda request: Forbidden("no") if request.method == "PATCH" else None
    stage.look()
    with pytest.raises(Forbidden):
        stage.look(1)


def test_repairs_go_on_beside_the_watching_one_batch_after_the_other(bench: Bench) -> None:
    begun: list[Callable[[], None]] = []
    watcher = Watcher(bench.context, bench.server.cluster, EXPECTED, begun.append)
    apps = {f"a-{number}": 0 for number in range(10)}
    for item in (root(apps, phase="Running"), *(application(which, commit=OLD) for which in apps)):
        bench.server.put(item)
    for _ in range(3):
        watcher.decide(Snapshot(bench))
    assert bench.server.writes() == []
    assert len(begun) == 1
    begun.pop()()
    assert len(bench.server.writes()) == waves.AT_ONCE
    watcher.decide(Snapshot(bench))
    begun.pop()()
    assert len(bench.server.writes()) == len(apps)


def test_a_sync_that_keeps_failing_is_tried_again_and_then_given_up(bench: Bench) -> None:
    stage = Stage(bench, deadline=3600.0)
    stage.put(root({"a": 0}, phase="Running"))
    failed = application("a", sync="OutOfSync", phase="Failed", message="no matches for kind Widget")
    with pytest.raises(StuckError, match=r"(?s)again and again \(a\).*no matches for kind Widget"):
        for _ in range(10):
            stage.put({**failed, "operation": None})
            bench.server.stored[Key(APPLICATION, "argocd", "a")].pop("operation", None)
            stage.look(60)
    syncs = [request for request in bench.server.requests if "operation" in (request.body or {})]
    assert len(syncs) == 3


def test_the_step_watches_until_all_is_done(bench: Bench) -> None:
    bench.server.put(root({"a": 0}))
    bench.server.put(application("a"))
    bench.context.results.put(Tree(()))
    done = waves.run(bench.context)
    assert done.summary == "1 waves, 1 Applications Synced and Healthy"
    assert not done.changed
