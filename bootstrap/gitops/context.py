"""What every way of rendering works with."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.gitops.checkout import Checkout
from bootstrap.gitops.fetch import Fetcher
from bootstrap.gitops.programs import Programs
from bootstrap.gitops.store import Store


@dataclass(frozen=True)
class RenderContext:
    checkout: Checkout
    programs: Programs
    store: Store
    fetcher: Fetcher
