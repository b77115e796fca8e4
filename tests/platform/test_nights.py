"""Nights: an environment is made, checked and removed; one whose maker died is removed from elsewhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

from bootstrap.core.errors import ToolError
from bootstrap.steps import lifetime, terraform
from tests.api_server import TOOLCHAIN
from tests.aws_edge import Cut, Edge, Fault, edge
from tests.end_to_end.product import REPOSITORY, Product, processes
from tests.kills.run import end
from tests.platform.dev_world import dev, local_aws
from tests.platform.small_tree import CONFIG, NODES, lay_out

pytestmark = pytest.mark.platform

CHECK = "kubectl get node control-plane && test $BOOTSTRAP_ENVIRONMENT = local"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with local_aws(tmp_path_factory.mktemp("aws")) as url, edge(url) as made:
        yield made


@pytest.fixture
def elsewhere(tmp_path: Path, aws: Edge) -> Product:
    """Another machine: a folder that knows the account and region, and of no environment in it."""
    folder = tmp_path / "elsewhere"
    lay_out(folder, {}, {})
    known = {**CONFIG, "nodes": list(NODES), "target": "aws", "ssm_prefix": "/elsewhere/x"}
    (folder / "bootstrap.yaml").write_text(
        yaml.safe_dump({"project": "elsewhere", "environments": {"x": known}})
    )
    environ = {
        "PYTHONPATH": str(REPOSITORY),
        "AWS_ENDPOINT_URL": aws.url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
    }
    return Product(folder, environ)


def test_what_a_dead_machine_left_is_removed_from_elsewhere_and_nothing_else(
    aws: Edge, elsewhere: Product, tmp_path: Path
) -> None:
    """Three environments side by side: one is to stay, one has time, of one the maker died at its apply."""
    stays, has_time, abandoned = (dev(tmp_path / name, name, aws) for name in ("stays", "later", "night"))
    stays.run(lifetime, terraform)
    has_time.run(lifetime, terraform, ttl="6h")
    fault = Fault(".+", "RunInstances", Cut(abandoned.kill))
    aws.faults[:] = [fault]
    with pytest.raises(ToolError):
        abandoned.run(lifetime, terraform, ttl="1s")
    aws.faults.clear()
    neighbours = stays.inventory(), has_time.inventory()
    assert abandoned.inventory()["ec2 instance"]

    shown = elsewhere.run("reap", "--dry-run", "--environment", "x")
    assert shown.code == 0, shown.words
    (told,) = shown.lines
    assert {entry["environment"]: entry["expired"] for entry in told["environments"]} == {
        "stays": False,
        "later": False,
        "night": True,
    }
    assert abandoned.inventory()["ec2 instance"], "it was a dry run"

    gone = elsewhere.run("reap", "--yes", "--environment", "x")
    assert gone.code == 0, gone.words
    assert abandoned.inventory().total() == 0
    assert (stays.inventory(), has_time.inventory()) == neighbours
    assert not stays.up() and not has_time.up(), "and their own runs find nothing to mend"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Product]:
    """A small platform whose drill has checks of the user's own."""
    folder = tmp_path / "tree"
    drill = {"smoke": [{"name": "node", "run": CHECK}, {"name": "pods", "run": "kubectl get pods -A"}]}
    lay_out(folder, {}, {}, drill=drill)
    made = Product(folder, {"PYTHONPATH": str(REPOSITORY), "BOOTSTRAP_CACHE": str(TOOLCHAIN.cache)})
    yield made
    end(made)


def test_a_drill_makes_checks_and_removes_the_environment(here: Product, tmp_path: Path) -> None:
    report = tmp_path / "drill.xml"
    drill = here.run("drill", "--yes", "--junit", str(report))
    assert drill.code == 0, drill.words[-4000:]
    (file,) = (here.clone / ".bootstrap").glob("drills/local/*.json")
    told = json.loads(file.read_text())
    assert told["rto"] > 0 and told["down"] > 0
    assert set(told["waves"]) == {"0", "2", "3", "10", "11"}
    assert [(check["name"], check["passed"]) for check in told["smoke"]] == [("node", True), ("pods", True)]
    assert told["left"] == []
    suites = ElementTree.parse(report).getroot()  # noqa: S314 - our own
    names = {case.get("name") for case in suites.iter("testcase")}
    assert {"up", "smoke node", "smoke pods", "down"} <= names, names
    assert not list(suites.iter("failure"))
    assert processes(here) == []
    assert not here.state.exists() or not list(here.state.iterdir())
