from __future__ import annotations

from pathlib import Path

import pytest

from bootstrap.run.events import ResourceChanged, StepProgress
from bootstrap.terraform.messages import Failed, Finished, Started, Still, Summary
from bootstrap.terraform.progress import Reporter, counts
from tests.aws_context import environment, world


def test_changes_become_events_and_only_the_longest_speaks(tmp_path: Path) -> None:
    here = world(environment(tmp_path))
    tell = Reporter(here.context)
    for message in (
        Started("create", "a"),
        Started("create", "b"),
        Still("create", "a", 20),
        Still("create", "b", 10),
        Finished("create", "a", 21),
        Still("create", "b", 20),
        Failed("create", "b", 22),
    ):
        tell(message)
    assert here.of(ResourceChanged) == [ResourceChanged("test", "create", "a", 21)]
    assert [event.message for event in here.of(StepProgress)] == [
        "still at create of a (20 s) and 1 more",
        "still at create of b (20 s)",
        "b failed to create",
    ]


@pytest.mark.parametrize(
    ("summary", "text"),
    [
        (Summary("plan", 0, 0, 0), "no changes"),
        (Summary("plan", 101, 0, 2), "101 to create, 2 to remove"),
        (Summary("plan", 0, 3, 0, 14), "14 to import, 3 to change"),
    ],
)
def test_counts(summary: Summary, text: str) -> None:
    assert counts(summary) == text


def test_counts_of_what_is_done() -> None:
    assert counts(Summary("apply", 85, 1, 0), done=True) == "85 created, 1 changed"
