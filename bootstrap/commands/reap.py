"""`bootstrap reap`: remove environments whose time is over, from anywhere, knowing only the account."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict

from bootstrap import plan, targets
from bootstrap.aws import environments
from bootstrap.aws.audit import audit
from bootstrap.aws.inventory import Connect
from bootstrap.commands.ask import confirm
from bootstrap.commands.execute import execute
from bootstrap.commands.options import ReapOptions
from bootstrap.commands.ownership import going
from bootstrap.commands.say import say
from bootstrap.config.load import load
from bootstrap.core.clock import SystemClock
from bootstrap.core.text import duration

FORMAT = 1  # of the JSON form: raised when a key changes its meaning


def run(options: ReapOptions) -> int:
    """The environment of the configuration says which account and region; every project's are looked at."""
    config = load(options.config, options.environment, values=False)
    target, phases = targets.open_run(config)
    connect = target.connect
    found = environments.find(connect, config.region)
    now = SystemClock().now()
    over = environments.expired(found, now)
    if options.dry_run:
        _show(options, found, over, now)
        return 0
    if options.output == "text":
        for line in (*_lines(found, over, now), *_going(connect, over)):
            say(line, err=True)
    if not over:
        return 0
    confirm(options, f"This removes {', '.join(record.title for record in over)}, all data included.")
    return execute(plan.build_reap(config, phases, over), config, target, options, ())


def _going(connect: Connect, over: tuple[environments.Record, ...]) -> Iterator[str]:
    for record in over:
        for line in going(audit(connect, record.owner), record.region):
            yield f"{record.title}: {line}"


def _show(
    options: ReapOptions,
    found: tuple[environments.Record, ...],
    over: tuple[environments.Record, ...],
    now: float,
) -> None:
    if options.output == "json":
        listed = [{**asdict(record), "expired": record in over} for record in found]
        say(json.dumps({"version": FORMAT, "environments": listed}))
    else:
        for line in _lines(found, over, now):
            say(line)


def _lines(
    found: tuple[environments.Record, ...], over: tuple[environments.Record, ...], now: float
) -> Iterator[str]:
    if not found:
        yield "there is no environment"
    for record in found:
        yield f"{record.title:<32} {_state(record, record in over, now)}"


def _state(record: environments.Record, over: bool, now: float) -> str:
    if record.disputed:
        return f"{record.disputed}: left alone"
    try:
        left = record.left(now)
    except ValueError:
        return f"expires at '{record.expires_at}', which is no time: left alone"
    if left is None:
        return "stays"
    return f"expired {duration(-left)} ago" if over else f"expires in {duration(left)}"
