r"""Numbers that the array programs, the compiled loops and the GPU programs share; the loops get them when they are
called, so that each stands here alone.

Panels of a solve are placed by a measure of what they must resolve (`even_edges`),

$$ \ln(1 + \tau/\tau_0) + p \sum_i \ln \frac{1 + z_i/b}{1 + z_i/\zeta}, \qquad \zeta = l + o/a: $$

logarithmic time, and with a part $p$ each skill's own logarithmic effort $z_i$ from where it begins to be learned, $b$,
until both its demand ($z \sim l$) and its gate ($a z \sim o$) are through.
"""

from __future__ import annotations

import ctypes


class Constants(ctypes.Structure):
    """That of `batch.h`: all are float64."""

    _fields_ = [
        (name, ctypes.c_double)
        for name in (
            *("begins", "learned", "open", "part", "many", "fewer", "steeper"),
            *("all_learned", "all_open", "margin", "shortest", "reached"),
            *("doubt", "root_doubt", "more_doubt", "more_root", "doubtful", "blur", "unexplained", "seen"),
        )
    ]
    begins: float
    learned: float
    open: float
    part: float
    many: float
    fewer: float
    steeper: float
    all_learned: float
    all_open: float
    margin: float
    shortest: float
    reached: float
    doubt: float
    root_doubt: float
    more_doubt: float
    more_root: float
    doubtful: float
    blur: float
    unexplained: float
    seen: float


CONSTANTS = Constants(
    # the measure: b, l, o and p above (`python -m studies.panels` tries others)
    begins=3.0,
    learned=30.0,
    open=3.0,
    part=0.25,
    # among more skills than this each counts for less, or time itself would no longer count
    many=128.0,
    # panels of a first solve by the loops: of the usual number this part, and this much more per unit of the measure of
    # skills that wait for all of several others, since products of many gates open steeply (`studies.panels`, too)
    fewer=0.6,
    steeper=0.0017,
    # a skill is learned at an effort of 750, since e^-750 is below all float64 numbers, and a gate is open where a
    # times the effort is 45, since e^-45 = 3e-20 is below the rounding of 1
    all_learned=750.0,
    all_open=45.0,
    # a range ends this part later than it must: above the rounding of float32 (1.2e-7) after some eighty operations
    margin=1e-5,
    # and no sooner than after this part of the time scale of the fastest skill: there it has learned 0.1%
    shortest=1e-3,
    # an exposure has reached its goal when it misses less than this part: far below every tolerance, above rounding
    reached=1 - 1e-9,
    # estimates that are too small count so many times (`python -m studies.estimates`): those of exposures whose effort
    # has no end, as of cross entropy, since products of their gates have no steady decay of coefficients; and those of
    # a clock that is the integral of a root, which is no polynomial
    doubt=5.0,
    root_doubt=12.0,
    # for them a first solve has so many times as many panels, or most would need a second (`studies.panels`)
    more_doubt=1.25,
    more_root=1.5,
    # an exposure that may be wrong by more than this part of itself is not looked at to first order; and inside a panel
    # it may be wrong by so many times what the last coefficients say, where it grows by many orders of magnitude
    # (`studies.estimates`, too)
    doubtful=1 / 16,
    blur=1000.0,
    # an error of more than so many times what the panels add to it is not theirs: then more panels go to where gates
    # have been wrong from early on, and otherwise they do not, since most of what is early decides nothing
    unexplained=100.0,
    # where what a polynomial is off by at an edge of its panel is no more than so many times what its last coefficients
    # say, they say it all; otherwise something is hidden between the edge and the node next to it (`studies.estimates`)
    seen=16.0,
)
