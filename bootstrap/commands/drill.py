"""`bootstrap drill`: make the environment, check it, remove it, and say how it compares."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from bootstrap import plan, targets
from bootstrap.aws.errors import AwsError
from bootstrap.commands.ask import confirm
from bootstrap.commands.execute import RunResult, perform
from bootstrap.commands.options import DrillOptions
from bootstrap.commands.say import say
from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.core.errors import Interrupted, TemporaryError
from bootstrap.drill import judge, junit, ledger
from bootstrap.drill.model import DrillResult, begun, rto, waves
from bootstrap.render.report import moment
from bootstrap.run.target import Target
from bootstrap.steps import vacancy


def run(options: DrillOptions) -> int:
    """Down is run whatever happened, but for a Ctrl-C; `--keep` leaves a failed environment to look at.

    Only what the drill itself has made is removed: where anything is there already, it refuses.
    Raises PreflightError.
    """
    config = load(options.config, options.environment)
    target, phases = targets.open_run(config)
    nothing = not target.exists()
    if not nothing:
        _refuse(config, target)
    where = f"'{config.name}' on {target.name}, {config.region}"
    confirm(options, f"This makes {where}, and removes it again with all its data.")
    timed = replace(options, ttl=options.ttl or config.drill.ttl)
    up = perform(plan.build_drill(config, phases), config, target, timed)
    down = None
    ours = nothing or begun(up.view)
    if ours and up.code != Interrupted.exit_code and not (up.code and options.keep):
        down = perform(plan.build_down(config, phases, exists=target.exists()), config, target, options)
    result = _result(config, target, up, down)
    known = ledger.earlier(ledger.folder_of(config))
    result = replace(result, regressions=judge.regressions(result, known, config.drill.tolerance))
    file = ledger.write(ledger.folder_of(config), result)
    if options.junit:
        options.junit.parent.mkdir(parents=True, exist_ok=True)
        options.junit.write_text(junit.encode(result), encoding="utf-8")
    _tell(options, result, file)
    return result.exit_code


def _refuse(config: Environment, target: Target) -> None:
    """Before even the target is prepared. One that does not answer yet is asked again, under the run lock."""
    with suppress(TemporaryError, AwsError):
        vacancy.refuse(config, target)


def _result(config: Environment, target: Target, up: RunResult, down: RunResult | None) -> DrillResult:
    ends = [each.view.end for each in (up, down) if each]
    return DrillResult(
        run=up.view.run,
        environment=config.name,
        target=target.name,
        started=moment(up.view.started),
        rto=rto(up.view),
        down=round(down.view.end.seconds, 3) if down and down.view.end else None,
        up_code=up.code,
        down_code=down.code if down else None,
        waves=waves(up.view),
        smoke=up.view.smoke,
        left=tuple(item.resource for item in down.view.left) if down else (),
        error="; ".join(end.error for end in ends if end and end.error),
    )


def _tell(options: DrillOptions, result: DrillResult, file: Path) -> None:
    if options.output == "json":
        return  # both runs have told everything, event by event; the result is in its file
    for line in _lines(result, file):
        say(line, err=True)
    if result.rto is not None:
        say(f"RTO {result.rto:.1f} s")


def _lines(result: DrillResult, file: Path) -> Iterator[str]:
    mark = "✓" if result.exit_code == 0 else "✗"
    times = [f"up in {result.rto:.0f} s" if result.rto is not None else "did not come up"]
    times += [f"down in {result.down:.0f} s"] if result.down is not None else ["not taken down"]
    times.append(f"{sum(check.passed for check in result.smoke)} of {len(result.smoke)} checks passed")
    yield f"{mark} drill of {result.environment}: {', '.join(times)}"
    for each in result.regressions:
        yield f"  slower than usual: {each}"
    for resource in result.left:
        yield f"  left: {resource}"
    yield f"  result: {file}"
