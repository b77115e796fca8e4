"""The loop of the simulated controllers that create AWS resources for Ingresses and Services."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Protocol

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.informer import Informer, InformerCache, Scope
from bootstrap.kubernetes.objects import DEPLOYMENT, INGRESS, SERVICE, Json, is_true, metadata, name, uid


class CloudController(Protocol):
    @property
    def deployment(self) -> str:
        """The name of its Deployment, in any namespace. The controller works only while that is Available."""
        ...

    def reconcile(self, items: Iterable[Json]) -> None: ...


class CloudControllers:
    """Calls a controller when an Ingress or Service has changed since its last success."""

    def __init__(self, cluster: Cluster, *controllers: CloudController) -> None:
        self._cluster, self._controllers = cluster, controllers
        self._done: dict[str, frozenset[tuple[str, str]]] = {}

    def run(self, stop: threading.Event) -> None:
        with Informer(self._cluster, Scope(INGRESS), Scope(SERVICE), Scope(DEPLOYMENT)) as cache:
            while not stop.is_set():
                cache.wait(5.0)
                if cache.synced():
                    self.turn(cache)

    def turn(self, cache: InformerCache) -> None:
        items = (*cache.items(INGRESS), *cache.items(SERVICE))
        seen = frozenset((uid(item), str(metadata(item).get("resourceVersion"))) for item in items)
        for controller in self._controllers:
            called = controller.deployment
            if not _available(cache, called):
                self._done.pop(called, None)
            elif self._done.get(called) != seen:
                controller.reconcile(items)
                self._done[called] = seen


def _available(cache: InformerCache, called: str) -> bool:
    return any(name(item) == called and is_true(item, "Available") for item in cache.items(DEPLOYMENT))
