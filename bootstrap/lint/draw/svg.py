"""A Drawing as an SVG file that stands alone: light or dark, a tooltip for every box and arrow. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bootstrap.core.xml import escaped
from bootstrap.lint.draw.layout import BOX_HEIGHT, LETTER, ROW, Layout, Point, Position, lay_out
from bootstrap.lint.draw.model import Arrow, Box, Drawing

MARGIN = 24.0
HEAD = 64.0  # height of title and legend

_STYLE = """\
:root { color-scheme: light dark }
.page { fill: #ffffff } .band { fill: #f4f6f8 } .title { fill: #1f2328; font-size: 16px; font-weight: 600 }
.wave, .note { fill: #59636e } .box rect { fill: #ffffff; stroke: #59636e } .box text { fill: #1f2328 }
.arrow { fill: none; stroke: #8c959f; stroke-width: 1.4 } .head { fill: #8c959f }
.broken { stroke: #d1242f; stroke-width: 2.4; stroke-dasharray: 6 3 } .head-broken { fill: #d1242f }
.box:hover rect { stroke-width: 2.5 } .arrow:hover { stroke-width: 4 }
text { font: 12px ui-sans-serif, system-ui, "Segoe UI", "DejaVu Sans", sans-serif }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117 } .band { fill: #151b23 } .title { fill: #f0f6fc } .wave, .note { fill: #9198a1 }
.box rect { fill: #212830; stroke: #9198a1 } .box text { fill: #f0f6fc } .arrow { stroke: #656c76 }
.head { fill: #656c76 } .broken { stroke: #ff6a69 } .head-broken { fill: #ff6a69 } }"""


def render(drawing: Drawing) -> str:
    return "\n".join(_lines(drawing, lay_out(drawing))) + "\n"


def _lines(drawing: Drawing, layout: Layout) -> Iterator[str]:
    label = max((len(f"wave {wave}") for wave in drawing.waves), default=0) * LETTER + 16
    legend = _legend(drawing)
    width = max(label + layout.width, len(legend) * LETTER) + 2 * MARGIN
    height = HEAD + layout.height + 2 * MARGIN
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" role="img">'
    )
    yield f"<title>{escaped(drawing.title)}</title>"
    yield f"<style>\n{_STYLE}\n</style>"
    yield f"<defs>{_marker('head')}{_marker('head-broken')}</defs>"
    yield f'<rect class="page" width="{width:.0f}" height="{height:.0f}"/>'
    yield f'<text class="title" x="{MARGIN}" y="{MARGIN + 12}">{escaped(drawing.title)}</text>'
    yield f'<text class="note" x="{MARGIN}" y="{MARGIN + 32}">{escaped(legend)}</text>'
    yield f'<g transform="translate({MARGIN} {HEAD + MARGIN})">'
    for row, wave in enumerate(drawing.waves):
        top = row * ROW - 8
        across = width - 2 * MARGIN
        yield f'<rect class="band" y="{top}" width="{across:.0f}" height="{BOX_HEIGHT + 16}" rx="6"/>'
        yield f'<text class="wave" x="8" y="{top + 8 + BOX_HEIGHT / 2 + 4}">wave {escaped(wave)}</text>'
    yield f'<g transform="translate({label:.0f} 0)">'
    pairs = sorted(zip(drawing.arrows, layout.ways, strict=True), key=lambda pair: pair[0].broken)
    yield from (_arrow(arrow, way) for arrow, way in pairs)  # broken ones are drawn last, so on top
    yield from (_box(box, layout.boxes[box.name]) for box in drawing.boxes)
    yield "</g></g></svg>"


def _legend(drawing: Drawing) -> str:
    broken = sum(arrow.broken for arrow in drawing.arrows)
    parts = ["an arrow leads from what is needed to who needs it"]
    if broken:
        parts.append(f"red: comes too late ({broken})")
    if drawing.left_out:
        parts.append(f"{drawing.left_out} arrows that follow from others are left out")
    return "; ".join(parts)


def _marker(name: str) -> str:
    return (
        f'<marker id="{name}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" '
        f'markerUnits="userSpaceOnUse" orient="auto"><path class="{name}" d="M0 0 8 4 0 8z"/></marker>'
    )


def _arrow(arrow: Arrow, way: Sequence[Point]) -> str:
    kind, head = ("arrow broken", "head-broken") if arrow.broken else ("arrow", "head")
    told = [f"{arrow.user} needs {arrow.provider}" + (", which comes too late" if arrow.broken else "")]
    return (
        f'<path class="{kind}" marker-end="url(#{head})" d="{_path(way)}">'
        f"<title>{escaped(chr(10).join([*told, *arrow.reasons]))}</title></path>"
    )


def _path(way: Sequence[Point]) -> str:
    """Curves that leave and enter every point upright."""
    (x, y), *rest = way
    parts = [f"M{x:.1f} {y:.1f}"]
    if len(way) == 3 and way[0][1] == way[2][1]:
        (over, top), (x2, y2) = rest
        return f"{parts[0]}Q{over:.1f} {top:.1f} {x2:.1f} {y2:.1f}"
    for x2, y2 in rest:
        middle = (y + y2) / 2
        parts.append(f"C{x:.1f} {middle:.1f} {x2:.1f} {middle:.1f} {x2:.1f} {y2:.1f}")
        x, y = x2, y2
    return "".join(parts)


def _box(box: Box, position: Position) -> str:
    left, top = position.x - position.width / 2, position.y - BOX_HEIGHT / 2
    told = escaped("\n".join([f"{box.name}, wave {box.wave}", *box.notes]))
    return (
        f'<g class="box"><title>{told}</title>'
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{position.width:.1f}" height="{BOX_HEIGHT:.0f}" rx="5"/>'
        f'<text x="{position.x:.1f}" y="{position.y + 4:.1f}" text-anchor="middle">'
        f"{escaped(box.name)}</text></g>"
    )
