"""Sweeps: a grid of ensembles into a store that survives what happens to it."""

from ..base.face import present
from .dataset import failures as failures
from .dataset import open_dataset as open_dataset
from .description import read_sweep as read_sweep
from .plan import Sweep as Sweep
from .run import begin as begin
from .run import fill as fill
from .run import sweep as sweep
from .stop import Stopped as Stopped
from .stop import until_stopped as until_stopped
from .store import StoreError as StoreError
from .store import SweepStore as SweepStore
from .store import is_store as is_store

present(__name__)
