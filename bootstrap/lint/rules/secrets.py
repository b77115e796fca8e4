"""Secrets in Git. Where one is found is said, what it is never."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from bootstrap.core.limits import LINE_CHARACTERS, PASSWORD_CHARACTERS, YAML_LEVELS
from bootstrap.gitops.model import Location, Manifest, Tree
from bootstrap.kubernetes.documents import nodes
from bootstrap.kubernetes.objects import SECRET, Json
from bootstrap.lint.graph import Graph
from bootstrap.lint.model import Finding
from bootstrap.lint.rules.facts import everything, finding, mapped, of_manifest
from bootstrap.lint.rules.rule import Rule

IN_GIT = Rule("secret-in-git")
CREDENTIAL = Rule("credential-in-git")

RULES = (IN_GIT, CREDENTIAL)

# Keys of a Secret that are public or only say where something is.
_PUBLIC = re.compile(
    r"(ca|tls)\.crt|.*\.pub|ca-?bundle.*|url|type|name|project|server|enable.*|insecure.*|host(name)?|port|region"
    r"|user(name)?|db(name)?|database|githubapp(id|installationid|enterprisebaseurl)|proxy|noproxy",
    re.IGNORECASE,
)
_PLACEHOLDER = re.compile(
    r"\s*|<.*>|\$\{.*\}|\$\(.*\)|.*\{\{.*\}\}.*|(change|replace|fill|insert)[-_ ]?(me|this|it|in|with)\b.*"
    r"|to-?do\b.*"
    r"|[x*.•-]+|(place-?holder|example|dummy|redacted|none|null|true|false|unused)\b.*|ref\+.*|vault:.*|ENC\[.*"
    r"|\$[A-Za-z_][\w.:-]*|!.*|os\.environ/.*|\$__\w+\{.*\}"
    r"|no[-_ ]?(auth|key|password)|not[-_ ](needed|required|used|set)",
    re.IGNORECASE | re.DOTALL,
)
# Formats that nothing but a credential has. Sources: the issuers' documentation of their token prefixes.
_FORMATS: Mapping[str, re.Pattern[str]] = {
    "an AWS access key": re.compile(r"\b(?:AKIA|ASIA)(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b"),
    "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"),
    "a GitHub token": re.compile(r"\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})"),
    "a GitLab token": re.compile(r"\bglpat-[A-Za-z0-9_-]{20}"),
    "a Slack token": re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
    "a Slack webhook": re.compile(r"https://hooks\.slack\.com/services/T\w{6,}/B\w{6,}/\w{16,}"),
    "a Google API key": re.compile(r"\bAIza[A-Za-z0-9_-]{35}\b"),
    "a Stripe key": re.compile(r"\b[rs]k_live_[A-Za-z0-9]{16,}"),
    "a signed token (JWT)": re.compile(r"\beyJ[\w-]{10,1000}\.eyJ[\w-]{10,}\.[\w-]{10,}"),
    "a password in an address": re.compile(
        r"\b[a-z][a-z0-9+.-]{0,30}://[^/\s:@\"'{}$<>]+:(?![$<{*]|x{3})[^/\s:@\"'{}$<>]{3,}@"
    ),
}
_PASSWORD = re.compile(
    r"(.*[._-])?(\w*(password|passwd|passphrase)|pwd|(secret|aws_?secret)[_-]?access[_-]?key|client[_-]?secret"
    r"|api[_-]?(key|token)|auth[_-]?token|access[_-]?token|bearer[_-]?token|private[_-]?key)",
    re.IGNORECASE,
)
# A key that a service issues is random: a short word without a digit ("ollama", "sk-no-key-required") only
# satisfies a program that wants one where none is asked for.
_ISSUED = re.compile(r"(key|token)$", re.IGNORECASE)
_TOO_SIMPLE = re.compile(r"[^\d]{1,19}")
_CANDIDATE = re.compile(r"pass|pwd|secret|token|key", re.IGNORECASE)


def check(tree: Tree, _: Graph) -> Iterator[Finding]:
    flagged: set[Location] = set()
    for manifest in everything(tree):
        if (
            manifest.key.kind == SECRET
            and not _made_elsewhere(manifest)
            and (keys := secret_keys(manifest.item))
        ):
            flagged.add(manifest.where)
            yield finding(
                IN_GIT,
                manifest.where,
                of_manifest(manifest),
                f"{', '.join(keys[:3])}{' and more' if len(keys) > 3 else ''}: everybody who can read the "
                "repository has the value",
                "commit an ExternalSecret instead, and rotate the value: it has leaked",
            )
    for file, text in tree.files.items():
        for where, what in credentials(file, text):
            if not any(_inside(text, where, secret) for secret in flagged if secret.file == file):
                yield finding(
                    CREDENTIAL,
                    where,
                    what,
                    "everybody who can read the repository or the rendered manifests has it",
                    "read it from a Secret that an ExternalSecret creates, and rotate it: it has leaked",
                )


def secret_keys(item: Json) -> list[str]:
    """Keys of a Secret whose values are real, without those known to be public."""
    if "sops" in item or item.get("type") == "kubernetes.io/service-account-token":
        return []
    found = {**mapped(item.get("data")), **mapped(item.get("stringData"))}
    return [
        key
        for key, value in found.items()
        if value and not _PUBLIC.fullmatch(key) and not _placeholder(value)
    ]


def _placeholder(value: Any) -> bool:
    return not isinstance(value, str) or _PLACEHOLDER.fullmatch(value) is not None


def _made_elsewhere(manifest: Manifest) -> bool:
    """What a chart makes, or another site holds, is not in this Git; values are looked at by themselves."""
    return bool(manifest.via)


def credentials(file: str, text: str) -> Iterator[tuple[Location, str]]:
    """Where credentials stand in a file of Git, and what they are; without the value, sorted by line."""
    found: dict[int, str] = {}
    if not _CANDIDATE.search(text) and "://" not in text:
        return
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in _FORMATS.items():
            if pattern.search(line, 0, LINE_CHARACTERS):
                found.setdefault(number, what)
    if not re.search(r"^sops:", text, re.MULTILINE):
        for number, key in _passwords(text):
            found.setdefault(number, f"the value of {key}")
    for number in sorted(found):
        yield Location(file, number), found[number]


def _passwords(text: str, first: int = 0) -> Iterator[tuple[int, str]]:
    """Lines with a literal value under a key that is called like a password."""
    try:
        for node in nodes(text):
            if not _is_schema(node):
                yield from _walk(node, first, set())
    except yaml.YAMLError:
        return  # a Helm template, or broken, which others report


def _is_schema(node: Any) -> bool:
    """A CustomResourceDefinition is long and describes only."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return any(key.value == "kind" and value.value == "CustomResourceDefinition" for key, value in pairs)


def _walk(node: Any, first: int, seen: set[int], level: int = 1) -> Iterator[tuple[int, str]]:
    """`seen`: an alias is the node that its anchor is, and may lie inside it."""
    if id(node) in seen or level > YAML_LEVELS:
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for inner in node.value:
            yield from _walk(inner, first, seen, level + 1)
    if not isinstance(node, yaml.MappingNode):
        return
    # A key may be a mapping itself: so YAML reads `{{ .Values.name }}`.
    pairs = [(key.value, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)]
    plain = {key: value for key, value in pairs if isinstance(value, yaml.ScalarNode)}
    named = plain.get("name")
    if named is not None and "value" in plain and _literal(str(named.value), plain["value"]):
        yield plain["value"].start_mark.line + 1 + first, str(named.value)
    for key, value in pairs:
        if isinstance(value, yaml.ScalarNode):
            if _literal(key, value):
                yield value.start_mark.line + 1 + first, key
            elif key == "values" and value.style in {"|", ">"}:  # Helm values as text
                yield from _passwords(str(value.value), first + value.start_mark.line + 1)
        else:
            yield from _walk(value, first, seen, level + 1)


def _literal(key: str, value: Any) -> bool:
    """Neither a key nor a password is that long; the patterns take the square of the time."""
    return bool(
        max(len(key), len(value.value)) <= PASSWORD_CHARACTERS
        and _PASSWORD.fullmatch(key)
        and value.tag == "tag:yaml.org,2002:str"
        and not _PLACEHOLDER.fullmatch(value.value)
        and not _refers(value.value)
        and not (_ISSUED.search(key) and _TOO_SIMPLE.fullmatch(value.value))
    )


def _refers(value: str) -> bool:
    """A path of a file or a parameter is no password."""
    return value.startswith("/") or value.endswith((".key", ".pem"))


def _inside(text: str, where: Location, document: Location) -> bool:
    """Whether the place is in the document that starts there."""
    between = text.splitlines()[document.line : where.line]
    return where.line >= document.line and not any(line.startswith("---") for line in between)
