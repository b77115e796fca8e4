"""Why a source has no manifests: two kinds, because a linter must not call unknown what is wrong, or fine
what is unknown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bootstrap.gitops.model import Location


class Unknown(Exception):
    """It cannot be told here and now (→ Unchecked): Argo CD may well render it."""

    def __init__(self, why: str, cure: str = "") -> None:
        self.why, self.cure = why, cure
        super().__init__(why)


class Elsewhere(Unknown):
    """It is no matter of this cluster, and brings nothing to it."""


@contextmanager
def understood() -> Iterator[None]:
    """A field of another type than Argo CD's schema says breaks what reads it: then it is Unknown."""
    try:
        yield
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        why = f"its spec is not understood: {type(error).__name__}: {error}"
        raise Unknown(why, "compare it with Argo CD's schema; if it fits, please report this") from error


class Wrong(Exception):
    """Argo CD fails at it, too (→ Broken). `where`: a place more exact than the Application's source."""

    def __init__(self, why: str, cure: str = "", where: Location | None = None) -> None:
        self.why, self.cure, self.where = why, cure, where
        super().__init__(why)
