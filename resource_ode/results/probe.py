"""Files of unknown origin are read once in a process of their own, which may crash or hang in place of this one."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

from .saved import opened

# seconds of computing to read a file: some, and more for a large one
SECONDS, PER_SECOND = 3.0, 20e6
# a process that computes nothing is given up after so many times these, since the machine may be busy
BUSY = 20


def problem_of(path: Path) -> str:
    """Why this file cannot be read at all; empty if reading it ends, well or with an error."""
    if not sys.executable:  # a program that Python is only a part of
        return ""
    patience = math.ceil(SECONDS + path.stat().st_size / PER_SECOND)
    endless = f"is damaged: reading it takes more than {patience} s"
    try:
        status = read_apart(path, patience)
    except subprocess.TimeoutExpired:
        return endless
    except OSError:  # no process can be started
        return ""
    if status == -getattr(signal, "SIGXCPU", 0) != 0:
        return endless
    return f"is damaged: reading it ends the program (signal {-status})" if status < 0 else ""


def read_apart(path: Path, patience: int) -> int:
    """How a process ends that reads this file, and may compute for so many seconds."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
    command = [sys.executable, "-m", __name__, str(path.absolute()), str(patience)]
    return subprocess.run(
        command, env=environment, capture_output=True, timeout=BUSY * patience, check=False
    ).returncode


def main() -> None:
    """Read the file that is named on the command line; what is wrong with it is not said here."""
    path, patience = Path(sys.argv[1]), int(sys.argv[2])
    with contextlib.suppress(ImportError, OSError, ValueError):  # not on every system
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (patience, patience + 1))
    with contextlib.suppress(ValueError, MemoryError), opened(path) as held:
        held.read_all()


if __name__ == "__main__":
    main()
