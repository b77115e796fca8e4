"""What import-linter (pyproject.toml) cannot hold of the house, read from every module's syntax tree."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "bootstrap"

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# What everything else is made of, and what of ours it may import.
ALONE: dict[str, tuple[str, ...]] = {
    "bootstrap.core.errors": (),
    "bootstrap.core.clock": (),
    "bootstrap.core.duration": (),
    "bootstrap.core.redact": (),
    "bootstrap.run.events": (),
    "bootstrap.config.fields": ("bootstrap.core.duration",),
    "bootstrap.config.model": ("bootstrap.config.fields",),
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


@cache
def tree_of(module: str) -> ast.AST:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def uses(module: str) -> list[tuple[str, int]]:
    return list(imports(module, tree_of(module)))


@pytest.mark.parametrize("module", ALONE)
def test_what_all_are_made_of_stands_alone(module: str) -> None:
    ours = {base for base, _ in uses(module) if base in MODULES} - {"bootstrap.config", "bootstrap.core"}
    assert ours <= set(ALONE[module])


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
        if (isinstance(node, ast.Attribute) and node.attr == "exit" and ast.unparse(node) == "sys.exit")
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
