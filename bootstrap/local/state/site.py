"""What the processes of one platform know about it: saved when it starts, loaded by each of them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bootstrap.core.files import write_private_if_changed
from bootstrap.local.state import ports as port_book
from bootstrap.local.state.credentials import Credentials
from bootstrap.local.state.layout import StateLayout
from bootstrap.local.upstream import config as upstream


@dataclass(frozen=True)
class Site:
    """`tools` maps programs to their paths; `share` is the toolchain's folder of manifests and CRDs.

    `sockets` is a folder for Unix sockets. It lies in the cache, because their paths end at 107 bytes.
    """

    layout: StateLayout
    ports: Mapping[str, int]
    tools: Mapping[str, Path]
    share: Path
    region: str
    sockets: Path
    credentials: Credentials

    def url(self, port: str, scheme: str = "http") -> str:
        return f"{scheme}://127.0.0.1:{self.ports[port]}"

    def address(self, port: str) -> str:
        return f"127.0.0.1:{self.ports[port]}"

    @property
    def aws_environment(self) -> dict[str, str]:
        """Environment variables that point any AWS SDK at this platform's AWS."""
        return {
            "AWS_ACCESS_KEY_ID": self.credentials.access_key,
            "AWS_SECRET_ACCESS_KEY": self.credentials.secret_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.url("aws"),
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    @property
    def upstream_environment(self) -> Mapping[str, str]:
        """Environment variables that send helm, kustomize and git through the platform's proxy."""
        port, password = self.ports["upstream"], self.credentials.proxy
        return upstream.environment(port, password, self.layout.upstream)

    @property
    def search_path(self) -> str:
        """PATH for programs that call others: Argo CD runs helm, kustomize, git and a script of its image."""
        folders = dict.fromkeys(str(path.parent) for path in self.tools.values())
        folders[str(self.share / "argocd" / "bin")] = None
        return os.pathsep.join((*folders, os.environ.get("PATH", os.defpath)))

    def save(self) -> None:
        plain = {
            "tools": {name: str(path) for name, path in self.tools.items()},
            "share": str(self.share),
            "region": self.region,
            "sockets": str(self.sockets),
        }
        write_private_if_changed(self.layout.settings, json.dumps(plain, indent=2) + "\n")
        port_book.keep(self.layout.ports, self.ports)
        self.credentials.save(self.layout.credentials)

    @classmethod
    def load(cls, root: Path) -> Site:
        """Raises OSError, ValueError or KeyError if the platform at `root` was never started."""
        layout = StateLayout(root)
        plain = json.loads(layout.settings.read_text())
        tools = {name: Path(path) for name, path in plain["tools"].items()}
        ports, credentials = port_book.locate(layout.ports), Credentials.locate(layout.credentials)
        share, sockets = Path(plain["share"]), Path(plain["sockets"])
        return cls(layout, ports, tools, share, plain["region"], sockets, credentials)
