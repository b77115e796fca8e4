"""Chart versions and the ranges that Helm accepts for them (Masterminds/semver). Pure.

Supports comparisons, `^`, `~`, wildcards, hyphen ranges, `,` or blank for "and", `||` for "or".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import total_ordering

_VERSION = re.compile(r"^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?$")
_TERM = re.compile(r"(\^|~>?|>=|=>|<=|=<|!=|>|<|=)?\s*(v?[0-9xX*][0-9A-Za-z.*+-]*)")
_HYPHEN = re.compile(r"(\S+)\s+-\s+(\S+)")


@total_ordering
class Version:
    """A semantic version. Missing parts are 0, build metadata is ignored. Raises ValueError."""

    def __init__(self, text: str) -> None:
        found = _VERSION.match(text.strip())
        if not found:
            raise ValueError(f"not a version: {text!r}")
        self.text = text.strip()
        self.numbers = (int(found[1]), int(found[2] or 0), int(found[3] or 0))
        self.pre = found[4] or ""

    @property
    def _order(self) -> tuple[object, ...]:
        """A pre-release precedes its release; in a pre-release, numbers precede words."""
        parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in self.pre.split("."))
        return (self.numbers, not self.pre, parts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Version) and self._order == other._order

    def __lt__(self, other: Version) -> bool:
        return self._order < other._order

    def __hash__(self) -> int:
        return hash(self._order)

    def __repr__(self) -> str:
        return f"Version({self.text!r})"


def is_exact(wanted: str) -> bool:
    """Whether this is a single version: three numbers and no operator."""
    found = _VERSION.match(wanted)
    return bool(found and found[3] is not None)


def matches(wanted: str, version: str) -> bool:
    """Whether `wanted` (a version or a range) allows `version`. False if either is invalid."""
    try:
        candidate = Version(version)
        return any(all(test(candidate) for test in tests) for tests in _alternatives(wanted))
    except ValueError:
        return False


def best(wanted: str, versions: Iterable[str]) -> str | None:
    """The highest version allowed. One that is spelt exactly like `wanted` is preferred."""
    allowed = [version for version in versions if version == wanted or matches(wanted, version)]
    return wanted if wanted in allowed else max(allowed, key=Version, default=None)


def inside(wanted: str) -> str | None:
    """Guess a version that `wanted` allows; None if no guess fits."""
    if is_exact(wanted):
        return wanted
    return next((version for version in _guesses(wanted) if matches(wanted, version)), None)


def _guesses(wanted: str) -> Iterator[str]:
    for _, text in _TERM.findall(wanted):
        (major, minor, patch), _, pre = _parts(text)
        if pre:
            yield f"{major}.{minor}.{patch}-{pre}"
        yield f"{major}.{minor}.{patch}"
        yield f"{major}.{minor}.{patch + 1}"
        yield f"{major}.{minor + 1}.0"
        yield f"{major + 1}.0.0"
        yield f"{major}.{minor}.{max(patch - 1, 0)}"
        yield f"{major}.{max(minor - 1, 0)}.0"
        yield f"{max(major - 1, 0)}.0.0"
    yield "1.0.0"


_Test = Callable[[Version], bool]


def _alternatives(wanted: str) -> list[list[_Test]]:
    return [_all(part) for part in wanted.split("||")]


def _all(part: str) -> list[_Test]:
    part = _HYPHEN.sub(r">=\1 <=\2", part.strip())
    if not part:
        return [lambda version: not version.pre]
    rest = _TERM.sub("", part).replace(",", "").strip()
    terms = _TERM.findall(part)
    if rest or not terms:
        raise ValueError(f"not a version range: {part!r}")
    tests = [_test(operator, text) for operator, text in terms]
    # A range allows pre-releases only if it names one itself.
    return tests if any("-" in text for _, text in terms) else [lambda version: not version.pre, *tests]


def _test(operator: str, text: str) -> _Test:  # noqa: PLR0911 - one line an operator
    (major, minor, patch), given, pre = _parts(text)
    low = Version(f"{major}.{minor}.{patch}" + (f"-{pre}" if pre else ""))
    above = (
        Version(_next((major, minor, patch), max(given - 1, 0))) if given else None
    )  # the first one past `1.2.x`
    match operator:
        case ">":
            return (lambda v: v > low) if given == 3 else (lambda v: above is not None and v >= above)
        case "<":
            return lambda v: v < low
        case ">=" | "=>":
            return lambda v: v >= low
        case "<=" | "=<":
            return (lambda v: v <= low) if given == 3 else (lambda v: above is None or v < above)
        case "!=":
            return (lambda v: v != low) if given == 3 else (lambda v: above is None or not low <= v < above)
        case "^":
            above = (
                Version(_next((major, minor, patch), _caret((major, minor, patch), given))) if given else None
            )
        case "~" | "~>":
            above = Version(_next((major, minor, patch), min(given, 2) - 1)) if given else None
        case _ if given == 3:
            return lambda v: v == low
    return lambda v: v >= low and (above is None or v < above)


def _caret(numbers: tuple[int, int, int], given: int) -> int:
    """The place of the number that must not change: the first given one that is not 0."""
    return next((place for place in range(given) if numbers[place]), given - 1)


def _parts(text: str) -> tuple[tuple[int, int, int], int, str]:
    """The numbers (0 if open), how many of them are given, and the pre-release."""
    core, _, pre = text.removeprefix("v").partition("+")[0].partition("-")
    numbers: list[int] = []
    for part in core.split(".")[:3]:
        if part in {"x", "X", "*", ""}:
            break
        numbers.append(int(part))
    given = len(numbers)
    major, minor, patch = [*numbers, 0, 0, 0][:3]
    return (major, minor, patch), given, pre


def _next(numbers: tuple[int, int, int], place: int) -> str:
    """The first version after all those that are equal up to `place`."""
    raised = [*numbers[:place], numbers[place] + 1, 0, 0, 0][:3]
    return ".".join(str(number) for number in raised)
