"""The last word: Argo CD is asked to look again, and then everything is judged as a whole.

A status in Argo CD is a memory. So every ApplicationSet and the root Application are asked for a refresh
first, and nothing counts before their controllers have answered: a dead controller cannot pass for a healthy
platform. A live one keeps the health of the rest current by its own watches, and that they were compared
with the current commit and specification is looked at one by one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bootstrap.core.errors import DeadlineError, Problem, ProblemsError, TemporaryError
from bootstrap.core.wait import Observation
from bootstrap.kubernetes.argo import REFRESH, SET_REFRESH, Expected, seconds, slim
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.errors import NotFound
from bootstrap.kubernetes.evidence import Evidence, Findings, gather, problems
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope, until
from bootstrap.kubernetes.objects import (
    APPLICATION,
    APPLICATION_SET,
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
from bootstrap.run.events import Notice
from bootstrap.run.step import Done
from bootstrap.steps.access import ClusterAccess
from bootstrap.steps.root_app import expected
from bootstrap.steps.waves import look

PATIENCE = 120.0  # seconds for what the refresh finds to settle


@dataclass(frozen=True)
class Verified:
    """What was found, for the report. `order` is the proof that the waves came one after the other."""

    expected: Expected
    evidence: Evidence
    order: WaveOrder


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
    for line in (*order.violations, *order.unproven):
        context.emit(Notice(f"order of waves: {line}"))
    evidence = gather(found)
    return Done(str(evidence), Verified(verifier.expected, evidence, order), changed=False)


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
