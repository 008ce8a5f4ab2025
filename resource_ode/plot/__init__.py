"""Pictures of runs, graphs and ensembles: `ax=` in, `ax` out."""

from .graph_drawing import graph as graph
from .maps import heat_map as heat_map
from .phase_diagram import overview as overview
from .phase_diagram import phase as phase
from .runs import levels as levels
from .runs import loss as loss
from .runs import shares as shares
from .style import COLOURS as COLOURS
