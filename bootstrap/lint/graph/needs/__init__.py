"""Index → Needs. A collector is a pure function; all are listed here."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bootstrap.lint.graph.index import Index
from bootstrap.lint.graph.model import Need
from bootstrap.lint.graph.needs import api

Collector = Callable[[Index], Iterator[Need]]

COLLECTORS: tuple[Collector, ...] = (*api.COLLECTORS,)
