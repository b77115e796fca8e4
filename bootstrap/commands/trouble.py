"""How an error that ends a command is told: words on stderr, or one JSON object on stdout."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from bootstrap.commands.say import say
from bootstrap.core.errors import BootstrapError, ProblemsError


def tell(error: BootstrapError, output: str) -> None:
    if output == "json":
        say(json.dumps(encode(error), ensure_ascii=False))
    else:
        say(render(error), err=True)


def encode(error: BootstrapError) -> dict[str, Any]:
    problems = error.problems if isinstance(error, ProblemsError) else ()
    return {
        "type": "error",
        "kind": type(error).__name__,
        "exit_code": error.exit_code,
        "what": error.what,
        "why": "" if problems else error.why,
        "cure": error.cure,
        "problems": [asdict(problem) for problem in problems],
    }


def render(error: BootstrapError) -> str:
    if isinstance(error, ProblemsError):
        lines = [f"error: {error.what}", *(f"  - {problem}" for problem in error.problems)]
    else:
        lines = [f"error: {error.what}", *([f"  why: {error.why}"] if error.why else [])]
    return "\n".join([*lines, *([f"  cure: {error.cure}"] if error.cure else [])])
