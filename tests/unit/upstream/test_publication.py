from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bootstrap.core.errors import ConfigError
from bootstrap.core.git import Git
from bootstrap.local.upstream.publication import REPOSITORY, Publication, current, publish
from tests.canaries import Canaries, leaks
from tests.unit.upstream.fakes import git, work_tree

OURS = "https://git.example.com/eco2/platform.git"
APP = f"spec: {{source: {{repoURL: {OURS}, targetRevision: REVISION}}}}\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return work_tree(tmp_path / "with spaces" / "tree", {"apps/a.yaml": APP, ".gitignore": "ignored\n"})


def publish_apps(tree: Path, tmp_path: Path, revision: str = "main") -> Publication:
    return publish(tree / "apps", tmp_path / "state", OURS, revision)


def refs(tmp_path: Path) -> dict[str, str]:
    listing = git(tmp_path / "state" / REPOSITORY, "for-each-ref", "--format=%(refname) %(objectname)")
    return dict(line.split() for line in listing.splitlines())


def fingerprint(folder: Path) -> str:
    """Of every file of a Git folder."""
    facts = hashlib.sha256()
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            facts.update(str(file.relative_to(folder)).encode() + file.read_bytes())
    return facts.hexdigest()


def test_a_clean_tree_is_its_own_head(tree: Path, tmp_path: Path) -> None:
    found = publish_apps(tree, tmp_path)
    assert found.commit == git(tree, "rev-parse", "HEAD") == current(tmp_path / "state")
    assert found.changed == ()
    assert current(tmp_path / "elsewhere") is None


def test_changes_are_published_and_named_and_nothing_else_is_touched(tree: Path, tmp_path: Path) -> None:
    (tree / "apps" / "a.yaml").write_text(APP + "# changed\n")
    (tree / "new file.txt").write_text("new")
    (tree / "ignored").write_text("secret")
    (tree / ".bootstrap").mkdir()
    (tree / ".bootstrap" / "kubeconfig").write_text("secret")
    git(tree, "add", "new file.txt")
    before, status = fingerprint(tree / ".git"), git(tree, "status", "--porcelain")
    found = publish_apps(tree, tmp_path)
    assert fingerprint(tree / ".git") == before
    assert git(tree, "status", "--porcelain") == status
    assert found.changed == ("apps/a.yaml", "new file.txt")
    published = git(tmp_path / "state" / REPOSITORY, "ls-tree", "-r", "-z", "--name-only", found.commit)
    assert published.split("\0")[:-1] == [".gitignore", "apps/a.yaml", "new file.txt"]
    parent = git(tmp_path / "state" / REPOSITORY, "rev-parse", f"{found.commit}^")
    assert parent == git(tree, "rev-parse", "HEAD")


def test_the_same_content_gives_the_same_commit(tree: Path, tmp_path: Path) -> None:
    (tree / "b.txt").write_text("b")
    first = publish_apps(tree, tmp_path)
    assert publish_apps(tree, tmp_path).commit == first.commit
    assert publish(tree, tmp_path / "elsewhere", OURS).commit == first.commit
    (tree / "b.txt").write_text("c")
    assert publish_apps(tree, tmp_path).commit != first.commit


@pytest.mark.parametrize("lock", ["HEAD.lock", "refs/heads/main.lock", "packed-refs.lock", "config.lock"])
def test_the_lock_of_a_git_that_was_killed_is_in_nobodys_way(tree: Path, tmp_path: Path, lock: str) -> None:
    publish_apps(tree, tmp_path)
    (tmp_path / "state" / REPOSITORY / lock).touch()
    (tree / "new").write_text("new")
    assert publish_apps(tree, tmp_path).commit == current(tmp_path / "state")


def test_a_repository_that_was_made_by_half_is_made_whole(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run was killed after `git init`, before the settings were written."""
    setting = ("config", "uploadpack.allowAnySHA1InWant")

    def killed(git: Git, *arguments: str, stdin: bytes | None = None) -> str:
        if arguments[:2] == setting:
            raise KeyboardInterrupt
        return git.raw(*arguments, stdin=stdin).decode().strip()

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Git, "__call__", killed)
        publish_apps(tree, tmp_path)
    publish_apps(tree, tmp_path)
    assert git(tmp_path / "state" / REPOSITORY, *setting).strip() == "true"


def test_a_removed_file_is_removed(tree: Path, tmp_path: Path) -> None:
    (tree / "apps" / "a.yaml").unlink()
    (tree / "apps" / "b.yaml").write_text("{}")
    assert publish_apps(tree, tmp_path).changed == ("apps/a.yaml", "apps/b.yaml")


def test_every_revision_asked_for_points_at_the_snapshot(tree: Path, tmp_path: Path) -> None:
    (tree / "apps" / "a.yaml").write_text(APP.replace("REVISION", "feature/x"))
    (tree / "apps" / "b.yaml").write_text(APP.replace("REVISION", '"^2.1"'))
    (tree / "apps" / "c.yaml").write_text(APP.replace("REVISION", "f" * 40))
    commit = publish_apps(tree, tmp_path, "trunk").commit
    assert refs(tmp_path) == dict.fromkeys(
        ("refs/heads/feature/x", "refs/heads/trunk", "refs/tags/2.1.0"), commit
    )
    (tree / "apps" / "b.yaml").unlink()
    again = publish_apps(tree, tmp_path, "trunk").commit
    assert refs(tmp_path) == dict.fromkeys(("refs/heads/feature/x", "refs/heads/trunk"), again)
    assert git(tmp_path / "state" / REPOSITORY, "symbolic-ref", "HEAD") == "refs/heads/trunk"


def test_a_tag_and_a_branch_may_follow_each_other(tree: Path, tmp_path: Path) -> None:
    (tree / "apps" / "a.yaml").write_text(APP.replace("REVISION", "x"))
    publish_apps(tree, tmp_path)
    (tree / "apps" / "a.yaml").write_text(APP.replace("REVISION", "x/y"))
    commit = publish_apps(tree, tmp_path).commit
    assert refs(tmp_path) == dict.fromkeys(("refs/heads/main", "refs/heads/x/y"), commit)


def test_a_repository_without_commits(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    git(tree, "init", "--quiet", ".")
    (tree / "a.yaml").write_text("{}")
    found = publish(tree, tmp_path / "state", OURS)
    assert found.changed == ("a.yaml",)
    assert publish(tree, tmp_path / "state", OURS).commit == found.commit


def test_a_shallow_clone_is_published_without_history(tree: Path, tmp_path: Path) -> None:
    (tree / "b.txt").write_text("b")
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "--message", "second")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "--quiet", "--depth", "1", f"file://{tree}", str(clone))
    found = publish(clone, tmp_path / "state", OURS)
    assert found.changed == ()
    git(tmp_path, "clone", "--quiet", str(tmp_path / "state" / REPOSITORY), "full")
    assert (tmp_path / "full" / "b.txt").read_text() == "b"


def test_a_linked_work_tree(tree: Path, tmp_path: Path) -> None:
    git(tree, "worktree", "add", "--quiet", str(tmp_path / "linked"))
    (tmp_path / "linked" / "b.txt").write_text("b")
    assert publish(tmp_path / "linked", tmp_path / "state", OURS).changed == ("b.txt",)


def test_settings_of_a_calling_hook_do_not_matter(
    tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    assert publish_apps(tree, tmp_path).changed == ()
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize(("folder", "cure"), [("plain", "git init"), ("missing", "name the checkout")])
def test_no_repository_is_an_error_with_a_cure(tmp_path: Path, folder: str, cure: str) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(ConfigError) as caught:
        publish(tmp_path / folder, tmp_path / "state", OURS)
    assert cure in caught.value.problems[0].cure


@pytest.mark.parametrize("url", ["git@git.example.com:eco2/platform.git", "ssh://git@git.example.com/x"])
def test_a_repository_by_ssh_is_refused(tree: Path, tmp_path: Path, url: str) -> None:
    with pytest.raises(ConfigError, match="https URL"):
        publish(tree, tmp_path / "state", url)


def test_manifests_that_are_templates_are_passed_over(tree: Path, tmp_path: Path) -> None:
    (tree / "t.yaml").write_text("repoURL: {{ .Values.x }}\n{{- end }}\n")
    (tree / "u.yaml").write_text(
        "source: {repoURL: https://c.example.com, chart: x, targetRevision: 1.0.0}\n"
    )
    assert [chart.chart for chart in publish_apps(tree, tmp_path).demand.charts] == ["x"]


def test_a_file_with_a_secret_is_not_published_though_nothing_ignores_it(tree: Path, tmp_path: Path) -> None:
    """Not even as an object that no tree names."""
    secrets = [tree / "secrets" / "a[b].key", tmp_path / "elsewhere.key"]
    for number, file in enumerate(secrets):
        file.parent.mkdir(exist_ok=True)
        file.write_text(f"canary-in-file-{number}")
    (tree / "secrets" / "ab.key").write_text("no secret")
    found = publish(tree / "apps", tmp_path / "state", OURS, hidden=secrets)
    assert found.changed == ("secrets/ab.key",)
    canaries = Canaries({"a": "canary-in-file-0", "b": "canary-in-file-1"})
    assert leaks(tmp_path / "state", canaries) == []


def test_a_file_with_a_secret_may_be_ignored_and_is_no_secret_once_committed(
    tree: Path, tmp_path: Path
) -> None:
    """An ignored one is the documented example; of a committed one at least the cluster gets nothing."""
    (tree / ".gitignore").write_text("/private/\n")
    ignored, committed = tree / "private" / "token", tree / "committed.key"
    for file in (ignored, committed):
        file.parent.mkdir(exist_ok=True)
        file.write_text("canary")
    git(tree, "add", "committed.key")
    git(tree, "commit", "--quiet", "-m", "oops")
    publish(tree / "apps", tmp_path / "state", OURS, hidden=[ignored, committed])
    names = git(tmp_path / "state" / "repository.git", "ls-tree", "-r", "--name-only", "main").splitlines()
    assert ".gitignore" in names
    assert not {"private/token", "committed.key"} & set(names)
    assert git(tree, "ls-files", "committed.key") == "committed.key", "the user's own index is as it was"
