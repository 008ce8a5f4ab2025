"""Networks trained on sparse parity tasks, seen through the Resource model."""

from ...base.face import present
from .tasks import ParityTasks as ParityTasks
from .theory import theory_parameters as theory_parameters
from .training import ParityRun as ParityRun
from .training import train_parity as train_parity

present(__name__)
