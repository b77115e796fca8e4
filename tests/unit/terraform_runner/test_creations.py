from __future__ import annotations

import json
from typing import Any

from bootstrap.terraform.creations import Creation, Creations, creations


def change(address: str, kind: str, actions: list[str], after: dict[str, Any] | None) -> dict[str, Any]:
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "change": {"actions": actions, "after": after},
    }


def test_what_is_made_what_goes_and_what_is_there() -> None:
    plan = {
        "resource_changes": [
            change("aws_vpc.this", "aws_vpc", ["create"], {"cidr_block": "10.0.0.0/16", "ipv6": None}),
            change("aws_eip.old", "aws_eip", ["delete"], None),
            change("aws_route.x", "aws_route", ["delete", "create"], {}),
            change("aws_subnet.kept", "aws_subnet", ["no-op"], {"id": "subnet-1"}),
            {**change("data.aws_ami.x", "aws_ami", ["create"], {}), "mode": "data"},
        ],
        "prior_state": {
            "values": {
                "root_module": {
                    "resources": [{"mode": "managed", "type": "aws_eip", "values": {"id": "eipalloc-1"}}],
                    "child_modules": [
                        {
                            "resources": [
                                {"mode": "managed", "type": "aws_subnet", "values": {"id": "subnet-1"}}
                            ]
                        }
                    ],
                }
            }
        },
    }
    assert creations(json.dumps(plan)) == Creations(
        items=(Creation("aws_vpc.this", "aws_vpc", {"cidr_block": "10.0.0.0/16"}),),
        managed=frozenset({("aws_eip", "eipalloc-1"), ("aws_subnet", "subnet-1")}),
        going=frozenset({"aws_eip", "aws_route"}),
    )


def test_an_empty_account() -> None:
    assert creations("{}") == Creations((), frozenset(), frozenset())
