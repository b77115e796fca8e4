from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.local.upstream.config import Config
from bootstrap.local.upstream.publication import publish
from bootstrap.local.upstream.services import UpstreamRouter
from tests.unit.upstream.fakes import FakeUpstream, body, get, work_tree

OURS = "https://git.example.com/eco2/platform.git"
MANIFESTS = """
source: {repoURL: https://git.example.com/charts, chart: one, targetRevision: 1.0.0}
---
source: {repoURL: registry.example.com/x, chart: two, targetRevision: 2.0.0}
---
resources: [https://files.example.com/crd/g.io_things.yaml]
"""


@pytest.fixture
def config(tmp_path: Path) -> Config:
    tree = work_tree(tmp_path / "tree", {"a.yaml": MANIFESTS})
    publish(tree, tmp_path / "state", OURS)
    return Config(0, tmp_path / "state", tmp_path / "cache", tmp_path / "share", OURS)


def test_hosts_that_are_served(config: Config) -> None:
    router = UpstreamRouter(config, FakeUpstream())
    assert router.serves("GIT.example.com", 443)
    assert router.serves("registry.example.com", 443)
    assert router.serves("files.example.com", 443)
    assert not router.serves("files.example.com", 8443)
    assert not router.serves("else.example.com", 443)


def test_the_hosts_of_a_snapshot_are_asked_ahead(config: Config) -> None:
    client = FakeUpstream()
    UpstreamRouter(config, client).serves("any.example.com", 443)
    assert client.expected == {
        "https://git.example.com/charts",
        "oci://registry.example.com/x",
        "https://files.example.com/crd/g.io_things.yaml",
    }


def test_each_request_finds_its_service(config: Config) -> None:
    router = UpstreamRouter(config, FakeUpstream())
    advertised = router.answer(get(f"{OURS}/info/refs?service=git-upload-pack"))
    assert advertised.headers["Content-Type"] == "application/x-git-upload-pack-advertisement"
    assert b"refs/heads/main" in body(advertised)
    assert b'"one"' in body(router.answer(get("https://git.example.com/charts/index.yaml")))
    assert b"layers" in body(router.answer(get("https://registry.example.com/v2/x/two/manifests/2.0.0")))
    assert router.answer(get("https://files.example.com/crd/g.io_things.yaml")).status == 404


def test_the_repository_is_served_with_and_without_its_suffix_and_read_only(config: Config) -> None:
    router = UpstreamRouter(config, FakeUpstream())
    plain = OURS.removesuffix(".git")
    for url in (OURS, plain):
        assert b"refs/heads/main" in body(router.answer(get(f"{url}/info/refs?service=git-upload-pack")))
        pushed = router.answer(get(f"{url}/info/refs?service=git-receive-pack"))
        assert pushed.status == 403
        body(pushed)
    assert router.answer(get(f"{plain}-other/info/refs?service=git-upload-pack")).status == 404


def test_what_is_not_ours_goes_upstream_when_that_is_there(config: Config) -> None:
    url = "https://git.example.com/someone/else.git/info/refs"
    assert body(UpstreamRouter(config, FakeUpstream({url: b"theirs"})).answer(get(url))) == b"theirs"
    answer = UpstreamRouter(config, FakeUpstream()).answer(get(url))
    assert (answer.status, url.encode() in body(answer)) == (404, True)


def test_before_the_first_snapshot_there_is_no_repository(config: Config, tmp_path: Path) -> None:
    empty = Config(0, tmp_path / "empty", config.cache, config.share, OURS)
    answer = UpstreamRouter(empty, FakeUpstream()).answer(get(f"{OURS}/info/refs?service=git-upload-pack"))
    assert answer.status == 404
