r"""Numbers measured on a model or on a run: how many skills learn at once, what is wasted, what is learned when.

Every measure takes a [`resource_ode.ResourceModel`][] or a [`resource_ode.Trajectory`][] first, one or a batch, and
puts the batch axes in front; `row_times` and the errors of rows take a run alone. Three keywords mean the same
everywhere: `level`, the level of the skills that is spoken of; `tolerance`, the error that is allowed of what is
measured on a model; `ts`, the training steps at which a profile is read.

- *Of a model* there are no rows. What is an integral is one over resource time, on the panels and nodes of the cascade,
  refined until its estimated error is within the tolerance; what compares learning times has them from
  [`resource_ode.learning_times`][]; a profile is exact at each of its times. What does not come within its tolerance
  is NaN, with a warning that says so (under `jit`, `vmap` and `grad` NaN alone).
- *Of a run* there is what its rows show. Integrals and times then have an error, which
  [`resource_ode.observables.seriality_error`][] and [`resource_ode.observables.rows_error`][] tell, and of which
  [`resource_ode.observables.RowsTooCoarse`][] warns from 0.01 on. They serve as, or inside, the `reduce` of
  [`resource_ode.simulate`][] too, where no warning can be given: take the error along.

Skills that only pad a batch are ignored, members that failed are NaN. All but the rank correlation and the row times
are differentiable wherever they are defined.

Source: Liu, Liu, Michaud, Gore, Tegmark, "Physics of Skill Learning" (2025) for shares, waste and the Domino picture;
the measures themselves are defined here.
"""

from ..base.face import present
from .concurrency import concurrency as concurrency
from .concurrency import participation_ratio as participation_ratio
from .concurrency import seriality as seriality
from .concurrency import seriality_error as seriality_error
from .loss import loss_exponent as loss_exponent
from .order import depth_correlation as depth_correlation
from .order import domino_overlap as domino_overlap
from .order import row_times as row_times
from .rows import RowsTooCoarse as RowsTooCoarse
from .rows import rows_error as rows_error
from .spending import efficiency as efficiency
from .spending import total_waste as total_waste

present(__name__)
