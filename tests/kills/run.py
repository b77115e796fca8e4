"""`python -m tests.kills.run [--up 200] [--down 100] [--seed N]`: kill -9 at random, until so many were done.

First a run without kills, on the same small platform: what there is then in AWS, in the cluster and in
Terraform's state is what there must be after every chain of kills. Each round has a folder of its own, and
draws from the seed and its own number alone: `--only ROUND` repeats it. A round that goes wrong keeps its
folder, with everything that its runs wrote. The account goes to stdout, and to `kills.json` beside it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from bootstrap.local.toolchain import Toolchain
from tests.end_to_end.product import REPOSITORY, Product, processes
from tests.kills.attempt import Told, run, witnessed_down
from tests.kills.chain import COMMANDS, Clean, Kill, Round, Wrong, plan
from tests.kills.points import usual
from tests.kills.tree import lay_out_tree
from tests.kills.world import Eye, Picture

WIDTH = 400  # characters of a line that says what is wrong; all of it is in the folder
CHANGED = " and uncommitted changes"


@dataclass(frozen=True)
class Account:
    """What one round did. `wrong` is empty when everything was as it must be."""

    number: int
    kills: tuple[Kill, ...]
    through: tuple[str, ...]
    wrong: tuple[str, ...]
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="tests.kills.run", description=__doc__)
    parser.add_argument("--up", type=int, default=200, help="kills over `up`")
    parser.add_argument("--down", type=int, default=100, help="kills over `down`")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", type=int, help="carry out this round alone")
    parser.add_argument("--first", type=int, default=1, help="the round to begin with")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "kills")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    clean = clean_run(options.work / "clean")
    accounts: list[Account] = []
    for number in [options.only] if options.only else rounds(options, accounts):
        accounts.append(one(options.work, options.seed, number, clean))
        keep(options.work / "kills.json", options.seed, accounts)
    for line in table(accounts):
        print(line)  # noqa: T201 - the answer
    return 1 if any(account.wrong for account in accounts) else 0


def rounds(options: argparse.Namespace, done: Sequence[Account]) -> Iterator[int]:
    """Until there are kills enough of both commands."""
    number = options.first
    while True:
        counts = Counter(kill.command for account in done for kill in account.kills)
        if counts["up"] >= options.up and counts["down"] >= options.down:
            return
        yield number
        number += 1


def clean_run(folder: Path) -> Clean:
    """`up` and `down` that nobody kills; once for a build and a work folder."""
    kept = folder.with_name("clean-run.json")
    if known := _kept(kept):
        return known
    product, eye = prepared(folder)
    up = _well(run(product, "up", "--yes"))
    picture = eye.settled()
    seen = folder.with_suffix(".json")
    down = _well(witnessed_down(product, seen).finish())
    print(f"clean: up {up.seconds:.0f} s, down {down.seconds:.0f} s;", _size(picture), flush=True)  # noqa: T201
    shutil.rmtree(folder)
    told = {"build": build(), "up": up.events, "down": down.events, "picture": asdict(picture)}
    told["empty"] = json.loads(seen.read_text())
    kept.write_text(json.dumps(told))
    return _clean(told)


def _kept(file: Path) -> Clean | None:
    """That of an earlier call, when this is the same build."""
    with suppress(OSError, ValueError, KeyError):
        told = json.loads(file.read_text())
        if told["build"] == build() and not told["build"].endswith(CHANGED):
            return _clean(told)
    return None


def _clean(told: Mapping[str, Any]) -> Clean:
    lines = {name: tuple(found) for name, found in told["picture"].items()}
    return Clean(usual(told["up"]), usual(told["down"]), Picture(**lines), tuple(told["empty"]))


def build() -> str:
    """The commit that is killed here, and whether anything was changed since."""
    git = ["git", "-C", str(REPOSITORY)]
    head = subprocess.run([*git, "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout
    status = [*git, "status", "--porcelain", "--untracked-files=no"]
    changed = subprocess.run(status, capture_output=True, text=True, check=True).stdout
    return head.strip() + (CHANGED if changed else "")


def one(work: Path, seed: int, number: int, clean: Clean, kills: Mapping[str, int] | None = None) -> Account:
    """Carry out the round; its folder stays when something was wrong."""
    folder = work / f"round-{number}"
    product, eye = prepared(folder)
    wanted = plan(seed, number, clean, kills)
    print(f"round {number}: {len(wanted.up)} over up, {len(wanted.down)} over down", flush=True)  # noqa: T201
    done = Round(product, eye, clean, random.Random(f"{seed}/{number}/parts"))  # noqa: S311 - to be repeated
    began = time.monotonic()
    wrong: tuple[str, ...] = ()
    try:
        done.go(wanted)
        shutil.rmtree(folder)
    except Wrong as error:
        wrong = error.args
        end(product)
    except BaseException:  # somebody has had enough: nothing is to run on
        end(product)
        raise
    account = Account(number, tuple(done.kills), tuple(done.ran), wrong, time.monotonic() - began)
    for line in wrong:
        print(f"  WRONG {line[:WIDTH]}", flush=True)  # noqa: T201
    if wrong:
        (folder / "wrong.txt").write_text("\n".join(wrong))
        again = f"python -m tests.kills.run --seed {seed} --only {number}"
        print(f"  kept: {folder}; to repeat: {again}", flush=True)  # noqa: T201
    else:
        print(f"  as it must be, {account.seconds:.0f} s", flush=True)  # noqa: T201
    return account


def prepared(folder: Path) -> tuple[Product, Eye]:
    """A new environment, and who looks at it."""
    toolchain = Toolchain.locate(REPOSITORY)
    if missing := toolchain.missing():
        raise SystemExit(f"build {', '.join(missing)} first: make toolchain")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    lay_out_tree(folder)
    environ = {"BOOTSTRAP_CACHE": str(toolchain.cache), "PYTHONPATH": str(REPOSITORY)}
    product = Product(folder, environ)
    return product, Eye(product, toolchain.path("kubectl"))


def keep(file: Path, seed: int, accounts: Sequence[Account]) -> None:
    """The account as JSON: written anew after each round."""
    told: dict[str, Any] = {"seed": seed, "build": build(), "rounds": [asdict(each) for each in accounts]}
    file.write_text(json.dumps(told, indent=1))


def table(accounts: Sequence[Account]) -> Iterator[str]:
    """How many kills hit what, and what came of it."""
    kills = [kill for account in accounts for kill in account.kills]
    for command in COMMANDS:
        mine = [kill for kill in kills if kill.command == command]
        through = sum(account.through.count(command) for account in accounts)
        yield f"{command}: {len(mine)} kills, {through} runs let through"
        for title, counts in (
            ("aimed at", Counter(kill.point.group for kill in mine)),
            ("killed was", Counter(kill.point.victims.value for kill in mine)),
            ("it hit", Counter(kill.hit.where.name for kill in mine)),
            ("parts of the platform killed", Counter(part for kill in mine for part in kill.hit.parts)),
        ):
            yield f"  {title}: " + ", ".join(f"{count} {name}" for name, count in counts.most_common())
        yield f"  terraform lived on after {sum(kill.hit.terraform for kill in mine)} of them"
    wrong = [account for account in accounts if account.wrong]
    yield f"{len(accounts) - len(wrong)} of {len(accounts)} rounds ended as they must"
    for account in wrong:
        yield f"  round {account.number}: {account.wrong[0]}"


def _well(told: Told) -> Told:
    if told.code:
        raise SystemExit(f"the run without kills ended with {told.code}: {told.words[-3000:]}")
    return told


def _size(picture: Any) -> str:
    return (
        f"{len(picture.aws)} things in AWS, {len(picture.cluster)} objects, {len(picture.state)} in the state"
    )


def end(product: Product) -> None:
    """Whatever still runs of it goes, also what its supervisor starts again meanwhile; its folder stays."""
    while left := processes(product):
        for process in left:
            with suppress(psutil.NoSuchProcess):
                process.kill()


if __name__ == "__main__":
    sys.exit(main())
