"""Which SSM parameters exist before the root Application, from the configuration and Terraform's text.

Terraform's facts are found statically, in the stack and in the modules that it calls: the keys of maps named
`facts`, the names of `aws_ssm_parameter`, and what user data puts below the prefix.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from bootstrap.config.model import Environment
from bootstrap.gitops.model import Seeded

_MODULE = re.compile(r'^module "[\w-]+" \{.*?^\}', re.MULTILINE | re.DOTALL)
_CALLED = re.compile(r'^module "([\w-]+)" \{.*?^\s+source\s*=\s*"([^"]+)"', re.MULTILINE | re.DOTALL)
_FACT = re.compile(r'^\s*"([a-z0-9][\w.-]*(?:/[\w.-]+)+)"\s*=(?!=)', re.MULTILINE)
_FOR_EACH = re.compile(r'for (\w+)(?:, \w+)? in module\.([\w-]+)\.([\w-]+) : "([^"]+)" =>')
_PARAMETER = re.compile(r'resource "aws_ssm_parameter" "[\w-]+" \{(.*?)^\}', re.MULTILINE | re.DOTALL)
_NAME = re.compile(r'^\s+name\s*=\s*"\$\{(?:var|local)\.[\w.]*prefix\}/([^"]+)"', re.MULTILINE)
_PUT = re.compile(r'\$\{?SSM_PREFIX\}?/([\w./-]+)"')


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
    called = [(name, source) for name, source in _CALLED.findall(text) if source.startswith(".")]
    folders = {name: (stack / source).resolve() for name, source in called}
    found: set[str] = set()
    for block in _MODULE.findall(text):
        found.update(_FACT.findall(block))
        for variable, module, output, pattern in _FOR_EACH.findall(block):
            keys = _keys(_text(folders[module]), output) if module in folders else ()
            found.update(pattern.replace(f"${{{variable}}}", key) for key in keys)
    for folder in _below(stack, set()):
        for body in _PARAMETER.findall(_text(folder)):
            found.update(name for name in _NAME.findall(body) if "$" not in name)
        for file in sorted(folder.rglob("*.sh")):
            found.update(name for name in _PUT.findall(file.read_text(errors="replace")) if "$" not in name)
    return frozenset(found)


def _below(folder: Path, seen: set[Path]) -> Iterator[Path]:
    folder = folder.resolve()
    if folder in seen or not folder.is_dir():
        return
    seen.add(folder)
    yield folder
    for _, source in _CALLED.findall(_text(folder)):
        if source.startswith("."):
            yield from _below(folder / source, seen)


def _keys(text: str, output: str) -> list[str]:
    """The keys of an output `{ for name, x in <type>.<resource> : … }` whose `for_each` is a local map."""
    value = re.search(rf'output "{output}" \{{.*?in (\w+)\.(\w+) :', text, re.DOTALL)
    if value is None:
        return []
    each = re.search(rf'resource "{value[1]}" "{value[2]}" \{{\s*for_each\s*=\s*local\.(\w+)', text)
    if each is None:
        return []
    body = re.search(rf"^  {each[1]} = \{{$(.*?)^  \}}", text, re.MULTILINE | re.DOTALL)
    return re.findall(r'^    "?([\w-]+)"?\s*=', body[1], re.MULTILINE) if body else []


def _text(folder: Path) -> str:
    return "\n".join(file.read_text(errors="replace") for file in sorted(folder.glob("*.tf")))
