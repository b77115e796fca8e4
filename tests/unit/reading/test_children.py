"""The one place that starts programs for files that anybody may have written."""

from __future__ import annotations

import os
import select
import sys
import threading
from contextlib import suppress
from pathlib import Path

import pytest

from bootstrap.core.child import Children, Limits, Overrun, environment, outside
from bootstrap.core.confine import CONFINED, Confinement, alone
from tests.programs import program

confined = pytest.mark.skipif(not CONFINED, reason="this kernel has no Landlock")


def python(code: str, folder: Path, **limits: float) -> bytes:
    found = Limits(**limits)  # type: ignore[arg-type]
    argv = [sys.executable, "-c", code]
    return Children().run(argv, environment(folder), folder, limits=found).output


def test_a_program_gets_nothing_of_ours(tmp_path: Path) -> None:
    ours = {"PATH": "/bin", "LANG": "C", "AWS_SECRET_ACCESS_KEY": "x", "HTTPS_PROXY": "p", "GIT_DIR": "g"}
    assert environment(tmp_path, ours) == {
        "PATH": "/bin",
        "LANG": "C",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }


@pytest.mark.parametrize(
    ("host", "given"),
    [
        ("", set()),
        ("1.dkr.ecr.eu-west-1.amazonaws.com", {"AWS_PROFILE"}),
        ("x.amazonaws.com.example.com", set()),
        ("example.azurecr.io", {"AZURE_TENANT"}),
    ],
)
def test_a_program_that_fetches_gets_what_leads_outside_and_a_clouds_own_login(
    host: str, given: set[str]
) -> None:
    ours = dict.fromkeys(
        ("HTTPS_PROXY", "SSH_AUTH_SOCK", "AWS_PROFILE", "AZURE_TENANT", "OTHER", "CI_TOKEN"), "x"
    )
    assert set(outside(host, ours)) == {"HTTPS_PROXY", "SSH_AUTH_SOCK"} | given


def test_what_a_program_is_given_and_says(tmp_path: Path) -> None:
    code = "import sys; data = sys.stdin.read(); print(data[::-1]); print('no', file=sys.stderr); sys.exit(3)"
    ended = Children().run([sys.executable, "-c", code], environment(tmp_path), tmp_path, stdin=b"abc")
    assert (ended.code, ended.output, ended.words) == (3, b"cba\n", "no")


def test_one_that_does_not_end_is_ended(tmp_path: Path) -> None:
    slow = program(tmp_path / "slow", "sleep 600")
    with pytest.raises(Overrun, match="no answer within"):
        Children().run([str(slow)], environment(tmp_path), tmp_path, limits=Limits(seconds=0.01))


@pytest.mark.skipif(sys.platform != "linux", reason="waits for somebody else's child by Linux's means")
def test_what_it_started_is_ended_with_it(tmp_path: Path) -> None:
    loud = program(tmp_path / "loud", "sleep 600 & echo $! > child; exec cat /dev/zero")
    with pytest.raises(Overrun, match="says more"):
        Children().run([str(loud)], environment(tmp_path), tmp_path, limits=Limits(output=1 << 20))
    with suppress(ProcessLookupError):
        child = os.pidfd_open(int((tmp_path / "child").read_text()))
        ended, _, _ = select.select([child], [], [], 60)
        os.close(child)
        assert ended


@pytest.mark.skipif(sys.platform != "linux", reason="limits are set from outside on Linux only")
@pytest.mark.parametrize(
    ("code", "limits", "words"),
    [
        ("print('a' * 5_000_000)", {"output": 1 << 20}, "more than 1 MiB"),
        ("while True: pass", {"processor": 1}, "worked for more than 1 s"),
    ],
)
def test_limits(code: str, limits: dict[str, float], words: str, tmp_path: Path) -> None:
    with pytest.raises(Overrun, match=words):
        python(code, tmp_path, **limits)


@pytest.mark.skipif(sys.platform != "linux", reason="limits are set from outside on Linux only")
@pytest.mark.parametrize(
    ("limits", "attempt"),
    [
        ({"memory": 256 << 20}, "bytearray(1 << 30)"),
        ({"file": 1 << 20}, "open('f', 'wb').write(b'x' * 2_000_000)"),
    ],
)
def test_memory_and_files_are_bounded(limits: dict[str, float], attempt: str, tmp_path: Path) -> None:
    """Set from outside, at once, but not before it begins: so it tries until it is refused."""
    refused = f"try: {attempt}\n    except (MemoryError, OSError): break"
    deaf = "import signal\nsignal.signal(signal.SIGXFSZ, signal.SIG_IGN)"
    code = f"{deaf}\nwhile True:\n    {refused}\nprint('no')"
    assert python(code, tmp_path, **limits) == b"no\n"


def test_an_interrupt_ends_all_that_run_and_nothing_starts_after_it(tmp_path: Path) -> None:
    children, waiting = Children(), threading.Event()
    slow = program(tmp_path / "slow", "echo begun; sleep 600")
    ended: list[int] = []

    def run() -> None:
        waiting.set()
        try:
            children.run([str(slow)], environment(tmp_path), tmp_path)
        except Overrun:
            ended.append(1)

    thread = threading.Thread(target=run)
    thread.start()
    waiting.wait()
    children.close()
    thread.join()
    assert ended == [1]
    with pytest.raises(Overrun):
        children.run([str(slow)], environment(tmp_path), tmp_path)


@confined
def test_a_program_writes_reads_and_executes_where_it_may(tmp_path: Path) -> None:
    scratch, other = tmp_path / "scratch", tmp_path / "other"
    scratch.mkdir()
    other.mkdir()
    (other / "secret").write_text("s")

    def run(code: str, confinement: Confinement) -> int:
        argv = [sys.executable, "-c", code]
        return Children().run(argv, environment(scratch), scratch, confinement=confinement).code

    only = Confinement(write=(scratch,))
    assert (
        run(f"import os; open('{scratch}/a', 'w').close(); os.mkdir('d'); os.rename('a', 'd/a')", only) == 0
    )
    for code in (
        f"open('{other}/a', 'w')",
        f"open('{other}/secret', 'r+')",
        f"import os; os.mkdir('{other}/d')",
        f"import os; os.unlink('{other}/secret')",
        f"import os; os.symlink('x', '{other}/l')",
        f"import os; os.rename('{scratch}/d', '{other}/d')",
    ):
        assert run(code, only) == 1
    reads = Confinement(
        read=tuple(one for one in map(Path, ("/usr", "/lib", "/lib64", sys.prefix, sys.base_prefix)))
    )
    assert run(f"open('{other}/secret')", Confinement()) == 0
    assert run(f"open('{other}/secret')", reads) == 1
    (other / "a").write_text("main thread writes as ever")


@confined
def test_a_program_that_runs_alone_starts_no_other(tmp_path: Path) -> None:
    own = Path(os.path.realpath(sys.executable))
    execute = alone(own)
    assert execute is not None
    argv = [str(own), "-S", "-c", "import os; os.execv('/bin/sh', ['sh', '-c', 'exit 0'])"]
    confinement = Confinement(execute=(*execute, Path(sys.base_prefix)))
    assert Children().run(argv, environment(tmp_path), tmp_path).code == 0
    assert Children().run(argv, environment(tmp_path), tmp_path, confinement=confinement).code == 1


def test_a_script_cannot_run_alone(tmp_path: Path) -> None:
    assert alone(program(tmp_path / "script", "exit 0")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="seccomp is Linux's")
def test_no_socket_where_none_is_wanted(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", "import socket\ntry: socket.socket()\nexcept PermissionError: print('no')"]
    closed = Confinement(sockets=False)
    assert Children().run(argv, environment(tmp_path), tmp_path).output == b""
    assert Children().run(argv, environment(tmp_path), tmp_path, confinement=closed).output == b"no\n"


def test_a_program_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError):
        Children().run([str(tmp_path / "none")], {}, tmp_path, confinement=Confinement(write=()))
