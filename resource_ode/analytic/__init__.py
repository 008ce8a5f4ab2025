r"""Closed forms of the Resource model, each an oracle for the simulator.

Notation in the equations: $p_i$ frequency, $\eta$ learning rate, $N_0$ wasted resource, $a$ gate exponent, $u_i$
unlearned fraction, $s_i = 1 - u_i$ level, $\ell_i$ margin, $D_i = -\ln u_i$ log-depth, $X_i$ exposure, $\tau$ resource
clock, $\theta$ the level asked for, $t$ training steps. Skill $i$ obeys $du_i/dt = -\eta f_i/(F + N_0)$ with
$f_i = c_i p_i u_i$ and $F = \sum_j f_j$ (mean squared error), or $d\ell_i/dt = \eta f_i/(F + N_0)$ with
$f_i = c_i p_i \sigma(-\ell_i)$ (cross entropy). Two consequences carry everything below.

*The clock.* With $d\tau/dt = \eta/(F + N_0)$ the competition drops out: $dD_i/d\tau = p_i c_i$, or
$d\ell_i/d\tau = p_i c_i\,\sigma(-\ell_i)$. *The budget law.* Summing the equations over skills and adding the waste
gives $d(\sum_i s_i + N_0 \tau)/dt = \eta F/(F + N_0) + \eta N_0/(F + N_0) = \eta$, hence
$\eta t = \sum_i s_i + N_0 \tau$ (with $\ell_i$ in place of $s_i$ for cross entropy).

Every function takes plain arrays of one model (use `jax.vmap` for many), keeps float32 or float64 as given, and can be
compiled and differentiated. Shapes and names are always checked, values where they are concrete. Frequencies are used
as given, never normalised.
"""

from ..base.face import present
from .independent import independent_clock as independent_clock
from .independent import independent_learning_times as independent_learning_times
from .independent import independent_levels as independent_levels
from .independent import independent_margins as independent_margins
from .independent import single_skill_unlearned as single_skill_unlearned
from .interference import interference_time as interference_time
from .interference import interference_unlearned as interference_unlearned
from .limits import domino_levels as domino_levels
from .limits import parallel_levels as parallel_levels
from .plateau import plateau_effort as plateau_effort
from .plateau import plateau_learning_times as plateau_learning_times
from .plateau import plateau_levels as plateau_levels
from .plateau import plateau_steps as plateau_steps
from .prerequisites import chain_log_depth as chain_log_depth
from .prerequisites import root_prerequisites_log_depth as root_prerequisites_log_depth
from .prerequisites import self_paced_log_depth as self_paced_log_depth
from .scaling import domino_exponent as domino_exponent
from .scaling import domino_ratio as domino_ratio
from .scaling import half_waste_time as half_waste_time
from .scaling import loss_exponent as loss_exponent
from .scaling import quanta_exponent as quanta_exponent
from .small_gate import last_learning_time_bound as last_learning_time_bound
from .small_gate import small_gate_clock as small_gate_clock
from .small_gate import small_gate_generations as small_gate_generations
from .small_gate import small_gate_learning_times as small_gate_learning_times

present(__name__)
