"""The targets: what they bring along, and what they touch (nothing)."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from bootstrap.config.model import Environment, Seed
from bootstrap.core.errors import PermanentError, PreflightError, UsageError
from bootstrap.local.platform import Platform, last_words
from bootstrap.local.state import ports
from bootstrap.local.supervisor.process import PLATFORM
from bootstrap.local.toolchain import Toolchain
from bootstrap.targets import aws, local, open_run, open_target
from tests.fakes import environment

LISTING = (
    "1111111111111111111111111111111111111111\trefs/heads/main\n"
    "2222222222222222222222222222222222222222\trefs/tags/v1\n"
    "3333333333333333333333333333333333333333\trefs/tags/v1^{}\n"
    "4444444444444444444444444444444444444444\trefs/tags/main\n"
)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("BOOTSTRAP_CACHE", str(tmp_path / "cache"))
    return replace(environment(tmp_path / "a home"), target="local")


def test_an_unknown_target_is_named(config: Environment) -> None:
    with pytest.raises(UsageError, match="moon"):
        open_target(replace(config, target="moon"))


@pytest.mark.parametrize(
    ("revision", "commit"), [("main", "1" * 40), ("v1", "3" * 40), ("refs/tags/v1", "2" * 40), ("gone", None)]
)
def test_a_revision_is_a_branch_before_a_tag_and_a_tag_is_peeled(revision: str, commit: str | None) -> None:
    assert aws.parse_refs(LISTING, revision) == commit


def test_a_full_commit_id_stands_for_itself(config: Environment) -> None:
    gitops = replace(config.gitops, revision="a" * 40)
    assert aws.remote_commit(gitops) == "a" * 40


def test_a_revision_that_is_nowhere_is_an_error(config: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws, "_ls_remote", lambda gitops: LISTING)
    with pytest.raises(PermanentError, match="no branch or tag gone"):
        aws.remote_commit(replace(config.gitops, revision="gone"))


def test_aws_is_billed_and_prepares_nothing(config: Environment) -> None:
    target, phases = open_run(replace(config, target="aws"))
    assert target.shown.billed
    assert (phases.before, phases.after, target.terraform.override) == ((), (), None)
    assert target.terraform.keep_state_bucket


def test_the_local_target_touches_nothing_when_it_is_opened(config: Environment) -> None:
    config.home.mkdir()
    target, phases = open_run(config)
    assert list(config.home.iterdir()) == []
    assert [step.name for step in phases.before] == ["toolchain", "platform"]
    assert [step.name for step in phases.after] == ["dispose"]
    assert target.terraform.environment["AWS_ENDPOINT_URL"].startswith("http://127.0.0.1:")
    assert urlsplit(target.tool_environment["HTTPS_PROXY"]).hostname == "127.0.0.1"
    assert (target.shown.parts(), target.shown.notices(), target.shown.sources()) == ((), (), ())


def test_before_the_first_up_there_is_no_revision(config: Environment) -> None:
    with pytest.raises(PermanentError, match="no GitOps repository") as error:
        open_target(config).revision()
    assert error.value.cure == "bootstrap up"


def test_the_toolchain_and_ports_are_looked_at(config: Environment) -> None:
    probes = {probe.name: probe for probe in open_target(config).shown.probes}
    assert probes["ports"].look().ok
    assert {"machine", "go", "toolchain", "toolchain disk"} <= probes.keys()
    assert "GB" in probes["toolchain disk"].look().detail


def test_every_busy_port_is_told(config: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    target = open_target(config)
    monkeypatch.setattr(ports, "bindable", lambda port: False)
    monkeypatch.setattr(local, "holder", lambda port: (4711, "nginx"))
    check = {probe.name: probe for probe in target.shown.probes}["ports"].look()
    assert not check.ok
    assert check.cure == "stop that program: kill 4711"
    assert all(f"{name}: port " in check.detail for name in ports.NAMES)


@pytest.fixture
def platform(config: Environment) -> Platform:
    return Platform.locate(config, Toolchain.locate(config.home))


def test_a_taken_port_is_refused_before_anything_is_made(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = platform.site.ports["aws"]
    monkeypatch.setattr(ports, "bindable", lambda port: port != taken)
    with pytest.raises(PreflightError) as refused:
        platform._refuse_busy_ports()
    (problem,) = refused.value.problems
    assert problem.where == f"port {taken}"
    assert "aws" in problem.what
    assert not platform.site.layout.root.exists()


def test_ports_of_a_platform_whose_supervisor_died_are_its_survivors(
    config: Environment, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    probes = {probe.name: probe for probe in open_target(config).shown.probes}
    monkeypatch.setattr(ports, "bindable", lambda port: False)
    environ = {**os.environ, PLATFORM: str(platform.site.layout.root)}
    with subprocess.Popen(["sleep", "60"], env=environ) as survivor:
        assert platform.busy_ports() == {}
        assert probes["ports"].look().ok
        survivor.kill()
    assert set(platform.busy_ports()) == set(ports.NAMES)


def test_what_never_ran_has_no_parts_and_stops_at_once(platform: Platform) -> None:
    said: list[Any] = []
    assert platform.parts() == ()
    assert not platform.running()
    platform.stop(said.append)
    assert said == []


def test_last_words(tmp_path: Path) -> None:
    log = tmp_path / "x.log"
    assert last_words(log) == ""
    log.write_text("1\n2\n3\n4\n\n")
    assert last_words(log) == "2\n3\n4"


def test_the_users_profile_is_not_asked_for(config: Environment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "somebody-elses")
    client = open_target(config).client("ssm")
    assert client.meta.endpoint_url.startswith("http://127.0.0.1:")
    assert client.meta.region_name == config.region


def test_files_with_secrets_are_not_published(config: Environment, tmp_path: Path) -> None:
    key, token = tmp_path / "backup.key", tmp_path / "token"
    seeds = (Seed("token", from_file=token), Seed("made"))
    holding = replace(config, seeds=seeds, backup=replace(config.backup, key_file=key))
    assert set(local._secret_files(holding)) == {key, token}
