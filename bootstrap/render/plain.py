"""Progress as plain lines, where there is no terminal: one line for every event of interest."""

from __future__ import annotations

from typing import TextIO

from bootstrap.core.text import duration, one_line, plural
from bootstrap.run import events as ev

PAUSE = 2.0  # seconds between two progress lines of one step


class PlainLines:
    """A reader that writes lines. Progress that follows upon progress is thinned out; nothing else is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._started: dict[str, float] = {}
        self._told: dict[str, float] = {}

    def __call__(self, stamped: ev.Stamped) -> None:
        for line in self._lines(stamped):
            self._stream.write(f"[{duration(stamped.elapsed):>6}] {line}\n")
        self._stream.flush()

    def _lines(self, stamped: ev.Stamped) -> list[str]:
        event, now = stamped.event, stamped.elapsed
        match event:
            case ev.StepStarted(step, 1):
                self._started[step] = now
            case ev.StepProgress(step):
                if now - self._told.get(step, -PAUSE) < PAUSE:
                    return []
                self._told[step] = now
            case ev.StepFinished(step) | ev.StepFailed(step) | ev.StepStopped(step):
                took = duration(now - self._started.get(step, now))
                return [
                    f"{line} ({took})" if number == 0 else line for number, line in enumerate(_told(event))
                ]
        return _told(event)


def _told(event: ev.Event) -> list[str]:
    """What a person would like to read about the event; nothing for most of them."""
    return _of_steps(event) or _of_waves(event) or _of_rest(event)


def _of_steps(event: ev.Event) -> list[str]:
    match event:
        case ev.StepStarted(step, attempt):
            told = [_line(step, "started" if attempt == 1 else f"attempt {attempt}")]
        case ev.StepProgress(step, message):
            told = [_line(step, one_line(message))]
        case ev.StepRetry(step, _, delay, error):
            told = [_line(step, f"{one_line(error)}; will try again in {delay:.0f} s")]
        case ev.StepFinished(step, summary, satisfied):
            told = [_line(step, f"{'nothing to do' if satisfied else 'done'}{_after(': ', summary)}")]
        case ev.StepFailed(step, error, cure):
            told = [_line(step, f"FAILED: {one_line(error)}"), *_cure(cure)]
        case ev.StepStopped(step, reason):
            told = [_line(step, f"stopped: {reason}")]
        case ev.ResourceChanged(step, action, resource, seconds):
            told = [_line(step, f"{action} {resource} ({duration(seconds)})")]
        case ev.ResourceKept(step, resource, reason):
            told = [_line(step, f"kept {resource}: {reason}")]
        case ev.SmokeChecked(name, passed, seconds, output):
            verdict = "passed" if passed else f"FAILED: {one_line(output)}"
            told = [_line("smoke", f"{name}: {verdict} ({duration(seconds)})")]
        case ev.ResourceLeft(step, resource, reason, cure):
            told = [_line(step, f"LEFT {resource}: {reason}"), *_cure(cure)]
        case _:
            told = []
    return told


def _of_waves(event: ev.Event) -> list[str]:
    match event:
        case ev.WavesPlanned(waves):
            apps = sum(len(members) for _, members in waves)
            return [_line("waves", f"{plural(len(waves), 'wave')} with {plural(apps, 'application')}")]
        case ev.WaveStarted(wave, apps, usual, left):
            known = [f"usually {duration(usual)}"] if usual is not None else []
            known += [f"about {duration(left)} left"] if left is not None else []
            told = f" ({', '.join(known)})" if known else ""
            return [_line(f"wave {wave}", f"started: {', '.join(apps)}{told}")]
        case ev.AppSeen(wave, app, sync, health, message, place):
            state = ", ".join(part for part in (sync, health) if part)
            return [_line(f"wave {place or wave}", f"{app}: {state}{_after(': ', one_line(message))}")]
        case ev.Diagnosed(wave, app, cause, outlook, chain, reason, command):
            where = "root" if wave is None else f"wave {wave}"
            told = f"{outlook} ({cause}): {' → '.join(chain) or app}: {one_line(reason)}"
            return [_line(where, told), *([_line("", f"next: {command}")] if command else [])]
        case ev.WaveFinished(wave, seconds):
            return [_line(f"wave {wave}", f"healthy ({duration(seconds)})")]
    return []


def _of_rest(event: ev.Event) -> list[str]:
    match event:
        case ev.RunStarted(_, command, environment, target, steps):
            return [f"bootstrap {command}: {environment} on {target}, {plural(len(steps), 'step')}"]
        case ev.NodeSeen(node, state):
            return [_line("nodes", f"{node}: {state}")]
        case ev.Notice(message):
            return [f"note: {one_line(message)}"]
        case ev.RunStopping(reason):
            return [f"stopping: {reason}; waiting for what is running"]
        case ev.RunFinished(outcome, code, seconds):
            return [f"{outcome} after {duration(seconds)}{f' (exit code {code})' if code else ''}"]
    return []


def _line(subject: str, text: str) -> str:
    return f"{subject:<12} {text}"


def _after(separator: str, text: str) -> str:
    return separator + text if text else ""


def _cure(cure: str) -> list[str]:
    return [_line("", f"cure: {line}") for line in cure.splitlines()]
