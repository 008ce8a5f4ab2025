"""Who requires whom: skill graphs, and generators of them."""

from ..base.face import present
from .generators import chain as chain
from .generators import layered as layered
from .generators import parity as parity
from .generators import preferential as preferential
from .generators import random_dag as random_dag
from .generators import star as star
from .generators import tree as tree
from .graph import SkillGraph as SkillGraph
from .reduction import redundant_edges as redundant_edges
from .reduction import transitive_reduction as transitive_reduction

present(__name__)
