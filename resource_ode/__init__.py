"""The Resource model of skill learning: skills that compete for one resource and depend on one another.

Liu, Liu, Michaud, Gore, Tegmark, "Physics of Skill Learning" (2025).
"""

import importlib as _importlib
from typing import Any as _Any

from . import analytic as analytic
from . import frequencies as frequencies
from . import graphs as graphs
from .base.version import __version__ as __version__
from .graphs.graph import SkillGraph as SkillGraph
from .model.model import ResourceModel as ResourceModel
from .model.model import Schedule as Schedule
from .model.model import stack as stack
from .results.trajectory import RESULTS as RESULTS
from .results.trajectory import RunFailed as RunFailed
from .results.trajectory import Trajectory as Trajectory
from .solve.learning import horizon as horizon
from .solve.learning import learning_times as learning_times
from .solve.simulation import simulate as simulate

# loaded on first use: they bring matplotlib, xarray, networkx, optax
_LAZY = {
    "plot": ("plot", None),
    "graph_files": ("graph_files", None),
    "parity": ("applications.parity", None),
    "observables": ("observables", None),
    "storage": ("storage", None),
    "load": ("storage", "load"),
    "read_graph": ("graph_files", "read_graph"),
    "write_graph": ("graph_files", "write_graph"),
    "condense": ("graph_files", "condense"),
    "read_scenario": ("scenario", "read_scenario"),
    "geometry": ("related.geometry", None),
    "GeometryModel": ("related.geometry", "GeometryModel"),
    "train_geometry": ("related.training", "train_geometry"),
    "sign_descent": ("related.sign_descent", None),
    "domino": ("related.domino", None),
    "fit_waste": ("fitting.waste", "fit_waste"),
    "compare": ("related.comparison", "compare"),
    "sweep": ("sweeps", "sweep"),
    "read_sweep": ("sweep_description", "read_sweep"),
}


def __getattr__(name: str) -> _Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module_name, attribute = _LAZY[name]
    module = _importlib.import_module(f".{module_name}", __name__)
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


_ROOMS = {"base", "model", "native", "results", "solve"}  # what users need not see


def __dir__() -> list[str]:
    return sorted({name for name in {*globals(), *_LAZY} if not name.startswith("_")} - _ROOMS | {"__version__"})
