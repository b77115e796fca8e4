"""Readiness probes: ask a process's port whether it serves."""

from __future__ import annotations

import http.client
import socket
import ssl

from bootstrap.local.components import Probe

PATIENCE = 2.0  # seconds


def answers(probe: Probe) -> bool:
    try:
        return _http(probe) if probe.path else _tcp(probe)
    except (OSError, http.client.HTTPException):
        return False


def _tcp(probe: Probe) -> bool:
    with socket.create_connection(("127.0.0.1", probe.port), PATIENCE):
        return True


def _http(probe: Probe) -> bool:
    connection: http.client.HTTPConnection
    if probe.tls:
        context = ssl._create_unverified_context()  # noqa: S323 - see Probe; nothing secret is sent
        connection = http.client.HTTPSConnection("127.0.0.1", probe.port, timeout=PATIENCE, context=context)
    else:
        connection = http.client.HTTPConnection("127.0.0.1", probe.port, timeout=PATIENCE)
    try:
        connection.request("GET", probe.path)
        return connection.getresponse().status < 400
    finally:
        connection.close()
