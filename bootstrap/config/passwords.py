"""Passwords for seeds. Only `secrets` decides; the policy is the seed's own."""

from __future__ import annotations

import math
import secrets
import string
from itertools import combinations

from bootstrap.config.model import Generate

# Every class of an alphabet occurs at least once. No symbol ends a word in a URL, a shell, YAML or SQL.
ALPHABETS: dict[str, tuple[str, ...]] = {
    "alphanumeric": (string.ascii_lowercase, string.ascii_uppercase, string.digits),
    "hex": ("0123456789abcdef",),
    "url-safe": (string.ascii_lowercase, string.ascii_uppercase, string.digits + "-_"),
    "symbols": (string.ascii_lowercase, string.ascii_uppercase, string.digits, "-_.+"),
}
CLASSES: dict[str, str] = {
    "lower": string.ascii_lowercase,
    "upper": string.ascii_uppercase,
    "digit": string.digits,
    "symbol": "-_.+",
}
FEWEST_BITS = 64  # at a billion guesses a second, half of them take 292 years


def generate(policy: Generate) -> str:
    """A password that keeps the policy, uniform over all that do.

    Raises KeyError for an alphabet or class that is not known, ValueError for a policy that `problem` refuses
    (the configuration is checked before).
    """
    letters, classes = _letters(policy), _classes(policy)
    if not letters or not all(classes) or policy.length < len(classes):
        raise ValueError("no password keeps this policy")
    while True:
        password = "".join(secrets.choice(letters) for _ in range(policy.length))
        if all(set(password) & set(each) for each in classes):
            return password


def bits(policy: Generate) -> float:
    """Entropy: the logarithm of how many passwords keep the policy (inclusion and exclusion); 0 if none."""
    letters, classes = len(_letters(policy)), _classes(policy)
    count = sum(
        (-1) ** size * (letters - sum(map(len, without))) ** policy.length
        for size in range(len(classes) + 1)
        for without in combinations(classes, size)
    )
    return math.log2(count) if count > 0 else 0.0


def problem(policy: Generate) -> tuple[str, str] | None:
    """What is wrong with a policy of a known alphabet, and its cure. Pure."""
    if unknown := [each for each in policy.require if each not in CLASSES]:
        return f"required class '{unknown[0]}' is not known", f"use {', '.join(CLASSES)}"
    for name in policy.require:
        if not set(CLASSES[name]) & set(_letters(policy)):
            what = f"it requires a {name}, but its alphabet {policy.alphabet} has none that is not excluded"
            return what, "choose another `alphabet`, or exclude less"
    if (strength := bits(policy)) < FEWEST_BITS:
        what = f"its policy leaves {strength:.0f} bits of entropy, at least {FEWEST_BITS} are wanted"
        return what, "make it longer, or exclude less"
    return None


def _letters(policy: Generate) -> str:
    return "".join(sorted(set("".join(ALPHABETS[policy.alphabet])) - set(policy.exclude)))


def _classes(policy: Generate) -> tuple[str, ...]:
    """The letters of which one has to occur, class by class; the alphabet's own may all be excluded."""
    letters = _letters(policy)
    wanted = tuple(dict.fromkeys(policy.require))
    named = [CLASSES[name] for name in wanted] if wanted else ALPHABETS[policy.alphabet]
    left = tuple("".join(letter for letter in each if letter in letters) for each in named)
    return left if wanted else tuple(filter(None, left))
