"""`python -m tests.fuzz.run [--inputs 200000] [--seed N] [--only TARGET]`: odd inputs for every reader.

Tells for each target how many inputs were read well, refused (exit code 2, or a finding), ended as a defect
(exit code 1) or never, and what the defects were. Ends with 1 when there were any. An input that ended
badly is kept in the folder `--keep`, to be made a test.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.fuzz.feed import DEFECT, HANG, REFUSED, SECONDS, WELL, Tally, fuzz, limited, outcome
from tests.fuzz.targets import TARGETS, Target


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.fuzz.run", description=__doc__)
    parser.add_argument("--inputs", type=int, default=200_000, help="of all targets together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", default="", choices=("", *(each.name for each in TARGETS)))
    parser.add_argument("--keep", type=Path, default=Path(tempfile.gettempdir()) / "fuzz")
    options = parser.parse_args()
    targets = [each for each in TARGETS if options.only in ("", each.name)]
    whole = sum(each.share for each in targets)
    bad = 0
    _say(f"{'target':14}{'inputs':>9}{'well':>9}{'refused':>9}{'defects':>9}{'hangs':>7}{'seconds':>9}")
    for target in targets:
        begun = time.monotonic()
        tally = run(target, options.inputs * target.share // whole, options.seed)
        ends = [tally.ends[each] for each in (WELL, REFUSED, DEFECT, HANG)]
        numbers = "".join(f"{number:>{width}}" for number, width in zip(ends, (9, 9, 9, 7), strict=True))
        _say(f"{target.name:14}{sum(ends):>9}{numbers}{time.monotonic() - begun:>9.0f}")
        for where, count in tally.counts.most_common():
            _say(f"  {count:>7} of {where}: {_keep(options.keep, target, where, tally.examples[where])}")
        bad += tally.ends[DEFECT] + tally.ends[HANG]
    return int(bad > 0)


def run(target: Target, inputs: int, number: int) -> Tally:
    tally = Tally()
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder:

        def check(given: Any) -> None:
            with limited(SECONDS):
                end = outcome(target, given, Path(folder))
            tally.note(*end, given)

        fuzz(target, inputs, number, check)
    return tally


def _keep(folder: Path, target: Target, where: str, given: Any) -> Path:
    """The input, as it is or, where it has several parts, as Python writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{target.name}-{where}".replace("/", "_").replace(" ", "-")
    content = given if isinstance(given, bytes | str) else repr(given)
    file.write_bytes(content if isinstance(content, bytes) else content.encode(errors="surrogatepass"))
    return file


def _say(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - a command's own words


if __name__ == "__main__":
    sys.exit(main())
