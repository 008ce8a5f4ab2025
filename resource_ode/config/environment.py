"""What this installation computes with, and where compiled programs are kept."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path

import jax

from .. import native
from ..base.annotations import FilePath
from ..base.checks import file_path
from ..base.pieces import cores
from ..base.programs import CACHE
from ..base.version import __version__

# the setting of JAX that makes numbers 64 bits wide
WIDE = "jax_enable_x64"
# what numbers depend on
LIBRARIES = ("jax", "jaxlib", "equinox", "diffrax", "numpy")
# what some parts need: the part
OPTIONAL = {"xarray": "files", "matplotlib": "plots", "networkx": "graph files", "zarr": "sweeps", "dask": "clusters"}
# seconds of compiling from which on a program is kept
KEPT_FROM = 0.5


def show_config() -> None:
    """Print what this installation computes with: versions, the compiled loops or why there are none, precision,
    devices, and where compiled programs are kept.

    **Example:**

    >>> show_config()  # doctest: +SKIP
    resource_ode    0.1.0
    ...
    """
    for name, value in read_config().items():
        print(f"{name:<16}{value}")


def read_config() -> dict[str, str]:
    """What [`resource_ode.show_config`][] prints, by name."""
    versions = {name: _version(name) for name in LIBRARIES}
    wide = bool(getattr(jax.config, WIDE))
    try:
        devices = ", ".join(str(device) for device in jax.devices())
    except Exception as error:  # whatever a platform that is asked for and not there raises
        devices = f"none ({str(error).partition(chr(10))[0][:200]})"
    folder = getattr(jax.config, CACHE)
    kept = folder or "nowhere; resource_ode.keep_compiled() keeps them on disk, JAX_COMPILATION_CACHE_DIR says where"
    return {
        "resource_ode": f"{__version__} ({Path(__file__).parents[1]})",
        "Python": f"{platform.python_version()} ({sys.executable})",
        "system": f"{platform.system()} {platform.machine()}, {cores()} cores",
        **versions,
        "optional": ", ".join(f"{name} {_version(name, f'missing (for {what})')}" for name, what in OPTIONAL.items()),
        "compiled loops": f"none: {native.why_not()}" if native.why_not() else f"built, for {native.processor()} here",
        "precision": "float64" if wide else 'float32; jax.config.update("jax_enable_x64", True) makes it float64',
        "devices": devices,
        "compiled": f"programs are kept in {kept}" if folder else f"programs are kept {kept}",
    }


def keep_compiled(folder: FilePath | None = None) -> Path:
    """Keep compiled programs on disk, so that the first call of a kind is slow once and not once a session.

    This sets the compilation cache of JAX, for everything that the session compiles from here on. Programs of the ODE
    (`method="ode"`, and learning times that need it) hold checks that JAX does not keep: they are kept only where
    the environment variable `EQX_ON_ERROR=off` was set before Python started.

    **Arguments:** `folder`: where; by default `resource_ode` in the folder of the user's caches. It is made if it is
        not there.

    **Returns:** the folder.

    **Raises:** `ValueError` if that is no folder, or cannot be one.

    **Example:** `ro.keep_compiled()`
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    path = Path(base) / "resource_ode" if folder is None else file_path("folder", folder).expanduser()
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"folder: expected a folder, got {path} ({error.strerror})") from None
    jax.config.update(CACHE, str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", KEPT_FROM)
    return path


def _version(name: str, missing: str = "missing") -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return missing
