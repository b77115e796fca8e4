"""Where moto differs from AWS in a way that Terraform or the platform trips over, mended.

One module a difference; its docstring says what AWS does and what breaks without it. Each has its test in
tests/unit/local_aws, which fails once moto mends it itself. Importing a mend imports moto, so `apply` does it
late.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

Patch = Callable[[Any, str, Any], None]  # setattr, or something that can undo it

MENDS = (
    "primary_interface",
    "termination",
    "volumes",
    "nat_gateways",
    "commands",
    "bucket_policies",
    "offerings",
    "partitions",
    "tracking",
    "load_balancers",
    "dependencies",
)


def apply(patch: Patch = setattr) -> None:
    """Mend moto in this process. To be done once: replacements call what they replace."""
    for name in MENDS:
        import_module(f"{__name__}.{name}").mend(patch)
