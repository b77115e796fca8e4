"""The schema and the page made from it: current, complete, and as strict as the loader."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from bootstrap import cli
from bootstrap.config import passwords, schema
from bootstrap.config.load import load
from bootstrap.config.parameters import MOST_BYTES
from bootstrap.config.problems import TYPE, UNKNOWN, ConfigProblem
from bootstrap.core.errors import ConfigError
from tests.unit.config.test_load import GOOD, Write, write

__all__ = ["write"]

ROOT = Path(__file__).parents[3]
PAGE = "docs/configuration.md"
FILE = "bootstrap/config/schema.json"
PUBLISHED = json.loads((ROOT / FILE).read_text(encoding="utf-8"))
VALIDATOR = Draft202012Validator(PUBLISHED)


def as_json(data: Any) -> Any:
    """As an editor reads it: every key is text."""
    if isinstance(data, dict):
        return {str(key): as_json(value) for key, value in data.items()}
    return [as_json(item) for item in data] if isinstance(data, list) else data


@pytest.mark.parametrize(("form", "file"), [("json", FILE), ("markdown", PAGE)])
def test_what_is_committed_is_current(form: str, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    """To renew it: bootstrap schema --output FORM > FILE."""
    assert cli.call(["schema", "--output", form]) == 0
    assert capsys.readouterr().out == (ROOT / file).read_text(encoding="utf-8")


def test_it_is_a_schema_of_draft_2020_12() -> None:
    assert PUBLISHED["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(PUBLISHED)


def test_the_shipped_file_is_valid_and_names_the_schema() -> None:
    text = (ROOT / "bootstrap.yaml").read_text(encoding="utf-8")
    VALIDATOR.validate(as_json(yaml.safe_load(text)))
    assert text.splitlines()[0] == f"# yaml-language-server: $schema={FILE}"


def test_what_the_loader_accepts_it_accepts_as_people_write_it() -> None:
    data = as_json(yaml.safe_load(GOOD))
    data["environments"]["dev"] |= {"account": None, "ttl": "8h", "deadlines": {"nodes": "20m"}}
    data["environments"]["dev"]["waves"] = {"deadline": "5m", "deadlines": {"20": 600, "-1": "90s"}}
    data["environments"]["base"] = {"region": "eu-west-1", "gitops": {"revision": "main"}}
    VALIDATOR.validate(data)


def nodes(node: Any, place: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for key, one in node.get("properties", {}).items():
        yield (*place, key), one
        for inner in (schema.resolved(one), schema.resolved(one.get("items", {}))):
            yield from nodes(inner, (*place, key))


def test_every_key_is_documented() -> None:
    found = dict(nodes(schema.at((), "Environment")))
    assert len(found) > 80
    assert [place for place, one in found.items() if not schema.resolved(one).get("description")] == []


def test_every_key_stands_on_the_page() -> None:
    page = (ROOT / PAGE).read_text(encoding="utf-8")
    missing = [place for place, _ in nodes(schema.at((), "Environment")) if f"| `{place[-1]}` |" not in page]
    assert missing == []


def test_choices_and_limits_are_those_of_the_code() -> None:
    policy = schema.at(("generate",), "Seed")["properties"]
    assert set(policy["alphabet"]["enum"]) == set(passwords.ALPHABETS)
    assert set(policy["require"]["items"]["enum"]) == set(passwords.CLASSES)
    assert policy["length"]["maximum"] == MOST_BYTES


FULL = yaml.safe_load(GOOD)
FULL["environments"]["dev"] |= {
    "drill": {"smoke": [{"name": "a", "run": "true", "timeout": 5}], "tolerance": 2, "ttl": "6h"},
    "run_lock": {"wait": 5, "heartbeat": "20s", "stale": 600},
    "teardown": {"secrets": "keep"},
    "backup": {"keep": 3, "bucket": "b", "key_file": "k"},
    "archive": {"bucket": "b", "prefix": "p"},
    "eso": {"application": "10-secrets-operator", "namespace": "x"},
    "ttl": "8h",
    "lint": "warn",
}
FULL["environments"]["dev"]["nodes"][1] |= {
    "zone": 1,
    "fallback": {"instance_types": ["m6i.large"], "zones": [0]},
}

Path_ = tuple[str | int, ...]


def places(data: Any, place: Path_ = ()) -> Iterator[Path_]:
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        yield (*place, key)
        yield from places(value, (*place, key))


PLACES = [place for place in places(FULL) if place[:2] != ("environments", "local") and len(place) != 2]
VALUES: list[Any] = [None, True, 3, 1.5, "text", [], ["a"], {}, {"key": "value"}]


@given(place=st.sampled_from(PLACES), value=st.sampled_from(VALUES), below=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_it_refuses_each_wrong_type_and_unknown_key_that_the_loader_refuses(
    place: Path_, value: Any, below: bool, write: Write
) -> None:
    """A value replaced by another one, or an unknown key with it beside."""
    data = deepcopy(FULL)
    around = data
    for step in place[:-1]:
        around = around[step]
    around["unheard-of" if below and isinstance(around, dict) else place[-1]] = value
    try:
        load(write(yaml.safe_dump(data)), "dev")
    except ConfigError as error:
        kinds = {problem.kind for problem in error.problems if isinstance(problem, ConfigProblem)}
        if kinds & {TYPE, UNKNOWN}:
            assert not VALIDATOR.is_valid(as_json(data))
