from __future__ import annotations

import json
import stat
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from moto.core.base_backend import BackendDict
from moto.ecr.models import ecr_backends

from bootstrap.core.errors import ToolError
from bootstrap.local.aws import persistence
from tests.aws_context import ACCOUNT, REGION
from tests.unit.local_aws.machines import ApplyPatch, place

Aws = Callable[[str], Any]


@pytest.fixture(autouse=True)
def patched(patch: ApplyPatch) -> None:
    for name in ("primary_interface", "termination", "partitions", "tracking"):
        patch(name)


@pytest.fixture
def policies_of_aws(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_IAM_LOAD_MANAGED_POLICIES", "true")


def restart(file: Path) -> None:
    """As a new process would find it."""
    persistence.save(persistence.dump(), file)
    BackendDict.reset()
    persistence.restore(file)


@pytest.mark.usefixtures("policies_of_aws")
def test_everything_is_there_after_a_restart(aws: Aws, tmp_path: Path) -> None:
    here = place()
    instance = here.run()["InstanceId"]
    key = aws("kms").create_key()["KeyMetadata"]["KeyId"]
    secret = aws("kms").encrypt(KeyId=key, Plaintext=b"text")["CiphertextBlob"]
    aws("ssm").put_parameter(Name="/eco2/dev/a", Value="secret", Type="SecureString", KeyId=key)
    certificate = aws("acm").request_certificate(DomainName="dev.example.com")["CertificateArn"]
    bucket = {"LocationConstraint": "ap-northeast-2"}
    aws("s3").create_bucket(Bucket="state", CreateBucketConfiguration=bucket)
    aws("s3").put_object(Bucket="state", Key="terraform.tfstate", Body=b"{}")
    iam = aws("iam")
    iam.create_role(RoleName="node", AssumeRolePolicyDocument="{}")
    iam.attach_role_policy(RoleName="node", PolicyArn="arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore")

    restart(tmp_path / "aws.state")

    assert here.look(instance)["SecurityGroups"][0]["GroupId"] == here.group
    assert aws("kms").decrypt(CiphertextBlob=secret)["Plaintext"] == b"text"
    found = aws("ssm").get_parameter(Name="/eco2/dev/a", WithDecryption=True)["Parameter"]
    assert found["Value"] == "secret"
    listed = aws("acm").list_certificates()["CertificateSummaryList"]
    assert [item["CertificateArn"] for item in listed] == [certificate]
    assert aws("s3").get_object(Bucket="state", Key="terraform.tfstate")["Body"].read() == b"{}"
    (attached,) = iam.list_attached_role_policies(RoleName="node")["AttachedPolicies"]
    assert attached["PolicyName"] == "AmazonSSMManagedInstanceCore"


@pytest.mark.usefixtures("policies_of_aws")
def test_life_goes_on_after_a_restart(aws: Aws, tmp_path: Path) -> None:
    here = place()
    instance = here.run()["InstanceId"]
    iam = aws("iam")
    iam.create_role(RoleName="node", AssumeRolePolicyDocument="{}")
    iam.attach_role_policy(RoleName="node", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")

    restart(tmp_path / "aws.state")

    here.ec2.terminate_instances(InstanceIds=[instance])
    here.ec2.delete_security_group(GroupId=here.group)
    iam.detach_role_policy(RoleName="node", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
    iam.attach_role_policy(RoleName="node", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    with pytest.raises(aws("s3").exceptions.NoSuchBucket):
        aws("s3").get_object(Bucket="never", Key="made")


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.dictionaries(st.from_regex(r"[a-z]{1,8}", fullmatch=True), st.text(min_size=1), max_size=5))
def test_any_parameter_comes_back_as_it_was(aws: Aws, tmp_path: Path, values: dict[str, str]) -> None:
    BackendDict.reset()
    for name, value in values.items():
        aws("ssm").put_parameter(Name=f"/p/{name}", Value=value, Type="String")
    restart(tmp_path / "aws.state")
    found = aws("ssm").get_parameters_by_path(Path="/p")["Parameters"]
    assert {item["Name"].removeprefix("/p/"): item["Value"] for item in found} == values


@pytest.mark.usefixtures("policies_of_aws")
def test_policies_of_aws_are_not_written(aws: Aws) -> None:
    aws("iam").create_role(RoleName="node", AssumeRolePolicyDocument="{}")
    assert len(aws("iam").list_policies(Scope="AWS")["Policies"]) >= 100
    assert len(persistence.dump()) < 1_000_000


def test_the_file_is_private_and_replaced_as_a_whole(tmp_path: Path) -> None:
    file = tmp_path / "aws.state"
    persistence.save(b"old", file)
    (tmp_path / ".aws.state.new").write_text("left by a crash")
    persistence.save(b"new", file)
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def header(**changes: str) -> bytes:
    return json.dumps({**persistence.made_by(), **changes}).encode() + b"\n"


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "versions"),
        (b"\x80\x05garbage", "versions"),
        (header(moto="4.0.0") + b"anything", "moto 4.0.0"),
        (header() + b"\x80\x05half a pick", "Unpickling|EOF"),
        (header(), "EOF"),
    ],
)
def test_a_state_that_cannot_be_read_is_refused_with_a_cure(tmp_path: Path, content: bytes, why: str) -> None:
    file = tmp_path / "aws.state"
    file.write_bytes(content)
    with pytest.raises(ToolError, match=why) as raised:
        persistence.restore(file)
    assert str(file) in raised.value.cure
    assert file.read_bytes() == content


def test_a_listing_that_is_under_way_does_not_keep_the_rest_from_being_kept(aws: Aws, tmp_path: Path) -> None:
    for number in range(3):
        tags = [{"TagKey": "a", "TagValue": str(number)}]
        aws("kms").create_key(Tags=tags)
    page = aws("resourcegroupstaggingapi").get_resources(ResourcesPerPage=1)
    assert page["PaginationToken"]
    restart(tmp_path / "aws.state")
    assert len(aws("kms").list_keys()["Keys"]) == 3


def test_a_lock_comes_back_free(aws: Aws, tmp_path: Path) -> None:
    """ECR's backend has one; dill brings it back held by nobody, and the next repository waits for ever."""
    aws("ecr").describe_repositories()
    restart(tmp_path / "aws.state")
    backend = ecr_backends[ACCOUNT][REGION]
    taken: list[bool] = []
    thread = threading.Thread(
        target=lambda: taken.append(backend.registry_scanning_configuration_update_lock.acquire(timeout=5))
    )
    thread.start()
    thread.join()
    assert taken == [True]
