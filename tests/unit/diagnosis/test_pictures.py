"""Pictures of a real cluster: each was taken on the local platform while that fault was made to happen."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bootstrap.config.model import Environment
from bootstrap.diagnosis import words
from bootstrap.diagnosis.causes import judge
from bootstrap.diagnosis.causes.catalogue import BY_ID
from bootstrap.diagnosis.picture import Picture, decode, encode, stripped
from tests.argo_objects import application
from tests.fakes import environment

PICTURES = sorted((Path(__file__).parent / "pictures").glob("*.json"))
BY_NAME = {path.stem: decode(json.loads(path.read_text(encoding="utf-8"))) for path in PICTURES}
CONFIG = environment(Path("/home/of"))


@pytest.mark.parametrize("cause", BY_NAME)
def test_the_cause_is_recognised(cause: str) -> None:
    (found,) = judge(BY_NAME[cause], CONFIG)
    assert (found.cause, found.outlook) == (cause, BY_ID[cause].outlook)
    assert found.app == f"fault-{cause}"


def test_there_is_a_picture_of_every_kind_of_fault() -> None:
    assert len(BY_NAME) >= 27


def test_the_words_are_these(golden: Callable[[str, str], None]) -> None:
    told = [line for picture in BY_NAME.values() for line in (*words.lines(judge(picture, CONFIG), {}), "")]
    golden("words.txt", "\n".join(told))


@pytest.mark.parametrize("cause", BY_NAME)
def test_a_picture_goes_to_json_and_back(cause: str) -> None:
    again = decode(json.loads(json.dumps(encode(BY_NAME[cause]))))
    assert again == BY_NAME[cause]


@pytest.mark.parametrize("cause", BY_NAME)
@settings(max_examples=3, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers())
def test_the_order_of_what_was_read_does_not_matter(cause: str, seed: int) -> None:
    picture = BY_NAME[cause]
    mixed = list(picture.objects)
    random.Random(seed).shuffle(mixed)  # noqa: S311 - no secret
    assert judge(replace(picture, objects=tuple(mixed)), CONFIG) == judge(picture, CONFIG)


@pytest.mark.parametrize("cause", BY_NAME)
def test_healthy_applications_change_nothing(cause: str) -> None:
    picture = BY_NAME[cause]
    more = tuple(application(f"healthy-{number}") for number in range(20))
    assert judge(replace(picture, objects=more + picture.objects), CONFIG) == judge(picture, CONFIG)


def test_all_at_once_each_is_still_named(config: Environment = CONFIG) -> None:
    """But for what one node's fault does to the others."""
    apart = {name: picture for name, picture in BY_NAME.items() if name != "node-not-ready"}
    objects = {json.dumps(item, sort_keys=True): item for one in apart.values() for item in one.objects}
    whole = Picture(
        now=max(one.now for one in apart.values()),
        root="root",
        members=tuple(member for one in apart.values() for member in one.members),
        objects=tuple(item for item in objects.values() if item["kind"] != "Node")
        + tuple(item for item in apart["unschedulable-taint"].objects if item["kind"] == "Node"),
    )
    assert {found.app.removeprefix("fault-"): found.cause for found in judge(whole, config)} == {
        name: name for name in apart
    }


def test_a_picture_of_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format 99"):
        decode({"version": 99})


def _thinned(value: Any, roll: random.Random) -> Any:
    """Without a part of its fields, at any depth: what another version does not write, or writes later."""
    if isinstance(value, dict):
        return {key: _thinned(inner, roll) for key, inner in value.items() if roll.random() > 0.1}
    if isinstance(value, list):
        return [_thinned(inner, roll) for inner in value if roll.random() > 0.1]
    return value


@pytest.mark.parametrize("cause", BY_NAME)
@settings(max_examples=5, deadline=None)
@given(seed=st.integers())
def test_fields_that_are_missing_end_no_diagnosis(cause: str, seed: int) -> None:
    picture, roll = BY_NAME[cause], random.Random(seed)  # noqa: S311 - no secret
    thin = stripped(
        {**_thinned(item, roll), "kind": item["kind"], "apiVersion": item["apiVersion"]}
        for item in picture.objects
    )
    assert len(judge(replace(picture, objects=thin), CONFIG)) == 1
