"""A chart rendered by the real helm, from a folder of the repository or from a registry.

As Argo CD does: CRDs included unless skipped, dependencies fetched where they are missing, value files before
inline values before parameters.
"""

from __future__ import annotations

import itertools
import posixpath
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from bootstrap.gitops.chartfile import CAPABILITIES, ChartArchive
from bootstrap.gitops.checkout import Checkout, join, said
from bootstrap.gitops.closure import line_of
from bootstrap.gitops.context import RenderContext
from bootstrap.gitops.fetch import Fetched, Fetcher
from bootstrap.gitops.model import Location
from bootstrap.gitops.patterns import doublestar, files_first
from bootstrap.gitops.problems import Unknown, Wrong
from bootstrap.gitops.programs import Failed
from bootstrap.gitops.release import Files, Release, release
from bootstrap.gitops.source import ApplicationSource, RenderedObject
from bootstrap.gitops.store import digest
from bootstrap.kubernetes.argo import HELM_HOOK, HOOK
from bootstrap.kubernetes.documents import items, located
from bootstrap.kubernetes.objects import Json, annotations_of, name

_BLAMED = re.compile(r"[\w.-]+/((?:charts|templates)/[^\s:]+):(\d+)")
_NAME = re.compile(r"[a-zA-Z0-9._][a-zA-Z0-9._-]*")  # of a chart, as Helm has it, and no option
_MOST_CHARTS = 200  # of one Application, each time that one is named
_SOURCE = re.compile(rb"^# Source: (.+)$")


class AsksForKinds(Exception):
    """The chart looks at the kinds that the cluster has; they are not known yet."""


@dataclass(frozen=True)
class Dependency:
    """Of a chart in a folder. `repository` "" or `file://…` is a folder."""

    name: str
    repository: str
    version: str


class Helm:
    """`check_ref(source, ref)` refuses a `$ref` that leads to another repository than ours."""

    def __init__(
        self,
        context: RenderContext,
        kubernetes_version: str,
        check_ref: Callable[[ApplicationSource, str], None],
    ) -> None:
        self._checkout, self._programs = context.checkout, context.programs
        self._store, self._fetcher, self._key = context.store, context.fetcher, context.key
        self._kubernetes_version, self._check_ref = kubernetes_version, check_ref

    def chart(self, source: ApplicationSource, kinds: Sequence[str] | None) -> list[RenderedObject]:
        """A released chart; `kinds` are the cluster's api-versions besides the built-in ones, None when they
        are not known yet. Raises AsksForKinds, Unknown, Wrong, ToolError."""
        fetched = self._fetcher.chart(source.repository, source.chart, source.revision)
        archive = ChartArchive(fetched.content)
        files = _ChartFiles(self._checkout, source, self._check_ref, archive)
        made = release(source, files, self._kubernetes_version)
        made = _with_kinds(made, kinds, asks=lambda: archive.asks_for_kinds)
        key = self._key("chart", made.key(), digest(fetched.content), self._programs.identity)
        via = f"chart {source.chart} {fetched.version}{fetched.suffix}"
        if (plain := self._store.get(key)) is None:
            with tempfile.TemporaryDirectory(dir=self._programs.home) as folder:
                file = Path(folder) / "chart.tgz"
                file.write_bytes(fetched.content)
                output = self._template(made, file, Path(folder), certain=not fetched.suffix)
            plain = [item for _, _, item in _objects(self._checkout.light(output), via)]
            self._store.put(key, plain)
        return [RenderedObject(item, None, via) for item in plain]

    def folder(
        self, source: ApplicationSource, folder: str, kinds: Sequence[str] | None
    ) -> list[RenderedObject]:
        """A chart that lies in the repository. Raises as `chart`."""
        made = release(
            source, FolderFiles(self._checkout, source, self._check_ref, folder), self._kubernetes_version
        )
        tree = _Tree(self._checkout, self._fetcher, folder)
        made = _with_kinds(made, kinds, asks=tree.asks_for_kinds)
        fetched = tree.missing()
        key = self._key(
            *("folder", folder, made.key(), self._programs.identity),
            *(
                self._checkout.digests(tree.files()),
                [[str(one), digest(got.content)] for one, got in fetched.items()],
            ),
        )
        if (plain := self._store.get(key)) is None:
            with tempfile.TemporaryDirectory(dir=self._programs.home) as place:
                chart = tree.place(Path(place), fetched)
                certain = not any(got.suffix for got in fetched.values())
                try:
                    output = self._template(made, chart, Path(place), certain=certain)
                except Wrong as problem:
                    raise Wrong(problem.why, problem.cure, tree.blamed(problem.why)) from None
            objects = _objects(self._checkout.light(output), folder)
            plain = [self._located(path, item, tree, fetched).dump() for _, path, item in objects]
            self._store.put(key, plain)
        return [RenderedObject.load(one) for one in plain]

    def _template(self, made: Release, chart: Path, folder: Path, *, certain: bool) -> bytes:
        try:
            return self._programs.helm(["template", str(chart), *made.arguments(folder)])
        except Failed as error:
            words = str(error).replace(f"{self._checkout.root}/", "").replace(f"{folder}/", "")
            words = made.hide(words.replace("\n\nUse --debug flag to render out invalid YAML", ""))
            cure = f"try it by hand: helm template {made.name} {chart.name}"
            if certain:
                raise Wrong(words, cure) from None
            raise Unknown(
                words, "its chart is a stand-in here: run it where the real one can be fetched"
            ) from None

    def _located(
        self, path: str, item: Json, tree: _Tree, fetched: Mapping[Dependency, Fetched]
    ) -> RenderedObject:
        """By the comment that helm leaves: `<chart>/templates/x.yaml`, `<chart>/charts/<dependency>/…`."""
        inside = path.partition("/")[2]
        file = tree.find(inside)
        if file is not None:
            return RenderedObject(item, Location(file, _line(self._checkout.text(file), item)))
        if inside.startswith("charts/"):
            called = inside.split("/")[1]
            for dependency, got in fetched.items():
                if dependency.name == called:
                    where = Location(tree.chart, line_of(self._checkout.text(tree.chart), f"name: {called}"))
                    return RenderedObject(item, where, f"chart {called} {got.version}{got.suffix}")
        return RenderedObject(item, Location(tree.chart, 1))


class _Tree:
    """The files of a chart in a folder, with those of dependencies that lie in other folders.

    `above` are the folders of the charts that depend on it, `count` counts all charts. Raises Wrong.
    """

    def __init__(
        self,
        checkout: Checkout,
        fetcher: Fetcher,
        folder: str,
        above: tuple[str, ...] = (),
        count: Iterator[int] | None = None,
    ) -> None:
        self._checkout, self._fetcher, self._folder = checkout, fetcher, folder
        self.chart = f"{folder}/Chart.yaml".lstrip("/")
        self._dependencies = _dependencies(checkout, folder)
        self._above, self._count = (*above, folder), count or itertools.count()
        if next(self._count) > _MOST_CHARTS:
            raise Wrong(f"{above[0]} depends on more than {_MOST_CHARTS} charts", f"correct {self.chart}")
        self._below = {one: self._tree(one) for one in self._local() if not self._vendored(one)}

    def _tree(self, one: Dependency) -> _Tree:
        path = join(self._folder, one.repository.removeprefix("file://"))
        if path is None or not self._checkout.is_folder(path):
            raise Wrong(
                f"there is no folder {one.repository} for dependency {one.name}", f"correct {self.chart}"
            )
        if path in self._above:
            raise Wrong(
                f"its chart depends on itself: {' → '.join((*self._above, path))}", f"correct {self.chart}"
            )
        return _Tree(self._checkout, self._fetcher, path, self._above, self._count)

    def files(self) -> list[str]:
        below = (path for tree in self._below.values() for path in tree.files())
        return [*self._checkout.files(self._folder, follow=True), *below]

    def asks_for_kinds(self) -> bool:
        paths = [path for path in self.files() if "/templates/" in f"/{path}"]
        readable = filter(self._checkout.is_file, paths)
        return any(CAPABILITIES in self._checkout.content(path) for path in readable)

    def missing(self) -> dict[Dependency, Fetched]:
        """What is fetched from outside, fetched. Raises Unknown, Wrong."""
        found = {}
        for one in self._dependencies:
            if not self._vendored(one) and one not in self._local():
                if one.repository.startswith(("@", "alias:")):
                    raise Unknown(
                        f"the repository {one.repository} of dependency {one.name} is a local name",
                        "use its URL",
                    )
                found[one] = self._fetcher.chart(one.repository, one.name, one.version)
        return found

    def place(self, place: Path, fetched: Mapping[Dependency, Fetched]) -> Path:
        """A copy of the chart's folder with its dependencies: helm sees nothing else of the repository."""
        chart = place / "chart" / (posixpath.basename(self._folder) or "root")
        _copy(self._checkout, self._folder, chart)
        for number, (one, below) in enumerate(self._below.items()):
            inner = below.place(place / f"dependency-{number}", below.missing())
            shutil.copytree(inner, chart / "charts" / one.name, dirs_exist_ok=True)
        for number, got in enumerate(fetched.values()):
            file = chart / "charts" / f"fetched-{number}.tgz"
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(got.content)
        return chart

    def find(self, inside: str) -> str | None:
        """The file of the repository behind a path below the chart."""
        direct = join(self._folder, inside)
        if direct is not None and self._checkout.is_file(direct):
            return direct
        for one in self._local():
            head = f"charts/{one.name}/"
            if inside.startswith(head):
                path = join(self._folder, f"{one.repository.removeprefix('file://')}/{inside[len(head) :]}")
                if path is not None and self._checkout.is_file(path):
                    return path
        return None

    def blamed(self, words: str) -> Location | None:
        """The template, and the line in it, that helm's message names first."""
        for found in _BLAMED.finditer(words):
            file = self.find(found[1])
            if file is not None:
                return Location(file, int(found[2]))
        return None

    def _local(self) -> list[Dependency]:
        return [one for one in self._dependencies if one.repository.startswith("file://")]

    def _vendored(self, one: Dependency) -> bool:
        head = f"{self._folder}/charts/{one.name}".lstrip("/")
        return any(
            path.startswith((f"{head}/", f"{head}-")) and (path.endswith((".tgz", "Chart.yaml")))
            for path in self._checkout.files(self._folder, follow=True)
        )


def _dependencies(checkout: Checkout, folder: str) -> list[Dependency]:
    """Of Chart.yaml, at the versions of Chart.lock. Raises Wrong when the two do not agree."""
    chart = checkout.document(f"{folder}/Chart.yaml".lstrip("/"))
    wanted = [_dependency(one) for one in chart.get("dependencies") or ()]
    lock_file = f"{folder}/Chart.lock".lstrip("/")
    if not checkout.is_file(lock_file):
        return wanted
    locked = [_dependency(one) for one in checkout.document(lock_file).get("dependencies") or ()]
    if [(one.name, one.repository) for one in wanted] != [(one.name, one.repository) for one in locked]:
        raise Wrong(f"{lock_file} is out of sync with Chart.yaml", f"helm dependency update {folder}")
    return locked


def _dependency(one: Mapping[str, Any]) -> Dependency:
    """Raises Wrong for a name that Helm gives to no chart, such as a path."""
    name = str(one.get("name"))
    if not _NAME.fullmatch(name) or set(name) == {"."}:
        raise Wrong(f"{name!r} is no name of a dependency", "correct Chart.yaml")
    return Dependency(name, str(one.get("repository") or ""), str(one.get("version") or ""))


class FolderFiles(Files):
    """Value files of the repository; those without a `ref` are seen from the chart's folder."""

    def __init__(
        self,
        checkout: Checkout,
        source: ApplicationSource,
        check_ref: Callable[[ApplicationSource, str], None],
        folder: str,
    ) -> None:
        self._checkout, self._source, self._check_ref, self._folder = checkout, source, check_ref, folder

    def read(self, path: str, ref: str) -> bytes:
        if ref:
            self._check_ref(self._source, ref)
        whole = join("" if ref else self._folder, path)
        if whole is None:
            raise Wrong(f"{path} lies outside the repository", "keep value files inside it")
        return self._content(whole)

    def find(self, pattern: str, ref: str) -> list[str]:
        if ref:
            self._check_ref(self._source, ref)
        base = "" if ref else self._folder
        whole = join(base, pattern)
        if whole is None:
            raise Wrong(f"{pattern} lies outside the repository", "keep value files inside it")
        found = _matching(whole, self._checkout.files(""))
        return [posixpath.relpath(path, base or ".") for path in found]

    def _content(self, path: str) -> bytes:
        if not self._checkout.is_file(path):
            raise FileNotFoundError(path)
        return self._checkout.content(path)


class _ChartFiles(FolderFiles):
    """A released chart's own value files lie in the chart."""

    def __init__(
        self,
        checkout: Checkout,
        source: ApplicationSource,
        check_ref: Callable[[ApplicationSource, str], None],
        archive: ChartArchive,
    ) -> None:
        super().__init__(checkout, source, check_ref, "")
        self._archive = archive

    def read(self, path: str, ref: str) -> bytes:
        if ref:
            return super().read(path, ref)
        try:
            return self._archive.files[posixpath.normpath(path).lstrip("/")]
        except KeyError as error:
            raise FileNotFoundError(path) from error

    def find(self, pattern: str, ref: str) -> list[str]:
        if ref:
            return super().find(pattern, ref)
        return _matching(posixpath.normpath(pattern).lstrip("/"), self._archive.files)


def _matching(pattern: str, paths: Iterable[str]) -> list[str]:
    wanted = doublestar(pattern)
    return sorted(filter(wanted.fullmatch, paths), key=files_first)


def _with_kinds(made: Release, kinds: Sequence[str] | None, asks: Callable[[], bool]) -> Release:
    if made.api_versions or not asks():
        return made
    if kinds is None:
        raise AsksForKinds
    return replace(made, api_versions=tuple(kinds))


def _objects(output: bytes, what: str) -> Iterator[tuple[int, str, Json]]:
    """Each object with its line in the output and the template that it comes from."""
    lines = output.split(b"\n")
    sources: list[tuple[int, str]] = [
        (number, found[1].decode()) for number, line in enumerate(lines, 1) if (found := _SOURCE.match(line))
    ]
    try:
        for line, document in located(output):
            while len(sources) > 1 and sources[1][0] < line:
                sources.pop(0)
            path = sources[0][1] if sources and sources[0][0] < line else ""
            for item in items(document):
                if item.get("kind") and not _only_tests(item):
                    yield line, path, item
    except yaml.YAMLError as error:
        raise Wrong(f"what helm makes of {what} is no YAML: {said(error)}", "correct the template") from error


def _only_tests(item: Json) -> bool:
    """Helm's tests are hooks of no phase that Argo CD knows: it never applies them."""
    notes = annotations_of(item)
    phases = {phase.strip() for phase in notes.get(HELM_HOOK, "").split(",")}
    return phases <= {"test", "test-success", "test-failure"} and HOOK not in notes


def _line(template: str, item: Json) -> int:
    """The place of the object in its template: of its kind, in the document that names it, if one does."""
    lines = template.splitlines()
    kinds = [
        number
        for number, text in enumerate(lines, 1)
        if re.match(rf"\s*kind:\s*{re.escape(str(item['kind']))}\s*$", text)
    ]
    named = [number for number in kinds if name(item) in _document(lines, number)]
    found = (named or kinds or [1])[0]
    return found - 1 if found > 1 and lines[found - 2].lstrip("- ").startswith("apiVersion:") else found


def _document(lines: list[str], number: int) -> str:
    """The text around a line, up to the next separators."""
    start = next((at for at in range(number - 1, -1, -1) if lines[at].startswith("---")), 0)
    end = next((at for at in range(number, len(lines)) if lines[at].startswith("---")), len(lines))
    return "\n".join(lines[start:end])


def _copy(checkout: Checkout, folder: str, target: Path) -> None:
    """Without links that lead out of the repository."""
    for path in filter(checkout.is_file, checkout.files(folder, follow=True)):
        file = target / path[len(folder) :].lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(checkout.content(path))
