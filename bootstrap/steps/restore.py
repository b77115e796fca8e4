"""Rebuild from a backup: everything is looked at before anything is made, and compared when all is up.

    restore-check    the backup is whole, can be opened, is of here, and here is nothing yet
    restore-order    SSM: the control plane is to begin with a backup (it waits for the next)
    restore-source   SSM, encrypted: where it gets the snapshot
    restore-tidy     what in the restored cluster speaks of things that are gone
    restore-verify   seeds and objects are those of the backup; the order is taken back

A run that is gone on with finds the order of its own backup, and goes on.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from bootstrap.aws import ssm
from bootstrap.aws.api import Api
from bootstrap.aws.identity import identity
from bootstrap.aws.inventory import Resource
from bootstrap.aws.state_bucket import bucket_name
from bootstrap.config.model import Environment, Seed
from bootstrap.core.errors import (
    BootstrapError,
    DeadlineError,
    PermanentError,
    PreflightError,
    Problem,
    ProblemsError,
)
from bootstrap.core.wait import Observation
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.discovery import stored
from bootstrap.kubernetes.objects import (
    CLAIM,
    EXTERNAL_SECRET,
    NAMESPACE,
    POD,
    SECRET,
    VOLUME,
    Json,
    Key,
    dig,
    name,
    namespace,
    spec,
    uid,
)
from bootstrap.recovery import cipher, etcd, manifest, objects, transit
from bootstrap.recovery import order as orders
from bootstrap.recovery.manifest import Consent, Manifest
from bootstrap.recovery.objects import Comparison, Marks
from bootstrap.recovery.order import ORDER, SOURCE
from bootstrap.recovery.vault import PURPOSE, Vault, archives, vault
from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.run.step import Done
from bootstrap.steps import keeping, vacancy
from bootstrap.steps.access import ClusterAccess
from bootstrap.steps.terraform import Outputs

KEY_OUTPUT = "kms_key_arn"
LOAN = 12 * 3600  # seconds that the control plane has to fetch the snapshot
PATIENCE = 90.0  # seconds for controllers to write what they write
_DRIVER = "ebs.csi.aws.com"


@dataclass(frozen=True)
class RestoreRequest:
    """The backup to rebuild from: an id, or `latest`. `gitops_only`: etcd begins empty, and Git fills it.
    `consent`: it may be of somewhere else."""

    backup: str
    gitops_only: bool = False
    consent: Consent = field(default_factory=Consent)


@dataclass(frozen=True)
class Rebuilding:
    """A backup that was found good: values and marks are what was written, `sealed` is etcd's snapshot."""

    request: RestoreRequest
    manifest: Manifest
    vault: Vault
    sealed: Path
    marks: Marks
    data_key: bytes = field(repr=False)
    seeds: Mapping[str, str] = field(repr=False)


# -- before anything is made ---------------------------------------------------------------------------


def check(context: Context, request: RestoreRequest) -> Done:
    """Raises PreflightError with everything that speaks against it; nothing was touched."""
    config = context.config
    account = identity(_api(context, "sts")).account
    found = vault(config, context.target, account)
    try:
        about = found.store.manifest(manifest.choose(found.store.ids(), request.backup))
        problems = [*manifest.incompatibilities(about, config, account, request.consent)]
        problems += () if problems else _occupied(context, about, account)
        problems += () if problems else _other_archive(config, about, request.consent)
        problems += () if problems else _other_commit(context, about, request)
        if problems:
            raise PreflightError(_refused(about.id), problems)
        opened = _open(context, found, about, request)
    except PreflightError:
        raise
    except PermanentError as error:
        problem = Problem(f"s3://{found.store.bucket}", str(error), error.cure)
        raise PreflightError(_refused(request.backup), [problem]) from error
    context.secrets.add(*(opened.seeds[seed.name] for seed in config.seeds if _is_ours(seed, opened.seeds)))
    if about.ailments:
        sick = f"backup {about.id} is of a cluster that was not healthy: {manifest.some(about.ailments)}"
        context.emit(Notice(f"{sick}; an older one may be better: bootstrap backup --list"))
    told = f"{about.id} of {about.created_at}: {len(opened.seeds)} seeds"
    more = "" if request.gitops_only else f", etcd at revision {about.etcd.revision}"
    return Done(told + more, opened, changed=False)


def _refused(which: str) -> str:
    return f"backup {which} cannot be restored; nothing was touched"


def _open(context: Context, found: Vault, about: Manifest, request: RestoreRequest) -> Rebuilding:
    """Fetch all of it and prove it whole: checksums, key, etcd's own checksum."""
    data_key = found.key.open(about.key, about.bound)
    folder = context.run_folder / "backup"
    folder.mkdir(mode=0o700, exist_ok=True)
    context.closing.callback(shutil.rmtree, folder, ignore_errors=True)
    for part in about.parts:
        context.progress(f"fetching {part.name}")
        found.store.get(about.id, part, folder / part.name)
    plain = folder / "plain"
    try:
        texts = {}
        for text in (manifest.SEEDS, manifest.OBJECTS):
            _unseal(about, data_key, folder / text, plain)
            texts[text] = plain.read_bytes()
        _unseal(about, data_key, folder / manifest.ETCD, plain)
        if why := etcd.broken(plain):
            raise PermanentError(f"backup {about.id} is damaged", f"etcd's snapshot: {why}", manifest.ANOTHER)
    finally:
        plain.unlink(missing_ok=True)
    values, marks = _decoded(about, texts)
    for seed, mark in about.seeds.items():
        if cipher.digest(data_key, seed, values.get(seed, "")) != mark.digest:
            raise PermanentError(
                f"backup {about.id} is damaged", f"seed {seed} is not what was written", manifest.ANOTHER
            )
    return Rebuilding(request, about, found, folder / manifest.ETCD, marks, data_key, values)


def _decoded(about: Manifest, texts: Mapping[str, bytes]) -> tuple[dict[str, str], Marks]:
    try:
        values: dict[str, str] = json.loads(texts[manifest.SEEDS])
        return dict(values), objects.decode(texts[manifest.OBJECTS].decode())
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        why = "what was encrypted is neither seeds nor objects"
        raise PermanentError(f"backup {about.id} is damaged", why, manifest.ANOTHER) from error


def _unseal(about: Manifest, key: bytes, sealed: Path, into: Path) -> None:
    try:
        cipher.unseal(sealed, into, key, {**about.bound, "part": sealed.name})
    except (cipher.Unreadable, FileNotFoundError) as error:
        why = f"{sealed.name} is missing, or was not encrypted with its key"
        raise PermanentError(f"backup {about.id} is damaged", why, manifest.ANOTHER) from error


def _occupied(context: Context, about: Manifest, account: str) -> Iterator[Problem]:
    """What is there already, unless it is of this very restore."""
    config = context.config
    if under_way := pending(context):
        if under_way != about.id:
            cure = f"bootstrap up --from-backup {under_way}, or bootstrap down"
            yield Problem(config.name, f"a restore of backup {under_way} is under way here", cure)
        return
    yield from vacancy.problem(config, list(map(str, _there(context, account))))


def _there(context: Context, account: str) -> list[Resource]:
    seen = vacancy.occupants(context.config, context.target, account)
    return [found.resource for found in seen if not _may_stay(found.resource, context.config, account)]


def _may_stay(resource: Resource, config: Environment, account: str) -> bool:
    """What `down` leaves, or what says nothing of a cluster."""
    backups = bucket_name(config.project, config.name, account, PURPOSE)
    return (
        (resource.kind == "s3 bucket" and resource.id == backups)
        or (resource.kind == "ssm parameter" and resource.id in keeping.seeds(config))
        or resource.kind in ("route53 zone", "ec2 volume")
    )


def _other_archive(config: Environment, about: Manifest, consent: Consent) -> Iterator[Problem]:
    """The databases will be what lies there, so a manifest may not name any place of its choice."""
    ours = archives(config)
    if not ours or not about.archive or consent.account or consent.region:
        return
    if not about.archive.startswith(f"{ours}/"):
        what = f"it says that the databases archived to {about.archive[:200]!r}, which is not below {ours}"
        yield Problem(f"backup {about.id}", what, "if that is right, set `archive` to that bucket and prefix")


def _other_commit(context: Context, about: Manifest, request: RestoreRequest) -> Iterator[Problem]:
    """With an empty etcd Git alone says what there will be: it has to say the same."""
    try:
        now = context.target.revision()
    except BootstrapError as error:
        yield Problem("GitOps", str(error), error.cure)
        return
    if about.commit and now != about.commit:
        revision = context.config.gitops.revision
        what = f"{revision} is at {now[:10]}, the backup was taken at {about.commit[:10]}"
        if request.gitops_only:
            yield Problem("GitOps", what, f"git push origin {about.commit[:10]}:refs/heads/{revision}")
        else:
            context.emit(Notice(f"{what}: Argo CD will bring the platform to what Git says now"))


# -- etcd ----------------------------------------------------------------------------------------------


def order(context: Context) -> Done:
    """The control plane looks for this before it begins.

    Raises PreflightError when another run has made the environment since it was looked at: only from here on,
    under the run lock, nobody else does.
    """
    backup = context.results.get(Rebuilding)
    about = backup.manifest
    text = json.dumps({"backup": about.id, "etcd": not backup.request.gitops_only})
    api, parameter = _api(context, "ssm"), _name(context, ORDER)
    if ssm.read(api, [parameter]).get(parameter) == text:
        return Done(f"backup {about.id} is ordered", changed=False)
    if pending(context) != about.id:
        _stay_out(context, about)
    api.call("put_parameter", Name=parameter, Value=text, Type="String", Overwrite=True)
    pairs = ssm.pairs(context.config.tags)
    api.call("add_tags_to_resource", ResourceType="Parameter", ResourceId=parameter, Tags=pairs)
    return Done(f"backup {about.id} is ordered")


def _stay_out(context: Context, about: Manifest) -> None:
    """Parameters may be this run's own by now."""
    made = _there(context, identity(_api(context, "sts")).account)
    others = [str(resource) for resource in made if resource.kind != "ssm parameter"]
    if problems := [*vacancy.problem(context.config, others)]:
        raise PreflightError(_refused(about.id), problems)


def pending(context: Context) -> str:
    """The backup of which a restore is under way; empty when none is."""
    return orders.pending(_api(context, "ssm"), context.config.ssm_prefix)


def source(context: Context) -> Done:
    """Until the cluster is up the snapshot lies in our bucket, behind a URL that expires and under a key of
    its own. SSM has both."""
    backup = context.results.get(Rebuilding)
    if backup.request.gitops_only:
        return Done("etcd begins empty", changed=False)
    plain, lent = backup.sealed.with_name("plain"), backup.sealed.with_name("lent")
    secret = transit.new_key()
    try:
        _unseal(backup.manifest, backup.data_key, backup.sealed, plain)
        sha256, _ = cipher.fingerprint(plain)
        transit.seal(plain, lent, secret)
        url = backup.vault.store.lend(backup.manifest.id, lent, LOAN)
    finally:
        plain.unlink(missing_ok=True)
        lent.unlink(missing_ok=True)
    context.secrets.add(url, secret)
    told = {"backup": backup.manifest.id, "url": url, "key": secret, "sha256": sha256, "bump": etcd.BUMP}
    text = json.dumps(told)
    key = str(context.results.get(Outputs).values[KEY_OUTPUT])
    ssm.update(_api(context, "ssm"), _name(context, SOURCE), text, key, context.config.tags)
    return Done(f"revision {backup.manifest.etcd.revision}, to go on above {etcd.BUMP}")


# -- in the restored cluster ---------------------------------------------------------------------------


def tidy(context: Context) -> Done:
    """Claims whose volumes are gone, and tokens that the new control plane has not signed.

    A claim bound to a volume that no longer exists keeps its pod waiting for ever: claim and volume go, and
    their owners (Argo CD, StatefulSets) make empty ones. So do pods that were already made to use them: a
    StatefulSet makes a claim only together with its pod.
    """
    if context.results.get(Rebuilding).request.gitops_only:
        return Done("nothing was restored into it", changed=False)
    cluster = context.results.get(ClusterAccess).cluster
    lost = _lost_volumes(context, cluster)
    for volume in lost:
        for key in (_claim(volume), Key.of(volume)):
            if key and cluster.find(key):
                cluster.delete(key)
                cluster.patch(key, {"metadata": {"finalizers": None}})
    _remove_users(cluster, {_claim(volume) for volume in lost})
    tokens = [
        item for item in cluster.list(SECRET) if item.get("type") == "kubernetes.io/service-account-token"
    ]
    for item in tokens:
        cluster.patch(Key.of(item), {"data": {"token": None}})
    if lost:
        names = ", ".join(str(_claim(volume) or name(volume)) for volume in lost)
        context.emit(Notice(f"their volumes are gone, so they begin empty: {names}"))
    return Done(
        f"{len(lost)} volumes are gone, {len(tokens)} tokens signed anew", changed=bool(lost or tokens)
    )


def _lost_volumes(context: Context, cluster: Cluster) -> list[Json]:
    volumes = [item for item in cluster.list(VOLUME) if dig(item, "spec", "csi", "driver") == _DRIVER]
    if not volumes:
        return []
    filters = [{"Name": "volume-id", "Values": sorted({_handle(item) for item in volumes})}]
    there = {
        item["VolumeId"]
        for item in _api(context, "ec2").pages("describe_volumes", "Volumes", Filters=filters)
        if item["State"] not in ("deleting", "deleted")
    }
    return [item for item in volumes if _handle(item) not in there]


def _remove_users(cluster: Cluster, claims: Collection[Key | None]) -> None:
    for pod in cluster.list(POD) if claims else ():
        mounted = (
            dig(volume, "persistentVolumeClaim", "claimName") for volume in spec(pod).get("volumes") or ()
        )
        if any(Key(CLAIM, namespace(pod), str(claim)) in claims for claim in mounted):
            cluster.delete(Key.of(pod), uid=uid(pod))


def _handle(volume: Json) -> str:
    return str(dig(volume, "spec", "csi", "volumeHandle"))


def _claim(volume: Json) -> Key | None:
    claim = dig(volume, "spec", "claimRef")
    return Key(CLAIM, claim["namespace"], claim["name"]) if claim else None


# -- at the end ----------------------------------------------------------------------------------------


def verify(context: Context) -> Done:
    """Raises ProblemsError naming every seed and object that is not the backup's."""
    backup = context.results.get(Rebuilding)
    problems = [*_other_seeds(context, backup)]
    told = f"{len(backup.manifest.seeds)} seeds equal"
    if not backup.request.gitops_only:
        found = _settled(context, backup)
        problems += [
            Problem("etcd", line, "see what changed it: bootstrap diagnose") for line in found.differing
        ]
        problems += _revision(context, backup)
        for line in found.remade:
            context.progress(f"made anew for the new environment: {line}")
        told = f"{told}, {found}"
    if problems:
        raise ProblemsError(f"{len(problems)} things are not as in backup {backup.manifest.id}", problems)
    backup.vault.store.take_back(backup.manifest.id)
    ssm.delete(_api(context, "ssm"), [_name(context, SOURCE), _name(context, ORDER)])
    return Done(told)


def _other_seeds(context: Context, backup: Rebuilding) -> Iterator[Problem]:
    prefix = f"{context.config.ssm_prefix}/"
    facts = _facts(context.config.seeds)
    wanted = [seed for seed in backup.manifest.seeds if seed not in facts]
    values = ssm.read(_api(context, "ssm"), (prefix + seed for seed in wanted))
    for seed in wanted:
        value = values.get(prefix + seed)
        mark = backup.manifest.seeds[seed]
        if value is None or cipher.digest(backup.data_key, seed, value) != mark.digest:
            what = "is not the backup's" if value is not None else "is missing"
            yield Problem(prefix + seed, what, "is it still among the `seeds` of the configuration?")


def _settled(context: Context, backup: Rebuilding) -> Comparison:
    """As it is once the controllers are through. A claim that nobody has made anew by then had no owner."""
    cluster = context.results.get(ClusterAccess).cluster

    def look() -> Observation[Comparison]:
        found = _compare(context, cluster, backup)
        return Observation(
            found if not found.differing else None, f"not yet: {', '.join(found.differing[:3])}"
        )

    try:
        patient = replace(context, deadline=min(PATIENCE, context.deadline))
        settled = patient.wait(look, "the objects of the backup")
    except DeadlineError:
        return _compare(context, cluster, backup, claims=True)
    return settled


def _compare(context: Context, cluster: Cluster, backup: Rebuilding, *, claims: bool = False) -> Comparison:
    """`claims`: they may be missing, since their volumes are."""
    items = list(_objects(cluster))
    prefix = f"{context.config.ssm_prefix}/"
    facts = _facts(context.config.seeds)
    restored = frozenset(prefix + seed for seed in backup.manifest.seeds if seed not in facts)
    anew = objects.of_facts((item for item in items if item.get("kind") == EXTERNAL_SECRET.name), restored)

    def excused(kind: str, which: str) -> bool:
        return (claims and kind == str(CLAIM)) or (kind == str(SECRET) and which in anew)

    return objects.compare(backup.marks, objects.marks(items), excused)


def _objects(cluster: Cluster) -> Iterator[Json]:
    for kind in stored(cluster.refresh()):
        if kind not in objects.FLEETING:
            yield from cluster.list(kind)


def _revision(context: Context, backup: Rebuilding) -> Iterator[Problem]:
    """Whoever has seen the lost cluster must not meet a revision of it again."""
    now = int(context.results.get(ClusterAccess).cluster.listing(NAMESPACE).version)
    if now <= backup.manifest.etcd.revision + etcd.BUMP:
        what = f"revision {now} is not above {backup.manifest.etcd.revision} + {etcd.BUMP}"
        yield Problem("etcd", what, "bootstrap down, then restore again")


def _facts(seeds: Iterable[Seed]) -> frozenset[str]:
    """Seeds that tell of the infrastructure: a new one has others."""
    return frozenset(
        seed.name for seed in seeds if seed.from_output or (seed.template and "{output." in seed.template)
    )


def _is_ours(seed: Seed, values: Mapping[str, str]) -> bool:
    return seed.name in values and not seed.from_output


def restored_seeds(context: Context) -> dict[str, str]:
    """Values that come from the backup instead of their source, by name below the prefix."""
    backup = context.results.find(Rebuilding)
    if backup is None:
        return {}
    made = {seed.name for seed in context.config.seeds if seed.generate or seed.from_env or seed.from_file}
    return {seed: value for seed, value in backup.seeds.items() if seed in made}


def _name(context: Context, parameter: str) -> str:
    return f"{context.config.ssm_prefix}/{parameter}"


def _api(context: Context, service: str) -> Api:
    return Api(context.target.client(service))
