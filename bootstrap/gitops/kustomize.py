"""A kustomization, built by the real kustomize from a copy of the files it needs.

In the copy Argo CD's own options are set by the same `kustomize edit` that Argo CD runs; remote resources lie
as files that were fetched once; and kustomize is asked to note where each object comes from.
"""

from __future__ import annotations

import json
import posixpath
import re
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import yaml

from bootstrap.core.confine import CONFINED
from bootstrap.gitops import checksums
from bootstrap.gitops.build_options import BuildOptions, parse
from bootstrap.gitops.checkout import Checkout, join, said
from bootstrap.gitops.closure import NAMES, REMOTE, Closure, Remote, kustomization, line_of, trace
from bootstrap.gitops.context import RenderContext
from bootstrap.gitops.fetch import STAND_IN, Fetched
from bootstrap.gitops.inflation import require_harmless
from bootstrap.gitops.model import Location
from bootstrap.gitops.patterns import substitute
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.programs import Failed, Way
from bootstrap.gitops.source import ApplicationSource, RenderedObject
from bootstrap.gitops.store import digest
from bootstrap.kubernetes.documents import documents, manifests
from bootstrap.kubernetes.objects import Json, annotations_of, metadata, name

_LINE = re.compile(r"\bline (\d+):")
_PLUGIN = re.compile(r"unable to load external plugin '([^']+)'")
_INFLATES = re.compile("must specify --enable-helm")
ORIGIN = "config.kubernetes.io/origin"
_OPTIONS = frozenset(
    (
        *("namePrefix", "nameSuffix", "images", "replicas", "commonLabels", "forceCommonLabels"),
        *("labelWithoutSelector", "labelIncludeTemplates", "commonAnnotations", "forceCommonAnnotations"),
        *("commonAnnotationsEnvsubst", "namespace", "patches", "components", "ignoreMissingComponents"),
        *("kubeVersion", "apiVersions"),
    )
)


@dataclass(frozen=True)
class _Job:
    """One build. `asked` are the tree's build options."""

    folder: str
    closure: Closure
    fetched: Mapping[Remote, Fetched]
    edits: Sequence[list[str]]
    patches: Iterable[Any]
    asked: BuildOptions

    @property
    def inflates(self) -> bool:
        return self.closure.charts and self.asked.inflate

    @property
    def remote(self) -> bool:
        """Whether kustomize fetches something by itself."""
        return self.closure.foreign or self.inflates


class Kustomize:
    """`build_options` are argocd-cm's `kustomize.buildOptions`."""

    def __init__(self, context: RenderContext, build_options: str = "") -> None:
        self._checkout, self._programs = context.checkout, context.programs
        self._store, self._fetcher, self._key = context.store, context.fetcher, context.key
        self._build_options = build_options

    def build(self, source: ApplicationSource, folder: str) -> list[RenderedObject]:
        """Raises Unknown, Wrong, ToolError."""
        asked, options = parse(self._build_options), source.options("kustomize")
        unknown = sorted(set(options) - _OPTIONS)
        if unknown:
            why = f"spec.source.kustomize.{unknown[0]} is not supported here"
            raise Unknown(why, "set it in kustomization.yaml")
        components = components_of(self._checkout, folder, options)
        if remote := [one for one in components if REMOTE.match(one)]:
            raise Unknown(
                f"the component {remote[0]} is fetched from elsewhere", "name it in kustomization.yaml"
            )
        closure = trace(self._checkout, folder, components)
        fetched = {remote: self._fetch(remote) for remote in closure.remotes}
        edits = [
            *_edits(options, source.variables()),
            *(["add", "component", "--", one] for one in components),
        ]
        key = self._key(
            *("kustomize", folder, self._checkout.digests(closure.files), edits),
            *(options.get("patches"), self._build_options, self._programs.identity, self._fetcher.key),
            *((remote.url, digest(one.content), one.origin) for remote, one in fetched.items()),
        )
        keep = not (closure.charts or closure.foreign)
        if keep and (plain := self._store.get(key)) is not None:
            return [RenderedObject.load(one) for one in plain]
        job = _Job(folder, closure, fetched, edits, options.get("patches") or (), asked)
        objects = self._build(job)
        if keep:
            self._store.put(key, [rendered.dump() for rendered in objects])
        return objects

    def _fetch(self, remote: Remote) -> Fetched:
        """Raises Wrong when it is not what its checksum says."""
        found = self._fetcher.file(remote.url)
        if found.origin != STAND_IN:
            checksums.verify(self._checkout.text(remote.file), remote.url, found.content)
        return found

    def _build(self, job: _Job) -> list[RenderedObject]:
        folder, closure, fetched = job.folder, job.closure, job.fetched
        self._require_harmless(job)
        with tempfile.TemporaryDirectory(dir=self._programs.home) as copy:
            place = Path(copy) / folder
            sources = self._copy(Path(copy), folder, closure, fetched)
            try:
                for edit in job.edits:
                    self._programs.kustomize(["edit", *edit], cwd=place)
                noted = _prepare(place, job.patches)
                way = Way(self._fetcher.way().environment) if job.remote else None
                command = ["build", str(place), *self._flags(job)]
                output = self._programs.kustomize(command, way, inflates=job.inflates)
            except Failed as error:
                words = str(error).replace(f"{copy}/", "").replace(copy, ".")
                certain = "invalid Kustomization" in words or _all_real(fetched)
                self._refuse(job, words, certain=certain and not job.remote)
        try:
            items = manifests(self._checkout.light(output))
        except yaml.YAMLError as error:
            raise Wrong(f"kustomize's output for {folder} is no YAML: {said(error)}") from error
        return [self._piece(item, folder, sources, noted=noted) for item in items]

    def _require_harmless(self, job: _Job) -> None:
        """What kustomize would hand to helm, or read anywhere. Raises Unknown, Wrong."""
        if job.inflates:
            if job.closure.foreign:
                raise Unknown("it inflates charts that may be chosen elsewhere", "keep its parts in Git")
            for path in job.closure.files:
                require_harmless(self._checkout.content(path))

    def _refuse(self, job: _Job, words: str, *, certain: bool) -> NoReturn:
        folder, closure = job.folder, job.closure
        cure = f"try it by hand: kustomize build {folder or '.'}"
        if _INFLATES.search(words) and not job.asked.inflate:
            words = "its kustomization inflates Helm charts, which Argo CD's settings do not allow"
            raise Wrong(words, 'set kustomize.buildOptions: "--enable-helm" in ConfigMap argocd-cm')
        if plugin := _PLUGIN.search(words):
            raise Unknown(f"its kustomization calls the plugin {plugin[1]}, which is not run here", cure)
        if certain and not _INFLATES.search(words) and not (job.asked.anywhere and not self._anywhere(job)):
            raise Wrong(words, cure, _blamed(words, closure.files))
        raise Unknown(words, cure)

    def _flags(self, job: _Job) -> list[str]:
        helm = ["--helm-command", str(self._programs.tools.helm)] if job.inflates else []
        return [*job.asked.flags(inflate=job.inflates, anywhere=self._anywhere(job)), *helm]

    @staticmethod
    def _anywhere(job: _Job) -> bool:
        """Only where the kernel sees to it that nothing but the copy can be read."""
        return CONFINED and not job.remote

    def _copy(
        self, copy: Path, folder: str, closure: Closure, fetched: Mapping[Remote, Fetched]
    ) -> dict[str, tuple[Remote, Fetched]]:
        """The files, and in the place of each remote resource a file; those by their path."""
        (copy / folder).mkdir(parents=True, exist_ok=True)
        patched = any(self._patches_schemas(path) for path in closure.files)
        light = (lambda content: content) if patched else self._checkout.light
        for path in closure.files:
            target = copy / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(light(self._checkout.content(path)))
        sources = {}
        for number, (remote, one) in enumerate(fetched.items()):
            inside = f"remote-{number}.yaml"
            path = posixpath.join(posixpath.dirname(remote.file), inside)
            (copy / path).write_bytes(light(one.content))
            _replace(copy / remote.file, remote.url, inside)
            sources[path] = (remote, one)
        return sources

    def _patches_schemas(self, path: str) -> bool:
        content = self._checkout.content(path)
        return (
            b"openAPIV3Schema" in content and b"CustomResourceDefinition" not in content
        ) or b"/schema/" in content

    def _piece(
        self, item: Json, folder: str, sources: Mapping[str, tuple[Remote, Fetched]], *, noted: bool
    ) -> RenderedObject:
        origin = next(documents(annotations_of(item).get(ORIGIN, "")), None) or {}
        if noted:
            item = _without(item, ORIGIN)
        file = origin.get("path") or origin.get("configuredIn") or ""
        path = join(folder, file) if file else None
        if path is not None and path in sources:
            remote, one = sources[path]
            return RenderedObject(item, Location(remote.file, remote.line), f"{remote.url}{one.suffix}")
        if path and self._checkout.is_file(path):
            return RenderedObject(item, Location(path, self._line(path, item)))
        root = kustomization(self._checkout, folder)
        return RenderedObject(item, Location(root, 1) if root else None)

    def _line(self, path: str, item: Json) -> int:
        """The document of that kind whose name is the object's, but for a prefix or suffix."""
        try:
            found = [
                (line, str(name(one)))
                for line, one in self._checkout.documents(path)
                if isinstance(one, dict) and one.get("kind") == item.get("kind")
            ]
        except yaml.YAMLError:
            return 1
        near = [(len(called), line) for line, called in found if called and called in name(item)]
        if near:
            return max(near, key=lambda one: (one[0], -one[1]))[1]
        if len(found) == 1:
            return found[0][0]
        return self._generated(path, item)

    def _generated(self, path: str, item: Json) -> int:
        """The line of the generator in a kustomization that makes a ConfigMap or Secret."""
        content = next((one for _, one in self._checkout.documents(path) if isinstance(one, dict)), {})
        made = [
            str(one["name"])
            for key in ("configMapGenerator", "secretGenerator")
            for one in content.get(key) or ()
            if isinstance(one, dict) and one.get("name") and str(one["name"]) in name(item)
        ]
        return line_of(self._checkout.text(path), f"name: {max(made, key=len)}") if made else 1


def components_of(checkout: Checkout, folder: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The components to add; with `ignoreMissingComponents`, those whose folder has a kustomization."""
    named = tuple(str(one) for one in options.get("components") or ())
    if not options.get("ignoreMissingComponents"):
        return named
    return tuple(one for one in named if _is_component(checkout, join(folder, one)))


def _is_component(checkout: Checkout, path: str | None) -> bool:
    return path is not None and any(checkout.is_file(f"{path}/{one}".lstrip("/")) for one in NAMES)


def _edits(options: Mapping[str, Any], variables: Mapping[str, str]) -> list[list[str]]:
    """Arguments of `kustomize edit`, in Argo CD's order."""
    edits = []
    if prefix := options.get("namePrefix"):
        edits.append(["set", "nameprefix", "--", str(prefix)])
    if suffix := options.get("nameSuffix"):
        edits.append(["set", "namesuffix", "--", str(suffix)])
    if images := options.get("images"):
        edits.append(["set", "image", "--", *(substitute(str(image), variables) for image in images)])
    if replicas := options.get("replicas"):
        edits.append(
            ["set", "replicas", "--", *(f"{one.get('name')}={one.get('count')}" for one in replicas)]
        )
    if labels := options.get("commonLabels"):
        flags = {
            "--force": "forceCommonLabels",
            "--without-selector": "labelWithoutSelector",
            "--include-templates": "labelIncludeTemplates",
        }
        given = [flag for flag, option in flags.items() if options.get(option)]
        edits.append(["add", "label", *given, "--", *_pairs(labels, variables)])
    if notes := options.get("commonAnnotations"):
        given = ["--force"] if options.get("forceCommonAnnotations") else []
        known = variables if options.get("commonAnnotationsEnvsubst") else None
        edits.append(["add", "annotation", *given, "--", *_pairs(notes, known)])
    if namespace := options.get("namespace"):
        edits.append(["set", "namespace", "--", str(namespace)])
    return edits


def _pairs(given: Mapping[str, Any], variables: Mapping[str, str] | None) -> list[str]:
    filled = {
        key: substitute(str(value), variables) if variables else str(value) for key, value in given.items()
    }
    return [f"{key}:{value}" for key, value in filled.items()]


def _prepare(place: Path, patches: Iterable[Any]) -> bool:
    """Add patches, and ask for each object's origin; whether it was not the user who asks for that."""
    file = next(place / one for one in NAMES if (place / one).is_file())
    try:
        content: Any = next(documents(file.read_bytes()), {})
    except yaml.YAMLError:
        return False  # kustomize will say so
    if not isinstance(content, dict):
        return False
    if patches:
        content["patches"] = [*(content.get("patches") or ()), *patches]
    metadata_wanted = content.get("buildMetadata") or []
    noted = "originAnnotations" not in metadata_wanted
    if noted:
        content["buildMetadata"] = [*metadata_wanted, "originAnnotations"]
    file.write_text(json.dumps(content))
    return noted


def _replace(file: Path, url: str, by: str) -> None:
    content = next(documents(file.read_bytes()))
    for key in ("resources", "bases"):
        if isinstance(content.get(key), list):
            content[key] = [by if entry == url else entry for entry in content[key]]
    file.write_text(json.dumps(content))


def _without(item: Json, note: str) -> Json:
    notes = {key: value for key, value in annotations_of(item).items() if key != note}
    rest = {key: value for key, value in metadata(item).items() if key != "annotations"}
    return {**item, "metadata": {**rest, "annotations": notes} if notes else rest}


def _blamed(words: str, files: Sequence[str]) -> Location | None:
    """The file that kustomize's message names last, by its whole path or by a name that only one has."""
    named = [
        (words.rfind(said), path)
        for path in files
        for said in (path, posixpath.basename(path))
        if said in words and (said == path or sum(one.endswith(f"/{said}") for one in files) == 1)
    ]
    if not named:
        return None
    line = _LINE.search(words)
    return Location(max(named)[1], int(line[1]) if line else 1)


def _all_real(fetched: Mapping[Remote, Fetched]) -> bool:
    return not any(one.suffix for one in fetched.values())
