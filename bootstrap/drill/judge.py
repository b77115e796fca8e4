"""Whether a drill was slower than usual. Pure.

The median of earlier good drills is what is usual: one bad drill neither hides the next nor accuses it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import median

from bootstrap.drill.model import DrillResult, Regression

FEWEST = 3  # results before anything is called usual
NOISE = 5.0  # seconds that nobody counts


def regressions(
    result: DrillResult, earlier: Sequence[DrillResult], tolerance: float
) -> tuple[Regression, ...]:
    """What took more than `tolerance` times the usual; nothing before there are enough results."""
    good = [each for each in earlier if each.good and each.target == result.target]
    return tuple(_slower(_measured(result), [_measured(each) for each in good], tolerance))


def _measured(result: DrillResult) -> Mapping[str, float]:
    waves = {f"wave {number}": seconds for number, seconds in result.waves.items()}
    whole = {"up": result.rto, "down": result.down}
    return {**{name: seconds for name, seconds in whole.items() if seconds is not None}, **waves}


def _slower(
    now: Mapping[str, float], before: Sequence[Mapping[str, float]], tolerance: float
) -> Iterator[Regression]:
    for what, seconds in now.items():
        known = [each[what] for each in before if what in each]
        usual = median(known) if len(known) >= FEWEST else None
        if usual is not None and seconds > usual * tolerance and seconds - usual > NOISE:
            yield Regression(what, seconds, usual, len(known))
