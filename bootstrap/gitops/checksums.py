"""The SHA-256 of a remote file, in a comment behind its URL, as kustomize itself knows no checksums:

resources:
  - https://raw.githubusercontent.com/…/crds.yaml # v1.2.3 sha256:9f86d0…
"""

from __future__ import annotations

import hashlib
import re

from bootstrap.gitops.problems import Wrong

_COMMENT = r"""["']?[ \t]+#[^\n]*?\bsha256:([0-9a-f]{64})\b"""


def pinned(kustomization: str, url: str) -> str:
    """The checksum in that text of a kustomization; empty when there is none behind the URL."""
    found = re.search(re.escape(url) + _COMMENT, kustomization)
    return found[1] if found else ""


def verify(kustomization: str, url: str, content: bytes) -> None:
    """Raises Wrong when the file is not the pinned one."""
    wanted, found = pinned(kustomization, url), hashlib.sha256(content).hexdigest()
    if wanted and found != wanted:
        why = f"{url} has the SHA-256 {found}, not the pinned {wanted}"
        raise Wrong(why, "read what has changed; only if it is meant, correct the comment behind the URL")
