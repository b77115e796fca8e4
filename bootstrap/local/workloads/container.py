"""What a kubelet derives from a container in a pod spec. Pure except for `Lookup`."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bootstrap.kubernetes.objects import CONFIG_MAP, SECRET, Json, Kind, dig

Lookup = Callable[[Kind, str], Json | None]
"""Kind and name of a ConfigMap or Secret in the pod's namespace → the object."""


class MissingReference(Exception):
    """The container cannot start without it; a kubelet would report CreateContainerConfigError."""


def repository(image: str) -> str:
    """The image without tag and digest."""
    name = image.partition("@")[0]
    head, _, last = name.rpartition("/")
    return f"{head}/{last.partition(':')[0]}" if head else last.partition(":")[0]


def words(container: Json) -> list[str]:
    return [*(container.get("command") or ()), *(container.get("args") or ())]


def environment(container: Json, pod: Json, lookup: Lookup) -> dict[str, str]:
    """Raises MissingReference for a missing reference that is not optional."""
    found: dict[str, str] = {}
    for source in container.get("envFrom") or ():
        for kind, key in ((CONFIG_MAP, "configMapRef"), (SECRET, "secretRef")):
            if reference := source.get(key):
                prefix = source.get("prefix", "")
                content = data(kind, reference, lookup)
                found |= {f"{prefix}{name}": value.decode() for name, value in content.items()}
    for entry in container.get("env") or ():
        value = _value(entry, pod, lookup)
        if value is not None:
            found[entry["name"]] = expand(value, found)
    return found


def expand(text: str, variables: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by its value. Unknown names stay; `$$(NAME)` is an escaped `$(NAME)`."""

    def replaced(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        return variables.get(match[1], match[0])

    return re.sub(r"\$?\$\(([A-Za-z_][A-Za-z0-9_.-]*)\)", replaced, text)


def data(kind: Kind, reference: Json, lookup: Lookup) -> dict[str, bytes]:
    """The decoded content of a ConfigMap or Secret; empty if it is missing and optional."""
    item = lookup(kind, reference.get("name") or reference.get("secretName") or "")
    if item is None:
        if reference.get("optional"):
            return {}
        raise MissingReference(f"{kind} {reference.get('name') or reference.get('secretName')}")
    if kind == SECRET:
        return {name: b64decode(value) for name, value in (item.get("data") or {}).items()}
    plain = {name: str(value).encode() for name, value in (item.get("data") or {}).items()}
    return plain | {name: b64decode(value) for name, value in (item.get("binaryData") or {}).items()}


def mounts(container: Json, pod: Json, lookup: Lookup) -> Iterator[tuple[str, dict[str, bytes]]]:
    """The mount paths, with their files (name → content); volumes of other kinds have none."""
    volumes = {volume["name"]: volume for volume in dig(pod, "spec", "volumes") or ()}
    for mount in container.get("volumeMounts") or ():
        volume = volumes.get(mount["name"], {})
        yield mount["mountPath"], dict(_files(volume, lookup))


def relocate(text: str, paths: Sequence[str], root: Path) -> str:
    """Replace a mount path in `text` (at its start or after `=`) by the real path below `root`."""
    for path in sorted(paths, key=len, reverse=True):
        head, mounted, tail = _split_path(text, path)
        if mounted:
            return f"{head}{root}{mounted}{tail}"
    return text


def _split_path(text: str, path: str) -> tuple[str, str, str]:
    """Split `text` into what precedes `path`, `path`, and the rest; `path` is empty if it is not found."""
    found = re.search(rf"(?:^|(?<==)){re.escape(path)}(?=/|$)", text)
    return (text[: found.start()], path, text[found.end() :]) if found else (text, "", "")


def _files(volume: Json, lookup: Lookup) -> Iterator[tuple[str, bytes]]:
    for kind, key in ((CONFIG_MAP, "configMap"), (SECRET, "secret")):
        if reference := volume.get(key):
            content = data(kind, reference, lookup)
            items = reference.get("items")
            names = (
                {item["key"]: item["path"] for item in items} if items else {name: name for name in content}
            )
            yield from ((path, content[name]) for name, path in names.items() if name in content)
    for source in dig(volume, "projected", "sources") or ():
        yield from _files(source, lookup)


def _value(entry: Json, pod: Json, lookup: Lookup) -> str | None:
    source: dict[str, Any] | None = entry.get("valueFrom")
    if not source:
        return str(entry.get("value") or "")
    for kind, key in ((CONFIG_MAP, "configMapKeyRef"), (SECRET, "secretKeyRef")):
        if reference := source.get(key):
            return _key(kind, reference, lookup)
    if reference := source.get("fieldRef"):
        return str(dig(pod, *reference["fieldPath"].split(".")) or "")
    return None  # resourceFieldRef: there are no limits here


def _key(kind: Kind, reference: Json, lookup: Lookup) -> str | None:
    content = data(kind, reference, lookup)
    if reference["key"] in content:
        return content[reference["key"]].decode()
    if reference.get("optional"):
        return None
    raise MissingReference(f"key {reference['key']} of {kind} {reference['name']}")
