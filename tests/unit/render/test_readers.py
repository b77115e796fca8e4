"""What people and machines read: lines, frames, summary, picture. Golden files hold the text."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from bootstrap import preview
from bootstrap.config.model import OFF
from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import ConfigError, Problem, ToolError
from bootstrap.core.text import duration, table
from bootstrap.gitops.model import Tree
from bootstrap.gitops.reader import Reader
from bootstrap.preview import PlannedWave, Preview, ResourceChange, SeedChange
from bootstrap.preview import encode as encode_preview
from bootstrap.preview import render as render_preview
from bootstrap.render.frame import frame
from bootstrap.render.jsonlines import JsonLines
from bootstrap.render.live import LiveView, save_svg
from bootstrap.render.plain import PlainLines
from bootstrap.render.summary import summary
from bootstrap.render.view import RunView
from bootstrap.run import events as ev
from bootstrap.run.events import PlannedStep
from bootstrap.run.target import Part
from bootstrap.status.model import AppStatus, NodeStatus, Status
from bootstrap.status.render import encode as encode_status
from bootstrap.status.render import render as render_status
from bootstrap.targets.base import Phases
from tests import fakes
from tests.conftest import Golden
from tests.gitops_tree import TREE
from tests.story import BEGINNING, FAILURE, MIDDLE, PLANNED, START, SUCCESS, picture, stamped

STORIES = {"success": (BEGINNING, MIDDLE, SUCCESS), "failure": (BEGINNING, MIDDLE, FAILURE)}


@pytest.mark.parametrize("story", STORIES)
def test_plain_lines(story: str, golden: Golden) -> None:
    out = io.StringIO()
    reader = PlainLines(out)
    for each in stamped(each for part in STORIES[story] for each in part):
        reader(each)
    golden(f"plain-{story}.txt", out.getvalue())


def test_plain_progress_is_thinned_out_step_by_step() -> None:
    out = io.StringIO()
    reader = PlainLines(out)
    for elapsed, step in ((0.0, "a"), (0.5, "a"), (0.6, "b"), (1.9, "a"), (2.0, "a")):
        reader(ev.Stamped(START + elapsed, elapsed, ev.StepProgress(step, f"{step} at {elapsed}")))
    assert re.findall(r"(\w at [\d.]+)", out.getvalue()) == ["a at 0.0", "b at 0.6", "a at 2.0"]


def test_json_lines_are_one_object_a_line() -> None:
    out = io.StringIO()
    reader = JsonLines(out)
    story = stamped((*BEGINNING, *MIDDLE, *FAILURE))
    for each in story:
        reader(each)
    read = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["type"] for line in read] == [each.event.type for each in story]
    assert read[0]["steps"][0] == {"name": "toolchain", "title": "Toolchain", "needs": [], "deadline": 1800}
    assert read[4]["elapsed"] == 1.4
    assert read[4]["time"] == START + 1.4


def shown(view: RunView, now: float, width: int, height: int) -> str:
    return "".join(f"{line.plain.rstrip()}\n" for line in frame(view, now, width, height))


@pytest.mark.parametrize(
    ("name", "view", "now", "size"),
    [
        ("beginning", picture(BEGINNING), 28.0, (100, 40)),
        ("middle", picture(BEGINNING, MIDDLE), 39.5, (100, 40)),
        ("middle-wide", picture(BEGINNING, MIDDLE), 39.5, (160, 40)),
        ("middle-low", picture(BEGINNING, MIDDLE), 39.5, (80, 10)),
        ("middle-tiny", picture(BEGINNING, MIDDLE), 39.5, (40, 5)),
        ("success", picture(BEGINNING, MIDDLE, SUCCESS), 60.0, (132, 40)),
        ("failure", picture(BEGINNING, MIDDLE, FAILURE), 99.0, (100, 40)),
    ],
)
def test_frames(name: str, view: RunView, now: float, size: tuple[int, int], golden: Golden) -> None:
    golden(f"frame-{name}.txt", shown(view, now, *size))


def test_a_frame_says_that_the_run_is_stopping() -> None:
    view = picture(BEGINNING, ((28.0, ev.RunStopping("interrupted")),))
    assert "stopping: interrupted" in shown(view, 29.0, 100, 40)


def big(steps: int, waves: int, nodes: int, over: int) -> RunView:
    planned = tuple(PlannedStep(f"step-{n}", "x" * n, (), 1) for n in range(steps))
    story: list[tuple[float, ev.Event]] = [(0.0, ev.RunStarted("r", "up", "dev", "aws", planned))]
    story += [(1.0, ev.StepStarted(step.name)) for step in planned[: over + 2]]
    story += [(2.0, ev.StepFinished(step.name)) for step in planned[:over]]
    story += [(2.0, ev.WavesPlanned(tuple((n, (f"app-{n}", f"bpp-{n}")) for n in range(waves))))]
    story += [(3.0, ev.WaveStarted(n, (f"app-{n}", f"bpp-{n}"))) for n in range(min(over + 1, waves))]
    story += [(4.0, ev.WaveFinished(n, 1.0)) for n in range(min(over, waves))]
    story += [(4.0, ev.NodeSeen(f"node-{n}", "ready" if n % 3 else "NotReady")) for n in range(nodes)]
    return picture(tuple(story))


@given(
    st.builds(big, st.integers(0, 25), st.integers(0, 30), st.integers(0, 40), st.integers(0, 20)),
    st.integers(20, 200),
    st.integers(1, 60),
)
def test_a_frame_is_never_larger_than_the_terminal(view: RunView, width: int, height: int) -> None:
    lines = frame(view, 5.0, width, height)
    assert 1 <= len(lines) <= height
    assert all(line.cell_len <= width for line in lines)
    assert lines[0].plain.startswith("bootstrap")


@given(st.builds(big, st.integers(3, 25), st.integers(0, 30), st.integers(0, 40), st.just(1)))
def test_what_runs_now_is_shown_even_in_a_low_terminal(view: RunView) -> None:
    text = shown(view, 5.0, 100, 24)
    assert "step-1 " in text
    assert "step-2 " in text
    if len(view.waves) > 1:
        assert "app-1 not there yet" in text


def test_the_live_view_draws_and_cleans_up() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=100, height=30)
    clock = FakeClock()
    with LiveView(console, clock) as view:
        for each in stamped((*BEGINNING, *MIDDLE)):
            view(each)
        console.print(view._frame())
    text = console.file.getvalue()  # type: ignore[attr-defined] # it is a StringIO
    assert "dev-eso Synced, Progressing" in text
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1


@pytest.mark.parametrize("story", STORIES)
def test_summaries(story: str, golden: Golden) -> None:
    following = ("bootstrap status", "bootstrap down")
    lines = summary(picture(*STORIES[story]), Path("runs/latest/report.html"), following)
    golden(f"summary-{story}.txt", "\n".join(lines) + "\n")


def test_the_summary_of_down() -> None:
    story = (
        (0.0, ev.RunStarted("r", "down", "dev", "aws", PLANNED[:1])),
        (9.0, ev.RunFinished("succeeded", 0, 9.0)),
    )
    assert summary(picture(story), None, ()) == ["✓ dev on aws is gone, in 9.0s"]


def test_the_summary_of_an_interrupt_names_what_stopped() -> None:
    stop = (
        (28.0, ev.StepStopped("nodes", "interrupted")),
        (
            28.0,
            ev.RunFinished(
                "interrupted", 130, 28.0, "interrupted", "to go on where it stopped: bootstrap up"
            ),
        ),
    )
    lines = summary(picture(BEGINNING, stop), None, ())
    assert lines[0] == "✗ local on local: up interrupted after 28s, 4 of 7 steps done (exit code 130)"
    assert "  stopped on the way: nodes" in lines
    assert "  not started: waves, verify" in lines
    assert "  to go on where it stopped: bootstrap up" in lines


def test_the_saved_screen_stands_alone(tmp_path: Path) -> None:
    save_svg(picture(BEGINNING, MIDDLE, SUCCESS), tmp_path / "screen.svg")
    text = (tmp_path / "screen.svg").read_text(encoding="utf-8")
    root = ElementTree.fromstring(text)  # noqa: S314 - our own text
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "http" not in text.replace("http://www.w3.org/", "")
    words = "".join(root.itertext()).replace("\xa0", " ")
    assert "3/3 waves" in words
    assert "dev-chat" in words


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-1, "0.0s"),
        (0.04, "0.0s"),
        (9.94, "9.9s"),
        (9.96, "10s"),
        (59.6, "1m00s"),
        (187, "3m07s"),
        (3725, "1h02m"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_tables_align_all_columns_but_the_last() -> None:
    assert table([("a", "bbb", "c"), ("aaa", "b", "")]) == ["  a    bbb  c", "  aaa  b"]
    assert table([]) == []


STATUS = Status(
    "dev",
    "aws",
    (Part("API server", "up", "1.34.2"), Part("Terraform stack", "degraded", "1 instance is stopped")),
    (NodeStatus("cp", True), NodeStatus("api-auth", False, "NotReady: kubelet stopped posting")),
    (
        AppStatus("dev-chat", 60, "Synced", "Progressing", "abc", "waiting for rollout"),
        AppStatus("dev-crds", 0, "Synced", "Healthy", "abc"),
        AppStatus("dev-auth", 60, "Synced", "Healthy", "abc"),
    ),
    (Problem("node api-auth", "its kubelet is silent", "bootstrap up"),),
    {60: 74.2},
)


def test_status(golden: Golden) -> None:
    golden("status.txt", render_status(STATUS) + "\n")
    data = json.loads(json.dumps(encode_status(STATUS)))
    assert (data["version"], data["up"], data["healthy"]) == (1, True, False)
    assert data["apps"][0]["health"] == "Progressing"


def test_healthy_needs_every_part() -> None:
    good = Status("dev", "aws", (Part("API", "up"),), (NodeStatus("cp", True),), (STATUS.apps[1],))
    assert good.healthy
    assert render_status(good).splitlines()[0] == "dev on aws: healthy"
    nothing = Status("dev", "aws", (Part("API", "down"),))
    assert not nothing.healthy
    assert render_status(nothing).splitlines()[0] == "dev on aws: down"


PREVIEW = Preview(
    "dev",
    "aws",
    PLANNED[1:4],
    (ResourceChange("create", "aws_vpc.main"), ResourceChange("replace", "aws_instance.node")),
    (
        SeedChange("create", "/eco2/dev/database/auth/postgres-password", "generate"),
        SeedChange("keep", "/eco2/dev/api/auth/dsn", "template"),
    ),
    (PlannedWave(0, ("dev-crds",), 3.2), PlannedWave(60, ("dev-auth", "dev-chat"))),
    ("2 uncommitted changes are rehearsed",),
    ("instances' addresses: Terraform has not run yet",),
    ("2 Applications in 2 waves, 1 error", "error apps/9.yaml:3: crd-late: it fails"),
)


def test_preview(golden: Golden) -> None:
    golden("preview.txt", render_preview(PREVIEW) + "\n")
    assert json.loads(json.dumps(encode_preview(PREVIEW)))["seeds"][1]["action"] == "keep"


def test_a_preview_tells_the_usual_time_of_all_waves_when_each_is_known() -> None:
    waves = (PlannedWave(0, ("a",), 3.2), PlannedWave(5, ("b",), 7.0))
    assert "Argo CD: 2 waves, usually 10s" in render_preview(Preview("dev", "aws", waves=waves))


def test_a_preview_without_changes_says_so() -> None:
    text = render_preview(Preview("dev", "aws"))
    assert "Terraform: no changes" in text
    assert "SSM: no changes" in text


def test_where_nothing_is_there_yet_nobody_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "tree", lambda _: TREE)
    asked: list[str] = []
    nowhere = fakes.target(exists=lambda: False, client=asked.append)
    found = preview.collect(replace(fakes.environment(tmp_path), lint=OFF), nowhere, Phases())
    why = "nothing is there yet, `bootstrap up` makes everything"
    assert found.unknown == (f"Terraform: {why}", f"SSM: {why}")
    assert asked == []


def test_waves_and_findings_are_of_one_tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = iter([TREE])
    monkeypatch.setattr(Reader, "tree", lambda _: next(read))
    found = preview.collect(fakes.environment(tmp_path), fakes.target(exists=lambda: False), Phases())
    assert found.waves == (PlannedWave(0, ("dev-crds",)), PlannedWave(10, ("dev-secrets-operator",)))
    assert found.lint[0].startswith("2 Applications")


def test_without_helm_neither_waves_nor_findings_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_helm(_: Reader) -> Tree:
        raise ToolError("helm cannot be run")

    monkeypatch.setattr(Reader, "tree", no_helm)
    found = preview.collect(fakes.environment(tmp_path), fakes.target(exists=lambda: False), Phases())
    assert (found.waves, found.lint) == ((), ())
    assert found.unknown[-1] == "Argo CD: helm cannot be run"
    assert "Argo CD: not known yet" in render_preview(found)


def test_what_up_would_refuse_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reader, "tree", lambda _: Tree(TREE.apps[:1]))
    with pytest.raises(ConfigError):
        preview.collect(fakes.environment(tmp_path), fakes.target(exists=lambda: False), Phases())


def test_a_preview_does_not_call_unchanged_what_it_could_not_look_at() -> None:
    text = render_preview(Preview("dev", "aws", unknown=("Terraform: AWS does not answer",)))
    assert "Terraform: not known yet" in text
    assert "Terraform: no changes" not in text
    assert "SSM: no changes" in text
