"""An exception nobody foresaw is a defect of ours: its traceback goes to a file, never to the screen."""

from __future__ import annotations

import traceback
from pathlib import Path

from bootstrap.core.errors import BootstrapError
from bootstrap.core.redact import Secrets


class Defect(BootstrapError):
    """Stands for an unforeseen exception, whose own text is kept off the screen: it may hold anything."""

    exit_code = 1


def record(error: BaseException, during: str, folder: Path, secrets: Secrets | None = None) -> Defect:
    """Write the redacted traceback to `folder` (readable by the user alone) and return what to tell.

    Without `secrets` nobody knows what the exception's own text may hold: then only the frames are kept.
    """
    if secrets is None:
        text = "".join([*traceback.format_tb(error.__traceback__), type(error).__name__, "\n"])
    else:
        text = secrets.redact("".join(traceback.format_exception(error)))
    path = folder / f"defect-{during}.txt"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    except OSError as failure:
        cure = f"please report it; the traceback could not be kept ({failure.strerror}: {path})"
    else:
        cure = f"please report it, with the file {path}"
    return Defect(f"a defect in bootstrap itself, during '{during}'", type(error).__name__, cure)
