"""Label selectors as the API server reads them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")


def matches(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a LabelSelector selects these labels. None and an empty one select everything."""
    if not selector:
        return True
    wanted = selector.get("matchLabels") or {}
    if not contains(labels, wanted):
        return False
    return all(_holds(one, labels) for one in selector.get("matchExpressions") or ())


def contains(labels: Mapping[str, str], wanted: Mapping[str, Any]) -> bool:
    """Whether all wanted labels are present, as for a Service's selector."""
    return all(labels.get(key) == str(value) for key, value in wanted.items())


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = str(expression.get("key")), [str(value) for value in expression.get("values") or ()]
    match expression.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case "DoesNotExist":
            return key not in labels
    return False
