"""What a run holds, and how it ended."""

from .outcome import RESULTS as RESULTS
from .outcome import RunFailed as RunFailed
from .trajectory import Trajectory as Trajectory
