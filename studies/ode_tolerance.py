"""How much finer than the asked level error must the ODE solver's local tolerance be? For `SAFETY` of `solve.ode`.

`python -m studies.ode_tolerance` prints the worst level error of random graphs in units of the tolerance, against the
cascade at 1e-11, for local tolerances that are finer by several factors (the number of steps grows with the fifth root
of the factor). A factor in use must leave the error below 1 in its row: `SAFETY` for plain models, `SAFETY * AT_JUMPS`
where skills change their own pace. Where no budget law tells the error, a second solve, ten times as coarse, must stay
within the tolerance as well: `SAFETY * TWO_SOLVES`.
"""

from __future__ import annotations

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
import optimistix

import resource_ode as ro
from resource_ode.solve import ode

MEMBERS, SKILLS = 32, 8
FACTORS = (1, 10, 100, 1000, 2000, 10000)
KINDS = {
    "plain": {},
    "cross entropy": {"loss": "cross_entropy"},
    "self-paced": {"frequency_after": np.geomspace(0.1, 10, SKILLS)},
    "l2": {"competition": "l2"},
}


def main() -> None:
    jax.config.update("jax_enable_x64", True)
    keys = jax.random.split(jax.random.key(0), MEMBERS)
    graphs = jax.vmap(lambda key: ro.graphs.random_dag(key, SKILLS, 0.3))(keys)
    frequency = 10 ** np.random.default_rng(0).uniform(-1, 1, (MEMBERS, SKILLS))
    ts = np.linspace(0, 100, 41)
    print(f"| model | tolerance | {' | '.join(f'{factor:,}' for factor in FACTORS)} |")
    print(f"|---|---|{'---|' * len(FACTORS)}")
    for kind, options in KINDS.items():
        model = ro.ResourceModel(graphs, frequency, 0.2, 0.05, 0.1, **options)
        exact = np.asarray(ro.simulate(model, ts, tolerance=1e-11).level)
        for tolerance in (1e-4, 1e-6):
            cells = []
            for factor in FACTORS:
                local = jnp.asarray(tolerance / factor)
                controller = diffrax.PIDController(
                    rtol=local, atol=local * ode.ABSOLUTE, norm=optimistix.max_norm, factormax=ode.GROWTH
                )
                method = ro.ODE(controller=controller, tolerance=0.5)
                level = np.asarray(ro.simulate(model, ts, method=method).level)
                cells.append(f"{np.max(np.abs(level - exact)) / tolerance:.2g}")
            print(f"| {kind} | {tolerance:g} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
