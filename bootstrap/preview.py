"""What `up` would do and change. `collect` looks without changing anything, `render` and `encode` are pure.

Secrets appear by name only: no type here has a field that could hold a value.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from bootstrap import plan
from bootstrap.aws.api import Api
from bootstrap.aws.secret_age import due
from bootstrap.config.model import OFF, Environment
from bootstrap.config.withheld import withheld
from bootstrap.core.clock import SystemClock
from bootstrap.core.errors import BootstrapError, ToolError
from bootstrap.core.text import duration, one_line, plural, table
from bootstrap.gitops.model import Tree
from bootstrap.gitops.operator import operator
from bootstrap.gitops.reader import Reader
from bootstrap.lint.model import Severity
from bootstrap.lint.report.lines import tally, told
from bootstrap.lint.run import lint
from bootstrap.run.context import Context
from bootstrap.run.events import PlannedStep
from bootstrap.run.folder import runs_of
from bootstrap.run.history import learn
from bootstrap.run.target import Target
from bootstrap.steps.planned import announced, planned
from bootstrap.steps.seeds import seeds_preview
from bootstrap.steps.terraform import terraform_preview
from bootstrap.targets.base import Phases

FORMAT = 1  # of the JSON form: raised when a key changes its meaning

T = TypeVar("T")

_SIGNS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "import": "<", "keep": " "}


@dataclass(frozen=True)
class ResourceChange:
    """A Terraform resource: `action` is create, update, replace, delete or import."""

    action: str
    address: str


@dataclass(frozen=True)
class SeedChange:
    """An SSM parameter by its full name: `action` is create, update or keep; `source` says how the value
    is made (generate, environment, file, output, template), never what it is."""

    action: str
    name: str
    source: str


@dataclass(frozen=True)
class PlannedWave:
    """`usual`: seconds it took in earlier runs, None when there was none."""

    wave: int
    apps: tuple[str, ...]
    usual: float | None = None


@dataclass(frozen=True)
class Preview:
    """`unknown` names what cannot be told before something else is up, each with the reason."""

    environment: str
    target: str
    steps: tuple[PlannedStep, ...] = ()
    resources: tuple[ResourceChange, ...] = ()
    seeds: tuple[SeedChange, ...] = ()
    waves: tuple[PlannedWave, ...] = ()
    notices: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    lint: tuple[str, ...] = ()  # how many findings, then a line each; empty where it is switched off


def collect(config: Environment, target: Target, phases: Phases) -> Preview:
    """Find out what `up` would change; touches nothing in AWS or in the cluster.

    What cannot be told (AWS does not answer, there is no stack yet) is named as unknown. Raises ConfigError
    and PreflightError when the Applications in Git cannot be read.
    """

    unknown: list[str] = []

    def told(section: str, look: Callable[[Context], tuple[T, ...]]) -> tuple[T, ...]:
        if not target.exists():
            unknown.append(f"{section}: nothing is there yet, `bootstrap up` makes everything")
            return ()
        try:
            with withheld(config) as supplied:
                return look(_context(config, target, supplied))
        except BootstrapError as error:
            unknown.append(f"{section}: {error}")
            return ()

    resources = told("Terraform", terraform_preview)
    seeds = told("SSM", seeds_preview)
    tree = _tree(config, target, unknown)
    return Preview(
        environment=config.name,
        target=target.name,
        steps=tuple(
            PlannedStep(s.name, s.title, s.needs, s.deadline) for s in plan.build_up(config, phases).steps
        ),
        resources=tuple(ResourceChange(change.action, change.address) for change in resources),
        seeds=tuple(SeedChange(seed.action, seed.name, seed.source) for seed in seeds),
        waves=_waves(config, tree) if tree else (),
        lint=_lint(config, tree) if tree else (),
        notices=(*target.shown.notices(), *_due(config, target)),
        unknown=tuple(unknown),
    )


def _due(config: Environment, target: Target) -> tuple[str, ...]:
    """Secrets to be rotated; that AWS does not answer was told already."""
    try:
        found = due(Api(target.client("ssm")), config, SystemClock().now()) if target.exists() else ()
    except BootstrapError:
        return ()
    return tuple(f"{each}: bootstrap rotate {each.name}" for each in found)


def _tree(config: Environment, target: Target, unknown: list[str]) -> Tree | None:
    """None without the programs that render it."""
    try:
        tree = Reader.of(config, target).tree()
    except ToolError as error:
        unknown.append(one_line(f"Argo CD: {error}"))
        return None
    operator(tree, config)
    return tree


def _waves(config: Environment, tree: Tree) -> tuple[PlannedWave, ...]:
    usual = {wave: stats.median for wave, stats in learn(runs_of(config)).waves.items()}
    waves = announced(planned(tree, config.gitops.root_app))
    return tuple(PlannedWave(wave, names, usual.get(wave)) for wave, names in waves)


def _lint(config: Environment, tree: Tree) -> tuple[str, ...]:
    if config.lint == OFF:
        return ()
    report = lint(config, tree).report
    serious = (finding for finding in report.sorted if finding.severity is not Severity.INFO)
    return (tally(report), *(f"{one.severity} {one.where}: {told(one)}" for one in serious))


def _context(config: Environment, target: Target, supplied: Mapping[str, str]) -> Context:
    """For looking only: nobody listens, nothing is cancelled."""
    return Context(
        config, target, SystemClock(), lambda _: None, threading.Event(), config.state, supplied=supplied
    )


def encode(preview: Preview) -> dict[str, Any]:
    """The JSON form for `--output json`."""
    return {"version": FORMAT, **asdict(preview)}


def render(preview: Preview) -> str:
    """The preview as text: steps, then Terraform, SSM, waves; a section without changes says so."""
    changed = [seed.action for seed in preview.seeds if seed.action != "keep"]
    sections = [
        (
            f"bootstrap up would bring {preview.environment} up on {preview.target} in these steps:",
            table((step.name, step.title, _after(step)) for step in preview.steps),
        ),
        (
            _head(preview, "Terraform", [change.action for change in preview.resources], "resource"),
            table((_SIGNS.get(change.action, "?"), change.address) for change in preview.resources),
        ),
        (
            _head(preview, "SSM", changed, "parameter"),
            table((_SIGNS.get(seed.action, "?"), seed.name, seed.source) for seed in preview.seeds),
        ),
        (
            f"Argo CD: {_planned(preview)}",
            table(_wave(wave) for wave in preview.waves),
        ),
    ]
    if preview.lint:
        head, *findings = preview.lint
        sections.append((f"lint: {head}", [f"  {line}" for line in findings]))
    if preview.unknown:
        sections.append(("not known yet:", [f"  {line}" for line in preview.unknown]))
    if preview.notices:
        sections.append(("to know:", [f"  {notice}" for notice in preview.notices]))
    return "\n\n".join("\n".join([head, *lines]) for head, lines in sections)


def _after(step: PlannedStep) -> str:
    return f"after {', '.join(step.needs)}" if step.needs else ""


def _wave(wave: PlannedWave) -> tuple[str, str]:
    usual = "" if wave.usual is None else f"  (usually {duration(wave.usual)})"
    return f"{wave.wave:>3}", ", ".join(wave.apps) + usual


def _planned(preview: Preview) -> str:
    if any(line.startswith("Argo CD: ") for line in preview.unknown):
        return "not known yet"
    return f"{plural(len(preview.waves), 'wave')}{_usually(preview.waves)}"


def _usually(waves: Iterable[PlannedWave]) -> str:
    """The time of all waves together, when it is known of each."""
    known = [wave.usual for wave in waves]
    total = sum(usual for usual in known if usual is not None)
    return f", usually {duration(total)}" if known and None not in known else ""


def _head(preview: Preview, section: str, actions: list[str], noun: str) -> str:
    """What could not be looked at is not the same as what does not change."""
    unknown = any(line.startswith(f"{section}: ") for line in preview.unknown)
    return f"{section}: {'not known yet' if unknown else _tally(actions, noun)}"


def _tally(actions: list[str], noun: str) -> str:
    if not actions:
        return "no changes"
    counts = ", ".join(f"{count} to {action}" for action, count in Counter(actions).items())
    return f"{plural(len(actions), noun)} would change ({counts})"
