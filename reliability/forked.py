"""A process that is forked for each saved run that has to be read apart, in place of a new one of Python for each.

What is read, and how it may end, is the same; to start Python takes longer than to read such a file.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from resource_ode.results import probe


class Forked:
    """Stands in for `read_apart` of [`resource_ode.results.probe`][]."""

    def __init__(self) -> None:
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(part for part in sys.path if part)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __call__(self, path: Path, patience: int) -> int:
        asked, said = self._process.stdin, self._process.stdout
        assert asked is not None and said is not None
        print(patience, path.absolute(), file=asked, flush=True)
        status = int(said.readline())
        if status == -signal.SIGALRM:
            raise subprocess.TimeoutExpired("read_apart", probe.BUSY * patience)
        return status


def main() -> None:
    """Fork for each line, of the seconds that a file may take and its path, and write how that ended."""
    import h5py  # noqa: F401  # once for all

    for line in sys.stdin:
        patience, path = line.rstrip("\n").split(" ", 1)
        child = os.fork()
        if child == 0:
            signal.alarm(probe.BUSY * int(patience))
            sys.argv = ["probe", path, patience]
            try:
                probe.main()
            except BaseException:
                os._exit(1)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(status, flush=True)


if __name__ == "__main__":
    main()
