"""`bootstrap drill`: make the environment, check it, remove it, and say how it compares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from bootstrap import plan, targets
from bootstrap.commands.ask import confirm
from bootstrap.commands.execute import RunResult, perform
from bootstrap.commands.options import DrillOptions
from bootstrap.commands.say import say
from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.core.errors import Interrupted
from bootstrap.drill import judge, junit, ledger
from bootstrap.drill.model import DrillResult, rto, waves
from bootstrap.render.report import moment
from bootstrap.run.target import Target


def run(options: DrillOptions) -> int:
    """Down is run whatever happened, but for a Ctrl-C; `--keep` leaves a failed environment to look at."""
    config = load(options.config, options.environment)
    target, phases = targets.open_run(config)
    where = f"'{config.name}' on {target.name}, {config.region}"
    confirm(options, f"This makes {where}, and removes it again with all its data.")
    timed = replace(options, ttl=options.ttl or config.drill.ttl)
    up = perform(plan.build_drill(config, phases), config, target, timed)
    down = None
    if up.code != Interrupted.exit_code and not (up.code and options.keep):
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
