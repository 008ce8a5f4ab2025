"""`python -m resource_ode.native.build_walks cuda`: the walk, by nvcc, beside this file; `host`: for tests on a CPU."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

HERE = Path(__file__).parent
NAMES = {"cuda": "_walks_cuda.so", "host": "_walks_host.so"}
# where it is not said: NVIDIA's of 2022, and whatever comes after, by its driver's own compiler
ARCHITECTURE = "-gencode=arch=compute_90,code=[sm_90,compute_90]"


def command(kind: str, to: Path, architecture: str = ARCHITECTURE) -> list[str]:
    """What is to be run.

    **Raises:** `OSError` where there is no compiler, or no headers of XLA.
    """
    # NVIDIA's own place is not on every path
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/cuda/bin"])
    compiler = shutil.which("nvcc", path=path) if kind == "cuda" else os.environ.get("CXX") or shutil.which("c++")
    if compiler is None:
        raise OSError(f"there is no {'nvcc' if kind == 'cuda' else 'C++ compiler'} on the path")
    jaxlib = importlib.util.find_spec("jaxlib")
    if jaxlib is None or jaxlib.origin is None:
        raise OSError("jaxlib, whose headers are needed, is not installed")
    include = Path(jaxlib.origin).parent / "include"
    common = ["-std=c++17", "-shared", f"-I{include}", "-o", str(to), str(HERE / "walks.cu")]
    if kind == "host":
        return [compiler, "-x", "c++", "-O2", "-fPIC", "-fvisibility=hidden", "-Wno-return-type", *common]
    # warnings: pragmas of another compiler, loops that one kind of numbers does not need
    flags = ["-O3", architecture, "--expt-relaxed-constexpr", "--split-compile=0", "-diag-suppress=128,1675"]
    return [compiler, *flags, "-Xcompiler=-fPIC,-fvisibility=hidden,-Wno-return-type", *common]


def build(kind: str, to: Path | None = None, architecture: str = ARCHITECTURE) -> Path:
    """The library, built.

    **Raises:** `OSError` if it cannot be.
    """
    to = to or HERE / NAMES[kind]
    # not half a library where another process looks
    part = to.with_name(f"{to.name}.{os.getpid()}")
    done = subprocess.run(command(kind, part, architecture), capture_output=True, text=True, check=False)
    if done.returncode:
        part.unlink(missing_ok=True)
        raise OSError(f"{Path(done.args[0]).name} ended with status {done.returncode}:\n{done.stderr[-2000:]}")
    return part.replace(to)


def main(given: Sequence[str]) -> int:
    if not given or given[0] not in NAMES or len(given) > 2:
        print("usage: python -m resource_ode.native.build_walks cuda|host [-arch=native]", file=sys.stderr)
        return 2
    try:
        print(build(given[0], None, *given[1:]))
    except OSError as error:
        print(f"build_walks: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
