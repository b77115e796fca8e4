"""Take a backup: etcd's snapshot by its own tool, the seeds, the objects, and what they belong to.

Everything is encrypted on this machine before it goes to S3, and the plain snapshot is removed at once. The
objects are listed at exactly the snapshot's revision, so that a restore can be held against them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from bootstrap import __version__
from bootstrap.aws import environments, ssm, state_bucket
from bootstrap.aws.api import Api
from bootstrap.aws.identity import identity
from bootstrap.config.model import Seed
from bootstrap.core.errors import BootstrapError, PermanentError
from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.discovery import stored
from bootstrap.kubernetes.objects import APPLICATION, Json, dig, name
from bootstrap.recovery import cipher, etcd, manifest, objects
from bootstrap.recovery.etcd import TakeSnapshot
from bootstrap.recovery.manifest import EtcdStatus, Manifest, Part, SeedMark
from bootstrap.recovery.vault import Vault, vault
from bootstrap.run.context import Context
from bootstrap.run.events import Notice
from bootstrap.run.step import Done
from bootstrap.status import overview
from bootstrap.steps import access


@dataclass(frozen=True)
class Begun:
    """A backup that is being made; `folder` holds what is not in S3 yet, encrypted."""

    vault: Vault
    manifest: Manifest
    data_key: bytes = field(repr=False)
    folder: Path


@dataclass(frozen=True)
class Sealed:
    """What is ready to be stored, and what the manifest is to say of it."""

    manifest: Manifest
    files: tuple[str, ...]


def begin(context: Context) -> Done:
    """The bucket and the key. Raises PermanentError when either is not ours."""
    config = context.config
    account = identity(_api(context, "sts")).account
    found = vault(config, context.target, account)
    made: tuple[str, ...] = ()
    if found.ours:
        made = state_bucket.ensure(
            found.store.api, found.store.bucket, account, config.region, config.tags, what="bucket of backups"
        )
    now = context.clock.now()
    about = Manifest(
        id=manifest.new_id(now),
        project=config.project,
        environment=config.name,
        account=account,
        region=config.region,
        created_at=environments.stamp(now),
        product=__version__,
        kubernetes="",
        commit=_commit(context),
        etcd=EtcdStatus(0, 0, 0),
        key={},
        parts=(),
    )
    data_key, wrapped = found.key.new(about.bound)
    folder = context.run_folder / "backup"
    folder.mkdir(mode=0o700, exist_ok=True)
    context.closing.callback(shutil.rmtree, folder, ignore_errors=True)
    begun = Begun(found, replace(about, key=wrapped), data_key, folder)
    return Done(f"{about.id} goes to s3://{found.store.bucket}", begun, changed=bool(made))


def take(context: Context, snapshot: TakeSnapshot | None = None) -> Done:
    """The snapshot, and all objects at its revision. Raises PermanentError without a cluster."""
    begun = context.results.get(Begun)
    cluster = access.existing(context)
    if cluster is None or snapshot is None:
        raise PermanentError("there is no cluster to back up", cure="bootstrap up")
    plain = begun.folder / "plain"
    try:
        status = snapshot(begun.vault.store, begun.manifest.id, plain, context.wait)
        if why := etcd.broken(plain):
            raise PermanentError("etcd's snapshot is no good", why, "bootstrap backup")
        _seal(begun, manifest.ETCD, plain)
        context.progress("listing every object at the snapshot's revision")
        marks = objects.marks(_objects(cluster, status.revision))
        _seal_text(begun, manifest.OBJECTS, objects.encode(marks))
    finally:
        plain.unlink(missing_ok=True)
    about = replace(
        begun.manifest,
        etcd=status,
        kubernetes=cluster.version().removeprefix("v"),
        applications=_applications(cluster),
        ailments=_ailments(context, cluster, begun.manifest.commit),
    )
    count = sum(len(each) for each in marks.values())
    return Done(
        f"etcd at revision {status.revision}, {count} objects",
        Sealed(about, (manifest.ETCD, manifest.OBJECTS)),
    )


def store(context: Context) -> Done:
    """Seeds and configuration, everything to S3, the manifest last; then older backups go."""
    begun, sealed = context.results.get(Begun), context.results.get(Sealed)
    config, where = context.config, begun.vault.store
    values, marks = _seeds(context, begun.data_key)
    _seal_text(begun, manifest.SEEDS, json.dumps(values))
    _seal_text(begun, manifest.CONFIG, json.dumps(asdict(config), default=str))
    record = environments.read(_api(context, "ssm"), config)
    names = (*sealed.files, manifest.SEEDS, manifest.CONFIG)
    about = replace(
        sealed.manifest,
        seeds=marks,
        archive=record.archive if record else "",
        parts=tuple(_put(context, begun, name) for name in names),
    )
    where.put_manifest(about)
    size = sum(part.size for part in about.parts)
    gone = manifest.outdated(where.ids(), config.backup.keep)
    for id_ in gone:
        where.remove(id_)
    told = f", {len(gone)} older removed" if gone else ""
    sick = ", of a cluster that was not healthy" if about.ailments else ""
    return Done(f"{about.id}: {size / 2**20:.1f} MiB, {len(values)} seeds{sick}{told}")


def _put(context: Context, begun: Begun, name: str) -> Part:
    context.progress(f"storing {name}")
    return begun.vault.store.put(begun.manifest.id, name, begun.folder / name)


def _seal(begun: Begun, name: str, plain: Path) -> None:
    bound = {**begun.manifest.bound, "part": name}
    cipher.seal(plain, begun.folder / name, begun.data_key, bound)


def _seal_text(begun: Begun, name: str, text: str) -> None:
    plain = begun.folder / "plain-text"
    try:
        with cipher.private(plain) as out:
            out.write(text.encode())
        _seal(begun, name, plain)
    finally:
        plain.unlink(missing_ok=True)


def _seeds(context: Context, key: bytes) -> tuple[dict[str, str], dict[str, SeedMark]]:
    """Values, and what the manifest may say of them, by name below the prefix."""
    prefix = f"{context.config.ssm_prefix}/"
    api, names = _api(context, "ssm"), [prefix + seed.name for seed in context.config.seeds]
    found, about = ssm.read(api, names), ssm.describe(api, names)
    values = {full.removeprefix(prefix): value for full, value in found.items()}
    context.secrets.add(*(values[seed.name] for seed in context.config.seeds if _secret(seed, values)))
    marks = {
        short: SeedMark(about[prefix + short].version, cipher.digest(key, short, value))
        for short, value in values.items()
        if prefix + short in about
    }
    return values, marks


def _secret(seed: Seed, values: Mapping[str, str]) -> bool:
    """Facts of the infrastructure are none (see config/seeds.py)."""
    return seed.name in values and not seed.from_output


def _objects(cluster: Cluster, revision: int) -> Iterator[Json]:
    for kind in stored(cluster.refresh()):
        if kind not in objects.FLEETING:
            yield from cluster.listing(kind, at=revision).items


def _applications(cluster: Cluster) -> dict[str, str]:
    return {
        name(item): str(dig(item, "status", "sync", "revision") or "") for item in cluster.list(APPLICATION)
    }


def _ailments(context: Context, cluster: Cluster, commit: str) -> tuple[str, ...]:
    """A sick cluster is backed up as well: it may be all that there is. But it is told."""
    try:
        found = overview.take(cluster, context.config, commit).ailments
    except BootstrapError as error:
        found = (f"whether it is healthy could not be seen: {error}",)
    if found:
        told = f"this backup is of a cluster that is not healthy: {manifest.some(found)}"
        context.emit(Notice(f"{told}; see `bootstrap diagnose`"))
    return found


def _commit(context: Context) -> str:
    """A backup without it is still one."""
    try:
        return context.target.revision()
    except BootstrapError as error:
        context.emit(Notice(f"the commit of the GitOps revision is not known: {error}"))
        return ""


def _api(context: Context, service: str) -> Api:
    return Api(context.target.client(service))
