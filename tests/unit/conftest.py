"""For all unit tests: AWS is moto, in this process."""

from __future__ import annotations

import os


def pytest_configure() -> None:
    # Most of the time of a new moto goes into public images; a test that needs some loads them.
    os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
