"""What a backup says about itself, and what speaks against restoring it. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from bootstrap.config.model import Environment
from bootstrap.core.errors import PermanentError, Problem

FORMAT = 1
NAME = "manifest.json"
ETCD, SEEDS, OBJECTS, CONFIG = "etcd.db", "seeds.json", "objects.json", "environment.json"
# The parts that a backup has, and no others: their names become paths. Values are the bytes each may have.
MOST = {ETCD: 5 << 30, SEEDS: 64 << 20, OBJECTS: 256 << 20, CONFIG: 16 << 20}
LONGEST = 4 << 20  # bytes of a manifest
ANOTHER = "restore another one: bootstrap backup --list"  # what to do about a damaged one
LATEST = "latest"
ID = re.compile(r"\d{8}T\d{6}Z")


@dataclass(frozen=True)
class Part:
    """An object as it is stored: encrypted. `size` in bytes."""

    name: str
    sha256: str
    size: int


@dataclass(frozen=True)
class EtcdStatus:
    """What etcd's own tool says of a snapshot. `hash` is over keys and values, `keys` counts revisions."""

    revision: int
    hash: int
    keys: int


@dataclass(frozen=True)
class SeedMark:
    """A seed without its value: SSM's version of the parameter, and a keyed hash (`keys.digest`)."""

    version: int
    digest: str


@dataclass(frozen=True)
class Manifest:
    """`created_at` is RFC 3339 in UTC. `commit` is what the GitOps revision stood for, `applications` are the
    revisions that Argo CD had synced. `key` says how the data key is wrapped (keys.py); `archive` is where
    the databases archived to (bucket/prefix). `ailments` is what was wrong with the cluster then: a backup of
    a sick one brings the sickness back."""

    id: str
    project: str
    environment: str
    account: str
    region: str
    created_at: str
    product: str
    kubernetes: str
    commit: str
    etcd: EtcdStatus
    key: Mapping[str, str]
    parts: tuple[Part, ...]
    seeds: Mapping[str, SeedMark] = field(default_factory=dict)
    applications: Mapping[str, str] = field(default_factory=dict)
    tools: Mapping[str, str] = field(default_factory=dict)
    archive: str = ""
    ailments: tuple[str, ...] = ()
    format: int = FORMAT

    @property
    def bound(self) -> dict[str, str]:
        """What the encryption is bound to: nothing opens as another backup's or environment's."""
        return {"project": self.project, "environment": self.environment, "backup": self.id}


def some(ailments: Sequence[str], most: int = 3) -> str:
    """The first of them, and how many more there are."""
    more = f" and {len(ailments) - most} more" if len(ailments) > most else ""
    return f"{'; '.join(ailments[:most])}{more}"


def new_id(unix_seconds: float) -> str:
    """UTC, to the second: ids sort by time."""
    return datetime.fromtimestamp(unix_seconds, UTC).strftime("%Y%m%dT%H%M%SZ")


def encode(manifest: Manifest) -> str:
    return json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n"


def decode(text: str) -> Manifest:
    """Raises PermanentError for what is no manifest, or one of a later version of this product.

    Whoever may write to the bucket may have written it, so nothing in it is believed that is not checked here
    or bound in by the encryption.
    """
    try:
        data: dict[str, Any] = json.loads(text)
        version = int(data["format"])
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        raise _damaged(f"its manifest cannot be read: {type(error).__name__}") from error
    if version > FORMAT:
        what = "the backup cannot be restored by this version of bootstrap"
        raise PermanentError(what, f"its format is {version}, known is {FORMAT}", "use a newer bootstrap")
    try:
        about = Manifest(
            **{
                **{name: data[name] for name in Manifest.__dataclass_fields__ if name in data},
                "etcd": EtcdStatus(**data["etcd"]),
                "parts": tuple(Part(**part) for part in data["parts"]),
                "ailments": tuple(map(str, data.get("ailments", ()))),
                "seeds": {name: SeedMark(**mark) for name, mark in data["seeds"].items()},
            }
        )
        _check_types(about)
    except (TypeError, KeyError, AttributeError) as error:
        raise _damaged(f"its manifest is incomplete: {error}") from error
    if why := _strange_parts(about.parts):
        raise _damaged(f"its manifest {why}")
    return about


def _check_types(about: Manifest) -> None:
    """Raises TypeError."""
    texts = [getattr(about, each.name) for each in fields(Manifest) if each.type == "str"]
    pairs = (about.key, about.applications, about.tools)
    texts += [text for mapping in pairs for item in mapping.items() for text in item]
    texts += [text for part in about.parts for text in (part.name, part.sha256)]
    texts += [text for seed, mark in about.seeds.items() for text in (seed, mark.digest)]
    counts = [*astuple(about.etcd), *(part.size for part in about.parts)]
    counts += [mark.version for mark in about.seeds.values()]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("one of its texts is none")
    if not all(type(count) is int and count >= 0 for count in counts):
        raise TypeError("one of its numbers is none")


def _strange_parts(parts: Sequence[Part]) -> str:
    """What is wrong with the parts; empty when nothing is."""
    seen = set[str]()
    for part in parts:
        if part.name not in MOST:
            return f"names a part {part.name[:200]!r}; the parts of a backup are {', '.join(MOST)}"
        if part.name in seen:
            return f"names {part.name} twice"
        if part.size > MOST[part.name]:
            return f"says that {part.name} has {part.size} bytes; at most {MOST[part.name]} are read"
        seen.add(part.name)
    return ""


def choose(ids: Iterable[str], wanted: str) -> str:
    """The id that is meant; `latest` is the newest. Raises PermanentError when there is none."""
    known = sorted(ids)
    if wanted == LATEST and known:
        return known[-1]
    if wanted in known:
        return wanted
    what = "there is no backup" if wanted == LATEST else f"there is no complete backup {wanted}"
    raise PermanentError(
        what, f"there are {', '.join(known[-5:])}" if known else "", "bootstrap backup --list"
    )


def outdated(ids: Iterable[str], keep: int) -> tuple[str, ...]:
    """Those that are more than `keep` from the newest, oldest first."""
    known = sorted(ids)
    return tuple(known[: max(0, len(known) - keep)])


@dataclass(frozen=True)
class Consent:
    """What the user has said about a backup that is of somewhere else."""

    account: bool = False
    region: bool = False


def incompatibilities(
    manifest: Manifest, config: Environment, account: str, consent: Consent
) -> Iterator[Problem]:
    """Why this backup is not one of what is to be restored here."""
    where = f"backup {manifest.id}"
    if manifest.project != config.project:
        cure = "name the configuration file of that project: --config FILE"
        yield Problem(where, f"it is of project {manifest.project}, this is {config.project}", cure)
    if manifest.environment != config.name:
        cure = f"restore that environment: --environment {manifest.environment}"
        yield Problem(where, f"it is of environment {manifest.environment}, this is {config.name}", cure)
    if manifest.account != account and not consent.account:
        what = f"it is of account {manifest.account}, these credentials belong to {account}"
        yield Problem(where, what, "use other credentials, or say --other-account")
    if manifest.region != config.region and not consent.region:
        what = f"it is of region {manifest.region}, this environment is in {config.region}"
        yield Problem(where, what, "correct `region`, or say --other-region")
    if _minor(config.kubernetes_version) < _minor(manifest.kubernetes):
        what = f"it is of Kubernetes {manifest.kubernetes}, this is {config.kubernetes_version}"
        yield Problem(
            where, what, "Kubernetes does not go back: set `kubernetes_version` to that of the backup"
        )


def _minor(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def damage(part: Part, sha256: str, size: int) -> str:
    """Why what was read is not what was written; empty when it is."""
    if size != part.size:
        return f"{part.name} has {size} bytes, written were {part.size}"
    return "" if sha256 == part.sha256 else f"{part.name} is not what was written: its SHA-256 differs"


def _damaged(why: str) -> PermanentError:
    return PermanentError("the backup is damaged", why, ANOTHER)
