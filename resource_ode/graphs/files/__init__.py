"""Graph files: a module for each format, and one that tells which a file is."""

from .problem import GraphFileError as GraphFileError
from .read import read_graph as read_graph
from .write import write_graph as write_graph
