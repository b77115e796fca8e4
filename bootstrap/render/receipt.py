"""What `down` leaves in your hands: `receipt.json` and `receipt.html`: what was removed, kept and left."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

from bootstrap.render.report import moment, rendered
from bootstrap.render.view import RunView

FORMAT = 1  # of receipt.json: raised when a key changes its meaning


def write(view: RunView, folder: Path) -> Path:
    """Write both to the run's folder; the path of the page."""
    data = json.dumps(as_data(view), ensure_ascii=False, indent=2)
    (folder / "receipt.json").write_text(data + "\n", encoding="utf-8")
    page = folder / "receipt.html"
    page.write_text(as_html(view), encoding="utf-8")
    return page


def as_data(view: RunView) -> dict[str, Any]:
    """The receipt as plain data. `complete`: the run ended well and nothing was left."""
    end = view.end
    removed = [change for change in view.resources if change.action == "delete"]
    return {
        "version": FORMAT,
        "run": view.run,
        "environment": view.environment,
        "target": view.target,
        "started": moment(view.started),
        "seconds": round(end.seconds, 3) if end else None,
        "complete": bool(end and end.outcome == "succeeded" and not view.left),
        "error": end.error if end else "",
        "removed": [{"resource": change.resource, "by": change.step} for change in removed],
        "kept": [{"resource": item.resource, "reason": item.reason} for item in view.kept],
        "left": [{"resource": i.resource, "reason": i.reason, "cure": i.cure} for i in view.left],
        "notices": list(view.notices),
    }


def as_html(view: RunView) -> str:
    """The receipt as a page that stands alone."""
    data = as_data(view)
    counts = Counter(item["by"] for item in data["removed"])
    return rendered("receipt.html", receipt=data, counts=counts)
