"""What `down` must not touch: a neighbour environment of the same project, and things that nobody tagged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from bootstrap.local.aws.account import furnish
from tests.aws_context import REGION, client
from tests.aws_resources import make_all
from tests.kills import cloud
from tests.platform.dev_world import local_aws


def differences(folder: Path, there: Iterable[str], project: str, prefix: str, domain: str) -> list[str]:
    """What of the picture `there` (tests/kills/cloud.py) is not as in an account that was never ours.

    That account, simulated in `folder`, has its furniture and the strangers, and nothing else.
    """
    with local_aws(folder) as url:
        connect = partial(client, endpoint=url)
        furnish(connect("route53"), domain)
        place(connect, project, prefix, domain)
        wanted = Counter(cloud.picture(cloud.Look(url, REGION)))
    found = Counter(there)
    left = [f"left: {line}" for line in (found - wanted).elements()]
    return left + [f"taken from strangers: {line}" for line in (wanted - found).elements()]


def place(connect: Callable[[str], Any], project: str, prefix: str, domain: str) -> None:
    """One of every kind of a neighbour's, and untagged ones beside them: some below our very names.

    `connect(service)` gives a boto3 client; `prefix` is our SSM prefix, `domain` that of the hosted zone.
    """
    make_all(connect, {"bootstrap:project": project, "bootstrap:environment": "neighbour"}, "neighbour")
    ec2, elb, route53 = connect("ec2"), connect("elbv2"), connect("route53")
    vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
    zone = f"{REGION}a"
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/24", AvailabilityZone=zone)["Subnet"][
        "SubnetId"
    ]
    group = ec2.create_security_group(GroupName="k8s-plain", Description="by hand", VpcId=vpc)["GroupId"]
    ec2.create_network_interface(SubnetId=subnet, Groups=[group], Description="ELB app/plain/1")
    ec2.create_volume(AvailabilityZone=zone, Size=1)
    ec2.allocate_address(Domain="vpc")
    elb.create_load_balancer(Name="k8s-plain", Subnets=[subnet], SecurityGroups=[group])
    elb.create_target_group(Name="k8s-plain", Port=80, Protocol="HTTP", VpcId=vpc)
    connect("ssm").put_parameter(Name=f"{prefix}/by-hand", Value="x", Type="String")
    connect("logs").create_log_group(logGroupName="/by-hand")
    hosted = next(zone for zone in route53.list_hosted_zones()["HostedZones"] if zone["Name"] == f"{domain}.")
    record = {
        "Name": f"by-hand.{domain}.",
        "Type": "A",
        "TTL": 60,
        "ResourceRecords": [{"Value": "192.0.2.1"}],
    }
    route53.change_resource_record_sets(
        HostedZoneId=hosted["Id"],
        ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]},
    )
