"""What the tests of patches need in AWS before they can start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.aws_context import client

ApplyPatch = Callable[[str], None]  # by its name, until the test ends
IMAGE = "ami-0a1b2c3d4e5f60001"


@dataclass(frozen=True)
class Place:
    """A subnet in a VPC with one security group."""

    ec2: Any
    vpc: str
    subnet: str
    group: str

    def run(self, **request: Any) -> Any:
        """Start one instance as Terraform does: with an interface that says group and subnet."""
        interface = {
            "DeviceIndex": 0,
            "SubnetId": self.subnet,
            "Groups": [self.group],
            "AssociatePublicIpAddress": False,
            **request.pop("interface", {}),
        }
        made = self.ec2.run_instances(
            ImageId=IMAGE, MinCount=1, MaxCount=1, NetworkInterfaces=[interface], **request
        )
        return self.look(made["Instances"][0]["InstanceId"])

    def look(self, instance: str) -> Any:
        return self.ec2.describe_instances(InstanceIds=[instance])["Reservations"][0]["Instances"][0]

    def interfaces(self) -> list[Any]:
        wanted = [{"Name": "subnet-id", "Values": [self.subnet]}]
        found: list[Any] = self.ec2.describe_network_interfaces(Filters=wanted)["NetworkInterfaces"]
        return found

    def address(self) -> Any:
        return self.ec2.allocate_address(Domain="vpc")


def place() -> Place:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.0.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="nodes", Description="nodes", VpcId=vpc)["GroupId"]
    return Place(ec2, vpc, subnet, group)
