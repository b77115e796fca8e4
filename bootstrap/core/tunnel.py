"""The bytes of a tunnel: what HTTP CONNECT leaves to its two ends."""

from __future__ import annotations

import selectors
import socket
import ssl
from contextlib import suppress
from typing import cast

IDLE = 300.0  # seconds without a byte after which a tunnel is closed
_PIECE = 65536


def copy_both_ways(one: socket.socket, other: socket.socket) -> None:
    """Return when both sides have ended, or nothing has moved for `IDLE` seconds. Raises OSError.

    The end of one side is passed on, and the other may go on sending; TLS knows no such half-open state, so
    a tunnel with a TLS side ends with either of its sides.
    """
    half_open = not any(isinstance(side, ssl.SSLSocket) for side in (one, other))
    with selectors.DefaultSelector() as selector:
        for source, to in ((one, other), (other, one)):
            source.settimeout(IDLE)
            selector.register(source, selectors.EVENT_READ, to)
        while selector.get_map() and (ready := selector.select(IDLE)):
            for key, _ in ready:
                source, to = cast(socket.socket, key.fileobj), cast(socket.socket, key.data)
                if _copy(source, to):
                    continue
                if not half_open:
                    return
                selector.unregister(source)
                with suppress(OSError):
                    to.shutdown(socket.SHUT_WR)


def _copy(source: socket.socket, to: socket.socket) -> bool:
    """Copy what is there now; False at the end of `source`. A TLS record may hold no data at all."""
    source.settimeout(0)
    try:
        piece = source.recv(_PIECE)
    except (BlockingIOError, ssl.SSLWantReadError):
        return True
    finally:
        source.settimeout(IDLE)
    if piece:
        to.sendall(piece)
    return bool(piece)
