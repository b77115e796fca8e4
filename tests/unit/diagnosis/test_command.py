"""`bootstrap diagnose`: words, JSON and exit codes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap import targets
from bootstrap.commands import diagnose
from bootstrap.commands.options import DiagnoseOptions
from bootstrap.config.model import Environment, Waves
from bootstrap.core.errors import StuckError, UsageError
from bootstrap.diagnosis.picture import Picture, encode
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.errors import Unreachable
from bootstrap.run.target import Part, Shown
from tests.argo_objects import COMMIT, application, root
from tests.fakes import environment, target
from tests.kubernetes_fake import FakeServer
from tests.unit.diagnosis.stage import NOW, app, deployment, external_secret, picture

STUCK = picture(app(external_secret()), external_secret())
SLOW = picture(app(deployment()), deployment())


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    found = replace(environment(tmp_path), waves=Waves(hints={60: "look at the pods"}))
    made = target(shown=Shown(parts=lambda: (Part("etcd", "down"),)), revision=lambda: COMMIT)
    monkeypatch.setattr(diagnose, "load", lambda *words, **more: found)
    monkeypatch.setattr(targets, "open_target", lambda config: made)
    return found


def saved(tmp_path: Path, found: Picture) -> Path:
    path = tmp_path / "picture.json"
    path.write_text(json.dumps(encode(found)))
    return path


def ask(**options: Any) -> int:
    return diagnose.run(DiagnoseOptions(**options))


@pytest.mark.usefixtures("config")
def test_what_is_stuck_ends_with_five(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(picture=saved(tmp_path, STUCK)) == 5
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "dev: held up: 1 of 1 that are not Healthy"
    assert "store-not-ready" in told[1]
    assert told[-1] == "runbook of wave 60: look at the pods"


@pytest.mark.usefixtures("config")
def test_what_is_slow_ends_with_nought(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(picture=saved(tmp_path, replace(SLOW, unread=("Nodes: forbidden",)))) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0] == "dev: nothing is stuck; waiting for"
    assert told[1] == "wave 60: shop: in progress"
    assert told[-1] == "could not be read: Nodes: forbidden"


@pytest.mark.usefixtures("config")
def test_the_json_is_versioned(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(picture=saved(tmp_path, STUCK), output="json") == 5
    data = json.loads(capsys.readouterr().out)
    assert (data["version"], data["environment"], data["stuck"]) == (1, "dev", True)
    assert data["hints"] == {"60": "look at the pods"}
    (verdict,) = data["verdicts"]
    assert verdict["chain"] == [
        "Application shop",
        "ExternalSecret shop/db-secret",
        "ClusterSecretStore aws-ssm",
    ]
    assert set(verdict) == {"cause", "outlook", "app", "wave", "chain", "reason", "command", "since"}


def test_the_cluster_is_asked_and_the_picture_kept(
    config: Environment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    server = FakeServer()
    for item in (application("shop"), root({"shop": 60})):
        server.put(item)
    config.kubeconfig.parent.mkdir(parents=True)
    config.kubeconfig.touch()
    monkeypatch.setattr(Cluster, "from_kubeconfig", lambda path: server.cluster)
    kept = tmp_path / "kept.json"
    assert ask(save_picture=kept) == 0
    assert capsys.readouterr().out.startswith(
        "dev: nothing is stuck: what was asked about is Synced and Healthy"
    )
    assert json.loads(kept.read_text())["now"] > NOW


def test_a_cluster_that_does_not_answer_is_told_with_what_is_down(
    config: Environment, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = FakeServer(refuse=lambda request: Unreachable("no answer from https://x"))
    config.kubeconfig.parent.mkdir(parents=True)
    config.kubeconfig.touch()
    monkeypatch.setattr(Cluster, "from_kubeconfig", lambda path: server.cluster)
    with pytest.raises(StuckError) as refused:
        ask()
    assert refused.value.why == "no answer from https://x; etcd is down"
    assert refused.value.cure == "bootstrap status --environment dev"


@pytest.mark.usefixtures("config")
def test_without_a_cluster_up_is_the_next_command() -> None:
    with pytest.raises(StuckError) as refused:
        ask()
    assert refused.value.cure == "bootstrap up --environment dev"


@pytest.mark.usefixtures("config")
@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 99}', '{"version": 1}'])
def test_a_file_that_is_no_picture_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(UsageError, match="is no picture"):
        ask(picture=path)
