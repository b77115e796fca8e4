"""The configuration reference, made from the schema. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator

from bootstrap.config import schema
from bootstrap.config.schema import Schema

_INTRODUCTION = """\
# Configuration reference

<!-- Made by `bootstrap schema --output markdown > docs/configuration.md` from bootstrap/config/model.py. -->

`bootstrap.yaml` describes what is built, environment by environment:

```yaml
# yaml-language-server: $schema=bootstrap/config/schema.json
project: eco2
environments:
  dev:
    target: aws
    region: ap-northeast-2
    # … the keys below
  local:
    extends: dev
    target: local
```

- **Checks.** Every command checks the whole environment first and names everything that is wrong, with file,
  line and cure, before it touches anything. Unknown keys are errors.
- **Editors.** The first line makes editors with a YAML language server complete and check the file.
  `bootstrap schema > bootstrap.schema.json` writes the schema (draft 2020-12) for a repository of your own.
  It does not require the keys of an environment, because they may come from the one it extends; the commands
  do.
- **`extends`.** An environment takes over the keys of another one. Mappings are merged, key by key; lists and
  single values are replaced.
- **Durations.** Seconds as a number, or a text with units: `30s`, `5m`, `8h`, `90d`, `1h30m`.
- **Paths.** Relative paths start from the folder of `bootstrap.yaml`, except where a key says otherwise; `~`
  is your home folder.
- **Secrets.** Never write a secret into this file: name an environment variable (`from_env`) or a file
  (`from_file`).
"""


def markdown() -> str:
    """The page as it is committed."""
    environment = schema.at((), "Environment")
    sections = (
        *_section("## Top level", schema.at(())),
        *_section("## `environments.NAME`", environment),
        *_mappings("", environment),
    )
    return "\n".join((_INTRODUCTION, *sections))


def _mappings(path: str, node: Schema) -> Iterator[str]:
    """A section for each mapping below a node, and for each list of mappings."""
    for key, one in node["properties"].items():
        for name, inner in ((key, schema.resolved(one)), (f"{key}[]", schema.resolved(one.get("items", {})))):
            if "properties" in inner:
                yield from _section(f"### `{path}{name}`", inner)
                yield from _mappings(f"{path}{name}.", inner)


def _section(title: str, node: Schema) -> Iterator[str]:
    yield from (title, "", node["description"], "")
    yield from ("| Key | Value | Default | Meaning |", "|---|---|---|---|")
    for key, one in node["properties"].items():
        cells = (f"`{key}`", _value(one), _default(key, one, node), _meaning(one))
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
    yield ""


def _value(one: Schema) -> str:
    """What kind of value a key takes, in words."""
    node = schema.resolved(one)
    kind = node.get("type")
    if "enum" in node:
        return ", ".join(f"`{word}`" for word in node["enum"])
    if kind == "array":
        return f"list of {_plural(schema.resolved(node['items']))}"
    if kind == "integer":
        return f"whole number{_range(node)}"
    if isinstance(kind, list) and "pattern" in node and "number" in kind and "null" not in kind:
        return "duration" if "smhd" in node["pattern"] else "text"
    return {"object": "mapping", "number": f"number{_range(node)}"}.get(str(kind), "text")


def _plural(node: Schema) -> str:
    if "properties" in node:
        return "mappings"
    if "enum" in node:
        return _value(node)
    noun, comma, rest = _value(node).partition(",")
    return f"{noun}s{comma}{rest}"


def _range(node: Schema) -> str:
    least, most = node.get("minimum"), node.get("maximum")
    if most is not None:
        return f", {least} to {most}"
    return f", at least {least}" if least is not None else ""


def _default(key: str, one: Schema, node: Schema) -> str:
    if key in node.get("required", ()):
        return "required"
    default = one.get("default")
    return (
        ""
        if default in (None, "", [])
        else f"`{default if isinstance(default, str) else json.dumps(default)}`"
    )


def _meaning(one: Schema) -> str:
    node = schema.resolved(one)
    examples = [] if one.get("default") else node.get("examples", [])
    more = {
        "Keys": ", ".join(f"`{name}`" for name in node.get("propertyNames", {}).get("enum", ())),
        "Example": " or ".join(f"`{example}`" for example in examples),
    }
    meaning: str = node["description"]
    return " ".join([meaning, *(f"{title}: {words}." for title, words in more.items() if words)])
