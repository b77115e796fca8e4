"""What the command line said, for every command alike."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

DEFAULT_CONFIG = "bootstrap.yaml"
DEFAULT_ENVIRONMENT = "local"


@dataclass(frozen=True)
class Options:
    """`output` is text or json; `save_screen` is where the final picture goes as SVG.

    `ttl` is how long what `up` makes is to live, such as "8h".
    `fault` are the faults that `up` rehearses, NAME or NAME@WAVE.
    `take_over` and `force_unlock` (the id of a Terraform lock) are the user's word where proof is missing.
    """

    config: Path = Path(DEFAULT_CONFIG)
    environment: str = DEFAULT_ENVIRONMENT
    output: str = "text"
    yes: bool = False
    save_screen: Path | None = None
    fault: tuple[str, ...] = ()
    take_over: bool = False
    force_unlock: str = ""
    ttl: str = ""

    def command(self, name: str) -> str:
        """The command line that runs another command on the same environment."""
        words = ["bootstrap"]
        if self.config != Path(DEFAULT_CONFIG):
            words += ["--config", str(self.config)]
        words.append(name)
        if self.environment != DEFAULT_ENVIRONMENT:
            words += ["--environment", self.environment]
        return shlex.join(words)


@dataclass(frozen=True)
class LintOptions(Options):
    """`output` may also be sarif or junit; it goes to `output_file`, where one is named.

    `explain` is a rule, "" for all of them, None for a lint. `graph` are files to draw. `rule` and `ignore`
    choose rules; `strict` lets warnings fail. `fix` renumbers waves, with `dry_run` it only shows how.
    """

    output_file: Path | None = None
    explain: str | None = None
    fix: bool = False
    dry_run: bool = False
    graph: tuple[Path, ...] = ()
    rule: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    strict: bool = False
    verbose: bool = False


@dataclass(frozen=True)
class DiagnoseOptions(Options):
    """`wave` and `app` narrow what is asked about; `save_picture` keeps what was read, `picture` is read
    instead of the cluster."""

    wave: int | None = None
    app: str = ""
    save_picture: Path | None = None
    picture: Path | None = None


@dataclass(frozen=True)
class UpOptions(Options):
    """`from_backup` is an id or "latest", empty for a start from nothing; `gitops_only` leaves etcd empty.
    `other_account` and `other_region`: the backup may be of somewhere else."""

    from_backup: str = ""
    gitops_only: bool = False
    other_account: bool = False
    other_region: bool = False

    def command(self, name: str) -> str:
        if name != "up" or not self.from_backup:
            return super().command(name)
        flags = ("gitops_only", "other_account", "other_region")
        chosen = [f"--{flag.replace('_', '-')}" for flag in flags if getattr(self, flag)]
        return shlex.join([*shlex.split(super().command(name)), "--from-backup", self.from_backup, *chosen])


@dataclass(frozen=True)
class BackupOptions(Options):
    """`list`: only show which there are."""

    list: bool = False


@dataclass(frozen=True)
class ReapOptions(Options):
    """`dry_run` only shows what there is."""

    dry_run: bool = False


@dataclass(frozen=True)
class RotateOptions(Options):
    """Which secrets are made anew: by `names`, `all`, or those `due`. `back`: their earlier values again.
    `restart`: the workloads that use them."""

    names: tuple[str, ...] = ()
    all: bool = False
    due: bool = False
    back: bool = False
    restart: bool = False

    def command(self, name: str) -> str:
        chosen = [f"--{flag}" for flag in ("all", "due", "back", "restart") if getattr(self, flag)]
        more = [*self.names, *chosen] if name == "rotate" else []
        return shlex.join([*shlex.split(super().command(name)), *more])


@dataclass(frozen=True)
class DrillOptions(Options):
    """`junit` is a file to write; `keep` leaves an environment that failed to be looked at."""

    junit: Path | None = None
    keep: bool = False


@dataclass(frozen=True)
class SchemaOptions(Options):
    """`form` is json or markdown."""

    form: str = "json"
