"""Terraform's commands, their arguments built by python-terraform, their processes run by us.

python-terraform cannot stream (`synchronous=False` fails), takes no environment and puts `-force` into
destroy; its argument builder is sound, so that part is used and the rest is here.
"""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from python_terraform import IsFlagged
from python_terraform import Terraform as PythonTerraform

from bootstrap.core.clock import Clock
from bootstrap.core.errors import BootstrapError, Interrupted, ToolError
from bootstrap.core.foreign import parse_json
from bootstrap.terraform.creations import Creations, creations
from bootstrap.terraform.explain import explain
from bootstrap.terraform.messages import Diagnostic, Hidden, Message, Plain, Planned, Summary, parse
from bootstrap.terraform.process import Command, Ended, Listener, capture, follow
from bootstrap.terraform.provider_log import provider_log
from bootstrap.terraform.refusals import Refusals
from bootstrap.terraform.workspace import ERRORED_STATE, IMPORTS

CURE_TOOL = "install Terraform 1.10 or later, then run: bootstrap doctor"
T = TypeVar("T")

_PLAN = "bootstrap.tfplan"
_SHORT = 300.0  # seconds for commands that only read or write the state


@dataclass(frozen=True)
class Planning:
    """What a plan said. `changes` are in Terraform's order."""

    changes: tuple[Planned, ...]
    summary: Summary
    needed: bool  # whether applying it does anything, outputs included


@dataclass(frozen=True)
class Terraform:
    """One root module in its working copy. Every method raises ToolError, TemporaryError, LockedError or,

    after a clean stop, Interrupted. `listen` hears every message while it comes, `started` each process id;
    `log` keeps the raw stream. `descriptors` are inherited, `enough` says when to give up.
    """

    binary: Path
    folder: Path
    environment: Mapping[str, str]
    log: Path
    clock: Clock
    cancel: threading.Event
    listen: Callable[[Message], None]
    started: Callable[[int], None]
    descriptors: tuple[int, ...] = ()
    enough: Callable[[], bool] = lambda: False

    def init(self, backend: Mapping[str, str]) -> None:
        """Providers, modules and the backend. `-reconfigure`: the state is never moved between backends."""
        settings = dict(backend) or None
        self._stream("init", backend_config=settings, reconfigure=IsFlagged)

    def plan(
        self,
        parallelism: int,
        replace: Sequence[str] = (),
        *,
        only: Sequence[str] = (),
        refresh: bool = True,
    ) -> Planning:
        """What is to change, kept for `apply`. What stands at the addresses `replace` is made anew.

        With `only`, what does not stand there, nor is needed by what does, is left out. Without `refresh`
        only the state is asked what there is.
        """
        addresses = {"replace": list(replace), "target": list(only)}
        chosen = {option: value for option, value in addresses.items() if value}
        return self._plan(out=_PLAN, parallelism=parallelism, refresh=refresh, **chosen)

    def creations(self) -> Creations:
        """What the kept plan is going to make."""
        return self._told(creations, "show", _PLAN)

    def imports(self, addresses: Mapping[str, str]) -> None:
        """Have the plans from now on take these over, and no others: the id in AWS, by address."""
        blocks = (f"import {{\n  to = {to}\n  id = {json.dumps(id_)}\n}}\n" for to, id_ in addresses.items())
        (self.folder / IMPORTS).write_text("\n".join(blocks), encoding="utf-8")

    def force_unlock(self, lock: str) -> None:
        """Break the state lock of that id."""
        self._capture("force-unlock", lock, force=IsFlagged)

    def preview(self, parallelism: int) -> Planning:
        """What would change; the state is not locked and nothing is kept."""
        return self._plan(lock=False, parallelism=parallelism)

    def _plan(self, **options: object) -> Planning:
        heard: list[Message] = []
        code = self._watched(Refusals(), "plan", heard.append, (0, 2), detailed_exitcode=IsFlagged, **options)
        changes = tuple(message for message in heard if isinstance(message, Planned))
        summaries = [message for message in heard if isinstance(message, Summary)]
        return Planning(changes, summaries[-1] if summaries else Summary("plan", 0, 0, 0), code == 2)

    def apply(self, parallelism: int, refusals: Refusals) -> None:
        """Make exactly the changes of the last `plan`. The plan holds values, so it does not stay.

        Raises Shortage, after a stop with the state saved, when EC2 has had no room for a machine for long.
        """
        try:
            self._watched(refusals, "apply", None, (0,), _PLAN, parallelism=parallelism)
        finally:
            (self.folder / _PLAN).unlink(missing_ok=True)

    def destroy(self, parallelism: int) -> int:
        """Remove everything in the state; how many resources that were."""
        heard: list[Message] = []
        self._watched(Refusals(), "destroy", heard.append, auto_approve=IsFlagged, parallelism=parallelism)
        summaries = (message for message in heard if isinstance(message, Summary))
        return sum(summary.remove for summary in summaries if summary.operation == "destroy")

    def outputs(self) -> dict[str, Any]:
        """All outputs, sensitive ones too: they stay in memory."""
        told: dict[str, Any] = self._told(parse_json, "output")
        return {name: output["value"] for name, output in told.items()}

    def _told(self, read: Callable[[str], T], *words: str) -> T:
        """What a command of Terraform says as JSON. Raises ToolError."""
        text = self._capture(*words, json=IsFlagged)
        try:
            return read(text)
        except ValueError as error:
            raise ToolError(f"what `terraform {words[0]}` said cannot be read", str(error)) from error

    def rescue_state(self) -> bool:
        """Upload a state that an earlier run could not; whether there was one.

        Terraform refuses a state that is older than what is there, and so do we: nothing is forced.
        """
        errored = self.folder / ERRORED_STATE
        if not errored.is_file():
            return False
        self._capture("state push", ERRORED_STATE)
        errored.unlink()
        return True

    def _watched(
        self,
        refusals: Refusals,
        operation: str,
        hear: Callable[[Message], None] | None = None,
        ok: tuple[int, ...] = (0,),
        *arguments: str,
        **options: object,
    ) -> int:
        """Like `_stream`; what the provider hides is heard as well, and ends it when it will not pass."""

        def enough() -> bool:
            for what in refusals.hear(log.news(), self.clock.monotonic()):
                self.listen(Hidden(what, refusals.message))
            return refusals.hopeless

        with provider_log() as log:
            environment = {**self.environment, **log.environment}
            told = replace(self, environment=environment, descriptors=(log.descriptor,), enough=enough)
            try:
                return told._stream(operation, hear, ok, *arguments, **options)
            except Interrupted:
                raise
            except BootstrapError as error:
                enough()
                if better := refusals.verdict(str(error)):
                    raise better from error
                raise

    def _stream(
        self,
        operation: str,
        hear: Callable[[Message], None] | None = None,
        ok: tuple[int, ...] = (0,),
        *arguments: str,
        **options: object,
    ) -> int:
        diagnostics: list[Diagnostic] = []
        plain: list[str] = []

        def on_line(line: str) -> None:
            message = parse(line)
            if message is None:
                return
            if isinstance(message, Diagnostic):
                diagnostics.append(message)
            elif isinstance(message, Plain):
                plain.append(message.text)
            if hear:
                hear(message)
            self.listen(message)

        command = self._command(operation, *arguments, json=IsFlagged, input=False, **options)
        ended = self._follow(command, Listener(on_line, self.started, self.enough))
        if ended.code in ok and not (ended.interrupted and operation == "plan"):
            return ended.code
        if ended.interrupted:
            raise Interrupted(
                f"terraform {operation} was interrupted; it stopped cleanly and saved its state"
            )
        raise explain(operation, diagnostics, plain, self.folder, self.clock.now())

    def _follow(self, command: Command, listener: Listener) -> Ended:
        try:
            return follow(command, self.log, listener, self.clock, self.cancel)
        except OSError as error:
            raise self._cannot_start(error) from error

    def _capture(self, operation: str, *arguments: str, **options: object) -> str:
        try:
            ended = capture(self._command(operation, *arguments, **options), _SHORT)
        except subprocess.TimeoutExpired as error:
            why = f"no answer within {_SHORT:.0f} s"
            raise ToolError(f"terraform {operation} hung", why, "check the network, then go on") from error
        except OSError as error:
            raise self._cannot_start(error) from error
        if ended.returncode:
            plain = [text for line in ended.stderr.splitlines() if (text := line.strip(" ╷│╵"))]
            raise explain(operation, (), plain, self.folder, self.clock.now())
        return ended.stdout

    def _command(self, operation: str, *arguments: str, **options: object) -> Command:
        # No working folder: the constructor would read a state file there.
        builder = PythonTerraform(working_dir=os.devnull, terraform_bin_path=str(self.binary))
        built = builder.generate_cmd_string(operation, *arguments, no_color=IsFlagged, **options)
        return Command(tuple(built), self.folder, self.environment, self.descriptors)

    def _cannot_start(self, error: OSError) -> ToolError:
        return ToolError(f"cannot run {self.binary}", error.strerror or str(error), CURE_TOOL)
