"""The runner's own logic, with a stand-in program that notes its arguments and plays what it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from bootstrap.core.clock import SystemClock
from bootstrap.core.errors import TemporaryError, ToolError
from bootstrap.terraform.messages import Message, Planned, Summary
from bootstrap.terraform.refusals import Refusals
from bootstrap.terraform.runner import Terraform
from tests.programs import PYTHON, program

PROGRAM = """import json, sys
from pathlib import Path
command = sys.argv[1]
with open("calls", "a") as calls:
    calls.write(json.dumps(sys.argv[1:]) + "\\n")
play = json.loads(Path("play").read_text()).get(command, {})
sys.stdout.write(play.get("out", ""))
sys.stderr.write(play.get("err", ""))
sys.exit(play.get("code", 0))
"""


class Stage:
    """A folder with the stand-in, what it is to say, and what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.heard, self.started = folder, list[Message](), list[int]()
        terraform = program(folder / "terraform", f'exec {PYTHON} "$0.py" "$@"')
        terraform.with_name("terraform.py").write_text(PROGRAM)
        self.play()
        self.terraform = Terraform(
            binary=terraform,
            folder=folder,
            environment={},
            log=folder / "log",
            clock=SystemClock(),
            cancel=threading.Event(),
            listen=self.heard.append,
            started=self.started.append,
        )

    def play(self, **commands: dict[str, object]) -> None:
        (self.folder / "play").write_text(json.dumps(commands))

    def calls(self) -> list[list[str]]:
        return [json.loads(line) for line in (self.folder / "calls").read_text().splitlines()]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def lines(*messages: Mapping[str, object]) -> str:
    return "".join(json.dumps(message) + "\n" for message in messages)


PLANNED = lines(
    {"type": "planned_change", "change": {"resource": {"addr": "a.b"}, "action": "create"}},
    {"type": "change_summary", "changes": {"add": 1, "change": 0, "remove": 0, "operation": "plan"}},
)


def test_init_passes_the_backend_and_asks_nothing(stage: Stage) -> None:
    stage.terraform.init({"bucket": "b", "endpoints": '{s3="http://x"}'})
    (call,) = stage.calls()
    assert call[0] == "init"
    assert set(call[1:]) == {
        "-no-color",
        "-json",
        "-input=false",
        "-reconfigure",
        "-backend-config=bucket=b",
        '-backend-config=endpoints={s3="http://x"}',
    }


def test_a_plan_with_changes_is_needed(stage: Stage) -> None:
    stage.play(plan={"out": PLANNED, "code": 2})
    planning = stage.terraform.plan(7)
    assert planning.changes == (Planned("create", "a.b"),)
    assert planning.summary == Summary("plan", 1, 0, 0)
    assert planning.needed
    (call,) = stage.calls()
    assert {"-out=bootstrap.tfplan", "-detailed-exitcode", "-parallelism=7"} <= set(call)
    assert not any(argument.startswith("-lock") for argument in call)


def test_a_plan_without_changes_is_not(stage: Stage) -> None:
    assert not stage.terraform.plan(7).needed


def test_a_plan_may_be_for_some_addresses_only(stage: Stage) -> None:
    stage.terraform.plan(7, only=("a.b", 'm["x"].c'), refresh=False)
    (call,) = stage.calls()
    assert {"-target=a.b", '-target=m["x"].c', "-refresh=false"} <= set(call)


def test_a_preview_locks_and_keeps_nothing(stage: Stage) -> None:
    stage.terraform.preview(7)
    (call,) = stage.calls()
    assert "-lock=false" in call
    assert not any(argument.startswith("-out") for argument in call)


def test_apply_takes_the_plan_and_removes_it_even_after_a_failure(stage: Stage) -> None:
    plan = stage.folder / "bootstrap.tfplan"
    plan.touch()
    stage.play(apply={"code": 1})
    with pytest.raises(ToolError, match="terraform apply failed"):
        stage.terraform.apply(7, Refusals(30))
    (call,) = stage.calls()
    assert call[-1] == "bootstrap.tfplan"
    assert not plan.exists()


def test_destroy_counts_and_never_forces(stage: Stage) -> None:
    summary = {
        "type": "change_summary",
        "changes": {"add": 0, "change": 0, "remove": 9, "operation": "destroy"},
    }
    stage.play(destroy={"out": lines(summary)})
    assert stage.terraform.destroy(7) == 9
    (call,) = stage.calls()
    assert "-auto-approve" in call
    assert "-force" not in call


def test_outputs_are_values_and_sensitive_ones_stay_out_of_the_log(stage: Stage) -> None:
    value = {"password": {"sensitive": True, "type": "string", "value": "canary"}}
    stage.play(output={"out": json.dumps(value)})
    assert stage.terraform.outputs() == {"password": "canary"}
    assert not (stage.folder / "log").exists()


def test_an_error_on_stderr_is_told_without_its_frame(stage: Stage) -> None:
    stage.play(output={"err": "╷\n│ Error: Backend initialization required\n╵\n", "code": 1})
    with pytest.raises(ToolError) as failed:
        stage.terraform.outputs()
    assert failed.value.why == "Error: Backend initialization required"


def test_diagnostics_decide_what_kind_of_failure_it_is(stage: Stage) -> None:
    throttled = {"type": "diagnostic", "diagnostic": {"severity": "error", "summary": "x: Throttling: slow"}}
    stage.play(plan={"out": lines(throttled), "code": 1})
    with pytest.raises(TemporaryError):
        stage.terraform.plan(7)
    assert len(stage.heard) == 1


def test_an_errored_state_is_pushed_once(stage: Stage) -> None:
    assert not stage.terraform.rescue_state()
    (stage.folder / "errored.tfstate").write_text("{}")
    assert stage.terraform.rescue_state()
    assert stage.calls() == [["state", "push", "-no-color", "errored.tfstate"]]
    assert not (stage.folder / "errored.tfstate").exists()


def test_an_errored_state_that_is_refused_is_kept(stage: Stage) -> None:
    (stage.folder / "errored.tfstate").write_text("{}")
    stage.play(state={"err": "cannot import state with serial 3 over newer state with serial 5", "code": 1})
    with pytest.raises(ToolError, match="serial 5"):
        stage.terraform.rescue_state()
    assert (stage.folder / "errored.tfstate").exists()


def test_without_terraform_the_cure_is_named(stage: Stage) -> None:
    (stage.folder / "terraform").unlink()
    with pytest.raises(ToolError, match="No such file") as failed:
        stage.terraform.init({})
    assert "install Terraform" in failed.value.cure
