"""How Argo CD installs a chart: the options of `spec.source.helm` as helm's arguments."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from bootstrap.core.redact import Secrets
from bootstrap.gitops.patterns import substitute
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.source import ApplicationSource
from bootstrap.kubernetes.documents import documents

_OPTIONS = frozenset(
    (
        *("releaseName", "namespace", "values", "valuesObject", "valueFiles", "ignoreMissingValueFiles"),
        *("parameters", "fileParameters", "skipCrds", "skipTests", "skipSchemaValidation", "kubeVersion"),
        *("apiVersions", "passCredentials", "version"),
    )
)
_MISSING = "correct valueFiles, add the file, or set ignoreMissingValueFiles"
_PATTERN = re.compile(r"[*?[]")  # docs/user-guide/helm.md, glob patterns in value files
_TYPED = re.compile(r"true|false|null|-?\d+|\{.*\}", re.DOTALL)  # what --set takes for no text
_SECRET = re.compile(r"pass|secret|token|key|credential|auth", re.IGNORECASE)
_RANDOM = re.compile(r"(?=\S*\d)(?=\S*[A-Za-z])\S{16,}")

# Helm's own: pkg/chart/common/util, ValidName, and its limit.
_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME = 53
_SEVERAL = re.compile(r"=|(?<!\\),")


@dataclass(frozen=True)
class Release:
    """`files` and `set_files` are contents; a value never stands in the arguments of a program."""

    name: str
    namespace: str
    kubernetes_version: str
    api_versions: tuple[str, ...]
    flags: tuple[str, ...]
    files: tuple[bytes, ...]
    set_plain: tuple[tuple[str, str], ...]
    set_files: tuple[tuple[str, bytes], ...]

    def key(self) -> list[Any]:
        return [
            *(
                self.name,
                self.namespace,
                self.kubernetes_version,
                self.api_versions,
                self.flags,
                self.set_plain,
            ),
            *([one.decode(errors="replace") for one in self.files],),
            *([[name, one.decode(errors="replace")] for name, one in self.set_files],),
        ]

    def arguments(self, folder: Path) -> list[str]:
        """Of `helm template`; what has to be in a file is written into `folder`, which only we can read."""
        found = ["--name-template", self.name, "--namespace", self.namespace, *self.flags]
        found += ["--kube-version", self.kubernetes_version] if self.kubernetes_version else []
        for number, content in enumerate(self.files):
            file = folder / f"values-{number}.yaml"
            file.write_bytes(content)
            found += ["--values", str(file)]
        for version in self.api_versions:
            found += ["--api-versions", version]
        for name, value in self.set_plain:
            escaped = value if value.startswith("{") else value.replace(",", r"\,")
            found += ["--set", f"{name}={escaped}"]
        for number, (name, content) in enumerate(self.set_files):
            file = folder / f"parameter-{number}"
            file.write_bytes(content)
            found += ["--set-file", f"{name}={file}"]
        return found

    def hide(self, words: str) -> str:
        """A message without what looks like a secret among the values."""
        secrets = Secrets()
        for content in self.files:
            try:
                for value in documents(content):
                    secrets.add(*_secrets(value))
            except yaml.YAMLError:
                secrets.add(
                    *(
                        line.partition(":")[2].strip()
                        for line in content.decode(errors="replace").splitlines()
                    )
                )
        secrets.add(*(content.decode(errors="replace") for _, content in self.set_files))
        return secrets.redact(words)


@dataclass(frozen=True)
class _Place:
    path: str
    ref: str

    def __str__(self) -> str:
        return f"${self.ref}/{self.path}" if self.ref else self.path


class Files:
    """Where value files are; `ref` is the `$name` that a path begins with ("" for none)."""

    def read(self, path: str, ref: str) -> bytes:
        """The content of one. Raises FileNotFoundError, Unknown, Wrong."""
        raise NotImplementedError

    def find(self, pattern: str, ref: str) -> list[str]:
        """The paths that match, in the order in which Argo CD hands them to helm. Raises Unknown, Wrong."""
        raise NotImplementedError


def release(source: ApplicationSource, files: Files, kubernetes_version: str) -> Release:
    """Without `api_versions`, unless the source names them. Raises Unknown, Wrong."""
    options = source.options("helm")
    unknown = sorted(set(options) - _OPTIONS)
    if unknown:
        raise Unknown(f"spec.source.helm.{unknown[0]} is not supported here", "set it in the chart's values")
    if options.get("version") not in {None, "", "v3", "v4"}:
        raise Wrong(f"helm {options['version']} is none of Argo CD 3", "remove spec.source.helm.version")
    name = release_name(str(options.get("releaseName") or source.app))
    variables = source.variables()
    contents = list(_value_files(options, files, variables))
    inline = options.get("valuesObject")
    if inline:
        contents.append(json.dumps(inline).encode())
    elif options.get("values"):
        contents.append(str(options["values"]).encode())
    parameters = [
        (
            str(one.get("name")),
            substitute(str(one.get("value") or ""), variables),
            bool(one.get("forceString")),
        )
        for one in options.get("parameters") or ()
    ]
    for parameter, _, _ in parameters:
        _require_one(parameter)
    given = {"skipSchemaValidation": "--skip-schema-validation", "skipTests": "--skip-tests"}
    return Release(
        name=name,
        namespace=str(options.get("namespace") or source.namespace or "default"),
        kubernetes_version=str(options.get("kubeVersion") or kubernetes_version),
        api_versions=tuple(str(one) for one in options.get("apiVersions") or ()),
        flags=(
            *(() if options.get("skipCrds") else ("--include-crds",)),
            *(flag for option, flag in given.items() if options.get(option)),
        ),
        files=tuple(contents),
        set_plain=tuple(
            (name, value) for name, value, text in parameters if not text and _TYPED.fullmatch(value)
        ),
        set_files=(
            *(
                (name, value.encode())
                for name, value, text in parameters
                if text or not _TYPED.fullmatch(value)
            ),
            *_file_parameters(options, files, variables),
        ),
    )


def release_name(given: str) -> str:
    """As given. Raises Wrong unless Helm takes it for a name: what else there is, it runs as a template."""
    if len(given) > _LONGEST_NAME or not _NAME.fullmatch(given):
        why = f"helm takes {given[:80]!r} for no name of a release"
        raise Wrong(why, f"set helm.releaseName: at most {_LONGEST_NAME} of a-z, 0-9, - and .")
    return given


def _require_one(parameter: str) -> None:
    """Raises Unknown for a name that sets several values: helm would read files and URLs of its choice."""
    if _SEVERAL.search(parameter):
        raise Unknown(
            f"the parameter {parameter!r} sets several values at once", "name one value a parameter"
        )


def _value_files(options: Mapping[str, Any], files: Files, variables: Mapping[str, str]) -> Iterator[bytes]:
    places = [_place(str(given), variables) for given in options.get("valueFiles") or ()]
    lenient = bool(options.get("ignoreMissingValueFiles"))
    for place in dict.fromkeys(_expanded(places, files, lenient=lenient)):
        try:
            yield files.read(place.path, place.ref)
        except FileNotFoundError as error:
            if not lenient:
                raise Wrong(f"there is no value file {place}", _MISSING) from error


def _expanded(places: Sequence[_Place], files: Files, *, lenient: bool) -> Iterator[_Place]:
    """Patterns replaced by what they match; a file that is also named by itself comes where it is named."""
    for place in places:
        if not _PATTERN.search(place.path):
            yield place
            continue
        found = [_Place(path, place.ref) for path in files.find(place.path, place.ref)]
        if not (found or lenient):
            raise Wrong(f"no file matches the value file {place}", _MISSING)
        yield from (one for one in found if one not in places)


def _file_parameters(
    options: Mapping[str, Any], files: Files, variables: Mapping[str, str]
) -> Iterator[tuple[str, bytes]]:
    for one in options.get("fileParameters") or ():
        try:
            place = _place(str(one.get("path")), variables)
            _require_one(str(one.get("name")))
            yield str(one.get("name")), files.read(place.path, place.ref)
        except FileNotFoundError as error:
            raise Wrong(f"there is no file {one.get('path')}", "correct fileParameters, or add it") from error


def _place(given: str, variables: Mapping[str, str]) -> _Place:
    if "://" in given:
        raise Unknown(f"the value file {given} is fetched from elsewhere", "keep the values in Git")
    ref, _, inside = given.partition("/") if given.startswith("$") else ("", "", given)
    if ref and ref.strip("${}") in variables:
        ref, inside = "", given
    return _Place(posixpath.normpath(substitute(inside, variables)), ref.removeprefix("$"))


def _secrets(value: Any, key: str = "") -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _secrets(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _secrets(inner, key)
    elif isinstance(value, str) and (_SECRET.search(key) or _RANDOM.fullmatch(value)):
        yield value
