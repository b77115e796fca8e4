"""`bootstrap backup`: what an empty account needs to become this environment again, to S3."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path

from bootstrap import plan, targets
from bootstrap.aws.api import Api
from bootstrap.aws.identity import identity
from bootstrap.commands.execute import execute
from bootstrap.commands.options import BackupOptions
from bootstrap.commands.say import say
from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.core.errors import BootstrapError, PreflightError, Problem
from bootstrap.recovery.manifest import NAME, Manifest, decode
from bootstrap.recovery.vault import vault
from bootstrap.run.target import Target

FORMAT = 1  # of the JSON form: raised when a key changes its meaning


def run(options: BackupOptions) -> int:
    config = load(options.config, options.environment, values=False)
    target, phases = targets.open_run(config)
    if options.list:
        return _list(options, config, target)
    if not target.exists():
        problem = Problem(config.name, "there is nothing to back up", options.command("up"))
        raise PreflightError(f"{config.name} is not up; nothing was touched", [problem])
    following = (options.command("backup") + " --list", options.command("restore") + " --from latest")
    return execute(plan.build_backup(config, phases), config, target, options, following)


def _list(options: BackupOptions, config: Environment, target: Target) -> int:
    found = list(_manifests(config, target))
    if options.output == "json":
        listed = [asdict(each) if isinstance(each, Manifest) else {"damaged": each} for each in found]
        say(json.dumps({"version": FORMAT, "backups": listed}))
        return 0
    for each in found:
        say(each if isinstance(each, str) else _line(each))
    if not found:
        say(f"there is no backup of {config.name}")
    return 0


def _manifests(config: Environment, target: Target) -> Iterator[Manifest | str]:
    """Oldest first; of one that cannot be read, why. A copy can be read while the platform is down."""
    if target.backup_copy:
        for file in sorted(target.backup_copy.glob(f"{config.name}/*/{NAME}")):
            yield _read(file.parent.name, partial(_decode, file))
        return
    store = vault(config, target, identity(Api(target.client("sts"))).account).store
    for id_ in store.ids():
        yield _read(id_, partial(store.manifest, id_))


def _decode(file: Path) -> Manifest:
    return decode(file.read_text(encoding="utf-8"))


def _read(id_: str, read: Callable[[], Manifest]) -> Manifest | str:
    try:
        return read()
    except BootstrapError as error:
        return f"{id_}  {error}"


def _line(about: Manifest) -> str:
    size = sum(part.size for part in about.parts) / 2**20
    sick = ", not healthy" if about.ailments else ""
    return (
        f"{about.id}  {size:.1f} MiB, Kubernetes {about.kubernetes}, commit {about.commit[:10]}, "
        f"{len(about.seeds)} seeds, etcd revision {about.etcd.revision}{sick}"
    )
