"""From measured levels to the parameters of a model."""
