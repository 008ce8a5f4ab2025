"""Modules of Equinox as this package uses them."""

import gc

import jax
import jax.numpy as jnp
import pytest

import resource_ode as ro

GRAPH = ro.SkillGraph([[], []])
# each sets some arrays before it refuses what is wrong
REFUSED = {
    "graph": lambda x: ro.SkillGraph(jnp.zeros((2, 1), int), required=jnp.zeros((2, 1), bool), frequency=-x),
    "model": lambda x: ro.ResourceModel(GRAPH, 2 * x, 1.0, 1.0, pool=["a", "b"]),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.slow
def test_what_is_refused_keeps_no_memory(name):
    def refuse():
        with pytest.raises(ValueError, match="expected"):
            REFUSED[name](jnp.ones(2))

    # constants of JAX's own
    refuse()
    gc.collect()
    before = len(jax.live_arrays())
    for _ in range(5):
        refuse()
    gc.collect()
    assert len(jax.live_arrays()) - before < 5
