"""Memory of results: kept for the next, and never while anybody looks at it."""

import gc
import sys
import threading

import jax
import numpy as np
import pytest

import resource_ode as ro
from resource_ode import graphs
from resource_ode.base import memory

SHAPE = (300, 1000)


pytestmark = pytest.mark.usefixtures("little_to_search")


@pytest.fixture(autouse=True)
def nothing_kept(monkeypatch):
    gc.collect()
    monkeypatch.setattr(memory, "_kept", {})


def address(x):
    return x.ctypes.data


def settled():
    """JAX lets go of NumPy's arrays when it next collects its garbage."""
    gc.collect()
    return len(memory._kept)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_next_result_takes_the_memory_of_the_last(dtype):
    first = memory.empty(SHAPE, dtype)
    assert first.shape == SHAPE and first.dtype == dtype and first.flags.c_contiguous and first.flags.writeable
    where = address(first)
    assert where % memory.ALIGNMENT == 0
    del first
    assert settled() == 1
    second = memory.empty(SHAPE, dtype)
    assert address(second) == where and settled() == 0


def test_two_at_a_time_do_not_share():
    first, second = memory.empty(SHAPE, np.float64), memory.empty(SHAPE, np.float64)
    first[...], second[...] = 1, 2
    assert np.all(first == 1) and not np.shares_memory(first, second)


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x[5:, ::2][1:].T,
        lambda x: x.reshape(-1).view(np.uint8)[8:],
        lambda x: memoryview(x)[3:],
        lambda x: jax.device_put(x, may_alias=True),
        lambda x: np.asarray(jax.device_put(x, may_alias=True))[1:],
    ],
    ids=["view", "other type", "buffer", "jax array", "view of a jax array"],
)
def test_it_is_not_given_away_while_anything_looks_at_it(look):
    x = memory.empty(SHAPE, np.float64)
    x[...] = 7
    seen = look(x)
    before = np.array(seen)
    del x
    assert settled() == 0
    other = memory.empty(SHAPE, np.float64)
    other[...] = -1
    np.testing.assert_array_equal(np.array(seen), before)
    del seen
    assert settled() == 1


def test_small_ones_and_too_many_are_not_kept(monkeypatch):
    small = memory.empty((10,), np.float64)
    del small
    assert settled() == 0
    size = 8 * SHAPE[0] * SHAPE[1]
    monkeypatch.setattr(memory, "MOST_KEPT", 2 * size)
    several = [memory.empty(SHAPE, np.float64) for _ in range(4)]
    places = [address(x) for x in several]
    while several:
        several.pop(0)
    assert settled() == 2
    # the oldest went
    assert [address(block) for block in memory._kept.values()] == places[2:]
    larger = memory.empty((SHAPE[0], 3 * SHAPE[1]), np.float64)
    del larger
    assert settled() == 2


def test_a_block_much_too_large_is_left():
    large = memory.empty((4 * SHAPE[0], SHAPE[1]), np.float64)
    del large
    x = memory.empty(SHAPE, np.float64)
    assert settled() == 1
    del x
    assert settled() == 2


def test_two_who_want_the_same_block_get_two(monkeypatch):
    first = memory.empty(SHAPE, np.float64)
    del first
    inner = []

    def interrupted(blocks, **options):
        # what runs in the middle, a signal's handler or another thread, takes the block that was just found
        if not inner:
            inner.append(None)
            inner.append(memory.empty(SHAPE, np.float64))
        return sorted(blocks, **options)

    monkeypatch.setattr(memory, "sorted", interrupted, raising=False)
    outer = memory.empty(SHAPE, np.float64)
    assert not np.shares_memory(outer, inner[1])


def test_what_is_kept_makes_room(monkeypatch):
    kept = memory.empty(SHAPE, np.float64)
    del kept
    new = memory._new

    def short_of_memory(size):
        if memory._kept:
            raise MemoryError
        return new(size)

    monkeypatch.setattr(memory, "_new", short_of_memory)
    assert memory.empty((2 * SHAPE[0], SHAPE[1]), np.float64).shape == (2 * SHAPE[0], SHAPE[1])


def test_many_threads():
    used, wrong = set(), []

    def work():
        for turn in range(200):
            x = memory.empty((200_000 + 1000 * (turn % 7),), np.float64)
            where = address(x)
            if where in used:
                wrong.append(where)
            used.add(where)
            x[0] = turn
            used.discard(where)
            del x

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    assert not wrong
    assert 0 < sum(map(len, memory._kept.values())) <= memory.MOST_KEPT


def test_results_keep_their_numbers_when_more_are_made():
    def run(seed):
        frequency = np.random.default_rng(seed).uniform(0.5, 2, (256, 8))
        return ro.simulate(ro.ResourceModel(graphs.chain(8), frequency, 0.01, 0.01, 0.01), np.linspace(0, 5000, 200))

    first = run(1)
    view = np.asarray(first.level)[3:]
    kept = view.copy()
    del first
    places = []
    for seed in range(2, 6):
        again = np.asarray(run(seed).level)
        assert not np.shares_memory(again, view)
        places.append(address(again))
        del again
        gc.collect()
    np.testing.assert_array_equal(view, kept)
    assert len(set(places)) < len(places)
