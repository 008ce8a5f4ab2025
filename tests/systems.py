"""What the solvers are held against: references written from the model's equations alone, and systems solved by hand.

Nothing here uses the package but `Case.model`, which builds the model to be tested.
"""

import dataclasses
import functools
import itertools
from typing import Any

import numpy as np
from scipy import special
from scipy.integrate import quad, solve_ivp
from scipy.optimize import brentq

import resource_ode as ro

# the times and the sizes of (almost) all tests: systems of one kind then share one compiled program
TIMES = np.linspace(0, 20, 31)
SKILLS, FAN_IN = 7, 3

# golden numbers: when ten independent skills of frequency 1/k^2, in sum 1, reach level 1/2 at a learning rate of
# 6e-4 sqrt(1000) and a waste of 0.003, training steps
TIMES_OF_TEN = [45.616374, 116.589572, 177.438353, 232.713044, 282.068842,
                325.749689, 364.241981, 397.966284, 427.372482, 452.932927]  # fmt: skip


@dataclasses.dataclass
class Case:
    """One model in plain Python. A schedule is `(times, values)` in place of a number."""

    prerequisites: list
    frequency: Any
    learning_rate: Any = 1.0
    wasted_resource: Any = 0.1
    gate_exponent: float = 0.01
    gate: Any = "all"
    loss: str = "mse"
    competition: str = "l1"
    interference: Any = None
    initial_level: Any = None
    frequency_after: Any = None
    pool: Any = None
    plateau: float = 1
    frequency_power: float = 1
    learnability: Any = 1
    # one list of numbers per skill, beside its prerequisites
    prerequisite_strength: Any = None

    @property
    def skills(self):
        return len(self.prerequisites)

    def model(self, **changes):
        """The same as a model of the package."""
        arguments = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)} | changes
        graph = ro.SkillGraph(arguments.pop("prerequisites"), gate=arguments.pop("gate"))
        if arguments["prerequisite_strength"] is not None:
            arguments["prerequisite_strength"] = self.strengths(graph.fan_in)
        for name in ("frequency", "learning_rate", "wasted_resource"):
            if isinstance(arguments[name], tuple):
                arguments[name] = ro.Schedule(*arguments[name])
        return ro.ResourceModel(graph, **arguments)

    # -- the model's equations, in NumPy

    def value_at(self, name, time):
        value = getattr(self, name)
        if isinstance(value, tuple):
            value = value[1][max(k for k, begin in enumerate(value[0]) if begin <= time)]
        return np.asarray(value, float)

    @functools.cached_property
    def rows(self):
        """Prerequisites as one array, filled up with a gate that is open ("all": 1) or shut ("any": 0)."""
        gate = [self.gate] * self.skills if isinstance(self.gate, str) else self.gate
        either = np.array([g == "any" and bool(b) for g, b in zip(gate, self.prerequisites, strict=True)])
        width = max(map(len, self.prerequisites), default=0)
        fill = np.where(either, self.skills + 1, self.skills)
        rows = [[*before, *[end] * (width - len(before))] for before, end in zip(self.prerequisites, fill, strict=True)]
        return np.array(rows, int).reshape(self.skills, width), either

    def strengths(self, width):
        """Prerequisite strengths as one array, filled up with ones."""
        return np.array([[*row, *[1.0] * (width - len(row))] for row in self.prerequisite_strength])

    def effective(self, frequency):
        """kappa p^gamma."""
        return np.asarray(self.learnability) * frequency**self.frequency_power

    def gates(self, opened):
        """c of every skill, from the gates 1 - u^a of all skills."""
        rows, either = self.rows
        found = np.append(opened, [1.0, 0.0])[rows]
        if self.prerequisite_strength is not None:
            # 1 - w u^a
            found = 1 - self.strengths(rows.shape[1]) * (1 - found)
        return np.where(either, found.max(axis=1, initial=0), found.prod(axis=1))

    def denominator(self, f, waste):
        """What is competed for, one entry per skill."""
        if self.pool is None:
            return f.sum() + waste if self.competition == "l1" else np.sqrt(f @ f + waste**2)
        total, pool = np.zeros(self.skills), np.asarray(self.pool)
        for k in set(pool.tolist()):
            mine = pool == k
            n0 = waste if waste.ndim == 0 else waste[k]
            total[mine] = f[mine].sum() + n0 if self.competition == "l1" else np.sqrt((f[mine] ** 2).sum() + n0**2)
        return total

    def rate_of(self, value):
        """A learning rate as one entry per skill."""
        return value if value.ndim == 0 else value[np.asarray(self.pool)]

    def start(self):
        """Log-depth, or margin, at t = 0."""
        level = np.zeros(self.skills) if self.initial_level is None else np.asarray(self.initial_level, float)
        return 2 * np.arctanh(level) if self.loss == "cross_entropy" else -np.log1p(-level)

    def levels(self, ts=TIMES, rtol=1e-11):
        """Levels `(time, skill)` by SciPy."""
        y = self.states(ts, rtol)
        if self.loss == "cross_entropy":
            return np.tanh(y / 2)
        return -np.expm1(-y) if self.interference is None else 1 - y

    def states(self, ts=TIMES, rtol=1e-11):
        """Log-depths or margins `(time, skill)` by SciPy; with interference and MSE u itself."""
        ce, direct = self.loss == "cross_entropy", self.interference is not None
        plain = direct and not ce
        half = np.log(3.0) if ce else np.log(2.0)
        begin = self.start()
        state = np.exp(-begin) if plain else begin
        fast = np.zeros(self.skills, bool) if self.frequency_after is None else begin >= half

        def field(time, y, fast, piece):
            if plain:
                demand = y
            else:
                demand = special.expit(-y) if ce else np.exp(-y)
            depth = np.log1p(np.expm1(np.minimum(y, 700)) / 2) if ce and not direct else y
            c = np.ones(self.skills) if direct else self.gates(-np.expm1(-self.gate_exponent * depth))
            p = self.value_at("frequency", piece)
            if self.frequency_after is not None:
                p = np.where(fast, self.frequency_after, p)
            p = self.effective(p)
            if self.plateau != 1:
                # du/dz = -u (epsilon + (1 - epsilon) s)
                p = p * (self.plateau - (1 - self.plateau) * np.expm1(-y))
            f = c * p * demand
            speed = self.rate_of(self.value_at("learning_rate", piece))
            total = self.denominator(f, self.value_at("wasted_resource", piece))
            if direct:
                change = np.asarray(self.interference) @ (speed * f / total)
                return -change if plain else change
            return speed * (f if ce else c * p) / total

        jumps = {0.0, float(ts[-1])}
        for name in ("frequency", "learning_rate", "wasted_resource"):
            if isinstance(getattr(self, name), tuple):
                jumps |= {float(x) for x in getattr(self, name)[0] if x < ts[-1]}
        jumps = sorted(jumps)
        rows = {0.0: state}
        for left, right in itertools.pairwise(jumps):
            now = left
            while now < right:
                slow = [] if self.frequency_after is None else np.flatnonzero(~fast).tolist()
                events = []
                for skill in slow:

                    def event(time, y, fast, piece, skill=skill):
                        return y[skill] - half

                    event.terminal, event.direction = True, 1
                    events.append(event)
                wanted = [t for t in ts if now < t <= right]
                solved = solve_ivp(
                    field,
                    (now, right),
                    state,
                    "DOP853",
                    dense_output=True,
                    events=events or None,
                    args=(fast.copy(), left),
                    rtol=rtol,
                    atol=1e-12,
                )
                assert solved.success, solved.message
                now, state = float(solved.t[-1]), solved.y[:, -1]
                rows |= {t: solved.sol(t) for t in wanted if t <= now}
                for skill, when in zip(slow, solved.t_events or [], strict=False):
                    if len(when):
                        fast[skill] = True
        return np.array([rows[float(t)] for t in ts])

    def depths_by_clock(self, until):
        """Log-depths as functions of the clock, up to a clock, by SciPy (MSE)."""

        def field(_, depth):
            return self.gates(-np.expm1(-self.gate_exponent * depth)) * self.frequency

        solved = solve_ivp(
            field,
            (0, until),
            np.zeros(self.skills),
            "DOP853",
            dense_output=True,
            rtol=1e-11,
            atol=1e-40,
            first_step=1e-6,
        )
        assert solved.success, solved.message
        return solved.sol

    def levels_by_clock(self, ts):
        """Levels by integrating the log-depths over the logarithm of the clock (MSE, "l1", N0 > 0): for extremes.

        No step is then limited by how fast the clock runs; the budget law turns the clock into time.
        """
        first, last = -60.0, np.log(self.learning_rate * ts[-1] / self.wasted_resource) + 1e-6

        def field(x, depth):
            grown = self.plateau - (1 - self.plateau) * np.expm1(-depth)
            opened = self.gates(-np.expm1(-self.gate_exponent * depth))
            return np.exp(x) * opened * self.effective(self.frequency) * grown

        solved = solve_ivp(
            field, (first, last), np.zeros(self.skills), "DOP853", dense_output=True, rtol=1e-11, atol=1e-30
        )
        assert solved.success, solved.message

        def beyond(x, t):
            return -np.expm1(-solved.sol(x)).sum() + self.wasted_resource * np.exp(x) - self.learning_rate * t

        clocks = [brentq(beyond, first, last, (t,), xtol=1e-13) if t else first for t in ts]
        return np.array([-np.expm1(-solved.sol(x)) for x in clocks])

    def steps(self, last):
        """The discrete recursion as a loop: the levels, shares and smallest positive u of rows 0 to `last`."""
        ce, direct = self.loss == "cross_entropy", self.interference is not None
        state = self.start() if ce else np.exp(-self.start())
        levels, shares, unlearned = [], [], []
        for row in range(last + 1):
            u = 2 * special.expit(-state) if ce else state
            p = self.value_at("frequency", row)
            if self.frequency_after is not None:
                p = np.where(u > 0.5, p, self.frequency_after)
            c = np.ones(self.skills) if direct else self.gates(1 - u**self.gate_exponent)
            f = (
                c
                * self.effective(p)
                * (special.expit(-state) if ce else u * (self.plateau + (1 - self.plateau) * (1 - u)))
            )
            total = self.denominator(f, self.value_at("wasted_resource", row))
            share = np.where(total > 0, f / np.where(total > 0, total, 1), 0)
            levels.append(np.tanh(state / 2) if ce else 1 - u)
            shares.append(share)
            unlearned.append(u)
            change = self.rate_of(self.value_at("learning_rate", row)) * share
            if direct:
                change = np.asarray(self.interference) @ change
            if ce:
                state = state + change
            else:
                state = state - change if direct else np.maximum(state - change, 0)
        return np.array(levels), np.array(shares), np.array(unlearned)


def random_prerequisites(rng, skills, most=3, chance=0.8):
    """A random DAG in a random order of labels, at most `most` prerequisites per skill."""
    order = rng.permutation(skills)
    prerequisites = [[] for _ in range(skills)]
    for place in range(1, skills):
        if rng.random() < chance:
            count = rng.integers(1, min(most, place) + 1)
            prerequisites[order[place]] = sorted(int(order[j]) for j in rng.choice(place, count, replace=False))
    return prerequisites


def random_case(rng, skills=SKILLS, fan_in=None, **changes):
    """A random graph with random gates, frequencies over two decades, and ordinary parameters."""
    prerequisites = random_prerequisites(rng, skills)
    while fan_in is not None and max(map(len, prerequisites)) != fan_in:
        prerequisites = random_prerequisites(rng, skills)
    values = {
        "prerequisites": prerequisites,
        "gate": [str(x) for x in rng.choice(["all", "any"], skills)],
        "frequency": 10 ** rng.uniform(-1, 1, skills),
        "learning_rate": 10 ** rng.uniform(-0.2, 0.2),
        "wasted_resource": 10 ** rng.uniform(-2.5, 0),
        "gate_exponent": 10 ** rng.uniform(-3, 0),
    }
    return Case(**(values | changes))


def extended(rng, **changes):
    """A random case with a plateau, a frequency power, learnabilities and soft prerequisites."""
    case = random_case(rng, **changes)
    strengths = [rng.choice([0.0, 1.0, rng.uniform()], len(row)).tolist() for row in case.prerequisites]
    own = {"frequency_power": rng.uniform(0, 1.5), "learnability": 10 ** rng.uniform(-0.5, 0.5, case.skills)}
    own |= (
        {} if case.loss == "cross_entropy" or case.interference is not None else {"plateau": 10 ** rng.uniform(-4, 0)}
    )
    return dataclasses.replace(case, prerequisite_strength=strengths, **own)


def batch(cases, **changes):
    """The cases as one batch of models, padded to the common size by one more case, which comes last."""
    first = cases[0]
    filler = {"prerequisites": [[] for _ in range(SKILLS)], "gate": "all"}
    filler["frequency"] = np.ones(SKILLS, np.asarray(first.frequency).dtype)
    filler |= {"learnability": 1, "prerequisite_strength": None}
    if first.interference is None:
        filler["prerequisites"][-1] = list(range(FAN_IN))
    else:
        filler["interference"] = np.eye(SKILLS)
    for name, value in (("initial_level", 0.0), ("frequency_after", 1.0), ("pool", 0)):
        if getattr(first, name) is not None:
            filler[name] = np.full(SKILLS, value)
    filler = dataclasses.replace(first, **filler)
    return ro.stack([case.model(**changes) for case in (*cases, filler)])


def solve(cases, ts=TIMES, **options):
    """A run of the cases as one batch (the filler is its last member)."""
    return ro.simulate(batch(cases), ts, **options)


def largest_errors(run, references):
    """The largest level error of each case (NaN counts as infinite)."""
    level = np.asarray(run.level)
    gaps = [np.abs(level[k, :, : rows.shape[1]] - rows).max() for k, rows in enumerate(references)]
    return np.nan_to_num(np.array(gaps), nan=np.inf)


def random_overlap(rng, skills, dimensions):
    """Overlaps of random unit vectors (fewer dimensions than skills: singular)."""
    vectors = rng.normal(size=(skills, dimensions))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    overlap = vectors @ vectors.T
    overlap = (overlap + overlap.T) / 2
    np.fill_diagonal(overlap, 1.0)
    return overlap


# -- systems with exact solutions


class System:
    r"""A model whose exact `level(t)` is known.

    Most know levels and $\eta t$ as functions of the clock $\tau$; a root search in $\ln\tau$ then gives `level(t)`.
    """

    case: Case

    def at_clock(self, tau):
        """Levels at a clock."""
        raise NotImplementedError

    def learned(self, tau):
        """What the budget law counts; the sum of the levels unless a system says otherwise."""
        return self.at_clock(tau).sum()

    def spent(self, tau):
        """The resource, learning rate times training steps, by which the clock shows `tau`."""
        return self.learned(tau) + self.case.wasted_resource * tau

    def clock(self, t):
        if t == 0:
            return 0.0
        resource = self.case.learning_rate * t
        return np.exp(brentq(lambda x: self.spent(np.exp(x)) - resource, -60, 60, xtol=1e-14))

    def level(self, t):
        return self.at_clock(self.clock(t))

    def levels(self, ts=TIMES):
        return np.array([self.level(t) for t in ts])

    def times(self, level):
        """Training steps at which each skill reaches a level."""
        skills = range(self.case.skills)
        clocks = [
            np.exp(brentq(lambda x, k=k: self.at_clock(np.exp(x))[k] - level, -30, 30, xtol=1e-14)) for k in skills
        ]
        return np.array([self.spent(tau) for tau in clocks]) / self.case.learning_rate


class Independent(System):
    r"""Independent skills, MSE: $u_i = e^{-p_i\tau}$ and $\eta t = \sum_j (1 - e^{-p_j\tau}) + N_0\tau$."""

    def __init__(self):
        self.case = Case([[]] * 3, np.array([1.0, 0.2, 0.03]), 0.25, 0.01)

    def at_clock(self, tau):
        return -np.expm1(-self.case.frequency * tau)


class OneSkill(System):
    r"""One skill, MSE: $u = (N_0/p)\,\omega(\ln(p/N_0) + (p/N_0)(1 - \eta t))$."""

    def __init__(self):
        self.case = Case([[]], np.array([0.7]), 0.1, 0.05)

    def at_clock(self, tau):
        return -np.expm1(-self.case.frequency * tau)

    def level(self, t):
        p, n0 = self.case.frequency, self.case.wasted_resource
        return 1 - n0 / p * special.wrightomega(np.log(p / n0) + p / n0 * (1 - self.case.learning_rate * t))


class IndependentMargins(System):
    r"""Independent skills, cross entropy: $l_i + e^{l_i} = 1 + p_i\tau$ and $\eta t = \sum_j l_j + N_0\tau$."""

    def __init__(self):
        self.case = Case([[]] * 3, np.array([1.0, 0.3, 0.1]), 0.9, 0.05, loss="cross_entropy")

    def margins(self, tau):
        return np.log(special.wrightomega(1 + self.case.frequency * tau))

    def at_clock(self, tau):
        return np.tanh(self.margins(tau) / 2)

    def learned(self, tau):
        return self.margins(tau).sum()


class Chain(System):
    r"""Two skills, one after the other: $D_2 = p_2(\tau - (1 - e^{-a p_1\tau})/(a p_1))$."""

    def __init__(self):
        self.case = Case([[], [0]], np.array([0.5, 2.0]), 0.2, 1e-2, gate_exponent=0.05)

    def at_clock(self, tau):
        (p1, p2), x = self.case.frequency, self.case.gate_exponent * self.case.frequency[0] * tau
        # tau (1 - (1 - e^-x)/x) cancels for small x
        gap = x / 2 - x**2 / 6 + x**3 / 24 if x < 1e-4 else 1 + np.expm1(-x) / x
        return -np.expm1(-np.array([p1 * tau, p2 * tau * gap]))


class SoftChain(System):
    r"""Two skills, the first with a soft gate: $D_2 = p_2(\tau - w(1 - e^{-a p_1\tau})/(a p_1))$."""

    def __init__(self):
        self.case = Case([[], [0]], np.array([0.5, 2.0]), 0.2, 1e-2, gate_exponent=0.05)
        self.case.prerequisite_strength = [[], [0.6]]

    def at_clock(self, tau):
        (p1, p2), a = self.case.frequency, self.case.gate_exponent
        return -np.expm1(-np.array([p1 * tau, p2 * (tau + 0.6 * np.expm1(-a * p1 * tau) / (a * p1))]))


class Plateau(System):
    r"""Independent skills with a plateau: $s/u = \epsilon(e^z - 1)$ with $z_i = \kappa_i p_i^\gamma\tau$."""

    def __init__(self, plateau):
        self.case = Case([[]] * 3, np.array([1.0, 0.2, 0.03]), 0.25, 0.01)
        self.case.plateau, self.case.frequency_power = plateau, 0.5
        self.case.learnability = np.array([1.0, 3.0, 2.0])

    def at_clock(self, tau):
        effort = self.case.learnability * np.sqrt(self.case.frequency) * tau
        grown = -self.case.plateau * np.expm1(-effort)
        return grown / (np.exp(-effort) + grown)


class TwoRoots(System):
    r"""A skill that requires two roots, both or either: $D_3 = p_3\int_0^\tau (1 - e^{-ap_1x})(1 - e^{-ap_2x})\,dx$.

    Expanded, $\int_0^\tau (1 - e^{-A x} - e^{-B x} + e^{-(A+B) x})\,dx$. With "any" the root of the larger $p$ counts.
    """

    def __init__(self, gate):
        self.case = Case([[], [], [0, 1]], np.array([0.5, 1.5, 1.0]), 0.3, 0.02, gate_exponent=0.8, gate=gate)

    def at_clock(self, tau):
        p, a = self.case.frequency, self.case.gate_exponent
        first, second = a * p[0], a * p[1]
        if self.case.gate == "any":
            opened = tau + np.expm1(-second * tau) / second
        else:
            opened = product_of_two(first, second, tau)
        return -np.expm1(-p * np.array([tau, tau, opened]))


class RootsJoinedByAll(System):
    r"""A skill that requires four roots: $D_5 = p_5\int_0^\tau \prod_j (1 - e^{-ap_jx})\,dx$, expanded over the sets of
    roots: $\sum_S (-1)^{|S|} (1 - e^{-a p_S\tau})/(a p_S)$, where $p_S$ is the sum over a set, and $\tau$ for none.
    """

    def __init__(self):
        self.case = Case([[]] * 4 + [[0, 1, 2, 3]], np.array([0.5, 1.5, 1.0, 3.0, 2.0]), 0.3, 0.02, gate_exponent=0.9)
        roots = self.case.gate_exponent * self.case.frequency[:4]
        self.sets = [(len(s), sum(s)) for count in range(1, 5) for s in itertools.combinations(roots, count)]
        # the expansion cancels at small clocks; there the integrand is a polynomial, for a Gauss rule of 30 nodes
        self.roots, (self.nodes, self.weights) = roots, np.polynomial.legendre.leggauss(30)

    def opened(self, tau):
        if tau * self.roots.max() < 2:
            x = tau * (1 + self.nodes) / 2
            return tau / 2 * self.weights @ np.prod(-np.expm1(-np.outer(x, self.roots)), axis=1)
        return tau + sum((-1) ** count * -np.expm1(-rate * tau) / rate for count, rate in self.sets)

    def at_clock(self, tau):
        return -np.expm1(-self.case.frequency * np.array([*[tau] * 4, self.opened(tau)]))


class AndTree(System):
    r"""Two pairs of roots, a skill above each, and one above both: $D_7 = p_7\int_0^\tau \prod_{5, 6} (1 - e^{-aD_j})$,
    where $D_5$ and $D_6$ are those of `TwoRoots`; this one integral is SciPy's.
    """

    def __init__(self):
        prerequisites = [[], [], [], [], [0, 1], [2, 3], [4, 5]]
        self.case = Case(prerequisites, np.array([2.0, 0.7, 1.5, 0.9, 3.0, 2.0, 4.0]), 0.4, 0.03, gate_exponent=0.9)

    def above_roots(self, tau):
        """Log-depths of the two skills above the roots; by a Gauss rule where the expansion would cancel."""
        first, second = self.case.gate_exponent * self.case.frequency[:4].reshape(2, 2).T
        return self.case.frequency[4:6] * product_of_two(first, second, tau)

    def at_clock(self, tau):
        a, p = self.case.gate_exponent, self.case.frequency

        def opening(x):
            return np.prod(-np.expm1(-a * self.above_roots(x)))

        last = p[6] * quad(opening, 0, tau, epsabs=1e-300, epsrel=1e-13, limit=200)[0]
        return -np.expm1(-np.array([*p[:4] * tau, *self.above_roots(tau), last]))


def product_of_two(first, second, tau):
    r"""$\int_0^\tau (1 - e^{-Ax})(1 - e^{-Bx})\,dx$, by a Gauss rule where the expansion cancels."""
    if tau * max(np.max(first), np.max(second)) < 0.5:
        nodes, weights = np.polynomial.legendre.leggauss(12)
        x = tau * (1 + nodes) / 2
        return tau / 2 * weights @ (np.expm1(-np.multiply.outer(x, first)) * np.expm1(-np.multiply.outer(x, second)))
    parts = ((1, first), (1, second), (-1, first + second))
    return tau + sum(sign * np.expm1(-rate * tau) / rate for sign, rate in parts)


class Pools(System):
    r"""A chain in one pool and independent skills in another: each by its own clock, learning rate and waste."""

    def __init__(self):
        self.parts = chain, independent = Chain(), Independent()
        cases = [part.case for part in self.parts]
        self.case = Case(
            [*chain.case.prerequisites, *independent.case.prerequisites],
            np.concatenate([case.frequency for case in cases]),
            np.array([case.learning_rate for case in cases]),
            np.array([case.wasted_resource for case in cases]),
            gate_exponent=chain.case.gate_exponent,
            pool=np.repeat([0, 1], [case.skills for case in cases]),
        )

    def level(self, t):
        return np.concatenate([part.level(t) for part in self.parts])

    def times(self, level):
        return np.concatenate([part.times(level) for part in self.parts])


class SelfPaced(System):
    r"""Self-paced: $D = \mathrm{lo}\,\tau$ up to $\ln 2$, then $\ln 2 + \mathrm{hi}(\tau - \ln 2/\mathrm{lo})$."""

    def __init__(self):
        self.case = Case([[]] * 3, np.array([1.0, 0.1, 0.3]), 0.6, 0.05, frequency_after=np.array([1.0, 4.0, 0.05]))

    def at_clock(self, tau):
        low, high = self.case.frequency, self.case.frequency_after
        turn = np.log(2) / low
        return -np.expm1(-(low * np.minimum(tau, turn) + high * np.maximum(tau - turn, 0)))


class Interference(System):
    r"""Overlapping tasks, MSE: $u = e^{-CP\tau}\mathbf 1$ by the eigenvectors of $K = P^{1/2} C P^{1/2}$.

    $\eta t = \int_0^\tau F + N_0\tau$ with $F = v^T e^{-K\tau} v$ and $v = P^{1/2}\mathbf 1$.
    An eigenvalue 0 contributes $\tau$.
    """

    def __init__(self, dimensions):
        rng = np.random.default_rng(dimensions)
        self.solve(np.array([1.0, 0.5, 0.25, 0.1]), random_overlap(rng, 4, dimensions))

    def solve(self, p, overlap):
        self.case = Case([[]] * len(p), p, 0.3, 0.1, interference=overlap)
        root = np.sqrt(p)
        values, self.vectors = np.linalg.eigh(root[:, None] * self.case.interference * root)
        self.values = np.where(values > 1e-12, values, 0)

    def at_clock(self, tau):
        root = np.sqrt(self.case.frequency)
        # u = P^-1/2 exp(-K tau) P^1/2 1
        return 1 - (self.vectors @ (np.exp(-self.values * tau) * (self.vectors.T @ root))) / root

    def learned(self, tau):
        weight = (self.vectors.T @ np.sqrt(self.case.frequency)) ** 2
        safe = np.where(self.values > 0, self.values, 1)
        return (weight * np.where(self.values > 0, -np.expm1(-safe * tau) / safe, tau)).sum()


class EuclideanCompetition(System):
    r"""Independent, "l2": $u_i = e^{-p_i\tau}$, $\eta t = \int_0^\tau \sqrt{\sum_j p_j^2 e^{-2p_jx} + N_0^2}\,dx$."""

    def __init__(self):
        self.case = Case([[]] * 3, np.array([1.0, 0.4, 0.1]), 0.25, 0.05, competition="l2")

    def at_clock(self, tau):
        return -np.expm1(-self.case.frequency * tau)

    def spent(self, tau):
        p, n0 = self.case.frequency, self.case.wasted_resource

        def total(x):
            return np.sqrt((p**2 * np.exp(-2 * p * x)).sum() + n0**2)

        # in pieces, or a long range would hide what happens at its beginning
        cuts = [0.0, *np.geomspace(0.1, tau, 8)] if tau > 1 else [0.0, tau]
        return sum(quad(total, *piece, epsabs=1e-14, epsrel=1e-13)[0] for piece in itertools.pairwise(cuts))


class WithoutWaste(System):
    r"""Two independent skills without waste: $\eta t = \sum_j (1 - e^{-p_j\tau})$ up to $t = n/\eta$, the end."""

    def __init__(self):
        self.case = Case([[], []], np.array([1.0, 0.5]), 0.16, 0.0)

    def at_clock(self, tau):
        return -np.expm1(-self.case.frequency * tau)

    def level(self, t):
        # p = (1, 1/2): with v = u_2, u_1 = v^2, and 2 - eta t = v^2 + v
        left = max(2 - self.case.learning_rate * t, 0)
        v = (np.sqrt(1 + 4 * left) - 1) / 2
        return np.array([1 - v**2, 1 - v])


EXACT = {
    "independent": Independent(),
    "one skill": OneSkill(),
    "cross entropy": IndependentMargins(),
    "chain": Chain(),
    "soft chain": SoftChain(),
    "plateau": Plateau(0.02),
    "learnability": Plateau(1),
    "two roots, all": TwoRoots("all"),
    "two roots, any": TwoRoots("any"),
    "roots joined by all": RootsJoinedByAll(),
    "tree": AndTree(),
    "pools": Pools(),
    "self-paced": SelfPaced(),
    "interference": Interference(6),
    "interference, singular": Interference(2),
    "l2": EuclideanCompetition(),
    "without waste": WithoutWaste(),
}


def check_times(case, times, level, accuracy=1e-6):
    """SciPy's level of each skill is below `level` just before its time, and above it just after."""
    times = np.asarray(times)[: case.skills]
    assert np.isfinite(times).all()
    start = np.zeros(case.skills) if case.initial_level is None else case.initial_level
    assert (times[start >= level] == 0).all()
    for sign in (-1, 1):
        moments = np.unique(times * (1 + sign * accuracy))
        levels = case.levels([0.0, *moments[moments > 0]])
        row = np.searchsorted([0.0, *moments[moments > 0]], times * (1 + sign * accuracy))
        reached = levels[row, np.arange(case.skills)]
        wrong = (sign * (reached - level) <= 0) & (times > 0)
        assert not wrong.any(), (sign, np.flatnonzero(wrong), (reached - level)[wrong], times[wrong])
