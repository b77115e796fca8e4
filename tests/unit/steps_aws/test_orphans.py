"""What is there is matched with what is to be made: one to one, and never what the state has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws.adoption import FINDERS, HARMLESS, World
from bootstrap.aws.api import Api
from bootstrap.config.model import TerraformConfig
from bootstrap.core.errors import StuckError, ToolError
from bootstrap.run.events import Notice
from bootstrap.steps.orphans import adopt, adopt_for_destroy, match
from bootstrap.terraform.creations import Creation, Creations
from bootstrap.terraform.messages import Planned, Summary
from bootstrap.terraform.refusals import Refusals
from bootstrap.terraform.runner import Planning
from tests.aws_context import client, environment, world

OURS = {"bootstrap:project": "eco2", "bootstrap:environment": "dev"}
GROUP: dict[str, Any] = {"type": "ingress", "protocol": "tcp", "from_port": 443, "to_port": 443}


def tagged(kind: str, name: str, environment: str = "dev") -> list[dict[str, Any]]:
    tags = {**OURS, "bootstrap:environment": environment, "Name": name}
    return [{"ResourceType": kind, "Tags": [{"Key": k, "Value": v} for k, v in tags.items()]}]


def vpc(name: str = "eco2-dev", environment: str = "dev") -> str:
    specification = tagged("vpc", name, environment)
    made = client("ec2").create_vpc(CidrBlock="10.0.0.0/16", TagSpecifications=specification)
    identity: str = made["Vpc"]["VpcId"]
    return identity


def wanted(kind: str, address: str = "x", **values: Any) -> Creation:
    return Creation(f"{kind}.{address}", kind, values)


def found(
    *items: Creation, managed: frozenset[tuple[str, str]] = frozenset(), **going: str
) -> dict[str, str]:
    world = World(lambda service: Api(client(service)), OURS)
    return match(world, Creations(items, managed, frozenset(going.values())), {**FINDERS, **HARMLESS})


VPC = wanted("aws_vpc", cidr_block="10.0.0.0/16", tags={"Name": "eco2-dev"})


@mock_aws
def test_ours_is_found_by_tags_and_name() -> None:
    vpc(environment="prod")
    vpc(name="another")
    assert found(VPC) == {}
    mine = vpc()
    assert found(VPC) == {"aws_vpc.x": mine}
    assert found(VPC, managed=frozenset({("aws_vpc", mine)})) == {}, "the state has it already"


@mock_aws
def test_one_thing_is_given_to_one_address() -> None:
    vpc()
    twice = (VPC, wanted("aws_vpc", "y", cidr_block="10.0.0.0/16", tags={"Name": "eco2-dev"}))
    assert len(found(*twice)) == 1


@mock_aws
def test_a_part_waits_for_the_whole() -> None:
    mine = vpc()
    made = client("ec2").create_subnet(
        VpcId=mine, CidrBlock="10.0.1.0/24", TagSpecifications=tagged("subnet", "a")
    )["Subnet"]["SubnetId"]
    subnet: dict[str, Any] = {"cidr_block": "10.0.1.0/24", "tags": {"Name": "a"}}
    assert found(wanted("aws_subnet", **subnet)) == {}, "its VPC is not known yet"
    assert found(wanted("aws_subnet", vpc_id="vpc-other", **subnet)) == {}
    assert found(wanted("aws_subnet", vpc_id=mine, **subnet)) == {"aws_subnet.x": made}


@mock_aws
def test_a_gateway_that_is_not_attached_yet_is_ours_too() -> None:
    mine = vpc()
    made = client("ec2").create_internet_gateway(TagSpecifications=tagged("internet-gateway", "eco2-dev"))
    gateway = made["InternetGateway"]["InternetGatewayId"]
    values: dict[str, Any] = {"vpc_id": mine, "tags": {"Name": "eco2-dev"}}
    assert found(wanted("aws_internet_gateway", **values)) == {"aws_internet_gateway.x": gateway}


@mock_aws
@pytest.mark.parametrize(
    ("rule", "source"),
    [
        ({"cidr_blocks": ["0.0.0.0/0"]}, "0.0.0.0/0"),
        ({"self": True}, "self"),
    ],
)
def test_a_rule_is_known_by_all_it_says(rule: dict[str, Any], source: str) -> None:
    ec2, mine = client("ec2"), vpc()
    group = ec2.create_security_group(
        GroupName="g", Description="g", VpcId=mine, TagSpecifications=tagged("security-group", "g")
    )["GroupId"]
    item = wanted("aws_security_group_rule", security_group_id=group, **GROUP, **rule)
    assert found(item) == {}
    ports = {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
    other = (
        {"UserIdGroupPairs": [{"GroupId": group}]} if source == "self" else {"IpRanges": [{"CidrIp": source}]}
    )
    ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=[{**ports, **other}])
    assert found(item) == {"aws_security_group_rule.x": f"{group}_ingress_tcp_443_443_{source}"}
    assert found(item, going="aws_security_group_rule") == {}, "it may be one that is being moved"


@mock_aws
def test_names_count_only_with_our_tags() -> None:
    iam = client("iam")
    role, parameter = wanted("aws_iam_role", name="r"), wanted("aws_ssm_parameter", name="/eco2/dev/x")
    iam.create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    client("ssm").put_parameter(Name="/eco2/dev/x", Value="x", Type="String")
    assert found(role, parameter) == {}, "somebody else's: AWS will say so"
    pairs = [{"Key": key, "Value": value} for key, value in OURS.items()]
    iam.tag_role(RoleName="r", Tags=pairs)
    client("ssm").add_tags_to_resource(ResourceType="Parameter", ResourceId="/eco2/dev/x", Tags=pairs)
    assert found(role, parameter) == {"aws_iam_role.x": "r", "aws_ssm_parameter.x": "/eco2/dev/x"}


@mock_aws
def test_a_log_group_and_a_launch_template_of_a_users_stack() -> None:
    client("logs").create_log_group(logGroupName="/eco2/dev", tags=OURS)
    made = client("ec2").create_launch_template(
        LaunchTemplateName="t", LaunchTemplateData={}, TagSpecifications=tagged("launch-template", "t")
    )["LaunchTemplate"]["LaunchTemplateId"]
    assert found(
        wanted("aws_cloudwatch_log_group", name="/eco2/dev"), wanted("aws_launch_template", name="t")
    ) == {"aws_cloudwatch_log_group.x": "/eco2/dev", "aws_launch_template.x": made}


@mock_aws
def test_what_nobody_knows_is_left_to_terraform() -> None:
    assert found(wanted("aws_route53_record", name="x"), wanted("aws_vpc")) == {}


@dataclass
class Stack:
    """Stands in for Terraform: what it was asked, and what its plans create while nothing is imported."""

    creates: tuple[Creation, ...]
    fails: bool = False
    asked: list[Any] = field(default_factory=list)

    def plan(self, parallelism: int, **options: Any) -> Planning:
        if self.fails and self.asked:
            raise ToolError("terraform plan failed", "Cannot import non-existent remote object", "")
        self.asked.append(("plan", options))
        changes = tuple(Planned("create", item.address) for item in self.creates)
        return Planning(changes, Summary("plan", len(changes), 0, 0), bool(changes))

    def creations(self) -> Creations:
        return Creations(self.creates, frozenset(), frozenset())

    def imports(self, addresses: dict[str, str]) -> None:
        self.asked.append(("import", dict(addresses)))
        self.creates = tuple(item for item in self.creates if item.address not in addresses)

    def apply(self, parallelism: int, refusals: Refusals) -> None:
        self.asked.append(("apply", {}))


SUBNET = wanted("aws_subnet", cidr_block="10.0.1.0/24", tags={"Name": "a"})


@mock_aws
def test_where_it_is_to_be_refused_it_is_named_and_nothing_is_imported(tmp_path: Path) -> None:
    mine, stack = vpc(), Stack((VPC, SUBNET))
    refusing = environment(tmp_path, terraform=TerraformConfig(tmp_path / "terraform", orphans="refuse"))
    with pytest.raises(StuckError, match="1 resources of an earlier run") as refused:
        adopt(world(refusing).context, stack, stack.plan(1))  # type: ignore[arg-type] # a stand-in
    assert f"aws_vpc.x: {mine}" in refused.value.why
    assert stack.asked == [("plan", {})]


@mock_aws
@pytest.mark.parametrize(("orphans", "again"), [("import", []), ("remove", ["aws_instance.x"])])
def test_only_machines_are_made_anew(tmp_path: Path, orphans: str, again: list[str]) -> None:
    mine = vpc()
    subnet = client("ec2").create_subnet(VpcId=mine, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    machine = client("ec2").run_instances(
        **{"ImageId": "ami-1", "MinCount": 1, "MaxCount": 1, "SubnetId": subnet},
        TagSpecifications=tagged("instance", "m"),
    )["Instances"][0]["InstanceId"]
    stack = Stack((VPC, wanted("aws_instance", subnet_id=subnet, tags={"Name": "m"})))
    here = world(environment(tmp_path, terraform=TerraformConfig(tmp_path / "terraform", orphans=orphans)))
    adopt(here.context, stack, stack.plan(1))  # type: ignore[arg-type] # a stand-in
    assert stack.asked[1:] == [
        ("import", {"aws_vpc.x": mine, "aws_instance.x": machine}),
        ("plan", {"replace": again}),
    ]
    (notice,) = here.of(Notice)
    assert f"aws_instance.x ({machine})" in notice.message


@mock_aws
def test_before_destroy_only_what_is_there_is_applied(tmp_path: Path) -> None:
    mine, stack = vpc(), Stack((VPC, SUBNET))
    adopt_for_destroy(world(environment(tmp_path)).context, stack)  # type: ignore[arg-type] # a stand-in
    assert stack.asked == [
        ("plan", {"refresh": False}),
        ("import", {"aws_vpc.x": mine}),
        ("plan", {"refresh": False}),
        ("plan", {"refresh": False, "only": ("aws_vpc.x",)}),
        ("apply", {}),
        ("import", {}),
    ]


@mock_aws
def test_where_nothing_was_left_nothing_is_applied(tmp_path: Path) -> None:
    stack = Stack((VPC, SUBNET))
    adopt_for_destroy(world(environment(tmp_path)).context, stack)  # type: ignore[arg-type] # a stand-in
    assert stack.asked == [("plan", {"refresh": False}), ("import", {})]


@mock_aws
def test_what_cannot_be_imported_is_told_and_stops_nothing(tmp_path: Path) -> None:
    vpc()
    stack, here = Stack((VPC,), fails=True), world(environment(tmp_path))
    adopt_for_destroy(here.context, stack)  # type: ignore[arg-type] # a stand-in
    (notice,) = here.of(Notice)
    assert "left to the audit: terraform plan failed" in notice.message
    assert stack.asked[-1] == ("import", {}), "destroy is not to stumble over it again"
