"""How a value goes from SSM into a cluster: which ExternalSecrets read it, which Secrets carry it, who uses
those. Pure.

Where an ExternalSecret puts a parameter's value into a Secret as it is, the Secret itself is the proof;
values are compared by their hashes. Where it makes something else of it (a template, a search by name), the
proof is that External Secrets has read it again, and well.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bootstrap.kubernetes.objects import (
    EXTERNAL_SECRET,
    SECRET,
    Json,
    Key,
    Kind,
    annotations_of,
    dig,
    metadata,
    name,
    namespace,
    spec,
    status,
)

RELOADER = "reloader.stakater.com"
RESTARTED = "kubectl.kubernetes.io/restartedAt"  # as `kubectl rollout restart` sets it


@dataclass(frozen=True)
class Hold:
    """Where a parameter's value stands in a Secret; `property` is the part of a JSON value that it is."""

    key: str
    parameter: str
    property: str = ""


@dataclass(frozen=True)
class Reader:
    """An ExternalSecret that reads some of the parameters. `holds` can be proved by the Secret's content;
    `derived` says that more is made of them. `stays` says why it will not follow; empty when it does."""

    key: Key
    secret: Key
    holds: tuple[Hold, ...]
    derived: bool
    stays: str = ""


def readers(items: Iterable[Json], parameters: Collection[str]) -> tuple[Reader, ...]:
    """The ExternalSecrets that read any of these parameters (full names), sorted."""
    found = (_reader(item, parameters) for item in items if Kind.of(item).unversioned == EXTERNAL_SECRET)
    return tuple(sorted((one for one in found if one), key=lambda one: one.key))


def _reader(item: Json, parameters: Collection[str]) -> Reader | None:
    refs = [entry for entry in spec(item).get("data") or () if dig(entry, "remoteRef", "key") in parameters]
    wide = any(_finds(entry, parameters) for entry in spec(item).get("dataFrom") or ())
    if not (refs or wide):
        return None
    plain = [] if _templated(item) else [entry for entry in refs if _plain(entry)]
    return Reader(
        Key.of(item),
        Key(SECRET, namespace(item), str(dig(item, "spec", "target", "name") or name(item))),
        tuple(_hold(entry) for entry in plain),
        derived=wide or len(plain) < len(refs),
        stays=_stays(item, [] if wide else _pinned(refs)),
    )


def _templated(item: Json) -> bool:
    """Whether the Secret's data is made by a template; else only labels and the like are."""
    template = dig(item, "spec", "target", "template") or {}
    return bool(template.get("data") or template.get("templateFrom"))


def _pinned(refs: Sequence[Json]) -> list[Any]:
    """The versions that the references are pinned to, where all of them are."""
    versions = [dig(entry, "remoteRef", "version") for entry in refs]
    return versions if all(versions) else []


def _stays(item: Json, pinned: Collection[Any]) -> str:
    if pinned:
        return f"it is pinned to version {', '.join(map(str, pinned))}"
    if spec(item).get("refreshPolicy") == "CreatedOnce":
        return "its refreshPolicy is CreatedOnce"
    return ""


def _finds(entry: Json, parameters: Collection[str]) -> bool:
    if dig(entry, "extract", "key") in parameters:
        return True
    path = str(dig(entry, "find", "path") or "")
    return "find" in entry and any(each.startswith(path) for each in parameters)


def _plain(entry: Json) -> bool:
    """Whether the Secret holds the value itself, or a top-level part of it."""
    ref = entry.get("remoteRef") or {}
    decoded = ref.get("decodingStrategy") not in (None, "None")
    return not decoded and not ref.get("version") and "." not in str(ref.get("property") or "")


def _hold(entry: Json) -> Hold:
    ref = entry["remoteRef"]
    return Hold(str(entry["secretKey"]), str(ref["key"]), str(ref.get("property") or ""))


def late(reader: Reader, item: Json, secret: Json | None, values: Mapping[str, str], seen: str) -> str:
    """What is missing until the Secret carries the values (by full name); empty when it does.

    `seen` is the ExternalSecret's refreshTime before it was asked to read again. No value is ever told.
    """
    if secret is None:
        return _because(item, f"Secret {reader.secret.name} is not there")
    old = [hold.key for hold in reader.holds if not _carries(secret, hold, values)]
    if old:
        return _because(item, f"{', '.join(old)} is the old one")
    if reader.derived and refreshed(item) == seen:
        return _because(item, "was not read again yet")
    if reader.derived and not _well(item):
        return _because(item, "is not Ready")
    return ""


def refreshed(item: Json) -> str:
    return str(status(item).get("refreshTime") or "")


def _because(item: Json, what: str) -> str:
    """With External Secrets' own words, where it has trouble."""
    trouble = "" if _well(item) else str((_ready(item) or {}).get("message") or "")
    return f"{what}: {trouble}" if trouble else what


def _ready(item: Json) -> Json | None:
    return next((one for one in status(item).get("conditions") or () if one.get("type") == "Ready"), None)


def _well(item: Json) -> bool:
    return (_ready(item) or {}).get("status") == "True"


def _carries(secret: Json, hold: Hold, values: Mapping[str, str]) -> bool:
    wanted = values[hold.parameter]
    if hold.property:
        try:
            part = json.loads(wanted)[hold.property]
        except (ValueError, KeyError, TypeError):
            return False
        wanted = part if isinstance(part, str) else json.dumps(part, separators=(",", ":"))
    try:
        held = base64.b64decode(str((secret.get("data") or {})[hold.key]), validate=True)
    except (KeyError, binascii.Error):
        return False
    return hashlib.sha256(held).digest() == hashlib.sha256(wanted.encode()).digest()


@dataclass(frozen=True)
class Consumer:
    """A workload that uses Secrets. `by` is how: env, volume, or volume by subPath; `reloads`: its annotation
    asks a reloader to restart it when they change; `operated`: an operator owns it, and knows how to;
    `paused`: its rollouts are halted, and nothing restarts it."""

    key: Key
    secrets: tuple[str, ...]
    by: tuple[str, ...]
    reloads: bool = False
    operated: bool = False
    paused: bool = False

    @property
    def ours(self) -> bool:
        """Whether a restart is left to us."""
        return not (self.reloads or self.operated or self.paused)

    @property
    def resume(self) -> str:
        """The command that lets it roll out again."""
        return f"kubectl -n {self.key.namespace} rollout resume {self.key.kind.name.lower()}/{self.key.name}"

    @property
    def restart(self) -> str:
        """The command that restarts it."""
        return f"kubectl -n {self.key.namespace} rollout restart {self.key.kind.name.lower()}/{self.key.name}"


def consumers(workloads: Iterable[Json], secrets: Collection[Key]) -> tuple[Consumer, ...]:
    """The workloads whose pods use one of these Secrets, sorted."""
    found = []
    for item in workloads:
        template = dig(item, "spec", "template") or {}
        names = {key.name for key in secrets if key.namespace == namespace(item)}
        uses = [(which, by) for which, by in _uses(template.get("spec") or {}) if which in names]
        if uses:
            which = tuple(sorted({one for one, _ in uses}))
            reloads = any(_reloads(annotations_of(part), which) for part in (item, template))
            by = tuple(sorted({by for _, by in uses}))
            paused = bool(dig(item, "spec", "paused"))
            found.append(Consumer(Key.of(item), which, by, reloads, _operated(item), paused))
    return tuple(sorted(found, key=lambda consumer: consumer.key))


def _uses(pod: Json) -> Iterator[tuple[str, str]]:
    """Names of Secrets in a pod's spec, each with how it is used."""
    volumes = {str(one.get("name")): _of_volume(one) for one in pod.get("volumes") or ()}
    containers = (*(pod.get("initContainers") or ()), *(pod.get("containers") or ()))
    mounts = [mount for container in containers for mount in container.get("volumeMounts") or ()]
    mounted = {str(mount.get("name")) for mount in mounts}
    for container in containers:
        yield from ((which, "env") for which in _of_environment(container))
    for mount in mounts:
        yield from ((which, _by(mount)) for which in volumes.get(str(mount.get("name")), ()))
    for volume in volumes.keys() - mounted:
        yield from ((which, "volume") for which in volumes[volume])


def _of_volume(volume: Json) -> list[str]:
    projected = dig(volume, "projected", "sources") or ()
    found = [dig(volume, "secret", "secretName"), *(dig(one, "secret", "name") for one in projected)]
    return [str(one) for one in found if one]


def _of_environment(container: Json) -> list[str]:
    found = [dig(one, "valueFrom", "secretKeyRef", "name") for one in container.get("env") or ()]
    found += [dig(one, "secretRef", "name") for one in container.get("envFrom") or ()]
    return [str(one) for one in found if one]


def _by(mount: Json) -> str:
    return "volume by subPath" if mount.get("subPath") or mount.get("subPathExpr") else "volume"


def _reloads(annotations: Mapping[str, str], secrets: Collection[str]) -> bool:
    """Stakater's Reloader: https://github.com/stakater/Reloader."""
    if any(annotations.get(f"{prefix}{RELOADER}/auto") == "true" for prefix in ("", "secret.")):
        return True
    named = str(annotations.get(f"secret.{RELOADER}/reload") or "")
    return bool(set(secrets) & {one.strip() for one in named.split(",")})


def restart(moment: str) -> Json:
    """The patch by which `kubectl rollout restart` restarts a workload; `moment` is RFC 3339."""
    return {"spec": {"template": {"metadata": {"annotations": {RESTARTED: moment}}}}}


def _operated(item: Json) -> bool:
    return any(owner.get("controller") for owner in metadata(item).get("ownerReferences") or ())
