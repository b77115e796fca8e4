"""Stand-ins for programs, which run wherever the interpreter and the test's folder lie."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

# For a shell: the interpreter's path may hold spaces.
PYTHON = shlex.quote(sys.executable)


def program(path: Path, body: str, shell: str = "/bin/sh") -> Path:
    """Write an executable shell script and return its path."""
    path.write_text(f"#!{shell}\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
