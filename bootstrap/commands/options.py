"""What the command line said, for every command alike."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path

DEFAULT_CONFIG = "bootstrap.yaml"
DEFAULT_ENVIRONMENT = "local"


@dataclass(frozen=True)
class Options:
    """`output` is text or json; `save_screen` is where the final picture goes as SVG.

    `take_over` and `force_unlock` (the id of a Terraform lock) are the user's word where proof is missing.
    """

    config: Path = Path(DEFAULT_CONFIG)
    environment: str = DEFAULT_ENVIRONMENT
    output: str = "text"
    yes: bool = False
    save_screen: Path | None = None
    take_over: bool = False
    force_unlock: str = ""

    def command(self, name: str) -> str:
        """The command line that runs another command on the same environment."""
        words = ["bootstrap"]
        if self.config != Path(DEFAULT_CONFIG):
            words += ["--config", str(self.config)]
        words.append(name)
        if self.environment != DEFAULT_ENVIRONMENT:
            words += ["--environment", self.environment]
        return shlex.join(words)
