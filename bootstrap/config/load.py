"""Reads `bootstrap.yaml` and checks it, all problems at once, each with file, line and cure.

    project: eco2
    environments:
      dev: {target: aws, …}          fields of `model.Environment`
      local: {extends: dev, …}       mappings are merged, everything else is replaced

Relative paths start from the file's folder.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bootstrap.config import files
from bootstrap.config.checks import RULES
from bootstrap.config.decode import BAD, Decoder, suggest
from bootstrap.config.model import Environment, Network, TerraformConfig
from bootstrap.config.tree import Branch, merge, parse
from bootstrap.core.errors import ConfigError, Problem

_ENVIRONMENTS = "environments"
_GIVEN = frozenset({"name", "project", "home"})  # fields of Environment that are no keys below it


def load(path: Path, environment: str, *, values: bool = True, made: bool = True) -> Environment:
    """The environment of that name.

    `values`: whether the seeds' supplied values must be there, which only `up` and `plan` need. `made`:
    whether it is to be made; to read its manifests, its machines, network, secrets and Terraform may be left
    out, and are empty then. Raises ConfigError with everything that is wrong; other environments are only
    checked for being good YAML.
    """
    file, home = str(path), path.resolve().parent
    top = _top(path, file)
    decoder = Decoder(file, home)
    parts = _parts(top, environment, decoder, {} if made else _unmade(home))
    if "root" in parts:
        for rule in (*RULES, files.terraform, files.gitops, *([files.eso] if made else [])):
            decoder.problems += rule(parts, decoder)
        if values:
            decoder.problems += files.seed_values(parts, os.environ)
    if decoder.problems:
        raise _error(file, decoder.problems)
    del parts["root"]
    return Environment(**{**({} if made else _unmade(home)), **parts}, home=home)


def _unmade(home: Path) -> dict[str, Any]:
    """What an environment has that is only looked at."""
    return {
        "region": "",
        "ssm_prefix": "",
        "network": Network("", (), ()),
        "nodes": (),
        "terraform": TerraformConfig(home / "terraform"),
        "seeds": (),
    }


def _error(file: str, problems: list[Problem]) -> ConfigError:
    """Problems in the order of lines, each once."""

    def line(problem: Problem) -> int:
        number = problem.where.rpartition(":")[2]
        return int(number) if number.isdigit() else 0

    return ConfigError(f"{file} cannot be used", sorted(dict.fromkeys(problems), key=line))


def _top(path: Path, file: str) -> Branch:
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        cure = "name it with --config FILE, or go to the folder it lies in"
        raise ConfigError(f"{file} cannot be used", [Problem(file, "there is no such file", cure)]) from None
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        problem = Problem(file, f"cannot be read: {why}", "name a YAML file that you may read: --config FILE")
        raise ConfigError(f"{file} cannot be used", [problem]) from None
    tree, problems = parse(text, file)
    if not problems and not isinstance(tree, Branch):
        problems = [Problem(f"{file}:1", "must be a mapping", "begin with `project:` and `environments:`")]
    if problems or not isinstance(tree, Branch):
        raise _error(file, problems)
    return tree


def _parts(top: Branch, name: str, decoder: Decoder, optional: Mapping[str, Any]) -> dict[str, Any]:
    """Whatever could be read of the environment, by field name; `root` is its mapping in the file."""
    decoder.unknown_keys(top, ["project", _ENVIRONMENTS])
    parts: dict[str, Any] = {"name": name}
    for key in ("project", _ENVIRONMENTS):
        if key not in top.items:
            decoder.problem(1, f"'{key}' is missing", f"add `{key}:` at the top")
    if "project" in top.items:
        parts["project"] = decoder.value(str, top.items["project"], "project")
    environments = top.items.get(_ENVIRONMENTS)
    if isinstance(environments, Branch):
        root = _extended(environments, name, decoder)
        if root is not None:
            parts |= decoder.parts(Environment, root, _GIVEN, frozenset(optional)) | {"root": root}
    elif environments is not None:
        what = f"'{_ENVIRONMENTS}' must be a mapping, found {environments.kind}"
        decoder.problem(environments.line, what, "name each environment below it, with its fields")
    return {key: value for key, value in parts.items() if value is not BAD}


def _extended(environments: Branch, name: str, decoder: Decoder) -> Branch | None:
    """The environment laid upon those it extends, None when a link of the chain is bad."""
    chain: list[str] = []
    line, said_in = environments.line, ""
    root: Branch | None = None
    link: str | None = name
    while link is not None:
        if link in chain:
            cycle = " → ".join((*chain, link))
            decoder.problem(line, f"environments extend each other in a circle: {cycle}", "break the circle")
            return None
        if link not in environments.items:
            known = list(environments.items)
            cure = suggest(link, known) or f"environments of this file: {', '.join(known)}"
            decoder.problem(line, f"{said_in}there is no environment '{link}'", cure)
            return None
        tree = environments.items[link]
        if not isinstance(tree, Branch):
            what = f"environment '{link}' must be a mapping, found {tree.kind}"
            decoder.problem(tree.line, what, f"write the fields of {link} below it")
            return None
        chain.append(link)
        root = merge(tree, root) if root is not None else tree
        line, said_in = tree.key_lines.get("extends", tree.line), f"extends of '{link}': "
        link = _base(tree, decoder)
    return _without_extends(root) if root is not None else None


def _base(tree: Branch, decoder: Decoder) -> str | None:
    if "extends" not in tree.items:
        return None
    base = decoder.value(str, tree.items["extends"], "extends")
    return base if isinstance(base, str) else None


def _without_extends(root: Branch) -> Branch:
    items = {key: tree for key, tree in root.items.items() if key != "extends"}
    return Branch(root.line, items, root.key_lines)
