"""Tsit5 in log-depth by numba: one graph a thread, all cores, no allocation while stepping.

State: $D_i = -\\ln u_i$, $dD_i/dt = \\eta\\, c_i p_i / (\\sum_j c_j p_j e^{-D_j} + N_0)$. The last stage of a step is
the first of the next; saved times are read off the free fourth-order interpolant; steps follow a
proportional-integral controller. Its exponentials are the larger part of the cost, so they are written out as a
polynomial that the compiler turns into vector instructions (libm's is a call a number).
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from ..ensemble import LEVEL, Ensemble

# Tsitouras, Computers & Mathematics with Applications 62 (2011) 770
A = (
    (0.161,),
    (-0.008480655492356989, 0.335480655492357),
    (2.8971530571054935, -6.359448489975075, 4.3622954328695815),
    (5.325864828439257, -11.748883564062828, 7.4955393428898365, -0.09249506636175525),
    (5.86145544294642, -12.92096931784711, 8.159367898576159, -0.071584973281401, -0.028269050394068383),
    (
        0.09646076681806523,
        0.01,
        0.4798896504144996,
        1.379008574103742,
        -3.290069515436081,
        2.324710524099774,
    ),
)
ERROR = (
    0.00178001105222577714,
    0.0008164344596567469,
    -0.007880878010261995,
    0.1447110071732629,
    -0.5823571654525552,
    0.45808210592918697,
    -0.015151515151515152,
)
# coefficients of theta, theta^2, theta^3, theta^4 of each stage's weight in the interpolant
DENSE = (
    (1.0, -2.763706197274826, 2.9132554618219126, -1.0530884977290216),
    (0.0, 0.13169999999999998, -0.2234, 0.1017),
    (0.0, 3.9302962368947516, -5.941033872131505, 2.490627285651253),
    (0.0, -12.411077166933676, 30.33818863028232, -16.548102889244902),
    (0.0, 37.50931341651104, -88.1789048947664, 47.37952196281928),
    (0.0, -27.896526289197286, 65.09189467479366, -34.87065786149661),
    (0.0, 1.5, -4.0, 2.5),
)
MAX_STEPS = 100_000
# graphs that share one set of buffers, handed out to the threads as they come free
GROUP = 8


@functools.cache
def _kernels(vector_exponential: bool) -> tuple[Any, Any]:
    """The two loops over graphs (levels, learning times), compiled on their first call."""
    import numba
    from llvmlite import ir
    from numba import njit, prange
    from numba.core import types
    from numba.extending import intrinsic

    if vector_exponential:

        @intrinsic
        def power_of_two(typing_context: Any, exponent: Any) -> Any:
            """2^k for an int32 k in the normal range, by its bits."""

            def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
                wide = builder.sext(arguments[0], ir.IntType(64))
                shifted = builder.shl(
                    builder.add(wide, ir.Constant(ir.IntType(64), 1023)), ir.Constant(ir.IntType(64), 52)
                )
                return builder.bitcast(shifted, ir.DoubleType())

            return types.float64(types.int32), code

        @njit(fastmath={"contract"}, inline="always")
        def exponential(x: float) -> float:
            """e^x for x <= 0, to 1e-14; Taylor's series after removing the power of two."""
            x = x if x > -700.0 else -700.0
            k = math.floor(x * 1.4426950408889634 + 0.5)
            r = (x - k * 0.693147180369123816490) - k * 1.90821492927058770002e-10
            s = 2.08767569878681e-9 * r + 2.505210838544172e-8
            s = s * r + 2.755731922398589e-7
            s = s * r + 2.7557319223985893e-6
            s = s * r + 2.48015873015873e-5
            s = s * r + 1.984126984126984e-4
            s = s * r + 1.388888888888889e-3
            s = s * r + 8.333333333333333e-3
            s = s * r + 4.1666666666666664e-2
            s = s * r + 1.6666666666666666e-1
            s = s * r + 0.5
            s = s * r + 1.0
            s = s * r + 1.0
            return s * power_of_two(numba.int32(k))

    else:

        @njit(inline="always")
        def exponential(x: float) -> float:
            return math.exp(x)

    (a10,), (a20, a21), (a30, a31, a32), (a40, a41, a42, a43), (a50, a51, a52, a53, a54), last = A
    b0, b1, b2, b3, b4, b5 = last
    e0, e1, e2, e3, e4, e5, e6 = ERROR
    dense = np.asarray(DENSE)
    # without the flags that assume no infinity and no NaN: inf says "never", NaN says "gave up"
    fast = {"fastmath": {"contract", "reassoc", "arcp", "nsz"}, "error_model": "numpy"}

    @njit(**fast)
    def slope(depth, out, gate, unlearned, targets, sources, begin, end, frequency, exponent, rate, waste):
        skills = depth.size
        for i in range(skills):
            # 1 - exp(-a D) loses digits only where the gate is shut
            gate[i] = 1.0 - exponential(-exponent * depth[i])
        for i in range(skills):
            unlearned[i] = exponential(-depth[i])
        for i in range(skills):
            out[i] = frequency[i]
        # one loop over all edges of the graph: loops over few edges each would be ends of loops mispredicted
        for edge in range(begin, end):
            out[targets[edge]] *= gate[sources[edge]]
        demand = waste
        for i in range(skills):
            demand += out[i] * unlearned[i]
        scale = rate / demand
        for i in range(skills):
            out[i] *= scale

    @njit(**fast)
    def attempt(
        h, y, z, k, relative, absolute, gate, unlearned, targets, sources, begin, end, frequency, exponent, rate, waste
    ):
        """One step of size h from y to z; the root mean square of the error over its scale."""
        skills = y.size
        k0, k1, k2, k3, k4, k5, k6 = k[0], k[1], k[2], k[3], k[4], k[5], k[6]
        for i in range(skills):
            z[i] = y[i] + h * (a10 * k0[i])
        slope(z, k1, gate, unlearned, targets, sources, begin, end, frequency, exponent, rate, waste)
        for i in range(skills):
            z[i] = y[i] + h * (a20 * k0[i] + a21 * k1[i])
        slope(z, k2, gate, unlearned, targets, sources, begin, end, frequency, exponent, rate, waste)
        for i in range(skills):
            z[i] = y[i] + h * (a30 * k0[i] + a31 * k1[i] + a32 * k2[i])
        slope(z, k3, gate, unlearned, targets, sources, begin, end, frequency, exponent, rate, waste)
        for i in range(skills):
            z[i] = y[i] + h * (a40 * k0[i] + a41 * k1[i] + a42 * k2[i] + a43 * k3[i])
        slope(z, k4, gate, unlearned, targets, sources, begin, end, frequency, exponent, rate, waste)
        for i in range(skills):
            z[i] = y[i] + h * (a50 * k0[i] + a51 * k1[i] + a52 * k2[i] + a53 * k3[i] + a54 * k4[i])
        slope(z, k5, gate, unlearned, targets, sources, begin, end, frequency, exponent, rate, waste)
        for i in range(skills):
            z[i] = y[i] + h * (b0 * k0[i] + b1 * k1[i] + b2 * k2[i] + b3 * k3[i] + b4 * k4[i] + b5 * k5[i])
        slope(z, k6, gate, unlearned, targets, sources, begin, end, frequency, exponent, rate, waste)
        total = 0.0
        for i in range(skills):
            error = e0 * k0[i] + e1 * k1[i] + e2 * k2[i] + e3 * k3[i] + e4 * k4[i] + e5 * k5[i] + e6 * k6[i]
            error = h * error / (absolute + relative * max(y[i], z[i]))
            total += error * error
        return math.sqrt(total / skills)

    @njit(**fast)
    def factor(error, before):
        """How much longer the next step may be."""
        if error <= 1.0:
            change = 0.9 * max(error, 1e-10) ** -0.14 * max(before, 1e-4) ** 0.08
            return min(10.0, max(0.2, change))
        return max(0.2, 0.9 * error**-0.2)

    @njit(parallel=True, **fast)
    def levels(starts, targets, sources, frequency, times, exponent, rate, waste, relative, absolute, out, steps):
        graphs, skills = frequency.shape
        until = times[-1]
        for group in prange((graphs + GROUP - 1) // GROUP):
            y, z = np.empty(skills), np.empty(skills)
            gate, unlearned = np.empty(skills), np.empty(skills)
            k = np.empty((7, skills))
            for graph in range(group * GROUP, min(graphs, (group + 1) * GROUP)):
                begin, end, p, result = starts[graph], starts[graph + 1], frequency[graph], out[graph]
                y[:] = 0.0
                slope(y, k[0], gate, unlearned, targets, sources, begin, end, p, exponent, rate, waste)
                t, h, before, saved, count = 0.0, 0.01, 1.0, 0, 0
                while saved < times.size and times[saved] <= 0.0:
                    result[saved] = 0.0
                    saved += 1
                while saved < times.size and count < MAX_STEPS:
                    count += 1
                    h = min(h, until - t)
                    error = attempt(
                        h,
                        y,
                        z,
                        k,
                        relative,
                        absolute,
                        gate,
                        unlearned,
                        targets,
                        sources,
                        begin,
                        end,
                        p,
                        exponent,
                        rate,
                        waste,
                    )
                    if error <= 1.0:
                        reached = until if t + h >= until * (1 - 1e-14) else t + h
                        while saved < times.size and times[saved] <= reached:
                            x = (times[saved] - t) / h
                            w0 = h * x * (dense[0, 0] + x * (dense[0, 1] + x * (dense[0, 2] + x * dense[0, 3])))
                            w1 = h * x * x * (dense[1, 1] + x * (dense[1, 2] + x * dense[1, 3]))
                            w2 = h * x * x * (dense[2, 1] + x * (dense[2, 2] + x * dense[2, 3]))
                            w3 = h * x * x * (dense[3, 1] + x * (dense[3, 2] + x * dense[3, 3]))
                            w4 = h * x * x * (dense[4, 1] + x * (dense[4, 2] + x * dense[4, 3]))
                            w5 = h * x * x * (dense[5, 1] + x * (dense[5, 2] + x * dense[5, 3]))
                            w6 = h * x * x * (dense[6, 1] + x * (dense[6, 2] + x * dense[6, 3]))
                            row = result[saved]
                            for i in range(skills):
                                depth = y[i] + (
                                    w0 * k[0, i]
                                    + w1 * k[1, i]
                                    + w2 * k[2, i]
                                    + w3 * k[3, i]
                                    + w4 * k[4, i]
                                    + w5 * k[5, i]
                                    + w6 * k[6, i]
                                )
                                row[i] = 1.0 - exponential(-depth)
                            saved += 1
                        t = reached
                        for i in range(skills):
                            y[i] = z[i]
                            k[0, i] = k[6, i]
                        h *= factor(error, before)
                        before = error
                    else:
                        h *= factor(error, before)
                steps[graph] = count
                result[saved:] = np.nan

    @njit(parallel=True, **fast)
    def crossings(
        starts, targets, sources, frequency, until, goal, exponent, rate, waste, relative, absolute, out, pace, steps
    ):
        graphs, skills = frequency.shape
        for group in prange((graphs + GROUP - 1) // GROUP):
            y, z = np.empty(skills), np.empty(skills)
            gate, unlearned = np.empty(skills), np.empty(skills)
            k = np.empty((7, skills))
            for graph in range(group * GROUP, min(graphs, (group + 1) * GROUP)):
                begin, end, p, result = starts[graph], starts[graph + 1], frequency[graph], out[graph]
                y[:] = 0.0
                result[:] = np.inf
                pace[graph] = 0.0
                slope(y, k[0], gate, unlearned, targets, sources, begin, end, p, exponent, rate, waste)
                t, h, before, missing, count = 0.0, 0.01, 1.0, skills, 0
                while missing and t < until and count < MAX_STEPS:
                    count += 1
                    h = min(h, until - t)
                    error = attempt(
                        h,
                        y,
                        z,
                        k,
                        relative,
                        absolute,
                        gate,
                        unlearned,
                        targets,
                        sources,
                        begin,
                        end,
                        p,
                        exponent,
                        rate,
                        waste,
                    )
                    if error <= 1.0:
                        for i in range(skills):
                            if y[i] < goal <= z[i]:
                                # the interpolant is a quartic in x = (t' - t)/h; it rises from y to z
                                c1 = h * k[0, i]
                                c2, c3, c4 = 0.0, 0.0, 0.0
                                for s in range(7):
                                    c2 += dense[s, 1] * k[s, i]
                                    c3 += dense[s, 2] * k[s, i]
                                    c4 += dense[s, 3] * k[s, i]
                                c2, c3, c4 = h * c2, h * c3, h * c4
                                x, low, high = (goal - y[i]) / (z[i] - y[i]), 0.0, 1.0
                                for _ in range(60):
                                    excess = y[i] - goal + x * (c1 + x * (c2 + x * (c3 + x * c4)))
                                    if excess < 0:
                                        low = x
                                    else:
                                        high = x
                                    rise = c1 + x * (2 * c2 + x * (3 * c3 + x * 4 * c4))
                                    new = x - excess / rise if rise > 0 else -1.0
                                    if not low <= new <= high:
                                        new = 0.5 * (low + high)
                                    done = abs(new - x) < 1e-13
                                    x = new
                                    if done:
                                        break
                                result[i] = t + x * h
                                rise = c1 + x * (2 * c2 + x * (3 * c3 + x * 4 * c4))
                                pace[graph, i] = rise / h
                                missing -= 1
                        t = until if t + h >= until * (1 - 1e-14) else t + h
                        for i in range(skills):
                            y[i] = z[i]
                            k[0, i] = k[6, i]
                        h *= factor(error, before)
                        before = error
                    else:
                        h *= factor(error, before)
                steps[graph] = count

    return levels, crossings


def levels(
    ensemble: Ensemble, relative: float, absolute: float, *, vector_exponential: bool = True
) -> tuple[np.ndarray, np.ndarray]:
    """Levels `(graph, time, skill)` and the steps tried for each graph."""
    run, _ = _kernels(vector_exponential)
    starts, targets, sources = ensemble.edges
    out = np.empty((ensemble.graphs, len(ensemble.times), ensemble.skills))
    steps = np.empty(ensemble.graphs, np.int64)
    run(
        starts,
        targets,
        sources,
        ensemble.frequency,
        ensemble.times,
        ensemble.gate_exponent,
        ensemble.learning_rate,
        ensemble.wasted_resource,
        relative,
        absolute,
        out,
        steps,
    )
    return out, steps


def learning_times(
    ensemble: Ensemble, relative: float, absolute: float, *, vector_exponential: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First times at level 1/2 (`inf` after the last saved time), the pace of log-depth there, and the steps."""
    _, run = _kernels(vector_exponential)
    starts, targets, sources = ensemble.edges
    out = np.empty((ensemble.graphs, ensemble.skills))
    pace = np.empty_like(out)
    steps = np.empty(ensemble.graphs, np.int64)
    run(
        starts,
        targets,
        sources,
        ensemble.frequency,
        ensemble.until,
        -math.log1p(-LEVEL),
        ensemble.gate_exponent,
        ensemble.learning_rate,
        ensemble.wasted_resource,
        relative,
        absolute,
        out,
        pace,
        steps,
    )
    return out, pace, steps
