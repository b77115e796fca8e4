"""What every way of rendering works with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bootstrap.gitops.checkout import Checkout
from bootstrap.gitops.fetch import Fetcher
from bootstrap.gitops.programs import Programs
from bootstrap.gitops.store import Store, digest, ours


@dataclass(frozen=True)
class RenderContext:
    checkout: Checkout
    programs: Programs
    store: Store
    fetcher: Fetcher

    def key(self, *parts: Any) -> str:
        """Of what is made from these parts by this code, with or without schemas."""
        return digest(ours(), self.checkout.whole, *parts)
