"""What a command is about to remove, and what makes it ours to remove."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from bootstrap.aws.inventory import Found, Proof


def going(found: Iterable[Found], region: str) -> Iterator[str]:
    """What goes, by kind and by what makes it ours."""
    kinds: dict[Proof, Counter[str]] = {}
    for each in found:
        if each.proof.ours:
            kinds.setdefault(each.proof, Counter())[each.resource.kind] += 1
    for proof, counted in sorted(kinds.items()):
        counts = ", ".join(f"{count} {kind}" for kind, count in sorted(counted.items()))
        yield f"to go in {region}: {counts} (each {proof})"
