"""Consent before something that costs money or loses data."""

from __future__ import annotations

import sys

import click

from bootstrap.commands.options import Options
from bootstrap.core.errors import UsageError


def confirm(options: Options, what: str) -> None:
    """Ask, unless `--yes` was given. Raises UsageError on a no, and where nobody can be asked."""
    if options.yes:
        return
    if not sys.stdin.isatty():
        raise UsageError("not confirmed, so nothing was touched", what, "say so with --yes")
    if not click.confirm(f"{what}\nGo on?", err=True):
        raise UsageError("not confirmed, so nothing was touched")
