"""The tree as a picture: Applications by wave, and who needs whom.

model.py    Tree, Graph → Drawing: only what has to be seen
layout.py   Drawing → places: a row a wave, few crossings
svg.py      places → SVG; mermaid.py  Drawing → Mermaid
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bootstrap.core.errors import UsageError
from bootstrap.lint.draw import mermaid, svg
from bootstrap.lint.draw.model import Drawing, drawing

__all__ = ["Drawing", "drawing", "form_of"]

FORMS: dict[str, Callable[[Drawing], str]] = {
    ".svg": svg.render,
    ".mmd": mermaid.render,
    ".mermaid": mermaid.render,
}


def form_of(path: Path) -> Callable[[Drawing], str]:
    """What draws a file of that name. Raises UsageError for a suffix that nothing draws."""
    if path.suffix not in FORMS:
        raise UsageError(f"{path} cannot be drawn", cure=f"name a file that ends in {', '.join(FORMS)}")
    return FORMS[path.suffix]
