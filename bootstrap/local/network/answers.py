"""How a simulated program answers the API server. Pure.

A webhook allows everything unchanged, a conversion changes only the version, and an aggregated API serves no
kinds.
"""

from __future__ import annotations

import json
from typing import Any


def answer(method: str, path: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """HTTP status and JSON body."""
    if method == "POST":
        return _review(body)
    parts = path.partition("?")[0].strip("/").split("/")
    if len(parts) == 3 and parts[0] == "apis":
        return 200, {
            "kind": "APIResourceList",
            "apiVersion": "v1",
            "groupVersion": "/".join(parts[1:]),
            "resources": [],
        }
    if path.partition("?")[0] in ("/healthz", "/readyz", "/livez", "/"):
        return 200, {}
    return 404, _failure(404, "NotFound")


def _review(body: bytes) -> tuple[int, dict[str, Any]]:
    try:
        review = json.loads(body)
        request = review["request"]
    except (ValueError, KeyError, TypeError):
        return 400, _failure(400, "BadRequest")
    head = {"apiVersion": review["apiVersion"], "kind": review["kind"]}
    if review["kind"] == "ConversionReview":
        return 200, {**head, "response": _converted(request)}
    return 200, {**head, "response": {"uid": request["uid"], "allowed": True}}


def _failure(code: int, reason: str) -> dict[str, Any]:
    return {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": code}


def _converted(request: dict[str, Any]) -> dict[str, Any]:
    objects = [{**item, "apiVersion": request["desiredAPIVersion"]} for item in request["objects"]]
    return {"uid": request["uid"], "result": {"status": "Success"}, "convertedObjects": objects}
