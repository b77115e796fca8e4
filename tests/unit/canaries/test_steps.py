"""Seeds of every source, their rotation, what is kept of them, and a kubeconfig: none of it is written down.

The steps run as commands run them, on moto, well and badly; then everything below the project is searched.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.commands import execute
from bootstrap.commands.options import Options
from bootstrap.config.model import Environment, Generate, Seed
from bootstrap.core.errors import PermanentError
from bootstrap.core.rendering import Tools
from bootstrap.run.context import Context
from bootstrap.run.step import Done, Plan, Step
from bootstrap.run.target import Target
from bootstrap.steps import access, keep, rotate, seeds
from bootstrap.steps.rotate import Rotation
from bootstrap.steps.terraform import Outputs
from tests.aws_context import client, environment
from tests.canaries import Allowed, Canaries, CommandLines, leaks

SUPPLIED, IN_FILE, KEY = 'canary-env-5a1 "$&', "canary-file-77\nsecond-line-of-it", "canary-secret-access-key"
CLIENT_KEY = base64.b64encode(b"canary-client-key-of-the-cluster").decode()
KUBECONFIG = json.dumps(
    {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"client-key-data": CLIENT_KEY}}],
    }
)
ALLOWED = (Allowed("environments/*/kubeconfig", "the way into the cluster", private=True),)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("BOOTSTRAP_TEST_TOKEN", SUPPLIED)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY)
    with mock_aws():
        yield


@pytest.fixture
def config(tmp_path: Path) -> Environment:
    file = tmp_path / "outside" / "value"
    file.parent.mkdir()
    file.write_text(IN_FILE)
    wanted = (
        Seed("made", generate=Generate()),
        Seed("given", from_env="BOOTSTRAP_TEST_TOKEN"),
        Seed("filed", from_file=file),
        Seed("url", template="https://u:{seed:made}@host/{seed:given}"),
    )
    home = tmp_path / "home"
    home.mkdir()
    return environment(home, seeds=wanted)


def outputs(context: Context) -> Done:
    return Done("", Outputs({"kms_key_arn": client("kms").create_key()["KeyMetadata"]["Arn"]}))


def kubeconfig(context: Context) -> Done:
    access.store(context, KUBECONFIG)
    context.progress(f"connecting with {KUBECONFIG}")
    return Done("stored")


def careless(context: Context) -> Done:
    """Says and raises whatever it knows."""
    told = " ".join(values())
    context.progress(told)
    raise PermanentError(f"cannot use {told}", told, f"echo {told}")


def values() -> list[str]:
    """Every value and every former value, from AWS itself."""
    ssm = client("ssm")
    names = [item["Name"] for item in ssm.describe_parameters()["Parameters"]]
    return [
        version["Value"]
        for name in names
        for version in ssm.get_parameter_history(Name=name, WithDecryption=True)["Parameters"]
    ]


def run(config: Environment, *steps: Step, output: str = "text") -> int:
    tools = Tools(Path("terraform"), Path("helm"), Path("kustomize"))
    target = Target("test", tools, client, lambda: "0" * 40)
    plan = Plan("up", tuple(steps))
    return execute.execute(plan, config, target, Options(environment="dev", output=output, yes=True), ())


def everything(last: Any) -> tuple[Step, ...]:
    request = Rotation(("made",))
    return (
        Step("outputs", "Outputs", outputs),
        Step("seeds", "Seeds", seeds.run, ("outputs",)),
        Step("renew", "Renew", lambda context: rotate.renew(context, request), ("seeds",)),
        Step("settle", "Settle", rotate.settle, ("renew",)),
        Step("keep", "Keep", keep.run, ("settle",)),
        Step("kubeconfig", "Kubeconfig", kubeconfig, ("keep",)),
        Step("last", "Last", last, ("kubeconfig",), attempts=1),
    )


@pytest.mark.parametrize("output", ["text", "json"])
@pytest.mark.parametrize(
    ("last", "code"), [(lambda context: Done("all is well"), 0), (careless, PermanentError.exit_code)]
)
def test_nothing_is_written_down(
    config: Environment, capfd: pytest.CaptureFixture[str], output: str, last: Any, code: int
) -> None:
    planted = Canaries(
        {"given": SUPPLIED, "filed": "second-line-of-it", "aws key": KEY, "client": CLIENT_KEY}
    )
    with CommandLines(planted) as watched:
        assert run(config, *everything(last), output=output) == code
    every = planted + Canaries({f"value {number}": value for number, value in enumerate(values())})
    assert len(every.values) >= 4 + 6  # four seeds, two of them in two versions
    printed = "".join(capfd.readouterr())
    assert every.seen_in(printed.encode()) == []
    assert leaks(config.home, every) == [f"{config.kubeconfig}: client"]  # the search does reach it
    assert leaks(config.work, every, ALLOWED) == []
    assert watched.looks
    assert watched.leaks == set()


def test_a_defect_is_recorded_without_what_it_knew(config: Environment) -> None:
    def broken(context: Context) -> Done:
        raise KeyError(" ".join(values()))

    assert run(config, *everything(broken)) == 1
    every = Canaries({f"value {number}": value for number, value in enumerate(values())})
    assert leaks(config.work, every, ALLOWED) == []
    assert list(config.work.rglob("defect*"))
