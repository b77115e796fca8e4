"""Cache keys: a part is rebuilt when, and only when, what it is made from has changed."""

from __future__ import annotations

import hashlib
import json
import platform
import re
from functools import cache
from pathlib import Path

from bootstrap.local.toolchain.recipes import (
    Bundled,
    GoTool,
    GoWheel,
    Provider,
    Recipe,
    Share,
    TerraformWheel,
)

MODULES = Path(__file__).parent / "modules"
SHIM = Path(__file__).parent / "terraform_shim.py"
_FORMAT = 1  # raise it when the way of building changes what comes out


def key(recipe: Recipe) -> str:
    """Twelve hex digits over everything that the result depends on: sources, settings, platform."""
    material = {
        "format": _FORMAT,
        "platform": [platform.system(), platform.machine()],
        "name": recipe.name,
        "ingredients": ingredients(recipe),
    }
    return hashlib.sha256(json.dumps(material, sort_keys=True).encode()).hexdigest()[:12]


def ingredients(recipe: Recipe) -> list[str]:
    match recipe:
        case GoTool():
            ours = [_digest(MODULES / recipe.module / file) for _, file in recipe.replaced]
            ours += map(repr, recipe.edits)
            return [recipe.package, *stamps(recipe), *_pins(recipe.module), *ours]
        case Share():
            copies = [repr(copy) for copy in recipe.copies]
            return copies + [pin for copy in recipe.copies for pin in _pins(copy.module)]
        case TerraformWheel():
            return [recipe.requirement, _digest(SHIM)]
        case GoWheel():
            return [recipe.requirement]
        case Provider():
            return [recipe.version]
        case Bundled():
            return [recipe.package, recipe.file]


def stamps(tool: GoTool) -> tuple[str, ...]:
    """The linker's `-X` settings with their holes filled."""
    if not tool.stamps:
        return ()
    version = module_version(tool.module, tool.source)
    bare = version.removeprefix("v")
    major, minor = bare.split(".")[:2]
    return tuple(text.format(version=version, bare=bare, major=major, minor=minor) for text in tool.stamps)


@cache
def module_version(module: str, source: str) -> str:
    """The version of `source` that `modules/<module>/go.mod` requires, as it stands there (`v1.34.2`)."""
    text = (MODULES / module / "go.mod").read_text()
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(source)}\s+(v\S+)", text, re.MULTILINE)
    if not found:
        raise ValueError(f"{module}/go.mod does not require {source}")
    return found[1]


def _pins(module: str) -> list[str]:
    return [_digest(MODULES / module / name) for name in ("go.mod", "go.sum")]


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
