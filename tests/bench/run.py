"""`make bench`: the product's figures on this machine, each beside its bar. Prints ratios, judges nothing.

A row: figure, median (least … most) over its rounds, bar, and measured / bar (below 1 is within the bar).
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from bootstrap.local.toolchain import Toolchain
from tests.bench import watching
from tests.end_to_end.product import REPOSITORY, Product, clone, processes


@dataclass(frozen=True)
class Figure:
    """One measured thing: `bar` in the same unit as the values."""

    name: str
    unit: str
    bar: float
    values: tuple[float, ...]

    def row(self) -> str:
        middle = statistics.median(self.values)
        spread = f"({min(self.values):.2f} … {max(self.values):.2f})"
        bar = f"{self.bar:>8.1f} {self.unit:<4}"
        return f"{self.name:<44}{middle:>9.2f} {spread:<20}{bar}{middle / self.bar:>7.2f}"


def seconds(act: Callable[[], object]) -> float:
    start = time.monotonic()
    act()
    return time.monotonic() - start


def help_time() -> float:
    command = [sys.executable, "-m", "bootstrap", "--help"]
    return seconds(lambda: subprocess.run(command, check=True, capture_output=True))


def find_toolchain() -> float:
    return seconds(lambda: Toolchain.locate(REPOSITORY).missing())


def day(product: Product) -> dict[str, float]:
    """One up, one up again, one down: seconds each, and the platform's memory in GB while it is up."""
    figures: dict[str, float] = {}
    for name, arguments in (("up", ["up"]), ("again", ["up"]), ("down", ["down", "--yes"])):
        if name == "down":
            figures["memory"] = memory(product)
        outcome = product.run(*arguments)
        if outcome.code:
            raise SystemExit(f"`bootstrap {' '.join(arguments)}` failed:\n{outcome.words}")
        figures[name] = outcome.seconds
    return figures


def memory(product: Product) -> float:
    """Sum of the proportional set sizes, in GB."""
    total = 0
    for process in processes(product):
        try:
            total += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return total / 1e9


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1, help="how many times up, up again, down (default 1)")
    parser.add_argument("--watching", action="store_true", help="only how waves are watched (2 minutes)")
    given = parser.parse_args()
    if not given.watching:
        print_days(given.rounds)
    print_watching()


def print_days(rounds: int) -> None:
    folder = Path(tempfile.mkdtemp(prefix="bench "))
    try:
        product = Product(clone(folder / "clone"), {"PYTHONPATH": str(REPOSITORY)})
        days = [day(product) for _ in range(rounds)]
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    figures = [
        Figure("up from nothing to every wave Healthy", "s", 80, tuple(d["up"] for d in days)),
        Figure("up again", "s", 8, tuple(d["again"] for d in days)),
        Figure("down", "s", 40, tuple(d["down"] for d in days)),
        Figure("memory of the local platform", "GB", 1.6, tuple(d["memory"] for d in days)),
        Figure("bootstrap --help", "s", 0.3, tuple(help_time() for _ in range(10))),
        Figure("finding the built toolchain", "s", 1, tuple(find_toolchain() for _ in range(10))),
    ]
    print(f"{'figure':<44}{'median':>9} {'(least … most)':<20}{'bar':>8}     {'ratio':>7}")  # noqa: T201
    for figure in figures:
        print(figure.row())  # noqa: T201


def print_watching() -> None:
    print(f"{'watching':<60}{'measured':>9} {'bar':>8}     {'ratio':>7}  ratio to the peers")  # noqa: T201
    for line in watching.rows(watching.measure()):
        print(line)  # noqa: T201


if __name__ == "__main__":
    main()
