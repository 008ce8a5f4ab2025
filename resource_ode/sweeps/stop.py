"""Stopping at once: a signal is answered while compiled code, which knows nothing of signals, still runs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from typing import Any, TypeVar

SIGNALS = (signal.SIGINT, signal.SIGTERM)
T = TypeVar("T")


class Stopped(BaseException):
    """A signal asked this process to end. No `Exception`: nothing but the command line should catch it."""

    def __init__(self, number: int):
        super().__init__(signal.Signals(number).name)
        self.number = number


def until_stopped(work: Callable[[], T]) -> T:
    """Do some work in another thread, so that SIGINT and SIGTERM end the wait for it at once.

    Whoever catches [`resource_ode.sweeps.stop.Stopped`][] has to end the process: the work goes on until then. Outside
    the main thread, which alone is told of signals, the work is done as it is.

    **Returns:** what `work` returns; it raises what `work` raises.
    """
    if threading.current_thread() is not threading.main_thread():
        return work()
    results: list[Any] = []
    wrong: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            wrong.append(error)

    def stop(number: int, frame: Any) -> None:
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        # nobody waits for a daemon when the process ends
        thread = threading.Thread(target=run, name="sweep", daemon=True)
        thread.start()
        thread.join()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if wrong:
        raise wrong[0]
    return results[0]
