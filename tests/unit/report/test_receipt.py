"""The receipt: what was removed, kept and left, from what the run said."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path

from bootstrap.render import receipt
from bootstrap.render.view import RunView, see
from bootstrap.run.events import (
    Event,
    ResourceChanged,
    ResourceKept,
    ResourceLeft,
    RunFinished,
    RunStarted,
    Stamped,
)

TOLD: tuple[Event, ...] = (
    RunStarted("r1", "down", "dev", "aws", ()),
    ResourceChanged("sweep", "delete", "elb load balancer arn:1 (k8s)", 2.0),
    ResourceChanged("destroy", "delete", "module.network.aws_vpc.this", 1.0),
    ResourceChanged("destroy", "update", "not a removal", 1.0),
    ResourceKept("leftovers", "s3 bucket b", "teardown.backups is keep"),
)


def view(*more: Event) -> RunView:
    picture = RunView()
    for number, event in enumerate((*TOLD, *more)):
        picture = see(picture, Stamped(1000.0 + number, float(number), event))
    return picture


def test_everything_removed_and_kept_is_on_it() -> None:
    data = receipt.as_data(view(RunFinished("succeeded", 0, 12.5)))
    assert data["complete"] is True
    assert data["removed"] == [
        {"resource": "elb load balancer arn:1 (k8s)", "by": "sweep"},
        {"resource": "module.network.aws_vpc.this", "by": "destroy"},
    ]
    assert data["kept"] == [{"resource": "s3 bucket b", "reason": "teardown.backups is keep"}]
    assert data["left"] == []


def test_what_is_left_makes_it_incomplete_even_when_told_twice() -> None:
    left = ResourceLeft("leftovers", "ec2 volume vol-1", "is still there", "aws ec2 delete-volume")
    data = receipt.as_data(view(left, left, RunFinished("failed", 7, 12.5, "1 resources are left")))
    assert data["complete"] is False
    assert [item["resource"] for item in data["left"]] == ["ec2 volume vol-1"]


def test_a_run_that_was_cut_short_has_no_complete_receipt() -> None:
    assert receipt.as_data(view())["complete"] is False


def test_the_page_says_the_same_and_escapes_names(tmp_path: Path) -> None:
    left = ResourceLeft("leftovers", "ec2 volume <b>", "is still there", "aws ec2 delete-volume")
    page = receipt.write(view(left, RunFinished("failed", 7, 1.0)), tmp_path).read_text()
    assert "<b>" not in page
    told = unescape(page)
    data = json.loads((tmp_path / "receipt.json").read_text())
    for part in ("removed", "kept", "left"):
        assert all(item["resource"] in told for item in data[part]), part
