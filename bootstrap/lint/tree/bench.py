"""What every way of rendering works with."""

from __future__ import annotations

from dataclasses import dataclass

from bootstrap.lint.tree.checkout import Checkout
from bootstrap.lint.tree.outside import World
from bootstrap.lint.tree.programs import Programs
from bootstrap.lint.tree.store import Store


@dataclass(frozen=True)
class Bench:
    checkout: Checkout
    programs: Programs
    store: Store
    world: World
