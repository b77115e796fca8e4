"""The command line in processes of its own: exit codes, output, signals, files."""

from __future__ import annotations

import errno
import json
import os
import pty
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bootstrap import cli
from bootstrap.commands.execute import _close, _no_place
from bootstrap.core import errors
from bootstrap.core.errors import Problem
from tests.unit.cli import fake_product
from tests.unit.cli.fake_product import CANARY, lay_out
from tests.unit.cli.product import Product, run, surroundings


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return lay_out(tmp_path / "my project").parent


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def latest(home: Path) -> Path:
    return home / ".bootstrap" / "runs" / "dev" / "latest"


def test_up_in_words(home: Path) -> None:
    done = run(home, "succeed", "up", "-e", "dev")
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert re.search(r"\[ *\d\S*\] first +done: worked", done.stderr)
    assert "wave 10      healthy" in done.stderr
    assert "✓ dev on fake is up" in done.stderr
    assert "report: .bootstrap/runs/dev/" in done.stderr
    assert "next: bootstrap status --environment dev" in done.stderr


def test_up_leaves_log_and_reports(home: Path) -> None:
    assert run(home, "succeed", "up", "-e", "dev", "--save-screen", "screen.svg").returncode == 0
    log = lines((latest(home) / "events.jsonl").read_text(encoding="utf-8"))
    assert log[0]["type"] == "run_started"
    assert log[-1] == {**log[-1], "type": "run_finished", "outcome": "succeeded", "exit_code": 0}
    report = json.loads((latest(home) / "report.json").read_text(encoding="utf-8"))
    assert [step["state"] for step in report["steps"]] == ["done", "satisfied"]
    assert "<!doctype html>" in (latest(home) / "report.html").read_text(encoding="utf-8")
    assert (home / "screen.svg").read_text(encoding="utf-8").startswith("<svg")
    assert latest(home).resolve().stat().st_mode & 0o777 == 0o700


def test_every_run_has_a_folder_and_latest_is_the_last(home: Path) -> None:
    for _ in range(2):
        run(home, "succeed", "up", "-e", "dev")
    folders = sorted(path for path in latest(home).parent.iterdir() if not path.is_symlink())
    assert len(folders) == 2
    assert latest(home).resolve() == folders[-1]


def test_up_for_machines(home: Path) -> None:
    done = run(home, "succeed", "up", "-e", "dev", "--output", "json")
    assert done.returncode == 0
    assert done.stderr == ""
    events = lines(done.stdout)
    assert [events[0]["type"], events[-1]["type"]] == ["run_started", "run_finished"]
    assert done.stdout == (latest(home) / "events.jsonl").read_text(encoding="utf-8")


def test_a_failure(home: Path) -> None:
    done = run(home, "fail", "up", "-e", "dev")
    assert done.returncode == errors.StuckError.exit_code
    assert "✗ dev on fake: up failed" in done.stderr
    assert "first: wave 10 is stuck. no SSM parameter x" in done.stderr
    assert "cure: bootstrap up" in done.stderr
    assert "not started: second" in done.stderr
    assert "to go on where it stopped: bootstrap up --environment dev" in done.stderr


def test_a_defect(home: Path) -> None:
    done = run(home, "defect", "up", "-e", "dev")
    assert done.returncode == 1
    assert "the text of a defect" not in done.stderr
    assert "the text of a defect" in (latest(home) / "defect-first.txt").read_text(encoding="utf-8")


def test_a_secret_is_nowhere(home: Path) -> None:
    lay_out(home, "[{name: a, from_env: BOOTSTRAP_TEST_CANARY}]")
    for output in ("text", "json"):
        done = run(home, "leak", "up", "-e", "dev", "--output", output, BOOTSTRAP_TEST_CANARY=CANARY)
        assert done.returncode == errors.StuckError.exit_code
        assert "cannot use •••" in done.stdout + done.stderr
        assert CANARY not in done.stdout + done.stderr
    written = [path for path in (home / ".bootstrap").rglob("*") if path.is_file()]
    assert len(written) >= 6
    assert not [path for path in written if CANARY.encode() in path.read_bytes()]


@pytest.mark.parametrize("output", ["text", "json"])
def test_down_asks_where_it_can_and_refuses_where_it_cannot(home: Path, output: str) -> None:
    refused = run(home, "succeed", "down", "-e", "dev", "--output", output)
    assert refused.returncode == errors.UsageError.exit_code
    assert "--yes" in refused.stdout + refused.stderr
    assert not latest(home).exists()
    done = run(home, "succeed", "down", "-e", "dev", "--yes", "--output", output)
    assert done.returncode == 0


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", errors.UsageError.exit_code)])
def test_down_does_as_it_is_told(home: Path, answer: str, code: int) -> None:
    main, side = pty.openpty()
    product = Product(home, "succeed", "down", "-e", "dev", stdin=side)
    os.close(side)
    os.write(main, f"{answer}\n".encode())
    ended, _, words = product.end()
    os.close(main)
    product.close()
    assert ended == code
    assert "This removes everything of 'dev' on fake, its data included.\nGo on? [y/N]" in words
    assert latest(home).exists() == (answer == "y")


def test_up_asks_before_it_costs_money(home: Path) -> None:
    refused = run(home, "billed", "up", "-e", "dev")
    assert refused.returncode == errors.UsageError.exit_code
    assert "billed AWS resources for 'dev', ap-northeast-2" in refused.stderr


def test_bad_configuration_in_words_and_json(home: Path) -> None:
    (home / "bootstrap.yaml").write_text("project: x\nenvironments: {dev: {regio: y}}\n", encoding="utf-8")
    words = run(home, "succeed", "up", "-e", "dev")
    assert words.returncode == errors.ConfigError.exit_code
    assert "  - bootstrap.yaml:2: unknown key 'regio'\n    cure: did you mean 'region'?" in words.stderr
    (error,) = lines(run(home, "succeed", "up", "-e", "dev", "--output", "json").stdout)
    assert (error["type"], error["kind"], error["exit_code"]) == ("error", "ConfigError", 2)
    assert {
        "where": "bootstrap.yaml:2",
        "what": "unknown key 'regio'",
        "cure": "did you mean 'region'?",
        "key": "regio",
        "kind": "unknown",
    } in error["problems"]
    assert not (home / ".bootstrap").exists()


def test_common_options_may_stand_before_the_command(home: Path) -> None:
    before = run(home, "succeed", "-e", "dev", "--output", "json", "status")
    assert before.returncode == 0, before.stderr
    assert before.stdout == run(home, "succeed", "status", "-e", "dev", "--output", "json").stdout
    (error,) = lines(run(home, "succeed", "--output", "json", "-e", "dev", "up", "-e", "no").stdout)
    assert error["exit_code"] == errors.ConfigError.exit_code
    assert "'no'" in error["problems"][0]["what"]


def test_the_configuration_may_lie_elsewhere(home: Path, tmp_path: Path) -> None:
    config = str(home / "bootstrap.yaml")
    done = run(tmp_path, "fail", "--config", config, "up", "-e", "dev")
    assert f"bootstrap --config '{config}' up --environment dev" in done.stderr


def test_a_project_that_cannot_be_written(home: Path) -> None:
    (home / ".bootstrap").touch()
    done = run(home, "succeed", "up", "-e", "dev")
    assert done.returncode == errors.PreflightError.exit_code
    assert "writable" in done.stderr


def test_a_full_disk_is_not_called_unwritable(tmp_path: Path) -> None:
    work = tmp_path / ".bootstrap"
    (problem,) = _no_place(work, OSError(errno.ENOSPC, "No space left on device")).problems
    assert problem == Problem(str(work), "No space left on device", f"free space on the disk of {work}")


def test_a_log_that_the_disk_does_not_take_ends_no_run() -> None:
    log = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it is what is tested
    log.write("{}\n")
    _close(log)
    assert log.closed


@pytest.mark.parametrize("name", ["status", "plan", "doctor"])
def test_looking_leaves_no_trace(home: Path, name: str) -> None:
    words = run(home, "succeed", name, "-e", "dev")
    assert words.returncode == 0, words.stderr
    assert words.stdout
    (data,) = lines(run(home, "succeed", name, "-e", "dev", "--output", "json").stdout)
    assert data["version"] == 1
    assert not (home / ".bootstrap").exists()


def test_a_reader_who_has_seen_enough(home: Path) -> None:
    command = [sys.executable, "-m", fake_product.__name__, "succeed", "status", "-e", "dev"]
    words = f"{shlex.join(command)} 2>err.txt | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", words], cwd=home, env=surroundings(), capture_output=True, text=True, check=False
    )
    assert done.stdout == "0\n"
    assert (home / "err.txt").read_text(encoding="utf-8") == ""


def test_doctor_names_what_is_unfit_and_its_cure(home: Path) -> None:
    done = run(home, "unfit", "doctor", "-e", "dev")
    assert done.returncode == errors.PreflightError.exit_code
    assert "✗  disk  9 GB free\n      cure: free some\n1 check failed" in done.stdout


def test_wrong_usage() -> None:
    assert cli.call(["bogus"]) == 2
    assert cli.call(["up", "--output", "xml"]) == 2
    assert cli.call(["--help"]) == 0
    assert cli.call(["--version"]) == 0


def test_the_exit_codes_of_the_help_are_those_of_the_errors() -> None:
    told = {int(code) for code in re.findall(r"^  (\d+) ", cli.EXIT_CODES, re.MULTILINE)}
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    assert told == {0} | {kind.exit_code for kind in kinds if issubclass(kind, errors.BootstrapError)}
    assert errors.Interrupted.exit_code == cli.INTERRUPTED


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from bootstrap.cli import call; call(['up', '--help']);"
        "heavy = {'boto3', 'kubernetes', 'pydantic', 'rich', 'jinja2', 'yaml', 'moto', 'tenacity'};"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=surroundings()
    )
    assert done.returncode == 0, done.stderr


class Process:
    """A run that is followed line by line."""

    def __init__(self, home: Path, scenario: str) -> None:
        self.product = Product(home, scenario, "up", "-e", "dev", "--output", "json")

    def until(self, message: str) -> list[dict[str, Any]]:
        """Read on until an event carries the message."""
        seen = []
        for line in self.product.stdout:
            seen.append(json.loads(line))
            if message in line:
                return seen
        raise AssertionError(f"ended without {message}: {self.product.end()}")

    def end(self) -> tuple[int, list[dict[str, Any]], str]:
        code, out, err = self.product.end()
        return code, lines(out), err


@pytest.fixture
def started() -> Iterator[list[Process]]:
    """Processes to be killed whatever becomes of the test."""
    processes: list[Process] = []
    yield processes
    for each in processes:
        each.product.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_one_signal_stops_cleanly(home: Path, number: int, started: list[Process]) -> None:
    started.append(process := Process(home, "wait"))
    process.until("waiting")
    process.product.signal(number)
    code, events, _ = process.end()
    assert code == 130
    kinds = [event["type"] for event in events]
    assert kinds == ["run_stopping", "step_stopped", "run_finished"]
    assert events[-1]["outcome"] == "interrupted"
    assert events[-1]["cure"] == "to go on where it stopped: bootstrap up --environment dev"
    assert json.loads((latest(home) / "report.json").read_text(encoding="utf-8"))["outcome"] == "interrupted"


def test_two_signals_stop_at_once(home: Path, started: list[Process]) -> None:
    started.append(process := Process(home, "deaf"))
    process.until("waiting")
    process.product.signal(signal.SIGINT)
    process.until("deaf")
    process.product.signal(signal.SIGINT)
    code, _, err = process.end()
    assert code == 130
    assert "stopped at once" in err
    assert "bootstrap up --environment dev" in err
    # Whatever had been said is on the disk.
    assert "deaf" in (latest(home) / "events.jsonl").read_text(encoding="utf-8")


def test_two_runs_at_once(home: Path, started: list[Process]) -> None:
    started.append(process := Process(home, "wait"))
    process.until("waiting")
    second = run(home, "succeed", "up", "-e", "dev")
    assert second.returncode == errors.LockedError.exit_code
    assert f"`bootstrap up`, process {process.product.pid}, since" in second.stderr
    assert len([path for path in latest(home).parent.iterdir() if not path.is_symlink()]) == 1
    process.product.signal(signal.SIGINT)
    process.end()
    assert run(home, "succeed", "up", "-e", "dev").returncode == 0


def test_a_reader_who_leaves_does_not_stop_the_run(home: Path) -> None:
    product = Product(home, "succeed", "up", "-e", "dev", "--output", "json")
    product.stdout.close()
    product.stderr.close()
    assert product.wait() == 0
    assert json.loads((latest(home) / "report.json").read_text(encoding="utf-8"))["outcome"] == "succeeded"


def in_terminal(home: Path, arguments: Sequence[str], **environ: str) -> tuple[int, str]:
    """Run with a terminal for stderr; exit code and what it showed."""
    main, side = pty.openpty()
    product = Product(
        home, *arguments, stderr=side, environ={"TERM": "xterm-256color", "LINES": "30", **environ}
    )
    os.close(side)
    shown = b""
    try:
        while chunk := os.read(main, 4096):
            shown += chunk
    except OSError:  # Linux says EIO when the other side is closed
        pass
    finally:
        os.close(main)
    code = product.wait()
    product.close()
    return code, shown.decode()


def test_a_terminal_gets_the_live_view_and_its_cursor_back(home: Path) -> None:
    code, shown = in_terminal(home, ("succeed", "up", "-e", "dev"))
    assert code == 0
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1
    assert "bootstrap up" in shown
    assert "✓ dev on fake is up" in shown
    assert "[" in shown
    assert "\x1b[32m" in shown or "\x1b[1;32m" in shown


def test_no_color(home: Path) -> None:
    code, shown = in_terminal(home, ("succeed", "up", "-e", "dev"), NO_COLOR="1")
    assert code == 0
    assert "✓ dev on fake is up" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)


def test_a_dumb_terminal_gets_plain_lines(home: Path) -> None:
    code, shown = in_terminal(home, ("succeed", "up", "-e", "dev"), TERM="dumb")
    assert code == 0
    assert "\x1b" not in shown
    assert "done: worked" in shown
