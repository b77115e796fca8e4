"""The way out for words of a command. What stands in them may come from files that anybody wrote."""

from __future__ import annotations

import click

from bootstrap.core.redact import harmless


def say(text: str, *, err: bool = False, nl: bool = True) -> None:
    """To stdout, or to stderr, without what a terminal would obey and without credentials of URLs."""
    click.echo(harmless(text), err=err, nl=nl)
