"""The layers of the house, read from every module's syntax tree: imports in functions count too.

cli → commands → runner, render, report → plan → steps → terraform, kubernetes, aws → errors
targets → local; nobody else knows the local platform.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bootstrap"

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

LOCAL = "bootstrap.local"
# The composition root of the local platform, and the platform itself.
KNOW_LOCAL = ("bootstrap.local", "bootstrap.targets.local")

_ROOMS = tuple(
    name for name in MODULES if name.count(".") and name not in {"bootstrap.config", "bootstrap.core"}
)

# What a layer must not import, besides the local platform.
FORBIDDEN: dict[str, tuple[str, ...]] = {
    "bootstrap.core.errors": ("bootstrap",),
    "bootstrap.core.clock": ("bootstrap",),
    "bootstrap.run.events": ("bootstrap",),
    "bootstrap.core.redact": ("bootstrap",),
    "bootstrap.core.duration": ("bootstrap",),
    # The model knows the types of its fields, and they the spelling of durations.
    "bootstrap.config.model": tuple(each for each in _ROOMS if each not in {"bootstrap.config.fields"}),
    "bootstrap.config.fields": tuple(each for each in _ROOMS if each not in {"bootstrap.core.duration"}),
    "bootstrap.kubernetes": (
        *("bootstrap.steps", "bootstrap.plan", "bootstrap.run.runner", "bootstrap.targets", "bootstrap.aws"),
        *("bootstrap.render", "bootstrap.commands", "bootstrap.cli", "bootstrap.render.report"),
    ),
    "bootstrap.diagnosis": (
        *("bootstrap.steps", "bootstrap.plan", "bootstrap.run.runner", "bootstrap.targets", "bootstrap.aws"),
        *(
            "bootstrap.render",
            "bootstrap.commands",
            "bootstrap.cli",
            "bootstrap.render.report",
            "bootstrap.lint",
        ),
    ),
    "bootstrap.aws": (
        *(
            "bootstrap.steps",
            "bootstrap.plan",
            "bootstrap.run.runner",
            "bootstrap.targets",
            "bootstrap.kubernetes",
        ),
        *("bootstrap.render", "bootstrap.commands", "bootstrap.cli", "bootstrap.render.report"),
    ),
    "bootstrap.terraform": (
        "bootstrap.steps",
        "bootstrap.plan",
        "bootstrap.run.runner",
        "bootstrap.kubernetes",
    ),
    "bootstrap.steps": (
        *("bootstrap.run.runner", "bootstrap.targets.aws", "bootstrap.targets.local", "bootstrap.render"),
        *("bootstrap.commands", "bootstrap.cli", "bootstrap.render.report"),
    ),
    "bootstrap.plan": (
        "bootstrap.run.runner",
        "bootstrap.targets.aws",
        "bootstrap.render",
        "bootstrap.commands",
    ),
    "bootstrap.run.runner": ("bootstrap.steps", "bootstrap.render", "bootstrap.commands", "bootstrap.cli"),
    "bootstrap.render": ("bootstrap.steps", "bootstrap.run.runner", "bootstrap.commands", "bootstrap.cli"),
    "bootstrap.local": ("bootstrap.run.runner", "bootstrap.commands", "bootstrap.cli", "bootstrap.render"),
}

# Imported by `--help`: these load nothing that takes time.
LIGHT = (
    "bootstrap",
    "bootstrap.__main__",
    "bootstrap.cli",
    "bootstrap.commands",
    "bootstrap.commands.options",
)


def below(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def imports(module: str, tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every module imported anywhere in the tree, absolute, with the line. `from a import b` may mean a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(module, node)
            yield base, node.lineno
            yield from ((f"{base}.{alias.name}", node.lineno) for alias in node.names)


def _base(module: str, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    is_package = MODULES[module].name == "__init__.py"
    parts = module.split(".")[: len(module.split(".")) - node.level + (1 if is_package else 0)]
    return ".".join([*parts, *([node.module] if node.module else [])])


def tree_of(module: str) -> ast.AST:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def uses(module: str) -> list[tuple[str, int]]:
    return list(imports(module, tree_of(module)))


def test_the_walk_sees_modules() -> None:
    assert {"bootstrap.run.runner", "bootstrap.steps.terraform", "bootstrap.local"} <= MODULES.keys()
    assert "bootstrap.steps.access" in {name for name, _ in uses("bootstrap.plan")}, "imports in functions"


@pytest.mark.parametrize(
    "module", [name for name in MODULES if not any(below(name, who) for who in KNOW_LOCAL)]
)
def test_nobody_but_its_target_knows_the_local_platform(module: str) -> None:
    assert [use for use in uses(module) if below(use[0], LOCAL)] == []


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_lower_layers_do_not_import_upper_ones(layer: str) -> None:
    found = [
        (module, line, name)
        for module in MODULES
        if below(module, layer)
        for name, line in uses(module)
        if any(below(name, other) for other in FORBIDDEN[layer]) and not below(name, layer)
    ]
    assert found == []


@pytest.mark.parametrize("module", MODULES)
def test_only_entry_points_end_the_process_and_only_words_are_printed_there(module: str) -> None:
    """`sys.exit`, `exit` and `raise SystemExit` are for `cli` and for processes of their own (`__main__`)."""
    if module == "bootstrap.cli" or module.endswith(".__main__"):
        return
    tree = tree_of(module)
    caught = {  # to catch somebody else's exit is not to end the process
        name
        for handler in ast.walk(tree)
        if isinstance(handler, ast.ExceptHandler) and handler.type
        for name in ast.walk(handler.type)
    }
    exits = [
        node.lineno
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and ast.unparse(node) == "sys.exit")
        or (isinstance(node, ast.Name) and node.id in {"exit", "quit", "SystemExit"} and node not in caught)
    ]
    assert exits == []


@pytest.mark.parametrize("module", LIGHT)
def test_help_needs_only_click_and_the_standard_library(module: str) -> None:
    """At module level; what a command needs it imports when it runs."""
    tree = tree_of(module)
    assert isinstance(tree, ast.Module)
    top = ast.Module([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)], [])
    light = (*LIGHT, "click")
    heavy = [
        name
        for name, _ in imports(module, top)
        if name.partition(".")[0] not in sys.stdlib_module_names
        and not any(name == each or name.startswith("click.") for each in light)
        and name.rpartition(".")[0] not in light
    ]
    assert heavy == []


@pytest.mark.parametrize("module", [name for name in MODULES if below(name, "bootstrap.steps")])
def test_steps_do_not_print_or_ask_which_target_they_run_on(module: str) -> None:
    bad = [
        node.lineno
        for node in ast.walk(tree_of(module))
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print")
        or (isinstance(node, ast.Compare) and "target.name" in ast.unparse(node))
        or (isinstance(node, ast.Compare) and "config.target" in ast.unparse(node))
    ]
    assert bad == []
