"""The Resource model of skill learning: skills that compete for one resource and depend on one another.

Liu, Liu, Michaud, Gore, Tegmark, "Physics of Skill Learning" (2025).
"""

import importlib as _importlib
from typing import TYPE_CHECKING as _TYPE_CHECKING
from typing import Any as _Any

from .base.version import __version__ as __version__

if _TYPE_CHECKING:
    from . import analytic as analytic
    from . import frequencies as frequencies
    from . import graphs as graphs
    from . import observables as observables
    from . import plot as plot
    from . import sweeps as sweeps
    from .applications import parity as parity
    from .config.environment import keep_compiled as keep_compiled
    from .config.environment import show_config as show_config
    from .config.scenario import read_scenario as read_scenario
    from .explorer.explore import explore as explore
    from .fitting.curves import Curves as Curves
    from .fitting.design import design as design
    from .fitting.design import improve as improve
    from .fitting.fit import Fit as Fit
    from .fitting.fit import fit as fit
    from .fitting.interventions import infer_graph as infer_graph
    from .fitting.interventions import suggest_runs as suggest_runs
    from .fitting.mixtures import what_if as what_if
    from .fitting.reading import read_curves as read_curves
    from .fitting.waste import fit_waste as fit_waste
    from .graphs.convert import condense as condense
    from .graphs.files import GraphFileError as GraphFileError
    from .graphs.files import read_graph as read_graph
    from .graphs.files import write_graph as write_graph
    from .graphs.graph import SkillGraph as SkillGraph
    from .model.model import ResourceModel as ResourceModel
    from .model.schedule import Schedule as Schedule
    from .model.stack import stack as stack
    from .related import domino as domino
    from .related import geometry as geometry
    from .related import sign_descent as sign_descent
    from .related.comparison import compare as compare
    from .related.geometry import GeometryModel as GeometryModel
    from .related.training import train_geometry as train_geometry
    from .results.load import load as load
    from .results.outcome import RESULTS as RESULTS
    from .results.outcome import RunFailed as RunFailed
    from .results.trajectory import Trajectory as Trajectory
    from .solve.learning import horizon as horizon
    from .solve.learning import learning_times as learning_times
    from .solve.method import ODE as ODE
    from .solve.method import Cascade as Cascade
    from .solve.method import Modes as Modes
    from .solve.method import Steps as Steps
    from .solve.simulation import simulate as simulate
    from .sweeps import read_sweep as read_sweep
    from .sweeps import sweep as sweep

# loaded on first use, which leaves `resource-ode --help` without JAX, and most of a session without matplotlib, xarray,
# networkx and optax
_LAZY = {
    "analytic": ("analytic", None),
    "frequencies": ("frequencies", None),
    "graphs": ("graphs", None),
    "SkillGraph": ("graphs.graph", "SkillGraph"),
    "ResourceModel": ("model.model", "ResourceModel"),
    "Schedule": ("model.schedule", "Schedule"),
    "stack": ("model.stack", "stack"),
    "RESULTS": ("results.outcome", "RESULTS"),
    "RunFailed": ("results.outcome", "RunFailed"),
    "Trajectory": ("results.trajectory", "Trajectory"),
    "horizon": ("solve.learning", "horizon"),
    "learning_times": ("solve.learning", "learning_times"),
    "simulate": ("solve.simulation", "simulate"),
    "Cascade": ("solve.method", "Cascade"),
    "Modes": ("solve.method", "Modes"),
    "ODE": ("solve.method", "ODE"),
    "Steps": ("solve.method", "Steps"),
    "plot": ("plot", None),
    "explore": ("explorer.explore", "explore"),
    "parity": ("applications.parity", None),
    "observables": ("observables", None),
    "load": ("results.load", "load"),
    "GraphFileError": ("graphs.files", "GraphFileError"),
    "read_graph": ("graphs.files", "read_graph"),
    "write_graph": ("graphs.files", "write_graph"),
    "condense": ("graphs.convert", "condense"),
    "keep_compiled": ("config.environment", "keep_compiled"),
    "show_config": ("config.environment", "show_config"),
    "read_scenario": ("config.scenario", "read_scenario"),
    "geometry": ("related.geometry", None),
    "GeometryModel": ("related.geometry", "GeometryModel"),
    "train_geometry": ("related.training", "train_geometry"),
    "sign_descent": ("related.sign_descent", None),
    "domino": ("related.domino", None),
    "Curves": ("fitting.curves", "Curves"),
    "Fit": ("fitting.fit", "Fit"),
    "fit": ("fitting.fit", "fit"),
    "infer_graph": ("fitting.interventions", "infer_graph"),
    "suggest_runs": ("fitting.interventions", "suggest_runs"),
    "design": ("fitting.design", "design"),
    "improve": ("fitting.design", "improve"),
    "what_if": ("fitting.mixtures", "what_if"),
    "read_curves": ("fitting.reading", "read_curves"),
    "fit_waste": ("fitting.waste", "fit_waste"),
    "compare": ("related.comparison", "compare"),
    "sweep": ("sweeps", "sweep"),
    "sweeps": ("sweeps", None),
    "read_sweep": ("sweeps", "read_sweep"),
}


def __getattr__(name: str) -> _Any:
    if name not in _LAZY:
        words = _importlib.import_module(".base.words", __name__)
        hint = "" if name.startswith("_") else words.nearest(name, __dir__(), quote=repr)
        # to a name and an object Python would add a hint of its own
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}{hint}", name=None, obj=None)
    module_name, attribute = _LAZY[name]
    module = _importlib.import_module(f".{module_name}", __name__)
    value = module if attribute is None else getattr(module, attribute)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*_LAZY, "__version__"})
