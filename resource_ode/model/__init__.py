"""The equations: parameters, gates, competition and losses."""

from .model import ResourceModel as ResourceModel
from .model import Schedule as Schedule
from .model import stack as stack
