"""From the root Application down: a level is rendered at once, and what it holds makes the next one.

Charts that look at which kinds the cluster has are rendered last, when the CRDs of all others are known.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from typing import Any

from bootstrap.core.rendering import UNKNOWN
from bootstrap.gitops.checkout import Checkout
from bootstrap.gitops.helm import AsksForKinds
from bootstrap.gitops.model import App, AppSet, Blank, Broken, Location, Manifest, Unchecked, destination
from bootstrap.gitops.problems import Elsewhere, Unknown, Wrong
from bootstrap.gitops.render import Renderer
from bootstrap.gitops.scope import api_versions, cluster_wide
from bootstrap.gitops.sets import Generated, Generator
from bootstrap.gitops.source import ApplicationSource, RenderedObject
from bootstrap.kubernetes.argo import IN_CLUSTER, IN_CLUSTER_NAME, wave_of
from bootstrap.kubernetes.objects import (
    APPLICATION,
    APPLICATION_SET,
    Json,
    Kind,
    labels_of,
    metadata,
    namespace,
    spec,
)

_SERVERS = {IN_CLUSTER, f"{IN_CLUSTER}:443"}


@dataclass
class _Node:
    """An Application on its way: what of it is rendered, by the number of the source."""

    app: App
    objects: dict[int, list[RenderedObject]] = field(default_factory=dict)
    deferred: dict[int, ApplicationSource] = field(default_factory=dict)
    read: set[int] = field(default_factory=set)  # ids of objects whose children are known


@dataclass
class Walk:
    """Runs once. `pool` runs the programs; `installed` gives what stands before the root Application."""

    renderer: Renderer
    generator: Generator
    checkout: Checkout
    pool: Executor
    installed: Callable[[], Sequence[RenderedObject]] = tuple
    nodes: dict[str, _Node] = field(default_factory=dict)
    sets: list[AppSet] = field(default_factory=list)
    unchecked: list[Unchecked] = field(default_factory=list)
    broken: list[Broken] = field(default_factory=list)
    blanks: list[Blank] = field(default_factory=list)

    def run(self, root: App) -> tuple[App, ...]:
        """Every Application, sorted by position and name, with its manifests."""
        level = self._admit([root])
        while level:
            self._render(level)
            level = self._children(level)
            if not level:
                level = self._children(self._render_deferred())
        self.blanks += [
            _blank(node.app) for node in self.nodes.values() if any(map(stands_for_unknown, _objects(node)))
        ]
        wide = self.cluster_wide()
        apps = [_finished(node, wide, self.checkout) for node in self.nodes.values()]
        return tuple(sorted(apps, key=lambda app: (app.position, app.name)))

    def cluster_wide(self) -> frozenset[Kind]:
        return cluster_wide(self._everything())

    # -- Applications ----------------------------------------------------------------------------------

    def _admit(self, apps: Iterable[App]) -> list[_Node]:
        """Those that are new; of two with one name the first counts, the other is a duplicate manifest."""
        found = []
        for app in apps:
            if app.name not in self.nodes:
                node = self.nodes[app.name] = _Node(app)
                found.append(node)
        return found

    def _render(self, level: Iterable[_Node]) -> None:
        jobs: list[tuple[_Node, int, ApplicationSource, Future[list[RenderedObject]]]] = []
        for node in level:
            if (why := _elsewhere(node.app)) is not None:
                self._note(node.app, "", Elsewhere(why, "lint what goes there by itself"))
                continue
            given = list(sources(node.app, self.checkout))
            if not given:
                self._note(node.app, "", _without_source(node.app))
            for number, source in enumerate(given):
                future = self.pool.submit(self.renderer.render, source, None)
                jobs.append((node, number, source, future))
        for node, number, source, future in jobs:
            try:
                node.objects[number] = future.result()
            except AsksForKinds:
                node.deferred[number] = source
            except (Unknown, Wrong) as problem:
                self._note(node.app, _named(source), problem, source.where)

    def _render_deferred(self) -> list[_Node]:
        """With the kinds of all that is rendered by now; again where that itself adds kinds."""
        waiting = [
            (node, number, source) for node in self.nodes.values() for number, source in node.deferred.items()
        ]
        for node in self.nodes.values():
            node.deferred = {}
        known: tuple[str, ...] | None = None
        while waiting and (kinds := api_versions(self._everything())) != known:
            known = kinds
            jobs = [(*one, self.pool.submit(self.renderer.render, one[2], kinds)) for one in waiting]
            failed = []
            for node, number, source, future in jobs:
                try:
                    node.objects[number] = future.result()
                except (Unknown, Wrong) as problem:
                    self._note(node.app, _named(source), problem, source.where)
                    failed.append((node, number, source))
            waiting = [one for one in waiting if one not in failed]
        return [node for node, _, _ in waiting]

    def _note(self, app: App, what: str, problem: Unknown | Wrong, where: Location | None = None) -> None:
        who = f"Application {app.name}" + (f": {what}" if what else "")
        if not isinstance(problem, Elsewhere):
            self.blanks.append(_blank(app))
        if isinstance(problem, Wrong):
            at = problem.where or where or app.where
            self.broken.append(Broken(who, problem.why, at, problem.cure, app.name))
        else:
            self.unchecked.append(Unchecked(who, problem.why, where or app.where, problem.cure, app.name))

    # -- children --------------------------------------------------------------------------------------

    def _children(self, level: Iterable[_Node]) -> list[_Node]:
        found: list[App] = []
        pending: list[tuple[AppSet, Future[Generated]]] = []
        for node in level:
            for rendered in _objects(node):
                if id(rendered) in node.read:
                    continue
                node.read.add(id(rendered))
                kind = Kind.of(rendered.item).unversioned
                where = rendered.where or node.app.where
                position = (*node.app.position, wave_of(rendered.item))
                if kind == APPLICATION:
                    found.append(App(_placed(rendered.item, node.app), where, position, node.app.name))
                elif kind == APPLICATION_SET:
                    one = AppSet(_placed(rendered.item, node.app), where, position, node.app.name)
                    self.sets.append(one)
                    pending.append((one, self.pool.submit(self.generator.generate, one.item, self._secrets)))
        for one, future in pending:
            found += self._generated(one, future)
        return self._admit(found)

    def _generated(self, one: AppSet, future: Future[Generated]) -> Iterator[App]:
        try:
            made = future.result()
        except Unknown as problem:
            who = f"ApplicationSet {one.name}"
            self.blanks.append(Blank(who))
            self.unchecked.append(Unchecked(who, problem.why, one.where, problem.cure))
            return
        except Wrong as problem:
            who = f"ApplicationSet {one.name}"
            self.blanks.append(Blank(who))
            self.broken.append(Broken(who, problem.why, problem.where or one.where, problem.cure))
            return
        for item, step in made.applications:
            yield App(item, one.where, one.position, one.parent, one.name, step)

    def _everything(self) -> Iterator[Json]:
        yield from (rendered.item for rendered in self.installed())
        yield from (rendered.item for node in self.nodes.values() for rendered in _objects(node))

    def _secrets(self) -> tuple[Json, ...]:
        """Clusters that Argo CD knows from Git."""
        return tuple(item for item in self._everything() if item.get("kind") == "Secret")


def _blank(app: App) -> Blank:
    """A chart's objects go to the Application's namespace, nearly always; others name theirs as they like."""
    charts = all(isinstance(one, Mapping) and (one.get("chart") or _lends(one)) for one in _listed(app))
    return Blank(f"Application {app.name}", destination(app) if charts else "")


def stands_for_unknown(rendered: RenderedObject) -> bool:
    """Whether a chart about which nothing is known has a stand-in here."""
    return UNKNOWN.items() <= labels_of(rendered.item).items()


def _listed(app: App) -> list[Any]:
    """The sources as they are given."""
    given = spec(app.item)
    several = given.get("sources")
    return (
        several if isinstance(several, list) and several else [given["source"]] if given.get("source") else []
    )


def _lends(source: Mapping[str, Any]) -> bool:
    return bool(source.get("ref")) and not source.get("path")


def sources(app: App, checkout: Checkout) -> Iterator[ApplicationSource]:
    """The sources of an Application, each with the line of its own where that can be told."""
    given, listed = spec(app.item), _listed(app)
    refs = {str(one["ref"]): one for one in listed if isinstance(one, Mapping) and one.get("ref")}
    plain = ApplicationSource(
        app=app.name,
        app_namespace=app.namespace,
        project=str(given.get("project") or "default"),
        namespace=str((given.get("destination") or {}).get("namespace") or ""),
        spec={},
        refs=refs,
        where=app.where,
    )
    for one in listed:
        if isinstance(one, Mapping):
            yield replace(plain, spec=one, where=_line(app.where, one, checkout))


def _line(where: Location, source: Mapping[str, Any], checkout: Checkout) -> Location:
    """Of the `chart` or `path` that names the source, in the Application's own document."""
    key = "chart" if source.get("chart") else "path"
    wanted = re.compile(rf"""{key}:\s*["']?{re.escape(str(source.get(key)))}(?![\w./-])""")
    try:
        lines = checkout.text(where.file).splitlines()
    except OSError:
        return where
    for number, line in enumerate(lines[where.line - 1 :], where.line):
        if number > where.line and line.startswith("---"):
            break
        if wanted.search(line):
            return Location(where.file, number)
    return where


def _objects(node: _Node) -> Iterator[RenderedObject]:
    return (rendered for _, objects in sorted(node.objects.items()) for rendered in objects)


def _finished(node: _Node, wide: frozenset[Kind], checkout: Checkout) -> App:
    lines = {number: source.where for number, source in enumerate(sources(node.app, checkout))}
    goes_to = destination(node.app)
    manifests = tuple(
        manifest(rendered, node.app.name, lines[number], goes_to, wide)
        for number, objects in sorted(node.objects.items())
        for rendered in objects
    )
    return replace(node.app, manifests=manifests)


def manifest(
    rendered: RenderedObject, app: str, where: Location, goes_to: str, wide: frozenset[Kind]
) -> Manifest:
    """`where` is the source's line, `goes_to` the namespace of objects that name none."""
    space = "" if Kind.of(rendered.item).unversioned in wide else namespace(rendered.item) or goes_to
    return Manifest(rendered.item, app, rendered.where or where, rendered.via, space)


def _placed(item: Json, parent: App) -> Json:
    """An Application without a namespace goes where its parent's destination is."""
    if namespace(item):
        return item
    where = (spec(parent.item).get("destination") or {}).get("namespace") or parent.namespace
    return {**item, "metadata": {**metadata(item), "namespace": where}}


def _elsewhere(app: App) -> str | None:
    """Why it is no matter of this cluster."""
    to = spec(app.item).get("destination") or {}
    server, cluster = str(to.get("server") or ""), str(to.get("name") or "")
    if (server and server not in _SERVERS) or (cluster and cluster != IN_CLUSTER_NAME):
        return f"it goes to another cluster, {cluster or server}"
    return None


def _without_source(app: App) -> Unknown | Wrong:
    if spec(app.item).get("sourceHydrator"):
        return Unknown("its source is hydrated into another branch", "lint that branch by itself")
    return Wrong("it has no source", "give it spec.source")


def _named(source: ApplicationSource) -> str:
    return f"chart {source.chart} {source.revision}".rstrip() if source.chart else source.path
