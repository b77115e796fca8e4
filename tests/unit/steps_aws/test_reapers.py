"""Several environments in one account, and several reapers: only what has expired goes, and all of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap import cli, plan, targets
from bootstrap.aws import environments, state_bucket
from bootstrap.aws.api import Api
from bootstrap.aws.audit import audit
from bootstrap.aws.environments import Record, stamp
from bootstrap.core.errors import LeftoverError, LockedError, PermanentError
from bootstrap.local.aws.patches import (
    bucket_policies,
    dependencies,
    load_balancers,
    nat_gateways,
    termination,
)
from bootstrap.run.context import Context
from bootstrap.run.runner import Runner
from bootstrap.run.step import Done
from bootstrap.steps import backend, lifetime, lock, reap
from bootstrap.targets.base import Phases
from tests.aws_context import ACCOUNT, REGION, World, client, environment, world
from tests.aws_resources import make_all, pairs, spec

NAMES = ("dev", "prod", "night")  # the first two of one project


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module in (bucket_policies, load_balancers, dependencies, nat_gateways, termination):
        module.apply(partial(monkeypatch.setattr, raising=False))
    with mock_aws():
        yield


def project(name: str) -> str:
    return "nightly" if name == "night" else "eco2"


def account(home: Path, *, full: bool = False, **ttl: str) -> dict[str, World]:
    """Three environments as runs left them: bucket with state, record, VPC; `full`: one of everything."""
    made = {}
    for name in NAMES:
        config = environment(
            home,
            name=name,
            project=project(name),
            ssm_prefix=f"/{project(name)}/{name}",
            domain=f"{name}.example.com",
            ttl=ttl.get(name, ""),
        )
        here = made[name] = world(config, client=client)
        backend.run(here.context)
        lifetime.run(here.context)
        bucket = state_bucket.bucket_name(config.project, name, ACCOUNT)
        client("s3").put_object(Bucket=bucket, Key=backend.STATE_KEY, Body=b"{}")
        if full:
            make_all(client, config.tags, name)
        else:
            client("ec2").create_vpc(CidrBlock="10.0.0.0/16", **spec("vpc", config.tags))
    client("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=1)
    client("ssm").put_parameter(Name="/somebody/elses", Value="x", Type="String")
    return made


def dump() -> dict[str, Any]:
    """All that moto knows of what could be touched, in full."""
    aws: dict[str, Any] = {}
    for service, operation, key in (
        ("ec2", "describe_instances", "Reservations"),
        ("ec2", "describe_volumes", "Volumes"),
        ("ec2", "describe_vpcs", "Vpcs"),
        ("ec2", "describe_subnets", "Subnets"),
        ("ec2", "describe_security_groups", "SecurityGroups"),
        ("ec2", "describe_addresses", "Addresses"),
        ("ec2", "describe_nat_gateways", "NatGateways"),
        ("ec2", "describe_route_tables", "RouteTables"),
        ("ec2", "describe_internet_gateways", "InternetGateways"),
        ("ec2", "describe_network_interfaces", "NetworkInterfaces"),
        ("elbv2", "describe_load_balancers", "LoadBalancers"),
        ("elbv2", "describe_target_groups", "TargetGroups"),
        ("iam", "list_roles", "Roles"),
        ("iam", "list_instance_profiles", "InstanceProfiles"),
        ("ssm", "describe_parameters", "Parameters"),
        ("acm", "list_certificates", "CertificateSummaryList"),
        ("ecr", "describe_repositories", "repositories"),
        ("route53", "list_hosted_zones", "HostedZones"),
        ("s3", "list_buckets", "Buckets"),
        ("resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList"),
    ):
        items = Api(client(service)).pages(operation, key)
        aws[operation] = sorted(json.dumps(item, default=str, sort_keys=True) for item in items)
    for bucket in client("s3").list_buckets()["Buckets"]:
        listed = client("s3").list_object_versions(Bucket=bucket["Name"])
        aws[bucket["Name"]] = json.dumps(listed.get("Versions", []), default=str, sort_keys=True)
    return aws


def lines_of(seen: dict[str, Any], *words: str) -> dict[str, list[str]]:
    """The lines of a dump that speak of any of these."""
    return {
        key: [line for line in lines if any(word in line for word in words)]
        for key, lines in seen.items()
        if isinstance(lines, list)
    }


def record_of(here: World) -> Record:
    found = environments.read(Api(client("ssm")), here.context.config)
    assert found is not None
    return found


def within(here: World, deadline: float) -> Context:
    return replace(here.context, deadline=deadline)


def left(record: Record) -> list[str]:
    found = audit(lambda service: Api(client(service)), record.owner)
    return [str(one.resource) for one in found]


def expire(here: World) -> Record:
    """The record as it will be found when its time is over."""
    record = replace(record_of(here), expires_at=stamp(1))
    environments.write(Api(client("ssm")), here.context.config, record)
    return record


def test_one_of_three_goes_whole_and_the_others_are_as_they_were(tmp_path: Path) -> None:
    there = account(tmp_path, full=True, dev="8h")
    others = [left(record_of(there[name])) for name in NAMES[1:]]
    before = dump()
    record = replace(expire(there["dev"]), keep=())
    environments.write(Api(client("ssm")), there["dev"].context.config, record)
    reap.run(there["prod"].context, record)  # from anywhere: also from a neighbour's configuration
    after = dump()
    assert left(record) == []
    assert state_bucket.bucket_name("eco2", "dev", ACCOUNT) not in after
    assert [left(record_of(there[name])) for name in NAMES[1:]] == others
    theirs = ("prod", "night", "/somebody/elses")
    assert lines_of(after, *theirs) == lines_of(before, *theirs)
    untagged = '"Attachments": []'  # of volumes: the stranger's
    assert lines_of(after, untagged)["describe_volumes"] == [
        line for line in lines_of(before, untagged)["describe_volumes"] if '"dev"' not in line
    ]
    for name in NAMES[1:]:
        bucket = state_bucket.bucket_name(project(name), name, ACCOUNT)
        assert after[bucket] == before[bucket]


def test_a_machine_that_died_early_leaves_a_record_that_is_enough(tmp_path: Path) -> None:
    """Record and half of the resources, no state and not even a bucket."""
    config = environment(tmp_path, ttl="8h")
    here = world(config, client=client)
    lifetime.run(here.context)
    vpc = client("ec2").create_vpc(CidrBlock="10.0.0.0/16", **spec("vpc", config.tags))
    net = client("ec2").create_subnet(VpcId=vpc["Vpc"]["VpcId"], CidrBlock="10.0.0.0/24")
    record = expire(here)
    with pytest.raises(LeftoverError, match=net["Subnet"]["SubnetId"]):
        reap.run(within(here, 5.0), record)  # the subnet carries no tag: it is named, and nothing is lost
    assert record_of(here) == record
    client("ec2").create_tags(Resources=[net["Subnet"]["SubnetId"]], Tags=pairs(config.tags))
    reap.run(here.context, record)
    assert left(record) == []
    assert environments.read(Api(client("ssm")), config) is None


def test_what_is_being_made_anew_is_refused(tmp_path: Path) -> None:
    """`up` holds the run lock; the reaper, having looked before, must not get in between."""
    there = account(tmp_path, dev="8h")
    record = expire(there["dev"])
    seen = dump()
    up = there["dev"].context
    held = lock.run(replace(up, command="bootstrap up --ttl 8h"))
    try:
        with pytest.raises(LockedError, match="eco2/dev has expired, but is in use"):
            reap.run(there["prod"].context, record)
    finally:
        assert isinstance(held.result, lock.LeaseRenewal)
        held.result.close()
    assert dump() == seen


def test_what_was_given_more_time_meanwhile_stays(tmp_path: Path) -> None:
    there = account(tmp_path, dev="8h")
    record = expire(there["dev"])
    lifetime.run(replace(there["dev"].context, ttl="9h"))
    before = dump()
    done = reap.run(there["prod"].context, record)
    assert (done.summary, done.changed) == ("eco2/dev was given more time", False)
    assert dump() == before


def test_two_reapers_at_once(tmp_path: Path) -> None:
    """One of them does it; the other finds it in use, or gone."""
    there = account(tmp_path, dev="8h")
    record = expire(there["dev"])
    told: list[Done | PermanentError] = []

    def work(name: str) -> None:
        try:
            told.append(reap.run(there[name].context, record))
        except PermanentError as error:
            told.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("prod", "night")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert any(isinstance(one, Done) for one in told)
    assert all(isinstance(one, Done | LockedError) for one in told), told
    assert left(record) == []


def test_a_bucket_that_another_reaper_has_just_removed_is_not_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = account(tmp_path, dev="8h")
    record = expire(there["dev"])
    reap.run(there["prod"].context, record)
    answers = iter([True])  # it was there when we looked
    monkeypatch.setattr(reap._Bucket, "exists", lambda _: next(answers, False))
    assert reap.run(there["night"].context, record).summary == "eco2/dev is gone"


def test_one_that_fails_keeps_no_other_from_going_and_the_run_fails(tmp_path: Path) -> None:
    there = account(tmp_path, dev="8h", night="8h")
    records = [expire(there[name]) for name in ("dev", "night")]
    held = lock.run(there["dev"].context)
    try:
        here = there["prod"]
        outcome = Runner(plan.build_reap(environment(tmp_path), Phases(), records), here.context).run()
    finally:
        assert isinstance(held.result, lock.LeaseRenewal)
        held.result.close()
    assert outcome.exit_code == LockedError.exit_code
    assert environments.read(Api(client("ssm")), there["dev"].context.config) == records[0]
    assert environments.read(Api(client("ssm")), there["night"].context.config) is None


def test_all_failures_are_told_together() -> None:
    with pytest.raises(LeftoverError) as refused:
        failures = [LockedError("a is in use", "by b", "wait"), PermanentError("c failed", "d")]
        reap.judge(None, failures)  # type: ignore[arg-type]
    assert [problem.what for problem in refused.value.problems] == ["a is in use. by b", "c failed. d"]


CONFIG = """\
project: eco2
environments:
  dev:
    target: aws
    region: ap-northeast-2
    ssm_prefix: /eco2/dev
    network: {vpc_cidr: 10.0.0.0/16, public_subnets: [10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24],
      private_subnets: [10.0.3.0/24, 10.0.4.0/24, 10.0.5.0/24]}
    nodes: [{name: cp, role: control-plane, instance_type: t3.large, volume_gb: 20, labels: {}}]
    terraform: {folder: terraform}
    gitops: {checkout: ., repo_url: "https://git.example.com/p.git", path: apps, install: argocd}
    seeds: []
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command line in this process, whose AWS is moto."""
    for folder in ("terraform/dev", "apps", "argocd", ".git"):
        (tmp_path / folder).mkdir(parents=True)
    (tmp_path / "terraform/dev/main.tf").write_text("")
    (tmp_path / "argocd/kustomization.yaml").write_text("resources: []\n")
    (tmp_path / "apps/10-secrets-operator.yaml").write_text("")
    (tmp_path / "bootstrap.yaml").write_text(CONFIG)
    here = world(environment(tmp_path), client=client).context.target
    monkeypatch.setattr(targets, "open_run", lambda *_: (here, Phases()))

    def run(*words: str) -> int:
        return cli.call(["--config", str(tmp_path / "bootstrap.yaml"), "reap", "-e", "dev", *words])

    return run


def test_a_dry_run_tells_all_and_changes_nothing(
    tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    there = account(tmp_path, dev="8h", night="8h")
    expire(there["night"])
    before = dump()
    assert command("--dry-run", "--output", "json") == 0
    told = json.loads(capsys.readouterr().out)
    shown = {f"{one['project']}/{one['environment']}": one["expired"] for one in told["environments"]}
    assert shown == {"eco2/dev": True, "eco2/prod": False, "nightly/night": True}
    assert command("--dry-run") == 0
    assert "eco2/prod" in capsys.readouterr().out
    assert dump() == before


def test_the_command_removes_only_what_has_expired(
    tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    there = account(tmp_path)
    expire(there["night"])
    prod = left(record_of(there["prod"]))
    assert command("--yes") == 0, capsys.readouterr().err
    titles = [found.title for found in environments.find(lambda service: Api(client(service)), REGION)]
    assert titles == ["eco2/dev", "eco2/prod"]
    assert left(record_of(there["prod"])) == prod
    assert command("--yes") == 0


def bucket_of(here: World) -> str:
    return state_bucket.bucket_name(here.context.config.project, here.context.config.name, ACCOUNT)


def titles() -> list[str]:
    return [found.title for found in environments.find(lambda service: Api(client(service)), REGION)]


def begun(home: Path, name: str, ttl: str = "") -> World:
    """An environment whose run died after it had made its bucket, and before it had said so."""
    prefix = f"/{project(name)}/{name}"
    config = environment(home, name=name, project=project(name), ssm_prefix=prefix, ttl=ttl)
    here = world(config, client=client)
    backend.run(here.context)
    return here


def buckets() -> list[str]:
    return [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]]


@pytest.mark.parametrize("locked", [False, True])
def test_one_that_came_no_further_than_its_bucket_is_found_and_goes(
    tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str], locked: bool
) -> None:
    there = {name: begun(tmp_path, name, ttl="8h") for name in NAMES[:2]}
    there["night"] = begun(tmp_path, "night")  # stays
    over = bucket_of(there["dev"])  # of FakeClock's time, long ago
    prod = bucket_of(there["prod"])
    client("s3").put_object(Bucket=prod, Key=backend.STATE_KEY, Body=b"{}")  # has a state: `down` leaves such
    if locked:
        client("s3").put_object(Bucket=over, Key=backend.STATE_KEY + lock.SUFFIX, Body=b"")
        client("s3").delete_object(Bucket=over, Key=backend.STATE_KEY + lock.SUFFIX)
    before = dump()
    assert command("--dry-run") == 0
    told = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in told] == [["eco2/dev", "expired"], ["nightly/night", "stays"]]
    assert dump() == before
    assert command("--yes") == 0, capsys.readouterr().err
    assert set(buckets()) == {prod, bucket_of(there["night"])}
    assert titles() == ["nightly/night"]


def test_one_that_was_recorded_meanwhile_is_left_alone(tmp_path: Path) -> None:
    """Between the look and the removal somebody may have made it after all."""
    here = begun(tmp_path, "dev", ttl="8h")
    (found,) = environments.find(lambda service: Api(client(service)), REGION)
    assert (found.prefix, found.title) == ("/eco2/dev", "eco2/dev")
    lifetime.run(here.context)
    assert "given more time" in reap.run(here.context, found).summary
    assert buckets() == [bucket_of(here)]


def test_a_later_run_gives_the_bucket_its_own_time(tmp_path: Path) -> None:
    first = begun(tmp_path, "dev", ttl="8h")
    again = replace(first.context, ttl="9h")
    assert backend.run(again).changed
    (found,) = environments.find(lambda service: Api(client(service)), REGION)
    assert found.expires_at == stamp(first.context.clock.now() + 9 * 3600)
    begun(tmp_path, "dev")
    (found,) = environments.find(lambda service: Api(client(service)), REGION)
    assert found.expires_at == "", "it stays"


@pytest.mark.parametrize("tags", [{}, {"bootstrap:project": "eco2", "bootstrap:environment": "prod"}])
def test_a_bucket_that_is_not_what_its_tags_say_is_nobodys(tmp_path: Path, tags: dict[str, str]) -> None:
    there = begun(tmp_path, "dev", ttl="8h")
    told = {**tags, environments.EXPIRES: stamp(1)}
    client("s3").put_bucket_tagging(Bucket=bucket_of(there), Tagging={"TagSet": pairs(told)})
    assert titles() == []


def test_a_bucket_of_another_region_is_of_another_reaper(tmp_path: Path) -> None:
    begun(tmp_path, "dev", ttl="8h")
    assert environments.find(lambda service: Api(client(service)), "eu-west-1") == ()


def test_unasked_nothing_goes(tmp_path: Path, command: Callable[..., int]) -> None:
    expire(account(tmp_path)["night"])
    before = dump()
    assert command() == 2
    assert dump() == before


def test_the_context_is_of_the_step(tmp_path: Path) -> None:
    """What is said while one goes is said in the name of that one's step."""
    there = account(tmp_path)
    records = [expire(there[name]) for name in ("dev", "night")]
    here: Context = there["prod"].context
    Runner(plan.build_reap(environment(tmp_path), Phases(), records), here).run()
    told = {event.step for event in there["prod"].events if event.type == "resource_changed"}  # type: ignore[attr-defined]
    assert told == {"eco2/dev", "nightly/night"}


def test_the_command_says_what_is_disputed_and_leaves_it(
    tmp_path: Path, command: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    there = account(tmp_path)
    forged = replace(record_of(there["prod"]), prefix="/zzz", expires_at=stamp(1))
    environments.write(Api(client("ssm")), replace(there["prod"].context.config, ssm_prefix="/zzz"), forged)
    before = dump()
    assert command("--dry-run") == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if "eco2/prod" in line]
    assert line.endswith("it is claimed below /eco2/prod and /zzz: left alone")
    assert command("--yes") == 0
    assert dump() == before
