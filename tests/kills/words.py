"""What differs between two runs that are the same: ids, addresses, times. Taken out here. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

# In this order: what is more special comes first.
_RUBBED_OUT = (
    (re.compile(r"\bkube-api-access-[a-z0-9]{5}\b"), "kube-api-access"),
    (re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)?"), "<time>"),
    (re.compile(r"\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b"), "<mac>"),
    (re.compile(r"\b(ip|ec2)-\d+-\d+-\d+-\d+\b"), "<host>"),
    (re.compile(r"\b\d+\.\d+\.\d+\.\d+\b(?!/\d)"), "<address>"),
    (re.compile(r"127\.0\.0\.1:\d+|localhost:\d+"), "<port>"),
    (re.compile(r"\b[a-z]+-[0-9a-f]{8,17}\b"), "<id>"),
    (re.compile(r"\b(AROA|AIPA|ANPA|AIDA)[A-Z0-9]{8,}\b"), "<id>"),
    (re.compile(r"\b(?=[A-Z]*[0-9])[A-Z0-9]{14,}\b"), "<id>"),
    (re.compile(r"\b[0-9a-f]{16,64}\b"), "<hex>"),
)


def plain(value: Any, labels: Mapping[str, str], volatile: frozenset[str]) -> str:
    """As text that two equal things have in common: without `volatile` keys, ids as their labels."""
    return json.dumps(_sorted(value, labels, volatile), sort_keys=True)


def _sorted(value: Any, labels: Mapping[str, str], volatile: frozenset[str]) -> Any:
    """Lists in an order of their own, since AWS and the API server promise none for most."""
    if isinstance(value, Mapping):
        kept = {key: each for key, each in value.items() if key not in volatile}
        return {
            words(str(key), labels): _sorted(each, labels, volatile) for key, each in sorted(kept.items())
        }
    if isinstance(value, list | tuple):
        return sorted((_sorted(each, labels, volatile) for each in value), key=_order)
    return value if isinstance(value, bool | int | None) else words(str(value), labels)


def _order(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


def words(text: str, labels: Mapping[str, str]) -> str:
    """The text with known ids as what they stand for, and everything else that is made up rubbed out."""
    text = _IDS.sub(lambda match: labels.get(match[0], match[0]), text)
    for pattern, mark in _RUBBED_OUT:
        text = pattern.sub(mark, text)
    return text


_IDS = re.compile(r"\b[a-z]+-[0-9a-f]{8,17}\b|\b[A-Z0-9]{14,}\b")
