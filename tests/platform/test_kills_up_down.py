"""kill -9 of whole runs: `up` and `down` go on, and nothing is doubled, lost or left. Short, at fixed points.

`python -m tests.kills.run` does it hundreds of times at random ones. (test_kills.py kills Terraform alone.)
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest

from bootstrap.local import account
from bootstrap.local.aws import override
from tests.kills import cloud
from tests.kills.attempt import run
from tests.kills.chain import COMMANDS, Clean, Round
from tests.kills.points import Point, Usual, Victims, usual
from tests.kills.run import end, prepared
from tests.kills.world import REGION
from tests.platform.dev_world import local_aws
from tests.platform.small_tree import CONFIG

pytestmark = pytest.mark.platform

DOWN = (
    Point("teardown", "teardown", "step_started", 1, 2.0, Victims.PRODUCT),
    Point("destroy", "destroy", "resource_changed", 5, 0.2, Victims.TREE),
)
# Terraform dies with the first and lives on after the second; AWS or other parts go with the last.
UP = (
    Point("terraform", "terraform", "resource_changed", 3, 0.1, Victims.TREE),
    Point("terraform", "terraform", "resource_changed", 1, 0.3, Victims.PRODUCT),
    Point("waves", "waves", "wave_started", 2, 0.5, Victims.PRODUCT),
    Point("anywhere", "argocd", "step_started", 1, 0.2, Victims.PLATFORM),
)


@pytest.fixture
def empty(tmp_path: Path) -> tuple[str, ...]:
    """What is in an account in which nothing of ours ever was."""
    folder = tmp_path / "aws"
    folder.mkdir()
    with local_aws(folder) as url:
        account.furnish(boto3.client("route53", **override.client_settings(url, REGION)), CONFIG["domain"])
        return tuple(cloud.picture(cloud.Look(url, REGION)))


@pytest.fixture
def killed(tmp_path: Path, empty: tuple[str, ...]) -> Iterator[Round]:
    """A platform that came up undisturbed."""
    product, eye = prepared(tmp_path / "killed")
    up = run(product, *COMMANDS["up"])
    assert up.code == 0, up.words
    clean = Clean(usual(up.events), Usual((), {}, {}), eye.settled(), empty)
    yield Round(product, eye, clean, random.Random(1))  # noqa: S311 - the same each time
    end(product)


def test_killed_again_and_again_up_and_down_end_where_they_end_without(killed: Round) -> None:
    killed.kill("down", DOWN)
    killed.kill("up", UP)
    assert [kill.command for kill in killed.kills] == ["down"] * len(DOWN) + ["up"] * len(UP)
    killed.finish_up()
    killed.finish_down()
