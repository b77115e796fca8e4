"""`bootstrap diagnose`: why what is not Healthy is not. Reads only, and takes no lock.

Exit code 0: nothing is stuck (what is not done gets on by itself); 5: something is, or the cluster cannot be
asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bootstrap import targets
from bootstrap.commands.options import DiagnoseOptions
from bootstrap.commands.say import say
from bootstrap.config.load import load
from bootstrap.config.model import Environment
from bootstrap.core.clock import SystemClock
from bootstrap.core.errors import PermanentError, StuckError, TemporaryError, UsageError
from bootstrap.core.foreign import read_json
from bootstrap.diagnosis.causes import judge, stuck
from bootstrap.diagnosis.model import Verdict
from bootstrap.diagnosis.picture import Picture, decode, encode
from bootstrap.diagnosis.survey import Focus, take
from bootstrap.diagnosis.words import lines
from bootstrap.kubernetes.client import Cluster
from bootstrap.run.target import Target
from bootstrap.status.collect import commit_of

FORMAT = 1  # of the JSON form: raised when a key changes its meaning


def run(options: DiagnoseOptions) -> int:
    config = load(options.config, options.environment, values=False)
    picture = _saved(options.picture) if options.picture else _live(config, Focus(options.wave, options.app))
    if options.save_picture:
        text = json.dumps(encode(picture), ensure_ascii=False, indent=1, sort_keys=True)
        options.save_picture.write_text(text + "\n", encoding="utf-8")
    with _believed(options.picture):
        verdicts = judge(picture, config)
        told = _json if options.output == "json" else _text
        words = told(config, picture, verdicts)
    say(words)
    return StuckError.exit_code if stuck(verdicts) else 0


def as_data(config: Environment, picture: Picture, verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The JSON form."""
    waves = sorted({verdict.wave for verdict in verdicts if verdict.wave is not None})
    return {
        "version": FORMAT,
        "environment": config.name,
        "stuck": bool(stuck(verdicts)),
        "verdicts": [asdict(verdict) for verdict in verdicts],
        "hints": {str(wave): config.waves.hints[wave] for wave in waves if wave in config.waves.hints},
        "unread": list(picture.unread),
    }


def as_text(config: Environment, picture: Picture, verdicts: Sequence[Verdict]) -> list[str]:
    """A verdict on the whole, then a block a cause, then what could not be read."""
    held = len(stuck(verdicts))
    if held:
        head = f"{config.name}: held up: {held} of {len(verdicts)} that are not Healthy"
    elif verdicts:
        head = f"{config.name}: nothing is stuck; waiting for"
    else:
        head = f"{config.name}: nothing is stuck: what was asked about is Synced and Healthy"
    told = lines(verdicts, config.waves.hints if held else {})
    unread = [f"could not be read: {what}" for what in picture.unread]
    return [head, *told, *unread]


def _live(config: Environment, focus: Focus) -> Picture:
    """Raises StuckError when there is no cluster, or it does not answer."""
    target = targets.open_target(config)
    if not config.kubeconfig.exists():
        what = f"there is no cluster of environment {config.name} to be asked"
        why = f"no kubeconfig at {config.kubeconfig}{_down(target)}"
        raise StuckError(what, why, f"bootstrap up --environment {config.name}")
    try:
        cluster = Cluster.from_kubeconfig(config.kubeconfig)
        return take(cluster, config, commit_of(target), focus, SystemClock().now())
    except UsageError:
        raise
    except (TemporaryError, PermanentError) as error:
        what = f"the cluster of environment {config.name} cannot be asked"
        cure = f"bootstrap status --environment {config.name}"
        raise StuckError(what, f"{error}{_down(target)}", cure) from error


def _down(target: Target) -> str:
    """What of the target itself is not up."""
    late = [f"{part.name} is {part.state}" for part in target.shown.parts() if part.state != "up"]
    return f"; {', '.join(late)}" if late else ""


def _json(config: Environment, picture: Picture, verdicts: Sequence[Verdict]) -> str:
    return json.dumps(as_data(config, picture, verdicts), ensure_ascii=False)


def _text(config: Environment, picture: Picture, verdicts: Sequence[Verdict]) -> str:
    return "\n".join(as_text(config, picture, verdicts))


def _saved(path: Path) -> Picture:
    """Raises UsageError for a file that is no picture."""
    with _believed(path):
        try:
            return decode(read_json(path))
        except OSError as error:
            raise UsageError(f"{path} cannot be read", error.strerror or str(error)) from error


@contextmanager
def _believed(path: Path | None) -> Iterator[None]:
    """What no API server answers breaks what reads it: where a file said it, that is no picture.

    Raises UsageError. Without a file, the API server has checked every field, and what breaks is a defect.
    """
    try:
        yield
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        if path is None:
            raise
        why = f"it holds what no cluster says: {type(error).__name__}: {error}"
        cure = "make one: bootstrap diagnose --save-picture FILE"
        raise UsageError(f"{path} is no picture of a cluster", why, cure) from error
