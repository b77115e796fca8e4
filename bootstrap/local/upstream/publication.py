"""Publishes the work tree, including uncommitted changes, as a Git repository that the cluster can follow.

`publish` writes a bare repository whose branches and tags point at one commit: HEAD if the work tree is
clean, else a new commit on top of HEAD. That is made with a copy of the index and an object folder of our
own, so the user's index, refs and objects do not change. Same content on the same HEAD, same commit id.
An overlay adds or replaces files that are not in the work tree, such as a fault.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import yaml

from bootstrap.core.errors import ConfigError, Problem
from bootstrap.core.files import write_private
from bootstrap.core.git import Git
from bootstrap.core.scratch import scratch
from bootstrap.gitops.root import repository_root
from bootstrap.kubernetes.documents import documents
from bootstrap.local.upstream.demand import Demand, collect
from bootstrap.local.upstream.versions import inside

REPOSITORY = "repository.git"
DEMAND = "demand.json"

# Never publish our own state, even if the user does not ignore it: it contains a kubeconfig.
_EXCLUDE = ":(exclude,glob)**/.bootstrap/**"
_AUTHOR = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in (("NAME", "bootstrap"), ("EMAIL", "bootstrap@localhost"))
}
_NO_HISTORY_DATE = "946684800 +0000"
_TELLTALES = (b"repoURL", b"repository", b"helmCharts", b"http://", b"https://", b"argocd.argoproj.io")


@dataclass(frozen=True)
class Publication:
    """All revisions in demand point at `commit`; `changed` are the user's paths that differ from HEAD."""

    commit: str
    changed: tuple[str, ...]
    demand: Demand


def publish(
    checkout: Path,
    into: Path,
    repo_url: str,
    revision: str = "main",
    overlay: Mapping[str, str] = MappingProxyType({}),
    *,
    hidden: Iterable[Path] = (),
) -> Publication:
    """Publish the Git work tree around `checkout` in the folder `into`. A running proxy serves it at once.

    `overlay` maps paths from the root to texts; charts and revisions that only these need are not served.
    `hidden` files, such as those with secrets, are not published, even if Git does not ignore them.

    Raises ConfigError if `checkout` is not inside a Git work tree or `repo_url` cannot be served, ToolError
    if git fails.
    """
    if urlsplit(repo_url).scheme not in {"http", "https"}:
        what = f"{repo_url} cannot be served locally: only http and https URLs can"
        cure = "use the https URL of the repository, in the manifests as well"
        raise ConfigError(
            "the GitOps repository cannot be published", [Problem("gitops.repo_url", what, cure)]
        )
    root = repository_root(checkout)
    source = Git.work_tree(root)
    repository = into / REPOSITORY
    objects = Path(source("rev-parse", "--path-format=absolute", "--git-path", "objects"))
    _initialise(source, repository, objects)
    tree = _write_tree(source, root, repository, hidden)
    target = Git.bare(repository).with_environment(_AUTHOR)
    commit, changed = _commit(source, target, _with_overlay(target, tree, overlay))
    demand = collect(_documents(target, tree), repo_url)
    _point(target, commit, revision, demand.revisions)
    write_private(into / DEMAND, demand.dump())
    return Publication(commit, tuple(path for path in changed if path not in overlay), demand)


def current(into: Path) -> str | None:
    """The commit published last; None before the first one."""
    repository = into / REPOSITORY
    arguments = ("rev-parse", "--verify", "--quiet", "HEAD")
    if not repository.is_dir() or not Git.bare(repository).succeeds(*arguments):
        return None
    return Git.bare(repository)(*arguments)


def _initialise(source: Git, repository: Path, objects: Path) -> None:
    """Create a bare repository that borrows the user's objects without copying or changing them.

    A run may be killed at any moment, so the repository appears as a whole, and stale locks are removed:
    only one run writes here at a time.
    """
    if not repository.exists():
        half = repository.with_name(f".{repository.name}.new")
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(parents=True)
        form = source("rev-parse", "--show-object-format")
        Git.bare(half)("init", "--quiet", "--bare", f"--object-format={form}", ".")
        settings = {"uploadpack.allowAnySHA1InWant": "true", "http.receivepack": "false", "gc.auto": "0"}
        for name, value in settings.items():
            Git.bare(half)("config", name, value)
        half.replace(repository)
    for lock in (*repository.glob("*.lock"), *(repository / "refs").rglob("*.lock")):
        lock.unlink(missing_ok=True)
    write_private(repository / "objects" / "info" / "alternates", f"{objects}\n")


def _write_tree(source: Git, root: Path, repository: Path, hidden: Iterable[Path]) -> str:
    """Write the tree of all files that are not ignored or hidden. A copy of the index makes this fast."""
    with tempfile.TemporaryDirectory(dir=repository) as folder:
        index = Path(folder) / "index"
        users = Path(source("rev-parse", "--path-format=absolute", "--git-path", "index"))
        if users.exists():
            shutil.copyfile(users, index)
        ours = {"GIT_INDEX_FILE": str(index), "GIT_OBJECT_DIRECTORY": str(repository / "objects")}
        git = source.with_environment(ours, (repository,))
        inside = [file.resolve() for file in hidden if file.resolve().is_relative_to(root)]
        secret = [file.relative_to(root).as_posix() for file in inside]
        # `git add` refuses to be told of a file that is ignored, and does not add it either.
        told = [path for path in secret if not git.succeeds("check-ignore", "--quiet", "--", path)]
        git("add", "--all", "--", ".", _EXCLUDE, *(f":(exclude,literal){path}" for path in told))
        if secret:  # one that is committed is in the index already
            forget = ("rm", "--cached", "--quiet", "--ignore-unmatch", "--")
            git(*forget, *(f":(literal){path}" for path in secret))
        return git("write-tree")


def _with_overlay(target: Git, tree: str, overlay: Mapping[str, str]) -> str:
    """Write the tree with these files added or replaced."""
    if not overlay:
        return tree
    with scratch("index") as folder:
        git = target.with_environment({"GIT_INDEX_FILE": str(folder / "index")}, (folder,))
        git("read-tree", tree)
        entries = [
            f"100644 {git('hash-object', '-w', '--stdin', stdin=text.encode())}\t{path}\n"
            for path, text in sorted(overlay.items())
        ]
        git("update-index", "--index-info", stdin="".join(entries).encode())
        return git("write-tree")


def _commit(source: Git, target: Git, tree: str) -> tuple[str, tuple[str, ...]]:
    if not source.succeeds("rev-parse", "--verify", "--quiet", "HEAD^{commit}"):
        commit = _commit_tree(target, tree, _NO_HISTORY_DATE)
        return commit, _paths(target.raw("ls-tree", "-r", "-z", "--name-only", tree))
    head = source("rev-parse", "HEAD")
    date = source("show", "--no-patch", "--format=%cd", "--date=raw", "HEAD")
    changed = _paths(target.raw("diff-tree", "-r", "-z", "--name-only", "--no-renames", head, tree))
    # A shallow clone cannot serve its history, so the commit gets no parent.
    shallow = source("rev-parse", "--is-shallow-repository") == "true"
    if changed or shallow:
        return _commit_tree(target, tree, date, *([] if shallow else ["-p", head])), changed
    return head, ()


def _commit_tree(target: Git, tree: str, date: str, *parents: str) -> str:
    git = target.with_environment({"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date})
    return git("commit-tree", tree, *parents, "-m", "The work tree, uncommitted changes included")


def _paths(listing: bytes) -> tuple[str, ...]:
    return tuple(path.decode(errors="replace") for path in listing.split(b"\0") if path)


def _documents(target: Git, tree: str) -> Iterator[Any]:
    """The YAML documents of the tree that may need something; files that cannot be parsed are skipped."""
    listing = target.raw("ls-tree", "-r", "-z", tree).split(b"\0")
    blobs = [
        entry.split()[2] for entry in listing if b" blob " in entry and entry.endswith((b".yaml", b".yml"))
    ]
    output = target.raw("cat-file", "--batch", stdin=b"\n".join([*blobs, b""]))
    while output:
        head, _, rest = output.partition(b"\n")
        size = int(head.split()[2])
        text, output = rest[:size], rest[size + 1 :]
        if any(telltale in text for telltale in _TELLTALES):
            yield from _tolerant(text)


def _tolerant(text: bytes) -> list[Any]:
    try:
        return list(documents(text))
    except (yaml.YAMLError, ValueError):
        return []


def _point(target: Git, commit: str, revision: str, asked: tuple[str, ...]) -> None:
    """Point one ref for each revision at the commit; delete the refs that are not in demand any more."""
    refs = {f"refs/heads/{revision}"} | {ref for name in asked if (ref := _ref(target, name, commit))}
    old = set(target("for-each-ref", "--format=%(refname)").split())
    # In two steps, because `a` must be deleted before `a/b` can exist.
    target("update-ref", "--stdin", stdin=b"".join(f"delete {ref}\n".encode() for ref in sorted(old - refs)))
    target(
        "update-ref", "--stdin", stdin=b"".join(f"update {ref} {commit}\n".encode() for ref in sorted(refs))
    )
    target("symbolic-ref", "HEAD", f"refs/heads/{revision}")


def _ref(target: Git, name: str, commit: str) -> str | None:
    """A branch for a name, a tag for a version range, None for a commit id."""
    if len(name) == len(commit) and set(name.lower()) <= set("0123456789abcdef"):
        return None
    if target.succeeds("check-ref-format", f"refs/heads/{name}"):
        return f"refs/heads/{name}"
    version = inside(name)
    return f"refs/tags/{version}" if version else None
