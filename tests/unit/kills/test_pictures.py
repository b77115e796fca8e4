"""What two equal worlds have in common, and what makes them differ."""

from __future__ import annotations

from typing import Any

from tests.kills.cloud import addresses
from tests.kills.cluster import picture
from tests.kills.words import plain, words
from tests.kills.world import Memory, differ

NOTHING: frozenset[str] = frozenset()


def test_ids_become_what_they_stand_for() -> None:
    labels = {"vpc-0a1b2c3d": "<vpc eco2>"}
    assert words("in vpc-0a1b2c3d and sg-0a1b2c3d4e5f60718", labels) == "in <vpc eco2> and <id>"


def test_what_is_made_up_is_rubbed_out_and_what_is_chosen_is_not() -> None:
    assert (
        words("10.0.3.7 in 10.0.0.0/16 at 2026-11-21T11:36:33Z", {}) == "<address> in 10.0.0.0/16 at <time>"
    )
    assert words("pvc-3f2504e0-4f89-11d3-9a0c-0305e82c3301", {}) == "pvc-<uuid>"
    assert words("/hostedzone/PA2DS4335XFA2Z2YN1QXHZ", {}) == "/hostedzone/<id>"
    assert (
        words("ReadWriteOnce aws-load-balancer-controller", {})
        == "ReadWriteOnce aws-load-balancer-controller"
    )


def test_order_does_not_matter() -> None:
    one = {"Tags": [{"Key": "a"}, {"Key": "b"}], "Port": 80, "Old": True}
    other = {"Old": False, "Port": 80, "Tags": [{"Key": "b"}, {"Key": "a"}]}
    assert plain(one, {}, frozenset({"Old"})) == plain(other, {}, frozenset({"Old"}))
    assert plain(one, {}, NOTHING) != plain(other, {}, NOTHING)


def test_a_duplicate_counts_as_often_as_it_is_there() -> None:
    assert differ("aws", ["vpc", "subnet"], ["vpc", "vpc"]) == ["aws: missing: subnet", "aws: too much: vpc"]
    assert differ("aws", ["vpc", "vpc"], ["vpc", "vpc"]) == []


def test_generated_names_differ_and_objects_do_not() -> None:
    def pod(suffix: str, image: str = "api:1") -> dict[str, Any]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": f"api-{suffix}", "generateName": "api-", "namespace": "shop"},
            "spec": {"image": image, "nodeName": suffix},
            "status": {"podIP": suffix},
        }

    assert picture([pod("x1")]) == picture([pod("y2")])
    assert picture([pod("x1")]) != picture([pod("x1", "api:2")])
    assert len(picture([pod("x1"), pod("y2")])) == 2


def test_old_replica_sets_are_history_and_the_living_are_not() -> None:
    def replica_set(replicas: int) -> dict[str, Any]:
        return {"kind": "ReplicaSet", "metadata": {"name": "api-1"}, "spec": {"replicas": replicas}}

    assert len(picture([replica_set(0), replica_set(1)])) == 1


def test_the_state_lists_every_instance_of_what_it_manages() -> None:
    resources = [
        {
            "mode": "managed",
            "module": "module.nodes",
            "type": "aws_instance",
            "name": "this",
            "instances": [{"index_key": "b", "attributes": {}}, {"index_key": "a", "attributes": {}}],
        },
        {"mode": "data", "type": "aws_ami", "name": "it", "instances": [{"attributes": {}}]},
    ]
    expected = ['module.nodes.aws_instance.this["a"]', 'module.nodes.aws_instance.this["b"]']
    assert addresses({"resources": resources}) == expected


def test_a_secret_must_not_change_or_vanish_once_it_was_seen() -> None:
    memory = Memory()
    assert memory.compare({"a": "1"}, when=0.0) == []
    assert memory.compare({"a": "1", "b": "2"}, when=1.0) == []
    assert memory.compare({"a": "9"}, when=2.0) == ["parameter a was changed", "parameter b was lost"]


def test_an_aws_that_died_may_have_forgotten_what_is_young_and_nothing_else() -> None:
    memory = Memory()
    memory.compare({"old": "1"}, when=0.0)
    memory.compare({"old": "1", "young": "2"}, when=100.0)
    memory.aws_died(when=101.0)
    assert memory.compare({}, when=102.0) == ["parameter old was lost"]
