"""Controllers run while their cluster does, and are started again when they fail."""

from __future__ import annotations

import threading

from bootstrap.local.controllers import manager
from bootstrap.local.controllers.manager import ControllerManager, keep_running
from tests.kubernetes_fake import FakeServer


class Patient:
    """Runs until told to stop."""

    def __init__(self) -> None:
        self.started = threading.Event()

    def run(self, stop: threading.Event) -> None:
        self.started.set()
        stop.wait(10)


def test_leaving_ends_the_controllers() -> None:
    controller = Patient()
    stay = ControllerManager(lambda cluster: (controller,))
    assert stay.stop(), "nobody is there yet"
    stay.start(FakeServer().cluster)
    assert controller.started.wait(10)
    while not stay.stop():
        pass
    assert stay.stop()


def test_a_failing_controller_is_tried_again_ever_more_rarely() -> None:
    stop = threading.Event()
    delays: list[float] = []

    class Failing:
        def run(self, stop: threading.Event) -> None:
            raise RuntimeError("out of order")

    def wait(timeout: float | None = None) -> bool:
        assert timeout
        delays.append(timeout)
        if len(delays) == 9:
            stop.set()
        return stop.is_set()

    stop.wait = wait  # type: ignore[method-assign]
    keep_running(Failing(), stop)
    assert delays[:3] == [0.2, 0.4, 0.8]
    assert delays[-1] == manager.LONGEST_DELAY
