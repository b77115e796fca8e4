"""A Drawing as Mermaid (mermaid.js.org), which code hosts draw in Markdown. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from bootstrap.lint.draw.model import Drawing


def render(drawing: Drawing) -> str:
    return "\n".join(_lines(drawing)) + "\n"


def _lines(drawing: Drawing) -> Iterator[str]:
    ids = {box.name: f"a{number}" for number, box in enumerate(drawing.boxes)}
    yield "flowchart TD"
    for row, wave in enumerate(drawing.waves):
        yield f'  subgraph w{row}["wave {_text(wave)}"]'
        yield "    direction LR"
        yield from (f'    {ids[box.name]}["{_text(box.name)}"]' for box in drawing.boxes if box.row == row)
        yield "  end"
    # Invisible links keep the waves below each other, whatever the needs are.
    first = {box.row: ids[box.name] for box in reversed(drawing.boxes)}
    links = len(drawing.waves) - 1
    yield from (f"  {first[row]} ~~~ {first[row + 1]}" for row in range(links))
    for arrow in drawing.arrows:
        line = "-.->" if arrow.broken else "-->"
        yield f'  {ids[arrow.provider]} {line}|"{_text(", ".join(arrow.topics))}"| {ids[arrow.user]}'
    broken = [str(max(links, 0) + number) for number, arrow in enumerate(drawing.arrows) if arrow.broken]
    if broken:
        yield f"  linkStyle {','.join(broken)} stroke:#d1242f,stroke-width:3px,color:#d1242f"


def _text(text: str) -> str:
    """Mermaid reads entity codes with # instead of &."""
    kept = {" ", "-", ".", "_", "/", ",", ":"}
    return "".join(one if one.isalnum() or one in kept else f"#{ord(one)};" for one in text)
