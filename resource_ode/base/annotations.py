"""Types of what users give and get, for type checkers and editors.

At run time each is `Any`: no library is imported for it, and a wrong argument reaches the check that refuses it in a
sentence, also where annotations are checked at run time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence
    from typing import Annotated, Protocol, TypeAlias, TypeVar

    import diffrax
    import networkx
    from diffrax import AbstractAdjoint as AbstractAdjoint
    from jax.typing import ArrayLike
    from matplotlib.axes import Axes as Axes
    from matplotlib.figure import Figure as Figure
    from xarray import DataArray as DataArray
    from xarray import Dataset as Dataset

    class Labelled(Protocol):
        """A pandas Series or DataFrame, or an xarray DataArray."""

        def to_numpy(self) -> Any: ...

    Kind = TypeVar("Kind")
    # of one kind, which the function checks by itself
    Given: TypeAlias = Annotated[Kind, "checked in a sentence"]
    # a number, a nested sequence of numbers, or an array
    Numbers: TypeAlias = ArrayLike | Sequence[ArrayLike] | Sequence[Sequence[ArrayLike]]
    # a number for each skill, in their order or by name
    BySkill: TypeAlias = Numbers | Mapping[str, ArrayLike] | Labelled
    FilePath: TypeAlias = str | os.PathLike[str]
    AbstractSolver: TypeAlias = diffrax.AbstractSolver[Any]
    AbstractStepSizeController: TypeAlias = diffrax.AbstractStepSizeController[Any, Any]
    DiGraph: TypeAlias = networkx.DiGraph[Any]
    # pandas comes without types
    DataFrame: TypeAlias = Any
else:
    AbstractAdjoint = AbstractSolver = AbstractStepSizeController = Any
    Axes = BySkill = DataArray = DataFrame = Dataset = DiGraph = Figure = FilePath = Numbers = Any

    class Given:
        """`Given[X]` is `Any`."""

        def __class_getitem__(cls, kind: Any) -> Any:
            return Any
