"""Reads `bootstrap.yaml` and checks it, all problems at once, each with file, line and cure.

    project: eco2
    environments:
      dev: {target: aws, …}          fields of `model.Environment`
      local: {extends: dev, …}       mappings are merged, everything else is replaced

Relative paths start from the file's folder.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from bootstrap.config import files
from bootstrap.config.checks import RULES
from bootstrap.config.extends import extended
from bootstrap.config.model import Environment, Eso, Network, TerraformConfig
from bootstrap.config.places import Finding, line_of
from bootstrap.config.problems import ConfigProblem
from bootstrap.config.read import Reading, read_environment, read_top
from bootstrap.config.tree import Branch, parse
from bootstrap.core.errors import ConfigError, Problem
from bootstrap.core.foreign import TooLarge, read_bytes
from bootstrap.core.limits import CONFIGURATION_BYTES

LARGEST = CONFIGURATION_BYTES


def load(path: Path, environment: str, *, values: bool = True, made: bool = True) -> Environment:
    """The environment of that name.

    `values`: whether the seeds' supplied values must be there, which only `up` and `plan` need. `made`:
    whether it is to be made; to read its manifests, its machines, network, secrets and Terraform may be left
    out, and are empty then. Raises ConfigError with everything that is wrong; other environments are only
    checked for being good YAML.
    """
    file, home = str(path), path.resolve().parent
    tree = _tree(path, file)
    top, unmade = read_top(tree), {} if made else _unmade(home)
    root = _environment(tree, environment)
    problems: list[Problem] = [each.problem(file, tree) for each in top.findings]
    if isinstance(root, Branch):
        read = _named(read_environment(root, home, unmade), file)
        problems += (each.problem(file, root) for each in read.findings)
        problems += (each.problem(file, read.tree) for each in _look(read))
        problems += files.seed_values(read, os.environ) if values else ()
    elif root:
        problems.append(root.problem(file, tree))
    if problems or not isinstance(root, Branch):
        raise _error(file, problems)
    given = {"name": environment, "project": top.values["project"], "home": home}
    return Environment(**{**unmade, **read.values, **given})


def _named(read: Reading, file: str) -> Reading:
    """With the lines that others tell later: of each seed, and of what leads to the Applications."""

    def line(*place: str | int) -> str:
        return f"{file}:{line_of(read.tree, place)}"

    named = dict(read.values)
    if "seeds" in named:
        found = enumerate(named["seeds"])
        named["seeds"] = tuple(replace(seed, where=line("seeds", index)) for index, seed in found)
    if "gitops" in named:
        named["gitops"] = replace(named["gitops"], where=line("gitops", "path"))
    named["eso"] = replace(named.get("eso", Eso()), where=line("eso", "application"))
    return replace(read, values=named)


def _environment(tree: Branch, name: str) -> Branch | Finding | None:
    """None where there is no mapping of environments, of which pydantic has told."""
    environments = tree.items.get("environments")
    return extended(environments, name) if isinstance(environments, Branch) else None


def _look(read: Reading) -> Iterator[Finding]:
    for rule in (*RULES, files.terraform, files.gitops):
        yield from rule(read)


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


def _error(file: str, problems: Iterable[Problem]) -> ConfigError:
    """Problems in the order of lines, each once."""

    def line(problem: Problem) -> int:
        number = problem.where.rpartition(":")[2]
        return int(number) if number.isdigit() else 0

    return ConfigError(f"{file} cannot be used", sorted(dict.fromkeys(problems), key=line))


def _tree(path: Path, file: str) -> Branch:
    """The file as a tree. Raises ConfigError."""
    tree, problems = parse(_text(path, file), file)
    if not problems and not isinstance(tree, Branch):
        what, cure = "must be a mapping", "begin with `project:` and `environments:`"
        problems = [ConfigProblem(f"{file}:1", what, cure)]
    if problems or not isinstance(tree, Branch):
        raise _error(file, problems)
    return tree


def _text(path: Path, file: str) -> str:
    cure = "name a YAML file that you may read: --config FILE"
    try:
        raw = read_bytes(path, LARGEST)
        return raw.decode("utf-8")
    except FileNotFoundError:
        cure = "name it with --config FILE, or go to the folder it lies in"
        problem = ConfigProblem(file, "there is no such file", cure)
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        problem = ConfigProblem(f"{file}:{line}", "cannot be read: it is not UTF-8 text", "save it as UTF-8")
    except TooLarge:
        problem = ConfigProblem(file, f"is larger than {LARGEST >> 20} MiB", cure)
    except OSError as error:
        problem = ConfigProblem(file, f"cannot be read: {error.strerror}", cure)
    raise _error(file, [problem]) from None
