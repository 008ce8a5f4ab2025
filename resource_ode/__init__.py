"""The Resource model of skill learning: skills that compete for one resource and depend on one another.

Liu, Liu, Michaud, Gore, Tegmark, "Physics of Skill Learning" (2025).
"""

import importlib as _importlib
from typing import Any as _Any

from . import analytic as analytic
from . import frequencies as frequencies
from . import graphs as graphs
from .graph import SkillGraph as SkillGraph
from .learning import horizon as horizon
from .learning import learning_times as learning_times
from .model import ResourceModel as ResourceModel
from .model import Schedule as Schedule
from .model import stack as stack
from .simulate import simulate as simulate
from .trajectory import RESULTS as RESULTS
from .trajectory import RunFailed as RunFailed
from .trajectory import Trajectory as Trajectory

__version__ = "0.1.0"

# loaded on first use: they bring matplotlib, xarray, networkx, optax
_LAZY = {
    "plot": ("plot", None),
    "graph_files": ("graph_files", None),
    "parity": ("parity", None),
    "observables": ("observables", None),
    "storage": ("storage", None),
    "load": ("storage", "load"),
    "read_graph": ("graph_files", "read_graph"),
    "write_graph": ("graph_files", "write_graph"),
    "condense": ("graph_files", "condense"),
    "read_scenario": ("scenario", "read_scenario"),
    "geometry": ("geometry", None),
    "GeometryModel": ("geometry", "GeometryModel"),
    "train_geometry": ("geometry", "train_geometry"),
    "sign_descent": ("sign_descent", None),
    "domino": ("domino", None),
    "fit_waste": ("fit", "fit_waste"),
    "compare": ("comparison", "compare"),
    "sweep": ("sweeps", "sweep"),
    "read_sweep": ("sweeps", "read_sweep"),
}


def __getattr__(name: str) -> _Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module_name, attribute = _LAZY[name]
    module = _importlib.import_module(f".{module_name}", __name__)
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
