"""The report as SARIF 2.1.0, as code scanning services read it. Pure.

https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from bootstrap import __version__
from bootstrap.gitops.model import Location, Unchecked
from bootstrap.lint.model import Finding, Severity
from bootstrap.lint.report import Report
from bootstrap.lint.rules.rule import Rule

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
FINGERPRINT = "bootstrapLint/v1"  # a new name whenever the way it is computed changes

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}


def encode(report: Report) -> dict[str, Any]:
    driver = {
        "name": "bootstrap lint",
        "version": __version__,
        "semanticVersion": __version__,
        "rules": [_rule(rule) for rule in report.rules],
        "notifications": [
            {"id": "not-checked", "shortDescription": {"text": "Could not be checked offline."}},
            {
                "id": "stand-in",
                "shortDescription": {"text": "Not fetched; a stand-in was checked."},
            },
        ],
    }
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"bootstrap-lint/{report.environment}/"},
        "columnKind": "unicodeCodePoints",
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [
                    *(_not_checked(one) for one in report.unchecked),
                    *(_stand_in(name) for name in report.stand_ins),
                ],
            }
        ],
        "results": list(_results(report)),
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    told = rule.text
    return {
        "id": rule.id,
        "shortDescription": {"text": told.summary},
        "fullDescription": {"text": told.explanation},
        "help": {"text": "\n\n".join(told.paragraphs), "markdown": told.markdown},
        "defaultConfiguration": {"level": _LEVELS[told.severity]},
    }


def _results(report: Report) -> Iterator[dict[str, Any]]:
    index = {rule.id: number for number, rule in enumerate(report.rules)}
    twins: Counter[str] = Counter()
    silenced = [(one.finding, [_suppression(one.reason)]) for one in report.suppressed]
    for finding, suppressions in (*((finding, []) for finding in report.sorted), *silenced):
        # No line in it: findings keep their identity when something is inserted above them.
        identity = "\0".join((finding.rule, finding.where.file, finding.subject, finding.other))
        twins[identity] += 1
        yield {
            "ruleId": finding.rule,
            **({"ruleIndex": index[finding.rule]} if finding.rule in index else {}),
            "level": _LEVELS[finding.severity],
            "message": {"text": message(finding)},
            "locations": [_location(finding.where, finding.subject)],
            "partialFingerprints": {
                FINGERPRINT: sha256(
                    f"{identity}\0{twins[identity]}".encode(errors="surrogateescape")
                ).hexdigest()
            },
            "suppressions": suppressions,
        }


def _suppression(reason: str) -> dict[str, Any]:
    return {"kind": "inSource", "justification": reason}


def message(finding: Finding) -> str:
    """The finding in a paragraph."""
    objects = f"{finding.subject} ↔ {finding.other}" if finding.other else finding.subject
    return f"{objects}: {finding.why.rstrip('.')}.{cure(finding.cure)}"


def cure(text: str) -> str:
    """The cure as a sentence to be added; empty for none."""
    return f" Cure: {text}" if text else ""


def _location(where: Location, subject: str = "") -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": quote(os.fsencode(where.file)), "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": max(where.line, 1)},
    }
    return {
        "physicalLocation": place,
        **({"logicalLocations": [{"fullyQualifiedName": subject}]} if subject else {}),
    }


def _stand_in(name: str) -> dict[str, Any]:
    return {
        "descriptor": {"id": "stand-in"},
        "level": "note",
        "message": {"text": f"{name} could not be fetched; a stand-in was checked instead"},
    }


def _not_checked(one: Unchecked) -> dict[str, Any]:
    return {
        "descriptor": {"id": "not-checked"},
        "level": "warning",
        "message": {"text": f"not checked: {one.what}: {one.why.rstrip('.')}.{cure(one.cure)}"},
        "locations": [_location(one.where)],
    }
