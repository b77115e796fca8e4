"""Writes .ci/requirements/: the pinned packages of each set, with the hashes of all their files.

    make lock                     add what pyproject.toml newly asks for, keep all other versions
    make lock FLAGS=--upgrade     take the newest versions that pyproject.toml allows

The files hold for every platform and every Python from 3.11 on. A hash is that of the file itself, so any
index or mirror that serves the same files will do.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from environment import REQUIREMENTS, ROOT, requirements

UV = Path(sys.executable).with_name("uv")
COMPILE = ("pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes")
PLAIN = ("--no-annotate", "--no-emit-index-url", "--custom-compile-command", "make lock")
AGREED = ("--constraint", str(requirements("dev")))

# The largest set first: the others take its versions.
SETS = {
    "dev": ("pyproject.toml", "--extra", "local", "--extra", "dev"),
    "local": ("pyproject.toml", "--extra", "local", *AGREED),
    "aws": ("pyproject.toml", *AGREED),
    "build": ("--group", "build", *AGREED),
    "lock": ("--group", "lock", *AGREED),
}


def main(flags: list[str]) -> None:
    (ROOT / REQUIREMENTS).mkdir(exist_ok=True)
    for name, source in SETS.items():
        argv = [str(UV), *COMPILE, *PLAIN, *flags, "--output-file", str(requirements(name)), *source]
        subprocess.run(argv, cwd=ROOT, check=True)


if __name__ == "__main__":
    main(sys.argv[1:])
