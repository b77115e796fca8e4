"""`bootstrap plan`: what `up` would do and change; secrets by name only."""

from __future__ import annotations

import json

import click

from bootstrap import preview, targets
from bootstrap.commands.options import Options
from bootstrap.config.load import load


def run(options: Options) -> int:
    config = load(options.config, options.environment)
    found = preview.collect(config, *targets.open_run(config))
    click.echo(json.dumps(preview.encode(found)) if options.output == "json" else preview.render(found))
    return 0
