"""Passwords for seeds. Only `secrets` decides; the policy is the seed's own."""

from __future__ import annotations

import secrets
import string

from bootstrap.config.model import Generate

# Every class of an alphabet occurs at least once. No symbol ends a word in a URL, a shell, YAML or SQL.
ALPHABETS: dict[str, tuple[str, ...]] = {
    "alphanumeric": (string.ascii_lowercase, string.ascii_uppercase, string.digits),
    "hex": ("0123456789abcdef",),
    "url-safe": (string.ascii_lowercase, string.ascii_uppercase, string.digits + "-_"),
    "symbols": (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+"),
}


def generate(policy: Generate) -> str:
    """A password of `policy.length` characters. Uniform over all that hold every class of the alphabet.

    Raises KeyError for an alphabet that is not in `ALPHABETS` (the configuration is checked before).
    """
    classes = ALPHABETS[policy.alphabet]
    letters = "".join(classes)
    while True:
        password = "".join(secrets.choice(letters) for _ in range(policy.length))
        if policy.length < len(classes) or all(set(password) & set(each) for each in classes):
            return password
