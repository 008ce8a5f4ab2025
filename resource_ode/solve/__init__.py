"""The verbs: levels over training steps, and the steps at which levels are reached."""

from .learning import horizon as horizon
from .learning import learning_times as learning_times
from .simulation import simulate as simulate
