"""What a tree may not make helm, kustomize and the network do, and what a name may not make a terminal do."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from bootstrap import targets
from bootstrap.config.load import load
from bootstrap.core.errors import UsageError
from bootstrap.core.redact import Secrets, harmless
from bootstrap.core.rendering import DIRECT, Tools
from bootstrap.gitops import chartfile
from bootstrap.gitops.build_options import parse
from bootstrap.gitops.chartfile import ChartArchive
from bootstrap.gitops.checkout import Checkout
from bootstrap.gitops.fetch import Fetcher
from bootstrap.gitops.inflation import require_harmless
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.programs import Programs, Way
from bootstrap.gitops.release import release_name
from bootstrap.gitops.store import Store
from bootstrap.kubernetes.errors import Untrusted
from bootstrap.kubernetes.transport import connect
from tests.hostile_trees import PLAIN, Hostile, git
from tests.programs import program

# -- kustomize.buildOptions ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("", []),
        ("--enable-helm", ["--enable-helm"]),
        ("--enable-helm=false", []),
        (
            "--enable-helm --load-restrictor LoadRestrictionsNone",
            ["--enable-helm", "--load-restrictor=LoadRestrictionsNone"],
        ),
        ("--load-restrictor=LoadRestrictionsRootOnly", []),
        ("--reorder legacy", ["--reorder=legacy"]),
        ("--enable-alpha-plugins --enable-exec --env A=b -e C --mount type=bind", []),
        ("--helm-kube-version '1.34'", ["--helm-kube-version=1.34"]),
    ],
)
def test_options_that_kustomize_is_given(text: str, flags: list[str]) -> None:
    assert parse(text).flags(inflate=True, anywhere=True) == flags


def test_what_is_not_needed_is_not_given() -> None:
    assert (
        parse("--enable-helm --load-restrictor=LoadRestrictionsNone").flags(inflate=False, anywhere=False)
        == []
    )


@pytest.mark.parametrize(
    "text", ["--output f", "-o f", "-of", "--helm-command x", "--unknown", "folder", "--", "-eo", "--outp=f"]
)
def test_options_that_kustomize_is_not_given(text: str) -> None:
    with pytest.raises(Unknown):
        parse(text)


@pytest.mark.parametrize("text", ["--enable-helm 'x", '"', "--reorder", "--reorder --output", "\\"])
def test_options_that_are_wrong(text: str) -> None:
    with pytest.raises(Wrong):
        parse(text)


# -- helm ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["", "A", "-a", "a-", "a b", "a_b", "{{ now }}", "a\n", "a" * 54, "--post-renderer=x", "a..b"]
)
def test_names_of_releases_that_helm_would_take_for_something_else(name: str) -> None:
    with pytest.raises(Wrong):
        release_name(name)


@pytest.mark.parametrize("name", ["a", "1.a-b", "a" * 53])
def test_names_of_releases(name: str) -> None:
    assert release_name(name) == name


@pytest.mark.parametrize(
    "entry",
    [
        {"nameTemplate": "{{ now }}"},
        {"releaseName": "--post-renderer=x"},
        {"releaseName": "{{ now }}"},
        {"name": "--debug"},
        {"name": "../ch"},
        {"version": "-x"},
        {"valuesFile": "/etc/passwd"},
        {"valuesFile": "https://example.com/values.yaml"},
        {"additionalValuesFiles": ["a.yaml", "../../x"]},
        {"apiVersions": ["a", "--post-renderer"]},
        {"repo": "https://x\n--y"},
    ],
)
def test_charts_that_kustomize_would_hand_to_helm(entry: dict[str, Any]) -> None:
    generator = {"apiVersion": "builtin", "kind": "HelmChartInflationGenerator", **entry}
    for content in (
        {"helmCharts": [{"name": "ok"}, {"name": "ch", **entry}]},
        {"helmChartInflationGenerator": [entry]},
        generator,
        {"generators": ["a.yaml", f"---\n{json.dumps(generator)}\n"]},
    ):
        with pytest.raises((Unknown, Wrong)):
            require_harmless(json.dumps(content))


def test_charts_that_are_harmless() -> None:
    inline = {"args": ["--verbose", "/etc/config", "../x"]}
    entry = {"name": "ch", "repo": "https://example.com", "version": "1.2.3", "valuesInline": inline}
    require_harmless(json.dumps({"helmGlobals": {"chartHome": "charts"}, "helmCharts": [entry]}))
    require_harmless("a: [")


# -- archives --------------------------------------------------------------------------------------


def archive(*members: tarfile.TarInfo, content: bytes = b"") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", format=tarfile.GNU_FORMAT) as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def member(name: str, size: int = 0) -> tarfile.TarInfo:
    found = tarfile.TarInfo(name)
    found.size = size
    return found


def test_an_archive_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ChartArchive(archive(member("ch/a/b", 2), content=b"xy")).files == {"a/b": b"xy"}
    monkeypatch.setattr(chartfile, "CHART_BYTES", 1000)
    with pytest.raises(Wrong, match="unpacks to more"):
        _ = ChartArchive(archive(member("ch/a", 5000), content=bytes(5000))).files


def test_a_name_that_is_a_bomb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chartfile, "CHART_BYTES", 10_000)
    with pytest.raises(Wrong, match="unpacks to more"):
        _ = ChartArchive(archive(member("ch/" + "a" * 100_000))).files


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", archive(member("a", 3), content=b"abc")[:-20], gzip.compress(b"x" * 600)],
    ids=range(4),
)
def test_an_archive_that_is_damaged(content: bytes) -> None:
    try:
        assert ChartArchive(content).files == {}
    except Wrong as error:
        assert "broken" in error.why


# -- what is fetched -------------------------------------------------------------------------------


@pytest.fixture
def programs(tmp_path: Path) -> Programs:
    """They note what they were asked in a file; the way outside is not used."""
    home = tmp_path / "home"
    home.mkdir()
    noting = program(tmp_path / "noting", 'echo "$@" >> asked; env > variables')
    return Programs(Tools(noting, noting, noting), {"WAY": "1"}, home)


@pytest.mark.parametrize(
    "repository", ["secrets://x", "git+https://x", "s3://x", "file:///x", "oci://x\n--y"]
)
def test_charts_from_where_plug_ins_would_get_them(repository: str, programs: Programs) -> None:
    with Fetcher(programs, Store(None), DIRECT) as fetcher, pytest.raises(Unknown):
        fetcher.chart(repository, "ch", "1.0.0")
    assert not (programs.home / "asked").exists()


@pytest.mark.parametrize("url", ["https://x/y?ref=--upload-pack=z", "--upload-pack=z", "https://x/y\n"])
def test_bases_that_git_would_take_for_options(url: str, programs: Programs) -> None:
    with Fetcher(programs, Store(None), DIRECT) as fetcher, pytest.raises(Unknown):
        fetcher.file(url)
    assert not (programs.home / "asked").exists()


def test_the_name_of_a_chart_is_no_option(programs: Programs) -> None:
    with Fetcher(programs, Store(None), DIRECT) as fetcher, pytest.raises(StopIteration):
        fetcher.chart("https://example.com", "--post-renderer=x", "--y")
    words = (programs.home / "asked").read_text().split()
    assert words[-2:] == ["--", "--post-renderer=x"]
    assert "--version=--y" in words


def test_only_what_fetches_gets_the_way_outside(programs: Programs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "p")
    monkeypatch.setenv("CANARY", "c")
    programs.helm(["template"])
    rendering = (programs.home / "variables").read_text()
    programs.helm(["pull"], Way({"MORE": "2"}))
    fetching = (programs.home / "variables").read_text().splitlines()
    assert not any(one in rendering for one in ("HTTPS_PROXY", "WAY", "CANARY"))
    assert f"TMPDIR={programs.home}" in rendering and f"HELM_CACHE_HOME={programs.home}/helm" in rendering
    assert {"HTTPS_PROXY=p", "WAY=1", "MORE=2", "GIT_ALLOW_PROTOCOL=http:https:ssh:git"} <= set(fetching)
    assert not any("CANARY" in one for one in fetching)


# -- what lies in the tree -------------------------------------------------------------------------


def test_links_out_of_the_repository_are_not_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "ch").mkdir(parents=True)
    (tmp_path / "secret").write_text("s")
    git(root, "init", "--quiet")
    (root / ".gitignore").write_text("ignored\n")
    (root / "ignored").write_text("s")
    (root / "known").write_text("k")
    links = {"out": "../../secret", "own": "../.git/config", "ignored": "../ignored", "known": "../known"}
    for name, target in links.items():
        (root / "ch" / name).symlink_to(target)
    (root / "ch" / "folder").symlink_to("../..")
    checkout = Checkout(root)
    assert {name for name in links if checkout.is_file(f"ch/{name}")} == {"known"}
    assert checkout.content("ch/known") == b"k"
    for path in ("ch/out", "ch/own", "ch/ignored", "ch/folder/secret", "ignored", ".git/config", "../secret"):
        with pytest.raises(OSError):
            checkout.content(path)


@pytest.mark.parametrize(
    "user", [{"exec": {"command": "sh"}}, {"auth-provider": {"name": "gcp"}}, {"tokenFile": "/etc/passwd"}]
)
def test_a_kubeconfig_that_runs_or_reads_something(user: dict[str, Any], tmp_path: Path) -> None:
    file = tmp_path / "kubeconfig"
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "c",
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": user}],
    }
    file.write_text(json.dumps(content))
    with pytest.raises(Untrusted, match=next(iter(user))):
        connect(file)


def test_our_own_folder_must_not_come_with_git(tmp_path: Path) -> None:
    Hostile(PLAIN).make(tmp_path, tmp_path, tmp_path)
    config = load(tmp_path / "bootstrap.yaml", "local", values=False, made=False)
    config.state.mkdir(parents=True)
    config.kubeconfig.write_text("{}")
    assert targets.open_target(config).name == "local"
    git(tmp_path, "add", "--force", ".bootstrap")
    with pytest.raises(UsageError, match="tracked by Git"):
        targets.open_target(config)


# -- what is said ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain ✓ • ä\n\tline\r\n", "plain ✓ • ä\n\tline\r\n"),
        ("a\x1b]0;pwn\x07\x1b[2J", "a�]0;pwn��[2J"),
        ("\x9b31m \u202edrowssap\rx", "�31m �drowssap�x"),
        ("https://token@example.com/a", "https://•••@example.com/a"),
        ("see https://u:t@example.com, http://a/b@c", "see https://•••@example.com, http://a/b@c"),
        ("ssh://git@example.com/a ssh://u:p@example.com", "ssh://git@example.com/a ssh://•••@example.com"),
    ],
)
def test_nothing_that_a_terminal_obeys_and_no_token_is_said(text: str, shown: str) -> None:
    assert harmless(text) == shown
    assert Secrets().redact(text) == shown
