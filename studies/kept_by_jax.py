"""What JAX keeps of a function of its own for every shape that it is traced with; nothing of this package is called.

python -m studies.kept_by_jax
"""

import gc

import jax
import jax.numpy as jnp
import numpy as np

from reliability.workers import resident
from resource_ode.base.programs import trim

SHAPES, PART = 4000, 1000


def main() -> None:
    for first in range(1, SHAPES + 1, PART):
        for size in range(first, first + PART):
            jax.make_jaxpr(lambda x: jnp.where(x > 0, x, 0))(jax.ShapeDtypeStruct((size,), np.float32))
        report(f"{first + PART - 1:,} shapes of jnp.where")
    jax.clear_caches()
    report("after jax.clear_caches()")


def report(what: str) -> None:
    gc.collect()
    trim()
    print(f"{what}: {resident():.0f} MB", flush=True)


if __name__ == "__main__":
    main()
