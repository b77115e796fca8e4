"""Rules for values that are fine by themselves and do not fit together, each a pure generator of findings.

A rule gets what could be read, so that one bad field does not hide the problems of the others. A value is
shown only where it cannot be a secret.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from ipaddress import IPv4Network
from itertools import combinations

from bootstrap.config import passwords
from bootstrap.config.model import Drill, Network, Node, RunLock, Seed, Smoke
from bootstrap.config.parameters import LONGEST_NAME, MOST_BYTES, MOST_PARAMETERS, name_problem
from bootstrap.config.places import Finding, Place
from bootstrap.config.read import Reading
from bootstrap.config.root_source import root_source
from bootstrap.config.steps import STEPS
from bootstrap.core.suggest import suggest

Rule = Callable[[Reading], Iterator[Finding]]

SOURCES = ("generate", "from_env", "from_file", "from_output", "template")

# EC2: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions
MOST_TAGS, LONGEST_TAG_KEY = 50, 128
OWN_TAGS = 10  # Name, bootstrap:*, kubernetes.io/cluster/* and the like, put on every instance
LABEL_TAG = "k8s.io/cluster-autoscaler/node-template/label/"
TAINT_TAG = "k8s.io/cluster-autoscaler/node-template/taint/"


def prefix(read: Reading) -> Iterator[Finding]:
    text = read.values.get("ssm_prefix", "/ok")
    if why := name_problem(text):
        cure = "write it like /project/environment, without a slash at the end"
        yield Finding(("ssm_prefix",), f"ssm_prefix '{text}' {why}", cure)


def network(read: Reading) -> Iterator[Finding]:
    """Subnets outside of the VPC or upon each other."""
    net: Network | None = read.values.get("network")
    if net is None:
        return
    vpc = IPv4Network(net.vpc_cidr)
    subnets = [
        (("network", field, index), IPv4Network(text))
        for field in ("public_subnets", "private_subnets")
        for index, text in enumerate(getattr(net, field))
    ]
    for place, block in subnets:
        if not block.subnet_of(vpc):
            what = f"{place[1]}: {block} lies outside of the VPC {vpc}"
            yield Finding(place, what, f"choose one inside {vpc}")
    for (_, one), (place, other) in combinations(subnets, 2):
        if one.overlaps(other):
            yield Finding(
                place, f"{place[1]}: {other} overlaps {one}", "give each subnet addresses of its own"
            )


def nodes(read: Reading) -> Iterator[Finding]:
    """Names, one control plane, and what EC2 can hold as tags of an instance."""
    members: tuple[Node, ...] = read.values.get("nodes", ())
    planes = [node.name for node in members if node.role == "control-plane"]
    complete = "nodes" in read.values and "nodes" not in read.partial
    if len(planes) > 1 or (complete and not planes):
        what = f"exactly one node must have the role control-plane, found {', '.join(planes) or 'none'}"
        yield Finding(("nodes",), what, "change the roles")
    yield from _twice(("nodes",), "node", [node.name for node in members])
    for index, node in enumerate(members):
        for place, what, cure in _tags(node):
            yield Finding(("nodes", index, *place), f"node {node.name}: {what}", cure)


def seeds(read: Reading) -> Iterator[Finding]:
    """Names, number and sources of the SSM parameters; what their values are is checked elsewhere."""
    given: tuple[Seed, ...] = read.values.get("seeds", ())
    if len(given) > MOST_PARAMETERS:
        what = f"{len(given)} seeds; an account holds {MOST_PARAMETERS} standard parameters"
        yield Finding(("seeds",), what, "keep fewer parameters")
    names = [seed.name for seed in given]
    yield from _twice(("seeds",), "seed", names)
    known = None if "seeds" in read.partial else names
    above = read.values.get("ssm_prefix", "")
    above = "" if name_problem(above) else above  # told above, once
    for index, seed in enumerate(given):
        for what, cure in _seed(seed, above, known):
            yield Finding(("seeds", index), f"seed {seed.name}: {what}", cure)


def deadlines(read: Reading) -> Iterator[Finding]:
    """Every deadline belongs to a step that exists."""
    for step in read.values.get("deadlines", {}):
        if step not in STEPS:
            cure = suggest(step, STEPS) or f"steps: {', '.join(STEPS)}"
            yield Finding(("deadlines", step), f"deadlines: there is no step '{step}'", cure)


def run_lock(read: Reading) -> Iterator[Finding]:
    lock: RunLock = read.values.get("run_lock", RunLock())
    if lock.stale < 5 * lock.heartbeat:
        what = "run_lock.stale must be at least five heartbeats"
        yield Finding(("run_lock", "stale"), what, f"choose at least {5 * lock.heartbeat:g}")


def drill(read: Reading) -> Iterator[Finding]:
    checks: tuple[Smoke, ...] = read.values.get("drill", Drill()).smoke
    yield from _twice(("drill", "smoke"), "smoke check", [check.name for check in checks])


RULES: tuple[Rule, ...] = (prefix, network, nodes, seeds, root_source, deadlines, run_lock, drill)


def _twice(place: Place, noun: str, names: Iterable[str]) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, name in enumerate(names):
        if name in seen:
            yield Finding(
                (*place, index, "name"), f"{noun} name '{name}' is taken", "give each a name of its own"
            )
        seen.add(name)


def _tags(node: Node) -> Iterator[tuple[Place, str, str]]:
    """Labels and taints travel as tags of the instance, one each."""
    most = MOST_TAGS - OWN_TAGS
    if (count := len(node.labels) + len(node.taints)) > most:
        what = f"{count} labels and taints; with our own tags an EC2 instance holds {most}"
        yield ("labels",), what, "use fewer labels"
    for key in node.labels:
        if len(LABEL_TAG + key) > LONGEST_TAG_KEY:
            yield ("labels", key), *_too_long(f"label '{key}'", LABEL_TAG)
    keys = Counter(taint.key for taint in node.taints)
    for index, taint in enumerate(node.taints):
        if len(TAINT_TAG + taint.key) > LONGEST_TAG_KEY:
            yield ("taints", index), *_too_long(f"taint '{taint.key}'", TAINT_TAG)
    for key in sorted(key for key in keys if keys[key] > 1):
        # One tag a key: a second taint of the same key would overwrite the first one's tag.
        yield ("taints",), f"taint key '{key}' occurs twice", "use a key for one taint only"


def _too_long(what: str, tag: str) -> tuple[str, str]:
    most = LONGEST_TAG_KEY - len(tag)
    return f"{what} is too long for an EC2 tag", f"use at most {most} characters"


def _seed(seed: Seed, above: str, names: list[str] | None) -> Iterator[tuple[str, str]]:
    if why := name_problem(f"{above}/{seed.name}"):
        yield f"the name {why}", f"rename it (with the prefix at most {LONGEST_NAME} characters)"
    found = [source for source in SOURCES if getattr(seed, source) is not None]
    if len(found) != 1:
        told = f"more than one source ({', '.join(found)})" if found else "no source"
        yield told, f"give it exactly one of {', '.join(SOURCES)}"
    if seed.generate and (why_weak := passwords.problem(seed.generate)):
        yield why_weak
    if seed.template is not None:
        yield from _template(seed.template, names)


def _template(template: str, names: list[str] | None) -> Iterator[tuple[str, str]]:
    fixed = re.sub(r"\{[^{}]*\}", "", template)
    if (size := len(fixed.encode())) > MOST_BYTES:
        yield f"its value has at least {size} bytes, SSM takes {MOST_BYTES}", "split it, or keep it elsewhere"
    for name in re.findall(r"\{seed:([^{}]+)\}", template):
        if names is not None and name not in names:
            cure = suggest(name, names) or "add that seed, or correct the name"
            yield f"its template names a seed '{name}' that does not exist", cure
