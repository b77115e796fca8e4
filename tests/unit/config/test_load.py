"""The loader: what a good file becomes, and that every kind of bad one is refused with line and cure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bootstrap.config.load import load
from bootstrap.config.model import Environment, Taint
from bootstrap.config.parameters import LARGEST_FILE
from bootstrap.config.problems import ConfigProblem
from bootstrap.config.tree import parse
from bootstrap.core.errors import ConfigError

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


def problems(path: Path, environment: str = "dev") -> list[ConfigProblem]:
    with pytest.raises(ConfigError) as caught:
        load(path, environment)
    found = [problem for problem in caught.value.problems if isinstance(problem, ConfigProblem)]
    assert len(found) == len(caught.value.problems)
    return found


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


class Case(NamedTuple):
    """An edit of GOOD, text of the line that is blamed, the key and kind of the problem, part of its cure."""

    edit: tuple[str, str]
    blamed: str
    key: str
    kind: str
    cure: str = ""


def root_of(source: str) -> tuple[str, str]:
    """The edit that says how the root Application is made."""
    path = "path: manifests/clusters/dev/apps"
    return path, f"{path}\n      source: {source}"


CASES: dict[str, Case] = {
    "unknown key": Case(
        ("kubernetes_version:", "kubernetes_versoin:"),
        "versoin",
        "kubernetes_versoin",
        "unknown",
        "did you mean 'kubernetes_version'?",
    ),
    "unknown nested key": Case(
        ("volume_gb: 20", "volume_gb: 20\n        size: 3"), "size: 3", "nodes[1].size", "unknown"
    ),
    "missing key": Case(
        ("    region: ap-northeast-2\n", ""), "target: aws", "region", "missing", "add `region:`"
    ),
    "wrong kind": Case(("volume_gb: 20", "volume_gb: big"), "volume_gb: big", "nodes[1].volume_gb", "type"),
    "not finite": Case(("deadline: 300", "deadline: nan"), "deadline: nan", "waves.deadline", "value"),
    "list for a mapping": Case(
        ("generate: {length: 24}", "generate: [24]"), "generate: [24]", "seeds[0].generate", "type"
    ),
    "empty": Case(("region: ap-northeast-2", "region:"), "region:", "region", "type"),
    "duplicate key": Case(
        ("region: ap-northeast-2", "region: ap-northeast-2\n    region: x"),
        "region: x",
        "",
        "syntax",
        "keep one",
    ),
    "bad target": Case(("target: aws", "target: aws2"), "target: aws2", "target", "value", "'aws'"),
    "bad region": Case(("ap-northeast-2", "seoul"), "region: seoul", "region", "value", "ap-northeast-2"),
    "prefix with slash": Case(
        ("/eco2/dev\n", "/eco2/dev/\n"), "ssm_prefix", "ssm_prefix", "conflict", "slash"
    ),
    "prefix of aws": Case(("/eco2/dev\n", "/aws/dev\n"), "ssm_prefix", "ssm_prefix", "conflict"),
    "bad cidr": Case(
        ("10.0.0.0/16", "10.0.0.300/16"), "vpc_cidr", "network.vpc_cidr", "value", "10.0.0.0/16"
    ),
    "host bits": Case(
        ("10.0.0.0/16", "10.0.0.1/16"), "vpc_cidr", "network.vpc_cidr", "value", "did you mean 10.0.0.0/16?"
    ),
    "vpc too large": Case(("10.0.0.0/16", "10.0.0.0/8"), "vpc_cidr", "network.vpc_cidr", "value"),
    "subnet outside": Case(
        ("10.0.12.0/24", "10.1.12.0/24"),
        "private_sub",
        "network.private_subnets[2]",
        "conflict",
        "inside 10.0",
    ),
    "subnets overlap": Case(
        ("10.0.12.0/24", "10.0.2.128/25"), "private_sub", "network.private_subnets[2]", "conflict"
    ),
    "two subnets": Case((", 10.0.12.0/24", ""), "private_sub", "network.private_subnets", "value"),
    "duplicate node": Case(("name: api-auth", "name: control-plane # 2"), "# 2", "nodes[1].name", "conflict"),
    "bad node name": Case(
        ("name: api-auth", "name: API_auth"), "API_auth", "nodes[1].name", "value", "lower-case"
    ),
    "bad role": Case(
        ("role: worker", "role: wroker"), "role: wroker", "nodes[1].role", "value", "did you mean 'worker'?"
    ),
    "two control planes": Case(("role: worker", "role: control-plane"), "nodes:", "nodes", "conflict"),
    "no control plane": Case(
        ("role: control-plane\n        instance", "role: worker\n        instance"),
        "nodes:",
        "nodes",
        "conflict",
    ),
    "bad instance type": Case(("t3.small", "small"), "small", "nodes[1].instance_type", "value", "t3.large"),
    "tiny volume": Case(
        ("volume_gb: 20", "volume_gb: 1"), "volume_gb: 1", "nodes[1].volume_gb", "value", "8"
    ),
    "bad effect": Case(
        ("key: domain, value: auth", "key: domain, value: auth, effect: NoShedule"),
        "effect: NoShedule",
        "nodes[1].taints[0].effect",
        "value",
        "did you mean 'NoSchedule'?",
    ),
    "taint key twice": Case(
        ("[{key: domain, value: auth}]", "[{key: d, value: a}, {key: d, value: b}]"),
        "taints:",
        "nodes[1].taints",
        "conflict",
    ),
    "bad label": Case(
        ("domain: auth,", "domain: a b,"), "labels: {domain: a b", "nodes[1].labels.domain", "value"
    ),
    "label too long for a tag": Case(
        (
            "domain: auth,",
            f"{'x' * 40}.example.com/{'y' * 50}: auth,",
        ),
        "labels: {xxx",
        f"nodes[1].labels.{'x' * 40}.example.com/{'y' * 50}",
        "conflict",
    ),
    "too many labels": Case(
        (
            "{domain: auth, phase: 1}",
            "{" + ", ".join(f"l{n}: v" for n in range(41)) + "}",
        ),
        "labels: {l0",
        "nodes[1].labels",
        "conflict",
        "fewer",
    ),
    "seed without source": Case(
        ("        generate: {length: 24}\n", ""), "database/auth", "seeds[0]", "conflict", "exactly one"
    ),
    "seed with two": Case(
        ("generate: {length: 24}", "generate: {length: 24}\n        from_output: x"),
        "name: database/auth",
        "seeds[0]",
        "conflict",
    ),
    "seed name twice": Case(
        ("name: api/auth/dsn", "name: database/auth/postgres-password # 2"),
        "# 2",
        "seeds[1].name",
        "conflict",
    ),
    "seed name with space": Case(
        ("api/auth/dsn", "api/auth/the dsn"), "the dsn", "seeds[1]", "conflict", "rename"
    ),
    "seed name too deep": Case(
        ("api/auth/dsn", "a/b/c/d/e/f/g/h/i/j/k/l/m/n"), "a/b/c", "seeds[1]", "conflict"
    ),
    "template too long": Case(
        (
            "postgres://",
            "x" * 4097,
        ),
        "api/auth",
        "seeds[1]",
        "conflict",
        "split",
    ),
    "template of nothing": Case(
        ("{seed:data", "{seed:dat"), "api/auth", "seeds[1]", "conflict", "did you mean"
    ),
    "short password": Case(
        ("length: 24", "length: 4"), "length: 4", "seeds[0].generate.length", "value", "8"
    ),
    "bad alphabet": Case(
        ("length: 24", "alphabet: greek"), "generate: {", "seeds[0].generate.alphabet", "value", "hex"
    ),
    "weak password": Case(("length: 24", "length: 9"), "database/auth", "seeds[0]", "conflict", "longer"),
    "unknown class": Case(
        ("length: 24", "require: [vowel]"), "generate: {", "seeds[0].generate.require[0]", "value"
    ),
    "class without letters": Case(
        ("length: 24", "require: [symbol]"), "database/auth", "seeds[0]", "conflict", "alphabet"
    ),
    "no span of rotation": Case(
        ("length: 24", "rotate_after: 90"), "generate: {", "seeds[0].generate.rotate_after", "value", "90d"
    ),
    "negative deadline": Case(("deadline: 300", "deadline: -1"), "deadline: -1", "waves.deadline", "value"),
    "negative wave deadline": Case(("{20: 600}", "{20: 0}"), "{20: 0}", "waves.deadlines.20", "value"),
    "wave that is no number": Case(
        ("{20: 600}", "{twenty: 600}"), "twenty", "waves.deadlines.twenty", "type"
    ),
    "unknown step": Case(
        ("{nodes: 900}", "{node: 900}"), "{node: 900}", "deadlines.node", "conflict", "did you mean 'nodes'?"
    ),
    "negative step deadline": Case(
        ("{nodes: 900}", "{nodes: -9}"), "{nodes: -9}", "deadlines.nodes", "value"
    ),
    "no terraform": Case(("folder: terraform", "folder: infra"), "folder: infra", "terraform.folder", "file"),
    "no stack": Case(
        ("folder: terraform", "folder: terraform\n      stack: x"), "stack: x", "terraform.stack", "file"
    ),
    "no parallelism": Case(
        ("folder: terraform", "folder: terraform\n      parallelism: 0"),
        "parallelism",
        "terraform.parallelism",
        "value",
    ),
    "root of two kinds": Case(
        root_of("{helm: {values: x}, directory: {recurse: true}}"),
        "source:",
        "gitops.source",
        "conflict",
        "keep one",
    ),
    "unknown option of the root": Case(
        root_of("{directory: {recursive: true}}"),
        "recursive",
        "gitops.source.directory.recursive",
        "conflict",
        "did you mean 'recurse'?",
    ),
    "option of the root of another type": Case(
        root_of("{helm: {valueFiles: dev.yaml}}"),
        "valueFiles",
        "gitops.source.helm.valueFiles",
        "conflict",
        "",
    ),
    "value files that are no texts": Case(
        root_of("{helm: {valueFiles: [1]}}"),
        "valueFiles",
        "gitops.source.helm.valueFiles",
        "conflict",
        "",
    ),
    "parameter of the root that is no text": Case(
        root_of("{helm: {parameters: [{name: a, value: 3}]}}"),
        "parameters",
        "gitops.source.helm.parameters",
        "conflict",
        "value:",
    ),
    "no checkout": Case(("checkout: .", "checkout: nowhere"), "checkout:", "gitops.checkout", "file"),
    "no manifests": Case(("clusters/dev", "clusters/prod"), "path:", "gitops.path", "file", "gitops.path"),
    "manifests elsewhere": Case(("manifests/clusters/dev/apps", "../"), "path:", "gitops.path", "file"),
    "no install": Case(("install: manifests/argocd", "install: x"), "install: x", "gitops.install", "file"),
    "bad domain": Case(("    seeds:", "    domain: -x\n    seeds:"), "domain: -x", "domain", "value"),
    "lint at random": Case(
        ("target: aws", "target: aws\n    lint: fail"), "lint: fail", "lint", "value", "error, warn, off"
    ),
    "orphans kept": Case(
        ("folder: terraform", "folder: terraform\n      orphans: kept"),
        "orphans: kept",
        "terraform.orphans",
        "value",
        "import",
    ),
    "no patience": Case(
        ("folder: terraform", "folder: terraform\n      capacity_patience: 0"),
        "capacity_patience",
        "terraform.capacity_patience",
        "value",
    ),
    "no heartbeat": Case(
        ("    seeds:", "    run_lock: {heartbeat: 0}\n    seeds:"), "heartbeat", "run_lock.heartbeat", "value"
    ),
    "negative wait": Case(
        ("    seeds:", "    run_lock: {wait: -1}\n    seeds:"), "wait", "run_lock.wait", "value"
    ),
    "hasty death": Case(
        ("    seeds:", "    run_lock: {heartbeat: 20, stale: 60}\n    seeds:"),
        "stale",
        "run_lock.stale",
        "conflict",
        "at least 100",
    ),
    "bad fallback": Case(
        ("volume_gb: 20", "volume_gb: 20\n        fallback: {instance_types: [large]}"),
        "fallback",
        "nodes[1].fallback.instance_types[0]",
        "value",
        "t3.large",
    ),
    "no such zone": Case(
        ("volume_gb: 20", "volume_gb: 20\n        fallback: {zones: [0, 3]}"),
        "fallback",
        "nodes[1].fallback.zones[1]",
        "value",
        "0 to 2",
    ),
    "bad account": Case(("    seeds:", "    account: 12\n    seeds:"), "account: 12", "account", "value"),
    "largest VPC": Case(
        ("10.0.0.0/16", "10.0.0.0/8"), "vpc_cidr", "network.vpc_cidr", "value", "10.0.0.0/16"
    ),
    "smallest VPC": Case(
        ("10.0.0.0/16", "10.0.0.8/29"), "vpc_cidr", "network.vpc_cidr", "value", "10.0.0.0/28"
    ),
    "where of a seed": Case(
        ("generate: {length: 24}", "generate: {length: 24}\n        where: here"),
        "where: here",
        "seeds[0].where",
        "unknown",
    ),
    "name of an environment": Case(
        ("target: aws", "target: aws\n    name: x"), "name: x", "name", "unknown", "known keys"
    ),
    "short life": Case(("target: aws", "target: aws\n    ttl: 8"), "ttl: 8", "ttl", "value", "8h"),
    "endless life": Case(("target: aws", f"target: aws\n    ttl: {'9' * 400}d"), "ttl", "ttl", "value"),
    "long life": Case(("target: aws", "target: aws\n    ttl: 999999d"), "ttl", "ttl", "value", "8h"),
    "option for a URL": Case(
        ("repo_url: https", "repo_url: --upload-pack=touch"), "repo_url", "gitops.repo_url", "value"
    ),
    "smoke check twice": Case(
        ("    seeds:", "    drill:\n      smoke: [{name: a, run: x}, {name: a, run: y}]\n    seeds:"),
        "smoke:",
        "drill.smoke[1].name",
        "conflict",
    ),
    "impatient drill": Case(
        ("    seeds:", "    drill: {tolerance: 0.5}\n    seeds:"), "drill", "drill.tolerance", "value"
    ),
    "drill without end": Case(
        ("    seeds:", "    drill: {ttl: ''}\n    seeds:"), "drill", "drill.ttl", "value"
    ),
    "keeps no backup": Case(
        ("    seeds:", "    backup: {keep: 0}\n    seeds:"), "backup", "backup.keep", "value"
    ),
    "bad teardown": Case(
        ("    seeds:", "    teardown: {zones: kep}\n    seeds:"),
        "teardown",
        "teardown.zones",
        "value",
        "'keep'",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_refuses(case: str, write: Write) -> None:
    (old, new), blamed, key, kind, cure = CASES[case]
    assert old in GOOD
    text = GOOD.replace(old, new, 1)
    (found,) = problems(write(text))
    assert (found.where, found.key, found.kind) == (f"bootstrap.yaml:{line_of(text, blamed)}", key, kind)
    assert found.cure
    assert cure in found.cure


def test_a_block_that_is_too_large_is_not_what_was_meant(write: Write) -> None:
    (found,) = problems(write(GOOD.replace("10.0.0.0/16", "10.0.0.0/8")))
    assert "10.0.0.0/8" not in found.cure


def test_unknown_environment(write: Write) -> None:
    (found,) = problems(write(GOOD), "lokal")
    assert (found.where, found.key, found.kind) == ("bootstrap.yaml:2", "environments", "unknown")
    assert found.cure == "did you mean 'local'?"


def test_extends_nobody(write: Write) -> None:
    (found,) = problems(write(GOOD.replace("extends: dev", "extends: prod")), "local")
    assert (found.key, found.kind) == ("environments.local.extends", "unknown")
    assert "'prod'" in found.what
    assert found.where == f"bootstrap.yaml:{line_of(GOOD, 'extends')}"


def test_an_environment_without_a_name(write: Write) -> None:
    (found,) = problems(write(GOOD), "")
    assert (found.key, found.kind) == ("environments", "unknown")


def test_every_problem_has_a_cure(write: Write, tmp_path: Path) -> None:
    text = GOOD.replace("volume_gb: 20", "volume_gb: lots").replace("deadlines: {nodes: 900}", "deadlines: 9")
    found = (*problems(write(text)), *problems(tmp_path))
    assert len(found) == 3
    assert all(problem.cure for problem in found)


def test_extends_in_a_circle(write: Write) -> None:
    (found,) = problems(write(GOOD.replace("  dev:\n", "  dev:\n    extends: local\n")), "local")
    assert (found.kind, "local → dev → local" in found.what) == ("conflict", True)


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
    assert {(problem.key, problem.kind) for problem in found} == {
        ("regio", "unknown"),
        ("region", "missing"),
        ("nodes[1].instance_type", "value"),
        ("nodes[1].role", "value"),
        ("seeds[1]", "conflict"),
        ("gitops.checkout", "file"),
    }


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


@pytest.mark.parametrize(("size", "told"), [(LARGEST_FILE + 7, LARGEST_FILE + 7), (None, LARGEST_FILE + 1)])
def test_a_file_that_no_value_can_be_is_not_read(
    write: Write, tmp_path: Path, size: int | None, told: int
) -> None:
    """A device has no end, and no size."""
    (tmp_path / "big.txt").write_bytes(b"x" * (size or 0))
    file = tmp_path / "big.txt" if size else Path("/dev/zero")
    seeds = f"      - {{name: a, from_file: {file}}}\n    waves:\n"
    (problem,) = problems(write(GOOD.replace("    waves:\n", seeds)))
    for said in (str(file), f"{told} bytes", str(LARGEST_FILE)):
        assert said in problem.what


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
    ("text", "where", "key", "kind"),
    [
        ("", 1, "", "syntax"),
        ("- a\n", 1, "", "syntax"),
        ("a: 1\nb: [1\n", 3, "", "syntax"),
        ("a: &x [*x]\n", 1, "", "syntax"),
        ("? [a]\n: b\n", 1, "", "syntax"),
        ("a: !strange b\n", 1, "", "syntax"),
        ("project: x\n", 1, "environments", "missing"),
        ("project: x\nenvironments: 3\n", 2, "environments", "type"),
        ("project: x\nenvironments:\n", 2, "environments", "type"),
        ("project: x\nenvironments: {dev: 3}\n", 2, "environments.dev", "type"),
        ("project: x\nenvironments:\n  dev: {extends: [a]}\n", 3, "environments.dev.extends", "type"),
        ("project: x\nenvironments:\n  dev:\n", 3, "environments.dev", "type"),
        ("project: X\nenvironments: {dev: 3}\n", 1, "project", "value"),
        ("project: x\nenvironments: {dev: {}, Te st: {}}\n", 2, "environments.Te st", "value"),
        ("project: x\nenvironment: {dev: {}}\n", 2, "environment", "unknown"),
    ],
)
def test_odd_files(text: str, where: int, key: str, kind: str, write: Write) -> None:
    found = {(problem.where, problem.key, problem.kind) for problem in problems(write(text))}
    assert (f"bootstrap.yaml:{where}", key, kind) in found


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    (found,) = problems(tmp_path / "nowhere.yaml")
    assert "no such file" in found.what
    assert "--config" in found.cure


def test_a_file_that_is_not_text_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "b.yaml").write_bytes(b"project: x\n# \xff\xfe\x00\n")
    (found,) = problems(tmp_path / "b.yaml")
    assert found.where == f"{tmp_path}/b.yaml:2"
    assert "UTF-8" in found.what


@given(st.text(max_size=200))
def test_any_text_is_parsed_or_refused_but_never_raises(text: str) -> None:
    tree, found = parse(text, "f.yaml")
    assert found or tree is None or tree.line >= 1


def test_the_root_is_made_as_argo_cd_would_be_told(write: Write) -> None:
    source = """
      source:
        helm:
          valueFiles: [dev.yaml]
          valuesObject: {replicas: 3, on: true}
          parameters: [{name: wave, value: "3", forceString: true}]
"""
    path = write(GOOD.replace("\n      install:", source + "      install:", 1))
    assert load(path, "dev").gitops.source.options == {
        "helm": {
            "valueFiles": ["dev.yaml"],
            "valuesObject": {"replicas": 3, "on": True},
            "parameters": [{"name": "wave", "value": "3", "forceString": True}],
        }
    }


def test_lines_of_what_leads_to_the_applications(write: Write) -> None:
    text = GOOD.replace("    deadlines: {no", "    eso: {application: x}\n    deadlines: {no")
    config = load(write(text), "dev")
    lines = text.splitlines()
    assert "path:" in lines[int(config.gitops.where.rpartition(":")[2]) - 1]
    assert "eso:" in lines[int(config.eso.where.rpartition(":")[2]) - 1]
