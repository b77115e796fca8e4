"""Why a source has no manifests: two kinds, because a linter must not call unknown what is wrong, or fine
what is unknown."""

from __future__ import annotations

from bootstrap.lint.model import Location


class Unknown(Exception):
    """It cannot be told here and now (→ Unchecked): Argo CD may well render it."""

    def __init__(self, why: str, cure: str = "") -> None:
        self.why, self.cure = why, cure
        super().__init__(why)


class Wrong(Exception):
    """Argo CD fails at it, too (→ Broken). `where`: a place more exact than the Application's source."""

    def __init__(self, why: str, cure: str = "", where: Location | None = None) -> None:
        self.why, self.cure, self.where = why, cure, where
        super().__init__(why)
