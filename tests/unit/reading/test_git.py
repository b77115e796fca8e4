"""git, in repositories whose configuration would run programs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bootstrap.core.errors import ToolError
from bootstrap.core.git import Git, _excludes, ls_remote, tracked
from bootstrap.gitops import checkout
from bootstrap.gitops.checkout import Checkout, is_at
from bootstrap.local.upstream.publication import publish
from tests.programs import program


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    root.mkdir()
    git(root, "init", "--quiet")
    (root / "a.yaml").write_text("a: 1\n")
    (root / ".gitattributes").write_text("*.yaml filter=evil diff=evil\n")
    git(root, "add", "--all")
    git(root, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "--quiet", "--message", "one")
    return root


@pytest.fixture
def evil(tmp_path: Path) -> Path:
    return program(tmp_path / "evil", f"id > '{tmp_path}/ran'; cat")


def git(root: Path, *words: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *words], check=True, capture_output=True, text=True)
    return done.stdout.strip()


SETTINGS = (
    "core.fsmonitor",
    "core.sshCommand",
    "core.pager",
    "core.editor",
    "diff.external",
    "diff.evil.command",
    "diff.evil.textconv",
    "filter.evil.clean",
    "filter.evil.smudge",
    "filter.evil.process",
    "gpg.program",
    "credential.helper",
    "uploadpack.packObjectsHook",
    "core.gitProxy",
)


@pytest.mark.parametrize("included", [False, True])
def test_no_setting_of_a_checkout_runs_a_program(
    root: Path, evil: Path, tmp_path: Path, *, included: bool
) -> None:
    commit = git(root, "rev-parse", "HEAD")
    place = ("--file", str(tmp_path / "more")) if included else ()
    for setting in SETTINGS:
        git(root, "config", *place, setting, str(evil))
    git(root, "config", *place, "log.showSignature", "true")
    git(root, "config", *place, "filter.evil.required", "true")
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "pre-commit", "reference-transaction", "fsmonitor-watchman"):
        program(hooks / name, f"exec '{evil}'")
    git(root, "config", *place, "core.hooksPath", str(hooks))
    if included:
        git(root, "config", "include.path", str(tmp_path / "more"))
    os.utime(root / "a.yaml", (1, 1))  # git has to look at its content
    assert is_at(root, commit)
    assert Checkout(root).files("") == (".gitattributes", "a.yaml")
    (root / "a.yaml").write_text("a: 2\n")
    assert not is_at(root, commit)
    publish(root, tmp_path / "state", "https://git.example.com/a/b.git")
    assert not (tmp_path / "ran").exists()


def test_a_filter_whose_name_cannot_be_switched_off_is_refused(root: Path, evil: Path) -> None:
    with (root / ".git" / "config").open("a") as file:
        file.write(f'[filter "a=b"]\n\tclean = {evil}\n')
    with pytest.raises(ToolError, match="a=b"):
        is_at(root, git(root, "rev-parse", "HEAD"))


def test_another_commit_than_a_commit_is_none(root: Path, tmp_path: Path) -> None:
    assert not is_at(root, f"--output={tmp_path}/written")
    assert not (tmp_path / "written").exists()


def test_a_work_tree_elsewhere_is_not_looked_at(root: Path) -> None:
    git(root, "config", "core.worktree", "/")
    assert Checkout(root).files("") == (".gitattributes", "a.yaml")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_checkout_of_somebody_else_is_read(root: Path) -> None:
    for path in (root, root / ".git", *(root / ".git").rglob("*")):
        os.chown(path, 12345, 12345)
    assert Checkout(root).files("") == (".gitattributes", "a.yaml")


def test_when_git_fails_nothing_is_guessed(root: Path) -> None:
    (root / ".gitignore").write_text("*.key\n")
    (root / "secret.key").write_text("s")
    (root / ".git" / "index").write_text("broken")
    with pytest.raises(ToolError, match="ls-files"):
        Checkout(root).files("")


def test_the_users_own_list_of_ignored_files_counts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = root.parent / "home"
    (home / ".config" / "git").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CONFIG_HOME", "GIT_CONFIG_GLOBAL"):
        monkeypatch.delenv(name, raising=False)
    for setting, name in ((None, ".config/git/ignore"), ("~/mine", "mine")):
        (home / name).write_text(f"{Path(name).name}.txt\n")
        (root / f"{Path(name).name}.txt").touch()
        if setting:
            (home / ".gitconfig").write_text(f"[core]\n\texcludesFile = {setting}\n")
        _excludes.cache_clear()
        assert f"{Path(name).name}.txt" not in Checkout(root).files("")
    _excludes.cache_clear()


@pytest.mark.parametrize(
    "url", ["--upload-pack=touch OUT", "ext::touch OUT", "file://OUT", "OUT", "-oProxyCommand=touch OUT"]
)
def test_a_url_that_is_none_is_not_asked(url: str, root: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ToolError):
        ls_remote(url.replace("OUT", str(out)), "HEAD", checkout=root, seconds=10)
    assert not out.exists()


def test_headers_by_which_ci_logs_in_are_handed_on_but_not_in_arguments(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    git(root, "config", "http.https://git.example.com/.extraheader", "AUTHORIZATION: basic canary")
    git(root, "config", "core.sshCommand", "evil")
    real = subprocess.run(["which", "git"], check=True, capture_output=True, text=True).stdout.strip()
    noted = f"echo \"$*\" > '{tmp_path}/words'; env > '{tmp_path}/variables'"
    body = f"""case "$*" in *ls-remote*) {noted};; *) exec {real} "$@";; esac"""
    fake = program(tmp_path / "git", body)
    monkeypatch.setattr("bootstrap.core.git._program", lambda: fake)
    ls_remote("https://us%40er:canary@git.example.com/a", "main", checkout=root, seconds=60)
    assert (tmp_path / "words").read_text() == "ls-remote -- https://git.example.com/a main\n"
    variables = (tmp_path / "variables").read_text()
    assert "GIT_CONFIG_VALUE_0=AUTHORIZATION: basic canary" in variables
    assert "GIT_CONFIG_KEY_1=http.https://git.example.com/a.extraHeader" in variables
    assert "GIT_CONFIG_VALUE_1=Authorization: Basic dXNAZXI6Y2FuYXJ5" in variables
    assert "GIT_CONFIG_COUNT=2" in variables
    assert "evil" not in variables


@pytest.mark.parametrize("name", [".bootstrap", ".Bootstrap"])
def test_what_came_with_git_is_known(name: str, root: Path) -> None:
    assert not tracked(root / ".bootstrap")
    (root / name).mkdir()
    (root / name / "kubeconfig").write_text("{}")
    assert not tracked(root / ".bootstrap")
    git(root, "add", "--force", name)
    assert tracked(root / ".bootstrap")


def test_a_link_that_came_with_git_is_known(root: Path) -> None:
    (root / ".bootstrap").symlink_to("elsewhere")
    git(root, "add", ".bootstrap")
    assert tracked(root / ".bootstrap")
    assert Git.work_tree(root)("ls-files", "--", ".bootstrap") == ".bootstrap"


def test_a_file_is_read_up_to_a_limit_and_a_pipe_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "large.yaml").write_bytes(b"a: b\n" * 10)
    os.mkfifo(tmp_path / "pipe.yaml")
    monkeypatch.setattr(checkout, "CHART_BYTES", 20)
    for path in ("large.yaml", "pipe.yaml"):
        with pytest.raises(OSError, match=path):
            Checkout(tmp_path).content(path)
