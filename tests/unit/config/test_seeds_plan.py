"""The plan of differences: pure, idempotent, and silent about values."""

from __future__ import annotations

from itertools import count
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.config.model import Generate, Seed
from bootstrap.config.seeds import (
    PlannedSeed,
    SeedPlan,
    SeedsError,
    Sources,
    plan_seeds,
    preview_seeds,
    source_problems,
)

OUTPUTS = {
    "domain": "dev.example.com",
    "roles": {"alb": "arn:alb"},
    "subnets": ["a", "b"],
    "count": 3,
    "empty": "",
    "nothing": None,
}
GENERATED = Seed("db/password", generate=Generate())
SUPPLIED = Seed("api/token", from_env="TOKEN")


def sources(**environ: str) -> Sources:
    """Passwords are numbered; files hold what their name says, "missing" cannot be read."""
    numbers = count(1)

    def read_file(path: Path) -> str:
        if path.name == "missing":
            raise FileNotFoundError(2, "No such file or directory")
        if path.name == "binary":
            return b"\xff".decode()
        return f"content of {path.name}\n"

    return Sources(environ, read_file, lambda policy: f"generated-{next(numbers)}-{policy.length}")


def values(plan: SeedPlan) -> dict[str, str]:
    return {write.name: write.value for write in plan.writes}


def test_every_source_gives_its_value() -> None:
    seeds = (
        GENERATED,
        SUPPLIED,
        Seed("tls/key", from_file=Path("key.pem")),
        Seed("dns/domain", from_output="domain"),
        Seed("iam/alb", from_output="roles.alb"),
        Seed("net/first", from_output="subnets.0"),
        Seed("net/all", from_output="subnets"),
        Seed("nodes", from_output="count"),
        Seed("db/url", template="postgres://app:{seed:db/password}@db.{output.domain}/{x}"),
    )
    assert values(plan_seeds(seeds, OUTPUTS, {}, sources(TOKEN="t0ken"))) == {
        "db/password": "generated-1-32",
        "api/token": "t0ken",
        "tls/key": "content of key.pem",
        "dns/domain": "dev.example.com",
        "iam/alb": "arn:alb",
        "net/first": "a",
        "net/all": '["a", "b"]',
        "nodes": "3",
        "db/url": "postgres://app:generated-1-32@db.dev.example.com/{x}",
    }


def test_a_generated_value_is_kept_and_a_supplied_one_follows() -> None:
    existing = {"db/password": "old", "api/token": "old"}
    plan = plan_seeds((GENERATED, SUPPLIED), OUTPUTS, existing, sources(TOKEN="new"))
    assert values(plan) == {"api/token": "new"}
    assert [write.new for write in plan.writes] == [False]
    assert plan.unchanged == ("db/password",)


def test_a_template_may_come_before_the_seed_it_needs() -> None:
    seeds = (Seed("url", template="x:{seed:db/password}"), GENERATED)
    plan = plan_seeds(seeds, {}, {}, sources())
    assert values(plan) == {"url": "x:generated-1-32", "db/password": "generated-1-32"}


def test_all_problems_are_told_at_once_with_their_place() -> None:
    seeds = (
        Seed("a", from_env="MISSING", where="bootstrap.yaml:10"),
        Seed("b", from_file=Path("missing"), where="bootstrap.yaml:11"),
        Seed("c", from_file=Path("binary"), where="bootstrap.yaml:12"),
        Seed("d", from_output="roles.nobody", where="bootstrap.yaml:13"),
        Seed("e", from_output="nothing", where="bootstrap.yaml:14"),
        Seed("f", from_output="empty", where="bootstrap.yaml:15"),
        Seed("g", template="{seed:nowhere}", where="bootstrap.yaml:16"),
        Seed("h", template="{seed:i}", where="bootstrap.yaml:17"),
        Seed("i", template="{seed:h}", where="bootstrap.yaml:18"),
        Seed("j", from_env="LONG", where="bootstrap.yaml:19"),
        Seed("k", where="bootstrap.yaml:20"),
        GENERATED,
    )
    with pytest.raises(SeedsError) as refused:
        plan_seeds(seeds, OUTPUTS, {}, sources(LONG="é" * 2049))
    problems = refused.value.problems
    assert [problem.where for problem in problems] == [f"bootstrap.yaml:{n}" for n in range(10, 21)]
    assert all(problem.cure for problem in problems)
    text = str(refused.value)
    for said in (
        "MISSING is not set",
        "not UTF-8",
        "roles.nobody",
        "is null",
        "empty",
        "no seed nowhere",
        "circle",
    ):
        assert said in text
    assert "4098 bytes" in text
    assert "é" not in text


def test_the_longest_value_is_taken() -> None:
    plan = plan_seeds((SUPPLIED,), {}, {}, sources(TOKEN="é" * 2048))
    assert len(plan.writes) == 1


def test_a_plan_shows_no_value() -> None:
    plan = plan_seeds((SUPPLIED,), {}, {}, sources(TOKEN="canary-value"))
    assert "canary-value" not in repr(plan)
    assert plan.secrets == ("canary-value",)


def test_facts_are_no_secrets_but_what_contains_a_seed_is() -> None:
    seeds = (
        GENERATED,
        Seed("domain", from_output="domain"),
        Seed("host", template="db.{output.domain}"),
        Seed("url", template="{seed:db/password}@{output.domain}"),
    )
    plan = plan_seeds(seeds, OUTPUTS, {"db/password": "kept"}, sources())
    assert plan.secrets == ("kept", "kept@dev.example.com")


def test_what_is_wrong_without_outputs_is_told_before_anything_is_made() -> None:
    seeds = (
        Seed("bad name", generate=Generate(), where="f:1"),
        Seed("/".join("abcdefghijklmnop"), generate=Generate(), where="f:2"),
        Seed("token", from_env="MISSING", where="f:3"),
        Seed("later", from_output="unknown yet", where="f:4"),
        GENERATED,
    )
    problems = source_problems(seeds, "/eco2/dev", sources())
    assert [problem.where for problem in problems] == ["f:1", "f:2", "f:3"]


def test_what_grows_too_long_is_refused_before_the_outputs_are_known() -> None:
    seeds = (
        Seed("a", from_env="LONG"),
        Seed("b", generate=Generate(length=2000)),
        Seed("ok", template="{seed:a}:{output.domain}"),
        Seed("long", template="{seed:a}:{seed:b}:{output.domain}"),
        Seed("longer", template="{seed:long}{seed:circle}"),
        Seed("circle", template="{seed:circle}"),
        Seed("unknown", template="{seed:nowhere}{seed:unset}"),
        Seed("unset", from_env="UNSET"),
    )
    told = {problem.what for problem in source_problems(seeds, "/eco2/dev", sources(LONG="x" * 2095))}
    assert told == {
        "seed long: its value has at least 4097 bytes, SSM takes 4096",
        "seed longer: its value has at least 4097 bytes, SSM takes 4096",
        "seed unset: the environment variable UNSET is not set",
    }


def test_a_preview_names_what_it_cannot_tell_yet() -> None:
    seeds = (GENERATED, SUPPLIED, Seed("new", generate=Generate()), Seed("fact", from_output="domain"))
    existing = {"db/password": "x", "api/token": "same", "fact": "old"}
    assert preview_seeds(seeds, {}, existing, sources(TOKEN="same")) == (
        PlannedSeed("keep", "db/password", "generate"),
        PlannedSeed("keep", "api/token", "environment"),
        PlannedSeed("create", "new", "generate"),
        PlannedSeed("update", "fact", "output"),
    )


NAMES = st.sampled_from([f"seed-{n}" for n in range(8)])
TEXT = st.text(min_size=1, max_size=20)


@st.composite
def any_seed(draw: st.DrawFn) -> Seed:
    name = draw(NAMES)
    kind = draw(st.sampled_from(["generate", "from_env", "from_output", "template"]))
    if kind == "generate":
        return Seed(name, generate=Generate(draw(st.integers(1, 64))))
    if kind == "from_env":
        return Seed(name, from_env="TOKEN")
    if kind == "from_output":
        return Seed(name, from_output="domain")
    return Seed(name, template="{output.domain}/{seed:base}")


@given(
    seeds=st.lists(any_seed(), unique_by=lambda seed: seed.name),
    existing=st.dictionaries(NAMES, TEXT),
    token=TEXT,
)
def test_planning_again_after_the_writes_gives_no_writes(
    seeds: list[Seed], existing: dict[str, str], token: str
) -> None:
    everything = (Seed("base", generate=Generate()), *seeds)
    edges = sources(TOKEN=token)
    first = plan_seeds(everything, OUTPUTS, existing, edges)
    after = {**existing, **values(first)}
    second = plan_seeds(everything, OUTPUTS, after, edges)
    assert second.writes == ()
    assert set(second.unchanged) == {seed.name for seed in everything}
    for seed in everything:
        if seed.generate and seed.name in existing:
            assert after[seed.name] == existing[seed.name]
    assert {write.name for write in first.writes if write.new} == {
        s.name for s in everything
    } - existing.keys()
