"""`bootstrap status`: what is up, per wave and application."""

from __future__ import annotations

import json

from bootstrap import targets
from bootstrap.commands.options import Options
from bootstrap.commands.say import say
from bootstrap.config.load import load
from bootstrap.status.collect import collect
from bootstrap.status.render import encode, render


def run(options: Options) -> int:
    config = load(options.config, options.environment, values=False)
    found = collect(config, targets.open_target(config))
    say(json.dumps(encode(found)) if options.output == "json" else render(found))
    return 0
