"""Rotation: new values of generated secrets, from SSM to the Secrets in the cluster.

A parameter that is being rotated says so in its tags, from before its new value is written until the cluster
has it. So a run that was killed is gone on with by asking SSM: what has its new value keeps it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.aws.environments import stamp
from bootstrap.aws.pace import Pace
from bootstrap.aws.secret_age import MADE, due
from bootstrap.config.model import Environment, Seed
from bootstrap.config.seeds import SeedPlan, Write, dependents, plan_rotation
from bootstrap.core.errors import PermanentError
from bootstrap.core.wait import Observation
from bootstrap.kubernetes import repairs
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import EXTERNAL_SECRET, Json, Key, by_key
from bootstrap.kubernetes.propagation import Consumer, Reader, consumers, late, readers, refreshed, restart
from bootstrap.kubernetes.repairs import Ledger, Repair
from bootstrap.kubernetes.rollout import WORKLOADS, wait_for_rollouts
from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.run.step import Done
from bootstrap.steps import access
from bootstrap.steps.keep import ACCOUNT_KEY
from bootstrap.steps.seeds import existing, outputs, sources

ROTATING = {"bootstrap:rotating": "true"}  # the cluster may not have the new value yet
FROM = "bootstrap:rotating-from"  # the version that is replaced


@dataclass(frozen=True)
class Rotation:
    """What is asked for: seeds by `names`, or `all` that are generated, or those `due`. `back`: not to new
    values, but to the ones before. `restart`: also the workloads that use them."""

    names: tuple[str, ...] = ()
    all: bool = False
    due: bool = False
    back: bool = False
    restart: bool = False


@dataclass(frozen=True)
class Renewed:
    """The parameters on their way into the cluster, by full name; values are never shown."""

    values: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True)
class Followed:
    """The cluster, None where there is none, and the Secrets that carry the new values."""

    cluster: Cluster | None
    secrets: tuple[Key, ...] = ()


# -- SSM ---------------------------------------------------------------------------------------------


def renew(context: Context, request: Rotation) -> Done:
    """Write new values, each as a new version, and those of the templates made from them after them.

    Raises SeedsError, or PermanentError for a seed that is not in SSM, before anything is written.
    """
    config, api = context.config, Api(context.target.client("ssm"))
    held, on_way = existing(context, api), _on_their_way(api, config)
    chosen = _chosen(api, config, request, context.clock.now()) - on_way.renewed
    if missing := sorted(chosen - held.keys()):
        raise PermanentError(f"{', '.join(missing)} cannot be rotated", "not in SSM yet", "bootstrap up")
    earlier = {name: _before(api, _full(config, name)) for name in sorted(chosen)} if request.back else None
    plan = _plan(context, held, chosen, on_way.renewed, earlier)
    context.secrets.add(*plan.secrets)
    _write(context, api, plan.writes)
    names = {_full(config, name) for name in on_way.names | {write.name for write in plan.writes}}
    values = ssm.read(api, sorted(names))
    context.secrets.add(*values.values())
    told = f"{', '.join(write.name for write in plan.writes)} written" if plan.writes else "nothing to write"
    others = len(values) - len(plan.writes)
    more = f", {others} on their way from an earlier run" if others else ""
    return Done(told + more, Renewed(values), changed=bool(plan.writes))


@dataclass(frozen=True)
class _OnTheirWay:
    """Seeds of a rotation that was not closed; those `renewed` have their new value in SSM."""

    names: frozenset[str]
    renewed: frozenset[str]


def _on_their_way(api: Api, config: Environment) -> _OnTheirWay:
    known = {_full(config, seed.name): seed for seed in config.seeds}
    marked = ssm.names(api, config.ssm_prefix, ROTATING) & known.keys()
    now = ssm.describe(api, sorted(marked))
    written = {name for name in now if str(now[name].version) != ssm.tags(api, name).get(FROM)}
    generated = {known[name].name for name in written if known[name].generate}
    return _OnTheirWay(frozenset(known[name].name for name in marked), frozenset(generated))


def _chosen(api: Api, config: Environment, request: Rotation, now: float) -> set[str]:
    if request.due:
        return {each.name for each in due(api, config, now)}
    generated = {seed.name for seed in config.seeds if seed.generate}
    return generated if request.all else generated & set(request.names)


def _plan(
    context: Context,
    held: Mapping[str, str],
    chosen: Collection[str],
    renewed: Collection[str],
    earlier: Mapping[str, str] | None,
) -> SeedPlan:
    """What to write. On the way back the chosen seeds stand already, as they were `earlier`."""
    seeds = context.config.seeds
    told = _outputs(context, seeds, {*chosen, *renewed})
    if earlier is None:
        return plan_rotation(seeds, told, held, sources(context), renew=chosen, renewed=renewed)
    both = {*chosen, *renewed}
    plan = plan_rotation(seeds, told, {**held, **earlier}, sources(context), renew=(), renewed=both)
    writes = (*(Write(name, value, new=False) for name, value in earlier.items()), *plan.writes)
    return SeedPlan(writes, plan.unchanged, (*plan.secrets, *earlier.values(), *held.values()))


def _before(api: Api, name: str) -> str:
    value = ssm.before(api, name)
    if value is None:
        raise PermanentError(f"there is no way back for {name}", "SSM's history has no other value of it")
    return value


def _outputs(context: Context, seeds: Iterable[Seed], names: Collection[str]) -> Mapping[str, Any]:
    """Terraform's outputs, where a template needs them; they take seconds."""
    templates = {seed.name: seed.template or "" for seed in seeds}
    needed = any("{output." in templates[name] for name in dependents(seeds, names))
    return outputs(context) if needed else {}


def _write(context: Context, api: Api, writes: Collection[Write]) -> None:
    """Marks come first: a run that is killed in between leaves nothing that looks as if it were done."""
    pace, described = Pace(context.clock, context.cancel), _described(api, context.config, writes)
    for name, each in described.items():
        pace.run(partial(ssm.tag, api, name, {**ROTATING, FROM: str(each.version)}))
    key = next((each.key for each in described.values() if each.key), ACCOUNT_KEY)
    for write in writes:
        name = _full(context.config, write.name)
        put = ssm.update if name in described else ssm.create
        same = described[name].key if name in described else ""
        tags = {**context.config.tags, MADE: stamp(context.clock.now())}
        pace.run(partial(put, api, name, write.value, same or key, tags))
        context.progress(f"{name} has a new version")


def _described(api: Api, config: Environment, writes: Iterable[Write]) -> dict[str, ssm.Described]:
    return ssm.describe(api, [_full(config, write.name) for write in writes])


def _full(config: Environment, name: str) -> str:
    return f"{config.ssm_prefix}/{name}"


# -- the cluster -------------------------------------------------------------------------------------


def follow(context: Context) -> Done:
    """Until every Secret that External Secrets makes of the parameters carries their values.

    Each ExternalSecret is asked to read again, as one waits for its refreshInterval otherwise. Raises
    DeadlineError naming the Secrets that are late, and why.
    """
    values = context.results.get(Renewed).values
    cluster = access.existing(context) if values else None
    if cluster is None:
        return Done(
            "nothing to follow" if not values else "there is no cluster", Followed(None), changed=False
        )
    items = by_key(cluster.list(EXTERNAL_SECRET))
    found = readers(items.values(), values)
    _tell_what_stays(context, values, found)
    awaited = tuple(one for one in found if not one.stays)
    seen = {one.key: refreshed(items[one.key]) for one in awaited}
    ledger, on_time = Ledger(), set[Key]()

    def look() -> Observation[bool]:
        now = by_key(cluster.list(EXTERNAL_SECRET))
        told: list[str] = []
        for one in awaited:
            item = now.get(one.key)
            if item is None or one.key in on_time:
                continue
            if why := late(one, item, cluster.find(one.secret), values, seen[one.key]):
                told.append(f"{one.secret.namespace}/{one.secret.name}: {why}")
                _nudge(context, cluster, ledger, item)
            else:
                on_time.add(one.key)
                context.progress(f"{one.secret} carries the new value")
        return Observation(None if told else True, "; ".join(told))

    context.wait(look, "Secrets to carry the new values", cure="bootstrap diagnose")
    secrets = tuple(sorted({one.secret for one in awaited}))
    return Done(f"{len(secrets)} Secrets carry the new values", Followed(cluster, secrets), bool(secrets))


def _tell_what_stays(context: Context, values: Collection[str], found: Iterable[Reader]) -> None:
    found = tuple(found)
    for one in found:
        if one.stays:
            context.emit(Notice(f"{one.key} stays as it is: {one.stays}"))
    read = {hold.parameter for one in found for hold in one.holds}
    if not any(one.derived for one in found) and (unread := sorted(set(values) - read)):
        context.emit(Notice(f"no ExternalSecret reads {', '.join(unread)}"))


def _nudge(context: Context, cluster: Cluster, ledger: Ledger, item: Json) -> None:
    now = context.clock.now()
    for repair in ledger.due([Repair("force-sync", item, "its parameter has a new value")], now):
        repairs.perform(cluster, repair, now)


def tell_users(context: Context, request: Rotation) -> Done:
    """Name the workloads that use the Secrets, and restart them if that was asked for, until they run anew.

    Raises DeadlineError naming the workloads whose rollout is not done, and what each waits for.
    """
    followed = context.results.get(Followed)
    if followed.cluster is None or not followed.secrets:
        return Done("no workload uses them", changed=False)
    cluster = followed.cluster
    found = consumers((item for kind in WORKLOADS for item in cluster.list(kind)), followed.secrets)
    restarted = [consumer for consumer in found if request.restart and consumer.ours]
    for consumer in found:
        if consumer in restarted:
            cluster.patch(consumer.key, restart(stamp(context.clock.now())))
        context.emit(
            Notice(
                f"{consumer.key} uses {', '.join(consumer.secrets)}: {_fate(consumer, consumer in restarted)}"
            )
        )
    late = {consumer.key for consumer in restarted}
    what, cure = "restarted workloads to run anew", "bootstrap diagnose; then the same command again"
    wait_for_rollouts(cluster, late, context, what=what, cure=cure)
    return Done(f"{len(found)} workloads, {len(restarted)} restarted", changed=bool(restarted))


def _fate(consumer: Consumer, restarted: bool) -> str:
    if restarted:
        return "restarted"
    if consumer.reloads:
        return "its annotation asks a reloader to restart it"
    if consumer.paused:
        return f"it is paused; {consumer.resume}, then {consumer.restart}"
    if consumer.operated:
        return "its operator has to take the new value over"
    again = f"restart it: {consumer.restart}"
    if consumer.by == ("volume",):
        return f"its file changes within a minute or two; if the program does not read it again, {again}"
    return again


def settle(context: Context) -> Done:
    """The cluster has the new values: nothing is on its way any more."""
    api, names = Api(context.target.client("ssm")), sorted(context.results.get(Renewed).values)
    for name in names:
        Pace(context.clock, context.cancel).run(partial(ssm.untag, api, name, [*ROTATING, FROM]))
    if names:
        way = "to go back: bootstrap rotate NAME --back"
        context.emit(Notice(f"the values before stay readable as versions in SSM's history; {way}"))
    return Done(f"{len(names)} parameters rotated", changed=bool(names))
