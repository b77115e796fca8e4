"""Everything that carries our tags is found, what is gone is not, what is not ours never."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws.api import Api
from bootstrap.aws.inventory import Proof, Resource, inventory, survey
from tests.aws_context import REGION, client
from tests.aws_resources import IMAGE, OURS, OWNER, THEIRS, TRUST, make_all, pairs, spec


@pytest.fixture
def aws() -> Iterator[Callable[[str], Any]]:
    with mock_aws():
        yield client


def seen(aws: Callable[[str], Any]) -> list[Resource]:
    return list(inventory(lambda service: Api(aws(service)), OWNER))


def test_an_empty_account_has_nothing(aws: Callable[[str], Any]) -> None:
    assert seen(aws) == []


def test_one_of_every_kind_is_found_and_nothing_of_another_environment(aws: Callable[[str], Any]) -> None:
    make_all(aws, THEIRS, "prod")
    assert seen(aws) == []
    made = make_all(aws, OURS, "dev")
    assert {resource.kind: resource.id for resource in seen(aws)} == made
    assert "cp" in {resource.name for resource in seen(aws)}


def test_what_is_gone_is_not_listed(aws: Callable[[str], Any]) -> None:
    made = make_all(aws, OURS, "dev")
    aws("ec2").terminate_instances(InstanceIds=[made["ec2 instance"]])
    aws("ec2").delete_nat_gateway(NatGatewayId=made["ec2 NAT gateway"])
    aws("kms").schedule_key_deletion(KeyId=made["kms key"].split("/")[-1])
    aws("s3").delete_bucket(Bucket=made["s3 bucket"])
    gone = {"ec2 instance", "ec2 NAT gateway", "kms key", "s3 bucket"}
    assert {resource.kind for resource in seen(aws)} == made.keys() - gone


MARKS: tuple[dict[str, str], ...] = (
    {"kubernetes.io/cluster/eco2-dev": "owned"},
    {"elbv2.k8s.aws/cluster": "eco2-dev"},
)
PREFIX = {"bootstrap:ssm-prefix": "/eco2/dev"}


def network(aws: Callable[[str], Any], tags: dict[str, str]) -> tuple[str, str]:
    """A VPC with these tags, and a subnet that carries none."""
    vpc = aws("ec2").create_vpc(CidrBlock="10.0.0.0/16", **spec("vpc", tags))["Vpc"]["VpcId"]
    net = aws("ec2").create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    return vpc, net


def machine(aws: Callable[[str], Any], net: str, tags: dict[str, str]) -> str:
    run: dict[str, Any] = {"ImageId": IMAGE, "MinCount": 1, "MaxCount": 1, "SubnetId": net}
    made = aws("ec2").run_instances(**run, **spec("instance", tags))
    return str(made["Instances"][0]["InstanceId"])


def volume(aws: Callable[[str], Any], tags: dict[str, str], holder: str = "") -> str:
    made = aws("ec2").create_volume(AvailabilityZone=f"{REGION}a", Size=1, **spec("volume", tags))["VolumeId"]
    if holder:
        aws("ec2").attach_volume(VolumeId=made, InstanceId=holder, Device="/dev/sdx")
    return str(made)


def proofs(aws: Callable[[str], Any]) -> dict[str, Proof]:
    return {found.resource.id: found.proof for found in survey(lambda service: Api(aws(service)), OWNER)}


def controllers_work(aws: Callable[[str], Any], vpc: str, net: str, mark: dict[str, str]) -> list[str]:
    """What controllers make in a network, with their mark."""
    ec2, elb = aws("ec2"), aws("elbv2")
    group = ec2.create_security_group(
        GroupName="k", Description="k", VpcId=vpc, **spec("security-group", mark)
    )
    card = ec2.create_network_interface(SubnetId=net, **spec("network-interface", mark))
    balancer = elb.create_load_balancer(Name="k8s-x", Subnets=[net], Tags=pairs(mark))["LoadBalancers"][0]
    target = elb.create_target_group(Name="k8s-x", Protocol="HTTP", Port=80, VpcId=vpc, Tags=pairs(mark))
    return [
        group["GroupId"],
        card["NetworkInterface"]["NetworkInterfaceId"],
        balancer["LoadBalancerArn"],
        target["TargetGroups"][0]["TargetGroupArn"],
        machine(aws, net, mark),
    ]


@pytest.mark.parametrize("mark", [*MARKS, PREFIX])
def test_marks_of_controllers_count_in_our_network_only(
    aws: Callable[[str], Any], mark: dict[str, str]
) -> None:
    vpc, net = network(aws, OURS)
    ours = controllers_work(aws, vpc, net, mark)
    assert {proofs(aws)[made] for made in ours} == {Proof.CONTROLLER}
    assert {resource.id for resource in seen(aws)} == {vpc, *ours}


@pytest.mark.parametrize("mark", [*MARKS, PREFIX, {**MARKS[0], **MARKS[1], **PREFIX}])
@pytest.mark.parametrize("theirs", [{}, THEIRS, MARKS[0]])
def test_a_foreign_cluster_of_our_name_is_not_ours(
    aws: Callable[[str], Any], mark: dict[str, str], theirs: dict[str, str]
) -> None:
    """As EKS and kOps tag theirs."""
    network(aws, OURS)
    vpc, net = network(aws, theirs)
    made = controllers_work(aws, vpc, net, mark)
    assert {proofs(aws)[each] for each in made} == {Proof.MARKED}
    assert len(seen(aws)) == 1, "our own VPC"


@pytest.mark.parametrize(
    ("tags", "proof"),
    [
        (PREFIX, Proof.CONTROLLER),
        ({**MARKS[0], **PREFIX}, Proof.CONTROLLER),
        (MARKS[0], Proof.MARKED),
        ({**MARKS[0], "ebs.csi.aws.com/cluster": "true", "CSIVolumeName": "pvc-1"}, Proof.MARKED),
        ({**PREFIX, **THEIRS}, Proof.MARKED),
        (OURS, Proof.TAGS),
    ],
)
def test_a_volume_is_ours_by_our_prefix_or_the_machine_that_holds_it(
    aws: Callable[[str], Any], tags: dict[str, str], proof: Proof
) -> None:
    _, net = network(aws, OURS)
    ours, other = machine(aws, net, OURS), machine(aws, net, {"Name": "other"})
    free, held_by_other, held = (volume(aws, tags, holder) for holder in ("", other, ours))
    found = proofs(aws)
    assert found[free] is found[held_by_other] is proof
    marked_only = proof is Proof.MARKED and "bootstrap:project" not in tags
    assert found[held] is (Proof.CONTROLLER if marked_only else proof)


@pytest.mark.parametrize("mark", MARKS)
def test_what_lies_in_no_network_needs_our_prefix(aws: Callable[[str], Any], mark: dict[str, str]) -> None:
    tags = {"marked": mark, "ours": {**mark, **PREFIX}, "neighbours": {**mark, **PREFIX, **THEIRS}}
    for name, each in tags.items():
        aws("ssm").put_parameter(Name=f"/{name}", Value="x", Type="String", Tags=pairs(each))
        aws("ec2").create_key_pair(KeyName=name, **spec("key-pair", each))
        aws("ec2").allocate_address(**spec("elastic-ip", each))
        aws("iam").create_role(RoleName=name, AssumeRolePolicyDocument=TRUST, Tags=pairs(each))
    kinds = ["ec2 address", "ec2 key pair", "iam role", "ssm parameter"]
    assert [resource.kind for resource in seen(aws)] == kinds
    assert {resource.id for resource in seen(aws)} >= {"/ours", "ours"}


def test_a_resource_names_itself_for_people() -> None:
    assert str(Resource("ec2 instance", "i-1", "cp")) == "ec2 instance i-1 (cp)"
    assert str(Resource("iam role", "r", "")) == "iam role r"
