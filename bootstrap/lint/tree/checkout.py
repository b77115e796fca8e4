"""The checkout: its files, each read once, and what was read."""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from bootstrap.kubernetes.documents import located
from bootstrap.lint.tree import schemas
from bootstrap.lint.tree.problems import Wrong

# Never published to the cluster: Git's own, and a run's state.
_HIDDEN = frozenset({".git", ".bootstrap"})
_YAML = (".yaml", ".yml")


class Checkout:
    """Paths are POSIX, from the repository's root, normalised; "" is the root. Safe to use from threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._real = os.path.realpath(root)
        self._read: dict[str, bytes] = {}
        self._listed: dict[str, tuple[str, ...]] = {}

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
        """Each document, CRDs without schemas, with its line. Raises OSError, yaml.YAMLError."""
        return list(located(schemas.without(self.content(path))))

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
        return path in self._read or (self.root / path).is_file()

    def is_folder(self, path: str) -> bool:
        return (self.root / path).is_dir()

    def files(self, folder: str) -> tuple[str, ...]:
        """Each file below by name, in the order in which Argo CD walks; links to folders are not followed."""
        if folder not in self._listed:
            self._listed[folder] = tuple(_walk(self.root, folder))
        return self._listed[folder]

    def digests(self, paths: Iterable[str]) -> list[tuple[str, str]]:
        """Of files; one that is missing has none."""
        return [(path, self._digest(path)) for path in paths]

    def texts(self) -> dict[str, str]:
        """Every YAML file that was read."""
        read = sorted(self._read.items())
        return {path: content.decode(errors="replace") for path, content in read if path.endswith(_YAML)}

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


def _walk(root: Path, folder: str) -> Iterable[str]:
    for place, folders, names in os.walk(root / folder):
        folders[:] = sorted(name for name in folders if name not in _HIDDEN)
        inside = os.path.relpath(place, root)
        prefix = "" if inside == "." else f"{Path(inside).as_posix()}/"
        yield from (f"{prefix}{name}" for name in sorted(names))
