"""Why a source has no manifests: two kinds, because a linter must not call unknown what is wrong, or fine
what is unknown."""

from __future__ import annotations


class Unknown(Exception):
    """It cannot be told here and now (→ Unchecked): Argo CD may well render it."""

    def __init__(self, why: str, cure: str = "") -> None:
        self.why, self.cure = why, cure
        super().__init__(why)


class Wrong(Exception):
    """Argo CD fails at it, too (→ Broken)."""

    def __init__(self, why: str, cure: str = "") -> None:
        self.why, self.cure = why, cure
        super().__init__(why)
