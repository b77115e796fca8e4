"""`bootstrap status`: what is up, per wave and application."""

from __future__ import annotations

import json

import click

from bootstrap import targets
from bootstrap.commands.options import Options
from bootstrap.config.load import load
from bootstrap.status import model as status


def run(options: Options) -> int:
    config = load(options.config, options.environment, values=False)
    found = status.collect(config, targets.open_target(config))
    click.echo(json.dumps(status.encode(found)) if options.output == "json" else status.render(found))
    return 0
