"""Which files a kustomization is made from, so that it is built again when, and only when, one changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from bootstrap.gitops.checkout import Checkout, join

NAMES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_RESOURCES = ("resources", "bases")
_PLUGINS = ("generators", "transformers", "validators", "configurations")
REMOTE = re.compile(r"^(?:[a-z+]+://|git::|git@|[\w.-]+\.(?:com|org|io|net|dev)[/:])")
# What kustomize loads from URLs, too.
_LOADED = ("configMapGenerator", "secretGenerator", "crds", "openapi", "patches", "replacements")
_LONGEST = 300  # characters of a path


@dataclass(frozen=True)
class Remote:
    """A resource that is not in Git, and the kustomization and line that name it."""

    url: str
    file: str
    line: int


@dataclass(frozen=True)
class Closure:
    """`files` are paths from the root. `charts`: it inflates charts; `foreign`: it has other remote parts."""

    files: tuple[str, ...]
    remotes: tuple[Remote, ...]
    charts: bool = False
    foreign: bool = False


@dataclass
class _Found:
    files: dict[str, None] = field(default_factory=dict)
    remotes: dict[tuple[str, str], Remote] = field(default_factory=dict)
    folders: set[str] = field(default_factory=set)
    charts: bool = False
    foreign: bool = False


def trace(checkout: Checkout, folder: str, more: tuple[str, ...] = ()) -> Closure:
    """Of the kustomization in a folder; `more` are components added to it, as seen from there.

    Every text in a kustomization that is the path of something is taken for one: too many files rather than
    too few.
    """
    found = _Found()
    for one in (folder, *(join(folder, each) for each in more)):
        if one is not None:
            _folder(checkout, one, found)
    return Closure(tuple(sorted(found.files)), tuple(found.remotes.values()), found.charts, found.foreign)


def kustomization(checkout: Checkout, folder: str) -> str | None:
    """The path of the folder's kustomization."""
    paths = (f"{folder}/{name}" if folder else name for name in NAMES)
    return next((path for path in paths if checkout.is_file(path)), None)


def _folder(checkout: Checkout, folder: str, found: _Found) -> None:
    if folder in found.folders:
        return
    found.folders.add(folder)
    file = kustomization(checkout, folder)
    if file is None:
        found.files.update(dict.fromkeys(filter(checkout.is_file, checkout.files(folder))))
        return
    found.files[file] = None
    try:
        documents = [one for _, one in checkout.documents(file)]
    except (OSError, yaml.YAMLError):
        return  # kustomize will say so
    for document in documents:
        if isinstance(document, Mapping):
            _remotes(checkout, folder, file, document, found)
            found.charts = (
                found.charts or "helmCharts" in document or "helmChartInflationGenerator" in document
            )
            _paths(checkout, folder, document, found, plugins=False)


def _remotes(checkout: Checkout, folder: str, file: str, document: Mapping[str, Any], found: _Found) -> None:
    if any(text.startswith(("http://", "https://")) for key in _LOADED for text in _names(document.get(key))):
        found.foreign = True
    for key in (*_RESOURCES, *_PLUGINS, "components"):
        entries = document.get(key)
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, str) and REMOTE.match(entry) and not _there(checkout, folder, entry):
                if key not in _RESOURCES:
                    found.foreign = True
                else:
                    found.remotes[file, entry] = Remote(entry, file, line_of(checkout.text(file), entry))


def _paths(
    checkout: Checkout, folder: str, document: Mapping[str, Any], found: _Found, *, plugins: bool
) -> None:
    for key, value in document.items():
        for text in _names(value):
            for candidate in dict.fromkeys((text, text.rpartition("=")[2])):
                path = join(folder, candidate) if candidate else None
                if path is None:
                    continue
                if checkout.is_file(path):
                    found.files[path] = None
                    if key in _PLUGINS and not plugins:
                        _plugin(checkout, folder, path, found)
                elif checkout.is_folder(path) and path != folder:
                    _folder(checkout, path, found)


def _plugin(checkout: Checkout, folder: str, path: str, found: _Found) -> None:
    """A generator or transformer names files, too, as seen from the kustomization."""
    try:
        documents = [one for _, one in checkout.documents(path)]
    except yaml.YAMLError:
        return
    for document in documents:
        if isinstance(document, Mapping):
            found.charts = found.charts or document.get("kind") == "HelmChartInflationGenerator"
            _paths(checkout, folder, document, found, plugins=True)


def _there(checkout: Checkout, folder: str, entry: str) -> bool:
    path = join(folder, entry)
    return path is not None and (checkout.is_file(path) or checkout.is_folder(path))


def _names(value: Any) -> Iterator[str]:
    """The texts in a value that may be a path."""
    return (text for text in texts(value) if text and len(text) <= _LONGEST and "\n" not in text)


def texts(value: Any) -> Iterator[str]:
    """Every text in a value, but for the keys."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)


def line_of(text: str, words: str, start: int = 1) -> int:
    """The first line from `start` that holds the words; `start` itself when none does."""
    lines = text.splitlines()
    return next((number for number in range(start, len(lines) + 1) if words in lines[number - 1]), start)
