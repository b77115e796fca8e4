"""Every error the product raises on purpose.

    BootstrapError                    says what happened to what, why, and what to do next
    ├── TemporaryError                "retry me": the runner tries the step again, with back-off
    └── PermanentError                "give up": nothing the runner can do will help
        ├── UsageError        exit 2  unknown command, flag, environment
        ├── ConfigError       exit 2  bad configuration, all problems at once, with file and line
        ├── PreflightError    exit 3  refused before anything was touched, all problems at once
        ├── DeadlineError     exit 4  a wait ran out; names what is pending and its last reason
        ├── StuckError        exit 5  something will never heal by itself; names cause and command
        ├── LockedError       exit 6  somebody else holds the environment; names the holder
        ├── LeftoverError     exit 7  `down` could not remove everything; names what is left
        ├── ToolError         exit 8  a program we run (terraform, helm, …) failed
        ├── LintError         exit 9  what is in Git cannot come up in this order
        └── SlowerError       exit 10 a drill was well, but slower than usual
    Interrupted               exit 130  Ctrl-C; says how to resume

Exit code 0 is success, 1 is a defect of ours (please report it). The codes are part of the interface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


class BootstrapError(Exception):
    """Base of all. `what` happened to what, `why`, and the `cure`: what to do or type next."""

    exit_code = 1

    def __init__(self, what: str, why: str = "", cure: str = "") -> None:
        self.what, self.why, self.cure = what, why, cure
        super().__init__(". ".join(part.rstrip(".") for part in (what, why) if part))


class TemporaryError(BootstrapError):
    """The same call may succeed later. `delay` (seconds) is a lower bound asked for by the other side."""

    exit_code = 5

    def __init__(self, what: str, why: str = "", cure: str = "", delay: float = 0.0) -> None:
        super().__init__(what, why, cure)
        self.delay = delay


class PermanentError(BootstrapError):
    """Trying again will not help."""

    exit_code = 5


class UsageError(PermanentError):
    exit_code = 2


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, where, and its cure. `where` is `file:line`, a tool, an AWS resource …"""

    where: str
    what: str
    cure: str = ""

    def __str__(self) -> str:
        head = f"{self.where}: {self.what}" if self.where else self.what
        return f"{head}\n    cure: {self.cure}" if self.cure else head


class ProblemsError(PermanentError):
    """Carries all problems found, not only the first."""

    def __init__(self, what: str, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(what, "\n" + "\n".join(f"  - {problem}" for problem in self.problems))
        self.args = (f"{what}:{self.why}",)


class ConfigError(ProblemsError):
    exit_code = 2


class PreflightError(ProblemsError):
    exit_code = 3


class DeadlineError(PermanentError):
    exit_code = 4


class StuckError(PermanentError):
    exit_code = 5


class LockedError(PermanentError):
    exit_code = 6


class LeftoverError(ProblemsError):
    exit_code = 7


class ToolError(PermanentError):
    exit_code = 8


class LintError(PermanentError):
    exit_code = 9


class SlowerError(PermanentError):
    exit_code = 10


class Interrupted(BootstrapError):
    exit_code = 130
