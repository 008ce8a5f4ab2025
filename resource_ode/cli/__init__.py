"""The commands. Exit status: 0 done; 2 the input is wrong; 1 anything else; 130 interrupted."""

from .program import DEBUG as DEBUG
from .program import main as main
