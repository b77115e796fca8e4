"""Where moto differs from AWS in a way that Terraform or the platform trips over.

One module patches one difference; its docstring says what AWS does and what breaks without the patch. Its
test in tests/unit/local_aws fails once moto itself behaves like AWS. Importing a patch imports moto, so
`apply` imports them late.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

Setter = Callable[[Any, str, Any], None]  # setattr, or something that can undo it

PATCHES = (
    "lookups",
    "primary_interface",
    "termination",
    "volumes",
    "nat_gateways",
    "commands",
    "bucket_policies",
    "offerings",
    "partitions",
    "tracking",
    "tag_keys",
    "load_balancers",
    "dependencies",
)


def apply(patch: Setter = setattr) -> None:
    """Patch moto in this process. Call it once: a patched function calls the one it replaces."""
    for name in PATCHES:
        import_module(f"{__name__}.{name}").apply(patch)
