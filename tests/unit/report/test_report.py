"""What stays of a run: JSON for machines and one page that stands alone."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from html.parser import HTMLParser
from pathlib import Path

import pytest

from bootstrap.render.report import as_data, as_html, span, step_bars, ticks, wave_bars, write
from bootstrap.render.view import RunView
from bootstrap.run.events import AppTimes, WaveOrderJudged
from tests.conftest import Golden
from tests.story import BEGINNING, FAILURE, MIDDLE, ORDER, REST, SUCCESS, picture

ROOT = Path(__file__).parents[3]
VOID = {"meta", "br", "hr", "img", "link", "input"}


class Page(HTMLParser):
    """Checks nesting, collects text and what would be loaded from elsewhere."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.loads: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in VOID:
            self.open.append(tag)
        self.loads += [value or "" for name, value in attrs if name in {"src", "href"}]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize(
    "view",
    [RunView(), picture(BEGINNING), picture(BEGINNING, MIDDLE, SUCCESS), picture(BEGINNING, MIDDLE, FAILURE)],
    ids=["nothing", "unfinished", "success", "failure"],
)
def test_a_page_is_well_formed_and_loads_nothing(view: RunView) -> None:
    text = as_html(view)
    page = Page(text)
    assert page.open == []
    assert page.loads == []
    assert "http" not in text.replace("https://charts.example.com", "")
    assert "prefers-color-scheme: dark" in text


def test_the_page_of_a_success() -> None:
    words = " ".join(" ".join(Page(as_html(picture(BEGINNING, MIDDLE, SUCCESS))).words).split())
    for part in (
        "succeeded",
        "53s",
        "2026-09-21T14:13:20Z",
        "wave 60",
        "dev-chat",
        "postgresql",
        "2 uncommitted changes below manifests/ are rehearsed",
        "https://charts.example.com/grafana 8.5.1 stand-in",
        "Cloud resources: 2 create",
    ):
        assert part in words


def test_the_page_of_a_failure_escapes_what_programs_said() -> None:
    text = as_html(picture(BEGINNING, MIDDLE, FAILURE))
    assert "&lt;no SSM parameter /eco2/dev/x&gt;" in text
    assert "<no SSM" not in text
    assert "aws ssm put-parameter" in text


def test_bars_lie_where_the_time_was() -> None:
    view = picture(BEGINNING, MIDDLE, SUCCESS)
    bars = {bar.label: bar for bar in (*step_bars(view, 53.0), *wave_bars(view, 53.0))}
    assert bars["terraform"].left == pytest.approx(100 * 4 / 53, abs=0.01)
    assert bars["terraform"].width == pytest.approx(100 * 22.3 / 53, abs=0.01)
    assert bars["terraform"].took == "22s"
    assert bars["wave 10"].state == "done"
    assert all(0 <= bar.left <= bar.left + bar.width <= 100.01 for bar in bars.values())


def test_what_has_not_ended_reaches_to_now() -> None:
    view = picture(BEGINNING)
    (nodes,) = [bar for bar in step_bars(view, span(view)) if bar.label == "nodes"]
    assert nodes.state == "running"
    (verify,) = [bar for bar in step_bars(view, span(view)) if bar.label == "verify"]
    assert (verify.took, verify.width) == ("", 0)


@pytest.mark.parametrize("total", [0.0, 0.05, 3.0, 53.0, 600.0, 7200.0, 1e6])
def test_ticks_are_few_and_within_the_run(total: float) -> None:
    drawn = ticks(total)
    assert len(drawn) <= 9
    assert all(0 <= at <= 100 for at, _ in drawn)


def test_data(golden: Golden) -> None:
    data = as_data(picture(BEGINNING, MIDDLE, FAILURE))
    golden("report.json", json.dumps(data, indent=2, ensure_ascii=False) + "\n")


def test_the_proof_of_order_is_kept_in_both() -> None:
    view = picture(BEGINNING, MIDDLE, SUCCESS, REST)
    order = as_data(view)["order"]
    assert (order["proven"], order["violations"]) == (False, ORDER.violations)
    assert [(each["app"], each["healthy"]) for each in order["apps"]] == [("a", 5.0), ("b", 9.0)]
    words = " ".join(Page(as_html(view)).words)
    assert ORDER.violations[0] in words
    assert ORDER.unproven[0] in words


def test_the_proof_of_order_is_documented() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    keys = {each.name for kind in (WaveOrderJudged, AppTimes) for each in fields(kind)}
    assert {WaveOrderJudged.type, "order", *keys} <= set(re.findall(r"`([a-z_]+)`", page))


def test_write(tmp_path: Path) -> None:
    page = write(picture(BEGINNING, MIDDLE, SUCCESS), tmp_path)
    assert page == tmp_path / "report.html"
    data = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert (data["version"], data["outcome"], data["exit_code"]) == (1, "succeeded", 0)
