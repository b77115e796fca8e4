"""Every secret has a source, a namespace and a reader; Git holds no value."""

from __future__ import annotations

import re

from bootstrap.config.load import load
from tests.manifests import (
    APIS,
    MANIFESTS,
    ROOT,
    charts,
    external_secrets,
    namespaces,
    published,
    read,
    release_namespace,
    values_within,
)

CONFIG = load(ROOT / "bootstrap.yaml", "dev")
SECRETS = external_secrets()


def keys() -> set[str]:
    return {reference["key"] for reference in values_within(SECRETS, "remoteRef")}


def made() -> set[tuple[str, str]]:
    return {(item["metadata"]["namespace"], item["spec"]["target"]["name"]) for item in SECRETS}


def test_terraform_publishes_what_the_reference_platform_names() -> None:
    assert {
        "network/vpc-id",
        "network/public-subnets",
        "network/private-subnets",
        "network/cluster-sg-id",
        "network/alb-sg-id",
        "acm/certificate-arn",
        "iam/alb-controller-role-arn",
    } <= published()


def test_every_parameter_is_seeded_or_published() -> None:
    sources = published() | {seed.name for seed in CONFIG.seeds}
    assert not keys() - {f"{CONFIG.ssm_prefix}/{name}" for name in sources}


def test_nothing_is_both_seeded_and_published() -> None:
    assert not published() & {seed.name for seed in CONFIG.seeds}


def test_every_seed_is_read() -> None:
    inside = {name for seed in CONFIG.seeds for name in re.findall(r"\{seed:(.+?)\}", seed.template or "")}
    read_ones = {key.removeprefix(f"{CONFIG.ssm_prefix}/") for key in keys()}
    assert {seed.name for seed in CONFIG.seeds} <= read_ones | inside


def test_every_secret_goes_to_a_namespace_that_exists() -> None:
    assert {item["metadata"]["namespace"] for item in SECRETS} <= set(namespaces()) | {"kube-system"}


def test_every_secret_is_read_every_minute_from_the_store() -> None:
    store = read(MANIFESTS / "secrets/store.yaml")[0]
    assert store["apiVersion"] == "external-secrets.io/v1"
    for item in SECRETS:
        assert item["apiVersion"] == "external-secrets.io/v1"
        assert item["spec"]["refreshInterval"] == "1m"
        assert item["spec"]["secretStoreRef"] == {
            "kind": store["kind"],
            "name": store["metadata"]["name"],
        }


def test_the_store_is_in_the_configured_region() -> None:
    store = read(MANIFESTS / "secrets/store.yaml")[0]["spec"]["provider"]["aws"]
    assert store == {"service": "ParameterStore", "region": CONFIG.region}


def test_each_api_has_its_database_password() -> None:
    found = {
        (item["metadata"]["namespace"], item["spec"]["target"]["name"]): item["spec"]["data"]
        for item in SECRETS
    }
    for api in APIS:
        (entry,) = found[(api, f"postgres-{api}-secret")]
        key = f"{CONFIG.ssm_prefix}/database/{api}/postgres-password"
        assert entry == {"secretKey": "POSTGRES_PASSWORD", "remoteRef": {"key": key}}


def test_charts_use_secrets_that_are_made() -> None:
    for item, source in charts():
        values = source["helm"]["valuesObject"]
        used = {ref["name"] for ref in values_within(values, "secretKeyRef")}
        used |= set(values_within(values, "secretName")) | set(values_within(values, "existingSecret"))
        namespace = release_namespace(item, source)
        assert {(namespace, name) for name in used} <= made()


def test_instances_use_secrets_that_are_made() -> None:
    redis = read(MANIFESTS / "data/redis.yaml")[0]["spec"]
    rabbitmq = read(MANIFESTS / "data/rabbitmq.yaml")[0]["spec"]
    postgres = read(MANIFESTS / "data/postgres.yaml")[0]
    cluster = postgres["metadata"]["name"]
    users = [user["name"] for user in postgres["spec"]["users"]]
    assert users == list(APIS)
    assert {("postgresql", f"{cluster}-pguser-{user}") for user in users} <= made()
    assert ("redis", redis["auth"]["secretPath"]) in made()
    assert ("rabbitmq", rabbitmq["secretBackend"]["externalSecret"]["name"]) in made()


def test_git_holds_no_secret() -> None:
    """The one Secret in Git says where a public registry is."""
    secrets = [
        item
        for file in MANIFESTS.rglob("*.yaml")
        for item in read(file)
        if item.get("apiVersion") == "v1" and item.get("kind") == "Secret"
    ]
    assert [item["metadata"]["name"] for item in secrets] == ["registry-crunchydata"]
    assert set(secrets[0]["stringData"]) == {"type", "name", "url", "enableOCI"}


def test_git_holds_no_value_of_an_account() -> None:
    account = re.compile(r"arn:aws|\b\d{12}\b|\b(vpc|subnet|sg|i|ami)-[0-9a-f]{8,}\b|\bZ[A-Z0-9]{12,}\b")
    found = [
        f"{file.relative_to(ROOT)}: {match.group()}"
        for file in MANIFESTS.rglob("*.yaml")
        if (match := account.search(file.read_text(encoding="utf-8")))
    ]
    assert found == []
