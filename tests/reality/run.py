"""`python -m tests.reality.run [NAME ...]`: lint each breakage of platform A, run it, and compare.

Agreed is a breakage of which the linter said an error about an Application at the very place (wave and
Application) at which the local platform then got stuck. Each breakage begins with the same platform: one that
has everything but seeds and Applications, halted and copied. Takes about a minute for each; the table goes to
stdout, and to `reality.json` in the work folder.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from bootstrap.config.load import load
from bootstrap.gitops.reader import Reader
from bootstrap.local.platform import Platform
from bootstrap.local.supervisor.identity import find
from bootstrap.local.supervisor.records import ProcessRecords
from bootstrap.local.toolchain import Toolchain
from bootstrap.targets import open_target
from tests.end_to_end.product import CommandResult, Product, clone
from tests.reality.breakages import APPS, Breakage, breakages

INTERRUPTED = 130
SETTLED = 12.0  # seconds
DEADLINE = 45  # seconds for a wave; on the quiet machine the slowest healthy one takes 12
SUBJECT = re.compile(r"Application ([\w-]+)")
API = "dev-api-"  # what the ApplicationSet of wave 60 makes


@dataclass(frozen=True)
class Place:
    """An Application and its wave."""

    app: str
    wave: int


@dataclass(frozen=True)
class Result:
    """`said`: where the linter's errors are, by rule; `stuck`: what pended in the wave that did not end."""

    name: str
    agreed: bool
    code: int
    said: tuple[tuple[str, Place], ...]
    stuck: tuple[Place, ...]
    causes: tuple[str, ...]
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.reality.run", description=__doc__)
    parser.add_argument("names", nargs="*", help="breakages to try; all when none is named")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "reality")
    options = parser.parse_args()
    chosen = [each for each in breakages() if not options.names or each.name in options.names]
    results = list(_results(options.work, chosen))
    (options.work / "reality.json").write_text(json.dumps([asdict(each) for each in results], indent=1))
    agreed = sum(each.agreed for each in results)
    print(f"{agreed} of {len(results)} breakages got stuck where the linter said")  # noqa: T201 - the answer
    return 0 if agreed == len(results) else 1


def _results(work: Path, chosen: list[Breakage]) -> Iterator[Result]:
    work.mkdir(parents=True, exist_ok=True)
    product = Product(_prepared(work / "clone"))
    base = _base(product, work / "base")
    try:
        for breakage in chosen:
            _restore(product, base)
            result = _try(product, breakage)
            print(_line(result), flush=True)  # noqa: T201 - the answer
            yield result
    finally:
        _restore(product, base)
        product.run("down", "--yes")


def _prepared(folder: Path) -> Path:
    """A clone that `up` runs although the linter refuses, with short deadlines."""
    shutil.rmtree(folder, ignore_errors=True)
    clone(folder)
    file = folder / "bootstrap.yaml"
    text = file.read_text()
    each = ", ".join(f"{wave}: {DEADLINE}" for wave in (3, 5, 20, 35, 60, 70))
    short = f"lint: warn\n    waves:\n      deadline: {DEADLINE}\n      deadlines: {{{each}}}\n"
    changed = re.sub(r"waves:\n      deadline: 180\n      deadlines: .*\n", short, text)
    if changed == text:
        raise AssertionError("bootstrap.yaml does not name the deadlines of environment local")
    file.write_text(changed)
    _commit(folder, "short deadlines")
    return folder


def _base(product: Product, folder: Path) -> Path:
    """A copy of the state of a platform that has Argo CD, ESO and its CRDs, but no Application any more."""
    shutil.rmtree(folder, ignore_errors=True)
    whole = (product.clone / "bootstrap.yaml").read_text()
    few = yaml.safe_load(whole)
    few["environments"]["dev"]["seeds"] = []
    few["environments"]["dev"]["gitops"]["path"] = "base"
    (product.clone / "base").mkdir()
    shutil.copy(product.clone / APPS / "10-secrets-operator.yaml", product.clone / "base")
    crds = (product.clone / APPS / "00-crds.yaml").read_text()
    few_crds = crds.replace("path: manifests/crds", "path: manifests/crds/external-secrets")
    (product.clone / "base" / "00-crds.yaml").write_text(few_crds)
    (product.clone / "bootstrap.yaml").write_text(yaml.safe_dump(few))
    up = product.run("up", timeout=900)
    if up.code:
        raise AssertionError(f"the platform did not come up: {up.words[-3000:]}")
    for app in ("root", "dev-crds", "dev-secrets-operator"):
        _forget(product, app)
    _halt(product)
    shutil.copytree(product.state, folder, symlinks=True)
    shutil.rmtree(product.clone / "base")
    _git(product.clone, "checkout", "-q", ".")
    return folder


def _forget(product: Product, app: str) -> None:
    """Delete an Application and leave what it made."""
    kubectl = [
        str(Toolchain.locate(product.clone).path("kubectl")),
        "--kubeconfig",
        str(product.state / "kubeconfig"),
    ]
    free = ["patch", "application", app, "--type=merge", "--patch", '{"metadata": {"finalizers": null}}']
    for command in (free, ["delete", "application", app, "--cascade=orphan"]):
        subprocess.run([*kubectl, "--namespace=argocd", *command], check=True, stdout=subprocess.DEVNULL)


def _restore(product: Product, base: Path) -> None:
    _halt(product)
    shutil.rmtree(product.state, ignore_errors=True)
    shutil.copytree(base, product.state, symlinks=True)


def _halt(product: Product) -> None:
    """End the platform's processes and keep its folder, as a shutdown of the machine would."""
    config = load(product.clone / "bootstrap.yaml", "local", values=False)
    records = ProcessRecords.read(Platform.locate(config, Toolchain.locate(config.home)).site.layout.records)
    supervisor = find(records.supervisor) if records else None
    if supervisor is not None:
        supervisor.terminate()
        supervisor.wait(60)


def _try(product: Product, breakage: Breakage) -> Result:
    began = time.monotonic()
    _git(product.clone, "checkout", "-q", ".")
    breakage.edit(product.clone)
    said = tuple(_said(product))
    run = _watched(product)
    stuck = tuple(_stuck(run))
    first = min((place.wave for _, place in said), default=None)
    here = {place for _, place in said if place.wave == first}
    agreed = run.code in (4, 5, INTERRUPTED) and bool(here & set(stuck))
    causes = tuple(sorted({event["cause"] for event in run.of("diagnosed") if event["wave"] is not None}))
    return Result(breakage.name, agreed, run.code, said, stuck, causes, time.monotonic() - began)


def _watched(product: Product) -> CommandResult:
    """`up` until it gives up; or until SETTLED seconds after it has named what blocks a wave, if the wave is
    still not done then: nothing more is to be learnt from waiting for its deadline."""
    command = [sys.executable, "-m", "bootstrap", "up", "--output", "json"]
    run = subprocess.Popen(
        command,
        cwd=product.clone,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert run.stdout is not None
    lines: list[dict[str, Any]] = []
    named: dict[int, threading.Timer] = {}
    for text in run.stdout:
        line = json.loads(text)
        lines.append(line)
        wave = line.get("wave")
        if line["type"] == "diagnosed" and wave is not None and wave not in named:
            named[wave] = threading.Timer(SETTLED, run.send_signal, (signal.SIGINT,))
            named[wave].start()
        elif line["type"] == "wave_finished" and wave in named:
            named.pop(wave).cancel()
    code = run.wait()
    for timer in named.values():
        timer.cancel()
    return CommandResult(code, tuple(lines), "", 0.0)


def _said(product: Product) -> Iterator[tuple[str, Place]]:
    """Where the linter's errors are."""
    told = subprocess.run(
        [sys.executable, "-m", "bootstrap", "lint", "--output", "json"],
        cwd=product.clone,
        capture_output=True,
        text=True,
        check=False,
    )
    config = load(product.clone / "bootstrap.yaml", "local", values=False)
    tree = Reader.of(config, open_target(config)).tree()
    waves = {app.name: app.wave for app in tree.apps} | {one.name: one.position[-1] for one in tree.sets}
    for finding in json.loads(told.stdout)["findings"]:
        app = SUBJECT.search(finding["subject"])
        if finding["severity"] == "error" and app:
            wave = waves["dev-apis"] if app[1].startswith(API) else waves[app[1]]
            yield finding["rule"], Place(app[1], wave)


def _stuck(run: CommandResult) -> Iterator[Place]:
    """The Applications that were not done, of the wave at which the run gave up."""
    waves: dict[int, set[str]] = {}
    done = {event["wave"] for event in run.of("wave_finished")}
    state: dict[str, dict[str, Any]] = {}
    for event in run.of("app_seen"):
        state[event["app"]] = event
        waves.setdefault(event["wave"], set()).add(event["app"])
    for wave in sorted(waves.keys() - done)[:1]:
        for app in sorted(waves[wave]):
            if (state[app]["sync"], state[app]["health"]) != ("Synced", "Healthy") or state[app]["message"]:
                yield Place(app, wave)


def _commit(folder: Path, message: str) -> None:
    _git(folder, "add", "-A")
    _git(folder, "-c", "user.name=x", "-c", "user.email=x@example.com", "commit", "-qm", message)


def _git(folder: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", str(folder), *arguments], check=True)


def _line(result: Result) -> str:
    said = ", ".join(sorted({f"{rule} {place.app}@{place.wave}" for rule, place in result.said})[:3])
    stuck = ", ".join(f"{place.app}@{place.wave}" for place in result.stuck[:3])
    mark = "agreed  " if result.agreed else "DIFFERS "
    causes = f"({', '.join(result.causes)}) {result.seconds:.0f} s"
    return f"{mark} {result.name}: lint {said or '-'}; stuck {stuck or '-'} {causes}"


if __name__ == "__main__":
    sys.exit(main())
