"""Settings that every test runs under."""

import gc
import importlib.metadata
import importlib.util
import os

# XLA reads its flags once, when jax starts a backend, so they are set before jax is imported.
# Four host devices let the sharded code paths run on any machine. Tests compile far longer than they run: without
# optimisation, and with the older emitters of fused loops, a program takes a quarter of the time.
# Where a GPU is asked for, its programs are to be those that users get.
os.environ["XLA_FLAGS"] = " ".join(
    [
        os.environ.get("XLA_FLAGS", ""),
        "--xla_force_host_platform_device_count=4",
        "" if "cuda" in os.environ.get("JAX_PLATFORMS", "") else "--xla_backend_optimization_level=0",
        # not known to the XLA of JAX 0.11, which ends the process at a flag that it does not know
        "--xla_cpu_use_fusion_emitters=false"
        if tuple(map(int, importlib.metadata.version("jaxlib").split(".")[:2])) < (0, 11)
        else "",
        # one process per core already: to split a program's compilation over threads only adds work
        "--xla_cpu_parallel_codegen_split_count=1",
    ]
).strip()
# No display is needed, not even in the processes that tests start.
os.environ["MPLBACKEND"] = "Agg"

import jax
import left_behind
import pytest

# Tracing makes so many objects that at Python's own threshold a tenth of all time goes into looking for garbage.
gc.set_threshold(50_000, 20, 50)

jax.config.update("jax_enable_x64", True)
# A broadcast over a missing axis or a silent promotion is more often a slip than meant; make both fail.
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_numpy_dtype_promotion", "strict")

# A machine that is lent with a GPU has little more than pytest: the tests for it need no more.
if importlib.util.find_spec("hypothesis"):
    import hypothesis

    # The first example of a test pays for jit compilation, so no deadline; the examples are the same on every run.
    hypothesis.settings.register_profile("resource_ode", deadline=None, derandomize=True, max_examples=25)
    hypothesis.settings.load_profile("resource_ode")


# Minutes each: begun last, such a file would run on by itself, with nothing left for the other processes.
LONGEST = [
    "native/test_native.py",
    "solve/test_accuracy.py",
    "native/test_calls.py",
    "native/test_measures.py",
    "solve/test_batches.py",
    "native/test_walks.py",
    "solve/test_backends.py",
    "observables/test_rows.py",
    "solve/test_optimised.py",
]


def pytest_collection_modifyitems(items):
    """The longest files first, the others as they come; with `--no-loadscope-reorder` processes take them so."""
    place = {name: k for k, name in enumerate(LONGEST)}
    items.sort(key=lambda item: place.get("/".join(item.path.parts[-2:]), len(place)))


package = left_behind.Package()


@pytest.fixture(scope="module", autouse=True)
def package_as_it_was():
    """The names and tables of the package after the tests of a file; after each test would take a millisecond."""
    package.changed()
    yield
    if found := package.changed():
        pytest.fail("a test of this file left to the next file: " + ", ".join(found), pytrace=False)


@pytest.fixture(autouse=True)
def nothing_left_behind(package_as_it_was):
    """A test that leaves to the next one what it has changed fails; the next one would, or only in some order."""
    before = left_behind.state()
    yield
    if found := left_behind.since(before):
        pytest.fail("left to the next test: " + "; ".join(found), pytrace=False)


@pytest.fixture(scope="module")
def little_to_search():
    """Garbage is then only looked for among what a file makes, which takes milliseconds."""
    # results of other tests come back now, and not in the middle
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()
