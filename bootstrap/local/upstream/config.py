"""The proxy's configuration, and the environment variables that make programs use it. Pure."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

STANDINS = Path(__file__).with_name("standins")
USER = "bootstrap"


def new_password() -> str:
    return secrets.token_urlsafe(24)


@dataclass(frozen=True)
class Config:
    """`state` is the proxy's own folder; `cache` keeps charts and files; `share` is the toolchain's.

    The proxy serves only clients that know `password`.
    """

    port: int
    state: Path
    cache: Path
    share: Path
    repo_url: str
    password: str = field(default_factory=new_password, repr=False)
    offline: bool = False
    standins: Path = STANDINS

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def bundle(self) -> Path:
        """A PEM file with our own CA and the system's."""
        return self.state / "bundle.pem"

    @property
    def served(self) -> Path:
        """What was served, one JSON object per line (see `journal.py`)."""
        return self.state / "served.jsonl"

    @property
    def kind_of_answers(self) -> str:
        """A hash of everything that decides what is served without upstream: stand-ins, their generator, and
        the toolchain's files."""
        here = Path(__file__).parent
        makers = (here / "definitions.py", here / "standin.py", *(here / "skeleton").rglob("*.*"))
        files = sorted((*self.standins.glob("*.yaml"), *makers))
        whole = hashlib.sha256(f"{self.offline} {self.share}".encode())
        for file in files:
            whole.update(file.read_bytes())
        return whole.hexdigest()[:12]

    def dump(self) -> str:
        plain = {
            name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()
        }
        return json.dumps(plain, indent=2) + "\n"

    @classmethod
    def parse(cls, text: str) -> Config:
        """Raises TypeError on an unknown or missing key."""
        paths = {one.name for one in fields(cls) if one.type == "Path"}
        given: dict[str, Any] = {
            name: Path(value) if name in paths else value for name, value in json.loads(text).items()
        }
        return cls(**given)


def environment(port: int, password: str, state: Path) -> Mapping[str, str]:
    """Makes helm, kustomize, git and Argo CD's repo-server use the proxy and trust its CA.

    In both spellings, because curl (git) prefers the lower-case and Go the upper-case one; and as a git
    setting, because `http.proxy` in the user's git configuration overrides the environment.
    """
    proxy = f"http://{USER}:{password}@127.0.0.1:{port}"
    bundle = str(state / "bundle.pem")
    upper = {"HTTPS_PROXY": proxy, "HTTP_PROXY": proxy, "NO_PROXY": "127.0.0.1,localhost"}
    return {
        **upper,
        **{name.lower(): value for name, value in upper.items()},
        "SSL_CERT_FILE": bundle,
        "GIT_SSL_CAINFO": bundle,
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "http.proxy",
        "GIT_CONFIG_VALUE_0": proxy,
        "GIT_HTTP_PROXY_AUTHMETHOD": "basic",  # else it asks once without the password, each time
    }
