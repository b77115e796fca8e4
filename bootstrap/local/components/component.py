"""What there is to know about a process before it is started."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Probe:
    """How to tell that a process serves: a TCP connection, or an HTTP answer below 400 where `path` is given.

    TLS certificates are not verified: the question is whether the process works, not who it is.
    """

    port: int
    path: str = ""
    tls: bool = False


@dataclass(frozen=True)
class Component:
    """`environment` is complete: nothing is inherited, least of all the user's cloud credentials.

    It is started once all of `needs` are ready, and stopped before them. `grace` is seconds between
    SIGTERM and SIGKILL. A component whose data changes in any way is restarted; `revision` is for
    changes that show nowhere else.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    probe: Probe | None = None
    needs: tuple[str, ...] = ()
    grace: float = 10.0
    revision: str = ""

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.dump().encode()).hexdigest()[:12]

    def dump(self) -> str:
        return json.dumps(asdict(self), sort_keys=True, indent=1)

    @classmethod
    def parse(cls, text: str) -> Component:
        """Raises ValueError, KeyError or TypeError when `text` is not what `dump` makes."""
        plain: dict[str, Any] = json.loads(text)
        probe = plain.pop("probe")
        return cls(
            **{
                **plain,
                "argv": tuple(plain["argv"]),
                "needs": tuple(plain["needs"]),
                "probe": Probe(**probe) if probe else None,
            }
        )
