"""A plain folder of manifests, as Argo CD reads it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import yaml

from bootstrap.gitops.checkout import Checkout, join, line_in, said
from bootstrap.gitops.model import Location
from bootstrap.gitops.patterns import glob
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.source import ApplicationSource, RenderedObject
from bootstrap.kubernetes.documents import items

_SUFFIXES = (".yaml", ".yml", ".json", ".jsonnet")
_SKIPPED = re.compile(rb"^#\s*\+argocd:skip-file-rendering", re.MULTILINE)
_LOOKS_LIKE_ONE = (b"apiVersion:", b"kind:", b"metadata:")


def read(checkout: Checkout, source: ApplicationSource) -> Iterator[RenderedObject]:
    """Raises Unknown for Jsonnet, Wrong for a file that Argo CD cannot read."""
    for path in wanted(checkout, source):
        if path.endswith(".jsonnet"):
            cure = "keep the rendered YAML in Git, or set directory.exclude"
            raise Unknown(f"{path} is Jsonnet, which is not evaluated here", cure)
        yield from _objects(checkout, path)


def wanted(checkout: Checkout, source: ApplicationSource) -> list[str]:
    """The files that `directory.recurse`, `include` and `exclude` leave."""
    folder = join("", source.path or ".") or ""
    return [path for path in checkout.files(folder) if selects(source, path[len(folder) :].lstrip("/"))]


def selects(source: ApplicationSource, inside: str) -> bool:
    """Whether the source reads a file, by its path inside the source's folder."""
    options = source.options("directory")
    include, exclude = str(options.get("include") or ""), str(options.get("exclude") or "")
    return (
        bool(inside.endswith(_SUFFIXES) or options.get("disableExtensionFilter"))
        and bool(options.get("recurse") or "/" not in inside)
        and not (exclude and glob(exclude).fullmatch(inside))
        and bool(not include or glob(include).fullmatch(inside))
    )


def _objects(checkout: Checkout, path: str) -> Iterator[RenderedObject]:
    try:
        content = checkout.content(path)
    except FileNotFoundError:
        return  # a link to nothing, which Argo CD passes over
    except OSError as error:
        raise Wrong(f"{path} cannot be read: {error.strerror}", "correct or remove it") from error
    if path.endswith(".json"):
        yield _from_json(path, content)
        return
    if _SKIPPED.search(content):
        return
    try:
        documents = checkout.documents(path)
    except yaml.YAMLError as error:
        if all(word in content for word in _LOOKS_LIKE_ONE):
            where = Location(path, line_in(error))
            raise Wrong(f"{path} is no valid YAML: {said(error)}", "correct it", where) from error
        return  # Argo CD takes it for something that is no manifest
    objects = [(line, item) for line, document in documents for item in items(document)]
    strange = next(
        (line for line, item in objects if not (item.get("kind") and item.get("apiVersion"))), None
    )
    if strange is None:
        yield from (RenderedObject(item, Location(path, line)) for line, item in objects)
    elif any(item.get("kind") for _, item in objects) or all(word in content for word in _LOOKS_LIKE_ONE):
        why = f"the document in line {strange} of {path} has no kind or apiVersion"
        raise Wrong(why, "add them", Location(path, strange))


def _from_json(path: str, content: bytes) -> RenderedObject:
    try:
        item = json.loads(content)
    except ValueError as error:
        why = f"{path} is no single JSON object"
        raise Wrong(why, "correct it; one object a file", Location(path)) from error
    if not isinstance(item, dict) or not item.get("kind"):
        why = f"{path} is no Kubernetes object"
        raise Wrong(why, "correct it, or set directory.exclude", Location(path))
    return RenderedObject(item, Location(path, 1))
