"""No room in EC2: when it is told, when it is believed, and where a machine goes then."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bootstrap.config.model import Environment, Fallback
from bootstrap.core.clock import FakeClock
from bootstrap.core.errors import ToolError
from bootstrap.terraform.process import TICK
from bootstrap.terraform.provider_log import MOST, provider_log
from bootstrap.terraform.refusals import LATEST, PATIENCE, Refusals
from bootstrap.terraform.shortage import (
    Place,
    Shortage,
    Spot,
    choose,
    default_zone,
    places,
)
from bootstrap.terraform.variables import variables
from tests.aws_context import NODE, environment

ZONES = ("ap-northeast-2a", "ap-northeast-2b", "ap-northeast-2c")
A, B, C = ZONES
HERE = Spot("t3.large", A)


def answer(kind: str = "t3.large", zone: str = A) -> str:
    """As provider 3.39 logs it, on a line of its own."""
    return (
        "2026-11-21T10:51:26.954Z [INFO]  provider.terraform-provider-aws_v3.39.0_x5: [DEBUG] [aws-sdk-go]"
        ' <?xml version="1.0" encoding="UTF-8"?><Response><Errors><Error>'
        "<Code>InsufficientInstanceCapacity</Code><Message>We currently do not have sufficient"
        f" {kind} capacity in the Availability Zone you requested ({zone}).</Message></Error></Errors>"
        "<RequestID>1</RequestID></Response>\n"
    )


TOLD = f"EC2 has no capacity for {HERE}, it is asked again"


def test_it_is_told_once_and_believed_after_a_while() -> None:
    heard = Refusals(30)
    assert heard.hear(answer(), 0.0) == (TOLD,)
    for now in (0.1, 0.3, 1.0, 3.0, 9.0, 20.0):
        assert heard.hear(answer(), now) == ()
        assert not heard.hopeless
    heard.hear(answer(), 41.0)
    assert heard.hopeless
    found = heard.verdict("whatever Terraform says")
    assert isinstance(found, Shortage)
    assert found.spots == {HERE}
    assert found.why.startswith("We currently do not have sufficient t3.large capacity")


def made(kind: str = "t3.large", zone: str = A) -> str:
    """EC2's answer when there is room."""
    return (
        '<RunInstancesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/">\n <instancesSet>\n  <item>\n'
        f"   <instanceType>{kind}</instanceType>\n   <placement>\n"
        f"    <availabilityZone>{zone}</availabilityZone>\n   </placement>\n  </item>\n </instancesSet>\n"
        "</RunInstancesResponse>\n"
    )


@pytest.mark.parametrize("cut", [0, 30, 100, 180, 200])
def test_room_that_was_found_meanwhile_is_no_shortage(cut: int) -> None:
    """However the answer comes in: the log is read while it is written."""
    heard = Refusals(30)
    for now in (0.0, 0.1, 0.3):
        heard.hear(answer(), now)
    heard.hear(made()[:cut], 1.0)
    heard.hear(made()[cut:], 1.1)
    heard.hear(answer(), 60.0)
    heard.hear("", LATEST + 1)
    assert not heard.hopeless
    assert heard.verdict("another error") is None
    # Terraform itself gave up for that reason.
    assert isinstance(heard.verdict("InsufficientInstanceCapacity: We currently"), Shortage)


def test_what_was_heard_once_is_no_second_refusal() -> None:
    """The provider cuts long answers off, so an answer may never end."""
    heard = Refusals(30)
    heard.hear(made()[:60] + answer(), 0.0)
    for now in range(1, 60):
        heard.hear("another line\n", now)
    assert not heard.hopeless
    heard.hear("", LATEST)
    assert heard.hopeless


@pytest.mark.parametrize("other", [made("t3.small"), made(zone=B)])
def test_room_somewhere_else_is_none_here(other: str) -> None:
    heard = Refusals(30)
    heard.hear(answer() + other, 0.0)
    heard.hear(answer() + other, 31.0)
    assert heard.hopeless


def version_1(chance: random.Random, attempt: int) -> float:
    """Seconds until AWS' SDK for Go asks again: DefaultRetryer.RetryRules, of provider 3.39."""
    return float(min(chance.uniform(0.03, 0.06) * 2**attempt, chance.uniform(150, 300)))


def version_2(chance: random.Random, attempt: int) -> float:
    """The same of version 2, ExponentialJitterBackoff: anything up to twice as much as before."""
    return float(min(chance.random() * 2**attempt, 300.0))


@pytest.mark.parametrize("backoff", [version_1, version_2])
@settings(deadline=None, max_examples=25)  # each goes through minutes, look by look
@given(chance=st.randoms(use_true_random=False))
def test_a_lack_of_room_is_told_at_once_and_judged_within_two_minutes(
    backoff: Callable[[random.Random, int], float], chance: random.Random
) -> None:
    """Whatever the provider's back-off does: it may be silent for minutes, and says nothing itself."""
    heard, clock, never = Refusals(PATIENCE), FakeClock(), threading.Event()
    asked = [0.0]
    for attempt in range(25):
        asked.append(asked[-1] + backoff(chance, attempt))
    told: list[float] = []
    while not heard.hopeless and clock.monotonic() < 2 * LATEST:
        now = clock.monotonic()
        late = [at for at in asked if at <= now]
        del asked[: len(late)]
        told += [now for _ in heard.hear("".join(answer() for _ in late), now)]
        clock.wait(TICK, never)
    assert told == [0.0]
    assert clock.monotonic() <= LATEST + 2 * TICK < 120
    assert isinstance(heard.verdict(""), Shortage)


def test_each_spot_counts_by_itself() -> None:
    heard = Refusals(5)
    assert len(heard.hear(answer() + answer(zone=B), 0.0)) == 2
    heard.hear(answer(), 6.0)
    found = heard.verdict("")
    assert isinstance(found, Shortage) and found.spots == {HERE}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (answer().replace("<Message>", "\\n    <Message>"), TOLD),
        (
            "<Code>InsufficientInstanceCapacity</Code><Message>No room.</Message>",
            "EC2 has no capacity for a machine, it is asked again",
        ),
        ("<Code>InvalidParameterValue</Code><Message>sufficient x capacity</Message>", None),
        ("InsufficientInstanceCapacity: something quoted by a log line", None),
    ],
)
def test_other_forms(text: str, told: str | None) -> None:
    assert Refusals(5).hear(text, 0.0) == (() if told is None else (told,))


@pytest.mark.parametrize(
    "text",
    [
        '{"__type": "ExpiredTokenException", "message": "x"}',
        '{"__type":"com.amazon.coral.service#ExpiredTokenException"}',
        'http.response.body="{\\"__type\\":\\"ExpiredTokenException\\"}"',
        "<Error><Code>ExpiredToken</Code>",
        "<Error><Code>RequestExpired</Code>",
    ],
)
def test_expired_credentials_are_told_and_end_the_run(text: str) -> None:
    heard = Refusals(5)
    assert heard.hear(text, 0.0) == ("the AWS credentials have expired, it is tried again",)
    assert not heard.hopeless, "they may be refreshed"
    heard.hear(text, 6.0)
    found = heard.verdict("")
    assert isinstance(found, ToolError)
    assert "log in again" in found.cure


def test_places_are_tried_in_order_each_once() -> None:
    node = replace(NODE, instance_type="t3.large", zone=1, fallback=Fallback(("m5.large",), (1, 2)))
    assert places(node) == (
        Place("t3.large", 1),
        Place("t3.large", 2),
        Place("m5.large", 1),
        Place("m5.large", 2),
    )
    assert places(NODE) == (Place(NODE.instance_type, default_zone(NODE.name)),)


@pytest.fixture
def config(tmp_path: Path) -> Environment:
    node = replace(NODE, instance_type="t3.large", zone=0, fallback=Fallback(("m5.large",), (1,)))
    return environment(tmp_path, nodes=(node, replace(NODE, name="plain", zone=2)))


def test_a_machine_goes_where_there_is_room(config: Environment) -> None:
    assert choose(config, ZONES, {}, frozenset()) == {"cp": Place("t3.large", 0)}
    assert choose(config, ZONES, {}, frozenset({HERE})) == {"cp": Place("t3.large", 1)}
    assert choose(config, ZONES, {}, frozenset({HERE, Spot("t3.large", B)})) == {"cp": Place("m5.large", 0)}


def test_a_living_machine_stays(config: Environment) -> None:
    living = {"cp": Spot("m5.large", B)}
    assert choose(config, ZONES, living, frozenset()) == {"cp": Place("m5.large", 1)}
    assert choose(config, ZONES, living, frozenset({Spot("m5.large", B)})) == {"cp": Place("m5.large", 1)}
    # What the configuration does not name any more is changed by Terraform, as always.
    assert choose(config, ZONES, {"cp": Spot("z9.huge", C)}, frozenset()) == {"cp": Place("t3.large", 0)}


def test_nowhere_to_go_is_told_with_what_to_write(config: Environment) -> None:
    with pytest.raises(Shortage, match=r"no capacity for t3\.medium in ap-northeast-2c") as refused:
        choose(config, ZONES, {}, frozenset({Spot("t3.medium", C)}))
    assert refused.value.why == "node plain has no other place"
    assert "fallback: {instance_types:" in refused.value.cure


def test_terraform_gets_type_and_zone(config: Environment) -> None:
    nodes = variables(config, {"cp": Place("m5.large", 1)})["nodes"]
    assert isinstance(nodes, dict)
    assert (nodes["cp"]["instance_type"], nodes["cp"]["zone"]) == ("m5.large", 1)
    assert (nodes["plain"]["instance_type"], nodes["plain"]["zone"]) == ("t3.medium", 2)


def test_the_log_has_no_name_and_gives_whole_lines_once() -> None:
    with provider_log() as log:
        path = Path(log.environment["TF_LOG_PATH"])
        with path.open("ab") as writer:  # as Terraform opens it
            writer.write(b"one\ntw")
            writer.flush()
            assert log.news() == "one"
            writer.write(b"o\n")
            writer.flush()
            assert log.news() == "two"
            assert log.news() == ""
            writer.write(b"x" * MOST + b"\nend\n")
            writer.flush()
            seen = log.news() + "\n" + log.news()
        assert seen.endswith("end") or path.stat().st_size < MOST, "what was read does not pile up"
    assert not path.exists()
