"""Checks of the machine: each says what it saw and, when it fails, what to do."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.checks import doctor
from bootstrap.checks.credentials import credentials
from bootstrap.checks.files import git_work_tree, judge_disk, writable
from bootstrap.checks.model import Check, Probe, Range, dotted
from bootstrap.checks.ports import holder, judge_holder
from bootstrap.checks.tools import answer, judge_program, judge_python, parse_version, program
from bootstrap.core.errors import ToolError

FITTING = Range((1, 10), (2,))


def test_every_probe_is_made_even_when_one_breaks() -> None:
    def breaks() -> Check:
        raise RuntimeError("no idea")

    def refuses() -> Check:
        raise ToolError("helm failed", "exit code 1", "install helm")

    probes = [
        Probe("a", breaks),
        Probe("b", refuses),
        Probe("c", lambda: Check("c", True, "fine")),
    ]
    checks = doctor.examine(probes)
    assert [check.name for check in checks] == ["a", "b", "c"]
    assert checks[0].detail == "could not be checked: RuntimeError: no idea"
    assert (checks[1].detail, checks[1].cure) == ("helm failed. exit code 1", "install helm")
    found = doctor.problems(checks)
    assert [problem.where for problem in found] == ["a", "b"]
    assert found[1].cure == "install helm"


@pytest.mark.parametrize(
    ("answer", "ok", "detail"),
    [
        ("Terraform v1.11.4\non linux_amd64", True, "1.11.4 (/bin/t)"),
        ("Terraform v1.9.8", False, "/bin/t is 1.9.8, too old: >= 1.10, < 2 is needed"),
        ("Terraform v2.0.1", False, "/bin/t is 2.0.1, too new: >= 1.10, < 2 is needed"),
        ("", False, "/bin/t does not tell its version"),
    ],
)
def test_a_program_is_judged_by_its_version(answer: str, ok: bool, detail: str) -> None:
    check = judge_program("terraform", "/bin/t", answer, FITTING, "install it")
    assert (check.ok, check.detail) == (ok, detail)
    assert check.cure == ("" if ok else "install it")


def test_a_program_that_is_not_there() -> None:
    (check,) = doctor.examine([program("x", "no-such-program", (), FITTING, "get it")])
    assert (check.ok, check.detail, check.cure) == (False, "no-such-program is not there", "get it")


@given(
    st.tuples(*[st.integers(0, 999)] * 3), st.sampled_from(["go{}", "v{}+g7cfb6e", '{{"v":"{}"}}', "x {}\n"])
)
def test_a_version_is_found_wherever_it_stands(version: tuple[int, int, int], form: str) -> None:
    assert parse_version(form.format(dotted(version))) == version


def test_a_program_that_fails_says_nothing() -> None:
    assert answer(["sh", "-c", "echo 1.2.3; exit 1"]) == ""
    assert answer(["/no/such/program"]) == ""
    assert answer(["sh", "-c", "echo 1.2.3"]) == "1.2.3\n"


def test_python_below_the_minimum_is_refused() -> None:
    assert judge_python((3, 11, 0)).ok
    assert not judge_python((3, 10, 13)).ok


def test_disk() -> None:
    enough = judge_disk("disk", Path("/"), 15_000_000_000, 14_600_000_000)
    short = judge_disk("disk", Path("/"), 2_000_000_000, 14_600_000_000)
    assert (enough.ok, enough.cure) == (True, "")
    assert short.detail == "2.0 GB free at /, 14.6 GB needed"
    assert not short.ok
    assert short.cure


def test_a_folder_yet_to_be_made_is_judged_by_its_parent(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    good, bad = doctor.examine(
        [
            writable("good", tmp_path / "new" / "deeper"),
            writable("bad", tmp_path / "file" / "below"),
        ]
    )
    assert good.ok
    assert not bad.ok
    assert "is a file, not a folder" in bad.detail
    assert not (tmp_path / "new").exists(), "a probe makes nothing"


def test_git(tmp_path: Path) -> None:
    probe = git_work_tree("repository", tmp_path)
    missing = git_work_tree("repository", tmp_path / "no").look()
    outside = probe.look()
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    empty = probe.look()
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    commit = ["git", "-C", str(tmp_path), *identity, "commit", "-q", "--allow-empty", "-m", "First"]
    subprocess.run(commit, check=True)
    assert [check.ok for check in (missing, outside, empty, probe.look())] == [False, False, False, True]
    assert "does not exist" in missing.detail
    assert "not in a Git repository" in outside.detail
    assert "has no commit" in empty.detail
    assert all(check.cure for check in (missing, outside, empty))


def test_without_git_a_repository_is_not_judged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    check = git_work_tree("repository", tmp_path).look()
    assert not check.ok
    assert check.detail == f"{tmp_path} cannot be looked at without git"
    assert check.cure == "install Git"


@pytest.fixture
def busy_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_busy_port_is_a_problem(busy_port: int) -> None:
    theirs = judge_holder("api", busy_port, holder(busy_port))
    assert not theirs.ok
    assert str(busy_port) in theirs.detail
    assert theirs.cure
    stranger = judge_holder("api", 1, (42, "nginx"))
    assert (stranger.ok, stranger.cure) == (False, "stop that program: kill 42")


@dataclass
class FakeSts:
    account: str = "123456789012"
    error: Exception | None = None

    def get_caller_identity(self) -> dict[str, Any]:
        if self.error:
            raise self.error
        return {"Account": self.account, "Arn": "arn:aws:iam::123456789012:user/me"}


def test_credentials() -> None:
    works = credentials(lambda _: FakeSts(), "123456789012").look()
    other = credentials(lambda _: FakeSts(), "999999999999").look()
    expired = credentials(lambda _: FakeSts(error=RuntimeError("ExpiredToken")), None, "dev").look()
    assert works.ok
    assert (other.ok, other.cure) == (False, "use credentials of account 999999999999")
    assert not expired.ok
    assert "AWS profile dev" in expired.detail
    assert "aws sso login --profile dev" in expired.cure


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_a_program_is_asked_its_version_without_a_network() -> None:
    """kubectl looks for a cluster on loopback even when only its own version is asked for."""
    tries = "import socket; socket.socket(); print('open')"
    assert answer([sys.executable, "-c", tries]) == ""
    assert answer([sys.executable, "-c", "print('v1.2.3')"]) == "v1.2.3\n"
