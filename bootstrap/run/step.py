"""A run as data: its steps, what each needs and returns, and the plan that they make."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from bootstrap.run.context import Context


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

    @classmethod
    def of(cls, command: str, steps: Iterable[Step], deadlines: Mapping[str, float]) -> Plan:
        """The plan of these steps. `deadlines` (by step name, seconds) win over the steps' own."""
        timed = (replace(step, deadline=deadlines.get(step.name, step.deadline)) for step in steps)
        return cls(command, _sorted(tuple(timed)))


def _sorted(steps: tuple[Step, ...]) -> tuple[Step, ...]:
    """In an order in which they could run one by one, otherwise as they stand."""
    left, done = list(steps), list[Step]()
    while left:
        waiting = {step.name for step in left}
        done.append(left.pop(next(i for i, step in enumerate(left) if waiting.isdisjoint(step.needs))))
    return tuple(done)


def chain(*groups: tuple[Step, ...]) -> tuple[Step, ...]:
    """All steps, where those of a group that need nothing wait for every step of the groups before it."""
    steps: tuple[Step, ...] = ()
    for group in groups:
        names = tuple(step.name for step in steps)
        steps += tuple(step if step.needs else replace(step, needs=names) for step in group)
    return steps
