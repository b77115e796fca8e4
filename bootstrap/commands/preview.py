"""`bootstrap plan`: what `up` would do and change; secrets by name only."""

from __future__ import annotations

import json

from bootstrap import preview, targets
from bootstrap.commands.options import Options
from bootstrap.commands.say import say
from bootstrap.config.load import load


def run(options: Options) -> int:
    config = load(options.config, options.environment)
    found = preview.collect(config, *targets.open_run(config))
    say(json.dumps(preview.encode(found)) if options.output == "json" else preview.render(found))
    return 0
