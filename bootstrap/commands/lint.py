"""`bootstrap lint`: what is in Git, proven before a cluster sees it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

from bootstrap import targets
from bootstrap.commands.ask import confirm
from bootstrap.commands.options import LintOptions
from bootstrap.commands.say import say
from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.core.errors import LintError, UsageError
from bootstrap.core.redact import harmless
from bootstrap.core.text import plural
from bootstrap.gitops.model import Tree
from bootstrap.gitops.reader import Reader
from bootstrap.gitops.root import repository_root
from bootstrap.lint import draw, files, fix, graph, rules
from bootstrap.lint import run as procedure
from bootstrap.lint.order import Before
from bootstrap.lint.report import Report, as_json, junit, sarif, text
from bootstrap.lint.run import Linted

FORMS: Mapping[str, Callable[[Report], str]] = {
    "json": lambda report: _json(as_json.encode(report)),
    "sarif": lambda report: _json(sarif.encode(report)),
    "junit": junit.encode,
}


def run(options: LintOptions) -> int:
    if options.explain is not None:
        _explain(options.explain)
        return 0
    if options.dry_run and not options.fix:
        raise UsageError("--dry-run says how --fix would change files", cure="bootstrap lint --fix --dry-run")
    for path in options.graph:
        draw.form_of(path)
    linted = _lint(options)
    if options.fix and _fix(options, linted):
        linted = _lint(options)
    for path in options.graph:
        _write(path, draw.form_of(path)(_drawing(linted)))
    _tell(linted.report, options)
    return 0 if linted.report.ok else LintError.exit_code


def _lint(options: LintOptions) -> Linted:
    config = load(options.config, options.environment, values=False, made=False)
    choice = procedure.choose(options.rule, options.ignore)
    begun = time.monotonic()
    tree = Reader.of(config, targets.open_target(config)).tree()
    seconds = time.monotonic() - begun
    return procedure.lint(config, tree, choice, strict=options.strict, seconds=seconds)


def _drawing(linted: Linted) -> draw.Drawing:
    report = linted.report
    apps, waves = plural(report.applications, "Application"), plural(report.waves, "wave")
    orders = rules.constraints(linted.tree, linted.graph)
    return draw.drawing(linted.tree, linted.graph, orders, f"{report.environment}: {apps} in {waves}")


def _explain(rule: str) -> None:
    _print(text.explain(procedure.named(rule)) if rule else text.catalogue(procedure.RULES))


def _tell(report: Report, options: LintOptions) -> None:
    """The chosen form to its file, where one is named, and then words to stdout; else to stdout alone."""
    form = FORMS.get(options.output)
    if form and not options.output_file:
        say(form(report), nl=False)
        return
    console = Console()
    lines = text.render(
        report, console.width if console.is_terminal else text.ENDLESS, verbose=options.verbose
    )
    if options.output_file:
        words = "".join(f"{line.plain}\n" for line in text.render(report, verbose=options.verbose))
        _write(options.output_file, harmless(form(report) if form else words))
    _print(lines)


def _print(lines: Iterable[Text]) -> None:
    """In one piece, and not by rich itself: it ends the process when nobody reads on."""
    console = Console()
    with console.capture() as styled:
        for line in lines:
            line.plain = harmless(line.plain)
            console.print(line, soft_wrap=True, highlight=False)
    click.echo(styled.get(), nl=False, color=console.is_terminal)


def _write(path: Path, content: str) -> None:
    """The name of a file in Git need not be UTF-8: what is none becomes `?`, as in a terminal."""
    try:
        path.write_text(content, encoding="utf-8", errors="replace")
    except OSError as error:
        raise UsageError(f"{path} cannot be written", error.strerror or str(error)) from error


def _json(data: object) -> str:
    return json.dumps(data, ensure_ascii=False, indent=2) + "\n"


def _fix(options: LintOptions, linted: Linted) -> bool:
    """Show and, where it is wanted, make the changes; whether anything was changed."""
    config = load(options.config, options.environment, values=False, made=False)
    root = repository_root(config.gitops.checkout)
    tree = _exact(linted.tree, root)
    planned = fix.plan(tree, _orders, _settings(config, options.config, root))
    if not planned.moves:
        say("every wave number is in a valid order: nothing to renumber", err=True)
        return False
    say(files.diff(planned.changes), nl=False, err=options.output != "text")
    for line in planned.by_hand:
        say(f"to do by hand: {line}", err=True)
    if options.dry_run:
        return False
    moved = plural(len(planned.moves), "Application")
    confirm(options, f"This gives {moved} another wave and changes {plural(len(planned.changes), 'file')}.")
    files.write(root, planned.changes)
    return True


def _orders(tree: Tree) -> tuple[Before[str], ...]:
    return rules.constraints(tree, graph.build(tree))


def _exact(tree: Tree, root: Path) -> Tree:
    """With the files' own line ends, which a reader of YAML need not keep."""
    return replace(tree, files={path: files.read(root / path) for path in tree.files})


def _settings(config: Environment, path: Path, root: Path) -> fix.Settings:
    inside = Path(os.path.relpath(path.resolve(), root)).as_posix()
    return fix.Settings(inside, files.read(path), config.gitops.path, config.eso.application)
