"""`bootstrap doctor`: is this machine fit? Every check, and for every failed one its cure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict

from bootstrap import targets
from bootstrap.checks import doctor
from bootstrap.checks.model import Check
from bootstrap.commands.options import Options
from bootstrap.commands.say import say
from bootstrap.config.load import load
from bootstrap.core.errors import PreflightError
from bootstrap.core.text import plural, table

FORMAT = 1  # of the JSON form


def run(options: Options) -> int:
    config = load(options.config, options.environment, values=False)
    target = targets.open_target(config)
    client = target.client if target.exists() else None
    checks = doctor.run_checks(config, target.shown.probes, client)
    ok = all(check.ok for check in checks)
    data = {"version": FORMAT, "ok": ok, "checks": [asdict(check) for check in checks]}
    say(json.dumps(data) if options.output == "json" else render(checks))
    return 0 if ok else PreflightError.exit_code


def render(checks: Sequence[Check]) -> str:
    """A line a check, the cure below a failed one, and a verdict."""
    lines = []
    rows = table((("✓" if check.ok else "✗"), check.name, check.detail) for check in checks)
    for line, check in zip(rows, checks, strict=True):
        lines.append(line)
        if not check.ok and check.cure:
            lines.append(f"      cure: {check.cure}")
    failed = sum(not check.ok for check in checks)
    lines.append(
        f"{plural(failed, 'check')} failed" if failed else f"all {plural(len(checks), 'check')} passed"
    )
    return "\n".join(lines)
