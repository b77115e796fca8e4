"""Whether a night was slower than usual. Pure.

The middle of earlier good nights is what is usual: one bad night neither hides the next nor accuses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from bootstrap.drill.model import DrillResult, Regression

FEWEST = 3  # nights before anything is called usual
NOISE = 5.0  # seconds that nobody counts


def regressions(
    night: DrillResult, earlier: Sequence[DrillResult], tolerance: float
) -> tuple[Regression, ...]:
    """What took more than `tolerance` times the usual; nothing before there are enough nights."""
    good = [each for each in earlier if each.good and each.target == night.target]
    return tuple(_slower(_measured(night), [_measured(each) for each in good], tolerance))


def _measured(night: DrillResult) -> Mapping[str, float]:
    waves = {f"wave {number}": seconds for number, seconds in night.waves.items()}
    whole = {"up": night.rto, "down": night.down}
    return {**{name: seconds for name, seconds in whole.items() if seconds is not None}, **waves}


def _slower(
    now: Mapping[str, float], before: Sequence[Mapping[str, float]], tolerance: float
) -> Iterator[Regression]:
    for what, seconds in now.items():
        known = [each[what] for each in before if what in each]
        usual = median(known) if len(known) >= FEWEST else None
        if usual is not None and seconds > usual * tolerance and seconds - usual > NOISE:
            yield Regression(what, seconds, usual, len(known))
