"""What a run holds, and how it ended."""

from .trajectory import RESULTS as RESULTS
from .trajectory import RunFailed as RunFailed
from .trajectory import Trajectory as Trajectory
