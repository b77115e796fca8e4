"""What one drill measured, as frozen data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from bootstrap.core.errors import SlowerError
from bootstrap.render.view import RunView
from bootstrap.run.events import SmokeChecked


@dataclass(frozen=True)
class Regression:
    """`what` took `seconds`; the median of `nights` earlier results is `usual` seconds."""

    what: str
    seconds: float
    usual: float
    nights: int

    def __str__(self) -> str:
        return f"{self.what} took {self.seconds:.0f} s, usual is {self.usual:.0f} s ({self.nights} drills)"


@dataclass(frozen=True)
class DrillResult:
    """`rto` is seconds from nothing to every wave Healthy and verified, None when that was not reached;
    `down` seconds of the way back. Exit codes are those of `up` (smoke checks included) and `down`, the
    latter None when it was not run; `left` names what stayed behind."""

    run: str
    environment: str
    target: str
    started: str
    rto: float | None
    down: float | None
    up_code: int
    down_code: int | None
    waves: Mapping[int, float] = field(default_factory=dict)
    smoke: tuple[SmokeChecked, ...] = ()
    left: tuple[str, ...] = ()
    error: str = ""
    regressions: tuple[Regression, ...] = ()

    @property
    def good(self) -> bool:
        """Whether everything came up, was found well, and went; slowness is told apart."""
        return self.up_code == 0 and self.down_code in (0, None) and not self.left

    @property
    def exit_code(self) -> int:
        """The first failure's own; a drill that was only slow has one of its own, too."""
        return self.up_code or self.down_code or (SlowerError.exit_code if self.regressions else 0)


def waves(view: RunView) -> dict[int, float]:
    """Seconds by wave, of those that became Healthy."""
    return {
        number: round(wave.ended - wave.started, 3)
        for number, wave in view.waves.items()
        if wave.started is not None and wave.ended is not None
    }


def begun(view: RunView, first: str = "vacancy") -> bool:
    """Whether it has found nothing there and holds the environment: what is there since is its own."""
    step = view.steps.get(first)
    return step is not None and step.state in _WELL


def rto(view: RunView, last: str = "verify") -> float | None:
    """Seconds until the step `last` was done."""
    step = view.steps.get(last)
    return round(step.ended, 3) if step and step.ended is not None and step.state in _WELL else None


_WELL = ("done", "satisfied")
