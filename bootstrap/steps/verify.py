"""The last word: Argo CD is asked to look again, and then everything is judged as a whole.

A status in Argo CD is a memory. So every ApplicationSet and the root Application are asked for a refresh
first, and nothing counts before their controllers have answered: a dead controller cannot pass for a healthy
platform. A live one keeps the health of the rest current by its own watches, and that they were compared
with the current commit and specification is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace

from bootstrap.core.errors import DeadlineError, Problem, ProblemsError, TemporaryError
from bootstrap.core.wait import Observation
from bootstrap.gitops.checkout import is_at
from bootstrap.gitops.model import Tree
from bootstrap.kubernetes.argo import REFRESH, SET_REFRESH, Expected, seconds, slim
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.commands import kubectl
from bootstrap.kubernetes.errors import NotFound
from bootstrap.kubernetes.evidence import Findings, gather, problems
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope, until
from bootstrap.kubernetes.objects import (
    APPLICATION,
    APPLICATION_SET,
    CONFIG_MAP,
    EVENT,
    EXTERNAL_SECRET,
    INGRESS,
    JOB,
    NODE,
    Json,
    Key,
    annotations_of,
    metadata,
    name,
    status,
    uid,
)
from bootstrap.kubernetes.wave_order import WaveOrder, judge, lifetimes
from bootstrap.run.context import Context
from bootstrap.run.events import AppTimes, Notice, WaveOrderJudged
from bootstrap.run.step import Done
from bootstrap.steps.access import ClusterAccess
from bootstrap.steps.git_comparison import GitComparison, ObjectDifference, Pair, Uncompared, compare, work
from bootstrap.steps.root_app import expected
from bootstrap.steps.waves import look

PATIENCE = 120.0  # seconds for what the refresh finds to settle
UNEQUAL = 20.0  # seconds for what differs from Git to be put right by Argo CD
MOST = 5  # notices of what was not compared
CONFIG = "argocd-cm"


def run(context: Context) -> Done:
    """Raises ProblemsError naming all that is not as it should be."""
    cluster, namespace = context.results.get(ClusterAccess).cluster, context.config.gitops.namespace
    verifier = Verifier(context, cluster, expected(context))
    argo = [Scope(APPLICATION, namespace, trim=slim), Scope(APPLICATION_SET, namespace)]
    waiter = replace(context, deadline=min(PATIENCE, context.deadline))
    with Informer(cluster, *argo, *map(Scope, (EXTERNAL_SECRET, INGRESS, JOB, NODE))) as cache:
        try:
            found = until(cache, verifier.decide, waiter, what="verification")
        except DeadlineError as error:
            raise verifier.failure() from error
    events = cluster.list(EVENT, namespace, fields="involvedObject.kind=Application,reason=ResourceUpdated")
    order = prove_order(found, events, context.config.gitops.root_app)
    apps = tuple(AppTimes(**asdict(life)) for life in order.lifetimes)
    context.emit(WaveOrderJudged(order.proven, order.violations, order.unproven, apps))
    for line in (*order.violations, *order.unproven):
        context.emit(Notice(f"order of waves: {line}"))
    git = compared(context, cluster, found.applications)
    evidence = gather(found)
    told = f"{evidence}, {git}" if git else str(evidence)
    return Done(told, changed=False)


def compared(context: Context, cluster: Cluster, applications: Sequence[Json]) -> GitComparison | None:
    """Hold every rendered object against the live one; None where nothing was rendered.

    Raises ProblemsError naming the objects and fields that still differ after UNEQUAL seconds.
    """
    tree = context.results.find(Tree)
    why = "nothing was rendered" if tree is None else _elsewhere(context)
    if tree is None or why:
        context.emit(Notice(f"no object was compared with Git: {why}"))
        return None
    todo = work(tree, applications)
    context.progress(f"comparing {len(todo.pairs)} objects with Git")
    config = cluster.find(Key(CONFIG_MAP, context.config.gitops.namespace, CONFIG)) or {}
    comparison = _Comparison(cluster, todo.pairs, config.get("data") or {})
    patient = replace(context, deadline=min(UNEQUAL, context.deadline))
    try:
        found = patient.wait(comparison.probe, "the cluster to be as in Git", interval=2.0)
    except DeadlineError as error:
        raise _unequal(context, comparison.found.different) from error
    found = replace(found, uncompared=(*found.uncompared, *todo.uncompared))
    _tell(context, found.uncompared)
    return found


def _elsewhere(context: Context) -> str:
    """Why the checkout, which was rendered, is not what Argo CD was told to apply; empty when it is."""
    if context.target.delivers_checkout:
        return ""
    commit, folder = context.target.revision(), context.config.gitops.checkout
    if not is_at(folder, commit):
        return f"{folder} is not at commit {commit[:8]}, or has changes that are not committed"
    return ""


def _unequal(context: Context, different: Sequence[ObjectDifference]) -> ProblemsError:
    problems = [Problem(str(one.key), f"{one} ({one.app})", _sync(context, one.app)) for one in different]
    what = f"verification failed: {len(different)} objects are not in the cluster as Git has them"
    return ProblemsError(what, problems)


class _Comparison:
    """Looks at all objects once, and again at those that differ."""

    def __init__(self, cluster: Cluster, pairs: Sequence[Pair], settings: Mapping[str, str]) -> None:
        self._cluster, self._settings = cluster, settings
        self._pairs = pairs
        self.found = GitComparison()

    def probe(self) -> Observation[GitComparison]:
        looked = compare(self._cluster, self._pairs, self._settings)
        different = {one.key for one in looked.different}
        self._pairs = [pair for pair in self._pairs if pair.key in different]
        self.found += looked
        if not different:
            return Observation(self.found)
        return Observation(None, _some([f"{one.key} {one}" for one in looked.different]))


def _sync(context: Context, app: str) -> str:
    """The command that has Argo CD apply an Application again, whatever it sees."""
    operation = '{"operation": {"sync": {"syncOptions": ["ServerSideApply=true"]}}}'
    words = ("-n", context.config.gitops.namespace, "patch", "application", app)
    return kubectl(context.config, *words, "--type=merge", "-p", operation)


def _tell(context: Context, uncompared: Sequence[Uncompared]) -> None:
    for one in uncompared[:MOST]:
        context.emit(Notice(f"not compared with Git: {one}"))
    if len(uncompared) > MOST:
        context.emit(Notice(f"not compared with Git: and {len(uncompared) - MOST} more"))


class Verifier:
    """Asks ApplicationSets, then the root Application, for a refresh; judges once they have answered."""

    def __init__(self, context: Context, cluster: Cluster, wanted: Expected) -> None:
        self._context, self._cluster, self.expected = context, cluster, wanted
        self._asked: dict[str, int] = {}  # by uid: resource version of the request
        self._problems: tuple[Problem, ...] = ()
        self._silent: tuple[str, ...] = ()

    def decide(self, cache: InformerCache) -> Observation[Findings]:
        root = [
            item for item in cache.items(APPLICATION) if name(item) == self._context.config.gitops.root_app
        ]
        sets = cache.items(APPLICATION_SET)
        self._silent = self._refresh(sets, SET_REFRESH, "true") or self._refresh(root, REFRESH, "normal")
        found = _findings(self._context, cache, self.expected)
        self._problems = problems(found, self._context.config)
        if self._silent:
            return Observation(None, f"waiting for Argo CD to look again at {_some(self._silent)}")
        if self._problems:
            return Observation(None, _some([f"{problem.where} {problem.what}" for problem in self._problems]))
        return Observation(found)

    def failure(self) -> ProblemsError:
        problems = list(self._problems)
        if self._silent:
            what = f"Argo CD has not looked again at {_some(self._silent)}"
            problems.append(Problem("Argo CD", what, "see whether its controllers run: bootstrap status"))
        return ProblemsError(f"verification failed, {len(problems)} problems", problems)

    def _refresh(self, items: Iterable[Json], annotation: str, value: str) -> tuple[str, ...]:
        """Ask each once; the names of those that have not answered yet."""
        return tuple(name(item) for item in items if not self._answered(item, annotation, value))

    def _answered(self, item: Json, annotation: str, value: str) -> bool:
        """The controller removes the annotation when it has looked: in a version later than our request's."""
        if uid(item) not in self._asked:
            try:
                asked = self._cluster.patch(Key.of(item), {"metadata": {"annotations": {annotation: value}}})
            except (TemporaryError, NotFound):
                return False  # asked again with the next look
            self._asked[uid(item)] = _version(asked)
        return annotation not in annotations_of(item) and _version(item) > self._asked[uid(item)]


def prove_order(found: Findings, events: Iterable[Json], root: str) -> WaveOrder:
    """Judge what was made until the root Application was synced for the first time."""
    members = {member.name: wave.number for wave in found.waves.waves for member in wave.members}
    history = next(
        (status(item).get("history") or () for item in found.applications if name(item) == root), ()
    )
    settled = seconds(str(history[0].get("deployedAt", ""))) if history else None
    return judge(lifetimes(members, found.applications, events), settled)


def _findings(context: Context, cache: InformerCache, wanted: Expected) -> Findings:
    return Findings(
        waves=look(context, cache, wanted),
        applications=cache.items(APPLICATION),
        secrets=cache.items(EXTERNAL_SECRET),
        ingresses=cache.items(INGRESS),
        jobs=cache.items(JOB),
        nodes=cache.items(NODE),
    )


def _version(item: Json) -> int:
    """Resource versions of one kind are ordered numbers (KEP-5504)."""
    return int(metadata(item).get("resourceVersion") or 0)


def _some(words: Sequence[str]) -> str:
    more = f" and {len(words) - 3} more" if len(words) > 3 else ""
    return f"{', '.join(words[:3])}{more}"
