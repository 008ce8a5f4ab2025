"""torchode's Tsit5 in log-depth: a batch whose members keep their own step sizes, in PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..ensemble import Ensemble


def prepare_levels(ensemble: Ensemble, relative: float, absolute: float) -> Callable[[], tuple[Any, Any]]:
    """A call without arguments that gives levels `(graph, time, skill)` and the steps of each graph."""
    import torch
    import torchode

    exponent, rate, waste = ensemble.gate_exponent, ensemble.learning_rate, ensemble.wasted_resource
    required = torch.as_tensor(ensemble.adjacency)
    frequency = torch.as_tensor(ensemble.frequency)
    times = torch.as_tensor(ensemble.times).repeat(ensemble.graphs, 1)
    start = torch.zeros(ensemble.graphs, ensemble.skills, dtype=torch.float64)
    one = torch.ones((), dtype=torch.float64)

    def slope(t: Any, depth: Any) -> Any:
        gates = -torch.expm1(-exponent * depth)
        opened = torch.where(required, gates[:, None, :], one).prod(2) * frequency
        return rate * opened / ((opened * torch.exp(-depth)).sum(1, keepdim=True) + waste)

    term = torchode.ODETerm(slope)
    controller = torchode.PIDController(atol=absolute, rtol=relative, pcoeff=0.2, icoeff=0.5, dcoeff=0.0, term=term)
    solver = torchode.AutoDiffAdjoint(torchode.Tsit5(term=term), controller)
    problem = torchode.InitialValueProblem(y0=start, t_eval=times)

    def run() -> tuple[Any, Any]:
        with torch.inference_mode():
            solution = solver.solve(problem)
            return -torch.expm1(-solution.ys), solution.stats["n_steps"]

    return run
