"""Shared by all tests: golden files, time limits, and isolation from whatever started them."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# No property depends on how fast the machine is.
settings.register_profile("any machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any machine")

Golden = Callable[[str, str], None]

TESTS = Path(__file__).parent
# Seconds for one test with its fixtures. `@pytest.mark.timeout(…)` sets another limit.
LIMITS = {"unit": 300, "platform": 1800, "end_to_end": 1800}
# Files that take minutes, the longest first: begun last, one of them would leave the other worker idle.
LONGEST = (
    "test_diagnosis.py",
    "test_rebuild.py",
    "test_a_users_day.py",
    "test_root_forms.py",
    "test_argo_semantics.py",
    "test_nights.py",
    "test_down.py",
)
# Variables of the tools that the product drives.
FOREIGN = ("ARGOCD_", "AWS_", "GIT_", "HELM_", "KUBE", "KUSTOMIZE_", "TF_")
# Variables that change how text is written.
STYLE = {"CI", "COLUMNS", "LINES", "FORCE_COLOR", "NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite golden files with what is seen now"
    )


def pytest_configure() -> None:
    _clean_environment()
    _hear_signals()
    _keep_bytecode()


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Do not look for garbage while thousands of tests are collected, nor later in what stays to the end."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; give every test a time limit, whose failure names the test."""
    rank = {file: place for place, file in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))
    for item in items:
        limit = LIMITS.get(item.path.relative_to(TESTS).parts[0])
        if limit and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(limit))


def _clean_environment() -> None:
    """No profile, endpoint, kubeconfig or repository of the developer's reaches a test, or what it starts."""
    for name in list(os.environ):
        if name.startswith(FOREIGN) or name in STYLE:
            del os.environ[name]
    os.environ.update(GIT_CONFIG_GLOBAL=os.devnull, GIT_CONFIG_NOSYSTEM="1")
    os.umask(0o022)


def _hear_signals() -> None:
    """Let programs that tests start hear signals that we were told to ignore (nohup, a background job).

    An ignored signal stays ignored in a child; one with a handler does not. We go on ignoring it.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def _keep_bytecode() -> None:
    """Compile a module once, not in every worker and every program that a test starts."""
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Golden:
    """`golden(name, text)`: the text must be that of `golden/<name>` beside the test."""
    folder = Path(request.path).parent / "golden"

    def check(name: str, text: str) -> None:
        path = folder / name
        if request.config.getoption("--update-golden"):
            folder.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8"), (
            f"{path} differs: run pytest --update-golden and look"
        )

    return check
