"""Consent before something that costs money or loses data."""

from __future__ import annotations

import sys

import click

from bootstrap.commands.options import Options
from bootstrap.errors import UsageError


def confirm(options: Options, what: str) -> None:
    """Ask, unless `--yes` was given. Raises UsageError where nobody can be asked, click.Abort on a no."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("not confirmed", what, "say so with --yes")
    click.confirm(f"{what}\nGo on?", abort=True, err=True)
