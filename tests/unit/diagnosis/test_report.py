"""The report of a failed run holds the diagnosis."""

from __future__ import annotations

from functools import reduce

from bootstrap.render import report
from bootstrap.render.view import RunView, see
from bootstrap.run import events as ev

CHAIN = ("Application web", "Pod web/web-x")


def seen(*events: ev.Event) -> RunView:
    stamped = [ev.Stamped(float(at), float(at), event) for at, event in enumerate(events)]
    return reduce(see, stamped, RunView())


def test_what_is_stuck_stands_in_the_page_with_its_next_command() -> None:
    stuck = ev.Diagnosed(60, "web", "crash-loop", "blocked", CHAIN, "exit code 1", "kubectl logs web-x")
    begun = (ev.RunStarted("r", "up", "dev", "aws", ()), ev.AppSeen(60, "web", "Synced", "Progressing"))
    page = report.as_html(seen(*begun, stuck))
    assert "<h2>Diagnosis</h2>" in page
    assert "crash-loop" in page
    assert "<code>kubectl logs web-x</code>" in page


def test_what_got_on_is_no_diagnosis() -> None:
    stuck = ev.Diagnosed(60, "web", "crash-loop", "blocked", CHAIN, "exit code 1", "kubectl logs web-x")
    begun = (ev.RunStarted("r", "up", "dev", "aws", ()), ev.AppSeen(60, "web", "Synced", "Progressing"))
    page = report.as_html(seen(*begun, stuck, ev.AppSeen(60, "web", "Synced", "Healthy")))
    assert "<h2>Diagnosis</h2>" not in page
