"""The checkout: its files, each read once, and what was read."""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from bootstrap.core.foreign import read_bytes
from bootstrap.core.git import Git
from bootstrap.core.limits import CHART_BYTES
from bootstrap.gitops import schemas
from bootstrap.gitops.problems import Wrong
from bootstrap.kubernetes.documents import located

# Never published to the cluster: Git's own, and a run's state.
_HIDDEN = frozenset({".git", ".bootstrap"})
YAML = (".yaml", ".yml")
_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")


def is_at(folder: Path, commit: str) -> bool:
    """Whether the files of a Git work tree are those of that commit, nothing changed and nothing added.
    Raises ToolError."""
    if not _COMMIT.fullmatch(commit):
        return False
    git = Git.work_tree(folder)
    same = git.succeeds("diff", "--no-ext-diff", "--no-textconv", "--quiet", commit, "--", ".")
    return same and not git("ls-files", "--others", "--exclude-standard")


class Checkout:
    """Paths are POSIX, from the repository's root, normalised; "" is the root. Safe to use from threads.
    What Git ignores is not there. `whole`: CRDs keep their schemas, which only an installation needs."""

    def __init__(self, root: Path, *, whole: bool = False) -> None:
        self.root, self.whole = root, whole
        self._real = os.path.realpath(root)
        self._read: dict[str, bytes] = {}

    def content(self, path: str) -> bytes:
        """Raises OSError."""
        found = self._read.get(path)
        if found is None:
            file = self.root / path
            if self._leads_out(path) and file.exists():
                raise PermissionError(errno.EACCES, "a link out of the repository", path)
            found = self._read[path] = read_bytes(file, CHART_BYTES)
        return found

    def text(self, path: str) -> str:
        """Raises OSError."""
        return self.content(path).decode(errors="replace")

    def documents(self, path: str) -> list[tuple[int, Any]]:
        """Each document with its line. Raises OSError, yaml.YAMLError."""
        return list(located(self.light(self.content(path))))

    def light(self, content: bytes) -> bytes:
        """YAML with as much of the schemas of CRDs as is wanted; lines keep their numbers."""
        return content if self.whole else schemas.without(content)

    def document(self, path: str) -> Mapping[str, Any]:
        """The first document, which has to be a mapping. Raises Wrong."""
        try:
            found: Any = next((one for _, one in located(self.content(path))), {})
        except OSError as error:
            raise Wrong(
                f"{path} cannot be read: {error.strerror}", "correct the path, or add the file"
            ) from error
        except yaml.YAMLError as error:
            raise Wrong(f"{path} is no YAML: {said(error)}", "correct it") from error
        if not isinstance(found, dict):
            raise Wrong(f"{path} is no mapping", "correct it")
        return found

    def is_file(self, path: str) -> bool:
        """Links inside the repository lead to what they lead to."""
        return path in self._files or self._behind(path) in self._files

    def is_folder(self, path: str) -> bool:
        return path in self._folders or self._behind(path) in self._folders

    def files(self, folder: str, *, follow: bool = False) -> tuple[str, ...]:
        """Each file below by name, in the order in which Argo CD walks; with `follow`, as helm does, those
        behind links to folders, too."""
        return self._below(folder, ()) if follow else tuple(self._unlinked(folder))

    def _unlinked(self, folder: str) -> Iterator[str]:
        return (path for path in self._inside(folder) if not (self.root / path).is_dir())

    def _inside(self, folder: str) -> list[str]:
        real = folder if folder in self._folders else self._behind(folder)
        head = f"{real}/" if real else ""
        inside = [path[len(head) :] for path in self._listing if path.startswith(head)]
        return [f"{folder}/{path}" if folder else path for path in inside]

    def _below(self, folder: str, through: tuple[str, ...]) -> tuple[str, ...]:
        """`through` are the folders that links have led to: none is entered from within itself."""
        return tuple(one for path in self._inside(folder) for one in self._followed(path, through))

    def _followed(self, path: str, through: tuple[str, ...]) -> tuple[str, ...]:
        if not (self.root / path).is_dir():
            return (path,)
        behind = self._behind(path)
        if behind not in self._folders or path.startswith(f"{behind}/") or behind in through:
            return ()
        return self._below(path, (*through, behind))

    def links_out(self) -> list[str]:
        """Links that are absolute or lead out of the repository."""
        links = [path for path in self._listing if (self.root / path).is_symlink()]
        return [
            path
            for path in links
            if (target := (self.root / path).readlink()).is_absolute()
            or join(posixpath.dirname(path), target.as_posix()) is None
        ]

    def _behind(self, path: str) -> str:
        real = os.path.relpath(os.path.realpath(self.root / path), self._real)
        return "" if real == "." else real

    @cached_property
    def _listing(self) -> tuple[str, ...]:
        return tuple(sorted(_listing(self.root), key=lambda path: path.split("/")))

    @cached_property
    def _known(self) -> frozenset[str]:
        return frozenset(self._listing) | self._folders

    def _leads_out(self, path: str) -> bool:
        """Whether it is, or a link leads to, what Git does not have: the machine's files, or ignored ones."""
        return self._behind(path) not in self._known

    @cached_property
    def _files(self) -> frozenset[str]:
        files = (path for path in self._listing if (self.root / path).is_file())
        return frozenset(
            path for path in files if not ((self.root / path).is_symlink() and self._leads_out(path))
        )

    @cached_property
    def _folders(self) -> frozenset[str]:
        return frozenset(folder for path in self._listing for folder in _above(path)) | {""}

    def digests(self, paths: Iterable[str]) -> list[tuple[str, str]]:
        """Of files; one that is missing has none."""
        return [(path, self._digest(path)) for path in paths]

    def texts(self) -> dict[str, str]:
        """Every YAML file that was read."""
        read = sorted(self._read.items())
        return {path: content.decode(errors="replace") for path, content in read if path.endswith(YAML)}

    def _digest(self, path: str) -> str:
        try:
            return hashlib.sha256(self.content(path)).hexdigest()
        except OSError:
            return ""


def join(folder: str, path: str) -> str | None:
    """The path seen from a folder, from the root when it begins with a slash; None outside the root."""
    if path.startswith("/"):
        folder, path = "", path.lstrip("/")
    whole = posixpath.normpath(posixpath.join(folder, path))
    if whole == ".." or whole.startswith("../"):
        return None
    return "" if whole == "." else whole


def said(error: yaml.YAMLError) -> str:
    """What is wrong and where, without the text itself, which may be a secret."""
    problem = getattr(error, "problem", None) or type(error).__name__
    return f"{problem} in line {line_in(error)}"


def line_in(error: yaml.YAMLError) -> int:
    """From 1."""
    mark = getattr(error, "problem_mark", None)
    return int(mark.line) + 1 if mark else 1


def _listing(root: Path) -> list[str]:
    """What Git knows or would add: an ignored file never reaches the cluster. Without Git, every file. Raises
    ToolError when git fails: then it is not known what is ignored."""
    if (root / ".git").exists():
        output = Git.work_tree(root).raw("ls-files", "-z", "--cached", "--others", "--exclude-standard")
        paths: Iterable[str] = dict.fromkeys(os.fsdecode(one) for one in output.split(b"\0") if one)
    else:
        paths = _walk(root)
    return [path for path in paths if not _HIDDEN & set(path.split("/")) and os.path.lexists(root / path)]


def _walk(root: Path) -> Iterator[str]:
    for place, folders, files in os.walk(root):
        names = [*files, *(one for one in folders if (Path(place) / one).is_symlink())]
        inside = os.path.relpath(place, root)
        prefix = "" if inside == "." else f"{Path(inside).as_posix()}/"
        yield from (f"{prefix}{name}" for name in names)


def _above(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
