"""Pictures of runs, graphs and ensembles: `ax=` in, `ax` out."""

from .phase_diagram import overview as overview
from .phase_diagram import phase as phase
from .runs import COLOURS as COLOURS
from .runs import graph as graph
from .runs import heat_map as heat_map
from .runs import levels as levels
from .runs import loss as loss
from .runs import shares as shares
