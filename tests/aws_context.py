"""An environment, a target and a context for tests of the AWS half; AWS is moto, in-process or served."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

from bootstrap.config.model import Environment, Gitops, Network, Node, TerraformConfig
from bootstrap.core.clock import Clock, FakeClock
from bootstrap.core.rendering import Tools
from bootstrap.local.aws.patches import lookups, tag_keys
from bootstrap.local.state.credentials import Credentials
from bootstrap.run.context import Context
from bootstrap.run.events import Event
from bootstrap.run.target import Target, TerraformSettings
from tests.local_credentials import LOCAL

REGION = "ap-northeast-2"
ACCOUNT = "123456789012"
PLAIN = TerraformSettings()
NODE = Node("cp", "control-plane", "t3.medium", 40, {"role": "control-plane"})

lookups.apply(setattr)  # it changes nothing but how long moto takes
tag_keys.apply(setattr)  # the inventory asks by them


def environment(home: Path, **changes: Any) -> Environment:
    """The smallest environment; `changes` are fields of it."""
    network = Network(
        "10.0.0.0/16",
        ("10.0.0.0/24", "10.0.1.0/24", "10.0.2.0/24"),
        ("10.0.10.0/24", "10.0.11.0/24", "10.0.12.0/24"),
    )
    config = Environment(
        name="dev",
        project="eco2",
        target="aws",
        region=REGION,
        ssm_prefix="/eco2/dev",
        network=network,
        nodes=(NODE,),
        terraform=TerraformConfig(home / "terraform"),
        gitops=Gitops(home, "https://git.example.com/eco2/platform.git", "apps", home),
        seeds=(),
        home=home,
    )
    return replace(config, **changes)


@cache
def session() -> boto3.Session:
    """One for all tests: each session reads the services' models anew, and moto replaces boto3's own."""
    return boto3.Session(region_name=REGION)


def new_client(
    service: str, endpoint: str | None = None, region: str = REGION, credentials: Credentials = LOCAL
) -> Any:
    """A boto3 client for moto, for a test that changes what it does."""
    made = session().client(
        service,
        region_name=region,
        endpoint_url=endpoint,
        aws_access_key_id=credentials.access_key,
        aws_secret_access_key=credentials.secret_key,
    )
    if service == "iam":
        made.meta.events.register("before-call.iam.SimulatePrincipalPolicy", _all_allowed)
    return made


# One for all tests: to make a client takes longer than to ask moto.
client = cache(new_client)


def _all_allowed(**_: Any) -> tuple[AWSResponse, dict[str, Any]]:
    """moto does not simulate policies: everybody may do everything."""
    return AWSResponse("", 200, {}, None), {"EvaluationResults": [], "IsTruncated": False}


@dataclass
class World:
    """A context and the events that were emitted through it."""

    context: Context
    events: list[Event] = field(default_factory=list)

    def of(self, kind: type[Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]


def world(
    config: Environment,
    *,
    endpoint: str | None = None,
    terraform: Path = Path("terraform"),
    settings: TerraformSettings = PLAIN,
    clock: Clock | None = None,
    **target: Any,
) -> World:
    """A context whose AWS is moto; `target` are fields of the target."""
    make: Callable[[str], Any] = target.pop("client", lambda service: client(service, endpoint))
    tools = Tools(terraform, Path("helm"), Path("kustomize"))
    fields: Mapping[str, Any] = {"revision": lambda: "0" * 40, **target}
    events: list[Event] = []
    context = Context(
        config=config,
        target=Target("test", tools, make, terraform=settings, **fields),
        clock=clock or FakeClock(),
        emit=events.append,
        cancel=threading.Event(),
        run_folder=config.work / "runs" / "1",
        step="test",
        supplied=os.environ,
    )
    return World(context, events)
