"""Is what Git renders to in the cluster? Asked of the objects themselves, whatever Argo CD says.

Argo CD's Synced is a memory, and its diff can be blind: with `ServerSideDiff=true` a label that is added to
an object without labels never counts as a difference (seen with 3.2.6). So every rendered object is compared
with the live one; where reading does not tell, by a dry run of the apply.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from bootstrap.core.errors import PermanentError, TemporaryError
from bootstrap.gitops.model import LEFT_OUT, STAND_IN, Manifest, Tree
from bootstrap.kubernetes.argo import ARGOCD_MANAGER, HELM_HOOK, View
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.compare import as_applied, certain, differences, partial_differences, shown
from bootstrap.kubernetes.errors import NotFound, NotServed
from bootstrap.kubernetes.ignored import patterns
from bootstrap.kubernetes.objects import CRD, Json, Key, Kind, annotations_of

WORKERS = 8  # requests at a time
_NOT_THERE = "is not in the cluster"


@dataclass(frozen=True)
class Pair:
    """A rendered object, and the live Application that brings it into the cluster."""

    manifest: Manifest
    application: Json

    @property
    def app(self) -> str:
        return self.manifest.app

    @property
    def key(self) -> Key:
        return self.manifest.key


@dataclass(frozen=True)
class ObjectDifference:
    """An object that is not in the cluster as Git has it: `fields` that differ, or `why` there are none."""

    app: str
    key: Key
    fields: tuple[str, ...] = ()
    why: str = ""

    def __str__(self) -> str:
        return self.why or f"differs from Git in {_listed(self.fields)}"


@dataclass(frozen=True)
class Uncompared:
    """What could not be compared, with the reason; `app` is "" for what belongs to no Application."""

    app: str
    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.app}: {self.what}: {self.why}" if self.app else f"{self.what}: {self.why}"


@dataclass(frozen=True)
class GitComparison:
    """`equal` counts the objects that are as Git has them; `partly` of these are CRDs, without schemas."""

    equal: int = 0
    partly: int = 0
    different: tuple[ObjectDifference, ...] = ()
    uncompared: tuple[Uncompared, ...] = ()

    def __add__(self, later: GitComparison) -> GitComparison:
        """With a later look at those that differed."""
        return GitComparison(
            self.equal + later.equal,
            self.partly + later.partly,
            later.different,
            self.uncompared + later.uncompared,
        )

    def __str__(self) -> str:
        told = f"{self.equal} objects as in Git"
        if self.partly:
            told += f" ({self.partly} CRDs without their schemas)"
        return told + (f", {len(self.uncompared)} not compared" if self.uncompared else "")


@dataclass(frozen=True)
class Work:
    """What is to be compared, and what is not and why."""

    pairs: tuple[Pair, ...] = ()
    uncompared: tuple[Uncompared, ...] = ()


def work(tree: Tree, applications: Iterable[Json]) -> Work:
    """Pair the rendered objects with the live Applications that list them. Pure.

    Hooks are left out. What one side has and the other has not was rendered otherwise by Argo CD (a kind that
    it excludes, another chart or Helm version): it is named, and not compared.
    """
    views = {view.name: view for view in map(View, applications)}
    rendered = [one for app in tree.apps for one in _last(app.manifests) if not _hook(one)]
    owners = Counter(one.key for one in rendered)
    gaps = [Uncompared("", one.what, one.why) for one in tree.unchecked]
    gaps += [Uncompared("", one.what, one.why) for one in tree.broken]
    gaps += [Uncompared(app.name, "Application", _NOT_THERE) for app in tree.apps if app.name not in views]
    pairs: list[Pair] = []
    listed = {which: _listed_keys(view) for which, view in views.items()}
    for one in (one for one in rendered if one.app in views):
        if one.key not in listed[one.app]:
            gaps.append(Uncompared(one.app, str(one.key), "Argo CD does not list it"))
        elif owners[one.key] > 1:
            gaps.append(Uncompared(one.app, str(one.key), "more than one Application has it"))
        else:
            pairs.append(Pair(one, views[one.app].item))
    return Work(tuple(pairs), (*gaps, *_unrendered(tree, listed)))


def _unrendered(tree: Tree, listed: Mapping[str, set[Key]]) -> Iterator[Uncompared]:
    """What Argo CD lists and rendering here does not give; hooks that were kept are listed, too."""
    for app in tree.apps:
        for key in sorted(listed.get(app.name, set()) - {one.key for one in app.manifests}):
            yield Uncompared(app.name, str(key), "is not rendered here")


def compare(cluster: Cluster, pairs: Sequence[Pair], settings: Mapping[str, str]) -> GitComparison:
    """Look at every object once; `settings` is argocd-cm's data. Raises nothing for what cannot be read: it
    is uncompared."""
    look = _Look(cluster, settings)
    if not pairs:
        return GitComparison()
    with ThreadPoolExecutor(WORKERS) as pool:
        found = list(pool.map(look, pairs))
    equal = [pair for pair, result in zip(pairs, found, strict=True) if result is None]
    return GitComparison(
        len(equal),
        sum(map(_partial, equal)),
        tuple(one for one in found if isinstance(one, ObjectDifference)),
        tuple(one for one in found if isinstance(one, Uncompared)),
    )


@dataclass(frozen=True)
class _Look:
    """Compares one object: None when it is as Git has it."""

    cluster: Cluster
    settings: Mapping[str, str]

    def __call__(self, pair: Pair) -> ObjectDifference | Uncompared | None:
        try:
            return self._compared(pair)
        except NotFound:
            return ObjectDifference(pair.app, pair.key, why=_NOT_THERE)
        except (NotServed, TemporaryError) as error:
            return Uncompared(pair.app, str(pair.key), str(error))
        except PermanentError as error:
            if "does not support dry run" in error.why:  # an admission webhook with side effects
                return Uncompared(pair.app, str(pair.key), error.why)
            return ObjectDifference(pair.app, pair.key, why=f"cannot be applied: {error.why or error.what}")

    def _compared(self, pair: Pair) -> ObjectDifference | Uncompared | None:
        kind = Kind.of(pair.manifest.item)
        self.cluster.resource(kind)  # raises NotServed, where get() would say that the object is not there
        live = self.cluster.get(Key(kind, pair.key.namespace, pair.key.name))
        wanted = as_applied(pair.manifest.item, live, pair.key.namespace, self._instance_label)
        if _partial(pair):
            found = partial_differences(_without_gaps(wanted), live)
        elif certain(wanted, live):
            return None
        else:
            predicted = self.cluster.apply(wanted, manager=ARGOCD_MANAGER, dry_run=True)
            found = differences(wanted, live, predicted)
        ignored = patterns(pair.application, self.settings, live)
        open_ = [path for path in found if not any(one.covers(path) for one in ignored if one.exact)]
        sure = [path for path in open_ if not any(one.covers(path) for one in ignored)]
        if sure and pair.manifest.via.endswith(STAND_IN):
            return Uncompared(pair.app, str(pair.key), "is rendered from a stand-in here, and differs")
        if sure:
            return ObjectDifference(pair.app, pair.key, tuple(map(shown, sure)))
        if open_:
            why = f"Argo CD may ignore {_listed([shown(path) for path in open_])} by a jq expression"
            return Uncompared(pair.app, str(pair.key), why)
        return None

    @property
    def _instance_label(self) -> str:
        if "label" not in self.settings.get("application.resourceTrackingMethod", ""):
            return ""
        return self.settings.get("application.instanceLabelKey") or "app.kubernetes.io/instance"


def _last(manifests: Iterable[Manifest]) -> Iterable[Manifest]:
    """Of two with one key Argo CD takes the last."""
    return {one.key: one for one in manifests}.values()


def _hook(one: Manifest) -> bool:
    return bool(one.hooks) or HELM_HOOK in annotations_of(one.item)


def _listed_keys(view: View) -> set[Key]:
    return {
        Key(
            Kind(str(entry.get("group") or ""), str(entry.get("kind"))),
            str(entry.get("namespace") or ""),
            str(entry.get("name")),
        )
        for entry in view.resources
        if not entry.get("hook") and not entry.get("requiresPruning")
    }


def _partial(pair: Pair) -> bool:
    """Whether parts of the manifest are left out here: a CRD is without its schemas."""
    return pair.key.kind == CRD


def _without_gaps(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if not _gap(inner)}
        return {key: _without_gaps(inner) for key, inner in kept.items()}
    return [_without_gaps(inner) for inner in value] if isinstance(value, list) else value


def _gap(value: Any) -> bool:
    return isinstance(value, dict) and LEFT_OUT in value


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return f"{', '.join(words[:3])}{more}"
