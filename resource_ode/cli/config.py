"""`resource-ode config`: what this installation computes with."""

from __future__ import annotations

from .checks import start_jax
from .terminal import tell


def config() -> None:
    """Print versions, the compiled loops or why there are none, devices, and where compiled programs are kept.

    Commands compute in float64. JAX_COMPILATION_CACHE_DIR=FOLDER keeps what is compiled from one command to the next.
    """
    start_jax()
    from ..config.environment import read_config

    for name, value in read_config().items():
        tell(f"{name:<16}{value}")
