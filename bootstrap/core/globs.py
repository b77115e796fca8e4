"""Globs as Argo CD and Git read them, matched in a time that grows with the text alone. Pure.

A pattern becomes a small automaton that reads the text once, never a regular expression: there, a few stars
are enough to have every way of dividing a text tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from bootstrap.core.limits import PATTERN_CHARACTERS

Test = Callable[[str], bool]
States = frozenset[int]

_KEPT = 10_000  # moves that a pattern remembers


@dataclass(frozen=True)
class Dialect:
    """What differs between readers of globs.

    `separator` are characters that `*` and `?` do not match. `double`: `**` matches them. `carets`: `[^a]` is
    the same as `[!a]`. `loose`: a `}` that closes nothing, and an empty `[]`, stand for themselves.
    """

    separator: str = ""
    double: bool = False
    carets: bool = True
    loose: bool = True


@dataclass
class Glob:
    """A pattern, ready to match; state 0 is the beginning."""

    steps: list[list[tuple[Test, int]]] = field(default_factory=lambda: [[]])
    free: list[list[int]] = field(default_factory=lambda: [[]])
    end: int = 0
    _moves: dict[tuple[States, str], States] = field(default_factory=dict)

    def fullmatch(self, text: str) -> bool:
        """Whether it matches the text as a whole."""
        here = self._closed((0,))
        for char in text:
            here = self._move(here, char)
            if not here:
                return False
        return self.end in here

    def _move(self, here: States, char: str) -> States:
        known = self._moves.get((here, char))
        if known is not None:
            return known
        if len(self._moves) >= _KEPT:
            self._moves.clear()
        found = self._closed(to for state in here for test, to in self.steps[state] if test(char))
        self._moves[here, char] = found
        return found

    def _closed(self, states: Iterable[int]) -> States:
        """With all that is reached without a character."""
        todo, found = list(states), set[int]()
        while todo:
            state = todo.pop()
            if state not in found:
                found.add(state)
                todo += self.free[state]
        return frozenset(found)

    # -- built by the parser ---------------------------------------------------------------------------

    def state(self) -> int:
        self.steps.append([])
        self.free.append([])
        return len(self.steps) - 1

    def one(self, start: int, test: Test) -> int:
        end = self.state()
        self.steps[start].append((test, end))
        return end

    def many(self, start: int, test: Test) -> int:
        end = self.state()
        self.free[start].append(end)
        self.steps[end].append((test, end))
        return end


@lru_cache(maxsize=4096)
def glob(pattern: str, dialect: Dialect) -> Glob:
    """Raises ValueError for a pattern that is broken, or too long."""
    if len(pattern) > PATTERN_CHARACTERS:
        raise ValueError(f"a pattern of more than {PATTERN_CHARACTERS:,} characters")
    return _Parser(pattern, dialect).parse()


class _Parser:
    def __init__(self, pattern: str, dialect: Dialect) -> None:
        self._pattern, self._dialect, self._at = pattern, dialect, 0
        self._glob = Glob()

    def parse(self) -> Glob:
        open_groups: list[tuple[int, int]] = []  # where each begins, and where its alternatives meet
        here = 0
        while self._at < len(self._pattern):
            char = self._pattern[self._at]
            self._at += 1
            if char == "{":
                open_groups.append((here, self._glob.state()))
                here = self._branch(here)
            elif char == "," and open_groups:
                start, end = open_groups[-1]
                self._glob.free[here].append(end)
                here = self._branch(start)
            elif char == "}" and open_groups:
                _, end = open_groups.pop()
                self._glob.free[here].append(end)
                here = end
            elif char == "}" and not self._dialect.loose:
                raise ValueError("a } that closes nothing")
            else:
                here = self._piece(char, here)
        if open_groups:
            raise ValueError("a { that is not closed")
        self._glob.end = here
        return self._glob

    def _branch(self, start: int) -> int:
        state = self._glob.state()
        self._glob.free[start].append(state)
        return state

    def _piece(self, char: str, here: int) -> int:
        if char == "*":
            return self._glob.many(here, self._any(self._doubled()))
        if char == "?":
            return self._glob.one(here, self._any(double=False))
        if char == "[" and (members := self._class()) is not None:
            return self._glob.one(here, members)
        if char == "\\" and self._at < len(self._pattern):
            char = self._pattern[self._at]
            self._at += 1
        return self._glob.one(here, char.__eq__)

    def _doubled(self) -> bool:
        if self._dialect.double and self._pattern.startswith("*", self._at):
            self._at += 1
            return True
        return False

    def _any(self, double: bool) -> Test:
        if double or not self._dialect.separator:
            return lambda _: True
        return lambda char: char not in self._dialect.separator

    def _class(self) -> Test | None:
        """`[a-z]` behind its bracket; None where it is not closed, and the bracket stands for itself."""
        start = self._at
        end = self._pattern.find("]", start + self._dialect.loose)
        if end <= start:
            return None
        inner = self._pattern[start:end]
        denied = inner[0] in ("!^" if self._dialect.carets else "!")
        ranges = tuple(_ranges(inner[denied:]))
        if not inner[denied:]:
            raise ValueError("a class of no characters")
        self._at = end + 1
        return lambda char: any(low <= char <= high for low, high in ranges) != denied


def _ranges(inner: str) -> Iterator[tuple[str, str]]:
    """Raises ValueError for a range that ends before it begins."""
    at = 0
    while at < len(inner):
        low = high = inner[at]
        if inner[at + 1 : at + 2] == "-" and at + 2 < len(inner):
            high = inner[at + 2]
            at += 2
        if low > high:
            raise ValueError(f"a range {low}-{high}, which is empty")
        yield low, high
        at += 1


@dataclass(frozen=True)
class FolderGlob:
    """A path pattern, folder by folder: `**` stands for any number of folders, none too."""

    parts: tuple[Glob | None, ...]  # None is `**`

    def fullmatch(self, path: str) -> bool:
        folders = path.split("/")
        here = {0}  # how many parts have matched so far
        for number, folder in enumerate(folders):
            last = number == len(folders) - 1
            here = {to for at in here for to in self._next(at, folder, last=last)}
        return len(self.parts) in here

    def _next(self, at: int, folder: str, *, last: bool) -> Iterator[int]:
        final = len(self.parts) - 1
        while at < final and self.parts[at] is None:
            if folder and not last:
                yield at  # it takes this folder, and may take more
            at += 1
        if at > final:
            return
        part = self.parts[at]
        if part is None:  # the last of all takes the rest of the path
            yield from ((final + 1,) if last else (final,))
        elif (at == final) == last and part.fullmatch(folder):
            yield at + 1


def folder_glob(pattern: str, dialect: Dialect) -> FolderGlob:
    """Raises ValueError as `glob`."""
    if len(pattern) > PATTERN_CHARACTERS:
        raise ValueError(f"a pattern of more than {PATTERN_CHARACTERS:,} characters")
    return FolderGlob(tuple(None if one == "**" else glob(one, dialect) for one in pattern.split("/")))
