"""The report as JSON. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from bootstrap.gitops.model import Unchecked
from bootstrap.lint.report import Report

FORMAT = 1  # raised when a key changes its meaning


def encode(report: Report) -> dict[str, Any]:
    return {
        "version": FORMAT,
        "environment": report.environment,
        "ok": report.ok,
        "strict": report.strict,
        "applications": report.applications,
        "waves": report.waves,
        "objects": report.objects,
        "seconds": round(report.seconds, 3),
        "findings": [asdict(finding) for finding in report.sorted],
        "suppressed": [{**asdict(one.finding), "reason": one.reason} for one in report.suppressed],
        "not_checked": [_unchecked(one) for one in report.unchecked],
        "stand_ins": list(report.stand_ins),
        "advice": list(report.advice),
    }


def _unchecked(one: Unchecked) -> dict[str, Any]:
    return {"what": one.what, "why": one.why, "where": asdict(one.where), "cure": one.cure}
