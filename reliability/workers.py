"""Work in a process of its own, which may take only so long and so much memory, and may die.

Crashes, endless loops and exhausted memory are findings too, so nothing risky runs in the process that counts them.
"""

from __future__ import annotations

import dataclasses
import importlib
import multiprocessing
import os
import pathlib
import time
import traceback
from typing import Any

# how often a waiting parent looks at the clock and the memory of its worker
GLANCE = 0.2
# on a busy machine a second of the processor may take so many on the wall; what waits for ever is caught later
PATIENCE = 20.0


@dataclasses.dataclass
class Answer:
    """What came of one piece of work: `kind` is "done", "timeout", "memory" or "died"."""

    kind: str
    value: Any
    seconds: float


class Worker:
    """A process that calls one function, named as `module:function`, again and again; it is started anew when it fails.

    **Arguments:** `function`: what to call; `prepare`: what to call once before, in the same form; `seconds` and
    `megabytes`: what one call may take.
    """

    def __init__(self, function: str, *, prepare: str | None = None, seconds: float, megabytes: float):
        self.function, self.prepare, self.seconds, self.megabytes = function, prepare, seconds, megabytes
        self.process: Any = None
        self.pipe: Any = None
        self.begin, self.spent = 0.0, 0.0
        self.limit = seconds

    def start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, self.function, self.prepare), daemon=True)
        self.process.start()
        theirs.close()
        # what it imports first is not counted as work
        if not self.pipe.poll(180) or self.pipe.recv() != "ready":
            raise RuntimeError(f"{self.function}: the worker did not start")

    def send(self, argument: Any, seconds: float | None = None) -> None:
        """Begin a piece of work."""
        if self.process is None or not self.process.is_alive():
            self.start()
        self.limit = self.seconds if seconds is None else seconds
        self.spent = processor_seconds(self.process.pid)
        self.begin = time.perf_counter()
        self.pipe.send(argument)

    def answer(self, wait: float = GLANCE) -> Answer | None:
        """What came of it, or `None` while it goes on."""
        try:
            if self.pipe.poll(wait):
                kind, value = self.pipe.recv()
                return Answer(kind, value, time.perf_counter() - self.begin)
        except (EOFError, ConnectionResetError):
            self.process.join(5)
            status = self.process.exitcode
            self.stop()
            return Answer("died", f"the process ended with status {status}", time.perf_counter() - self.begin)
        passed = time.perf_counter() - self.begin
        # the processor's seconds count, so that a busy machine changes no outcome; what waits for ever is caught too
        if max(processor_seconds(self.process.pid) - self.spent, passed / PATIENCE) > self.limit:
            self.stop()
            return Answer("timeout", f"more than {self.limit:g} s", passed)
        if resident(self.process.pid) > self.megabytes:
            self.stop()
            return Answer("memory", f"more than {self.megabytes:g} MB", passed)
        return None

    def call(self, argument: Any, seconds: float | None = None) -> Answer:
        """One piece of work, waited for."""
        self.send(argument, seconds)
        while True:
            found = self.answer()
            if found is not None:
                return found

    def stop(self) -> None:
        """End the process, whatever it does."""
        if self.process is not None:
            # one that waits for work ends by itself
            self.pipe.close()
            self.process.join(1)
            self.process.kill()
            self.process.join(10)
        self.process = None


def resident(pid: int | str = "self") -> float:
    """Resident memory of a process in MB (0 where the system does not say)."""
    try:
        pages = int(pathlib.Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def processor_seconds(pid: int | str = "self") -> float:
    """Processor time that a process has used (0 where the system does not say)."""
    try:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_maps(pid: int | str = "self") -> int:
    """Number of memory maps of a process (0 where the system does not say)."""
    try:
        return pathlib.Path(f"/proc/{pid}/maps").read_bytes().count(b"\n")
    except OSError:
        return 0


def _named(name: str) -> Any:
    module, function = name.split(":")
    return getattr(importlib.import_module(module), function)


def _serve(pipe: Any, function: str, prepare: str | None) -> None:
    work = _named(function)
    if prepare is not None:
        _named(prepare)()
    pipe.send("ready")
    while True:
        try:
            argument = pipe.recv()
        except EOFError:
            return
        try:
            value = ("done", work(argument))
        except Exception:
            value = ("raised", traceback.format_exc())
        pipe.send(value)
