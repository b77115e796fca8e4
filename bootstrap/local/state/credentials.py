"""Who may use the simulated AWS and the proxy: chosen at random for each platform, kept in a private file.

Loopback keeps other machines out, not the other users of this one, nor the pages in their browsers.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path

from bootstrap.core.files import read_json, write_private_if_changed


@dataclass(frozen=True)
class Credentials:
    """The simulated AWS asks for the access key, the proxy for `proxy`, a password."""

    access_key: str = field(repr=False)
    secret_key: str = field(repr=False)
    proxy: str = field(repr=False)

    @classmethod
    def new(cls) -> Credentials:
        # It begins as no real key does, so that nobody takes it for one.
        return cls(
            f"LOCAL{secrets.token_hex(16).upper()}", secrets.token_urlsafe(30), secrets.token_urlsafe(24)
        )

    @classmethod
    def read(cls, file: Path) -> Credentials | None:
        """Those in the file, None when it holds none."""
        kept = read_json(file)
        names = {one.name for one in fields(cls)}
        if not isinstance(kept, dict) or set(kept) != names or not all(map(_is_one, kept.values())):
            return None
        return cls(**kept)

    @classmethod
    def locate(cls, file: Path) -> Credentials:
        """Those in the file, else new ones. Writes nothing."""
        return cls.read(file) or cls.new()

    def save(self, file: Path) -> None:
        write_private_if_changed(file, json.dumps(asdict(self), indent=2) + "\n")


def _is_one(value: object) -> bool:
    return isinstance(value, str) and bool(value)
