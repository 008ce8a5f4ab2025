"""Settings that every test runs under."""

import os

# XLA reads its flags once, when jax starts a backend, so they are set before jax is imported.
# Four host devices let the sharded code paths run on any machine. Tests compile far longer than they run: without
# optimisation, and with the older emitters of fused loops, a program takes a quarter of the time.
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_force_host_platform_device_count=4",
        "--xla_backend_optimization_level=0",
        "--xla_cpu_use_fusion_emitters=false",
        # one process per core already: to split a program's compilation over threads only adds work
        "--xla_cpu_parallel_codegen_split_count=1",
    ]
).strip()
# No display is needed, not even in the processes that tests start.
os.environ["MPLBACKEND"] = "Agg"

import hypothesis
import jax

jax.config.update("jax_enable_x64", True)
# A broadcast over a missing axis or a silent promotion is more often a slip than meant; make both fail.
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# The first example of a test pays for jit compilation, so no deadline; the examples are the same on every run.
hypothesis.settings.register_profile("resource_ode", deadline=None, derandomize=True, max_examples=25)
hypothesis.settings.load_profile("resource_ode")
