"""Pictures of runs, graphs and ensembles: `ax=` in, `ax` out."""

from ..base.face import present
from .batch import batch as batch
from .colouring import colours as colours
from .composed import summary as summary
from .graph_drawing import graph as graph
from .maps import heat_map as heat_map
from .maps import heat_maps as heat_maps
from .phase_diagram import overview as overview
from .phase_diagram import phase as phase
from .runs import levels as levels
from .runs import loss as loss
from .runs import shares as shares
from .style import COLOURS as COLOURS
from .style import STYLE as STYLE

present(__name__, "COLOURS", "STYLE")
