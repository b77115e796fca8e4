"""Fills in the caBundle of webhooks, which many charts leave to a Job: here, the pods of Jobs are simulated.

It is the authority that signs for simulated programs (`routes.py`). Webhooks that have a caBundle are left
alone, and so are those whose Service has its own certificate or is served by a real program: their own
controllers fill it in.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.errors import Conflict
from bootstrap.kubernetes.informer import Informer, Scope
from bootstrap.kubernetes.objects import MUTATING_WEBHOOKS, VALIDATING_WEBHOOKS, Json, Key, dig, metadata

OursToSign = Callable[[str, str], bool]
"""Namespace and name of a Service: whether our authority signs for it."""


class AuthorityInjector:
    """`authority` is PEM."""

    def __init__(self, cluster: Cluster, ours: OursToSign, authority: bytes) -> None:
        self._cluster, self._ours, self._authority = cluster, ours, b64encode(authority).decode()

    def run(self, stop: threading.Event) -> None:
        kinds = (VALIDATING_WEBHOOKS, MUTATING_WEBHOOKS)
        with Informer(self._cluster, *map(Scope, kinds)) as cache:
            while not stop.is_set():
                cache.wait(5.0)
                for item in completed(
                    (each for kind in kinds for each in cache.items(kind)), self._ours, self._authority
                ):
                    self._write(item)

    def _write(self, item: Json) -> None:
        change = {
            "metadata": {"resourceVersion": metadata(item)["resourceVersion"]},
            "webhooks": item["webhooks"],
        }
        try:
            self._cluster.patch(Key.of(item), change)
        except Conflict:
            return  # it has changed meanwhile, so it comes again


def completed(items: Iterable[Json], ours: OursToSign, authority: str) -> Iterator[Json]:
    """The configurations with a webhook that lacks a caBundle, with `authority` (base64) filled in."""
    for item in items:
        webhooks = [_completed(webhook, ours, authority) for webhook in item.get("webhooks") or ()]
        if webhooks != (item.get("webhooks") or []):
            yield {**item, "webhooks": webhooks}


def _completed(webhook: Json, ours: OursToSign, authority: str) -> Json:
    client = webhook.get("clientConfig") or {}
    service = dig(client, "service")
    if not service or client.get("caBundle") or not ours(service["namespace"], service["name"]):
        return webhook
    return {**webhook, "clientConfig": {**client, "caBundle": authority}}
