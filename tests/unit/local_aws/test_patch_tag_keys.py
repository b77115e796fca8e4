"""A filter for several tag keys finds what has one of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from moto.ec2 import utils

from tests.aws_resources import spec
from tests.unit.local_aws.machines import ApplyPatch


@pytest.mark.parametrize("patched", [False, True])
def test_any_of_several_keys_is_enough(
    aws: Callable[[str], Any], patch: ApplyPatch, monkeypatch: pytest.MonkeyPatch, patched: bool
) -> None:
    monkeypatch.setattr(utils, "is_filter_matching", getattr(utils.is_filter_matching, "args", (None,))[0])
    if patched:
        patch("tag_keys")
    made = aws("ec2").create_vpc(CidrBlock="10.0.0.0/16", **spec("vpc", {"a": "1", "b": "2"}))
    wanted = [{"Name": "tag-key", "Values": ["a", "c"]}]
    found = aws("ec2").describe_vpcs(Filters=wanted)["Vpcs"]
    assert ([one["VpcId"] for one in found] == [made["Vpc"]["VpcId"]]) is patched
