"""Terraform's messages as the run's own events."""

from __future__ import annotations

from dataclasses import dataclass, field

from bootstrap.run.context import Context
from bootstrap.run.events import ResourceChanged
from bootstrap.terraform.messages import Failed, Finished, Hidden, Message, Started, Still, Summary


@dataclass
class Reporter:
    """Told every message; says what was changed, and what the longest change under way is."""

    context: Context
    _running: dict[str, float] = field(default_factory=dict)  # address → seconds
    _hidden: str = ""

    def __call__(self, message: Message) -> None:
        match message:
            case Started():
                self._running[message.address] = 0.0
            case Still():
                self._still(message)
            case Finished():
                self._running.pop(message.address, None)
                changed = ResourceChanged(self.context.step, message.action, message.address, message.seconds)
                self.context.emit(changed)
            case Failed():
                self._running.pop(message.address, None)
                self.context.progress(f"{message.address} failed to {message.action}")
            case Hidden():
                self._hidden = message.what
                self.context.progress(f"{message.what}: {message.why}")
            case Summary(operation="plan"):
                self.context.progress(counts(message))

    def _still(self, message: Still) -> None:
        self._running[message.address] = message.seconds
        longest = max(self._running, key=lambda address: self._running[address])
        # Every change speaks every ten seconds; the oldest of them speaks for all.
        if longest == message.address:
            others = len(self._running) - 1
            more = f" and {others} more" if others else ""
            still = f"still at {message.action} of {longest} ({message.seconds:.0f} s){more}"
            self.context.progress(f"{still}; {self._hidden}" if self._hidden else still)


def counts(summary: Summary, *, done: bool = False) -> str:
    """For people: "101 to create, 2 to change" (or, when done, "101 created, 2 changed"), "no changes"."""
    numbers = (summary.imported, summary.add, summary.change, summary.remove)
    verbs = ("imported", "created", "changed", "removed")
    if not done:
        verbs = ("to import", "to create", "to change", "to remove")
    parts = [f"{number} {verb}" for number, verb in zip(numbers, verbs, strict=True) if number]
    return ", ".join(parts) or "no changes"
