"""The loader: what a good file becomes, and that every kind of bad one is refused with line and cure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.config.load import load
from bootstrap.config.model import Environment, Taint
from bootstrap.config.tree import parse
from bootstrap.core.errors import ConfigError, Problem

GOOD = """\
project: eco2
environments:
  dev:
    target: aws
    region: ap-northeast-2
    ssm_prefix: /eco2/dev
    network:
      vpc_cidr: 10.0.0.0/16
      public_subnets: [10.0.0.0/24, 10.0.1.0/24, 10.0.2.0/24]
      private_subnets: [10.0.10.0/24, 10.0.11.0/24, 10.0.12.0/24]
    kubernetes_version: 1.30
    nodes:
      - name: control-plane
        role: control-plane
        instance_type: t3.large
        volume_gb: 30
        labels: {role: control-plane}
      - name: api-auth
        role: worker
        instance_type: t3.small
        volume_gb: 20
        labels: {domain: auth, phase: 1}
        taints: [{key: domain, value: auth}]
    terraform:
      folder: terraform
      variables: {expires_at: null}
    gitops:
      checkout: .
      repo_url: https://git.example.com/eco2/platform.git
      path: manifests/clusters/dev/apps
      install: manifests/argocd
    seeds:
      - name: database/auth/postgres-password
        generate: {length: 24}
      - name: api/auth/dsn
        template: "postgres://auth:{seed:database/auth/postgres-password}@{output.host}/auth"
    waves:
      deadline: 300
      deadlines: {20: 600}
      hints: {10: look at secrets first}
    deadlines: {nodes: 900}
  local:
    extends: dev
    target: local
    terraform: {parallelism: 30}
"""

Write = Callable[[str], Path]


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Lay out a project around a configuration and go there; the folder's name has a space."""
    home = tmp_path / "my project"
    (home / ".git").mkdir(parents=True)
    for file in (
        "terraform/dev/main.tf",
        "manifests/clusters/dev/apps/10-secrets-operator.yaml",
        "manifests/argocd/kustomization.yaml",
    ):
        (home / file).parent.mkdir(parents=True, exist_ok=True)
        (home / file).touch()
    monkeypatch.chdir(home)

    def write_(text: str) -> Path:
        Path("bootstrap.yaml").write_text(text, encoding="utf-8")
        return Path("bootstrap.yaml")

    return write_


def problems(path: Path, environment: str = "dev") -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        load(path, environment)
    return caught.value.problems


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def test_a_good_file_becomes_the_model(write: Write) -> None:
    path = write(GOOD)
    dev = load(path, "dev")
    home = path.resolve().parent
    assert dev.name == "dev"
    assert dev.project == "eco2"
    assert dev.home == home
    assert dev.terraform.folder == home / "terraform"
    assert dev.terraform.variables == {"expires_at": None}
    assert dev.nodes[1].taints == (Taint("domain", "auth", "NoSchedule"),)
    assert dev.seeds[0].generate is not None
    assert dev.seeds[0].generate.length == 24
    assert dev.seeds[0].where == f"bootstrap.yaml:{line_of(GOOD, 'database/auth/postgres-password')}"
    assert dev.waves.deadlines == {20: 600.0}
    assert dev.waves.hints == {10: "look at secrets first"}
    assert dev.deadlines == {"nodes": 900.0}


LOOKED_AT = """\
project: eco2
environments:
  dev:
    target: aws
    gitops:
      checkout: .
      repo_url: https://git.example.com/eco2/platform.git
      path: manifests/apps
      install: manifests/argocd
"""


def test_what_is_only_looked_at_needs_no_machines_secrets_or_terraform(write: Write) -> None:
    path = write(LOOKED_AT)
    Path("manifests/apps").mkdir()
    dev = load(path, "dev", values=False, made=False)
    assert (dev.nodes, dev.seeds, dev.ssm_prefix) == ((), (), "")
    said = {problem.what for problem in problems(path)}
    assert {"'nodes' is missing", "'terraform' is missing", "'seeds' is missing"} <= said


def test_what_is_there_is_checked_even_if_it_is_only_looked_at(write: Write) -> None:
    path = write(f"{LOOKED_AT}    seeds: 3\n")
    with pytest.raises(ConfigError) as caught:
        load(path, "dev", values=False, made=False)
    told = [problem.where for problem in caught.value.problems]
    assert told == ["bootstrap.yaml:8", "bootstrap.yaml:10"]  # no such folder, no sequence


def test_text_stays_as_it_is_written(write: Write) -> None:
    dev = load(write(GOOD), "dev")
    assert dev.kubernetes_version == "1.30"
    assert dev.nodes[1].labels == {"domain": "auth", "phase": "1"}


def test_extends_merges_mappings_and_replaces_the_rest(write: Write) -> None:
    text = GOOD + "    seeds: []\n"
    local = load(write(text), "local")
    assert local.target == "local"
    assert local.terraform.parallelism == 30
    assert local.terraform.stack == "dev"
    assert local.seeds == ()
    assert len(local.nodes) == 2


Edit = tuple[str, str]

CASES: dict[str, tuple[Edit, str, str, str]] = {
    # what: ((old, new), text of the line that is blamed, what, cure)
    "unknown key": (
        ("kubernetes_version:", "kubernetes_versoin:"),
        "versoin",
        "unknown key 'kubernetes_versoin'",
        "did you mean 'kubernetes_version'?",
    ),
    "unknown nested key": (
        ("volume_gb: 20", "volume_gb: 20\n        size: 3"),
        "size: 3",
        "unknown key 'size'",
        "",
    ),
    "missing key": (
        ("    region: ap-northeast-2\n", ""),
        "target: aws",
        "'region' is missing",
        "add `region:`",
    ),
    "wrong kind": (("volume_gb: 20", "volume_gb: big"), "volume_gb: big", "must be a whole number", ""),
    "not finite": (("deadline: 300", "deadline: nan"), "deadline: nan", "must be a number", ""),
    "list for a mapping": (
        ("generate: {length: 24}", "generate: [24]"),
        "generate: [24]",
        "'generate' must be a mapping, found a list",
        "",
    ),
    "empty": (("region: ap-northeast-2", "region:"), "region:", "'region' must be text, found nothing", ""),
    "duplicate key": (
        ("region: ap-northeast-2", "region: ap-northeast-2\n    region: x"),
        "region: x",
        "'region' stands here twice (first in line 5)",
        "keep one",
    ),
    "bad target": (("target: aws", "target: aws2"), "target: aws2", "target 'aws2' is not valid", "'aws'"),
    "bad region": (
        ("ap-northeast-2", "seoul"),
        "region: seoul",
        "region 'seoul' is not valid",
        "ap-northeast-2",
    ),
    "prefix with slash": (
        ("/eco2/dev\n", "/eco2/dev/\n"),
        "ssm_prefix",
        "ssm_prefix '/eco2/dev/' may",
        "slash",
    ),
    "prefix of aws": (("/eco2/dev\n", "/aws/dev\n"), "ssm_prefix", "may not begin with aws or ssm", ""),
    "bad cidr": (
        ("10.0.0.0/16", "10.0.0.300/16"),
        "vpc_cidr",
        "vpc_cidr '10.0.0.300/16' is not",
        "10.0.0.0/16",
    ),
    "host bits": (
        ("10.0.0.0/16", "10.0.0.1/16"),
        "vpc_cidr",
        "'10.0.0.1/16' is not",
        "did you mean 10.0.0.0/16?",
    ),
    "vpc too large": (("10.0.0.0/16", "10.0.0.0/8"), "vpc_cidr", "between /16 and /28", ""),
    "subnet outside": (
        ("10.0.12.0/24", "10.1.12.0/24"),
        "private_sub",
        "10.1.12.0/24 lies outside",
        "inside 10.0",
    ),
    "subnets overlap": (
        ("10.0.12.0/24", "10.0.2.128/25"),
        "private_sub",
        "10.0.2.128/25 overlaps 10.0.2.0/24",
        "",
    ),
    "two subnets": ((", 10.0.12.0/24", ""), "private_sub", "private_subnets has 2 CIDR blocks, not 3", ""),
    "duplicate node": (("name: api-auth", "name: control-plane # 2"), "# 2", "'control-plane' is taken", ""),
    "bad node name": (("name: api-auth", "name: API_auth"), "API_auth", "not a valid name", "lower-case"),
    "bad role": (("role: worker", "role: wroker"), "role: wroker", "role 'wroker'", "did you mean 'worker'?"),
    "two control planes": (
        ("role: worker", "role: control-plane"),
        "nodes:",
        "found control-plane, api-auth",
        "",
    ),
    "no control plane": (
        ("role: control-plane\n        instance", "role: worker\n        instance"),
        "nodes:",
        "exactly one node must have the role control-plane, found none",
        "",
    ),
    "bad instance type": (("t3.small", "small"), "small", "instance_type 'small'", "t3.large"),
    "tiny volume": (("volume_gb: 20", "volume_gb: 1"), "volume_gb: 1", "volume_gb is 1", "8"),
    "bad effect": (
        ("key: domain, value: auth", "key: domain, value: auth, effect: NoShedule"),
        "effect: NoShedule",
        "taint effect 'NoShedule'",
        "did you mean 'NoSchedule'?",
    ),
    "taint key twice": (
        ("[{key: domain, value: auth}]", "[{key: d, value: a}, {key: d, value: b}]"),
        "taints:",
        "taint key 'd' stands there twice",
        "",
    ),
    "bad label": (("domain: auth,", "domain: a b,"), "labels: {domain: a b", "value 'a b' is not valid", ""),
    "label too long for a tag": (
        ("domain: auth,", f"{'x' * 40}.example.com/{'y' * 50}: auth,"),
        "labels: {xxx",
        "too long for an EC2 tag",
        "",
    ),
    "too many labels": (
        ("{domain: auth, phase: 1}", "{" + ", ".join(f"l{n}: v" for n in range(41)) + "}"),
        "labels: {l0",
        "42 labels and taints; with our own tags an EC2 instance holds 40",
        "fewer",
    ),
    "seed without source": (
        ("        generate: {length: 24}\n", ""),
        "database/auth",
        "no source",
        "exactly one",
    ),
    "seed with two": (
        ("generate: {length: 24}", "generate: {length: 24}\n        from_output: x"),
        "name: database/auth",
        "more than one source (generate, from_output)",
        "",
    ),
    "seed name twice": (
        ("name: api/auth/dsn", "name: database/auth/postgres-password # 2"),
        "# 2",
        "is taken",
        "",
    ),
    "seed name with space": (
        ("api/auth/dsn", "api/auth/the dsn"),
        "the dsn",
        "may hold letters, digits",
        "rename",
    ),
    "seed name too deep": (("api/auth/dsn", "/".join("abcdefghijklmn")), "a/b/c", "more than 15 levels", ""),
    "template too long": (("postgres://", "x" * 4097), "api/auth", "SSM takes 4096", "split"),
    "template of nothing": (("{seed:data", "{seed:dat"), "api/auth", "that does not exist", "did you mean"),
    "short password": (("length: 24", "length: 4"), "database/auth", "length 4", "8"),
    "bad alphabet": (("length: 24", "alphabet: greek"), "database/auth", "alphabet 'greek'", "hex"),
    "weak password": (("length: 24", "length: 9"), "database/auth", "53 bits of entropy", "longer"),
    "unknown class": (("length: 24", "require: [vowel]"), "database/auth", "'vowel'", "lower, upper"),
    "class without letters": (("length: 24", "require: [symbol]"), "database/auth", "a symbol", "alphabet"),
    "no span of rotation": (("length: 24", "rotate_after: 90"), "database/auth", "rotate_after '90'", "90d"),
    "negative deadline": (
        ("deadline: 300", "deadline: -1"),
        "deadline: -1",
        "more than 0 seconds",
        "positive",
    ),
    "negative wave deadline": (("{20: 600}", "{20: 0}"), "{20: 0}", "deadline of wave 20", ""),
    "wave that is no number": (("{20: 600}", "{twenty: 600}"), "twenty", "must be a whole number", ""),
    "unknown step": (
        ("{nodes: 900}", "{node: 900}"),
        "{node: 900}",
        "no step 'node'",
        "did you mean 'nodes'?",
    ),
    "negative step deadline": (("{nodes: 900}", "{nodes: -9}"), "{nodes: -9}", "deadline of nodes", ""),
    "no terraform": (
        ("folder: terraform", "folder: infra"),
        "folder: infra",
        "there is no Terraform folder",
        "",
    ),
    "no stack": (
        ("folder: terraform", "folder: terraform\n      stack: x"),
        "stack: x",
        "no Terraform files",
        "",
    ),
    "no parallelism": (
        ("folder: terraform", "folder: terraform\n      parallelism: 0"),
        "parallelism",
        "least 1",
        "",
    ),
    "no checkout": (("checkout: .", "checkout: nowhere"), "checkout:", "there is no manifest folder", ""),
    "no manifests": (
        ("clusters/dev", "clusters/prod"),
        "path:",
        "there is no manifest folder",
        "gitops.path",
    ),
    "manifests elsewhere": (("manifests/clusters/dev/apps", "../"), "path:", "no manifest folder '../'", ""),
    "no install": (("install: manifests/argocd", "install: x"), "install: x", "no kustomization.yaml", ""),
    "no eso": (
        ("    deadlines: {no", "    eso: {application: 9-x}\n    deadlines: {no"),
        "path:",
        "no 9-x.yaml",
        "",
    ),
    "bad domain": (
        ("    seeds:", "    domain: -x\n    seeds:"),
        "domain: -x",
        "domain '-x' is not valid",
        "",
    ),
    "lint at random": (
        ("target: aws", "target: aws\n    lint: fail"),
        "lint: fail",
        "lint 'fail' is not valid",
        "error, warn, off",
    ),
    "orphans kept": (
        ("folder: terraform", "folder: terraform\n      orphans: kept"),
        "orphans: kept",
        "terraform.orphans 'kept' is not valid",
        "import",
    ),
    "no patience": (
        ("folder: terraform", "folder: terraform\n      capacity_patience: 0"),
        "capacity_patience",
        "capacity_patience must be more than 0",
        "",
    ),
    "no heartbeat": (
        ("    seeds:", "    run_lock: {heartbeat: 0}\n    seeds:"),
        "heartbeat",
        "heartbeat must be more than 0",
        "",
    ),
    "negative wait": (
        ("    seeds:", "    run_lock: {wait: -1}\n    seeds:"),
        "wait",
        "must not be negative",
        "at once",
    ),
    "hasty death": (
        ("    seeds:", "    run_lock: {heartbeat: 20, stale: 60}\n    seeds:"),
        "stale",
        "at least five heartbeats",
        "at least 100",
    ),
    "bad fallback": (
        ("volume_gb: 20", "volume_gb: 20\n        fallback: {instance_types: [large]}"),
        "fallback",
        "fallback: instance type 'large' is not valid",
        "t3.large",
    ),
    "no such zone": (
        ("volume_gb: 20", "volume_gb: 20\n        fallback: {zones: [0, 3]}"),
        "fallback",
        "there is no zone 3",
        "0 to 2",
    ),
    "bad account": (("    seeds:", "    account: 12\n    seeds:"), "account: 12", "12 digits", ""),
}


@pytest.mark.parametrize("case", CASES)
def test_refuses(case: str, write: Write) -> None:
    (old, new), blamed, what, cure = CASES[case]
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    found = problems(write(text))
    matching = [problem for problem in found if what in f"{problem.what} {problem.cure}"]
    assert matching, found
    assert matching[0].where == f"bootstrap.yaml:{line_of(text, blamed)}"
    assert cure in matching[0].cure
    assert len(found) == 1, found


def test_unknown_environment(write: Write) -> None:
    (found,) = problems(write(GOOD), "lokal")
    assert found == Problem("bootstrap.yaml:3", "there is no environment 'lokal'", "did you mean 'local'?")


def test_extends_nobody(write: Write) -> None:
    (found,) = problems(write(GOOD.replace("extends: dev", "extends: prod")), "local")
    assert "extends of 'local': there is no environment 'prod'" in found.what
    assert found.where == f"bootstrap.yaml:{line_of(GOOD, 'extends')}"


def test_an_environment_without_a_name(write: Write) -> None:
    (found,) = problems(write(GOOD), "")
    assert found.what == "there is no environment ''"


def test_every_problem_has_a_cure(write: Write, tmp_path: Path) -> None:
    text = GOOD.replace("volume_gb: 20", "volume_gb: lots").replace("deadlines: {nodes: 900}", "deadlines: 9")
    found = (*problems(write(text)), *problems(tmp_path))
    assert len(found) == 3
    assert all(problem.cure for problem in found)


def test_extends_in_a_circle(write: Write) -> None:
    (found,) = problems(write(GOOD.replace("  dev:\n", "  dev:\n    extends: local\n")), "local")
    assert "local → dev → local" in found.what


def test_everything_at_once_in_order_of_lines(write: Write) -> None:
    text = (
        GOOD.replace("region: ap", "regio: ap")
        .replace("t3.small", "small")
        .replace("role: worker", "role: w")
    )
    text = text.replace("name: api/auth/dsn", "name: api auth").replace("checkout: .", "checkout: nowhere")
    found = problems(write(text))
    lines = [int(problem.where.rpartition(":")[2]) for problem in found]
    assert lines == sorted(lines)
    told = "\n".join(map(str, found))
    for part in ("regio", "'region' is missing", "small", "role 'w'", "api auth", "manifest folder"):
        assert part in told


def test_not_in_a_git_repository(write: Write) -> None:
    path = write(GOOD)
    Path(".git").rmdir()
    (found,) = problems(path)
    assert "is not inside a Git repository" in found.what
    assert "init" in found.cure


def test_supplied_values_are_measured_and_never_shown(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    canary = "canary-" + "s" * 5000
    monkeypatch.setenv("TOO_LONG", canary)
    Path("secret.txt").write_text(canary, encoding="utf-8")
    seeds = """\
      - {name: a, from_env: TOO_LONG}
      - {name: b, from_file: secret.txt}
      - {name: c, from_env: BOOTSTRAP_TEST_NOT_SET}
    waves:
"""
    path = write(GOOD.replace("    waves:\n", seeds))
    found = problems(path)
    assert [problem.what.split(":")[0] for problem in found] == ["seed a", "seed b", "seed c"]
    assert "5007 bytes" in found[0].what
    assert "5007 bytes" in found[1].what
    assert "BOOTSTRAP_TEST_NOT_SET is not set" in found[2].what
    assert "canary" not in "\n".join(map(str, found))
    assert isinstance(load(path, "dev", values=False), Environment)


@pytest.mark.parametrize(
    "line",
    [
        "value: canary-value",
        "generate: canary-value",
        "generate: {length: canary-value}",
        "canary-value",
        "k: [canary-value",
    ],
)
def test_a_secret_written_into_the_file_is_not_repeated(line: str, write: Write) -> None:
    found = problems(write(GOOD.replace("generate: {length: 24}", line)))
    assert found
    assert "canary-value" not in "\n".join(map(str, found))


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("", "must be a mapping"),
        ("- a\n", "must be a mapping"),
        ("a: [1\n", "not valid YAML"),
        ("a: &x [*x]\n", "nested too deeply"),
        ("? [a]\n: b\n", "a key must be a single word"),
        ("a: !strange b\n", "a value YAML cannot read"),
        ("project: x\n", "'environments' is missing"),
        ("project: x\nenvironments: 3\n", "'environments' must be a mapping"),
        ("project: x\nenvironments: {dev: 3}\n", "environment 'dev' must be a mapping"),
    ],
)
def test_odd_files(text: str, what: str, write: Write) -> None:
    assert any(what in problem.what for problem in problems(write(text)))


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    (found,) = problems(tmp_path / "nowhere.yaml")
    assert "no such file" in found.what
    assert "--config" in found.cure


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(b"\xff\xfe\x00")
    (found,) = problems(tmp_path / "b.yaml")
    assert "UTF-8" in found.what


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused_but_never_raises(text: str) -> None:
    tree, found = parse(text, "f.yaml")
    assert found or tree is None or tree.line >= 1
