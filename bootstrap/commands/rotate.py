"""`bootstrap rotate`: new values of generated secrets, followed into the cluster."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap import plan, targets
from bootstrap.commands.ask import confirm
from bootstrap.commands.execute import execute
from bootstrap.commands.options import RotateOptions
from bootstrap.config.load import load
from bootstrap.config.model import Environment, Seed
from bootstrap.config.seeds import dependents, source_of
from bootstrap.core.errors import PreflightError, Problem, UsageError
from bootstrap.core.suggest import suggest
from bootstrap.steps.rotate import Rotation


def run(options: RotateOptions) -> int:
    """Raises UsageError for what is no generated seed, before anything is asked."""
    config = load(options.config, options.environment, values=False)
    names = _names(config, options)
    target, phases = targets.open_run(config)
    if not target.exists():
        problem = Problem(config.name, "there is nothing to rotate yet", options.command("up"))
        raise PreflightError(f"{config.name} is not up; nothing was touched", [problem])
    confirm(options, _question(config, options, names))
    request = Rotation(names, options.all, options.due, options.back, options.restart)
    return execute(plan.build_rotate(config, phases, request), config, target, options, ())


def _names(config: Environment, options: RotateOptions) -> tuple[str, ...]:
    """The seeds that were named, as the configuration calls them."""
    if bool(options.names) + options.all + options.due != 1:
        cure = "name seeds, or say --all or --due (see `bootstrap plan` for names)"
        raise UsageError("which secrets are to be rotated is not clear", cure=cure)
    names = tuple(name.removeprefix(f"{config.ssm_prefix}/") for name in options.names)
    known = {seed.name: seed for seed in config.seeds}
    if problems := list(_refusals(names, known)):
        raise UsageError(f"{len(problems)} of these cannot be rotated", "; ".join(problems))
    return tuple(dict.fromkeys(names))


def _refusals(names: tuple[str, ...], known: dict[str, Seed]) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"there is no seed {name}, {suggest(name, list(known))}".rstrip(" ,")
        elif not known[name].generate:
            yield f"{name} is not generated: change its {source_of(known[name])}, then `bootstrap up`"


def _question(config: Environment, options: RotateOptions, names: tuple[str, ...]) -> str:
    what = ", ".join(names) or ("every generated secret" if options.all else "the secrets that are due")
    more = ", ".join(sorted(dependents(config.seeds, names)))
    kind = "the values before" if options.back else "new values"
    return f"This gives '{config.name}' {kind} of {what}{f', and with them of {more}' if more else ''}."
