"""AppProjects: whether each Application may use its repositories, reach its destinations, make its kinds.

The decisions are those of Argo CD's `AppProject` methods (pkg/apis/application/v1alpha1/app_project_types.go,
v3.6): IsSourcePermitted, IsDestinationPermitted, IsGroupKindNamePermitted, IsAppNamespacePermitted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from bootstrap.gitops.model import App, Manifest, Tree, Unchecked
from bootstrap.gitops.phases import Phase, is_deletion_hook, phase
from bootstrap.kubernetes.argo import IN_CLUSTER, IN_CLUSTER_NAME
from bootstrap.kubernetes.objects import Json, Kind, namespace, spec
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.rules import doubt
from bootstrap.lint.rules.facts import (
    everything,
    finding,
    listed,
    mapped,
    mappings,
    matches,
    of_app,
    of_manifest,
    options,
    project_of,
    projects,
    sources,
)
from bootstrap.lint.rules.rule import Rule

_NAMESPACE = Kind("", "Namespace")


@dataclass(frozen=True)
class Destination:
    """A cluster by URL and by name, one of which may be unknown (""), and a namespace."""

    server: str
    name: str
    namespace: str

    def __str__(self) -> str:
        return f"{self.namespace or '(no namespace)'} in {self.name or self.server or '(no cluster)'}"


def destination(app: App) -> Destination:
    """Where an Application goes; the cluster that Argo CD runs in is known by both its names."""
    given = mapped(spec(app.item).get("destination"))
    server, called = str(given.get("server") or "").rstrip("/"), str(given.get("name") or "")
    if server == IN_CLUSTER or called == IN_CLUSTER_NAME:
        server, called = IN_CLUSTER, called or IN_CLUSTER_NAME
    return Destination(server, called, str(given.get("namespace") or ""))


def permits_source(project: Json, url: str) -> bool:
    wanted, found = _normal(url), False
    for pattern in map(str, listed(spec(project).get("sourceRepos"))):
        denied = pattern.startswith("!")
        hit = matches(_normal(pattern.removeprefix("!")), wanted, "/")
        if denied and hit:
            return False
        found = found or hit or denied  # a denial that does not hit counts as a match
    return found


def permits_destination(project: Json, there: Destination) -> bool:
    """With a cluster known by one of its names only, a destination given by the other one is believed."""
    found = False
    for item in mappings(spec(project).get("destinations")):
        named = _part(item.get("name"), there.name)
        served = _part(item.get("server"), there.server)
        spaced = _matches(str(item.get("namespace") or ""), there.namespace)
        if (named or served) and spaced:
            found = True
        elif (
            (_denies(item.get("name")) and named is False and spaced)
            or (_denies(item.get("server")) and served is False and spaced)
            or (_denies(item.get("namespace")) and served and not spaced)
        ):
            return False
        elif spaced and _unknowable(item, there):
            found = True
    return found


def permits_kind(project: Json, kind: Kind, name: str, *, namespaced: bool) -> bool:
    """Cluster-scoped objects are forbidden unless listed, by kind or by name as well; namespaced kinds are
    permitted unless a list says no."""
    listed = spec(project)
    allowed = listed.get("namespaceResourceWhitelist" if namespaced else "clusterResourceWhitelist")
    denied = listed.get("namespaceResourceBlacklist" if namespaced else "clusterResourceBlacklist")
    called = "" if namespaced else name
    white = (namespaced and allowed is None) or _listed(kind, called, mappings(allowed))
    return white and not _listed(kind, called, mappings(denied))


def permits_namespace(project: Json, app: App, home: str) -> bool:
    """Whether the Application itself may live in its namespace; `home` is Argo CD's own."""
    if not app.namespace or app.namespace == home:
        return True
    allowed = map(str, listed(spec(project).get("sourceNamespaces")))
    return any(matches(pattern, app.namespace) for pattern in allowed)


def _normal(url: str) -> str:
    """As git.NormalizeGitURL does: lower case, no `.git`, and scp-like addresses with a slash."""
    text = url.strip().lower()
    if "@" in text and "://" not in text:
        text = text.replace(":", "/", 1)
    return text.removesuffix(".git").removeprefix("ssh://")


def _matches(pattern: str, text: str) -> bool:
    if pattern.startswith("!"):
        return not matches(pattern[1:], text)
    return matches(pattern, text)


def _part(pattern: object, text: str) -> bool | None:
    """None when the cluster is not known by this name."""
    return _matches(str(pattern or ""), text) if text else None


def _denies(pattern: object) -> bool:
    return str(pattern or "").startswith("!")


def _unknowable(item: Json, there: Destination) -> bool:
    by_name = item.get("name") and not there.name
    by_server = item.get("server") and not there.server
    return bool(by_name or by_server)


def _listed(kind: Kind, called: str, entries: Iterable[Json]) -> bool:
    """Only cluster-scoped objects are listed by name, too; `called` is "" for others."""
    return any(
        fnmatchcase(kind.name, str(entry.get("kind", "")))
        and fnmatchcase(kind.group, str(entry.get("group") or ""))
        and (not called or not entry.get("name") or fnmatchcase(called, str(entry["name"])))
        for entry in entries
    )


MISSING = Rule("project-missing")
SOURCE = Rule("project-source-denied")
DESTINATION = Rule("project-destination-denied")
KIND = Rule("project-kind-denied")
HOME = Rule("project-namespace-denied")

RULES = (MISSING, SOURCE, DESTINATION, KIND, HOME)


def check(tree: Tree, _: Graph) -> Iterator[Finding]:
    """Every Application against its AppProject."""
    known = projects(tree)
    for app in tree.apps:
        project = known.get(project_of(app))
        if project is None:
            yield from _missing(tree, app)
            continue
        yield from _late(tree, app, project)
        yield from _sources(app, project)
        yield from _destinations(app, project)
        yield from _kinds(tree, app, project)
        yield from _home(app, project)


def unchecked(tree: Tree) -> Iterator[Unchecked]:
    """AppProjects that may come with what could not be rendered."""
    known = projects(tree)
    asking: dict[str, list[App]] = {}
    for app in tree.apps:
        if project_of(app) not in {*known, "default"} and doubt.namespaced(tree, app.namespace):
            asking.setdefault(project_of(app), []).append(app)
    for called, apps in asking.items():
        blanks = doubt.namespaced(tree, apps[0].namespace)
        yield doubt.perhaps(f"AppProject {called}", of_app(apps[0]), len(apps), apps[0].where, blanks)


def _missing(tree: Tree, app: App) -> Iterator[Finding]:
    called = project_of(app)
    if called == "default":  # argocd-server makes it, and it allows everything
        return
    if doubt.namespaced(tree, app.namespace):
        return  # `unchecked` says so
    yield finding(
        MISSING,
        app.where,
        of_app(app),
        f"AppProject {called} does not exist: the Application gets InvalidSpecError and never syncs",
        f"declare AppProject {called} with Argo CD's own manifests, or correct spec.project",
        other=f"AppProject {called}",
        severity=None if tree.installed else Severity.WARNING,  # it may be installed in another way
    )


def _late(tree: Tree, app: App, project: Manifest) -> Iterator[Finding]:
    owner = tree.by_name.get(project.app)
    if owner is None or owner.position <= app.position or owner.name == app.name:
        return
    yield finding(
        MISSING,
        app.where,
        of_app(app),
        f"{of_app(owner)} creates its AppProject in a later wave, which waits for this one: a deadlock",
        "declare the AppProject in an earlier wave",
        other=of_manifest(project),
    )


def _sources(app: App, project: Manifest) -> Iterator[Finding]:
    for url in dict.fromkeys(str(source.get("repoURL") or "") for source in sources(app)):
        if url and not permits_source(project.item, url):
            yield finding(
                SOURCE,
                app.where,
                of_app(app),
                f"project {project_of(app)} does not permit repository {url}: InvalidSpecError, no sync",
                f"add {url} to spec.sourceRepos of the AppProject ({project.where})",
                other=of_manifest(project),
            )


def _destinations(app: App, project: Manifest) -> Iterator[Finding]:
    there = destination(app)
    if not (there.server or there.name):
        return  # `destination-missing` says so
    if not permits_destination(project.item, there):
        yield finding(
            DESTINATION,
            app.where,
            of_app(app),
            f"project {project_of(app)} does not permit destination {there}: InvalidSpecError, no sync",
            f"add it to spec.destinations of the AppProject ({project.where})",
            other=of_manifest(project),
        )
    seen = {there.namespace}
    for manifest in _created(app):
        space = manifest.namespace
        if not space or space in seen:
            continue
        seen.add(space)
        if not permits_destination(project.item, Destination(there.server, there.name, space)):
            yield finding(
                DESTINATION,
                manifest.where,
                of_manifest(manifest),
                f"project {project_of(app)} does not permit namespace {space}: {_failure(app, manifest)}",
                f"add the namespace to spec.destinations of the AppProject ({project.where}), or move "
                "the object",
                other=of_manifest(project),
            )


def _kinds(tree: Tree, app: App, project: Manifest) -> Iterator[Finding]:
    denied: set[Kind] = set()
    for manifest in _created(app):
        kind, called = manifest.key.kind, manifest.key.name
        if kind not in denied and not permits_kind(
            project.item, kind, called, namespaced=bool(manifest.namespace)
        ):
            denied.add(kind)
            yield _forbidden(app, project, manifest, kind)
    declares = any(item.key.kind == _NAMESPACE for item in app.manifests if _applied(item))
    made = _makes_namespace(tree, app) and not declares
    wanted = destination(app).namespace
    if made and not permits_kind(project.item, _NAMESPACE, wanted, namespaced=False):
        yield finding(
            KIND,
            app.where,
            of_app(app),
            f"CreateNamespace=true creates Namespace {wanted}, but project "
            f"{project_of(app)} does not permit the kind: the sync fails",
            f"permit the kind in clusterResourceWhitelist ({project.where}), or declare the Namespace "
            "in an earlier wave",
            other=of_manifest(project),
        )


def _applied(manifest: Manifest) -> bool:
    return phase(manifest) is not Phase.NEVER


def _created(app: App) -> tuple[Manifest, ...]:
    """What a sync applies, then the hooks of its deletion: Argo CD holds both against the project."""
    applied = filter(_applied, app.manifests)
    deletion = (item for item in app.manifests if not _applied(item) and is_deletion_hook(item))
    return (*applied, *deletion)


def _failure(app: App, manifest: Manifest) -> str:
    """What a refusal stops (controller/sync.go and hook.go, validateSyncPermissions)."""
    if _applied(manifest):
        return f"the whole sync of {app.name} fails"
    return f"the hook never runs, and {app.name} can never be deleted"


def _forbidden(app: App, project: Manifest, manifest: Manifest, kind: Kind) -> Finding:
    wide = not manifest.namespace
    listed = (
        "clusterResourceWhitelist" if wide else "namespaceResourceWhitelist or namespaceResourceBlacklist"
    )
    return finding(
        KIND,
        manifest.where,
        of_manifest(manifest),
        f"project {project_of(app)} does not permit {'cluster-scoped ' if wide else ''}kind {kind}: "
        f"{_failure(app, manifest)}",
        f"permit {{group: {kind.group!r}, kind: {kind.name}}} in {listed} of the AppProject "
        f"({project.where})",
        other=of_manifest(project),
    )


def _makes_namespace(tree: Tree, app: App) -> bool:
    wanted = destination(app).namespace
    if options(app).get("CreateNamespace") != "true" or not wanted:
        return False
    return not any(item.key.kind == _NAMESPACE and item.key.name == wanted for item in everything(tree))


def _home(app: App, project: Manifest) -> Iterator[Finding]:
    home = project.namespace or namespace(project.item) or "argocd"  # AppProjects live in Argo CD's namespace
    if not permits_namespace(project.item, app, home):
        yield finding(
            HOME,
            app.where,
            of_app(app),
            f"project {project_of(app)} accepts no Applications from namespace {app.namespace}: "
            "Argo CD ignores it",
            f"move it to namespace {home}, or add {app.namespace} to spec.sourceNamespaces ({project.where})",
            other=of_manifest(project),
        )
