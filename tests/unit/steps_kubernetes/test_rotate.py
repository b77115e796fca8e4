"""Rotation on moto and a cluster in memory, whose External Secrets reads that very moto."""

from __future__ import annotations

import base64
import itertools
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.aws.secret_age import MADE, due
from bootstrap.config.model import Generate, Seed
from bootstrap.core.clock import SystemClock
from bootstrap.core.errors import DeadlineError, Interrupted, PermanentError
from bootstrap.kubernetes.objects import DEPLOYMENT, EXTERNAL_SECRET, SECRET, Json, Key, Kind
from bootstrap.kubernetes.propagation import RESTARTED, Hold, readers
from bootstrap.run.events import Notice, StepProgress
from bootstrap.run.step import Done
from bootstrap.steps import access, rotate, seeds
from bootstrap.steps.rotate import ROTATING, Followed, Renewed, Rotation
from bootstrap.steps.terraform import Outputs
from tests.aws_context import World, client, environment, new_client, world
from tests.kubernetes_fake import FakeServer

PREFIX = "/eco2/dev"
SEEDS = (
    Seed("db/url", template="postgres://app:{seed:db/password}@db/{seed:api/token}"),
    Seed("db/password", generate=Generate(rotate_after="90d")),
    Seed("other/password", generate=Generate()),
    Seed("api/token", from_env="BOOTSTRAP_TEST_TOKEN"),
)
DAY = 86400.0


class ExternalSecrets:
    """Reads SSM when it is asked to, unless it is `broken`; then it says so."""

    def __init__(self) -> None:
        self.broken = ""
        self.syncs = itertools.count(1)
        self._asked: dict[Key, str] = {}

    def __call__(self, server: FakeServer, item: Json) -> None:
        if Kind.of(item).unversioned != EXTERNAL_SECRET or item.get("deleted"):
            return
        key, asked = Key.of(item), str((item["metadata"].get("annotations") or {}).get("force-sync", "first"))
        if self._asked.get(key) != asked:
            self._asked[key] = asked
            self._sync(server, item)

    def _sync(self, server: FakeServer, item: Json) -> None:
        ready = {"type": "Ready", "status": "False" if self.broken else "True", "message": self.broken}
        status = {"conditions": [ready], "refreshTime": f"2025-01-01T00:00:{next(self.syncs):02}Z"}
        if not self.broken:
            entries = item["spec"].get("data", ())
            data = {one["secretKey"]: encoded(stored(one["remoteRef"]["key"])) for one in entries}
            meta = {"name": item["spec"]["target"]["name"], "namespace": item["metadata"]["namespace"]}
            server.put({"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": data})
        server.change(Key.of(item), status=status)


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def stored(name: str) -> str:
    return str(client("ssm").get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"])


def version(name: str) -> int:
    return int(client("ssm").get_parameter(Name=f"{PREFIX}/{name}")["Parameter"]["Version"])


def external(name: str, *parameters: str, **spec: Any) -> Json:
    data = [
        {"secretKey": one.rpartition("/")[2].upper(), "remoteRef": {"key": f"{PREFIX}/{one}"}}
        for one in parameters
    ]
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": name, "namespace": "auth"},
        "spec": {"target": {"name": name}, "data": data, **spec},
    }


def deployment(name: str, pod: Json, **annotations: str) -> Json:
    meta = {"name": name, "namespace": "auth", "annotations": annotations}
    template = {"spec": pod}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {"template": template}}


USES_ENV = {"containers": [{"name": "api", "envFrom": [{"secretRef": {"name": "db"}}]}]}


class Stage:
    """Everything is up: seeds in SSM, an ExternalSecret and a Deployment in the cluster."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.operator = ExternalSecrets()
        self.server = FakeServer(react=self.operator)
        self.world: World = world(environment(home, seeds=SEEDS))
        self.context = self.world.context
        key = client("kms").create_key()["KeyMetadata"]["Arn"]
        self.context.results.put(Outputs({"kms_key_arn": key}))
        seeds.run(self.context)
        monkeypatch.setattr(access, "existing", lambda _: self.server.cluster)
        self.server.put(external("db", "db/password", "db/url"))
        self.server.put(external("other", "other/password"))
        self.server.put(deployment("api", USES_ENV))

    @property
    def api(self) -> Api:
        return Api(client("ssm"))

    def values(self) -> dict[str, str]:
        return {seed.name: stored(f"{PREFIX}/{seed.name}") for seed in SEEDS}

    def rotate(self, *names: str, **options: bool) -> tuple[Done, ...]:
        """The whole plan, step by step."""
        request = Rotation(names, **options)
        told = []
        steps: tuple[Callable[[], Done], ...] = (
            lambda: rotate.renew(self.context, request),
            lambda: rotate.follow(self.context),
            lambda: rotate.tell_users(self.context, request),
            lambda: rotate.settle(self.context),
        )
        for step in steps:
            done = step()
            if done.result is not None:
                self.context.results.put(done.result)
            told.append(done)
        return tuple(told)

    def secret(self, name: str = "db") -> dict[str, str]:
        data = self.server.get(SECRET, name, "auth")["data"]
        return {key: base64.b64decode(text).decode() for key, text in data.items()}

    def notices(self) -> str:
        return "\n".join(event.message for event in self.world.of(Notice))


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    monkeypatch.setenv("BOOTSTRAP_TEST_TOKEN", "canary-token")
    with mock_aws():
        yield Stage(tmp_path, monkeypatch)


def test_a_new_value_reaches_the_cluster_with_everything_made_from_it(stage: Stage) -> None:
    before, held = stage.values(), stage.secret()
    renewed, followed, _, settled = stage.rotate("db/password")
    after = stage.values()
    assert after["db/password"] != before["db/password"]
    assert after["db/url"] == f"postgres://app:{after['db/password']}@db/canary-token"
    assert (after["other/password"], after["api/token"]) == (before["other/password"], "canary-token")
    assert stage.secret() == {"PASSWORD": after["db/password"], "URL": after["db/url"]}
    assert stage.secret() != held
    assert renewed.summary == "db/password, db/url written"
    assert isinstance(followed.result, Followed)
    assert followed.result.secrets == (Key(SECRET, "auth", "db"),)
    assert settled.summary == "2 parameters rotated"
    assert ssm.names(stage.api, PREFIX, ROTATING) == set()
    assert version("other/password") == 1


def test_the_new_value_keeps_key_type_and_tags(stage: Stage) -> None:
    name = f"{PREFIX}/db/password"
    before = ssm.describe(stage.api, [name])[name]
    stage.rotate("db/password")
    after = ssm.describe(stage.api, [name])[name]
    assert (after.key, after.version) == (before.key, before.version + 1)
    assert stage.context.config.tags.items() <= ssm.tags(stage.api, name).items()


def test_no_event_or_result_shows_a_value(stage: Stage) -> None:
    before = stage.values()
    told = stage.rotate("db/password")
    shown = f"{stage.world.events}{told}"
    for value in (*before.values(), *stage.values().values()):
        assert value not in shown
        assert value not in stage.context.secrets.redact(f"oops {value}")


def test_values_in_the_cluster_are_never_written_by_us(stage: Stage) -> None:
    stage.server.requests.clear()
    stage.rotate("db/password")
    assert {request.path.split("/")[-2] for request in stage.server.requests if request.method != "GET"} == {
        "externalsecrets"
    }


def test_what_is_killed_after_ssm_is_gone_on_with_and_not_made_anew(stage: Stage) -> None:
    rotate.renew(stage.context, Rotation(("db/password",)))
    made = stage.values()
    assert stage.secret()["PASSWORD"] != made["db/password"]
    again = stage.rotate("db/password")
    assert again[0].summary == "nothing to write, 2 on their way from an earlier run"
    assert not again[0].changed
    assert stage.values() == made
    assert stage.secret()["PASSWORD"] == made["db/password"]
    assert stage.rotate(due=True)[0].summary == "nothing to write"


@pytest.mark.parametrize("calls", range(8))
def test_killed_between_any_two_writes_it_ends_well(stage: Stage, calls: int) -> None:
    """The process dies instead of one of the eight calls that change SSM; the next run ends in step."""
    before, left = stage.values(), iter(range(calls))

    def dying(service: str) -> Any:
        made = new_client(service)
        for call in ("PutParameter", "AddTagsToResource", "RemoveTagsFromResource"):
            made.meta.events.register(f"before-call.ssm.{call}", die)
        return made

    def die(**_: Any) -> None:
        if next(left, None) is None:
            raise Interrupted("killed")

    alive = stage.context
    stage.context = replace(alive, target=replace(alive.target, client=dying))
    with pytest.raises(Interrupted):
        stage.rotate("db/password")
    stage.context = alive
    stage.rotate("db/password")
    after = stage.values()
    assert after["db/password"] != before["db/password"]
    assert version("db/password") == (3 if calls == 7 else 2)  # its mark is the first to be taken away
    assert after["db/url"] == f"postgres://app:{after['db/password']}@db/canary-token"
    assert stage.secret() == {"PASSWORD": after["db/password"], "URL": after["db/url"]}
    assert ssm.names(stage.api, PREFIX, ROTATING) == set()


def test_the_way_back(stage: Stage) -> None:
    before = stage.values()
    stage.rotate("db/password")
    assert "bootstrap rotate NAME --back" in stage.notices()
    stage.rotate("db/password", back=True)
    assert stage.values() == before
    assert stage.secret()["PASSWORD"] == before["db/password"]
    assert version("db/password") == 3


def test_without_a_past_there_is_no_way_back(stage: Stage) -> None:
    with pytest.raises(PermanentError, match="no way back for /eco2/dev/db/password"):
        stage.rotate("db/password", back=True)


def test_all_are_the_generated_ones(stage: Stage) -> None:
    before = stage.values()
    stage.rotate(all=True)
    after = stage.values()
    assert {name for name in before if before[name] != after[name]} == {
        "db/password",
        "other/password",
        "db/url",
    }


def test_due_are_those_older_than_their_policy_whatever_ssm_says_of_dates(stage: Stage) -> None:
    now, config = stage.context.clock.now(), stage.context.config
    assert due(stage.api, config, now + 89 * DAY) == ()
    (one,) = due(stage.api, config, now + 91 * DAY)
    assert str(one) == "db/password is 91 days old, to be rotated after 90d"
    name = f"{PREFIX}/db/password"
    client("ssm").put_parameter(Name=name, Value="encrypted anew", Type="SecureString", Overwrite=True)
    assert [each.name for each in due(stage.api, config, now + 91 * DAY)] == ["db/password"]
    client("ssm").remove_tags_from_resource(ResourceType="Parameter", ResourceId=name, TagKeys=[MADE])
    assert due(stage.api, config, now) == ()
    stage.context.clock.wait(91 * DAY, stage.context.cancel)
    ssm.tag(stage.api, name, {MADE: "2020-01-01T00:00:00Z"})
    before = stage.values()
    stage.rotate(due=True)
    assert stage.values()["other/password"] == before["other/password"]
    assert stage.values()["db/password"] != before["db/password"]
    assert due(stage.api, config, stage.context.clock.now()) == ()


def test_a_store_that_does_not_answer_is_named_when_time_is_up_and_the_next_run_goes_on(stage: Stage) -> None:
    stage.operator.broken = "could not get secret data from provider"
    with pytest.raises(DeadlineError) as refused:
        stage.rotate("db/password")
    assert "auth/db: PASSWORD, URL is the old one: could not get secret data" in refused.value.why
    made = stage.values()
    stage.operator.broken = ""
    stage.rotate("db/password")
    assert stage.values() == made
    assert stage.secret()["PASSWORD"] == made["db/password"]


def test_it_is_nudged_again_until_it_has_read(stage: Stage) -> None:
    """A sync that read SSM just before the write is not the end of it."""
    stage.operator.broken = "not now"
    asked = itertools.count()

    def recover(server: FakeServer, item: Json) -> None:
        if Kind.of(item).unversioned == EXTERNAL_SECRET and next(asked) > 4:
            stage.operator.broken = ""
        stage.operator(server, item)

    stage.server.react = recover
    stage.rotate("db/password")
    assert stage.secret()["PASSWORD"] == stage.values()["db/password"]


def test_what_makes_something_else_of_it_has_to_read_it_again(stage: Stage) -> None:
    made = {"name": "made", "template": {"data": {"url": "x{{ .PASSWORD }}"}}}
    stage.server.put(external("made", "db/password", target=made))
    first = stage.server.get(EXTERNAL_SECRET, "made", "auth")["status"]["refreshTime"]
    stage.rotate("db/password")
    assert stage.server.get(EXTERNAL_SECRET, "made", "auth")["status"]["refreshTime"] > first


def test_a_template_of_labels_alone_changes_nothing_of_the_proof(stage: Stage) -> None:
    labelled = {"name": "labelled", "template": {"metadata": {"labels": {"a": "b"}}}}
    stage.server.put(external("labelled", "db/password", target=labelled))
    (found,) = readers([stage.server.get(EXTERNAL_SECRET, "labelled", "auth")], {f"{PREFIX}/db/password"})
    assert found.holds == (Hold("PASSWORD", f"{PREFIX}/db/password"),)
    assert not found.derived


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"refreshPolicy": "CreatedOnce"}, "its refreshPolicy is CreatedOnce"),
        (
            {"data": [{"secretKey": "P", "remoteRef": {"key": f"{PREFIX}/other/password", "version": "1"}}]},
            "it is pinned to version 1",
        ),
    ],
)
def test_what_never_follows_is_told_and_not_waited_for(
    stage: Stage, changes: dict[str, Any], said: str
) -> None:
    stage.server.remove(Key(EXTERNAL_SECRET, "auth", "other"))
    stage.server.put(external("stubborn", "other/password", **changes))
    stage.rotate("other/password")
    assert f"auth/stubborn stays as it is: {said}" in stage.notices()


def test_a_value_that_nobody_reads_is_told(stage: Stage) -> None:
    stage.server.remove(Key(EXTERNAL_SECRET, "auth", "other"))
    stage.rotate("other/password")
    assert f"no ExternalSecret reads {PREFIX}/other/password" in stage.notices()


def test_without_a_cluster_ssm_is_all(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "existing", lambda _: None)
    assert stage.rotate("other/password")[1].summary == "there is no cluster"
    assert ssm.names(stage.api, PREFIX, ROTATING) == set()


def test_workloads_that_use_it_are_named_with_what_to_do(stage: Stage) -> None:
    mounted = {"volumes": [{"name": "v", "secret": {"secretName": "db"}}]}
    mounts: list[Json] = [{"name": "v", "mountPath": "/v"}]
    part = [{"name": "v", "mountPath": "/v", "subPath": "x"}]
    watched = {"reloader.stakater.com/auto": "true"}
    stage.server.put(deployment("files", {**mounted, "containers": [{"volumeMounts": mounts}]}))
    stage.server.put(deployment("parts", {**mounted, "containers": [{"volumeMounts": part}]}))
    stage.server.put(deployment("reloaded", USES_ENV, **watched))
    stage.server.put(deployment("others", {"containers": [{"envFrom": [{"secretRef": {"name": "x"}}]}]}))
    told = stage.rotate("db/password")[2]
    assert told.summary == "4 workloads, 0 restarted"
    said = stage.notices()
    assert "auth/api uses db: restart it: kubectl -n auth rollout restart deployment/api" in said
    assert "auth/files uses db: its file changes within a minute" in said
    assert "auth/parts uses db: restart it" in said
    assert "auth/reloaded uses db: its annotation asks a reloader" in said
    assert "auth/others" not in said


def rolling_out(stage: Stage) -> list[str]:
    """The Deployment controller: it sees a new template at the second look, and then makes it run."""
    seen: list[str] = []

    def react(server: FakeServer, item: Json) -> None:
        stage.operator(server, item)
        if Kind.of(item).unversioned != DEPLOYMENT or item.get("deleted"):
            return
        generation = item["metadata"]["generation"]
        if (item.get("status") or {}).get("observedGeneration") == generation:
            return
        seen.append(item["metadata"]["name"])
        now = {"observedGeneration": generation, "updatedReplicas": 1, "availableReplicas": 0}
        threading.Timer(
            0.1, server.change, (Key.of(item),), {"status": {**now, "availableReplicas": 1}}
        ).start()
        server.change(Key.of(item), status=now)

    stage.server.react = react
    return seen


def test_a_restart_is_waited_for_until_the_new_pods_run(stage: Stage) -> None:
    seen = rolling_out(stage)
    told = stage.rotate("db/password", restart=True)
    assert told[2].summary == "1 workloads, 1 restarted"
    assert seen == ["api"]
    status = stage.server.get(DEPLOYMENT, "api", "auth")["status"]
    assert status["availableReplicas"] == 1
    progress = [event.message for event in stage.world.of(StepProgress)]
    assert any("Deployment api (0 of 1 replicas are available)" in message for message in progress)


def test_a_restart_that_does_not_end_is_named_and_the_rotation_stays_open(stage: Stage) -> None:
    request = Rotation(("db/password",), restart=True)
    stage.context.results.put(rotate.renew(stage.context, request).result)
    stage.context.results.put(rotate.follow(stage.context).result)
    hurried = replace(stage.context, deadline=0.5, clock=SystemClock())
    with pytest.raises(DeadlineError, match="restarted workloads to run anew") as late:
        rotate.tell_users(hurried, request)
    assert "Deployment api (" in late.value.why
    assert "bootstrap diagnose" in late.value.cure
    assert ssm.names(stage.api, PREFIX, ROTATING), "the same command goes on"


def test_what_is_paused_is_not_restarted(stage: Stage) -> None:
    stage.server.change(Key(DEPLOYMENT, "auth", "api"), spec={"paused": True})
    assert stage.rotate("db/password", restart=True)[2].summary == "1 workloads, 0 restarted"
    assert "it is paused; kubectl -n auth rollout resume deployment/api" in stage.notices()


def test_restart_restarts_what_nobody_else_does(stage: Stage) -> None:
    stage.server.put(deployment("reloaded", USES_ENV, **{"reloader.stakater.com/auto": "true"}))
    owned = deployment("owned", USES_ENV)
    owned["metadata"]["ownerReferences"] = [{"kind": "Cluster", "name": "db", "controller": True}]
    stage.server.put(owned)
    rolling_out(stage)
    assert stage.rotate("db/password", restart=True)[2].summary == "3 workloads, 1 restarted"

    def annotations(name: str) -> Any:
        return stage.server.get(DEPLOYMENT, name, "auth")["spec"]["template"].get("metadata", {})

    assert RESTARTED in annotations("api")["annotations"]
    assert annotations("reloaded") == annotations("owned") == {}
    assert "its operator has to take the new value over" in stage.notices()


def test_what_is_not_in_ssm_is_refused_before_anything_is_written(stage: Stage) -> None:
    ssm.delete(stage.api, [f"{PREFIX}/db/password"])
    before = version("other/password")
    with pytest.raises(PermanentError, match="db/password cannot be rotated"):
        stage.rotate(all=True)
    assert version("other/password") == before


def test_the_result_does_not_show_its_values() -> None:
    assert "canary" not in repr(Renewed({"/a": "canary"}))
