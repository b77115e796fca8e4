"""READ FIRST. The procedure as data: which steps there are, what each needs, and its deadline.

    up     [target prepares] → preflight → backend → terraform ─┬→ seeds ────────────┬→ root-app → waves → verify
                                                                └→ access ─┬→ nodes ─┤
                                                                           ├→ eso ───┤
                                                                           └→ argocd ┘
    down   the same way back: root-app → terraform → leftovers → backend [target disposes]

A step is a function from Context to a result (a frozen dataclass, kept by its type for later steps).
Steps never print, exit or keep a journal; each asks the world what is left to do, so a run resumes by looking.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from bootstrap.context import Context


@dataclass(frozen=True)
class Done:
    """What a step returns: one line for people, and data for later steps. `changed`: whether it did anything.

    A step is level-triggered: it looks at the world first and returns `changed=False` when nothing was to do.
    """

    summary: str = ""
    result: object | None = None
    changed: bool = True


@dataclass(frozen=True)
class Step:
    """`needs` are names of steps that must have finished; `deadline` is seconds for all attempts together."""

    name: str
    title: str
    run: Callable[[Context], Done]
    needs: tuple[str, ...] = ()
    deadline: float = 600.0
    attempts: int = 3


@dataclass(frozen=True)
class Plan:
    """Steps in an order in which they could run one by one."""

    command: str
    steps: tuple[Step, ...]
