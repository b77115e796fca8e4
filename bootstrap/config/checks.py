"""Rules for the content of an environment, each a pure generator of problems.

A rule gets what could be read (`parts`, by field name) and asks `Decoder.where` for lines, so that one bad
field does not hide the problems of the others. A value is shown only where it cannot be a secret.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import IPv4Network
from itertools import combinations
from typing import Any

from bootstrap.aws import passwords
from bootstrap.aws.ssm import LONGEST_NAME, MOST_BYTES, MOST_PARAMETERS, name_problem
from bootstrap.config.decode import Decoder, suggest
from bootstrap.config.model import FAIL, KEEP, OFF, REMOVE, WARN, Generate, Network, Node, Seed, Taint, Waves
from bootstrap.core import duration
from bootstrap.core.errors import Problem

Parts = Mapping[str, Any]
Rule = Callable[[Parts, Decoder], Iterator[Problem]]

TARGETS = ("aws", "local")
ROLES = ("control-plane", "worker")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
SUBNETS = ("public", "private")
ORPHANS = ("import", "remove", "refuse")
SOURCES = ("generate", "from_env", "from_file", "from_output", "template")

# Steps whose deadline can be set: those of plan.py and those with which a target prepares and disposes.
STEPS = (
    *("checks", "toolchain", "platform", "preflight", "lint", "backend", "lock", "lifetime", "archive"),
    *("terraform", "seeds", "access", "nodes", "eso", "argocd", "root-app"),
    *("waves", "inject-faults", "verify", "smoke"),
    *("restore-check", "restore-order", "restore-source", "restore-tidy", "restore-verify"),
    *("vault", "snapshot", "store", "keep-backups"),
    *("keep", "teardown", "sweep", "destroy", "leftovers", "dispose"),
    *("renew", "follow", "users", "settle", "outcome"),
)

AZS = 3  # the stack spreads over three availability zones, with a public and a private subnet in each
SHORTEST_PASSWORD = 8
VOLUME = (8, 16_384)  # GiB: smallest Ubuntu root volume, largest gp3

# EC2: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
MOST_TAGS, LONGEST_TAG_KEY = 50, 128
OWN_TAGS = 10  # Name, bootstrap:*, kubernetes.io/cluster/* and the like, put on every instance
LABEL_TAG = "k8s.io/cluster-autoscaler/node-template/label/"
TAINT_TAG = "k8s.io/cluster-autoscaler/node-template/taint/"

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?")
_INSTANCE_TYPE = re.compile(r"[a-z][a-z0-9-]*\.[a-z0-9-]+")
_NODE_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?")
_DNS = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
# Label keys and values: https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/
_LABEL_KEY = re.compile(
    r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
)
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?")

_PATTERNS: dict[str, tuple[re.Pattern[str], str]] = {
    "name": (_NAME, "lower-case letters, digits and '-', at most 40"),
    "project": (_NAME, "lower-case letters, digits and '-', at most 40"),
    "region": (re.compile(r"[a-z]{2}(-[a-z]+)+-\d"), "an AWS region such as ap-northeast-2"),
    "account": (re.compile(r"\d{12}"), "an AWS account id of 12 digits, in quotes"),
    "domain": (_DNS, "a DNS name such as dev.example.com"),
    "zone_id": (re.compile(r"Z[A-Z0-9]{6,31}"), "a Route 53 zone id such as Z0123456789ABC"),
    "kubernetes_version": (re.compile(r"1\.\d{1,2}(\.\d{1,2})?"), "a Kubernetes version such as 1.37"),
}


def words(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    """Fields that must match a pattern or be one of a few words."""
    root = parts["root"]
    for name, (pattern, what) in _PATTERNS.items():
        text = parts.get(name)
        if text is not None and not pattern.fullmatch(text):
            yield Problem(decoder.where(root, name), f"{name} '{text}' is not valid", f"write {what}")
    if "target" in parts:
        yield from _one_of(decoder.where(root, "target"), "target", parts["target"], TARGETS)
    if "lint" in parts:
        yield from _one_of(decoder.where(root, "lint"), "lint", parts["lint"], (FAIL, WARN, OFF))
    prefix = parts.get("ssm_prefix", "/ok")
    if why := name_problem(prefix):
        cure = "write it like /project/environment, without a slash at the end"
        yield Problem(decoder.where(root, "ssm_prefix"), f"ssm_prefix '{prefix}' {why}", cure)


def network(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    """CIDRs that are none, subnets outside of the VPC or upon each other."""
    net: Network | None = parts.get("network")
    if net is None:
        return
    vpc = _cidr(net.vpc_cidr)
    if vpc is None or not 16 <= vpc.prefixlen <= 28:  # what AWS allows for a VPC
        yield Problem(
            decoder.where(net, "vpc_cidr"),
            f"vpc_cidr '{net.vpc_cidr}' is not a CIDR block between /16 and /28",
            _cidr_cure(net.vpc_cidr),
        )
    subnets: list[tuple[str, str, IPv4Network]] = []
    for field in ("public_subnets", "private_subnets"):
        where, given = decoder.where(net, field), getattr(net, field)
        if len(given) != AZS:
            cure = f"name {AZS}, one for each availability zone"
            yield Problem(where, f"{field} has {len(given)} CIDR blocks, not {AZS}", cure)
        for text in given:
            block = _cidr(text)
            if block is None or block.prefixlen > 28:
                yield Problem(
                    where, f"{field}: '{text}' is not a CIDR block of /28 or larger", _cidr_cure(text)
                )
                continue
            if vpc and not block.subnet_of(vpc):
                yield Problem(
                    where, f"{field}: {text} lies outside of the VPC {vpc}", f"choose one inside {vpc}"
                )
            subnets.append((where, field, block))
    for (_, _, one), (where, field, other) in combinations(subnets, 2):
        if one.overlaps(other):
            yield Problem(where, f"{field}: {other} overlaps {one}", "give each subnet addresses of its own")


def nodes(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    """The role map: names, roles, labels, taints, and what EC2 can hold as tags of an instance."""
    members: tuple[Node, ...] = parts.get("nodes", ())
    where = decoder.where(parts["root"], "nodes")
    planes = [node for node in members if node.role == "control-plane"]
    if len(planes) > 1 or (not planes and "nodes" in parts and "nodes" not in decoder.partial):
        names = ", ".join(node.name for node in planes) or "none"
        yield Problem(
            where, f"exactly one node must have the role control-plane, found {names}", "change the roles"
        )
    yield from _twice(members, "node", decoder)
    for node in members:
        for problem in _node(node, decoder):
            yield Problem(problem.where, f"node {node.name}: {problem.what}", problem.cure)


def seeds(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    """Names, number and sources of the SSM parameters; what their values are is checked elsewhere."""
    given: tuple[Seed, ...] = parts.get("seeds", ())
    if len(given) > MOST_PARAMETERS:
        yield Problem(
            decoder.where(parts["root"], "seeds"),
            f"{len(given)} seeds; an account holds {MOST_PARAMETERS} standard parameters",
            "keep fewer parameters",
        )
    yield from _twice(given, "seed", decoder)
    names = [seed.name for seed in given]
    known = None if "seeds" in decoder.partial else names
    prefix = parts.get("ssm_prefix", "")
    prefix = "" if name_problem(prefix) else prefix  # told above, once
    for seed in given:
        for what, cure in _seed(seed, prefix, known):
            yield Problem(seed.where, f"seed {seed.name}: {what}", cure)


def deadlines(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    """Every deadline is a positive number of seconds and belongs to a step or wave that exists."""
    root = parts["root"]
    for step, seconds in parts.get("deadlines", {}).items():
        where = decoder.where(root.items["deadlines"], step)
        if step not in STEPS:
            cure = suggest(step, list(STEPS)) or f"steps: {', '.join(STEPS)}"
            yield Problem(where, f"deadlines: there is no step '{step}'", cure)
        yield from _positive(where, f"deadline of {step}", seconds)
    waves: Waves | None = parts.get("waves")
    if waves is not None and "waves" in root.items:
        tree = root.items["waves"]
        yield from _positive(decoder.where(tree, "deadline"), "waves.deadline", waves.deadline)
        for wave, seconds in waves.deadlines.items():
            where = decoder.where(tree.items["deadlines"], str(wave))
            yield from _positive(where, f"deadline of wave {wave}", seconds)


def terraform(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    settings = parts.get("terraform")
    if settings is not None and settings.parallelism < 1:
        where = decoder.where(settings, "parallelism")
        yield Problem(where, "terraform.parallelism must be at least 1", "leave it out to use 10")
    if settings is not None:
        where = decoder.where(settings, "orphans")
        yield from _one_of(where, "terraform.orphans", settings.orphans, ORPHANS)
        where = decoder.where(settings, "capacity_patience")
        yield from _positive(where, "terraform.capacity_patience", settings.capacity_patience)


def run_lock(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    settings = parts.get("run_lock")
    if settings is None or "run_lock" not in parts["root"].items:
        return
    yield from _positive(decoder.where(settings, "heartbeat"), "run_lock.heartbeat", settings.heartbeat)
    if settings.wait < 0:
        where = decoder.where(settings, "wait")
        yield Problem(where, "run_lock.wait must not be negative", "0 refuses a second run at once")
    if settings.stale < 5 * settings.heartbeat:
        where = decoder.where(settings, "stale")
        cure = f"choose at least {5 * settings.heartbeat:g}"
        yield Problem(where, "run_lock.stale must be at least five heartbeats", cure)


def ttl(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    if text := parts.get("ttl"):
        try:
            duration.parse(text)
        except ValueError as error:
            yield Problem(decoder.where(parts["root"], "ttl"), f"ttl {error}", "for example `ttl: 8h`")


def drill(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    settings = parts.get("drill")
    if settings is None or "drill" not in parts["root"].items:
        return
    if settings.tolerance < 1:
        where = decoder.where(settings, "tolerance")
        yield Problem(where, "drill.tolerance must be at least 1", "1.5 allows half as much again")
    try:
        duration.parse(settings.ttl)
    except ValueError as error:
        yield Problem(decoder.where(settings, "ttl"), f"drill.ttl {error}", "for example `ttl: 6h`")
    names = Counter(check.name for check in settings.smoke)
    for check in settings.smoke:
        yield from _positive(decoder.where(check, "timeout"), f"timeout of {check.name}", check.timeout)
        if names[check.name] > 1:
            yield Problem(decoder.where(check), f"smoke check {check.name} stands there twice", "rename one")


def teardown(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    settings = parts.get("teardown")
    if settings is not None and "teardown" in parts["root"].items:
        for name in ("secrets", "volumes", "backups", "zones"):
            where = decoder.where(settings, name)
            yield from _one_of(where, f"teardown.{name}", getattr(settings, name), (KEEP, REMOVE))


def backup(parts: Parts, decoder: Decoder) -> Iterator[Problem]:
    settings = parts.get("backup")
    if settings is not None and "backup" in parts["root"].items and settings.keep < 1:
        where = decoder.where(settings, "keep")
        yield Problem(where, "backup.keep must be at least 1", "7 keeps the newest seven")


RULES: tuple[Rule, ...] = (
    backup,
    words,
    network,
    nodes,
    seeds,
    deadlines,
    terraform,
    run_lock,
    teardown,
    ttl,
    drill,
)


def _cidr(text: str) -> IPv4Network | None:
    try:
        return IPv4Network(text)
    except ValueError:
        return None


def _cidr_cure(text: str) -> str:
    """Host bits are the usual mistake: name the block that was meant."""
    try:
        return f"did you mean {IPv4Network(text, strict=False)}?" if "/" in text else "add its length: …/24"
    except ValueError:
        return "write it like 10.0.0.0/16"


def _twice(things: Iterable[Node | Seed], noun: str, decoder: Decoder) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for thing in things:
        where = decoder.where(thing, "name")
        if thing.name in first:
            what = f"{noun} name '{thing.name}' is taken (first in {first[thing.name]})"
            yield Problem(where, what, "give each a name of its own")
        else:
            first[thing.name] = where


def _one_of(where: str, field: str, word: str, known: Iterable[str]) -> Iterator[Problem]:
    if word not in known:
        cure = suggest(word, list(known)) or f"write one of {', '.join(known)}"
        yield Problem(where, f"{field} '{word}' is not valid", cure)


def _positive(where: str, what: str, seconds: float) -> Iterator[Problem]:
    if seconds <= 0:
        yield Problem(where, f"{what} must be more than 0 seconds", "write a positive number of seconds")


def _node(node: Node, decoder: Decoder) -> Iterator[Problem]:
    where = decoder.where(node, "name")
    if not _NODE_NAME.fullmatch(node.name):
        yield Problem(where, "not a valid name", "use lower-case letters, digits and '-', at most 40")
    yield from _one_of(decoder.where(node, "role"), "role", node.role, ROLES)
    yield from _one_of(decoder.where(node, "subnet"), "subnet", node.subnet, SUBNETS)
    if not _INSTANCE_TYPE.fullmatch(node.instance_type):
        where = decoder.where(node, "instance_type")
        yield Problem(where, f"instance_type '{node.instance_type}' is not valid", "write it like t3.large")
    yield from _places(node, decoder)
    if not VOLUME[0] <= node.volume_gb <= VOLUME[1]:
        where = decoder.where(node, "volume_gb")
        yield Problem(where, f"volume_gb is {node.volume_gb}", f"choose {VOLUME[0]} to {VOLUME[1]}")
    yield from _labels(node, decoder)
    for taint in node.taints:
        yield from _taint(taint, decoder)
    yield from _tags(node, decoder)


def _places(node: Node, decoder: Decoder) -> Iterator[Problem]:
    where = decoder.where(node, "fallback")
    for kind in node.fallback.instance_types:
        if not _INSTANCE_TYPE.fullmatch(kind):
            yield Problem(where, f"fallback: instance type '{kind}' is not valid", "write it like t3.large")
    given = (*node.fallback.zones, *([] if node.zone is None else [node.zone]))
    for zone in given:
        if not 0 <= zone < AZS:
            yield Problem(where, f"there is no zone {zone}", f"choose 0 to {AZS - 1}, the subnets in order")


def _labels(node: Node, decoder: Decoder) -> Iterator[Problem]:
    where = decoder.where(node, "labels")
    for key, value in node.labels.items():
        if why := _label_problem(key, value, LABEL_TAG):
            yield Problem(where, f"label '{key}': {why}", "see the limits of Kubernetes labels and EC2 tags")


def _taint(taint: Taint, decoder: Decoder) -> Iterator[Problem]:
    yield from _one_of(decoder.where(taint, "effect"), "taint effect", taint.effect, EFFECTS)
    if why := _label_problem(taint.key, taint.value, TAINT_TAG):
        where = decoder.where(taint, "key")
        yield Problem(
            where, f"taint '{taint.key}': {why}", "see the limits of Kubernetes taints and EC2 tags"
        )


def _tags(node: Node, decoder: Decoder) -> Iterator[Problem]:
    """Labels and taints travel as tags of the instance, one each."""
    most = MOST_TAGS - OWN_TAGS
    if (count := len(node.labels) + len(node.taints)) > most:
        where = decoder.where(node, "labels")
        what = f"{count} labels and taints; with our own tags an EC2 instance holds {most}"
        yield Problem(where, what, "use fewer labels")
    pairs = [(taint.key, taint.effect) for taint in node.taints]
    for key in sorted({key for key, _ in pairs if sum(key == other for other, _ in pairs) > 1}):
        # One tag a key: a second taint of the same key would overwrite the first one's tag.
        where = decoder.where(node, "taints")
        yield Problem(where, f"taint key '{key}' stands there twice", "use a key for one taint only")


def _label_problem(key: str, value: str, tag: str) -> str:
    if not _LABEL_KEY.fullmatch(key):
        return "not a valid key"
    if not _LABEL_VALUE.fullmatch(value):
        return f"value '{value}' is not valid (letters, digits, '-', '_', '.', at most 63)"
    if len(tag + key) > LONGEST_TAG_KEY:
        return f"key is too long for an EC2 tag (at most {LONGEST_TAG_KEY - len(tag)} characters)"
    return ""


def _seed(seed: Seed, prefix: str, names: list[str] | None) -> Iterator[tuple[str, str]]:
    if why := name_problem(f"{prefix}/{seed.name}"):
        yield f"the name {why}", f"rename it (with the prefix at most {LONGEST_NAME} characters)"
    found = [source for source in SOURCES if getattr(seed, source) is not None]
    if len(found) != 1:
        told = f"more than one source ({', '.join(found)})" if found else "no source"
        yield told, f"give it exactly one of {', '.join(SOURCES)}"
    if seed.generate:
        yield from _policy(seed.generate)
    if seed.template is not None:
        yield from _template(seed.template, names)


def _policy(policy: Generate) -> Iterator[tuple[str, str]]:
    if policy.alphabet not in passwords.ALPHABETS:
        known = ", ".join(passwords.ALPHABETS)
        yield f"alphabet '{policy.alphabet}' is not known", f"use one of {known}"
    elif not SHORTEST_PASSWORD <= policy.length <= MOST_BYTES:
        yield f"length {policy.length}", f"choose {SHORTEST_PASSWORD} to {MOST_BYTES}"
    elif why := passwords.problem(policy):
        yield why
    if policy.rotate_after:
        try:
            duration.parse(policy.rotate_after)
        except ValueError as error:
            yield f"rotate_after {error}", "for example `rotate_after: 90d`"


def _template(template: str, names: list[str] | None) -> Iterator[tuple[str, str]]:
    fixed = re.sub(r"\{[^{}]*\}", "", template)
    if (size := len(fixed.encode())) > MOST_BYTES:
        yield f"its value has at least {size} bytes, SSM takes {MOST_BYTES}", "split it, or keep it elsewhere"
    for name in re.findall(r"\{seed:([^{}]+)\}", template):
        if names is not None and name not in names:
            yield f"its template names a seed '{name}' that does not exist", suggest(name, names)
