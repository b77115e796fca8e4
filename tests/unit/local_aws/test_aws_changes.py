from __future__ import annotations

import threading

from hypothesis import given
from hypothesis import strategies as st

from bootstrap.local.aws.changes import ChangeCounter


@given(st.integers(min_value=0, max_value=50))
def test_every_change_counts_once(times: int) -> None:
    changes = ChangeCounter(version=7)
    for _ in range(times):
        changes.note()
    assert changes.version == 7 + times


def test_what_has_changed_already_is_answered_at_once() -> None:
    changes = ChangeCounter(version=3)
    assert changes.wait(after=2, timeout=1000) == 3


def test_without_a_change_the_wait_ends() -> None:
    assert ChangeCounter(version=3).wait(after=3, timeout=0) == 3


def test_a_waiter_is_woken_by_the_next_change() -> None:
    changes = ChangeCounter(version=3)
    seen: list[int] = []
    waiter = threading.Thread(target=lambda: seen.append(changes.wait(after=3, timeout=30)))
    waiter.start()
    changes.note()
    waiter.join(30)
    assert seen == [4]


def test_a_version_of_before_a_restart_is_outdated() -> None:
    old = ChangeCounter()
    old.note()
    assert ChangeCounter(version=old.version + 1).wait(after=old.version, timeout=0) > old.version
