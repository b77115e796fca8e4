"""How long the caller's credentials live, as far as this machine can tell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from bootstrap.aws.api import Api

# Set beside the keys by `aws configure export-credentials` and by most tools that hand out sessions.
_EXPIRY = ("AWS_CREDENTIAL_EXPIRATION", "AWS_SESSION_EXPIRATION")
SHORTEST = 900.0  # seconds; a run that is cut off earlier than this is not worth beginning
EXPECTED = 3600.0  # seconds that a run may take


@dataclass(frozen=True)
class Life:
    """`temporary` credentials end; they are `refreshed` by themselves, or end at `expires` (Unix seconds)."""

    temporary: bool
    refreshed: bool
    expires: float | None = None


def life(api: Api, environ: Mapping[str, str]) -> Life:
    """That of the credentials with which an Api signs."""
    signer = api.signer()
    if signer.refreshed:
        return Life(temporary=signer.known, refreshed=True)
    told = next((environ[name] for name in _EXPIRY if environ.get(name)), "")
    ours = bool(signer.token) and signer.token == environ.get("AWS_SESSION_TOKEN")
    return Life(temporary=bool(signer.token), refreshed=False, expires=_unix(told) if ours else None)


def verdict(found: Life, now: float) -> tuple[str, str]:
    """(why the run is refused, what is to be known); both empty when there is nothing to say. Pure."""
    if found.refreshed or not found.temporary:
        return "", ""
    if found.expires is None:
        return "", "the credentials are temporary and nothing tells when they expire; if they do, run again"
    left = found.expires - now
    if left < SHORTEST:
        return (
            f"the credentials expire in {max(0.0, left) / 60:.0f} min, a run takes up to {EXPECTED / 60:.0f}",
            "",
        )
    if left < EXPECTED:
        return "", f"the credentials expire in {left / 60:.0f} min; if that is in the middle, run again"
    return "", ""


def _unix(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()
    except ValueError:
        return None
