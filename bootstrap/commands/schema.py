"""`bootstrap schema`: the JSON schema of bootstrap.yaml, or the reference page made from it."""

from __future__ import annotations

import click

from bootstrap.commands.options import SchemaOptions
from bootstrap.config import reference, schema


def run(options: SchemaOptions) -> int:
    click.echo(reference.markdown() if options.form == "markdown" else schema.text(), nl=False)
    return 0
