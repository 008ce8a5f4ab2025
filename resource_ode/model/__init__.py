"""The equations: parameters, gates, competition and losses."""

from .model import ResourceModel as ResourceModel
from .schedule import Schedule as Schedule
from .stack import stack as stack
