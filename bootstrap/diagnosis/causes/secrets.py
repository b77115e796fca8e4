"""ExternalSecrets and their stores.

External Secrets says in the condition only that something failed (reason SecretSyncedError); what failed
stands in the Event UpdateFailed. Words of ESO 0.19 (pkg/controllers/externalsecret, apis/externalsecrets/v1,
pkg/provider/aws/parameterstore).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from bootstrap.diagnosis.causes.scene import Candidate, Scene, born, brief, label, named, turned
from bootstrap.diagnosis.picture import last_seen
from bootstrap.diagnosis.strip import NAMESPACED_STORE
from bootstrap.kubernetes.health import assess
from bootstrap.kubernetes.objects import (
    EXTERNAL_SECRET,
    SECRET_STORE,
    Json,
    Key,
    condition,
    dig,
    name,
    namespace,
    spec,
)

AGAIN = 5.5  # seconds after the first failure, told in whole ones; ESO tries after 1, 3, 7, 15 … s
DOUBT = 16.0  # seconds longer for a failure that was seen only once
_KEY = re.compile(r"\(key: ([^)]*)\)")
_PROPERTY = re.compile(r"key (\S+) does not exist in secret (\S+)")
_WORDS = tuple(
    (cause, re.compile(pattern))
    for cause, pattern in (
        ("missing-parameter", r"Secret does not exist|ParameterNotFound|ResourceNotFoundException"),
        ("wrong-property", r"key \S+ does not exist in secret|unable to unmarshal secret"),
        (
            "parameter-denied",
            r"AccessDenied|not authorized|UnrecognizedClient|InvalidClientTokenId|ExpiredToken",
        ),
    )
)


def rule(scene: Scene) -> Iterator[Candidate]:
    for item in scene.sick(EXTERNAL_SECRET):
        yield from stuck(scene, item, scene.path(item))
    for item in scene.sick(SECRET_STORE, NAMESPACED_STORE):
        yield from _store(scene, item, scene.path(item), born(item))


def stuck(scene: Scene, item: Json, path: tuple[str, ...]) -> Iterator[Candidate]:
    """Why an ExternalSecret is not synced; `path` leads to it."""
    reference = spec(item).get("secretStoreRef") or {}
    kind = SECRET_STORE if reference.get("kind") == SECRET_STORE.name else NAMESPACED_STORE
    space = "" if kind == SECRET_STORE else namespace(item)
    wanted = Key(kind, space, str(reference.get("name")))
    store = scene.picture.by_key.get(wanted)
    since = turned(item, "Ready")
    if store is None and scene.picture.coming(wanted):
        return
    if reference.get("name") and store is None and _readable(scene, kind.name):
        command = scene.kubectl("get", "clustersecretstores,secretstores", "--all-namespaces")
        below = named(kind.name, space, str(reference["name"]))
        yield Candidate("store-not-ready", (*path, below), "it does not exist", command, since)
    elif store is not None and not assess(store).ok:
        yield from _store(scene, store, (*path, label(store)), since)
    elif text := _said(scene, item):
        cause = next((cause for cause, pattern in _WORDS if pattern.search(text)), "")
        if cause:
            yield _parameter(scene, item, path, cause, text)


def for_secret(scene: Scene, space: str, secret: str) -> Json | None:
    """The ExternalSecret that makes a Secret."""
    for item in scene.picture.of(EXTERNAL_SECRET, space):
        if (dig(spec(item), "target", "name") or name(item)) == secret:
            return item
    return None


def _readable(scene: Scene, kind: str) -> bool:
    return not any(text.startswith(kind) for text in scene.picture.unread)


def _store(scene: Scene, store: Json, path: tuple[str, ...], since: float | None) -> Iterator[Candidate]:
    """A store that was not looked at yet says nothing: that is slow, and no candidate."""
    if condition(store, "Ready") is None:
        return
    events = scene.picture.events(
        store, "InvalidProviderConfig", "ValidationFailed", "InvalidStoreConfiguration"
    )
    said = str(events[0].get("message")) if events else assess(store).message
    began = max(filter(None, (turned(store, "Ready"), since)), default=None)
    yield Candidate("store-not-ready", path, brief(said), scene.describe(store), began)


def _said(scene: Scene, item: Json) -> str:
    """The last failure that ESO reported of an ExternalSecret."""
    if (condition(item, "Ready") or {}).get("status") != "False":
        return ""
    events = scene.picture.events(item, "UpdateFailed")
    return str(events[0].get("message") or "") if events else ""


def _parameter(scene: Scene, item: Json, path: tuple[str, ...], cause: str, text: str) -> Candidate:
    found, wrong = _KEY.search(text), _PROPERTY.search(text)
    key = found.group(1) if found else wrong.group(2) if wrong else _only_key(item)
    below = (f"parameter {key}",) if key else ()
    if cause == "wrong-property":
        field = wrong.group(1) if wrong else ""
        below = (f"property {field} of parameter {key}",) if field else below
        command = scene.describe(item)
        if field:
            words = ["git", "-C", str(scene.config.gitops.checkout), "grep", "-n", f"property: {field}"]
            command = shlex.join(words)
    elif cause == "parameter-denied" or not key:
        command = scene.describe(item)
    else:
        command = seed_command(scene, key)
    since = turned(item, "Ready")
    if cause == "missing-parameter" and since is not None and not _tried_again(scene, item, since):
        since += DOUBT
    return Candidate(cause, (*path, *below), brief(text), command, since)


def _tried_again(scene: Scene, item: Json, since: float) -> bool:
    """Whether ESO has failed again some time after its first failure: between two tries it says nothing."""
    return any(last_seen(event) - since >= AGAIN for event in scene.picture.events(item, "UpdateFailed")[:1])


def _only_key(item: Json) -> str:
    wanted = spec(item)
    keys = {str(dig(entry, "remoteRef", "key") or "") for entry in wanted.get("data") or ()}
    keys |= {str(dig(entry, "extract", "key") or "") for entry in wanted.get("dataFrom") or ()}
    keys.discard("")
    return keys.pop() if len(keys) == 1 else ""


def seed_command(scene: Scene, key: str) -> str:
    """How the parameter gets there: what the configuration seeds, or Terraform publishes, `up` puts back."""
    config = scene.config
    inside = key.removeprefix(f"{config.ssm_prefix}/")
    if inside != key and any(seed.name == inside for seed in config.seeds):
        return scene.bootstrap("up")
    words = ["aws", *(("--profile", config.profile) if config.profile else ()), "--region", config.region]
    words += ["ssm", "put-parameter", "--type", "SecureString", "--name", key]
    return shlex.join([*words, "--value", "file:///dev/stdin"])
