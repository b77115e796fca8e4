"""The command line. Each command is a module of `commands/`, imported only when it runs, so that
`--help` is quick. The only place of the product that ends the process (`main`)."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, TextIO, TypeVar

import click

from bootstrap import __version__
from bootstrap.commands.options import (
    DEFAULT_CONFIG,
    DEFAULT_ENVIRONMENT,
    BackupOptions,
    DiagnoseOptions,
    DrillOptions,
    LintOptions,
    Options,
    ReapOptions,
    RotateOptions,
    SchemaOptions,
    UpOptions,
)

F = TypeVar("F", bound=Callable[..., Any])

INTERRUPTED = 130

EXIT_CODES = """\b
Exit codes:
  0    success
  1    a defect of bootstrap itself: please report it
  2    wrong usage or configuration; nothing was touched
  3    refused by preflight or doctor; nothing was touched
  4    a deadline ran out
  5    something will not heal by itself
  6    another run holds the environment
  7    `down` could not remove everything
  8    a program that was run (terraform, helm, …) failed
  9    lint found errors in what is in Git; nothing was touched
  10   a drill was well, but slower than usual
  130  interrupted; the same command goes on where it stopped
"""


def _common(function: F, forms: Sequence[str] = ("text", "json")) -> F:
    """The options that every command has; they may also stand before the command."""
    function = click.option(
        "--output",
        type=click.Choice(forms),
        default="text",
        show_default=True,
        help="Words for people, or JSON on stdout.",
    )(function)
    return click.option(
        "-e",
        "--environment",
        default=DEFAULT_ENVIRONMENT,
        show_default=True,
        help="Environment of the configuration file.",
    )(function)


@click.group(
    epilog=EXIT_CODES, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="bootstrap")
@_common
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    default=DEFAULT_CONFIG,
    show_default=True,
    help="Configuration file.",
)
@click.pass_context
def cli(context: click.Context, /, config: Path, **common: str) -> None:
    """One command from an empty AWS account, or no account at all, to a healthy GitOps-run cluster."""
    context.obj = config
    context.default_map = dict.fromkeys(cli.commands, common)


def _changing(function: F) -> F:
    """The options of commands that change something."""
    function = click.option(
        "--save-screen",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Save the final picture of the run as an SVG file.",
    )(function)
    function = click.option(
        "--force-unlock",
        metavar="ID",
        default="",
        help="Break the Terraform state lock of that id, whose owner you know to be dead.",
    )(function)
    function = click.option(
        "--take-over",
        is_flag=True,
        help="Take the environment from the run that holds it; that run stops.",
    )(function)
    return click.option("-y", "--yes", is_flag=True, help="Do not ask before changing anything.")(function)


def _rebuilding(function: F) -> F:
    """What else a rebuild from a backup can be told."""
    function = click.option("--other-region", is_flag=True, help="The backup may be of another region.")(
        function
    )
    function = click.option("--other-account", is_flag=True, help="The backup may be of another account.")(
        function
    )
    return click.option(
        "--gitops-only", is_flag=True, help="Only secrets come from the backup; Git fills an empty etcd."
    )(function)


@cli.command()
@_common
@_changing
@click.option(
    "--fault",
    multiple=True,
    metavar="NAME[@WAVE]",
    help="Rehearse what goes wrong in the field (local platform only); `--fault list` shows what there is.",
)
@click.option("--ttl", default="", help="How long it is to live, such as 8h; then `reap` removes it.")
@click.option("--from-backup", metavar="ID", default="", help="Rebuild from that backup, or `latest`.")
@_rebuilding
@click.pass_obj
def up(config: Path, /, **options: Any) -> int:
    """Bring the environment up, or prove that it is up, wave by wave to Healthy.

    Run it again after a failure or an interrupt: it looks at what is there and goes on. Every run leaves its
    event log and its report below .bootstrap/runs/ENVIRONMENT/.

    With --fault an Application that fails is laid over the tree, never over your files; the next `up`
    without it takes that away again.
    """
    return _run("up", UpOptions(config, **options))


@cli.command()
@_common
@_changing
@click.option(
    "--from", "from_backup", metavar="ID", default="latest", show_default=True, help="Which backup."
)
@_rebuilding
@click.pass_obj
def restore(config: Path, /, **options: Any) -> int:
    """Rebuild the environment from a backup onto an empty account: the same as up --from-backup.

    Refuses, before anything is touched, a backup that is damaged, cannot be opened or is of somewhere else,
    and an environment that is not empty. At the end secrets and objects are compared with the backup.
    """
    return _run("up", UpOptions(config, **options))


@cli.command()
@_common
@click.option("--list", "list", is_flag=True, help="Only show which backups there are.")
@click.pass_obj
def backup(config: Path, /, **options: Any) -> int:
    """Back up etcd, secrets, configuration and revision to S3, encrypted on this machine.

    The newest `backup.keep` stay. `down` leaves them in place unless teardown.backups is remove.
    """
    return _run("backup", BackupOptions(config, **options))


@cli.command()
@_common
@_changing
@click.pass_obj
def down(config: Path, /, **options: Any) -> int:
    """Remove everything of the environment, and nothing else."""
    return _run("down", Options(config, **options))


@cli.command()
@_common
@_changing
@click.option(
    "--ttl", default="", help="How long it is to live should this machine die (default: drill.ttl)."
)
@click.option(
    "--junit", type=click.Path(path_type=Path, dir_okay=False), help="Write JUnit XML to that file."
)
@click.option("--keep", is_flag=True, help="Leave an environment that failed, to look at.")
@click.pass_obj
def drill(config: Path, /, **options: Any) -> int:
    """Make the environment, check it, remove it: up, your own smoke checks, down.

    Every drill is kept below .bootstrap/drills/ENVIRONMENT/ and compared with earlier ones: recovery time
    (RTO), each wave, the way back.
    """
    return _run("drill", DrillOptions(config, **options))


@cli.command()
@_common
@click.option("--dry-run", is_flag=True, help="Only show what there is and what has expired.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before changing anything.")
@click.pass_obj
def reap(config: Path, /, **options: Any) -> int:
    """Remove every environment of the account and region whose time (`up --ttl`) is over.

    Works from anywhere: it knows environments by their tags and their record in SSM, not by this machine.
    """
    return _run("reap", ReapOptions(config, **options))


@cli.command()
@_common
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "all", is_flag=True, help="Every generated secret.")
@click.option("--due", is_flag=True, help="Those older than their `rotate_after`.")
@click.option("--back", is_flag=True, help="Not new values: those from before the last change.")
@click.option("--restart", is_flag=True, help="Restart the workloads that use them.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before changing anything.")
@click.pass_obj
def rotate(config: Path, /, **options: Any) -> int:
    """Make new values of generated secrets, and follow them into the cluster.

    NAME is that of a seed. Templates made from it are made anew, too. Ends when every Kubernetes Secret that
    External Secrets makes of them carries the new value. After an interrupt the same command goes on with the
    values it has made; earlier ones stay readable in SSM's history.
    """
    return _run("rotate", RotateOptions(config, **options))


@cli.command()
@_common
@click.pass_obj
def status(config: Path, /, **options: Any) -> int:
    """Show what is up, per wave and application."""
    return _run("status", Options(config, **options))


@cli.command()
@_common
@click.pass_obj
def plan(config: Path, /, **options: Any) -> int:
    """Show what `up` would do and change; secrets by name only."""
    return _run("preview", Options(config, **options))


@cli.command()
@_common
@click.pass_obj
def doctor(config: Path, /, **options: Any) -> int:
    """Check tools, versions, ports, disk and credentials, each with its cure."""
    return _run("doctor", Options(config, **options))


@cli.command()
@_common
@click.option("--wave", type=int, help="Only this wave.")
@click.option("--app", default="", metavar="NAME", help="Only this Application.")
@click.option(
    "--save-picture",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Keep what was read, without any secret value, as JSON.",
)
@click.option(
    "--picture",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Diagnose a picture that was kept, instead of the cluster.",
)
@click.pass_obj
def diagnose(config: Path, /, **options: Any) -> int:
    """Say why what is not Healthy is not: wave, application, resource, cause, and the next command.

    Reads the cluster, changes nothing. Exit code 0 when nothing is stuck, 5 when something is.
    """
    return _run("diagnose", DiagnoseOptions(config, **options))


@cli.command()
@partial(_common, forms=("text", "json", "sarif", "junit"))
@click.option(
    "--output-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the report there; words for people still go to stdout.",
)
@click.option(
    "--explain",
    metavar="[RULE]",
    is_flag=False,
    flag_value="",
    help="Explain a rule, or list all rules, and do nothing else.",
)
@click.option("--strict", is_flag=True, help="Let warnings fail, too.")
@click.option("--rule", multiple=True, metavar="RULE", help="Only this rule; may be repeated.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Without this rule; may be repeated.")
@click.option("--fix", is_flag=True, help="Renumber waves into a valid order, after showing how.")
@click.option("--dry-run", is_flag=True, help="With --fix: show how, change nothing.")
@click.option("-y", "--yes", is_flag=True, help="With --fix: do not ask.")
@click.option(
    "--graph",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Draw who needs whom, as .svg or .mmd (Mermaid); may be repeated.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell all findings, and all about suppressed ones.")
@click.pass_obj
def lint(config: Path, /, **options: Any) -> int:
    """Prove the order of sync waves offline, from the manifests alone.

    Every Application is rendered as Argo CD would render it; no cluster is asked, and nothing is changed
    without --fix. Errors end with exit code 9, warnings only with --strict. What could not be rendered is
    named as not checked.
    """
    return _run("lint", LintOptions(config, **options))


@cli.command()
@click.option(
    "--output",
    "form",
    type=click.Choice(("json", "markdown")),
    default="json",
    show_default=True,
    help="The schema, or the configuration reference made from it.",
)
@click.pass_obj
def schema(config: Path, /, **options: Any) -> int:
    """Print the JSON schema of the configuration file, for editors.

    Save it beside the file, and name it in the file's first line:

    \b
        bootstrap schema > bootstrap.schema.json
        # yaml-language-server: $schema=bootstrap.schema.json
    """
    return _run("schema", SchemaOptions(config, **options))


def _run(module: str, options: Options) -> int:
    """Run a command; every error becomes words and an exit code here."""
    from bootstrap.commands.trouble import tell  # noqa: PLC0415 - keeps `--help` quick
    from bootstrap.core.errors import BootstrapError  # noqa: PLC0415

    try:
        code: int = import_module(f"bootstrap.commands.{module}").run(options)
    except BootstrapError as error:
        tell(error, options.output)
        return error.exit_code
    except BrokenPipeError:  # the reader has seen enough: `bootstrap status | head`
        return 0
    except (click.ClickException, click.Abort):
        raise
    except Exception as error:
        from bootstrap.run.defects import record  # noqa: PLC0415

        defect = record(error, module, options.config.resolve().parent / ".bootstrap")
        tell(defect, options.output)
        return defect.exit_code
    return code


def call(arguments: Sequence[str]) -> int:
    """Run a command line; the exit code."""
    try:
        code = cli.main(args=list(arguments), prog_name="bootstrap", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    return code if isinstance(code, int) else 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point of the program."""
    from bootstrap.core.interrupts import ends_soon  # noqa: PLC0415 - keeps `--help` quick
    from bootstrap.core.limits import GRACE  # noqa: PLC0415

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ✓ must not end a run
    with ends_soon(_end_at_once, GRACE):
        code = call(sys.argv[1:] if arguments is None else arguments)
    for stream in (sys.stdout, sys.stderr):
        _close(stream)
    sys.exit(code)


def _end_at_once() -> None:
    """In a signal handler, with threads and programs at work: nothing may be waited for."""
    os.write(2, b"\nstopped at once\n")
    os._exit(INTERRUPTED)


def _close(stream: TextIO | None) -> None:
    """Flush, or drop what nobody reads any more: the interpreter would exit with a code of its own."""
    if stream is None:  # it was closed before we began: `bootstrap lint >&-`
        return
    try:
        stream.flush()
    except OSError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
