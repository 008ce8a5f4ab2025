"""The parameters that the paper's theory sets for a network that learns parities."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from ...base.checks import positive_number, whole_number

if TYPE_CHECKING:
    pass
from .tasks import ParityTasks


def theory_parameters(tasks: ParityTasks, *, hidden: int = 50, learning_rate: float = 1e-3) -> dict[str, Any]:
    """What the paper's theory sets for such a network: the keyword arguments of a `ResourceModel`.

    `eta = 10 learning_rate sqrt((k + n) hidden/600)`, `n` tasks on `k` bits that any of them asks for;
    `N0 = a = 0.01`; frequencies are the tasks' shares in the loss (1/3 each for three equal ones).

    For the paper's composition (`k = 4`, `n = 3`, `hidden = 50`, Adam at 1e-3) this is its `0.01 sqrt(7 x 50/600)`. The
    paper calls `7 x 50/600` a dimension and explains no factor. Read into it here: 7 counts the useful weights of a
    hidden unit (4 inputs, 3 outputs), so that `7 x 50` are all the useful weights, and the rest is proportional to the
    optimizer's learning rate. 600 stays a bare constant of the paper.

    **Returns:** `frequency` `(task,)`, `learning_rate` (level per step), `wasted_resource` and `gate_exponent`
    (dimensionless).

    **Raises:** `ValueError` for a width or a learning rate that is not positive.

    **Example:**

    >>> round(theory_parameters(ParityTasks.composition())["learning_rate"], 8)
    0.00763763
    """
    used = len(set().union(*tasks.subsets))
    dimension = (used + tasks.tasks) * whole_number("hidden", hidden) / 600
    return {
        "frequency": tasks.weight,
        "learning_rate": 10 * positive_number("learning_rate", learning_rate) * math.sqrt(dimension),
        "wasted_resource": 0.01,
        "gate_exponent": 0.01,
    }
