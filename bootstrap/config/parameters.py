"""What a parameter of SSM Parameter Store may be: its name, its size, and how many there can be.

Limits: https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html and the
PutParameter reference.
"""

from __future__ import annotations

import re

MOST_BYTES = 4096  # of a standard parameter's value
LARGEST_FILE = 16 * MOST_BYTES  # bytes of a seed's file; nothing beyond is read
MOST_LEVELS = 15
MOST_PARAMETERS = 10_000  # standard parameters of an account and region
LONGEST_NAME = 900  # characters; AWS takes 1011 with the ARN in front of it
_NAME = re.compile(r"(/[A-Za-z0-9_.-]+)+")


def name_problem(name: str) -> str:
    """Why a full parameter name is not valid, or "" when it is. Pure."""
    if not _NAME.fullmatch(name):
        return "may hold letters, digits and _ . - between single slashes only"
    if len(name) > LONGEST_NAME:
        return f"is longer than {LONGEST_NAME} characters"
    if name.count("/") > MOST_LEVELS:
        return f"has more than {MOST_LEVELS} levels"
    if re.match(r"/(aws|ssm)", name, re.IGNORECASE):
        return "may not begin with aws or ssm"
    return ""
