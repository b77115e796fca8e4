"""Events as JSON lines: `events.jsonl` of every run, and `--output json`."""

from __future__ import annotations

import json
from typing import TextIO

from bootstrap.run.events import Stamped, encode


class JsonLines:
    """A reader that writes one line an event and flushes, so that a killed run leaves a whole log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __call__(self, stamped: Stamped) -> None:
        self._stream.write(json.dumps(encode(stamped), ensure_ascii=False, default=str) + "\n")
        self._stream.flush()
