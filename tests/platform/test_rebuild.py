"""A rebuild drill: everything is destroyed and comes back from its backup, also when that is killed half-way.

What must be equal is read by other means than the product's: SSM itself, and kubectl.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from tests.end_to_end.product import Product
from tests.kills.attempt import Attempt, Hit, run
from tests.kills.points import Point, Victims
from tests.kills.run import end, prepared
from tests.kills.world import Eye, Picture, differ

pytestmark = pytest.mark.platform

REBUILD = ("up", "--from-backup", "latest", "--yes")
# In the order of a rebuild: before etcd is restored, while it is, and when the cluster is back.
KILLS = (("terraform", 5.0), ("access", 0.5), ("waves", 1.0))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Product, Eye]]:
    product, eye = prepared(tmp_path_factory.mktemp("rebuild") / "tree")
    yield product, eye
    end(product)


@pytest.fixture(scope="module")
def lost(made: tuple[Product, Eye]) -> tuple[Picture, dict[str, str]]:
    """Made, backed up, and destroyed: how it looked, and its secrets."""
    product, eye = made
    for command in (("up", "--yes"), ("backup",)):
        told = run(product, *command)
        assert told.code == 0, told.words[-4000:]
    picture, secrets = eye.settled(), eye.secrets()
    assert secrets
    gone = run(product, "down", "--yes")
    assert gone.code == 0, gone.words[-4000:]
    return picture, secrets


@pytest.mark.usefixtures("lost")
def test_the_backup_outlives_the_environment(made: tuple[Product, Eye]) -> None:
    listed = made[0].run("backup", "--list")
    assert listed.code == 0 and len(listed.lines[-1]["backups"]) == 1


def test_killed_again_and_again_a_rebuild_brings_everything_back(
    made: tuple[Product, Eye], lost: tuple[Picture, dict[str, str]]
) -> None:
    (product, eye), (picture, secrets) = made, lost
    for step, delay in KILLS:
        point = Point("rebuild", step, "step_started", 1, delay, Victims.TREE)
        hit = Attempt(product, REBUILD).killed(point, random.Random(1))  # noqa: S311 - to be repeated
        assert isinstance(hit, Hit), hit.words[-4000:]
    back = run(product, *REBUILD)
    assert back.code == 0, back.words[-4000:]
    told = [str(event) for event in back.events if event.get("step") == "restore-verify"]
    assert eye.secrets() == secrets
    now = eye.settled()
    assert differ("cluster", picture.cluster, now.cluster) == [], told
    assert differ("state", picture.state, now.state) == []
