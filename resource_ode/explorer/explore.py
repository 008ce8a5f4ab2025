"""`ro.explore`: the explorer in a notebook, or served to a browser on this machine."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..base.checks import file_path
from ..graphs.graph import SkillGraph
from ..model.model import ResourceModel
from .generators import FREQUENCIES
from .scene import START, check_model, start_model

# where the explorer is served: this machine alone
ADDRESS = "127.0.0.1"


class Explorer:
    """A model to explore: the last value of a notebook's cell shows it; `serve` opens it in a browser.

    Every display is an explorer of its own that starts from the model.
    """

    def __init__(self, model: ResourceModel, folder: Path):
        self.model = model
        self.folder = folder

    def __repr__(self) -> str:
        return f"Explorer({self.model!r}); shown by a notebook, or by .serve() in a browser"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        return self.view()._repr_mimebundle_(include, exclude)

    def view(self) -> Any:
        """The explorer as a Panel object, to be put into others."""
        from .view import View

        return View(self.model, self.folder).layout()

    def serve(self, port: int = 0, *, show: bool = True, ready: Callable[[str], Any] = print) -> None:
        """Serve the explorer on this machine until it is interrupted.

        **Arguments:** `port`: 0 for any that is free; `show`: open a browser; `ready`: called with the address.

        **Raises:** `OSError` if the port is taken.
        """
        panel = _panel()
        server = panel.serve(
            self.view, port=port, address=ADDRESS, show=False, start=False, verbose=False, title="resource_ode explorer"
        )
        ready(f"http://localhost:{server.port}")
        if show:
            server.io_loop.add_callback(server.show, "/")
        try:
            server.run_until_shutdown()
        except KeyboardInterrupt:
            server.stop()


def explore(model: Any = None, *, folder: str | os.PathLike[str] = ".") -> Explorer:
    """Explore a model: its graph coloured by learning time, its levels, shares and waste, and maps, under sliders.

    **Arguments:**

    - `model`: one [`resource_ode.ResourceModel`][] of up to 200 skills (without pools, schedules or interference), or a
        [`resource_ode.SkillGraph`][]; by default a random graph of 16 skills.
    - `folder`: where the button saves the scenario and the picture.

    **Returns:** an `Explorer`: a notebook shows it, `.serve()` opens it in a browser.

    **Raises:** `ValueError` for a model that the explorer cannot draw; `ImportError` without Panel.

    **Example:** `ro.explore(model)`
    """
    if model is None:
        model = start_model()
    if isinstance(model, SkillGraph):
        law = None if model.frequency is not None else FREQUENCIES["uniform"].make(model.skills)
        model = ResourceModel(model, law, **START)
    check_model(model)
    _panel()
    return Explorer(model, file_path("folder", folder))


def _panel() -> Any:
    try:
        import panel
    except ImportError:
        raise ImportError(
            "the explorer needs Panel, which is not installed; pip install -e '.[explore]' in the checkout brings it"
        ) from None
    panel.extension()
    return panel
