"""The generators of an ApplicationSet: parameters, one mapping an Application. As Argo CD 3.6 makes them."""

from __future__ import annotations

import json
import posixpath
import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import yaml

from bootstrap.core.limits import GENERATED
from bootstrap.gitops.checkout import Checkout, said
from bootstrap.gitops.patterns import glob
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.templates import Templates, require_keys
from bootstrap.kubernetes.argo import IN_CLUSTER
from bootstrap.kubernetes.documents import documents
from bootstrap.kubernetes.objects import Json, annotations_of, labels_of
from bootstrap.kubernetes.selectors import OPERATORS, matches

Params = dict[str, Any]
T = TypeVar("T")

_CLUSTER_SECRET = "argocd.argoproj.io/secret-type"  # noqa: S105 - a label
_LIVE = {
    "scmProvider": "asks a Git host for repositories",
    "pullRequest": "asks a Git host for pull requests",
    "clusterDecisionResource": "reads a resource of the cluster",
    "plugin": "asks a program in the cluster",
    "oci": "reads an artifact of a registry",
}
_KNOWN = ("list", "git", "clusters", "matrix", "merge")


@dataclass(frozen=True)
class Generators:
    """`require_ours(repository, revision)` refuses another repository; `secrets` gives those of the tree."""

    checkout: Checkout
    templates: Templates
    require_ours: Callable[[str, str], None]
    secrets: Callable[[], Iterable[Json]]
    go: bool
    options: tuple[str, ...]

    def params(self, generator: Mapping[str, Any], given: Params | None = None) -> list[Params]:
        """`given` are of a matrix' first generator, and fill the second one. Raises Unknown, Wrong."""
        kinds = [kind for kind in generator if kind in _KNOWN or kind in _LIVE]
        if len(kinds) != 1:
            raise Wrong(
                "one of its generators is of no kind, or of several", f"use one of {', '.join(_KNOWN)}"
            )
        kind = kinds[0]
        if kind in _LIVE:
            raise Unknown(f"its {kind} generator {_LIVE[kind]}", "list its elements, to have them checked")
        if given and kind not in {"matrix", "merge"}:
            generator = self._filled(generator, kind, given)
        settings = generator[kind] if isinstance(generator[kind], Mapping) else {}
        make = {
            "list": self._list,
            "git": self._git,
            "clusters": self._clusters,
            "matrix": lambda one: self._matrix(one, given),
            "merge": self._merge,
        }[kind]
        found = bounded(make(settings))
        selector = generator.get("selector")
        return [one for one in found if selects(selector, flat(one))] if selector else found

    def _filled(self, generator: Mapping[str, Any], kind: str, given: Params) -> Mapping[str, Any]:
        """Values of Go templates that name a parameter not `given` wait for the generator's own."""
        settings = generator[kind] if isinstance(generator[kind], Mapping) else {}
        values = settings.get("values") or {}
        later = {key: text for key, text in values.items() if self.go and not _given(str(text), given)}
        now = {key: text for key, text in values.items() if key not in later}
        asked = {**generator, kind: {**settings, "values": now}} if later else generator
        (found,) = self.templates.fill([(asked, given)], go=self.go, options=self.options)
        return (
            {**found, kind: {**found[kind], "values": {**found[kind]["values"], **later}}} if later else found
        )

    # -- leaves ----------------------------------------------------------------------------------------

    def _list(self, settings: Mapping[str, Any]) -> list[Params]:
        elements = settings.get("elements") or []
        try:
            more: Any = next(documents(str(settings.get("elementsYaml") or "")), [])
        except yaml.YAMLError as error:
            raise Wrong(f"its elementsYaml is no YAML: {said(error)}", "correct it") from error
        found = [dict(one) if self.go else _element(one) for one in elements]
        return [*found, *(dict(one) for one in more)]

    def _git(self, settings: Mapping[str, Any]) -> list[Params]:
        self.require_ours(str(settings.get("repoURL") or ""), str(settings.get("revision") or ""))
        prefix = str(settings.get("pathParamPrefix") or "")
        if settings.get("directories"):
            paths = self._folders(settings["directories"])
            found = [_path_params(path, "", prefix, go=self.go) for path in paths]
        elif settings.get("files"):
            found = [
                {**content, **_path_params(posixpath.dirname(path) or ".", path, prefix, go=self.go)}
                for path in self._files(settings["files"])
                for content in self._contents(path)
            ]
        else:
            raise Wrong("its git generator has neither directories nor files", "add one of them")
        return self._with_values(found, settings)

    def _folders(self, wanted: Iterable[Mapping[str, Any]]) -> list[str]:
        """A pattern's `*` does not cross a slash; hidden folders are none."""
        rules = [(glob(str(one["path"]), stars_cross=False), bool(one.get("exclude"))) for one in wanted]
        folders = sorted(
            {folder for file in self.checkout.files("") for folder in _parents(file)},
            key=lambda one: one.split("/"),
        )
        return [
            one
            for one in folders
            if not any(part.startswith(".") for part in one.split("/"))
            and any(rule.fullmatch(one) for rule, exclude in rules if not exclude)
            and not any(rule.fullmatch(one) for rule, exclude in rules if exclude)
        ]

    def _files(self, wanted: Iterable[Mapping[str, Any]]) -> list[str]:
        """As `git ls-files` has it: a star crosses slashes, a folder stands for all below it."""
        rules = [(str(one["path"]), bool(one.get("exclude"))) for one in wanted]
        return [
            path
            for path in sorted(self.checkout.files(""))
            if any(_listed(rule, path) for rule, exclude in rules if not exclude)
            and not any(_listed(rule, path) for rule, exclude in rules if exclude)
        ]

    def _contents(self, path: str) -> list[Params]:
        try:
            content: Any = next(documents(self.checkout.content(path)), {})
        except yaml.YAMLError as error:
            raise Wrong(
                f"{path}, a file of its generator, is no YAML: {said(error)}", "correct it"
            ) from error
        except OSError as error:
            what = f"{path}, a file of its generator, cannot be read: {error.strerror}"
            raise Wrong(what, "correct it") from error
        several = content if isinstance(content, list) else [content]
        if not all(isinstance(one, dict) for one in several):
            raise Wrong(f"{path}, a file of its generator, is no mapping", "correct it")
        return [dict(one) if self.go else dict(flat(one)) for one in several]

    def _clusters(self, settings: Mapping[str, Any]) -> list[Params]:
        selector = settings.get("selector") or {}
        chosen = selector.get("matchLabels") or selector.get("matchExpressions")
        known = [one for one in self.secrets() if labels_of(one).get(_CLUSTER_SECRET) == "cluster"]
        found = (
            []
            if chosen
            else [{"name": "in-cluster", "nameNormalized": "in-cluster", "server": IN_CLUSTER, "project": ""}]
        )
        for secret in known:
            if selects(selector, labels_of(secret)):
                params = _cluster(secret, go=self.go)
                found = [one for one in found if one["server"] != params["server"]]
                found.append(params)
        if chosen and not known:
            why = "no Secret in Git describes a cluster that its generator selects"
            raise Unknown(why, "clusters added by hand are not known here: list them")
        found = self._with_values(found, settings)
        return [{"clusters": found}] if settings.get("flatList") else found

    def _with_values(self, found: list[Params], settings: Mapping[str, Any]) -> list[Params]:
        values = settings.get("values")
        if not values:
            return found
        jobs = [({key: str(value) for key, value in values.items()}, one) for one in found]
        filled = self.templates.fill(jobs, go=self.go, options=self.options)
        if self.go:
            return [{**one, "values": more} for one, more in zip(found, filled, strict=True)]
        return [
            {**one, **{f"values.{key}": value for key, value in more.items()}}
            for one, more in zip(found, filled, strict=True)
        ]

    # -- combinations ----------------------------------------------------------------------------------

    def _matrix(self, settings: Mapping[str, Any], given: Params | None) -> list[Params]:
        inner = settings.get("generators") or []
        if len(inner) != 2:
            raise Wrong("a matrix has two generators", "nest another matrix for a third")
        return bounded(
            combined(one, other, go=self.go)
            for one in self.params(inner[0], given)
            for other in self.params(inner[1], {**(given or {}), **one})
        )

    def _merge(self, settings: Mapping[str, Any]) -> list[Params]:
        inner, keys = settings.get("generators") or [], settings.get("mergeKeys") or []
        if len(inner) < 2 or not keys:
            raise Wrong("a merge has mergeKeys and at least two generators", "add them")
        return merge([self.params(one) for one in inner], [str(key) for key in keys], go=self.go)


def bounded(elements: Iterable[T]) -> list[T]:
    """Raises Unknown for more than are looked at."""
    found = list(islice(elements, GENERATED + 1))
    if len(found) > GENERATED:
        why = f"its generators give more than {GENERATED:,} elements"
        raise Unknown(why, "split the set, to have it checked")
    return found


def combined(one: Params, other: Params, *, go: bool) -> Params:
    """A pair of a matrix. Of Go parameters the first one's win; others must not contradict. Raises Wrong."""
    if go:
        return _overridden(other, one)
    found = {key: _text(value) for key, value in one.items()}
    for key, value in other.items():
        if found.setdefault(key, _text(value)) != _text(value):
            raise Wrong(f"both generators of its matrix give {key}, and not the same", "rename one of them")
    return found


def merge(sets: Sequence[Sequence[Params]], keys: Sequence[str], *, go: bool) -> list[Params]:
    """Of the first set, overridden by those of the others that agree in the keys. Raises Wrong."""
    base, *others = [_by_keys(one, keys) for one in sets]
    for other in others:
        for key in base.keys() & other.keys():
            base[key] = _overridden(base[key], other[key]) if go else {**base[key], **other[key]}
    return list(base.values())


def _by_keys(params: Sequence[Params], keys: Sequence[str]) -> dict[str, Params]:
    found: dict[str, Params] = {}
    for one in params:
        key = json.dumps({name: one.get(name) for name in keys}, sort_keys=True)
        if key in found:
            raise Wrong(
                f"two elements of its merge have the same {', '.join(keys)}", "make the merge keys unique"
            )
        found[key] = one
    return found


def _overridden(base: Params, over: Params) -> Params:
    """As Go's mergo: mappings merge, what is empty overrides nothing."""
    found = dict(base)
    for key, value in over.items():
        below = found.get(key)
        if isinstance(below, dict) and isinstance(value, dict):
            found[key] = _overridden(below, value)
        elif key not in found or value not in (None, "", 0, False, [], {}):
            found[key] = value
    return found


def _given(text: str, params: Params) -> bool:
    """Whether the parameters have every key that a Go template names."""
    try:
        require_keys(text, params)
    except Wrong:
        return False
    return True


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a label selector selects labels or flat parameters. Raises Wrong."""
    for expression in (selector or {}).get("matchExpressions") or ():
        if expression.get("operator") not in OPERATORS:
            raise Wrong(
                f"a selector has the operator {expression.get('operator')}", f"use {', '.join(OPERATORS)}"
            )
    return matches(selector, labels)


def flat(params: Any, prefix: str = "") -> dict[str, str]:
    """`{"a": {"b": [1]}}` → `{"a.b.0": "1"}`."""
    inner: Iterable[tuple[Any, Any]]
    if isinstance(params, Mapping) and (params or not prefix):
        inner = params.items()
    elif isinstance(params, list) and params:
        inner = enumerate(params)
    else:
        return {prefix: _text(params)}
    found: dict[str, str] = {}
    for key, value in inner:
        found |= flat(value, f"{prefix}.{key}" if prefix else str(key))
    return found


def _text(value: Any) -> str:
    """As Go prints it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "map[" + " ".join(f"{key}:{_text(inner)}" for key, inner in sorted(value.items())) + "]"
    if isinstance(value, list):
        return "[" + " ".join(map(_text, value)) + "]"
    return "<nil>" if value is None else str(value)


def _element(element: Any) -> Params:
    """Of a list without Go templates: texts only, and `values` beside them."""
    found: Params = {}
    for key, value in dict(element).items():
        inner = {f"values.{name}": one for name, one in value.items()} if key == "values" else {key: value}
        for name, one in inner.items():
            if not isinstance(one, str):
                raise Wrong(
                    f"the list element's {name} is no text", "put it in quotes, or set goTemplate: true"
                )
            found[name] = one
    return found


def _path_params(folder: str, file: str, prefix: str, *, go: bool) -> Params:
    base = posixpath.basename(folder) or folder
    found: Params = {"path": folder, "basename": base, "basenameNormalized": normalized(base)}
    if file:
        called = posixpath.basename(file)
        found |= {"filename": called, "filenameNormalized": normalized(called)}
    segments = folder.split("/")
    if go:
        found["segments"] = segments
        return {prefix: {"path": found}} if prefix else {"path": found}
    head = f"{prefix}.path" if prefix else "path"
    flatly = {head if key == "path" else f"{head}.{key}": value for key, value in found.items()}
    return flatly | {f"{head}[{number}]": one for number, one in enumerate(segments) if one}


def normalized(text: str) -> str:
    return re.sub(r"[^-a-z0-9.]", "-", text.lower())[:253].strip("-.")


def _cluster(secret: Json, *, go: bool) -> Params:
    data = {
        key: b64decode(value).decode(errors="replace") for key, value in (secret.get("data") or {}).items()
    }
    data |= {key: str(value) for key, value in (secret.get("stringData") or {}).items()}
    found: Params = {
        "name": data.get("name", ""),
        "nameNormalized": normalized(data.get("name", "")),
        "server": data.get("server", ""),
        "project": data.get("project", ""),
    }
    notes = {"annotations": annotations_of(secret), "labels": labels_of(secret)}
    if go:
        return {**found, "metadata": {key: value for key, value in notes.items() if value}}
    return found | {
        f"metadata.{kind}.{key}": one for kind, all_ in notes.items() for key, one in all_.items()
    }


def _parents(file: str) -> Iterator[str]:
    folder = posixpath.dirname(file)
    while folder:
        yield folder
        folder = posixpath.dirname(folder)


def _listed(pattern: str, path: str) -> bool:
    bare = pattern.strip("/")
    return path == bare or path.startswith(f"{bare}/") or bool(glob(bare.replace("{", r"\{")).fullmatch(path))
