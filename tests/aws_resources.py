"""One of every kind of AWS resource that an environment may hold, for tests of inventory and removal."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bootstrap.aws.inventory import Owner
from tests.aws_context import REGION

OURS = {"bootstrap:project": "eco2", "bootstrap:environment": "dev"}
THEIRS = {"bootstrap:project": "eco2", "bootstrap:environment": "prod"}
TRUST = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}'
IMAGE = "ami-0a1b2c3d4e5f60001"
OWNER = Owner(OURS, "eco2-dev", "/eco2/dev", "dev.example.com")


def pairs(tags: dict[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def spec(kind: str, tags: dict[str, str]) -> dict[str, Any]:
    return {"TagSpecifications": [{"ResourceType": kind, "Tags": pairs(tags)}]}


def make_all(aws: Callable[[str], Any], tags: dict[str, str], suffix: str) -> dict[str, str]:
    """One of every kind, by kind and id."""
    ec2, made = aws("ec2"), {}
    vpc = made["ec2 VPC"] = ec2.create_vpc(CidrBlock="10.0.0.0/16", **spec("vpc", tags))["Vpc"]["VpcId"]
    zone = f"{REGION}a"
    subnet = ec2.create_subnet(
        VpcId=vpc, CidrBlock="10.0.0.0/24", AvailabilityZone=zone, **spec("subnet", tags)
    )
    net = made["ec2 subnet"] = subnet["Subnet"]["SubnetId"]
    group = ec2.create_security_group(
        GroupName="g", Description="g", VpcId=vpc, **spec("security-group", tags)
    )["GroupId"]
    made["ec2 security group"] = group
    made["ec2 address"] = ec2.allocate_address(**spec("elastic-ip", tags))["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=net, **spec("natgateway", tags))
    made["ec2 NAT gateway"] = nat["NatGateway"]["NatGatewayId"]
    gateway = ec2.create_internet_gateway(**spec("internet-gateway", tags))
    made["ec2 internet gateway"] = gateway["InternetGateway"]["InternetGatewayId"]
    table = ec2.create_route_table(VpcId=vpc, **spec("route-table", tags))
    made["ec2 route table"] = table["RouteTable"]["RouteTableId"]
    machines = ec2.run_instances(
        ImageId=IMAGE, MinCount=1, MaxCount=1, SubnetId=net, **spec("instance", {**tags, "Name": "cp"})
    )
    made["ec2 instance"] = machines["Instances"][0]["InstanceId"]
    volume = ec2.create_volume(AvailabilityZone=zone, Size=1, **spec("volume", tags))
    made["ec2 volume"] = volume["VolumeId"]
    card = ec2.create_network_interface(SubnetId=net, **spec("network-interface", tags))
    made["ec2 network interface"] = card["NetworkInterface"]["NetworkInterfaceId"]
    endpoint = ec2.create_vpc_endpoint(
        VpcId=vpc,
        ServiceName=f"com.amazonaws.{REGION}.s3",
        VpcEndpointType="Gateway",
        **spec("vpc-endpoint", tags),
    )
    made["ec2 VPC endpoint"] = endpoint["VpcEndpoint"]["VpcEndpointId"]
    groups = aws("elbv2").create_target_group(
        Name=f"tg-{suffix}", Tags=pairs(tags), Port=80, Protocol="HTTP", VpcId=vpc
    )
    made["elb target group"] = groups["TargetGroups"][0]["TargetGroupArn"]
    balancers = aws("elbv2").create_load_balancer(Name=f"lb-{suffix}", Subnets=[net], Tags=pairs(tags))
    made["elb load balancer"] = balancers["LoadBalancers"][0]["LoadBalancerArn"]
    iam = aws("iam")
    iam.create_role(RoleName=f"r-{suffix}", AssumeRolePolicyDocument=TRUST, Tags=pairs(tags))
    made["iam role"] = f"r-{suffix}"
    iam.create_instance_profile(InstanceProfileName=f"p-{suffix}", Tags=pairs(tags))
    made["iam instance profile"] = f"p-{suffix}"
    policy = iam.create_policy(PolicyName=f"y-{suffix}", PolicyDocument=TRUST, Tags=pairs(tags))
    made["iam policy"] = policy["Policy"]["Arn"]
    kms_tags = [{"TagKey": key, "TagValue": value} for key, value in tags.items()]
    made["kms key"] = aws("kms").create_key(Tags=kms_tags)["KeyMetadata"]["Arn"]
    made["ssm parameter"] = f"/eco2/{suffix}/a"
    aws("ssm").put_parameter(Name=f"/eco2/{suffix}/a", Value="x", Type="String", Tags=pairs(tags))
    made["s3 bucket"] = f"bucket-{suffix}"
    aws("s3").create_bucket(
        Bucket=f"bucket-{suffix}", CreateBucketConfiguration={"LocationConstraint": REGION}
    )
    aws("s3").put_bucket_tagging(Bucket=f"bucket-{suffix}", Tagging={"TagSet": pairs(tags)})
    repository = aws("ecr").create_repository(repositoryName=f"repo-{suffix}", tags=pairs(tags))
    made["ecr repository"] = repository["repository"]["repositoryArn"]
    certificate = aws("acm").request_certificate(DomainName="a.example.com", Tags=pairs(tags))
    made["acm certificate"] = certificate["CertificateArn"]
    hosted = aws("route53").create_hosted_zone(Name=f"{suffix}.example.com", CallerReference=suffix)
    made["route53 zone"] = hosted["HostedZone"]["Id"].split("/")[-1]
    aws("route53").change_tags_for_resource(
        ResourceType="hostedzone", ResourceId=made["route53 zone"], AddTags=pairs(tags)
    )
    return made
