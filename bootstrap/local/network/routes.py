"""Finds what answers for a Service: the real program, if one runs, else a simulated one.

A Service without ready pods refuses connections, as in any cluster.
"""

from __future__ import annotations

import ssl
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from bootstrap.kubernetes.client import Cluster
from bootstrap.kubernetes.objects import (
    ENDPOINT_SLICE,
    SECRET,
    SERVICE,
    Json,
    Key,
    dig,
    name,
    namespace,
    spec,
)
from bootstrap.local.pki.authority import Authority
from bootstrap.local.pki.certificates import dns_names, server_context


@dataclass(frozen=True)
class Forward:
    """Forward to a program on this machine."""

    port: int


@dataclass(frozen=True)
class Simulate:
    """Answer for a simulated pod, with these TLS settings."""

    context: ssl.SSLContext


class ServingPrograms(Protocol):
    def serving(self, space: str, selector: Mapping[str, str]) -> int | None: ...


class Routes:
    """`authority` signs for Services without a certificate in a Secret."""

    def __init__(self, cluster: Cluster, programs: ServingPrograms, authority: Authority) -> None:
        self._cluster, self._programs, self._authority = cluster, programs, authority

    def find(self, address: str) -> Forward | Simulate | None:
        """Raises the errors of `kubernetes/errors.py`."""
        services = self._cluster.list(SERVICE, fields=f"spec.clusterIP={address}")
        if not services or not self._ready(services[0]):
            return None
        service = services[0]
        port = self._programs.serving(namespace(service), spec(service).get("selector") or {})
        return Forward(port) if port else Simulate(self._context(service))

    def _ready(self, service: Json) -> bool:
        label = f"kubernetes.io/service-name={name(service)}"
        return has_ready(self._cluster.list(ENDPOINT_SLICE, namespace(service), labels=label))

    def ours_to_sign(self, space: str, called: str) -> bool:
        """Whether that Service has ready pods, all of them simulated, and no certificate of its own."""
        service = self._cluster.find(Key(SERVICE, space, called))
        if service is None or not self._ready(service):
            return False
        real = self._programs.serving(space, spec(service).get("selector") or {})
        return real is None and self._own_certificate(service) is None

    def _context(self, service: Json) -> ssl.SSLContext:
        pair = self._own_certificate(service)
        return server_context(*pair) if pair else self._authority.context(_host(service))

    def _own_certificate(self, service: Json) -> tuple[bytes, bytes] | None:
        pairs = (
            certificate_for(each, _host(service)) for each in self._cluster.list(SECRET, namespace(service))
        )
        return next((pair for pair in pairs if pair), None)


def _host(service: Json) -> str:
    return f"{name(service)}.{namespace(service)}.svc"


def has_ready(slices: Iterable[Json]) -> bool:
    return any(
        dig(endpoint, "conditions", "ready") is not False
        for each in slices
        for endpoint in each.get("endpoints") or ()
    )


def certificate_for(secret: Json, host: str) -> tuple[bytes, bytes] | None:
    """Certificate and key (PEM) of a Secret, if the certificate is for that host."""
    content = secret.get("data") or {}
    try:
        certificate, key = b64decode(content["tls.crt"]), b64decode(content["tls.key"])
        return (certificate, key) if host in dns_names(certificate) else None
    except (KeyError, ValueError):
        return None
