"""List the methods of a service once, not at every request.

moto looks through everything that a response class has to learn whether it knows an action: in EC2's that is
most of the time of a request.
"""

from __future__ import annotations

from functools import cache

from moto.core import responses
from moto.core.utils import method_names_from_class

from bootstrap.local.aws.patches import Setter


def apply(patch: Setter) -> None:
    patch(responses, "method_names_from_class", cache(method_names_from_class))
