"""The checkout: its files, each read once, and what was read."""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from bootstrap.gitops import schemas
from bootstrap.gitops.problems import Wrong
from bootstrap.kubernetes.documents import located

# Never published to the cluster: Git's own, and a run's state.
_HIDDEN = frozenset({".git", ".bootstrap"})
_SECONDS = 30.0
YAML = (".yaml", ".yml")


def is_at(folder: Path, commit: str) -> bool:
    """Whether the files of a Git work tree are those of that commit, nothing changed and nothing added."""
    same = _git(folder, "diff", "--quiet", commit, "--", ".")
    added = _git(folder, "ls-files", "--others", "--exclude-standard")
    return same.returncode == 0 and added.returncode == 0 and not added.stdout.strip()


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = ["git", "-C", str(folder), *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=_SECONDS, check=False)


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
            file = os.path.realpath(self.root / path)
            if os.path.commonpath((file, self._real)) != self._real:
                raise PermissionError(errno.EACCES, "a link out of the repository", path)
            found = self._read[path] = Path(file).read_bytes()
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
        real = folder if folder in self._folders else self._behind(folder)
        head = f"{real}/" if real else ""
        inside = [path[len(head) :] for path in self._listing if path.startswith(head)]
        found = [f"{folder}/{path}" if folder else path for path in inside]
        if not follow:
            return tuple(path for path in found if not (self.root / path).is_dir())
        return tuple(one for path in found for one in self._followed(path))

    def _followed(self, path: str) -> tuple[str, ...]:
        if not (self.root / path).is_dir():
            return (path,)
        behind = self._behind(path)
        return (
            self.files(path, follow=True)
            if behind in self._folders and not path.startswith(f"{behind}/")
            else ()
        )

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
    def _files(self) -> frozenset[str]:
        return frozenset(path for path in self._listing if (self.root / path).is_file())

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


def _listing(root: Path) -> Iterator[str]:
    """What Git knows or would add: an ignored file never reaches the cluster. Without Git, every file."""
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    try:
        output = subprocess.run(command, capture_output=True, check=True, timeout=_SECONDS).stdout
        paths: Iterable[str] = dict.fromkeys(os.fsdecode(one) for one in output.split(b"\0") if one)
    except (OSError, subprocess.SubprocessError):
        paths = _walk(root)
    return (path for path in paths if not _HIDDEN & set(path.split("/")) and os.path.lexists(root / path))


def _walk(root: Path) -> Iterator[str]:
    for place, folders, files in os.walk(root):
        names = [*files, *(one for one in folders if (Path(place) / one).is_symlink())]
        inside = os.path.relpath(place, root)
        prefix = "" if inside == "." else f"{Path(inside).as_posix()}/"
        yield from (f"{prefix}{name}" for name in names)


def _above(path: str) -> Iterator[str]:
    while path := posixpath.dirname(path):
        yield path
