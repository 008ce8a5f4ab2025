"""The parts that are timed: the table (c), derivatives (d), sizes (e), whole sweep chunks (f), memory (g)."""

from __future__ import annotations

import functools
import pathlib
import tomllib
from typing import Any, NamedTuple

import numpy as np

from ..candidates import LEVELS, TIMES
from ..ensemble import LEVEL
from .rows import Row, measured
from .ways import DEVICE, HOST, choose, ensemble, from_host, judge, model_of, on_device

LEFT = "from the host, left on the device"
PLAN = pathlib.Path(__file__).parents[2] / "examples" / "sweep_demo.toml"


class Size(NamedTuple):
    """How much of everything."""

    table: tuple[int, ...]  # graphs of the table, for the rivals the first alone
    double: int  # graphs of its rows in float64
    gradient: tuple[int, ...]
    skills: tuple[tuple[int, int], ...]  # (skills, graphs)
    large: int  # skills of one graph without prerequisites
    chunks: int
    memory: int
    rounds: int
    rehearsal: bool


WHOLE = Size(
    (100_000, 1_000_000),
    100_000,
    (10_000, 100_000),
    ((4, 100_000), (16, 100_000), (32, 100_000), (64, 20_000), (128, 10_000), (256, 4_000)),
    100_000,
    3,
    1_000_000,
    5,
    False,
)
SMALL = Size((64, 130), 64, (32,), ((4, 64), (33, 32)), 500, 1, 130, 2, True)


def table(way: str, size: Size, out: pathlib.Path) -> None:
    """Learning times and full trajectories of graphs of 16 skills, by one way."""
    choose(way, rehearse=size.rehearsal)
    rival, rounds = way.startswith("diffrax"), size.rounds
    for members in size.table[:1] if rival else size.table:
        for task in (TIMES, LEVELS):
            where = LEFT if way == "arrays" else DEVICE
            row = Row("c", task, way, members=members, where=where, rehearsal=size.rehearsal)
            prepare = functools.partial(on_device, way, task, members, 16, "float32")
            measured(row, prepare, out, rounds=rounds, judge=judge(members, 16, task))
            # the results of the largest batch are 13 GB: not over the bus
            if not rival and (task == TIMES or members == size.table[0]):
                given = (model_of(members, 16, "float32"), ensemble(members).times.astype("float32"), "float32")
                call = functools.partial(from_host, task, *given, np.asarray)
                row = Row("c", task, way, members=members, where=HOST, rehearsal=size.rehearsal)
                measured(row, lambda call=call: call, out, rounds=min(rounds, 3), judge=judge(members, 16, task))
    if rival:
        return
    for task in (TIMES, LEVELS):
        import jax

        with jax.enable_x64(True):
            row = Row("c", task, way, "float64", size.double, rehearsal=size.rehearsal)
            row.where = LEFT if way == "arrays" else DEVICE
            prepare = functools.partial(on_device, way, task, size.double, 16, "float64")
            measured(row, prepare, out, rounds=rounds, judge=judge(size.double, 16, task))


def gradient(way: str, size: Size, out: pathlib.Path) -> None:
    """value_and_grad of the sum of all learning times by frequencies, rate, waste and gate exponent; and the value."""
    import jax
    import jax.numpy as jnp

    import resource_ode as ro
    from resource_ode.base.modules import with_fields

    choose(way, rehearse=size.rehearsal)
    for members in size.gradient:
        model = jax.device_put(model_of(members, 16, "float32"))
        by = {name: getattr(model, name) for name in ("frequency", "learning_rate", "wasted_resource", "gate_exponent")}

        # known when it is compiled: no program for others need be there
        gates = np.zeros(model.graph.any_gate.shape, bool)

        def total(by: Any, model: Any, gates: Any = gates) -> Any:
            model = with_fields(model, graph=with_fields(model.graph, any_gate=gates))
            return jnp.sum(ro.learning_times(model.replace(**by), LEVEL, tolerance=1e-4))

        for task, solve in (("sum of learning times", total), ("value_and_grad of it", jax.value_and_grad(total))):
            row = Row("d", task, way, members=members, rehearsal=size.rehearsal)
            call = functools.partial(jax.jit(solve), by, model)
            measured(row, lambda call=call: call, out, rounds=min(size.rounds, 3), judge=_lost)


def _lost(found: Any) -> tuple[None, int]:
    import jax

    return None, sum(int(np.sum(~np.isfinite(np.asarray(x)))) for x in jax.tree.leaves(found))


def sizes(way: str, size: Size, out: pathlib.Path) -> None:
    """From 4 to 256 skills, and one graph of very many without prerequisites."""
    choose(way, rehearse=size.rehearsal)
    for skills, members in size.skills:
        if way == "pallas" and skills > 32:
            continue
        for task in (TIMES, LEVELS):
            row = Row("e", task, way, members=members, skills=skills, rehearsal=size.rehearsal)
            row.where = LEFT if way == "arrays" else DEVICE
            prepare = functools.partial(on_device, way, task, members, skills, "float32")
            measured(row, prepare, out, rounds=min(size.rounds, 3), judge=judge(members, skills, task))


def large(way: str, size: Size, out: pathlib.Path) -> None:
    """One graph of very many skills without prerequisites, as a user calls it."""
    import resource_ode as ro

    choose(way, rehearse=size.rehearsal)
    frequency = np.random.default_rng(0).lognormal(size=size.large).astype(np.float32)
    graph = ro.SkillGraph([[]] * size.large)
    numbers = (np.float32(x) for x in (0.01, 0.01, 0.01))
    model = ro.ResourceModel(graph, frequency, *numbers)
    times = np.linspace(0, 300 * size.large, 200, dtype=np.float32)
    for task in (TIMES, LEVELS):
        row = Row("e", task, way, members=1, skills=size.large, where=LEFT, rehearsal=size.rehearsal)
        call = functools.partial(from_host, task, model, times, "float32", lambda x: x)
        measured(row, lambda call=call: call, out, rounds=min(size.rounds, 3))


def sweep(way: str, size: Size, out: pathlib.Path) -> None:
    """Whole chunks of the demo's sweep, drawn, solved and measured, without the store; in both types of numbers."""
    from resource_ode.sweeps import read_sweep
    from resource_ode.sweeps.chunk import compute_chunk

    choose(way, rehearse=size.rehearsal)
    for precision in ("float32", "float64"):
        description = tomllib.loads(PLAN.read_text(encoding="utf-8"))
        description["ensemble"]["precision"] = precision
        plan = read_sweep(description)
        members = int(np.prod([part.stop - part.start for part in plan.region(0)]))
        row = Row("f", "chunk of the demo's sweep", way, precision, members, where=HOST, rehearsal=size.rehearsal)
        chunks = iter(range(1000))

        def call(plan: Any = plan, chunks: Any = chunks) -> Any:
            return compute_chunk(plan, next(chunks))["failed"]

        measured(row, lambda call=call: call, out, rounds=size.chunks, judge=lambda x: (None, int(np.sum(x != 0))))


def memory(way: str, size: Size, out: pathlib.Path) -> None:
    """The most that the device holds while a user asks for very many learning times, then for trajectories."""
    choose(way, rehearse=size.rehearsal)
    for task in (TIMES, LEVELS):
        members = size.memory if task == TIMES else max(size.memory // 10, 1)
        given = (model_of(members, 16, "float32"), ensemble(members).times.astype("float32"), "float32")
        call = functools.partial(from_host, task, *given, lambda x: x)
        row = Row("g", task, way, members=members, where=LEFT, rehearsal=size.rehearsal)
        measured(row, lambda call=call: call, out, rounds=1)


PARTS = {"c": table, "d": gradient, "e": sizes, "large": large, "f": sweep, "g": memory}
