"""Which SSM parameters exist before the root Application, from the configuration and Terraform's text.

Terraform's facts are found statically, in the stack and in the modules that it calls: the keys of maps named
`facts`, the names of `aws_ssm_parameter`, and what user data puts below the prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bootstrap.config.model import Environment
from bootstrap.core.foreign import read_script
from bootstrap.gitops.model import Seeded

# Each looks at a line, or at the body of one block: nothing here reads a text more than once.
_MODULE = re.compile(r'module "([\w-]+)" \{')
_SOURCE = re.compile(r'^[ \t]+source[ \t]*=[ \t]*"([^"\n]+)"', re.MULTILINE)
_FACT = re.compile(r'^[ \t]*"([a-z0-9][\w.-]*(?:/[\w.-]+)+)"[ \t]*=(?!=)', re.MULTILINE)
_FOR_EACH = re.compile(r'for (\w+)(?:, \w+)? in module\.([\w-]+)\.([\w-]+) : "([^"\n]+)" =>')
_PARAMETER = re.compile(r'resource "aws_ssm_parameter" "[\w-]+" \{')
_NAME = re.compile(r'^[ \t]+name[ \t]*=[ \t]*"\$\{(?:var|local)\.[\w.]*prefix\}/([^"\n]+)"', re.MULTILINE)
_PUT = re.compile(r'\$\{?SSM_PREFIX\}?/([\w./-]+)"')
_MADE_BY = re.compile(r"\bin (\w+)\.(\w+) :")
_MAP = re.compile(r"\bfor_each\s*=\s*local\.(\w+)")
_KEY = re.compile(r'^    "?([\w-]+)"?[ \t]*=', re.MULTILINE)


def seeded(config: Environment) -> Seeded:
    prefix = config.ssm_prefix.rstrip("/")
    stack = config.terraform.folder / config.terraform.stack
    facts = published(stack) if stack.is_dir() else frozenset()
    return Seeded(
        prefix,
        frozenset(f"{prefix}/{seed.name}" for seed in config.seeds),
        frozenset(f"{prefix}/{name}" for name in facts),
    )


def published(stack: Path) -> frozenset[str]:
    """Names below the prefix that a root module and the modules it calls publish."""
    text = _text(stack)
    folders = {name: (stack / source).resolve() for name, source in _called(text)}
    found: set[str] = set()
    for body in _bodies(text, _MODULE):
        found.update(_FACT.findall(body))
        for variable, module, output, pattern in _FOR_EACH.findall(body):
            keys = _keys(_text(folders[module]), output) if module in folders else ()
            found.update(pattern.replace(f"${{{variable}}}", key) for key in keys)
    for folder in _below(stack, set()):
        for body in _bodies(_text(folder), _PARAMETER):
            found.update(name for name in _NAME.findall(body) if "$" not in name)
        for file in sorted(folder.rglob("*.sh")):
            found.update(name for name in _PUT.findall(read_script(file)) if "$" not in name)
    return frozenset(found)


def _below(folder: Path, seen: set[Path]) -> Iterator[Path]:
    folder = folder.resolve()
    if folder in seen or not folder.is_dir():
        return
    seen.add(folder)
    yield folder
    for _, source in _called(_text(folder)):
        yield from _below(folder / source, seen)


def _called(text: str) -> Iterator[tuple[str, str]]:
    """The modules in folders that a text calls, with these."""
    for head, body in _blocks(text):
        module, source = _MODULE.match(head), _SOURCE.search(body)
        if module and source and source[1].startswith("."):
            yield module[1], source[1]


def _keys(text: str, output: str) -> list[str]:
    """The keys of an output `{ for name, x in <type>.<resource> : … }` whose `for_each` is a local map."""
    made = _first(_MADE_BY, text, f'output "{output}" {{')
    each = made and _first(_MAP, text, f'resource "{made[1]}" "{made[2]}" {{')
    if not each:
        return []
    _, _, rest = text.partition(f"\n  {each[1]} = {{\n")
    return _KEY.findall(rest.partition("\n  }")[0])


def _first(pattern: re.Pattern[str], text: str, head: str) -> re.Match[str] | None:
    return next(filter(None, map(pattern.search, _bodies(text, re.compile(re.escape(head))))), None)


def _bodies(text: str, head: re.Pattern[str]) -> Iterator[str]:
    return (body for first, body in _blocks(text) if head.match(first))


def _blocks(text: str) -> Iterator[tuple[str, str]]:
    """Each block that begins and ends at the margin: its first line, and what is inside."""
    head, body = "", list[str]()
    for line in text.splitlines():
        if head and line.startswith("}"):
            yield head, "\n".join(body)
            head = ""
        elif head:
            body.append(line)
        elif line[:1].isalpha() and line.rstrip().endswith("{"):
            head, body = line, []


def _text(folder: Path) -> str:
    return "\n".join(read_script(file) for file in sorted(folder.glob("*.tf")))
