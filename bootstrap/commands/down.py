"""`bootstrap down`: back to nothing, and nothing else touched."""

from __future__ import annotations

from bootstrap import plan, targets
from bootstrap.commands.ask import confirm
from bootstrap.commands.execute import execute
from bootstrap.commands.options import Options
from bootstrap.config.load import load


def run(options: Options) -> int:
    config = load(options.config, options.environment, values=False)
    target = targets.open_target(config)
    confirm(options, f"This removes everything of '{config.name}' on {target.name}, its data included.")
    return execute(plan.build_down(config, target), config, target, options, ())
