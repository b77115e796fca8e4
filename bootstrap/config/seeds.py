"""What has to be written to SSM, worked out without touching it. Everything here is pure.

A generated value that exists is kept for ever; a supplied or derived one is written when it differs. Planning
again after the writes gives no writes. Values are compared in memory and never shown.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from bootstrap.config.model import Generate, Seed
from bootstrap.config.parameters import MOST_BYTES, name_problem
from bootstrap.core.errors import Problem, ProblemsError

_HOLE = re.compile(r"\{output\.(?P<output>[^{}]+)\}|\{seed:(?P<seed>[^{}]+)\}")


@dataclass(frozen=True)
class Write:
    """One parameter to write, its name below the prefix. `new`: it does not exist yet."""

    name: str
    value: str = field(repr=False)
    new: bool


@dataclass(frozen=True)
class SeedPlan:
    """The difference between what is wanted and what is there."""

    writes: tuple[Write, ...]
    unchanged: tuple[str, ...]
    secrets: tuple[str, ...] = field(default=(), repr=False)  # all values that nobody may see


@dataclass(frozen=True)
class PlannedSeed:
    """For people who look before they leap: `action` is create, update or keep; `source` how it is made."""

    action: str
    name: str
    source: str


class SeedsError(ProblemsError):
    """Seeds that cannot be made, all at once; nothing was written."""


class FileTooLarge(Exception):
    """A file that no value can be. `size` and `limit` are bytes."""

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"it has {size} bytes, the file of a seed may have {limit}")


@dataclass(frozen=True)
class Sources:
    """Where supplied values come from: the edges of this module, as functions.

    `read_file` raises OSError, UnicodeError and FileTooLarge.
    """

    environ: Mapping[str, str]
    read_file: Callable[[Path], str]
    generate: Callable[[Generate], str]


def plan_seeds(
    seeds: Sequence[Seed],
    outputs: Mapping[str, Any],
    existing: Mapping[str, str],
    sources: Sources,
    restored: Mapping[str, str] = MappingProxyType({}),
) -> SeedPlan:
    """Which seeds to write, given Terraform's outputs and the values that exist (by name below the prefix).

    Values in `restored` come before those of any source. Raises SeedsError naming every seed that has no
    value, or a bad one.
    """
    values, problems = _Resolver(seeds, outputs, existing, sources, stand=restored).resolve()
    if problems:
        raise SeedsError("some seeds cannot be made; no parameter was written", problems)
    changed = [name for name, value in values.items() if existing.get(name) != value]
    return SeedPlan(
        tuple(Write(name, values[name], name not in existing) for name in changed),
        tuple(name for name in values if name not in changed),
        tuple(values[seed.name] for seed in seeds if _is_secret(seed)),
    )


def plan_rotation(
    seeds: Sequence[Seed],
    outputs: Mapping[str, Any],
    existing: Mapping[str, str],
    sources: Sources,
    *,
    renew: Collection[str],
    renewed: Collection[str] = (),
) -> SeedPlan:
    """New values for the generated seeds `renew`, and for the templates made from them or from `renewed`.

    Every other value stands as it is in SSM, also where its source says something else by now. Each write
    comes after those of the values it is made from. Raises SeedsError as `plan_seeds`.
    """
    makes = {*renew, *dependents(seeds, {*renew, *renewed})}
    stand = {name: value for name, value in existing.items() if name not in makes}
    resolver = _Resolver(seeds, outputs, {}, sources, makes=makes, stand=stand)
    values, problems = resolver.resolve()
    if problems:
        raise SeedsError("some seeds cannot be made anew; no parameter was written", problems)
    changed = [name for name, value in values.items() if existing.get(name) != value]
    return SeedPlan(
        tuple(Write(name, values[name], name not in existing) for name in changed),
        tuple(name for name in values if name not in changed),
        (*values.values(), *(existing[name] for name in changed if name in existing)),
    )


def dependents(seeds: Iterable[Seed], names: Collection[str]) -> frozenset[str]:
    """The templates that are made from these seeds, directly or by way of other templates."""
    every, found = tuple(seeds), frozenset(names)
    while True:
        more = {seed.name for seed in every if parts_of(seed) & found} - found
        if not more:
            return found - frozenset(names)
        found |= more


def parts_of(seed: Seed) -> frozenset[str]:
    """The seeds that a template is made from."""
    holes = _HOLE.finditer(seed.template or "")
    return frozenset(hole["seed"] for hole in holes if hole["seed"])


def preview_seeds(
    seeds: Sequence[Seed], outputs: Mapping[str, Any], existing: Mapping[str, str], sources: Sources
) -> tuple[PlannedSeed, ...]:
    """What would be done. A value that cannot be told yet, for want of outputs, counts as different."""
    values, _ = _Resolver(seeds, outputs, existing, sources).resolve()

    def action(name: str) -> str:
        if name not in existing:
            return "create"
        return "keep" if values.get(name) == existing[name] else "update"

    return tuple(PlannedSeed(action(seed.name), seed.name, source_of(seed)) for seed in seeds)


def source_of(seed: Seed) -> str:
    """generate, environment, file, output or template."""
    if seed.generate:
        return "generate"
    if seed.from_env:
        return "environment"
    if seed.from_file:
        return "file"
    return "output" if seed.from_output else "template"


def _is_secret(seed: Seed) -> bool:
    """Facts of the infrastructure are none, or every message about a domain or an id would be blacked out."""
    if seed.template is not None:
        return any(hole["seed"] for hole in _HOLE.finditer(seed.template))
    return seed.from_output is None


def source_problems(seeds: Sequence[Seed], prefix: str, sources: Sources) -> tuple[Problem, ...]:
    """What is wrong with names and values before anything is created: needs no outputs."""
    problems, by_name = [], {seed.name: seed for seed in seeds}
    for seed in seeds:
        try:
            if why := name_problem(f"{prefix}/{seed.name}"):
                raise _Bad(f"the name {why}", "rename it")
            if seed.from_env or seed.from_file:
                _checked(_supplied(seed, sources))
            elif _own_bytes(seed) <= MOST_BYTES < (size := _least_bytes(seed, by_name, sources)):
                raise _too_long(f"at least {size}")
        except _Bad as bad:
            problems.append(_problem(seed, bad))
    return tuple(problems)


def _own_bytes(seed: Seed) -> int:
    """Of a template without its holes: one too long by itself is the configuration's to refuse."""
    return len(_HOLE.sub("", seed.template or "").encode())


def _least_bytes(seed: Seed, seeds: Mapping[str, Seed], sources: Sources, path: tuple[str, ...] = ()) -> int:
    """How long its value is at least; `path` as in `_Resolver`. What outputs add is not known yet."""
    if seed.generate:
        return seed.generate.length
    if seed.from_env or seed.from_file:
        try:
            return len(_supplied(seed, sources).encode())
        except _Bad:
            return 0  # told where it is defined
    if seed.template is None or seed.name in path:
        return 0
    parts = (seeds.get(hole["seed"]) for hole in _HOLE.finditer(seed.template))
    known = (_least_bytes(part, seeds, sources, (*path, seed.name)) for part in parts if part)
    return _own_bytes(seed) + sum(known)


class _Bad(Exception):
    """One seed's problem and its cure."""

    def __init__(self, what: str, cure: str) -> None:
        super().__init__(what)
        self.cure = cure


class _Resolver:
    """Values of all seeds; templates may refer to other seeds in any order."""

    def __init__(
        self,
        seeds: Sequence[Seed],
        outputs: Mapping[str, Any],
        existing: Mapping[str, str],
        sources: Sources,
        *,
        makes: Collection[str] | None = None,
        stand: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`makes` are the seeds to resolve (all by default); values in `stand` are not made but taken."""
        self._seeds = {seed.name: seed for seed in seeds}
        self._outputs, self._existing, self._sources = outputs, existing, sources
        self._makes = self._seeds if makes is None else makes
        self._values = dict(stand)

    def resolve(self) -> tuple[dict[str, str], list[Problem]]:
        """Values, each after those it is made from, and what is wrong with the others."""
        problems = []
        for seed in self._seeds.values():
            if seed.name in self._makes:
                try:
                    self._value(seed.name, ())
                except _Bad as bad:
                    problems.append(_problem(seed, bad))
        return {name: value for name, value in self._values.items() if name in self._makes}, problems

    def _value(self, name: str, path: tuple[str, ...]) -> str:
        """The value of one seed; `path` are the seeds whose templates led here."""
        if name in path:
            raise _Bad("templates go in a circle: " + " → ".join((*path, name)), "break the circle")
        if name not in self._seeds:
            raise _Bad(f"there is no seed {name}", "add that seed, or correct the name in the template")
        if name not in self._values:
            if name not in self._makes:
                raise _Bad(f"it is made from {name}, which is not in SSM yet", "bootstrap up")
            self._values[name] = _checked(self._make(self._seeds[name], (*path, name)))
        return self._values[name]

    def _make(self, seed: Seed, path: tuple[str, ...]) -> str:
        if seed.generate:
            return self._existing.get(seed.name) or self._sources.generate(seed.generate)
        if seed.from_output:
            return _output(self._outputs, seed.from_output)
        if seed.template is not None:
            return _HOLE.sub(lambda hole: self._fill(hole, path), seed.template)
        return _supplied(seed, self._sources)

    def _fill(self, hole: re.Match[str], path: tuple[str, ...]) -> str:
        if hole["output"]:
            return _output(self._outputs, hole["output"])
        return self._value(hole["seed"], path)


def _supplied(seed: Seed, sources: Sources) -> str:
    if seed.from_env:
        value = sources.environ.get(seed.from_env)
        if value is None:
            raise _Bad(f"the environment variable {seed.from_env} is not set", f"export {seed.from_env}=…")
        return value
    if seed.from_file:
        try:
            # Editors end a file with a line break; a password does not.
            return sources.read_file(seed.from_file).removesuffix("\n")
        except FileTooLarge as error:
            cure = "name another file, or split it"
            raise _Bad(f"cannot read {seed.from_file}: {error}", cure) from None
        except (OSError, UnicodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise _Bad(
                f"cannot read {seed.from_file}: {why}", f"put the value into {seed.from_file}"
            ) from None
    raise _Bad("it has no source", "give it one of generate, from_env, from_file, from_output, template")


def _output(outputs: Mapping[str, Any], path: str) -> str:
    """The output at a dotted path. Text as it is, anything else as JSON."""
    value: Any = outputs
    for part in path.split("."):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            raise _Bad(f"Terraform has no output {path}", "add the output to the stack, or correct the path")
    if value is None:
        raise _Bad(f"the Terraform output {path} is null", "give it a value, or leave this seed out")
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _checked(value: str) -> str:
    if not value:
        raise _Bad("its value is empty, which SSM does not take", "give it a value, or leave this seed out")
    if (size := len(value.encode())) > MOST_BYTES:
        raise _too_long(str(size))
    return value


def _too_long(size: str) -> _Bad:
    return _Bad(f"its value has {size} bytes, SSM takes {MOST_BYTES}", "split it, or keep it elsewhere")


def _problem(seed: Seed, bad: _Bad) -> Problem:
    return Problem(seed.where, f"seed {seed.name}: {bad}", bad.cure)
