"""Runs a plan for a command: run folder, readers, interrupts, report, last words."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from rich.console import Console

from bootstrap.commands.options import Options
from bootstrap.commands.say import say
from bootstrap.config.files import read_value
from bootstrap.config.model import Environment
from bootstrap.config.seeds import FileTooLarge
from bootstrap.config.withheld import withheld
from bootstrap.core.clock import Clock, SystemClock
from bootstrap.core.errors import Interrupted, PreflightError, Problem
from bootstrap.core.interrupts import on_interrupt
from bootstrap.core.lock import held
from bootstrap.core.redact import Secrets
from bootstrap.render import receipt, report
from bootstrap.render.jsonlines import JsonLines
from bootstrap.render.live import LiveView, save_svg, show_final
from bootstrap.render.plain import PlainLines
from bootstrap.render.summary import summary
from bootstrap.render.view import RunView, see
from bootstrap.run import folder as runfolder
from bootstrap.run.context import Context, Force
from bootstrap.run.emitter import Emitter
from bootstrap.run.events import Reader, Stamped
from bootstrap.run.runner import Runner
from bootstrap.run.step import Plan
from bootstrap.run.target import Target

SHOW_CURSOR = b"\x1b[?25h"


class ViewBuilder:
    """A reader of events that builds the view of the run, for summary and report."""

    def __init__(self) -> None:
        self.view = RunView()

    def __call__(self, stamped: Stamped) -> None:
        self.view = see(self.view, stamped)


@dataclass(frozen=True)
class _Run:
    """One run of a plan: its folder, its view, and the command that would run it again."""

    plan: Plan
    config: Environment
    target: Target
    options: Options
    folder: Path
    clock: Clock
    builder: ViewBuilder

    @property
    def again(self) -> str:
        return self.options.command(self.plan.command)


@dataclass(frozen=True)
class RunResult:
    """How a run ended: its exit code, and all that it told."""

    code: int
    view: RunView


def execute(
    plan: Plan, config: Environment, target: Target, options: Options, following: Sequence[str]
) -> int:
    """Run the plan and tell about it; the exit code. As `perform`."""
    return perform(plan, config, target, options, following).code


def perform(
    plan: Plan, config: Environment, target: Target, options: Options, following: Sequence[str] = ()
) -> RunResult:
    """Run the plan and tell about it. `following` are commands to suggest after a success.

    Raises LockedError when another run holds the environment: then nothing has been touched.
    """
    clock = SystemClock()
    with ExitStack() as stack:
        try:
            lock = held(
                config.work / "locks" / f"{config.name}.lock", f"bootstrap {plan.command}", clock.now()
            )
            stack.enter_context(lock)
            folder = runfolder.create(config, clock.now())
        except OSError as error:
            raise _no_place(config.work, error) from error
        run = _Run(plan, config, target, options, folder, clock, ViewBuilder())
        code = _run(run)
        _tell(run, following)
    return RunResult(code, run.builder.view)


def _no_place(work: Path, error: OSError) -> PreflightError:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    cure = f"free space on the disk of {work}" if full else f"make {work.parent} writable"
    problem = Problem(str(error.filename or work), error.strerror or str(error), cure)
    return PreflightError("a run has to keep its state and reports", [problem])


def _run(run: _Run) -> int:
    secrets = Secrets()
    with ExitStack() as stack:
        supplied = stack.enter_context(withheld(run.config))
        secrets.add(*known_secrets(run.config, {**os.environ, **supplied}))
        log = (run.folder / "events.jsonl").open("w", encoding="utf-8")
        stack.callback(_close, log)
        screen = stack.enter_context(_screen(run.options, run.clock))
        emit = Emitter(run.clock, secrets, (run.builder, JsonLines(log), *screen.readers))
        context = Context(
            run.config,
            run.target,
            run.clock,
            emit,
            threading.Event(),
            run.folder,
            secrets=secrets,
            force=Force(run.options.take_over, run.options.force_unlock),
            command=run.again,
            ttl=run.options.ttl,
            supplied=supplied,
        )
        runner = Runner(run.plan, context, run=run.folder.name, resume=run.again)
        with on_interrupt(runner.interrupt, lambda: _stop_at_once(run.again)), context.closing:
            return runner.run().exit_code


def _close(log: TextIO) -> None:
    """What a full disk did not take was told when it was written; it must not end the run a second time."""
    with suppress(OSError):
        log.close()


class _Screen(ExitStack):
    """The reader for the person or the machine that looks on."""

    readers: tuple[Reader, ...] = ()


def _screen(options: Options, clock: Clock) -> _Screen:
    screen = _Screen()
    console = Console(stderr=True)
    if options.output == "json":
        screen.readers = (JsonLines(sys.stdout),)
    elif _can_draw(console):
        screen.readers = (screen.enter_context(LiveView(console, clock)),)
    else:
        screen.readers = (PlainLines(sys.stderr),)
    return screen


def _can_draw(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")


def _stop_at_once(again: str) -> None:
    """The second Ctrl-C. In a signal handler, and with threads at work: nothing may be waited for."""
    if sys.stderr.isatty():
        os.write(2, SHOW_CURSOR)
    os.write(2, f"\nstopped at once; to go on where it stopped: {again}\n".encode())
    os._exit(Interrupted.exit_code)


def _tell(run: _Run, following: Sequence[str]) -> None:
    """Reports, the saved screen, the last words. A full disk now must not hide how the run ended."""
    view, options = run.builder.view, run.options
    page: Path | None = None
    troubles = []
    try:
        page = _short(report.write(view, run.folder))
        if run.plan.command == "down":
            page = _short(receipt.write(view, run.folder))
        if options.save_screen:
            save_svg(view, options.save_screen)
    except OSError as error:
        troubles.append(f"  could not be written: {error.filename or run.folder}: {error.strerror}")
    if options.output == "json":
        return
    console = Console(stderr=True)
    if _can_draw(console):
        show_final(console, view)
    for line in (*summary(view, page, following), *troubles):
        say(line, err=True)


def _short(path: Path) -> Path:
    """Relative to where the user stands, when it lies below."""
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def known_secrets(config: Environment, environ: Mapping[str, str]) -> Iterator[str]:
    """What is secret before any step has run: supplied seeds and the caller's own credentials."""
    for seed in config.seeds:
        if seed.from_env and seed.from_env in environ:
            yield environ[seed.from_env]
        if seed.from_file:
            with suppress(OSError, ValueError, FileTooLarge):
                yield read_value(seed.from_file)
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        # Placeholders such as "test" are no secrets, and occur in every other message.
        if len(environ.get(name, "")) >= 16:
            yield environ[name]
