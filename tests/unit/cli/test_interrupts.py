"""Ctrl-C under the run lock: the way on is printed, and the next run gets the environment."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from bootstrap.local.aws.patches import bucket_policies
from tests.aws_context import client
from tests.unit.cli.fake_product import AWS, lay_out
from tests.unit.cli.product import Product

WAY_ON = "to go on where it stopped: bootstrap up --environment dev"


@pytest.fixture(scope="module")
def aws() -> Iterator[str]:
    """The URL of an AWS that runs of their own processes share."""
    with pytest.MonkeyPatch.context() as patch:
        bucket_policies.apply(patch.setattr)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
        server.stop()


@pytest.fixture
def home(tmp_path: Path, aws: str) -> Iterator[Path]:
    """A project; what its runs left in the state bucket is removed after it."""
    yield lay_out(tmp_path).parent
    s3 = client("s3", aws)
    for bucket in s3.list_buckets()["Buckets"]:
        for item in s3.list_object_versions(Bucket=bucket["Name"]).get("Versions", ()):
            s3.delete_object(Bucket=bucket["Name"], Key=item["Key"], VersionId=item["VersionId"])


def locks(aws: str) -> list[str]:
    s3 = client("s3", aws)
    return [
        item["Key"]
        for bucket in s3.list_buckets()["Buckets"]
        for item in s3.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ())
    ]


def up(home: Path, scenario: str, aws: str, *interrupts: str) -> tuple[int, str]:
    """Run; at each of these words interrupt it. Exit code, and what it said."""
    said, awaited = [], list(interrupts)
    product = Product(
        home, scenario, "up", "-e", "dev", "--output", "json", stderr=subprocess.STDOUT, environ={AWS: aws}
    )
    for line in product.stdout:
        said.append(line)
        if awaited and f'"message": "{awaited[0]}"' in line:
            awaited.pop(0)
            product.signal(signal.SIGINT)
    code = product.wait()
    product.close()
    assert not awaited, "".join(said)
    return code, "".join(said)


def test_one_ctrl_c_gives_the_run_lock_back(home: Path, aws: str) -> None:
    code, said = up(home, "wait", aws, "waiting")
    assert (code, WAY_ON in said) == (130, True)
    assert "held by" in said
    assert locks(aws) == []
    code, said = up(home, "succeed", aws)
    assert (code, "took the environment over" in said) == (0, False)
    assert locks(aws) == []


def test_after_two_the_next_run_proves_that_the_first_is_dead(home: Path, aws: str) -> None:
    code, said = up(home, "deaf", aws, "waiting", "deaf")
    assert (code, WAY_ON in said) == (130, True)
    assert locks(aws) == ["terraform.tfstate.run-lock.json"], "nobody gave it back"
    code, said = up(home, "succeed", aws)
    assert code == 0, said
    assert "of this machine has ended" in said
    assert locks(aws) == []
