"""The live view: a frame on stderr, redrawn a few times a second, and the same picture as an SVG file."""

from __future__ import annotations

import io
from pathlib import Path
from types import TracebackType

from rich.console import Console, Group
from rich.live import Live
from rich.terminal_theme import MONOKAI

from bootstrap.core.clock import Clock
from bootstrap.render.frame import frame
from bootstrap.render.view import RunView, see
from bootstrap.run.events import Stamped

PER_SECOND = 4
TALL = 10_000  # lines: no limit
SVG_WIDTH = 132  # columns

# Rich's own template loads a font from the network; a picture in a README must stand alone.
_SVG = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{ font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width; }}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


class LiveView:
    """A reader and a context manager; the terminal is as before when it is left, whatever happened."""

    def __init__(self, console: Console, clock: Clock) -> None:
        self._console, self._clock = console, clock
        self._view = RunView()
        self._start = clock.monotonic()
        self._live = Live(
            console=console,
            get_renderable=self._frame,
            refresh_per_second=PER_SECOND,
            transient=True,
            vertical_overflow="crop",
        )

    def __call__(self, stamped: Stamped) -> None:
        self._view = see(self._view, stamped)
        self._start = self._clock.monotonic() - stamped.elapsed

    def __enter__(self) -> LiveView:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def _frame(self) -> Group:
        # One line is left free: a frame as high as the terminal would scroll.
        width, height = self._console.size
        elapsed = self._clock.monotonic() - self._start
        return Group(*frame(self._view, elapsed, width, height - 1))


def show_final(console: Console, view: RunView) -> None:
    """The whole picture, once the run is over."""
    elapsed = view.end.seconds if view.end else 0.0
    for line in frame(view, elapsed, console.width, TALL):
        console.print(line, no_wrap=True, highlight=False)


def save_svg(view: RunView, path: Path) -> None:
    """The whole picture as an SVG file that needs nothing from elsewhere."""
    console = Console(
        record=True, width=SVG_WIDTH, file=io.StringIO(), force_terminal=True, color_system="truecolor"
    )
    show_final(console, view)
    title = f"bootstrap {view.command} --environment {view.environment}"
    svg = console.export_svg(title=title, theme=MONOKAI, code_format=_SVG, unique_id="screen")
    path.write_text(svg, encoding="utf-8")
